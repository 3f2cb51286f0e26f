import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { localName } from './rpc.ts'
import { parseLndSpec } from './spec.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lnd@spec-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const put = (...path: string[]): string => {
  const file = join(dir, ...path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, '')
  return file
}
const macaroonOf = (network: string): string => put('data', 'chain', 'bitcoin', network, 'admin.macaroon')
const refused = (spec: string, context = {}) => {
  try {
    parseLndSpec(spec, context)
  } catch (error) {
    return error as Error
  }
  throw new Error('not refused')
}

describe('lnd:DIR', () => {
  it("finds the certificate and the only network's macaroon", () => {
    const cert = put('tls.cert')
    const macaroon = macaroonOf('regtest')
    expect(parseLndSpec(`lnd:${dir}`)).toEqual({ socket: 'localhost:10009', cert, macaroon })
  })

  it('takes an address after the last @, also when the directory holds one', () => {
    put('tls.cert')
    macaroonOf('mainnet')
    for (const socket of ['localhost:11009', '10.0.0.2:10009', '[::1]:10009', 'node.example:10009']) {
      expect(parseLndSpec(`lnd:${dir}@${socket}`).socket).toBe(socket)
    }
  })

  it('names the networks when there are several, and takes the one asked for', () => {
    put('tls.cert')
    const [regtest] = [macaroonOf('regtest'), macaroonOf('mainnet')]
    expect(refused(`lnd:${dir}`).message).toContain('mainnet, regtest')
    expect(parseLndSpec(`lnd:${dir}`, { network: 'regtest' })).toMatchObject({ macaroon: regtest, network: 'regtest' })
    expect(refused(`lnd:${dir}`, { network: 'signet' }).message).toContain('signet')
  })

  it('says what is missing', () => {
    expect(refused(`lnd:${dir}/nowhere`).message).toContain('nowhere')
    expect(refused(`lnd:${dir}`).message).toContain('tls.cert')
    put('tls.cert')
    expect(refused(`lnd:${dir}`)).toMatchObject({
      code: 'node-spec-invalid',
      message: expect.stringContaining('wallet'),
    })
    macaroonOf('regtest')
    expect(refused(`lnd:${dir}@localhost:99999`).message).toContain('HOST:PORT')
    expect(refused('lnd:')).toMatchObject({ code: 'node-spec-invalid' })
    expect(refused('lnd://x')).toMatchObject({ code: 'node-spec-invalid' })
  })
})

describe('lnd', () => {
  it('takes paths from the environment', () => {
    const env = {
      STREAMPAY_LND_CERT: put('my.cert'),
      STREAMPAY_LND_MACAROON: put('my.macaroon'),
      STREAMPAY_LND_SOCKET: 'node.example:10009',
    }
    expect(parseLndSpec('lnd', { env })).toEqual({
      cert: env.STREAMPAY_LND_CERT,
      macaroon: env.STREAMPAY_LND_MACAROON,
      socket: 'node.example:10009',
    })
    expect(parseLndSpec('lnd', { env: { ...env, STREAMPAY_LND_SOCKET: '' } }).socket).toBe('localhost:10009')
  })

  it('names the variable that is missing or wrong', () => {
    expect(refused('lnd', { env: {} }).message).toContain('STREAMPAY_LND_CERT')
    const env = { STREAMPAY_LND_CERT: put('c'), STREAMPAY_LND_MACAROON: join(dir, 'none') }
    expect(refused('lnd', { env }).message).toContain('STREAMPAY_LND_MACAROON')
    expect(
      refused('lnd', { env: { ...env, STREAMPAY_LND_MACAROON: put('m'), STREAMPAY_LND_SOCKET: 'here' } }),
    ).toMatchObject({
      code: 'node-spec-invalid',
    })
  })
})

it('never repeats a secret that was given in place of its path', () => {
  const hex = '0201036c6e64'.repeat(20)
  const base64 = Buffer.from(hex, 'hex').toString('base64')
  const pem = '-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----'
  for (const secret of [hex, base64, pem]) {
    for (const error of [
      refused(`lnd:${secret}`),
      refused(`lnd:${secret}@localhost:10009`),
      refused('lnd', { env: { STREAMPAY_LND_CERT: secret } }),
    ]) {
      expect(error).toMatchObject({ code: 'node-spec-invalid' })
      expect(error.message).not.toContain(secret.slice(0, 12))
    }
  }
})

it('calls a loopback address by the name in the certificate', () => {
  expect(localName('127.0.0.1:10009')).toBe('localhost:10009')
  expect(localName('[::1]:10009')).toBe('localhost:10009')
  expect(localName('10.127.0.0.1:1')).toBe('10.127.0.0.1:1')
})
