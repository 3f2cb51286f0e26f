/**
 * `chain.db`: the whole private network of this machine. Every node of every process opens the same file.
 * The mempool is made of rows, not of a copy in each process: an output of a waiting transaction is a coin without a
 * height, and a coin that a waiting transaction spends names it as its spender.
 */
export const CHAIN_SCHEMA = `
  CREATE TABLE IF NOT EXISTS block (
    height INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    raw BLOB NOT NULL
  );
  CREATE TABLE IF NOT EXISTS confirmed (txid TEXT PRIMARY KEY, height INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS mempool (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    txid TEXT NOT NULL UNIQUE,
    raw BLOB NOT NULL
  );
  CREATE TABLE IF NOT EXISTS coin (
    txid TEXT NOT NULL,
    vout INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    script BLOB NOT NULL,
    height INTEGER,
    coinbase INTEGER NOT NULL,
    spender TEXT,
    reserved_until_ms INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (txid, vout)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS coin_by_script ON coin (script, amount);
  CREATE TABLE IF NOT EXISTS peer (
    public_key TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
  ) WITHOUT ROWID;
`
