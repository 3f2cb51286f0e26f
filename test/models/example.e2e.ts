import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { fastapiAvailable } from '../../examples/fastapi/app.ts'

const available = fastapiAvailable()
const SCRIPT = fileURLToPath(new URL('../../examples/fastapi/paid.ts', import.meta.url))

describe.skipIf(available !== true)(
  `the FastAPI example${available === true ? '' : ` (skipped: ${available})`}`,
  () => {
    test('one command sells the app and buys from it', async () => {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [SCRIPT])
      expect(stdout).toContain('rain falls')
      expect(stderr).toContain('80 tokens for 80 sat')
    })
  },
)
