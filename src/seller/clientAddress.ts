import { addressOf } from './adapters/request.ts'

const MAX_LENGTH = 64

/**
 * Whom to count a request for: the peer's address, or with `proxies` reverse proxies in front the address that the outermost of
 * them saw, which each appends to `X-Forwarded-For`. What stands further left in that header anybody can write. An IPv6 address
 * counts as its /64, which one customer has whole. `undefined` where no adapter told it.
 */
export function clientAddress(request: Request, proxies: number): string | undefined {
  const forwarded = proxies > 0 ? request.headers.get('x-forwarded-for')?.split(',').at(-proxies)?.trim() : undefined
  const address = forwarded || addressOf(request)
  return address === undefined ? undefined : networkOf(address.slice(0, MAX_LENGTH).toLowerCase())
}

const V4 = /^(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?$/

function networkOf(address: string): string {
  const v4 = V4.exec(address)
  if (v4) return v4[1]!
  const bare = address.replace(/^\[(.*?)\].*$/, '$1').replace(/%.*$/, '')
  const [head = '', tail] = bare.split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length)
  const groups = [...front, ...Array.from({ length: zeros }, () => '0'), ...back]
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')
}
