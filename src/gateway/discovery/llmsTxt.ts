import type { Described } from './described.ts'

/** A reader's patience, and a model's. */
const MAX_LISTED = 300

/** What is sold, as Markdown for language models (llmstxt.org). @param origin of the gateway, as its buyers write it */
export function llmsTxt(routes: readonly Described[], origin: string): string {
  const [sold, free] = [
    routes.filter(({ asked }) => asked !== undefined),
    routes.filter(({ asked }) => asked === undefined),
  ]
  const lines = [
    `# ${escapeMarkdown(new URL(origin).host)}`,
    '',
    '> What is here is sold by use over the Lightning Network: it is paid for while it comes, and a reader that stops reading stops paying.',
    '',
    'A request without payment is answered with 402 and an offer in its `WWW-Authenticate` header: scheme `Payment`, method `lightning`, intent `stream`.',
    `A client that pays: \`npx streampay get ${origin}/…\`, or \`npx streampay mcp\` for agents. The 402 alone says what something costs.`,
    '',
    ...section('For sale', sold, origin),
    ...section('Free', free, origin),
    '## Optional',
    '',
    `- [openapi.json](${origin}/openapi.json): the same for programs, with prices`,
  ]
  return `${lines.join('\n')}\n`
}

function section(title: string, routes: readonly Described[], origin: string): string[] {
  if (routes.length === 0) return []
  const lines = routes.flatMap((route) => route.paths.map(({ path }) => line(route, origin + path)))
  const left = lines.length - MAX_LISTED
  return [`## ${title}`, '', ...lines.slice(0, MAX_LISTED), ...(left > 0 ? [`- and ${left} more`] : []), '']
}

function line({ title, description, price, methods, when }: Described, url: string): string {
  const words = [methods.map((method) => method.toUpperCase()).join(' or '), price, when, description]
  const told = words.flatMap((word) => (word === undefined ? [] : [escapeMarkdown(word)]))
  return `- [${escapeMarkdown(title)}](${escapeLink(url)}): ${told.join('; ')}`
}

/** Text that stays text: no link, no heading, no HTML. */
export const escapeMarkdown = (text: string): string => text.replace(/[\\`*_[\]{}<>#|~!]/g, '\\$&')

const escapeLink = (url: string): string => url.replace(/[()<>\s"]/g, encodeURIComponent).replace(/[()]/g, percent)
const percent = (one: string): string => `%${one.charCodeAt(0).toString(16)}`
