import type { CallToolResult } from '@modelcontextprotocol/server'
import { toStreamError } from '../../errors/error.ts'
import { formatMsat } from '../../money/msat.ts'
import { fromNodeError } from '../output/nodeErrors.ts'
import type { AgentSession } from './session.ts'

/** An answer: structured for programs, a line for people, and apart from both what somebody else wrote. */
export function answered(line: string, structured: object, foreign?: string): CallToolResult {
  return {
    content: [
      { type: 'text', text: line },
      ...(foreign === undefined ? [] : [{ type: 'text' as const, text: foreign }]),
    ],
    structuredContent: { ...structured },
  }
}

/**
 * A failure that the agent can act on: `code`, `hint`, `retryable`, and what was paid and received, as JSON in the second text and in `_meta`.
 * @param partial what had come of a body
 */
export function failed(error: unknown, sums: Readonly<Record<string, unknown>> = {}, partial?: string): CallToolResult {
  const { code, message, hint, retryable, details } = toStreamError(fromNodeError(error))
  const told = { code, message: plain(message), hint, retryable, ...details, ...sums }
  return {
    isError: true,
    content: [
      { type: 'text', text: `${plain(message)} (${code}). ${hint}` },
      { type: 'text', text: JSON.stringify({ error: told }) },
      ...(partial ? [{ type: 'text' as const, text: partial }] : []),
    ],
    _meta: { 'streampay/error': told },
  }
}

export const budgetOf = ({ allowed, spent, left }: AgentSession) => ({
  max: `${allowed.max}`,
  spent: `${spent}`,
  left: `${left}`,
})

export const budgetText = ({ allowed, spent }: AgentSession): string =>
  `${formatMsat(spent)} of ${formatMsat(allowed.max)} spent`

/** What a seller wrote stays on the line that it is quoted in. */
const plain = (text: string): string => text.replace(/\p{Cc}+/gu, ' ').slice(0, 1000)
