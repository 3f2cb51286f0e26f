import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sharedNet } from '../../lightning-net/sharedNet.ts'
import { amount, commands, expectKept, type Result, tempFolder } from '../cli/command.ts'
import { Stage } from './stage.ts'

const { net, skip } = await sharedNet()
const home = tempFolder()
const buyer = commands(join(home, 'buyer'), { STREAMPAY_DEBUG: '1' })
const said: string[] = []

describe.skipIf(skip)(`the commands through NWC${skip ? ` (skipped: ${skip})` : ''}`, () => {
  let alice: Stage
  let bob: Stage
  let silent: Stage
  const kept = (result: Result): Result => {
    said.push(result.stdout.toString() + result.stderr)
    return result
  }
  beforeAll(async () => {
    ;[alice, bob, silent] = await Promise.all([
      Stage.open(net!.alice, { notifies: true }),
      Stage.open(net!.bob, { notifies: true }),
      Stage.open(net!.bob, { without: ['sign_message'], notifies: true }),
    ])
    mkdirSync(join(home, 'shop'))
    writeFileSync(join(home, 'shop', 'film.bin'), Buffer.alloc(600_000, 7))
  })
  afterAll(() => Promise.all([alice, bob, silent].map((stage) => stage?.close())))

  /** A whole trade; the id of its agreement. */
  const trade = async (stage: Stage, name: string, price = '10 sat/s'): Promise<string> => {
    const sellers = commands(join(home, name), { STREAMPAY_DEBUG: '1' })
    const { seller, url } = await sellers.sell(join(home, 'shop'), price, '--node', `nwc:${stage.file}`)
    const file = join(home, `${name}.bin`)
    const bought = kept(
      await buyer.run(
        'get',
        `${url}/film.bin`,
        '-o',
        file,
        '--json',
        '--node',
        `nwc:${alice.file}`,
        '--ahead',
        '200 sat',
      ),
    )
    expect(bought.code, bought.stderr).toBe(0)
    expect(readFileSync(file).equals(readFileSync(join(home, 'shop', 'film.bin')))).toBe(true)
    expectKept(bought.last)
    expect(bought.last).toMatchObject({ return: 'settled' })
    expect(amount(bought.last.returned)).toBeGreaterThan(0n)
    seller.signal('SIGINT')
    expect(kept(await seller.end()).code).toBe(0)
    return bought.last.agreement as string
  }

  test('one wallet buys, another sells and gives back, and the closing is signed', async () => {
    const agreement = await trade(bob, 'signs')
    const proof = join(home, 'proof.json')
    expect(await buyer.run('statement', agreement, '-o', proof, '--json')).toMatchObject({
      code: 0,
      last: { verdict: 'proven', payee: net!.bob.publicKey },
    })
  })

  test('a wallet that cannot sign sells too, and verify says that nobody signed', async () => {
    const agreement = await trade(silent, 'silent')
    const proof = join(home, 'unsigned.json')
    const written = await buyer.run('statement', agreement, '-o', proof, '--json')
    expect(written).toMatchObject({ code: 7, error: { code: 'statement-unsigned' } })
    const verified = await buyer.run('verify', proof, '--payee', net!.bob.publicKey, '--json')
    expect(verified).toMatchObject({ code: 7, error: { code: 'statement-unsigned' } })
    const judged = verified.events.find(({ event }) => event === 'verified')
    expect(judged).toMatchObject({ ok: false, verdict: 'unsigned' })
    // The payments are proven by the wallet's invoices all the same.
    expect(amount(judged?.proven)).toBe(amount(judged?.paid))
    // The mark taken off, it is a statement without a signature, and no proof of anything.
    const altered = JSON.parse(readFileSync(proof, 'utf8'))
    delete altered.statement.unsigned
    writeFileSync(join(home, 'altered.json'), JSON.stringify(altered))
    expect(await buyer.run('verify', join(home, 'altered.json'), '--json')).toMatchObject({
      error: { code: 'proof-invalid' },
    })
  })

  test('a pasted connection string, and a file that others may read, are refused without a word of them', async () => {
    const text = readFileSync(alice.file, 'utf8').trim()
    for (const node of [text, `nwc:${text}`, `nwc:${alice.wallet.secret}`]) {
      const result = kept(await buyer.run('get', 'http://127.0.0.1:9/x', '--node', node, '--json'))
      expect(result).toMatchObject({ code: 2, error: { code: 'node-spec-invalid' } })
    }
    const open = join(home, 'open.nwc')
    writeFileSync(open, text)
    chmodSync(open, 0o644)
    const result = kept(await buyer.run('get', 'http://127.0.0.1:9/x', '--node', `nwc:${open}`, '--json'))
    expect(result).toMatchObject({
      code: 2,
      error: { code: 'node-spec-invalid', message: expect.stringContaining('chmod 600') },
    })
  })

  test('nothing that was said holds a secret', () => {
    expect(said.length).toBeGreaterThan(6)
    for (const { wallet } of [alice, bob, silent]) expect(said.join('\n')).not.toContain(wallet.secret)
  })
})
