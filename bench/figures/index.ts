import type { FigureResult } from '../figure.ts'
import { goodput } from './goodput.ts'

/** Every figure of the benchmark, by name. */
export const FIGURES: Readonly<Record<string, () => Promise<FigureResult>>> = { goodput }
