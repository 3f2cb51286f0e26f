import type { Film } from '../video/source.ts'
import type { ModelPage, Shown } from './kinds.ts'

/** Text in HTML, in an attribute too. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"'`]/g, (one) => `&#${one.charCodeAt(0)};`)

/** A list is longer than anybody reads before this. */
const MAX_LISTED = 500

const page = (script: string | undefined, title: string, main: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/.stream/app/page.css">
${script === undefined ? '' : `<script type="module" src="/.stream/app/${script}.js"></script>\n`}</head>
<body>
${main}
<footer>Paid by use over Lightning. Nothing is paid without your word.</footer>
</body>
</html>
`

const lead = (text: string | undefined): string => (text ? `<p class="lead">${escapeHtml(text)}</p>\n` : '')

/** What a player needs to know of a video. */
export interface Playing {
  readonly title: string
  readonly description?: string | undefined
  readonly price?: string | undefined
  /** Where the playlist is, from the root of this origin. */
  readonly src: string
  readonly poster?: string | undefined
}

/** The player of one video. */
export const playerPage = ({ title, description, price, src, poster }: Playing): string =>
  page(
    'play',
    title,
    `<main data-src="${escapeHtml(src)}">
${BACK}<h1>${escapeHtml(title)}</h1>
${lead(description)}<div class="screen">
<video playsinline aria-label="${escapeHtml(title)}"${poster === undefined ? '' : ` poster="${escapeHtml(poster)}"`}></video>
<button class="start" type="button">
<svg viewBox="0 0 76 76" aria-hidden="true"><circle cx="38" cy="38" r="36" fill="#ffb84d"/><path d="M31 24l22 14-22 14z" fill="#241500"/></svg>
<span>Watch and pay as you go</span>
${price === undefined ? '' : `<small>${escapeHtml(price)}</small>\n`}</button>
</div>
<p id="problem" class="bad" role="alert"></p>
<stream-meter></stream-meter>
<noscript><p>Paying while you watch needs JavaScript in this browser.</p></noscript>
</main>`,
  )

/** A page to ask a model and pay for the answer. @param names of models to choose from, if the service tells any */
export const tryPage = (
  { title, description, price }: Omit<Shown, 'page'>,
  { path }: ModelPage,
  names: readonly string[],
): string =>
  page(
    'try',
    title,
    `<main class="narrow" data-src="${escapeHtml(path)}">
${BACK}<h1>${escapeHtml(title)}</h1>
${lead(description)}<p class="lead">${escapeHtml(price)}</p>
<div class="log" role="log" aria-live="polite" aria-label="Conversation"></div>
<form>
${modelField(names)}<label for="prompt">Your question</label>
<textarea id="prompt" required maxlength="16000" placeholder="Ask something. You pay for the words that come back."></textarea>
<div class="row"><button id="cancel" class="quiet" type="button" hidden>Stop the answer</button><button id="ask">Ask</button></div>
</form>
<p id="problem" class="bad" role="alert"></p>
<stream-meter></stream-meter>
<noscript><p>Paying while a model answers needs JavaScript in this browser.</p></noscript>
</main>`,
  )

function modelField(names: readonly string[]): string {
  const label = '<label for="model">Model</label>\n'
  if (names.length === 0)
    return `${label}<input id="model" maxlength="200" placeholder="If the service wants a name">\n`
  if (names.length === 1) return `<input id="model" type="hidden" value="${escapeHtml(names[0]!)}">\n`
  const options = names.map((name) => `<option>${escapeHtml(name)}</option>`).join('')
  return `${label}<select id="model">${options}</select>\n`
}

const BACK = '<nav><a href="/.stream/">All that is sold here</a></nav>\n'

/** All that is for sale, with a way to each. @param origin of this seller, as its visitors write it */
export function indexPage(routes: readonly Shown[], origin: string): string {
  const entries = routes.flatMap((route) => entriesOf(route, origin))
  const more = entries.length - MAX_LISTED
  const title = `For sale at ${new URL(origin).host}`
  return page(
    undefined,
    title,
    `<main>
<h1>${escapeHtml(title)}</h1>
<p class="lead">You pay for what you use, while you use it.</p>
<ul class="shelf">
${entries.slice(0, MAX_LISTED).join('\n')}
</ul>
${more > 0 ? `<p class="lead">And ${more} more.</p>\n` : ''}</main>`,
  )
}

function entriesOf(route: Shown, origin: string): string[] {
  const { name, title, description, price, page: shown } = route
  if (shown.kind === 'model') return [entry({ title, description, price, href: `/.stream/try/${name}`, verb: 'Ask' })]
  if (shown.kind === 'plain') {
    const href = shown.free ? shown.path : undefined
    const command = shown.free ? undefined : `streampay get ${origin}${shown.path}`
    return [entry({ title, description, price, href, command })]
  }
  if (!shown.films) return [entry({ title, description, price, note: 'It is being prepared. Look again soon.' })]
  return shown.films.map((film) => filmEntry(route, film))
}

function filmEntry({ name, description, price }: Shown, { title, playlist, poster }: Film): string {
  if (playlist === undefined) return entry({ title, description, price, note: 'It does not play in a page.' })
  return entry({ title, description, price, poster, href: `/.stream/play/${name}${playlist}`, verb: 'Watch' })
}

interface Entry {
  readonly title: string
  readonly price: string
  readonly description?: string | undefined
  readonly href?: string | undefined
  readonly verb?: string
  readonly poster?: string | undefined
  readonly note?: string
  readonly command?: string | undefined
}

function entry({ title, price, description, href, verb, poster, note, command }: Entry): string {
  const picture = poster === undefined ? '' : `<img src="${escapeHtml(poster)}" alt="" loading="lazy">`
  const name = `${verb === undefined ? '' : `<span class="verb">${verb} </span>`}${escapeHtml(title)}`
  const heading = href === undefined ? name : `<a href="${escapeHtml(href)}">${name}</a>`
  const rest = [
    ...(description === undefined ? [] : [`<p class="lead">${escapeHtml(description)}</p>`]),
    ...(note === undefined ? [] : [`<p>${note}</p>`]),
    ...(command === undefined ? [] : [`<p>With the command: <code>${escapeHtml(command)}</code></p>`]),
  ]
  return `<li>${picture}<div><h2>${heading}</h2><p class="price">${escapeHtml(price)}</p>${rest.join('')}</div></li>`
}
