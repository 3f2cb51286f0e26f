import { createBuyer } from '../../src/buyer/buyer.ts'
import { formatMsat, max, minus, sat, ZERO } from '../../src/money/msat.ts'
import { type FigureResult, round, sleep } from '../figure.ts'
import { lndMissing, lndPair } from '../nodes.ts'
import { openShop } from '../shop.ts'

const DEPOSIT = 20n
const SECONDS = 15
const PER_SECOND = 100
const EVERY_MS = 1000 / PER_SECOND
/** A reader that gets nothing for so long stands still; what is less is the pace of the source and of two busy processes. */
const STILL_MS = 5 * EVERY_MS
const GOAL = 5

/** Share of the time that a paced stream of 100 events/s stands still under a session with deposits of 20 of them, on two LNDs. */
export async function sessionStall(): Promise<FigureResult> {
  const missing = lndMissing()
  if (missing) return { name: 'session-stall', skipped: missing }
  const pair = await lndPair()
  const shop = await openShop({
    node: pair.sellerSpec,
    price: '1 sat/token',
    source: { kind: 'tokens', count: 1_000_000, everyMs: EVERY_MS },
    schemes: ['session'],
    allowance: `${DEPOSIT} sat`,
  })
  const session = () => createBuyer({ node: pair.buyer, max: '100000 sat', schemes: ['session'] })
  // A stranger's first payment over a channel costs what none after it does: routes and sessions are set up.
  const warm = session()
  await read(await warm.fetch(shop.url), 0.5)
  await warm.close()
  const buyer = session()
  const response = await buyer.fetch(shop.url)
  let risk = ZERO
  const { units, ms, stillMs } = await read(response, SECONDS, (came) => {
    // What is on its way has been taken from the budget too, with the most that its routing may cost.
    risk = max(risk, minus(buyer.spent, sat(came)))
  })
  const { paid = ZERO } = buyer.prepaid[0] ?? {}
  await sleep(200)
  // Deposits that were moved to a session have nothing delivered on them.
  const [account] = [...(await shop.accounts())].sort((a, b) =>
    Number(BigInt(b.deliveredSteps) - BigInt(a.deliveredSteps)),
  )
  await buyer.close()
  await shop.close()
  const { stallMs, halted } = account!
  const share = round((100 * stallMs) / ms)
  return {
    name: 'session-stall',
    value: share,
    unit: '%',
    counterpart: 'a prepaid-session SDK at the same work: 52 %, as published, not run here',
    counterpartValue: 52,
    ratio: round(share / 52),
    goal: `value <= ${GOAL} %`,
    held: share <= GOAL,
    note:
      `${round((units * 1000) / ms)} of ${PER_SECOND} units/s, halted ${halted} ×, ${Math.round(stallMs)} ms in all; ` +
      `its reader had nothing for more than ${STILL_MS} ms for ${round((100 * stillMs) / ms)} % of the time; ` +
      `${round(Number(paid / sat(DEPOSIT)) / (ms / 1000))} deposits/s; paid or on its way for what had not come: at most ${formatMsat(risk)}, fee caps included, where 50 sat may be`,
  }
}

interface Reading {
  readonly units: number
  /** From the first unit to the last. */
  readonly ms: number
  /** Of it, what was spent in gaps of more than `STILL_MS`. */
  readonly stillMs: number
}

async function read(response: Response, seconds: number, onUnits: (came: number) => void = () => {}): Promise<Reading> {
  const decoder = new TextDecoder()
  let [units, stillMs, startedAt, lastAt] = [0, 0, 0, 0]
  for await (const chunk of response.body ?? []) {
    units += decoder.decode(chunk).split('data: {').length - 1
    onUnits(units)
    const now = performance.now()
    startedAt ||= now
    if (lastAt > 0 && now - lastAt > STILL_MS) stillMs += now - lastAt - EVERY_MS
    lastAt = now
    if (now - startedAt >= seconds * 1000) break
  }
  return { units, ms: lastAt - startedAt, stillMs }
}
