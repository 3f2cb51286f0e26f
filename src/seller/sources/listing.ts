import { readdir } from 'node:fs/promises'
import { basename } from 'node:path'

interface Entry {
  readonly name: string
  readonly type: 'file' | 'folder'
}

/** A folder's visible entries: JSON for those who ask for it, a page for people. Links are left out: they may lead outside. */
export async function listing(path: string, pathname: string, headers: Headers): Promise<Response> {
  const entries = (await readdir(path, { withFileTypes: true }))
    .filter((entry) => !entry.name.startsWith('.') && (entry.isFile() || entry.isDirectory()))
    .map((entry): Entry => ({ name: entry.name, type: entry.isDirectory() ? 'folder' : 'file' }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const vary = { vary: 'accept', 'x-content-type-options': 'nosniff' }
  if (/\bapplication\/json\b/i.test(headers.get('accept') ?? '')) return Response.json({ entries }, { headers: vary })
  const title = pathname === '/' ? 'Files' : basename(path)
  return new Response(page(title, entries), { headers: { 'content-type': 'text/html; charset=utf-8', ...vary } })
}

function page(title: string, entries: readonly Entry[]): string {
  const rows = entries.map(({ name, type }) => {
    const slash = type === 'folder' ? '/' : ''
    return `<li><a href="./${encodeURIComponent(name)}${slash}">${escapeHtml(name)}${slash}</a></li>`
  })
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>`
  return `<!doctype html><html lang="en">${head}<h1>${escapeHtml(title)}</h1><ul>${rows.join('')}</ul></html>`
}

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
