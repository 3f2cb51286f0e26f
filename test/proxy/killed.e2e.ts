import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { amount, commands, type Running, tempFolder } from '../cli/command.ts'

const MIB = 1 << 20
const home = tempFolder()
/** What was written and not yet sent is known to be so after ten seconds; everything else depends on the machine. */
const PATIENCE_MS = 180_000
const { start, run, sell } = commands(home, {}, PATIENCE_MS)
let url: string

beforeAll(async () => {
  writeFileSync(join(home, 'film.bin'), Buffer.alloc(20 * MIB, 'film'))
  url = (await sell(join(home, 'film.bin'), '10 sat/MiB')).url
})

async function startProxy(): Promise<{ proxy: Running; at: string }> {
  const proxy = start('proxy', '--json', '--port', '0', '--to', url)
  const listening = await proxy.event('listening')
  return { proxy, at: listening.url as string }
}

const payments = async () => (await run('history', '--payments', '--json')).events

test(
  'killed in mid-stream and started again: the client sees a cut, nothing is lost and nothing paid twice',
  async () => {
    const first = await startProxy()
    const response = await fetch(`${first.at}/film.bin`)
    const reader = response.body!.getReader()
    const read = async () => {
      for (let bytes = 0; ; ) {
        const { done, value } = await reader.read()
        if (done) return bytes
        bytes += value.byteLength
        if (bytes > 4 * MIB && !first.proxy.child.killed) first.proxy.signal('SIGKILL')
      }
    }
    await expect(read(), 'what is cut never looks whole').rejects.toThrow()
    await first.proxy.end()

    const second = await startProxy()
    const recovered = await second.proxy.event('recovered')
    expect(recovered).toMatchObject({ open: 0, closed: 1, left: 0 })
    const whole = await fetch(`${second.at}/film.bin`)
    expect((await whole.arrayBuffer()).byteLength).toBe(20 * MIB)
    second.proxy.signal('SIGTERM')
    expect((await second.proxy.end()).code).toBe(0)

    const agreements = (await run('history', '--json')).events
    expect(agreements.map(({ status }) => status)).toEqual(['closed', 'closed'])
    const all = await payments()
    expect(all.every(({ status }) => status === 'settled' || status === 'failed')).toBe(true)
    expect(new Set(all.map(({ paymentHash }) => paymentHash)).size).toBe(all.length)
    // At most the window was lost with the process: the rest of what it had paid came back.
    const [killed] = agreements
    expect(amount(killed!.amount) - amount(killed!.returned)).toBeLessThanOrEqual(10_000n + 50_000n + 20_000n)
    expect((await run('recover', '--json')).last).toMatchObject({ ok: true, open: 0, agreements: 0 })
  },
  2 * PATIENCE_MS,
)
