import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep } from './shop.ts'

/** Debian installs it where only root looks. */
const PATH = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` }

/** Why nginx cannot be had; `undefined` if it can. */
export function missingNginx(): string | undefined {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore', env: PATH })
    return undefined
  } catch {
    return 'there is no nginx'
  }
}

/** nginx in front of a seller, as a process of its own. */
export async function startNginx(
  target: string,
  location: string,
  http = '',
): Promise<{ url: string; end: () => Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), 'streampay-nginx-'))
  mkdirSync(join(dir, 'logs'))
  const port = await freePort()
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`)
  const conf = `daemon off; worker_processes 1; pid ${dir}/pid; error_log stderr warn;
events { worker_connections 128; }
http { access_log off; ${temp.join(' ')} ${http}
  upstream seller { server ${new URL(target).host}; keepalive 8; }
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://seller; proxy_set_header Host $http_host; ${location} } } }
`
  writeFileSync(join(dir, 'nginx.conf'), conf)
  const child = spawn('nginx', ['-p', dir, '-c', join(dir, 'nginx.conf')], { stdio: 'ignore', env: PATH })
  const gone = once(child, 'exit')
  const end = async () => {
    child.kill('SIGTERM')
    await gone
    rmSync(dir, { recursive: true, force: true })
  }
  for (let tries = 0; !(await listens(port)); tries++) {
    if (tries > 200 || child.exitCode !== null) {
      await end()
      throw new Error('nginx did not start')
    }
    await sleep(50)
  }
  return { url: `http://127.0.0.1:${port}`, end }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
