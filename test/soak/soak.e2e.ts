import { it } from 'vitest'
import { expectSound } from './testing/command.ts'

it(
  'a minute of mixed streams under faults loses nothing, by the command itself',
  () => expectSound('--minutes', '1'),
  600_000,
)
