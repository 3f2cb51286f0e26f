import { createOutput, type Output } from '../output/output.ts'
import { reportError } from '../output/reportError.ts'

/** Runs a verb of the lab, and ends the process: gRPC would hold it. */
export async function runLab(json: boolean | undefined, verb: (output: Output) => Promise<void>): Promise<never> {
  const output = createOutput(json === true)
  try {
    await verb(output)
    process.exitCode = 0
  } catch (error) {
    output.live([])
    process.exitCode = reportError(error, output)
  }
  process.exit()
}
