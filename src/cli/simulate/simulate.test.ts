import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parsePrice } from '../../money/price.ts'
import { draw, generator } from './draw.ts'
import { playPair, type Rules } from './play.ts'
import { BUYERS, readBuyer, readSeller, SELLERS } from './players.ts'
import { barsOf, partsOf, recordOfPair, tableOf } from './report.ts'
import { svgOf } from './svg.ts'

const folder = mkdtempSync(join(tmpdir(), 'streampay-simulate-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const own = (text: string): string => {
  const file = join(folder, `${own.count++}.mjs`)
  writeFileSync(file, text)
  return file
}
own.count = 0

const rules: Rules = { price: parsePrice('1 sat/1k tokens'), games: 200, sellers: 3, requests: 4, rounds: 4, seed: 7 }
const play = async (buyer: string, seller: string, some: Partial<Rules> = {}) =>
  recordOfPair(playPair(await readBuyer(buyer), await readSeller(seller), { ...rules, ...some }))

describe('a simulation', () => {
  test('plays the same games for the same seed, and others for another', async () => {
    expect(await play('concede', 'floor')).toEqual(await play('concede', 'floor'))
    expect(await play('concede', 'floor', { seed: 8 })).not.toEqual(await play('concede', 'floor'))
    expect(draw(rules, 3)).toEqual(draw(rules, 3))
    expect(draw(rules, 3).limit).not.toEqual(draw(rules, 4).limit)
  })

  test('draws evenly', () => {
    const random = generator(1)
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 40_000; i++) counts[Math.floor(random() * 4)]!++
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400)
  })

  test('no pair ever agrees outside the limits, or gains more than there is', async () => {
    for (const buyer of BUYERS) {
      for (const seller of SELLERS) {
        const pair = await play(buyer, seller, { games: 60 })
        expect(pair, `${buyer} ${seller}`).toMatchObject({ outside: 0, failed: 0 })
        expect(pair.deals).toBeLessThanOrEqual(pair.possible)
        expect(pair.gained).toBeLessThanOrEqual(100)
        expect(pair.buyerGain).toBeGreaterThanOrEqual(0)
        expect(pair.sellerGain).toBeGreaterThanOrEqual(0)
      }
    }
  })

  test('shows what each piece is for', async () => {
    const [list, haggled] = [await play('fixed', 'floor'), await play('concede', 'floor')]
    expect(haggled.deals).toBeGreaterThan(list.deals)
    expect(haggled.buyerGain).toBeGreaterThan(list.buyerGain)
    const compared = await play('compare', 'fixed')
    expect(compared.meanPrice).toBeLessThan((await play('fixed', 'fixed')).meanPrice)
    const left = await play('leave', 'fixed')
    expect(left.left).toBeGreaterThan(0)
    expect(left.meanPrice).toBeLessThan(compared.meanPrice)
    // A seller that only hears of larger payments hears none from who does not bid them.
    expect((await play('concede', 'volume')).meanPrice).toBeGreaterThan(
      (await play('concede+pieces', 'volume')).meanPrice,
    )
  })

  test('with one seller, who meet at once, the numbers are those that can be worked out', async () => {
    const pair = await play('fixed', 'fixed', { games: 500, sellers: 1, requests: 1 })
    let [deals, buyerGain] = [0, 0]
    for (let game = 0; game < 500; game++) {
      const { limit, requests } = draw(rules, game)
      const one = draw({ ...rules, sellers: 1, requests: 1 }, game)
      expect(one.limit).toEqual(limit)
      expect(one.requests[0]![0]).toEqual(requests[0]![0])
      const { listed } = one.requests[0]![0]!
      if (listed.msat > limit.msat) continue
      deals++
      buyerGain += Number(limit.msat - listed.msat) / Number(limit.per) / (1000 / 1000)
    }
    expect(pair.deals).toBe(deals)
    expect(pair.buyerGain).toBeCloseTo((buyerGain * 100) / 500, 1)
  })

  test('own modules play; those that throw, or answer nonsense, agree to nothing and are told', async () => {
    const half =
      own(`export default ([limit]) => (offer) => offer.price.msat * limit.per * 2n <= limit.msat * offer.price.per
      ? { accept: true } : { refuse: 'price-too-high' }`)
    expect(await play(half, 'fixed')).toMatchObject({ failed: 0, outside: 0 })
    for (const text of [
      "export default () => { throw new Error('made badly') }",
      "export default () => () => { throw new Error('no idea') }",
      'export default () => () => ({ bid: { price: { msat: NaN, per: 1n, unit: "token" } } })',
      'export default () => async () => ({ accept: true })',
      'export default () => 5',
    ]) {
      const pair = await play(own(text), 'floor', { games: 5 })
      expect(pair, text).toMatchObject({ deals: 0, outside: 0 })
      expect(pair.failed, text).toBeGreaterThan(0)
      expect(pair.failure).not.toBe('')
    }
    const greedy = await play(own('export default () => () => ({ accept: true })'), 'fixed')
    expect(greedy).toMatchObject({ outside: 0, failed: 0 })
    const giving = await play('concede', own('export default () => (bid) => ({ accept: bid })'))
    expect(giving).toMatchObject({ outside: 0 })
    const broken = await play('concede', own("export default () => () => { throw new Error('out of order') }"), {
      games: 5,
    })
    expect(broken.failure).toBe('out of order')
  })

  test.each(['nobody', 'fixed+concede', 'compare+leave', 'concede:', 'concede:200%', 'concede:50%,99', './none.mjs'])(
    'refuses %s',
    async (text) => {
      await expect(readBuyer(text).then((kind) => kind.make([rules.price]))).rejects.toMatchObject({
        name: 'StreamError',
      })
    },
  )

  test('a module without a function is refused', async () => {
    await expect(readSeller(own('export const floor = 1'))).rejects.toMatchObject({ code: 'option-invalid' })
    await expect(readBuyer(own('export default {'))).rejects.toMatchObject({ code: 'option-invalid' })
  })
})

describe('what is shown', () => {
  test('a line for each pair, and bars of one length', async () => {
    const pairs = [await play('fixed', 'fixed'), await play('concede', 'floor')]
    expect(tableOf(pairs)).toHaveLength(3)
    for (const pair of pairs) {
      const { buyer, seller } = partsOf(pair, 40)
      expect(buyer + seller).toBe(Math.round((pair.gained * 40) / 100))
    }
    expect(barsOf(pairs)[0]).toMatch(/^fixed — fixed +█+▒+·*$/)
  })

  test('a picture in which nothing that a name holds is markup', async () => {
    const pair = { ...(await play('fixed', 'fixed')), buyer: '<script>&"\u0000' }
    const svg = svgOf([pair], 'a < b')
    expect(svg).toContain('&#60;script&#62;&#38;&#34; — fixed')
    expect(svg.match(/<svg|<\/svg>/g)).toHaveLength(2)
    expect(svg).not.toContain('<script')
  })
})
