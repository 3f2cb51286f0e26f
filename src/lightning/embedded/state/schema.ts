/**
 * `node.db`: all that an embedded node must not forget. LDK's state is opaque bytes: the channel manager, and for each
 * channel a monitor as it once was with the updates since.
 */
export const NODE_SCHEMA = `
  CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS manager (id INTEGER PRIMARY KEY CHECK (id = 0), bytes BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS monitor (channel TEXT PRIMARY KEY, bytes BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS monitor_update (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    channel TEXT NOT NULL,
    bytes BLOB NOT NULL
  );
  CREATE INDEX IF NOT EXISTS monitor_update_by_channel ON monitor_update (channel);
  CREATE TABLE IF NOT EXISTS broadcast (position INTEGER PRIMARY KEY AUTOINCREMENT, raw BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS settlement (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    payment_hash TEXT NOT NULL UNIQUE,
    amount_msat INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS payment (
    payment_hash TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    preimage TEXT,
    fee_msat INTEGER,
    reason TEXT,
    detail TEXT
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS invoice (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    payment_hash TEXT NOT NULL UNIQUE,
    request TEXT NOT NULL,
    amount_msat INTEGER,
    description TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    settled_ms INTEGER
  );
  CREATE INDEX IF NOT EXISTS invoice_unpaid ON invoice (position) WHERE settled_ms IS NULL;
  CREATE INDEX IF NOT EXISTS payment_pending ON payment (payment_hash) WHERE status = 'pending';
`
