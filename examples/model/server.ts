import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { serve } from '../../src/seller/adapters/node.ts'
import { modelHandler } from './handler.ts'
import { loadLanguageModel } from './llama.ts'
import { prepareModel } from './setup.ts'

const SCRIPT = fileURLToPath(import.meta.url)

export interface ModelServer {
  readonly url: string
  readonly pid: number
  close(): Promise<void>
}

/**
 * Runs the model server in a process of its own, and fetches the model first if need be. Ends with this process.
 * @throws Error where the model does not run here; see `modelAvailable`
 * @example const { url, close } = await startModelServer({ port: 0 })
 */
export async function startModelServer({ port }: { readonly port: number }): Promise<ModelServer> {
  await prepareModel()
  // stdin is a pipe that closes when this process ends, however it goes; the server ends with it.
  const child = spawn(process.execPath, [SCRIPT, '--port', `${port}`, '--until-stdin-ends'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve)
    child.once('error', reject)
    child.once('close', (code) => reject(new Error(`the model server ended with exit code ${code}`)))
  })
  return {
    url,
    pid: child.pid!,
    close: () => {
      child.stdin.end()
      return exited
    },
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8080' },
      host: { type: 'string', default: '127.0.0.1' },
      'until-stdin-ends': { type: 'boolean', default: false },
    },
  })
  const files = await prepareModel()
  const started = performance.now()
  const model = await loadLanguageModel(files.llama, files.weights, files.name)
  const loadMs = Math.round(performance.now() - started)
  const { url, close } = await serve(modelHandler(model), {
    port: Number(values.port),
    host: values.host,
    onError: (error) => process.stderr.write(`${error}\n`),
  })
  process.stderr.write(`${model.name}, loaded in ${loadMs} ms, answers at ${url}/v1/chat/completions\n`)
  process.stdout.write(`${url}\n`)
  const stop = async () => {
    await close(0)
    process.exit(0)
  }
  process.once('SIGINT', stop).once('SIGTERM', stop)
  if (values['until-stdin-ends']) process.stdin.resume().once('close', stop)
}

if (process.argv[1] === SCRIPT) {
  await main().catch((error: Error) => {
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  })
}
