import { join } from 'node:path'
import type { LocalEvents } from '../../api/events.ts'
import { openInvoiceOwners } from '../../api/invoiceOwners.ts'
import { createLocalApi } from '../../api/localApi.ts'
import type { LocalApiParts } from '../../api/parts.ts'
import type { Output } from '../output/output.ts'
import { stateFolder, stateHome } from '../state.ts'
import { version } from '../version.ts'

/** Whose events are those that name no caller. */
const OWNER = 'owner'

/** An output whose events those who listen at the API hear of, too. */
export const toldTo = (output: Output, events: LocalEvents): Output => ({
  ...output,
  event(event, fields = {}) {
    output.event(event, fields)
    const { caller } = fields
    events.tell({ ...fields, event, caller: typeof caller === 'string' ? caller : OWNER })
  },
})

/** The local API of a proxy, with what it keeps in this user's state. */
export function openLocalApi(parts: Omit<LocalApiParts, 'version' | 'invoices'>) {
  const invoices = openInvoiceOwners(join(stateFolder(stateHome()), 'proxy-invoices.db'))
  const api = createLocalApi({ ...parts, version, invoices })
  return {
    handle: api.handle,
    async close() {
      await api.close()
      invoices.end()
    },
  }
}
