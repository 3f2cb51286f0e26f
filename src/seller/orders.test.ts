import { expect, test } from 'vitest'
import { Orders } from './orders.ts'

const counting = () => {
  let made = 0
  return async (): Promise<readonly string[]> => [`lnbcrt${++made}`]
}

test('an order that is repeated, also while it is being made, yields the same invoices', async () => {
  const orders = new Orders()
  const make = counting()
  const [first, second] = await Promise.all([orders.once('a', make), orders.once('a', make)])
  expect(second).toEqual(first)
  expect(await orders.once('a', make)).toEqual(first)
  expect(await orders.once('b', make)).not.toEqual(first)
})

test('an order that failed is made anew', async () => {
  const orders = new Orders()
  await expect(orders.once('a', () => Promise.reject(new Error('no node')))).rejects.toThrow('no node')
  expect(await orders.once('a', counting())).toEqual(['lnbcrt1'])
})

test('only the latest orders are remembered', async () => {
  const orders = new Orders()
  const make = counting()
  for (const key of ['a', 'b', 'c', 'd', 'e']) await orders.once(key, make)
  expect(await orders.once('e', make)).toEqual(['lnbcrt5'])
  expect(await orders.once('a', make)).toEqual(['lnbcrt6'])
})
