import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Guard, startGuard } from '../../lightning-net/guard.ts'

const STREAMPAY = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** A line that `streampay … --json` wrote: the event's name and its fields. */
export type CliEvent = Readonly<Record<string, unknown>> & { readonly event: string }

/** A `streampay` command at work. */
export interface Command {
  readonly child: ChildProcess
  /** Everything it says, until it ends. Can be read once. */
  readonly events: AsyncIterable<CliEvent>
  /** Resolves to the exit code. */
  readonly ended: Promise<number | null>
}

let guard: Guard | undefined

/** Runs `streampay` with `--json` in a process of its own. Its ledgers and journals go to `home`. It ends with this one. */
export function streampay(home: string, ...args: string[]): Command {
  const child = spawn(process.execPath, [STREAMPAY, ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, STREAMPAY_HOME: home },
  })
  guard ??= startGuard()
  if (child.pid) guard.watch(child.pid)
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      if (child.pid) guard?.forget(child.pid)
      resolve(code)
    })
  })
  return { child, events: eventsOf(child), ended }
}

async function* eventsOf({ stdout }: ChildProcess): AsyncGenerator<CliEvent> {
  for await (const line of createInterface({ input: stdout! })) yield JSON.parse(line)
}
