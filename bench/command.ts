/** What a run came to: a line of JSON, and whether all is well. */
interface Report {
  readonly ok: boolean
  readonly reasons: readonly string[]
}

/** A command of the bench: where it says what goes on, and how it ends. */
export class BenchCommand {
  readonly #json: boolean
  readonly #live: boolean

  constructor(json: boolean) {
    this.#json = json
    this.#live = !json && process.stderr.isTTY
  }

  readonly say = (line: string): void => void process.stderr.write(`${this.#live ? '\r\x1b[K' : ''}${line}\n`)

  /** How it stands; on a terminal in the place of what was said before. */
  tick(line: string): void {
    if (this.#live) process.stderr.write(`\r\x1b[K${line}`)
    else if (!this.#json) process.stderr.write(`${line}\n`)
  }

  /** Runs it, says what came of it, and ends the process. */
  async run<R extends Report>(work: () => Promise<R>, table: (report: R) => string): Promise<never> {
    try {
      const report = await work()
      for (const reason of report.reasons) this.say(reason)
      process.stdout.write(this.#json ? '' : table(report))
      process.stdout.write(`${JSON.stringify(report)}\n`)
      process.exitCode = report.ok ? 0 : 1
    } catch (error) {
      this.say(error instanceof Error ? (error.stack ?? error.message) : String(error))
      process.exitCode = 1
    }
    process.exit()
  }
}
