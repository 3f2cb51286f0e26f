import { copyFileSync } from 'node:fs'
import path from 'node:path'
import { copyDashboard } from '../web/dashboard.ts'
import { ROOT } from './child.ts'

/** What the package carries beside compiled code: the modules that LND and btcd are built from. The dashboard's page is made. */
const ASSETS = ['nodectl/programs/go.mod', 'nodectl/programs/go.sum']

/** Copies them from src/ to where the compiler has written. */
export function copyAssets(dist: string): void {
  for (const file of ASSETS) copyFileSync(path.join(ROOT, 'src', file), path.join(dist, file))
  copyDashboard(dist)
}
