import { expect, it } from 'vitest'
import { binariesDir, buildBinaries, builtBinaries, canRun, hasGo } from './build.ts'

it('keeps the programs by the hash of what they are built from', () => {
  expect(binariesDir({ STREAMPAY_CACHE: '/somewhere' })).toMatch(/^\/somewhere\/lightning-net\/[0-9a-f]{16}\/bin$/)
  expect(binariesDir({})).toMatch(/\/\.cache\/lightning-net\/[0-9a-f]{16}\/bin$/)
})

it('says why nothing can be built', async () => {
  const env = { STREAMPAY_CACHE: '/nowhere', PATH: '/nowhere' }
  expect(builtBinaries(env)).toBeUndefined()
  expect(hasGo(env)).toEqual({ ok: false, reason: expect.stringMatching(/^Go 1\.\d+ or newer is needed .* no `go`/) })
  expect(canRun(env)).toEqual(hasGo(env))
  await expect(buildBinaries(() => {}, env)).rejects.toMatchObject({ code: 'program-missing' })
})
