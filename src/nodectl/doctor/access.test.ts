import { describe, expect, it } from 'vitest'
import { permissionsFor } from '../../lightning/lnd/index.ts'
import { judgeAccess } from './access.ts'

const with_ = (...permissions: string[]) => ({ permissions, caveats: [] })
const ADMIN = ['info', 'offchain', 'onchain', 'invoices', 'message', 'macaroon', 'signer', 'peers', 'address'].flatMap(
  (entity) => [`${entity}:read`, `${entity}:write`, `${entity}:generate`],
)

describe.each(['buyer', 'seller'] as const)('a macaroon for a %s', (role) => {
  const other = role === 'buyer' ? 'seller' : 'buyer'

  it('that was made for it is just enough', () =>
    expect(judgeAccess(with_(...permissionsFor(role, true)), role)).toMatchObject({ status: 'ok' }))

  it('that gives or takes nothing back is enough, and that is said', () =>
    expect(judgeAccess(with_(...permissionsFor(role, false)), role)).toMatchObject({
      status: 'ok',
      found: expect.stringContaining('(not to'),
    }))

  it('that was made for the other is too little', () =>
    expect(judgeAccess(with_(...permissionsFor(other, false)), role)).toMatchObject({
      status: 'problem',
      code: 'node-denied',
      found: expect.stringContaining('it lacks'),
    }))

  it.each(permissionsFor(role, false))('without %s is too little', (uri) =>
    expect(judgeAccess(with_(...permissionsFor(role, true).filter((one) => one !== uri)), role)).toMatchObject({
      status: 'problem',
      found: expect.stringContaining(uri.slice(uri.lastIndexOf('/') + 1)),
    }),
  )

  it('that can do more is a warning', () => {
    for (const more of ['onchain:write', 'macaroon:generate', 'uri:/lnrpc.Lightning/CloseChannel']) {
      expect(judgeAccess(with_(...permissionsFor(role, true), more), role), more).toMatchObject({ status: 'warning' })
    }
  })

  it('of an operator is enough, and a warning', () =>
    expect(judgeAccess(with_(...ADMIN), role)).toMatchObject({
      status: 'warning',
      found: expect.stringMatching(/send coins on chain.*more/),
    }))
})

describe('a macaroon of whose use nothing is known', () => {
  it('is enough when either role could use it', () =>
    expect(judgeAccess(with_(...permissionsFor('seller', false)), undefined)).toMatchObject({ status: 'ok' }))

  it('is too little when neither could', () =>
    expect(judgeAccess(with_('info:read', 'offchain:read', 'invoices:read'), undefined)).toMatchObject({
      status: 'problem',
      found: expect.stringContaining('SendPaymentV2'),
    }))

  it('says what narrows it', () =>
    expect(
      judgeAccess({ permissions: permissionsFor('buyer', true), caveats: ['ipaddr 10.0.0.1'] }, 'buyer').found,
    ).toContain('"ipaddr 10.0.0.1"'))
})
