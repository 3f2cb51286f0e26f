/*
 * The dashboard's page as it is published: its TypeScript needs no compiler but Node's own, and its chart library comes along.
 */
import { copyFileSync, globSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pageFile, SOURCE } from '../../src/gateway/admin/assets.ts'

/** Writes it to where the compiled server looks. */
export function copyDashboard(dist: string): void {
  const page = path.join(dist, 'gateway', 'admin', 'page')
  mkdirSync(page, { recursive: true })
  for (const file of globSync('*', { cwd: SOURCE })) {
    if (file.endsWith('.ts')) {
      const script = file.replace(/\.ts$/, '.js')
      writeFileSync(path.join(page, script), pageFile(script)!)
    } else copyFileSync(path.join(SOURCE, file), path.join(page, file))
  }
  for (const file of ['uPlot.js', 'uPlot.css']) writeFileSync(path.join(page, file), pageFile(file)!)
}
