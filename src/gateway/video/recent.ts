/**
 * What was named lately, by name. Kept are the last `most / 2` names at least and `most` at the most: two halves, of which the older goes whole
 * when the younger is full, since taking the oldest out of a large map one at a time costs more with each.
 */
export class Recent<Value> {
  readonly #half: number
  #young = new Map<string, Value>()
  #old = new Map<string, Value>()

  constructor(most: number) {
    this.#half = Math.floor(most / 2)
  }

  get(name: string): Value | undefined {
    return this.#young.get(name) ?? this.#old.get(name)
  }

  set(name: string, value: Value): void {
    this.#young.set(name, value)
    if (this.#young.size < this.#half) return
    this.#old = this.#young
    this.#young = new Map()
  }
}
