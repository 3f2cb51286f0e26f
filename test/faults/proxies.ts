import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../src/nodectl/chain/ports.ts'
import { sleep } from './shop.ts'

/** Debian installs some of them where only root looks. */
const PATH = `${process.env.PATH}:/usr/sbin`
const LOOK_MS = 50
const LOOKS = 400

/** What a reverse proxy is told besides where the seller is, in its own words. */
export interface ProxySettings {
  /** Of passing requests on. */
  readonly pass?: string
  /** Of the whole server. */
  readonly whole?: string
  /** PEM files: then it speaks TLS. */
  readonly tls?: { readonly cert: string; readonly key: string }
}

export interface RunningProxy {
  readonly url: string
  readonly end: () => Promise<void>
}

/** A reverse proxy that sellers have in front of them, as a process of its own. */
export interface ProxyProgram {
  readonly name: string
  /** Why it cannot be had here; `undefined` if it can. */
  readonly missing: string | undefined
  start(target: string, settings?: ProxySettings): Promise<RunningProxy>
}

interface Place {
  /** Its own folder, which goes with it. */
  readonly dir: string
  readonly port: number
  readonly seller: string
}

function program(
  name: string,
  version: string,
  /** What it is started with, and the file that says what to do. */
  argumentsOf: (file: string, dir: string) => readonly string[],
  configOf: (place: Place, settings: ProxySettings) => string,
): ProxyProgram {
  const env = { PATH }
  const found = spawnSync(name, [version], { stdio: 'ignore', env }).status === 0
  return {
    name,
    missing: found ? undefined : `there is no ${name}`,
    async start(target, settings = {}) {
      const dir = mkdtempSync(join(tmpdir(), `streampay-${name}-`))
      mkdirSync(join(dir, 'logs'))
      const [port] = await freePorts(1)
      const file = join(dir, 'config')
      writeFileSync(file, configOf({ dir, port: port!, seller: new URL(target).host }, settings))
      // What they write for themselves goes into their folder.
      const own = { ...env, HOME: dir, XDG_CONFIG_HOME: dir, XDG_DATA_HOME: dir }
      const child = spawn(name, argumentsOf(file, dir), { stdio: 'ignore', env: own })
      const gone = once(child, 'exit')
      const end = async () => {
        child.kill('SIGTERM')
        await gone
        rmSync(dir, { recursive: true, force: true })
      }
      for (let looks = 0; !(await listens(port!)); looks++) {
        if (looks > LOOKS || child.exitCode !== null) {
          await end()
          throw new Error(`${name} did not start`)
        }
        await sleep(LOOK_MS)
      }
      return { url: `${settings.tls ? 'https' : 'http'}://127.0.0.1:${port}`, end }
    },
  }
}

const TEMPS = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']

/** `pass` goes into its `location`, `whole` into `http`. */
export const nginx = program(
  'nginx',
  '-v',
  (file, dir) => ['-p', dir, '-c', file],
  (
    { dir, port, seller },
    { pass = '', whole = '', tls },
  ) => `daemon off; worker_processes 1; pid ${dir}/pid; error_log stderr warn;
events { worker_connections 128; }
http { access_log off; ${TEMPS.map((name) => `${name}_temp_path ${dir}/${name};`).join(' ')} ${whole}
  upstream seller { server ${seller}; keepalive 8; }
  server { listen 127.0.0.1:${port}${tls ? ` ssl; ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key}` : ''};
    location / { proxy_pass http://seller; proxy_set_header Host $http_host; ${pass} } } }
`,
)

/** `pass` goes into its `reverse_proxy`, `whole` into the site. It serves this machine only, asks nobody for certificates, and ends with streams still open. */
export const caddy = program(
  'caddy',
  'version',
  (file) => ['run', '--config', file, '--adapter', 'caddyfile'],
  ({ port, seller }, { pass = '', whole = '', tls }) => `{
  admin off
  auto_https off
  grace_period 100ms
}
${tls ? 'https' : 'http'}://127.0.0.1:${port} {
  bind 127.0.0.1
  ${tls ? `tls ${tls.cert} ${tls.key}` : ''}
  ${whole}
  reverse_proxy ${seller} {
    ${pass}
  }
}
`,
)

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
