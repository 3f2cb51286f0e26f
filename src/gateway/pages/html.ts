/** What a page is about: a route of the gateway, as far as a page shows it. */
export interface PageRoute {
  readonly name: string
  /** For people; may hold anything, and is shown as text. */
  readonly title: string
  readonly description?: string
  /** `video`: played from the path in the page's own address. `model`: asked at `path`. */
  readonly kind: 'video' | 'model'
  /** Where a model is asked, such as `/v1/chat/completions`. */
  readonly path?: string
  /** Name of the model to ask for, where the endpoint wants one. */
  readonly model?: string
}

/** Text in HTML, in an attribute too. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"'`]/g, (one) => `&#${one.charCodeAt(0)};`)

const page = (script: string, title: string, main: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/.stream/app/page.css">
<script type="module" src="/.stream/app/${script}.js"></script>
</head>
<body>
${main}
<footer>Paid by use over Lightning. Nothing is paid without your word.</footer>
</body>
</html>
`

const lead = (description: string | undefined): string =>
  description ? `<p class="lead">${escapeHtml(description)}</p>\n` : ''

/** The player of one video. @param src where its playlist is, from the root of this origin */
export const playerPage = ({ title, description }: PageRoute, src: string): string =>
  page(
    'play',
    title,
    `<main data-src="${escapeHtml(src)}">
<h1>${escapeHtml(title)}</h1>
${lead(description)}<div class="screen">
<video controls playsinline aria-label="${escapeHtml(title)}"></video>
<button class="start" type="button">
<svg viewBox="0 0 76 76" aria-hidden="true"><circle cx="38" cy="38" r="36" fill="#ffb84d"/><path d="M31 24l22 14-22 14z" fill="#241500"/></svg>
<span>Watch and pay as you go</span>
</button>
</div>
<p id="problem" class="bad" role="alert"></p>
<stream-meter></stream-meter>
<noscript><p>Paying while you watch needs JavaScript in this browser.</p></noscript>
</main>`,
  )

/** A page to ask a model and pay for the answer. */
export const tryPage = ({ title, description, path = '', model = '' }: PageRoute): string =>
  page(
    'try',
    title,
    `<main class="narrow" data-src="${escapeHtml(path)}" data-model="${escapeHtml(model)}">
<h1>${escapeHtml(title)}</h1>
${lead(description)}<div class="log" role="log" aria-live="polite" aria-label="Conversation"></div>
<form>
<label for="prompt">Your question</label>
<textarea id="prompt" required maxlength="16000" placeholder="Ask something. You pay for the words that come back."></textarea>
<div class="row"><button id="cancel" class="quiet" type="button" hidden>Stop the answer</button><button id="ask">Ask</button></div>
</form>
<p id="problem" class="bad" role="alert"></p>
<stream-meter></stream-meter>
<noscript><p>Paying while a model answers needs JavaScript in this browser.</p></noscript>
</main>`,
  )
