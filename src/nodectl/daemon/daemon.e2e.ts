import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isAlive } from './alive.ts'
import { type DaemonFiles, endDaemon, readStat, runningDaemon, signalDaemon, startDaemon } from './daemon.ts'

let dir: string
let files: DaemonFiles
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'streampay-daemon-'))
  files = { mark: join(dir, 'pid'), output: join(dir, 'out') }
})
afterEach(async () => {
  await endDaemon(files)
  rmSync(dir, { recursive: true, force: true })
})

/** Ends by itself in any case. */
const sleeper = ['-c', 'echo awake; sleep 60']
const stubborn = ['-c', 'trap "" TERM; echo awake; i=0; while [ $i -lt 600 ]; do i=$((i + 1)); sleep 0.1; done']
const awake = (): Promise<unknown> =>
  expect.poll(() => readFileSync(files.output, 'utf8'), { timeout: 20_000 }).toContain('awake')

describe('a daemon', () => {
  it('runs in a session of its own, with its output in a file of its owner alone', async () => {
    await startDaemon('/bin/sh', sleeper, files)
    const pid = runningDaemon(files)!
    await awake()
    expect(Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[3])).toBe(pid)
    for (const file of Object.values(files)) expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(await endDaemon(files)).toBe('terminated')
    // It has ended; that its parent, this process, has taken note of it may take a moment more.
    await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false)
    expect(runningDaemon(files)).toBeUndefined()
    expect(await endDaemon(files)).toBe('absent')
  })

  it('is asked first, and when that fails told', async () => {
    await startDaemon('/bin/sleep', ['60'], files)
    const pid = runningDaemon(files)!
    expect(await endDaemon(files, async () => process.kill(pid, 'SIGINT'))).toBe('asked')
    await startDaemon('/bin/sh', sleeper, files)
    expect(await endDaemon(files, () => Promise.reject(new Error('no')))).toBe('terminated')
  })

  it('is killed when nothing else helps', async () => {
    await startDaemon('/bin/sh', stubborn, files)
    await awake()
    expect(await endDaemon(files, undefined, { asked: 0, terminated: 500, killed: 20_000 })).toBe('killed')
  })

  it('is not there when its program is not', async () => {
    await startDaemon(join(dir, 'none'), [], files).catch((error) =>
      expect(error).toMatchObject({ code: 'node-failed' }),
    )
    await expect.poll(() => runningDaemon(files), { timeout: 20_000 }).toBeUndefined()
    expect(readFileSync(files.output, 'utf8')).toMatch(/none.*not found/)
  })
})

describe('its process id', () => {
  it('given to another process is not taken for it, and nothing is done to that one', async () => {
    await startDaemon('/bin/sh', sleeper, files)
    const mark = readFileSync(files.mark, 'utf8')
    const [pid, boot, stat] = mark.split('\n')
    const fields = stat!.split(' ')
    // As if the daemon had begun at another moment than the process that has its number now.
    fields[21] = `${Number(fields[21]) - 1}`
    writeFileSync(files.mark, `${pid}\n${boot}\n${fields.join(' ')}\n`)
    expect(runningDaemon(files)).toBeUndefined()
    expect(await endDaemon(files)).toBe('absent')
    signalDaemon(files, 'SIGKILL')
    // Nor after a restart of the machine, from which ticks are counted anew.
    writeFileSync(files.mark, mark.replace(boot!, '00000000-0000-0000-0000-000000000000'))
    expect(runningDaemon(files)).toBeUndefined()
    writeFileSync(files.mark, mark)
    expect(runningDaemon(files)).toBe(Number(pid))
  })

  it.each(['', 'x', '0\n\n', '-1\n\n1 (sh) S 1', '1\n\n', '999999999999\nx\ny'])('is none: %j', async (mark) => {
    writeFileSync(files.mark, mark)
    expect(runningDaemon(files)).toBeUndefined()
  })

  it('is read past any name, and not of the dead', () => {
    const rest = Array.from({ length: 40 }, (_, n) => `${n + 4}`).join(' ')
    expect(readStat(`7 (a) Z (b)) S ${rest}`)).toBe('22')
    expect(readStat(`7 (lnd) Z ${rest}`)).toBeUndefined()
    expect(readStat('')).toBeUndefined()
  })
})
