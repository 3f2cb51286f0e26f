import { createInterface } from 'node:readline/promises'
import { Option } from 'commander'
import { StreamError } from '../errors/error.ts'
import type { Network } from '../money/network.ts'
import { NETWORKS } from '../nodectl/networks/networks.ts'
import { bold } from './output/colour.ts'
import type { Output } from './output/output.ts'

export const yesOption = (): Option => new Option('--yes', 'do not ask before money of a real network moves')

/**
 * To be called by every command before it moves money. On mainnet it says what is about to happen and asks; on all other
 * networks coins are worth nothing, and it returns at once.
 * @param what the deed, with its amount: `pay 2,100 sat to 02ab…`
 * @throws StreamError `not-confirmed`
 * @example await confirmReal(info.network, `open a channel of ${formatMsat(amount)}`, options.yes, output)
 */
export async function confirmReal(network: Network, what: string, yes: boolean | undefined, output: Output) {
  if (!NETWORKS[network].real) return
  output.say(`${bold('mainnet')}: real money. About to ${what}`)
  if (yes) return
  if (!process.stdin.isTTY || output.json) throw new StreamError('not-confirmed', `nobody was asked whether to ${what}`)
  const answer = await askOnTerminal('Go on? [yes/no] ')
  if (!/^y(es)?$/i.test(answer.trim())) throw new StreamError('not-confirmed', `did not ${what}`)
}

/**
 * Asks on stderr, so that a piped stdout stays clean.
 * @throws StreamError `interrupted` by Ctrl-C or Ctrl-D
 */
export async function askOnTerminal(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  // Either would close the interface, and leave the question without an answer for ever.
  const closed = new AbortController()
  lines.once('SIGINT', () => closed.abort())
  lines.once('close', () => closed.abort())
  try {
    return await lines.question(question, { signal: closed.signal })
  } catch (error) {
    if (!closed.signal.aborted) throw error
    throw new StreamError('interrupted', 'nothing was answered')
  } finally {
    lines.close()
  }
}
