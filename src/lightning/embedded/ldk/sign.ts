import * as ldk from 'lightningdevkit'

/** LND's `signmessage`, which LDK's follows to the letter: prefix, double SHA-256, recoverable signature, zbase32. */
export function signMessage(keys: ldk.KeysManager, text: string): string {
  return ldk.UtilMethods.constructor_sign(Buffer.from(text, 'utf8'), keys.get_node_secret_key())
}
