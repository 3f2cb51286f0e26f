import { afterEach, expect, it } from 'vitest'
import { WorkerHost } from './host.ts'

/** Stands in for a node: answers with its generation, and fails or dawdles when asked to. */
const PROGRAM = `
  import { parentPort, workerData } from 'node:worker_threads'
  const generation = Number(workerData.alias)
  parentPort.on('message', (message) => {
    if (message === 'stop') process.exit()
    const { id, method, args } = message
    const reply = () => parentPort.postMessage({ id, value: generation })
    const until = Number(args[0])
    if (method === 'openChannelTo') fail(args[0])
    if (method === 'signMessage' && generation < until) process.exit(1)
    else if (method === 'lookupPayment') setTimeout(reply, 300)
    else if (method === 'pay' && generation < until) return
    else reply()
    if (method === 'channels') parentPort.postMessage({ notice: 'memory', bytes: 1000 })
  })
  const fail = (code) => {
    parentPort.postMessage({ notice: 'fatal', error: { code, message: 'a bad disk', details: {} } })
    process.exit(1)
  }
  if (workerData.paused) fail('node-corrupt')
  const [fullFrom, fullTo] = workerData.directory.split('-').map(Number)
  if (generation > fullFrom && generation < fullTo) fail('disk-full')
  parentPort.postMessage({ notice: 'ready' })
`

let host: WorkerHost
let ended: string | undefined
let troubles: string[] = []
let started = 0
afterEach(() => host.close())

/** @param full between which generations the disk is full */
async function start({ broken = false, memoryLimit = 500, full = '0-0' } = {}): Promise<WorkerHost> {
  started = 0
  ended = undefined
  troubles = []
  host = new WorkerHost({
    url: new URL(`data:text/javascript,${encodeURIComponent(PROGRAM)}`),
    memoryLimit,
    start: () => ({
      chainPath: '',
      directory: full,
      alias: String(++started),
      channelSat: 0n,
      paused: broken,
      logs: false,
    }),
    onReady: () => {},
    onSettled: () => {},
    onTrouble: ({ code }) => {
      troubles.push(code)
    },
    onEnd: ({ code }) => {
      ended = code
    },
    log: undefined,
  })
  await host.open()
  return host
}

it('tells why the first worker does not start', async () => {
  await expect(start({ broken: true })).rejects.toMatchObject({ code: 'node-corrupt', message: 'a bad disk' })
})

it('puts the calls that a failed worker left unanswered to the next, and loses none', async () => {
  const { call } = bound(await start())
  const answers = await Promise.all([call('lookupPayment', 'a'), call('signMessage', '2'), call('lookupPayment', 'b')])
  expect(answers).toEqual([2, 2, 2])
})

it('gives up a node that fails again and again', async () => {
  const { call } = bound(await start())
  await expect(call('signMessage', '99')).rejects.toMatchObject({ code: 'node-unreachable' })
  expect(ended).toBe('node-unreachable')
  await expect(call('info')).rejects.toMatchObject({ code: 'node-unreachable' })
})

it('replaces a worker only when it owes no answer, and holds calls meanwhile', async () => {
  const { call } = bound(await start())
  const owed = call('lookupPayment', 'a')
  const replaced = host.recycle()
  const held = call('info')
  expect(await owed).toBe(1)
  expect(await held).toBe(2)
  await replaced
})

it('does not wait for an answer that takes long, and has the next worker give it', async () => {
  const { call } = bound(await start())
  const late = call('pay', '2')
  await host.recycle()
  expect(await late).toBe(2)
})

it('refuses calls while the disk is full, tries again by itself, and goes on when there is room', async () => {
  const { call } = bound(await start({ full: '1-4' }))
  const unanswered = expect(call('lookupPayment', 'a')).rejects.toMatchObject({ code: 'disk-full' })
  await expect(call('openChannelTo', 'disk-full')).rejects.toMatchObject({ code: 'disk-full' })
  await unanswered
  await expect(call('info')).rejects.toMatchObject({ code: 'disk-full', message: 'a bad disk' })
  await expect(host.recycle()).rejects.toMatchObject({ code: 'disk-full' })
  // The second and the third worker find no room either: more failures than a node is given for any other reason.
  await expect.poll(() => call('info').catch(() => undefined), { timeout: 15_000 }).toBe(4)
  expect(troubles, 'told once').toEqual(['disk-full'])
  expect(ended).toBeUndefined()
})

it('closes at once while it waits for room', async () => {
  const { call } = bound(await start({ full: '1-99' }))
  await expect(call('openChannelTo', 'disk-full')).rejects.toMatchObject({ code: 'disk-full' })
  await host.close()
  expect(started).toBe(1)
  await expect(call('info')).rejects.toMatchObject({ code: 'node-unreachable' })
})

it('does not start again on a state that is damaged', async () => {
  const { call } = bound(await start())
  await expect(call('openChannelTo', 'node-corrupt')).rejects.toMatchObject({ code: 'node-corrupt' })
  expect([ended, started]).toEqual(['node-corrupt', 1])
})

it('replaces a worker whose memory has grown past the limit', async () => {
  const { call } = bound(await start())
  expect(await call('channels')).toBe(1)
  await expect.poll(() => call('info'), { timeout: 5_000 }).toBe(2)
})

it('rejects what is unanswered when it closes, and everything after', async () => {
  const { call } = bound(await start())
  const unanswered = call('lookupPayment', 'a')
  const expectation = expect(unanswered).rejects.toMatchObject({ code: 'node-unreachable' })
  await host.close()
  await expectation
  await expect(call('info')).rejects.toMatchObject({ code: 'node-unreachable' })
  await expect(host.recycle()).rejects.toMatchObject({ code: 'node-unreachable' })
})

/** The stand-in answers every call with a number, whatever the types say. */
function bound(node: WorkerHost): { call(method: string, ...args: unknown[]): Promise<unknown> } {
  return {
    call: (method, ...args) =>
      (node.call as (m: string, ...a: unknown[]) => Promise<unknown>).call(node, method, ...args),
  }
}
