import type { Database } from './database.ts'

interface Job {
  readonly work: () => unknown
  readonly resolve: (result: never) => void
  readonly reject: (error: unknown) => void
}

/**
 * Writes everything that is asked for within one turn of the event loop in one transaction. Several payments in flight then
 * wait for the disk once and not once each.
 */
export class Batch {
  readonly #database: Database
  #jobs: Job[] = []

  constructor(database: Database) {
    this.#database = database
  }

  /** Resolves with the result of `work` when it is committed. */
  add<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#jobs.push({ work, resolve, reject }) === 1) setImmediate(() => this.flush())
    })
  }

  /** Writes now what waits. */
  flush(): void {
    const jobs = this.#jobs
    this.#jobs = []
    if (jobs.length > 0 && !this.#write(jobs) && jobs.length > 1) {
      // One that cannot be written must not keep the others from it.
      for (const job of jobs) this.#write([job])
    }
  }

  /** `false` if nothing was written and there is still somebody to tell. */
  #write(jobs: readonly Job[]): boolean {
    try {
      const results = this.#database.transaction(() => jobs.map(({ work }) => work()))
      for (const [i, { resolve }] of jobs.entries()) resolve(results[i] as never)
      return true
    } catch (error) {
      if (jobs.length === 1) jobs[0]!.reject(error)
      return false
    }
  }
}
