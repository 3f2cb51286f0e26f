/** Wraps an object so that every call of a method is counted by its name; `noted` is told of those it names, with their results. */
export function counted<T extends object>(
  target: T,
  counts: Record<string, number>,
  noted: Readonly<Record<string, (args: readonly never[], result: unknown) => void>> = {},
): T {
  return new Proxy(target, {
    get(_, name) {
      const member = Reflect.get(target, name)
      if (typeof member !== 'function' || typeof name !== 'string') return member
      return (...args: never[]) => {
        counts[name] = (counts[name] ?? 0) + 1
        const result = member.apply(target, args)
        noted[name]?.(args, result)
        return result
      }
    },
  })
}

export const sum = (counts: Readonly<Record<string, number>>, names: readonly string[] = Object.keys(counts)): number =>
  names.reduce((total, name) => total + (counts[name] ?? 0), 0)
