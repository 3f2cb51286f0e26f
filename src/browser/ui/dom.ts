type Child = Node | string | undefined
type Attributes = Readonly<Record<string, string | boolean | ((event: Event) => void) | undefined>>

/** An element with attributes, listeners (functions), and children. Texts are texts: nothing is read as HTML. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value)
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value)
  }
  element.append(...children.filter((child) => child !== undefined))
  return element
}

/** A style sheet that a strict Content-Security-Policy lets through: it is made by a script and not written into the page. */
export function sheet(css: string): CSSStyleSheet {
  const made = new CSSStyleSheet()
  made.replaceSync(css)
  return made
}

/** Colours and shapes that the elements share; a page sets its own by the same names. */
export const THEME = `
:host{color-scheme:light dark;
--ink:var(--stream-ink,light-dark(#16181d,#f2f3f5));--dim:var(--stream-dim,light-dark(#5a6070,#a9b0bf));
--face:var(--stream-face,light-dark(#fff,#1b1e25));--line:var(--stream-line,light-dark(#dde0e7,#343945));
--accent:var(--stream-accent,light-dark(#7a3b00,#ffb84d));--on-accent:var(--stream-on-accent,light-dark(#fff,#241500));
--bad:var(--stream-bad,light-dark(#a3161f,#ff9d9d));
font:400 16px/1.45 system-ui,sans-serif;color:var(--ink)}
*{box-sizing:border-box}
button,input{font:inherit;color:inherit}
button{min-height:44px;padding:0 1rem;border-radius:10px;border:1px solid var(--line);background:none;cursor:pointer}
button:hover{border-color:var(--dim)}
button:disabled{opacity:.5;cursor:default}
button.main{background:var(--accent);border-color:var(--accent);color:var(--on-accent);font-weight:600}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.dim{color:var(--dim)}.bad{color:var(--bad)}
.num{font-variant-numeric:tabular-nums}
@media (prefers-reduced-motion:no-preference){.fill{transition:width .4s linear}}
`
