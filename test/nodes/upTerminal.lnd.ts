import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { noLnd } from '../../lightning-net/sharedNet.ts'
import { lndProgram, nodeHome } from './managed.ts'

const noNet = noLnd()
const noTerminal = spawnSync('script', ['--version']).stdout?.includes('util-linux')
  ? undefined
  : 'no `script` of util-linux'
const skip = noNet ?? noTerminal
const lnd = lndProgram()
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

describe.skipIf(skip)(`the seed on a terminal${skip ? ` (skipped: ${skip})` : ''}`, () => {
  const { run, state, dirOf, pidOf, kill } = nodeHome()
  const open = new Set<ChildProcess>()
  afterAll(() => {
    for (const child of open) child.kill('SIGKILL')
  })

  /** Runs the command on a terminal, where `answer` is typed to each question for a word. */
  async function upOnTerminal(
    answer: (word: string) => string,
  ): Promise<{ code: number; text: string; words: string[] }> {
    const args = [
      'node',
      'up',
      '--name',
      'sig',
      '--network',
      'signet',
      '--offline',
      '--chain-peer',
      '127.0.0.1:1',
      '--lnd',
      lnd,
    ]
    const command = [process.execPath, MAIN, ...args].map((part) => `'${part}'`).join(' ')
    // `-e`: with the command's own exit code.
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, STREAMPAY_HOME: state, NO_COLOR: '1' },
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    open.add(child)
    let text = ''
    let asked = 0
    const wordAt = (place: string): string => new RegExp(`(?<!\\d)${place}\\. ([a-z]+)`).exec(text)?.[1] ?? ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += stripVTControlCharacters(chunk)
      const questions = [...text.matchAll(/Word (\d+): /g)]
      // The terminal may draw a question again: each is answered once, when the line after it has not begun.
      for (const [, place] of questions.slice(asked)) child.stdin.write(`${answer(wordAt(place!))}\n`)
      asked = questions.length
    })
    const [code] = (await once(child, 'close')) as [number]
    open.delete(child)
    const words = Array.from({ length: 24 }, (_, n) => wordAt(`${n + 1}`))
    return { code, text, words }
  }

  test('is shown before there is a wallet, and no wallet is made for who does not have its words', async () => {
    const guessing = await upOnTerminal(() => 'guess')
    expect(guessing.code, guessing.text).toBe(2)
    expect(guessing.text).toContain('(seed-unkept)')
    expect((await run('node', 'status', '--json')).last).toMatchObject({ state: 'no-wallet', running: true })
    const pid = pidOf('sig')
    const right = await upOnTerminal((word) => word)
    expect(right.code, right.text).toBe(0)
    expect(right.text).toContain('made its wallet')
    // The words of the first were of no wallet, and these are others.
    for (const { words } of [guessing, right]) for (const word of words) expect(word).toMatch(/^[a-z]{3,8}$/)
    expect(right.words).not.toEqual(guessing.words)
    expect(pidOf('sig')).toBe(pid)
    expect(existsSync(join(dirOf('sig'), 'seed.pending'))).toBe(false)
    // Not shown again.
    expect((await upOnTerminal(() => 'nobody asks')).text).not.toMatch(/Word \d|24\./)
    kill('sig')
  })
})
