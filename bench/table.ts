import type { FigureResult } from './figure.ts'

/** The figures as a table, each with what explains it below. */
export function printTable(figures: readonly FigureResult[]): void {
  const rows = [['figure', 'value', 'counterpart', 'ratio', 'goal', '']]
  for (const figure of figures) {
    if ('skipped' in figure) rows.push([figure.name, '-', '-', '-', '-', 'skipped'])
    else {
      const { name, value, unit, counterpartValue, ratio, goal, held } = figure
      rows.push([name, `${value} ${unit}`, `${counterpartValue} ${unit}`, `${ratio}`, goal, held ? 'held' : 'MISSED'])
    }
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd()
  const [head, ...rest] = rows
  process.stdout.write(`${line(head!)}\n`)
  for (const [i, row] of rest.entries()) {
    const figure = figures[i]!
    const note = 'skipped' in figure ? figure.skipped : `against ${figure.counterpart}; ${figure.note}`
    process.stdout.write(`${line(row)}\n    ${note}\n`)
  }
}
