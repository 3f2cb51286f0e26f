/** What a macaroon of LND says about itself. */
export interface MacaroonFacts {
  /** As LND writes them: `offchain:read`, `uri:/lnrpc.Lightning/GetInfo`. */
  readonly permissions: readonly string[]
  /** Conditions that narrow it further, such as an address or a last moment. */
  readonly caveats: readonly string[]
}

/** A macaroon for every call that LND has is about 3 kB. */
const MAX_BYTES = 64 * 1024

/**
 * Reads what an LND wrote into a macaroon: libmacaroons' binary format 2, whose identifier is the version byte 3 of
 * go-macaroon-bakery and a protobuf message `MacaroonId`. Nothing is verified here; whether LND takes it, LND says.
 * @returns `undefined` for what is no macaroon of LND's
 * @example readMacaroon(await readFile('buyer.macaroon'))?.permissions // ['uri:/lnrpc.Lightning/GetInfo', …]
 */
export function readMacaroon(bytes: Uint8Array): MacaroonFacts | undefined {
  if (bytes.length > MAX_BYTES || bytes[0] !== 2) return undefined
  try {
    const sections = readSections(bytes.subarray(1))
    const identifier = sections[0]?.get(FIELD.identifier)
    if (identifier?.[0] !== 3) return undefined
    return {
      permissions: readOperations(identifier.subarray(1)),
      caveats: sections.slice(1).flatMap((section) => {
        const caveat = section.get(FIELD.identifier)
        return caveat ? [text(caveat)] : []
      }),
    }
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return undefined
    throw error
  }
}

const FIELD = { end: 0, identifier: 2 } as const

/** Groups of fields, each ended by a zero: the macaroon's own, then one for each caveat; the signature follows them. */
function readSections(bytes: Uint8Array): Map<number, Uint8Array>[] {
  const sections: Map<number, Uint8Array>[] = []
  const reader = new Reader(bytes)
  let section = new Map<number, Uint8Array>()
  while (!reader.done) {
    const type = reader.varint()
    if (type !== FIELD.end) {
      section.set(type, reader.bytes(reader.varint()))
      continue
    }
    // An empty one ends the list.
    if (section.size === 0) break
    sections.push(section)
    section = new Map()
  }
  return sections
}

/** `MacaroonId`: nonce = 1, storageId = 2, repeated Op { entity = 1; repeated actions = 2 } = 3. */
const readOperations = (bytes: Uint8Array): string[] =>
  readMessage(bytes)
    .filter(({ field }) => field === 3)
    .flatMap((operation) => {
      const parts = readMessage(operation.value)
      const entity = text(parts.find(({ field }) => field === 1)?.value ?? new Uint8Array())
      return parts.filter(({ field }) => field === 2).map(({ value }) => `${entity}:${text(value)}`)
    })

/** The fields of a protobuf message of which all are texts, bytes or messages (wire type 2). */
function readMessage(bytes: Uint8Array): { readonly field: number; readonly value: Uint8Array }[] {
  const fields: { field: number; value: Uint8Array }[] = []
  const reader = new Reader(bytes)
  while (!reader.done) {
    const key = reader.varint()
    if ((key & 7) !== 2) throw new RangeError('another wire type')
    fields.push({ field: key >> 3, value: reader.bytes(reader.varint()) })
  }
  return fields
}

const decoder = new TextDecoder('utf-8', { fatal: true })
const text = (bytes: Uint8Array): string => decoder.decode(bytes)

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** Up to 28 bits: more than any length here. */
  varint(): number {
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.bytes(1)[0]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new RangeError('a number too long')
  }

  bytes(length: number): Uint8Array {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new RangeError('it ends too early')
    const part = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return part
  }
}
