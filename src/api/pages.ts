/** A place in a list that is read from the newest back: time and id of the last that was told. */
export interface Place {
  readonly createdAtMs: number
  readonly id: string
}

export const cursorOf = ({ createdAtMs, id }: Place): string => `${createdAtMs}-${id}`

/** @param cursor of the shape that the schema lets in */
export function placeOf(cursor: string): Place {
  const [ms, id] = cursor.split('-') as [string, string]
  return { createdAtMs: Number(ms), id }
}

/** `next` where a page is full, so that there may be more. */
export const nextOf = (places: readonly Place[], limit: number): { readonly next?: string } =>
  places.length < limit ? {} : { next: cursorOf(places.at(-1)!) }
