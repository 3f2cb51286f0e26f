/** One line that is rewritten on a terminal; elsewhere, such as in CI, a new line every ten seconds. */
export function printer(): (line: string) => void {
  let last = 0
  return (line) => {
    const width = process.stderr.columns ?? 120
    if (process.stderr.isTTY)
      process.stderr.write(`\r\x1b[2K${line.slice(0, width - 1)}${/done$/.test(line) ? '\n' : ''}`)
    else if (Date.now() - last >= 10_000 || /done$/.test(line)) {
      last = Date.now()
      process.stderr.write(`${line}\n`)
    }
  }
}
