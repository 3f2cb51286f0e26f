import { StreamError } from '../../errors/error.ts'
import type { Network } from '../../money/network.ts'
import { drawSeed, somePlaces } from '../../nodectl/managed/seed.ts'
import { NETWORKS } from '../../nodectl/networks/networks.ts'
import { askOnTerminal } from '../confirm.ts'
import { bold, dim, yellow } from '../output/colour.ts'
import type { Output } from '../output/output.ts'

/** Typing errors are forgiven, guesses are not. */
const ATTEMPTS = 3

/**
 * Shows the words once, and asks for some of them, so that they are on paper before there is a wallet that they guard.
 * @param ask as `askOnTerminal`
 * @throws StreamError `seed-unkept`
 */
export async function showSeed(
  words: readonly string[],
  network: Network,
  trusting: boolean,
  output: Output,
  ask: (question: string) => Promise<string> = askOnTerminal,
): Promise<void> {
  const real = NETWORKS[network].real
  output.say(
    `\n${bold('The seed of this wallet.')} Write the words down, in this order, on paper. They are not shown again.`,
  )
  output.say(
    yellow(
      `Whoever has them has ${real ? 'the money' : 'the coins'}; without them nobody gets ${real ? 'it' : 'them'} back.\n`,
    ),
  )
  for (const line of drawSeed(words)) output.say(`  ${line}`)
  output.say('')
  if (trusting) return
  for (const place of somePlaces()) await askFor(words, place, ask, output)
  output.say(dim('The words are right.'))
}

async function askFor(
  words: readonly string[],
  place: number,
  ask: (question: string) => Promise<string>,
  output: Output,
): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const answer = await ask(`Word ${place}: `)
    if (answer.trim().toLowerCase() === words[place - 1]) return
    output.say('That is another word.')
  }
  throw new StreamError('seed-unkept', `word ${place} was not the one that was shown`)
}
