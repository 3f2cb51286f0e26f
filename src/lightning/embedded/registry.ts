import type { DatabaseSync } from 'node:sqlite'

export interface Peer {
  readonly publicKey: string
  readonly host: string
  readonly port: number
}

/** How often a running node says that it still is. */
export const HEARTBEAT_MS = 5_000
/** An entry this old was left behind by a process that was killed. */
const STALE_MS = 4 * HEARTBEAT_MS

/** Where the running nodes of this machine listen: how they find each other without any configuration. */
export class Registry {
  readonly #write
  readonly #find
  readonly #remove

  /** @param db `chain.db`, which has the `peer` table */
  constructor(db: DatabaseSync) {
    this.#write = db.prepare('INSERT OR REPLACE INTO peer (public_key, host, port, seen_ms) VALUES (?, ?, ?, ?)')
    this.#find = db.prepare('SELECT host, port FROM peer WHERE public_key = ? AND seen_ms > ?')
    this.#remove = db.prepare('DELETE FROM peer WHERE public_key = ? AND port = ?')
  }

  /** Enters a node, or says that it still runs. */
  announce({ publicKey, host, port }: Peer): void {
    this.#write.run(publicKey, host, port, Date.now())
  }

  find(publicKey: string): Peer | undefined {
    const row = this.#find.get(publicKey, Date.now() - STALE_MS) as { host: string; port: number } | undefined
    return row && { publicKey, ...row }
  }

  remove({ publicKey, port }: Peer): void {
    this.#remove.run(publicKey, port)
  }
}
