/** The part of autocannon that the benchmark uses; the package has no types of its own. */
declare module 'autocannon' {
  interface Options {
    readonly url: string
    readonly connections: number
    readonly duration: number
    readonly headers: Record<string, string>
    readonly workers: number
  }
  interface Result {
    readonly requests: { readonly average: number }
    readonly errors: number
    readonly statusCodeStats: Record<string, { readonly count?: number }>
  }
  export default function autocannon(options: Options): Promise<Result>
}
