import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { startDaemon } from '../../lightning-net/daemon.ts'
import { startGuard } from '../../lightning-net/guard.ts'
import { type NetNode, START_MS } from '../../lightning-net/lnd.ts'
import { ROOT } from '../../scripts/run/child.ts'
import { freePorts } from '../../src/nodectl/chain/ports.ts'
import { listens, until } from '../../src/nodectl/chain/wait.ts'

const MODULE = join(ROOT, 'test', 'schemes', 'aperture')

/** Where `.ci/run` puts what it builds from the Go module proxy: one place for every state of go.mod and go.sum. */
function programPath(): string {
  const hash = createHash('sha256')
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(MODULE, file)))
  const cache = resolve(process.env.STREAMPAY_CACHE || join(ROOT, '.cache'))
  return join(cache, 'aperture', hash.digest('hex').slice(0, 16), 'aperture')
}

/** Why there is no aperture; `undefined` where it is. */
export const noAperture = (): string | undefined =>
  existsSync(programPath()) ? undefined : `aperture is not built: .ci/run puts it at ${programPath()}`

/** What is sold at paths that begin so, in whole sats: by request under `charge` and `session`, and for good under L402. */
export interface Service {
  readonly name: string
  readonly path: string
  readonly sats: number
}

export interface Aperture {
  readonly url: string
  close(): Promise<void>
}

/** An aperture that takes payments at a node of LND's, and hands what is paid for on to `upstream`. It talks to this machine alone. */
export async function startAperture(node: NetNode, upstream: string, services: readonly Service[]): Promise<Aperture> {
  const dir = await mkdtemp(join(tmpdir(), 'streampay-aperture-'))
  const guard = startGuard()
  guard.clear(dir)
  const [port] = await freePorts(1)
  const config = join(dir, 'aperture.yaml')
  // JSON is YAML.
  await writeFile(config, JSON.stringify(configOf(node, upstream, services, port!, dir)))
  const daemon = startDaemon('aperture', programPath(), [`--configfile=${config}`], join(dir, 'out.log'), guard)
  await until('aperture listens', START_MS, () => listens(port!), [daemon.failed])
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      await daemon.stop()
      // With the directory.
      guard.end()
    },
  }
}

const configOf = (
  { socket, cert, macaroon }: NetNode,
  upstream: string,
  services: readonly Service[],
  port: number,
  dir: string,
) => ({
  listenaddr: `127.0.0.1:${port}`,
  insecure: true,
  autocert: false,
  basedir: dir,
  debuglevel: 'debug',
  dbbackend: 'sqlite',
  sqlite: { databasefilename: join(dir, 'aperture.db') },
  authenticator: {
    ...{ network: 'regtest', lndhost: socket, tlspath: cert, macdir: dirname(macaroon) },
    ...{ enablempp: true, mpprealm: '127.0.0.1', enablesessions: true },
  },
  services: services.map(({ name, path, sats }) => ({
    ...{ name, price: sats, auth: 'on', authscheme: 'l402+mpp' },
    ...{ hostregexp: '.*', pathregexp: `^${path}(/.*)?$`, address: new URL(upstream).host, protocol: 'http' },
  })),
  hashmail: { enabled: false },
  prometheus: { enabled: false },
})
