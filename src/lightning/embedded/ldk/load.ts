import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { initializeWasmFromBinary } from 'lightningdevkit'

/**
 * Starts LDK, once per thread. Returns its memory, which only ever grows (17–20 KB per payment measured) and of which
 * the bindings show nothing.
 */
export async function loadLdk(): Promise<WebAssembly.Memory> {
  const binary = readFileSync(fileURLToPath(import.meta.resolve('lightningdevkit/liblightningjs.wasm')))
  const { instantiate } = WebAssembly
  const { log } = console
  let memory: WebAssembly.Memory | undefined
  // The instance is private to the bindings; its memory is seen only as it passes through here.
  WebAssembly.instantiate = (async (bytes: BufferSource, imports?: WebAssembly.Imports) => {
    const result = await instantiate(bytes, imports)
    memory = result.instance.exports.memory as WebAssembly.Memory
    return result
  }) as typeof WebAssembly.instantiate
  // The bindings print their versions.
  console.log = () => {}
  try {
    await initializeWasmFromBinary(binary)
  } finally {
    WebAssembly.instantiate = instantiate
    console.log = log
  }
  if (!memory) throw new Error('LDK did not show its memory')
  return memory
}
