import { THEME } from './dom.ts'

/** How the sheets look that ask for consent and show an invoice. */
export const SHEET_STYLE = `${THEME}
dialog{width:min(30rem,calc(100vw - 1.5rem));max-height:calc(100dvh - 1.5rem);overflow:auto;border:1px solid var(--line);border-radius:20px;padding:1.5rem;background:var(--face);color:inherit}
dialog::backdrop{background:rgb(0 0 0/.55)}
h2{margin:0 0 .25rem;font-size:1.35rem;letter-spacing:-.01em}
p{margin:.25rem 0 .75rem}
dl{display:grid;grid-template-columns:auto 1fr;gap:.35rem 1rem;margin:0 0 1rem;padding:.75rem 1rem;border-radius:12px;border:1px solid var(--line)}
dt{color:var(--dim)}dd{margin:0;text-align:right;overflow-wrap:anywhere}
fieldset{border:0;margin:0 0 1rem;padding:0;display:grid;gap:.5rem}
legend{font-weight:600;margin-bottom:.5rem;padding:0}
.way{display:flex;gap:.75rem;align-items:center;min-height:44px;padding:.5rem .75rem;border:1px solid var(--line);border-radius:12px;cursor:pointer}
.way:has(:checked){border-color:var(--accent);box-shadow:inset 0 0 0 1px var(--accent)}
.way small{display:block;color:var(--dim)}
input[type=radio]{accent-color:var(--accent);width:1.2rem;height:1.2rem;flex:none;margin:0}
.field{display:grid;gap:.25rem;margin-bottom:1rem}
.field[hidden]{display:none}
.field input{min-height:44px;padding:0 .75rem;border-radius:10px;border:1px solid var(--dim);background:none;width:100%}
.end{display:flex;gap:.5rem;justify-content:flex-end}
.end .main{flex:1}
`
