/** The element with this id. The page is ours: it is there. */
export const byId = <T extends HTMLElement = HTMLElement>(id: string): T => document.getElementById(id) as T

/** Everything that comes from outside is put in as text, never as markup. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  text = '',
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  if (className) element.className = className
  if (text) element.textContent = text
  return element
}

/**
 * Brings the children of `parent` in line with `items`: those that stay keep their element, and with it the focus and what is being
 * typed in it.
 */
export function list<T>(
  parent: HTMLElement,
  items: readonly T[],
  keyOf: (item: T) => string,
  create: (item: T) => HTMLElement,
  update: (element: HTMLElement, item: T) => void,
): void {
  const known = new Map([...parent.children].map((child) => [(child as HTMLElement).dataset.key, child as HTMLElement]))
  items.forEach((item, i) => {
    const key = keyOf(item)
    const element = known.get(key) ?? create(item)
    element.dataset.key = key
    known.delete(key)
    update(element, item)
    if (parent.children[i] !== element) parent.insertBefore(element, parent.children[i] ?? null)
  })
  for (const left of known.values()) left.remove()
}

/** A row of a table with so many cells, of which some are numbers. */
export function row(classes: readonly string[]): HTMLElement {
  const tr = make('tr')
  for (const name of classes) tr.append(make('td', name))
  return tr
}

export const cell = (tr: HTMLElement, i: number): HTMLElement => tr.children[i] as HTMLElement
