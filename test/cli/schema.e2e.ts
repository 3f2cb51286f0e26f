import { globSync, readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { ABSENT } from '../../src/cli/schema/absent.ts'
import { EVENTS } from '../../src/cli/schema/events.ts'
import { CODES, EXIT } from '../../src/errors/codes.ts'
import { commands, tempFolder } from './command.ts'

const { run } = commands(tempFolder())

interface Named {
  readonly description: string
  readonly flag?: string
  readonly name?: string
  readonly type?: string
  readonly unit?: string
  readonly value?: string
  readonly required?: boolean
  readonly default?: unknown
  readonly absent?: string
}
interface Schema {
  readonly commands: ReadonlyArray<{
    readonly name: string
    readonly description: string
    readonly usage: string
    readonly arguments: readonly Named[]
    readonly options: readonly Named[]
    readonly events?: readonly string[]
    readonly verbs?: readonly string[]
  }>
  readonly exitCodes: ReadonlyArray<{ readonly code: number; readonly meaning: string }>
  readonly errors?: ReadonlyArray<{ readonly code: string; readonly exit: number }>
}

const schema = async (...names: string[]): Promise<Schema> =>
  JSON.parse((await run('schema', ...names)).stdout.toString())

let all: Schema
beforeAll(async () => {
  all = await schema()
})

test('every command, argument and option says what it is for', () => {
  expect(all.commands.length).toBeGreaterThan(30)
  for (const { name, description, arguments: args, options } of all.commands) {
    expect(description, name).toMatch(/^[A-Z].{9,}/)
    for (const one of [...args, ...options])
      expect(one.description, `${name} ${one.flag ?? one.name}`).toMatch(/\S{2,}/)
    for (const one of options) if (one.value !== 'none') expect(one.type, `${name} ${one.flag}`).toBeDefined()
  }
})

test('what has a unit says it, and what has a default or an environment variable, too', () => {
  const option = (command: string, flag: string) =>
    all.commands.find(({ name }) => name === command)!.options.find((one) => one.flag === flag)
  expect(option('get', '--max')).toMatchObject({
    type: 'amount',
    unit: expect.stringContaining('sat'),
    default: '1000 sat',
    env: 'STREAMPAY_MAX',
    value: 'required',
    required: false,
  })
  expect(option('get', '--output')).toMatchObject({ short: '-o', type: 'path' })
  expect(option('get', '--header')).toMatchObject({ repeatable: true })
  expect(option('get', '--max-fee')).toMatchObject({ type: 'percent', unit: '%' })
  expect(option('sell', '--grace')).toMatchObject({ type: 'time', default: '30s' })
  expect(option('sell', '--dashboard')).toMatchObject({ type: 'integer', value: 'optional' })
  expect(option('node up', '--network')).toMatchObject({ choices: expect.arrayContaining(['signet']) })
  expect(option('node open', '--amount')).toMatchObject({ required: true, type: 'amount' })
  for (const { name, options } of all.commands) {
    for (const { flag, type, unit } of options) {
      if (type === 'amount' || type === 'time' || type === 'price' || type === 'percent' || type === 'size') {
        expect(unit, `${name} ${flag}`).toMatch(/\S/)
      }
    }
  }
})

test('what holds without an option is told: its default, or what happens then', () => {
  const told = new Set<string>()
  const untold: string[] = []
  for (const { name, options } of all.commands) {
    for (const { flag, value, required, default: preset, absent, description } of options) {
      if (value === 'none' || required || preset !== undefined) continue
      const key = `${name} ${flag}`
      if (absent !== undefined) told.add(ABSENT[key] === undefined ? flag! : key)
      else if (!/\bdefault\b/i.test(description)) untold.push(key)
    }
  }
  expect(untold).toEqual([])
  expect(
    Object.keys(ABSENT).filter((key) => !told.has(key)),
    'of no option',
  ).toEqual([])
})

test('one command, a group, and none', async () => {
  expect((await schema('get')).commands.map(({ name }) => name)).toEqual(['get'])
  const { commands: group, errors } = await schema('node peers')
  expect(group.map(({ name }) => name)).toEqual(['node peers', 'node peers connect', 'node peers forget'])
  expect(errors).toBeUndefined()
  const none = await run('schema', 'nonsense')
  expect([none.code, none.stdout.length]).toEqual([2, 0])
})

test('codes are those of the tables', () => {
  expect(all.exitCodes.map(({ code }) => code)).toEqual(Object.values(EXIT))
  for (const { meaning } of all.exitCodes) expect(meaning).toMatch(/\w/)
  expect(all.errors!.map(({ code }) => code)).toEqual(Object.keys(CODES))
})

test('every event that is told is printed somewhere, by a command that is there and speaks JSON', () => {
  const names = new Set(all.commands.map(({ name }) => name))
  const files = globSync('src/{cli,seller,gateway}/**/*.ts', { cwd: new URL('../..', import.meta.url).pathname })
  const source = files.map((file) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')).join('\n')
  for (const [command, events] of Object.entries(EVENTS)) {
    expect(names, command).toContain(command)
    // A seller's own events are passed on by their type.
    for (const event of events)
      expect(source, `${command}: ${event}`).toMatch(new RegExp(`event\\('${event}'|type: '${event}'`))
  }
  for (const { name, options, events } of all.commands) {
    expect(events?.includes('error') ?? false, name).toBe(options.some(({ flag }) => flag === '--json'))
  }
})
