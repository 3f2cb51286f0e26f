import { StreamError } from '../../src/errors/error.ts'

/** What a file of vectors holds: prose for people, and lists of rows for programs. */
export type Vectors = { readonly about: string } & Readonly<Record<string, unknown>>

/** The code of the StreamError that this input must raise. A vector that is accepted by mistake is a defect in the vectors. */
export function errorOf(name: string, read: () => unknown): string {
  try {
    read()
  } catch (error) {
    if (error instanceof StreamError) return error.code
    throw error
  }
  throw new Error(`"${name}" was meant to be refused, and was not`)
}

/** Rows of wrong inputs, each with the error it must raise. */
export const refusals = <T>(inputs: Readonly<Record<string, T>>, read: (input: T) => unknown): object[] =>
  Object.entries(inputs).map(([name, input]) => ({ name, input, error: errorOf(name, () => read(input)) }))

/** The same value with every bigint as a decimal string, as JSON can hold it. */
export const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, any) => (typeof any === 'bigint' ? `${any}` : any)))
