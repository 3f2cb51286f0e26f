import { join } from 'node:path'
import { type Journal, openJournal } from '../ledger/index.ts'
import { stateFolder, stateHome } from './state.ts'

/** The journal of this user's purchases, which all commands share. @throws StreamError `ledger-failed` */
export const openUserJournal = (): Journal => openJournal(join(stateFolder(stateHome(), 'buyer'), 'journal.db'))
