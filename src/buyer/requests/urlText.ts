import { StreamError } from '../../errors/error.ts'

/** A URL as a person types it: without a scheme it is http. @throws StreamError `option-invalid` */
export function readUrl(text: string): string {
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text) ?? []
  if (scheme && !/^https?$/i.test(scheme)) {
    throw new StreamError('option-invalid', `${scheme}:// cannot be fetched; use http:// or https://`)
  }
  const url = URL.parse(scheme ? text : `http://${text}`)
  if (!url) throw new StreamError('option-invalid', `"${text}" is not a URL`)
  if (url.username || url.password) {
    throw new StreamError(
      'option-invalid',
      'a name or password in the URL has no place: the payment takes the Authorization header',
    )
  }
  return url.href
}
