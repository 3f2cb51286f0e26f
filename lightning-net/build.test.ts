import { afterEach, expect, it, vi } from 'vitest'
import { binariesDir, builtBinaries, canRun, hasGo } from './build.ts'

afterEach(() => vi.unstubAllEnvs())

it('keeps the programs by the hash of what they are built from', () => {
  vi.stubEnv('STREAMPAY_CACHE', '/somewhere')
  expect(binariesDir()).toMatch(/^\/somewhere\/lightning-net\/[0-9a-f]{16}\/bin$/)
  vi.stubEnv('STREAMPAY_CACHE', '')
  expect(binariesDir()).toMatch(/\/\.cache\/lightning-net\/[0-9a-f]{16}\/bin$/)
})

it('says why nothing can be built', () => {
  vi.stubEnv('STREAMPAY_CACHE', '/nowhere')
  vi.stubEnv('PATH', '/nowhere')
  expect(builtBinaries()).toBeUndefined()
  expect(hasGo()).toEqual({ ok: false, reason: expect.stringMatching(/^Go 1\.\d+ or newer is needed .* no `go`/) })
  expect(canRun()).toEqual(hasGo())
})
