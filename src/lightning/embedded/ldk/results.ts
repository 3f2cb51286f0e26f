import * as ldk from 'lightningdevkit'

/** The success class of an LDK result. Its constructor is private, its instances are not. */
interface Success<T> {
  readonly prototype: { readonly res: T }
}

/**
 * What a result holds.
 * @throws Error that says what was being done, and LDK's reason where it is text
 * @example unwrap(manager.create_channel(…), ldk.Result_ChannelIdAPIErrorZ_OK, 'opening a channel')
 */
export function unwrap<T>(result: object, success: Success<T>, doing: string): T {
  if (result instanceof (success as unknown as new () => { readonly res: T })) return result.res
  throw new Error(`${doing}: ${reasonOf(result)}`)
}

/** LDK's own words for an error result. */
export function reasonOf(result: object): string {
  const reason: unknown = 'err' in result ? result.err : undefined
  if (typeof reason !== 'object' || reason === null) return String(reason ?? 'refused')
  return 'err' in reason && typeof reason.err === 'string' ? reason.err : reason.constructor.name
}

export const someU64 = (option: ldk.Option_u64Z): bigint | undefined =>
  option instanceof ldk.Option_u64Z_Some ? option.some : undefined

export const someBytes = (option: ldk.Option_ThirtyTwoBytesZ): Uint8Array | undefined =>
  option instanceof ldk.Option_ThirtyTwoBytesZ_Some ? option.some : undefined
