/** A path as OpenAPI writes it. */
export interface PathTemplate {
  readonly path: string
  readonly parameters: ReadonlyArray<{ readonly name: string; readonly description: string }>
}

/**
 * The path of a route as an OpenAPI template. Parameters are named by their place, so that two routes with the same shape of path are one.
 * @example templateOf('/films/**').path === '/films/{p1}'
 */
export function templateOf(pattern: string): PathTemplate {
  const parameters: PathTemplate['parameters'][number][] = []
  const parameter = (description: string): string => {
    const name = `p${parameters.length + 1}`
    parameters.push({ name, description })
    return `{${name}}`
  }
  const parts = pattern.split('/').map((part) => {
    if (part === '**') return parameter('All that follows, with any slashes in it, or nothing.')
    const [first, ...rest] = part.split('*')
    const text = part === '*' ? 'One part of the path.' : 'Some of one part of the path, or nothing.'
    return rest.reduce((path, literal) => path + parameter(text) + encoded(literal), encoded(first!))
  })
  return { path: parts.join('/'), parameters }
}

/** A path that stands for itself. */
export const concretePath = (path: string): PathTemplate => ({ path: encoded(path), parameters: [] })

/** Braces would be a parameter. What is encoded already stays so. */
const encoded = (literal: string): string =>
  encodeURI(literal.toWellFormed())
    .replace(/%25(?=[0-9a-f]{2})/gi, '%')
    .replace(/[{}]/g, encodeURIComponent)
