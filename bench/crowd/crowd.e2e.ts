import { it } from 'vitest'
import { expectKept } from './testing/command.ts'

it(
  'a small crowd on embedded nodes: no stream fails, and every msat is accounted for',
  () => expectKept('embedded'),
  300_000,
)
