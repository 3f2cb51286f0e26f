import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:tls'
import { StreamError } from '../../errors/error.ts'
import { hostPort } from './address.ts'
import { type Judgement, ok, problem, warning } from './finding.ts'

const CONNECT_MS = 5_000
const DAY_MS = 86_400_000
/** LND's own certificates live for 14 months. */
const SOON_MS = 14 * DAY_MS

/** What is on the wire, and what is in the file. */
export interface Certificates {
  /** In PEM or DER; `undefined`: what listens there speaks no TLS. */
  readonly served: X509Certificate | undefined
  readonly kept: X509Certificate | undefined
  readonly file: string
}

/** @throws StreamError `node-spec-invalid` (the file cannot be read) */
export async function readCertificates(socket: string, file: string): Promise<Certificates> {
  const [served, pem] = await Promise.all([
    servedBy(socket),
    readFile(file).catch((error: NodeJS.ErrnoException) => {
      throw new StreamError('node-spec-invalid', `cannot read ${file}: ${error.code ?? 'error'}`)
    }),
  ])
  return { served, kept: parse(pem), file }
}

/** The certificate that is shown to whoever connects. What is no TLS, and silence, give `undefined`. */
export function servedBy(socket: string): Promise<X509Certificate | undefined> {
  const { host, port } = hostPort(socket)
  return new Promise((resolve) => {
    // Only looked at: what is sent over this connection is nothing.
    const wire = connect({ host, port, servername: 'localhost', rejectUnauthorized: false, ALPNProtocols: ['h2'] })
    const end = (certificate?: X509Certificate) => {
      clearTimeout(timer)
      wire.destroy()
      resolve(certificate)
    }
    const timer = setTimeout(end, CONNECT_MS)
    wire.once('secureConnect', () => end(wire.getPeerX509Certificate()))
    wire.once('error', () => end())
    wire.once('close', () => end())
  })
}

export function judgeCertificates({ served, kept, file }: Certificates, nowMs: number): Judgement {
  if (!served) {
    return problem(
      'node-unreachable',
      'what answers there speaks no TLS: it is another program, or an LND that is only starting',
      'See which program has the port (`ss -ltnp`), and start LND on a port of its own.',
    )
  }
  if (!kept) {
    return problem('node-unreachable', `${file} is no certificate`, "Copy LND's tls.cert again.")
  }
  if (!kept.raw.equals(served.raw)) {
    return problem(
      'node-unreachable',
      `${file} is not the certificate that is used there`,
      'Another LND has this port, or this one made a new certificate: copy its tls.cert, or name the right port.',
    )
  }
  return judgeLife(kept, nowMs, 'Move tls.cert and tls.key away and start LND again: it makes new ones.')
}

/** Whether a certificate is good now, and for how long. */
export function judgeLife(certificate: X509Certificate, nowMs: number, todo: string): Judgement {
  const endsMs = Date.parse(certificate.validTo)
  const until = new Date(endsMs).toISOString().slice(0, 10)
  if (nowMs < Date.parse(certificate.validFrom)) {
    return problem('node-unreachable', 'the certificate is not valid yet', "Set this machine's clock.")
  }
  if (nowMs >= endsMs) return problem('node-unreachable', `the certificate ended on ${until}`, todo)
  const text = `the certificate is the right one and good until ${until}`
  return endsMs - nowMs < SOON_MS ? warning(`${text}, which is soon`, todo) : ok(text)
}

function parse(bytes: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes)
  } catch {
    return undefined
  }
}
