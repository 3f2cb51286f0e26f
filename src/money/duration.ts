import { StreamError } from '../errors/error.ts'

/** A time such as "30s", "500ms", "2min", "1h" or "7d", in ms. @throws StreamError `option-invalid` */
export function readDuration(text: string): number {
  const match = /^(\d{1,9}) ?(ms|s|min|h|d)$/.exec(text.trim())
  if (!match) throw new StreamError('option-invalid', `"${text}" is not a time such as 500ms, 30s or 2min`)
  return Number(match[1]) * { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as Unit]
}

type Unit = 'ms' | 's' | 'min' | 'h' | 'd'
