import { constants, realpathSync } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { isAbsolute, join, resolve, sep } from 'node:path'
import { StreamError } from '../../errors/error.ts'

const MAX_NAME = 500
/** A part of a name: nothing hidden, no control character, and nothing that means something else on another system. */
const PART = /^[^.\p{C}<>:"|?*\\/][^\p{C}<>:"|?*\\/]{0,199}$/u

/** The one folder that an agent may write to. */
export class WritableFolder {
  readonly #root: string

  /** @throws StreamError `option-invalid` for what is no folder */
  constructor(folder: string) {
    try {
      this.#root = realpathSync(resolve(folder))
    } catch (error) {
      throw new StreamError('option-invalid', `${resolve(folder)} is not a folder`, {}, error)
    }
  }

  get root(): string {
    return this.#root
  }

  /**
   * Makes a new file. Links are not followed out of the folder, and nothing that is there is written over.
   * @throws StreamError `file-refused`
   */
  async create(name: string): Promise<{ readonly path: string; readonly handle: FileHandle }> {
    const path = this.#pathOf(name)
    try {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
      return { path, handle: await open(path, flags, 0o600) }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw refused(name, code === 'EEXIST' ? 'it is there already' : `the system says ${code}`, error)
    }
  }

  #pathOf(name: string): string {
    const parts = name.split('/')
    if (isAbsolute(name) || name.length > MAX_NAME || !parts.every((part) => PART.test(part) && !/[. ]$/.test(part))) {
      throw refused(name, 'a name is relative, with no part that begins or ends with a dot')
    }
    const parent = join(this.#root, ...parts.slice(0, -1))
    let real: string
    try {
      real = realpathSync(parent)
    } catch (error) {
      throw refused(name, 'its folder is not there', error)
    }
    if (real !== this.#root && !real.startsWith(this.#root + sep)) throw refused(name, 'its folder leads out')
    return join(real, parts.at(-1)!)
  }
}

/** Closes a file that was made; one that nothing was written to goes again. */
export async function finish({ path, handle }: { readonly path: string; readonly handle: FileHandle }): Promise<void> {
  const { size } = await handle.stat()
  await handle.close()
  if (size === 0) await rm(path, { force: true })
}

const refused = (name: string, why: string, cause?: unknown): StreamError =>
  new StreamError('file-refused', `${name.slice(0, 100)} is not written: ${why}`, {}, cause)
