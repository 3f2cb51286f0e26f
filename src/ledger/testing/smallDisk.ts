import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmdirSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'

const FILLER = 'filler'

/** A disk of its own, so small that it can be filled: a tmpfs, for which Linux wants the right to mount. */
export class SmallDisk {
  readonly path: string

  constructor(kib: number) {
    this.path = mkdtempSync(path.join(tmpdir(), 'streampay-disk-'))
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'none', this.path], { stdio: 'pipe' })
    } catch (error) {
      rmdirSync(this.path)
      throw error
    }
  }

  /** Leaves not one page free. */
  fill(): void {
    const file = path.join(this.path, FILLER)
    const { bsize } = statfsSync(this.path)
    for (let size = 1 << 20; size >= bsize; size /= 2) {
      try {
        for (;;) appendFileSync(file, Buffer.alloc(size, 1))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      }
    }
  }

  /** Takes so much of the room. */
  occupy(kib: number): void {
    appendFileSync(path.join(this.path, FILLER), Buffer.alloc(kib * 1024, 1))
  }

  /** Makes room again. */
  free(): void {
    rmSync(path.join(this.path, FILLER), { force: true })
  }

  /** Possible while no file on it is open for writing. */
  readOnly(on: boolean): void {
    execFileSync('mount', ['-o', `remount,${on ? 'ro' : 'rw'}`, this.path], { stdio: 'pipe' })
  }

  remove(): void {
    // Lazily: a process that was just killed may still hold a file.
    execFileSync('umount', ['-l', this.path], { stdio: 'pipe' })
    rmdirSync(this.path)
  }
}

/** Why the tests with a small disk cannot run here, if they cannot. */
export const noSmallDisk: string | undefined = reason()

function reason(): string | undefined {
  try {
    new SmallDisk(64).remove()
    return undefined
  } catch (error) {
    return `a small disk cannot be mounted: ${(error as Error).message.trim().split('\n').at(-1)}`
  }
}

/** Makes small disks for the tests of a file; they are gone with them. */
export function smallDisks(): (kib: number) => SmallDisk {
  const disks: SmallDisk[] = []
  afterAll(() => {
    for (const disk of disks) disk.remove()
  })
  return (kib) => {
    const disk = new SmallDisk(kib)
    disks.push(disk)
    return disk
  }
}
