import { expect, test } from 'vitest'
import { permissionsFor } from './access.ts'

const names = (permissions: readonly string[]) => permissions.map((uri) => uri.slice(uri.lastIndexOf('/') + 1)).sort()
const SELLING = [
  'AddInvoice',
  'GetInfo',
  'ListChannels',
  'ListInvoices',
  'LookupInvoice',
  'SignMessage',
  'SubscribeInvoices',
]
const TAKING = ['AddInvoice', 'LookupInvoice', 'GetInfo', 'ListChannels']
const PAYING = ['DecodePayReq', 'QueryRoutes', 'SendPaymentV2', 'TrackPaymentV2']

test('a seller that returns nothing cannot pay, and a buyer that takes nothing back cannot make invoices', () => {
  expect(names(permissionsFor('seller', false))).toEqual(SELLING)
  expect(names(permissionsFor('buyer', false))).toEqual(['GetInfo', 'ListChannels', ...PAYING].sort())
})

test('a return takes a payment of the seller, and an invoice of the buyer', () => {
  expect(names(permissionsFor('seller', true))).toEqual([...SELLING, ...PAYING].sort())
  expect(names(permissionsFor('buyer', true))).toEqual([...TAKING, ...PAYING].sort())
})
