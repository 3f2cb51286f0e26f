import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { makeVectors, VECTORS_FOLDER } from './index.ts'

/** Made by a library of others, beside which the code is held: spec/macaroon-go. */
const FOREIGN = ['macaroon.json']

describe('the committed vectors', () => {
  const made = makeVectors()

  it.each(made)('are what the code makes: %s', (name, text) => {
    expect(readFileSync(path.join(VECTORS_FOLDER, name), 'utf8')).toBe(text)
  })

  it('are all of them, with a page that explains them', () => {
    expect(readdirSync(VECTORS_FOLDER).sort()).toEqual([...made.map(([name]) => name), ...FOREIGN, 'README.md'].sort())
  })
})
