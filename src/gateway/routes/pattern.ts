/** More stars in one part would make matching a matter of patience. */
const MAX_STARS = 4
const MAX_LENGTH = 500

/** A compiled path pattern. */
export interface Pattern {
  /** What the path has before its first star; a folder is served from below it. */
  readonly prefix: string
  matches(path: string): boolean
}

/**
 * Compiles a path such as `/v1/chat/*`: `*` stands for a part, or some of one, and `**` at the end for all that follows, or nothing.
 * @throws TypeError for a pattern that is none
 */
export function compilePattern(text: string): Pattern {
  checkPattern(text)
  const parts = text.replace(/\/$/, '').split('/').slice(1)
  const rest = parts.at(-1) === '**'
  const fixed = rest ? parts.slice(0, -1) : parts
  const source = fixed.map((part) => `/${partSource(part)}`).join('')
  const pattern = new RegExp(`^${source}${rest ? '(?:/.*)?' : '/?'}$`, 'is')
  const stop = fixed.findIndex((part) => part.includes('*'))
  const literal = stop < 0 ? (rest ? fixed : fixed.slice(0, -1)) : fixed.slice(0, stop)
  return { prefix: literal.map((part) => `/${part}`).join(''), matches: (path) => pattern.test(path) }
}

/** @throws TypeError for a pattern that is none */
export function checkPattern(text: string): void {
  const parts = text.split('/')
  const wrong =
    !text.startsWith('/') ||
    text.length > MAX_LENGTH ||
    /[?#\s%\\]|\/\//.test(text) ||
    parts.some((part) => part === '.' || part === '..' || part.split('*').length > MAX_STARS + 1) ||
    parts.slice(0, -1).some((part) => part.includes('**')) ||
    (parts.at(-1)!.includes('**') && parts.at(-1) !== '**')
  if (wrong) throw new TypeError('not a path pattern')
}

const partSource = (part: string): string => (part === '*' ? '[^/]+' : wildcardSource(part, '[^/]*'))

function wildcardSource(text: string, star: string): string {
  return text
    .split('*')
    .map((literal) => literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join(star)
}

/** A text with stars in it, such as `smollm2*`; capitals make no difference, as they make none to many a service. */
export function compileWildcard(text: string): (value: string) => boolean {
  const pattern = new RegExp(`^${wildcardSource(text.replace(/\*+/g, '*'), '.*')}$`, 'is')
  return (value) => value.length <= MAX_LENGTH && pattern.test(value)
}

/**
 * A request's path as routes are matched against it: decoded, with single slashes. What a service behind would take for the dear
 * path must not pass for another one here; `undefined` for what cannot be decoded.
 */
export function matchedPath(pathname: string): string | undefined {
  try {
    const decoded = decodeURIComponent(pathname)
    // Twice encoded is once too often for what is priced by its path.
    return /%[0-9a-f]{2}/i.test(decoded) ? undefined : decoded.replace(/[/\\]+/g, '/')
  } catch {
    return undefined
  }
}
