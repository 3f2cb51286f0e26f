import uPlot from 'uplot'
import { api } from './api.ts'
import { byId, setText } from './dom.ts'
import { sat, shortSat } from './format.ts'
import type { Revenue } from './state.ts'

const EVERY_MS = 10_000
let plot: uPlot | undefined
let span = 'day'
let shown = ''

/** Draws revenue, now and every ten seconds, and when the span, the width or the colours change. */
export function startChart(): void {
  const buttons = [...byId('spans').querySelectorAll<HTMLButtonElement>('button')]
  for (const button of buttons) {
    button.addEventListener('click', () => {
      span = button.dataset.span ?? 'day'
      for (const other of buttons) other.setAttribute('aria-pressed', `${other === button}`)
      byId<HTMLAnchorElement>('revenue-csv').href = `/api/revenue.csv?span=${span}`
      void draw()
    })
  }
  setInterval(() => void draw(), EVERY_MS)
  new ResizeObserver(() => plot?.setSize(size())).observe(byId('chart'))
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    shown = ''
    void draw()
  })
  void draw()
}

const size = (): { width: number; height: number } => ({
  width: byId('chart').clientWidth,
  height: byId('chart').clientHeight,
})
const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

async function draw(): Promise<void> {
  const asked = span
  const revenue = await api.get<Revenue>(`/api/revenue?span=${asked}`).catch(() => undefined)
  if (!revenue || asked !== span) return
  const { startMs, paid, earned } = revenue
  // A drawing may round; sums are of whole msat.
  const toSat = (amounts: readonly string[]) => amounts.map((amount) => Number(amount) / 1000)
  const data: uPlot.AlignedData = [
    startMs.map((ms) => ms / 1000),
    toSat(earned),
    toSat(paid).map((amount) => amount || null),
  ]
  const total = earned.reduce((sum, amount) => sum + BigInt(amount), 0n)
  const paidIn = paid.reduce((sum, amount) => sum + BigInt(amount), 0n)
  setText(
    byId('revenue-words'),
    `${shortSat(total)} sat earned and ${sat(paidIn)} sat paid in the last ${asked}, by ${widthName(revenue.widthMs)}`,
  )
  if (plot && shown === asked) return plot.setData(data)
  plot?.destroy()
  plot = new uPlot(options(), data, byId('chart'))
  shown = asked
}

const widthName = (ms: number): string => WIDTHS[ms] ?? 'time'

const bars = (align: 1 | -1) => uPlot.paths.bars!({ size: [0.8, 40], align })

const WIDTHS: Readonly<Record<number, string>> = {
  60000: 'the minute',
  900000: 'quarters of an hour',
  7200000: 'two hours',
  21600000: 'six hours',
  345600000: 'four days',
}

function options(): uPlot.Options {
  const grid = { stroke: colour('--line'), width: 1 }
  const axis = { stroke: colour('--quiet'), grid, ticks: grid, font: '12px system-ui' }
  const accent = colour('--accent')
  return {
    ...size(),
    series: [
      {},
      {
        label: 'earned',
        stroke: accent,
        fill: `${accent}99`,
        width: 2,
        paths: bars(1),
        points: { show: false },
      },
      {
        label: 'paid',
        stroke: colour('--warn'),
        width: 1,
        dash: [4, 4],
        points: { show: false },
        paths: bars(1),
      },
    ],
    axes: [
      axis,
      {
        ...axis,
        size: 64,
        values: (_, ticks) => ticks.map((tick) => `${tick >= 1000 ? `${tick / 1000}k` : tick} sat`),
      },
    ],
    scales: {
      // The bar of now has its place, too.
      x: { range: (_, first, last) => [first, last + (last - first) * 0.02] },
      y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] },
    },
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
  }
}
