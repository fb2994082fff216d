//! Backup and restore of everything that the platform knows, but for what must not be copied.
//!
//! # What is in a backup, and what never is
//! The database, the index, the ledger with salts, leaves and texts, the sealed keys (`data/keys`, still sealed), the small
//! states beside them, the configuration file. Never the spool (its keys are destroyed when its records are through, and a
//! copy would undo that), never `vault-keys` (a pseudonym is forgotten by destroying its key there), never the master key:
//! a backup without it opens nothing.
//!
//! # Why the parts agree although nothing stops while they are copied
//! A record goes spool → (alerts, in SQL) → index → ledger, and each part says by a position how far it is. The parts are taken
//! in this order, each as it is at its own moment:
//!
//! 1. *States*: what senders named, places in files, what correlations remember, how far the own record was fed. Each of them
//!    says "this is taken care of" of records that were in the spool by then.
//! 2. *SQL*: alerts say the same of the records that they came from.
//! 3. *Index*, after everything that the spool held when 1 and 2 were done has become durable in it. So whatever 1 and 2 call
//!    taken care of is in the index copy, and no alert points at an event that is not.
//! 4. *The vault's rows* once more: those that came since 2, so that every token that the index copy has is known.
//! 5. *Ledger*, as one checkpoint has it. Entries stand in it before what they tell of is done and leaves of events as soon as
//!    the index has them, so it covers everything in 1 to 4; nothing restored lacks its entry. It can know of more: acts that SQL
//!    does not have (as after any crash between the two), leaves of events that came while 5 was reached.
//! 6. *Keys* last, so every key that something before was sealed with is among them: files are only added there, and while a
//!    backup is made no rotation of keys begins and none destroys an older generation.
//!
//! What is left over at a restore is therefore always on one side: events from the index's position on are missing, those that
//! the spool had given a number to by the end of the backup are named by the manifest, and what came later cannot be known.
//! No state claims them. Lines of followed files that came between 1 and 3 are read again when the files are still there, as
//! events of their own: twice rather than never. Alerts of events that came between 2 and 3 are not there although the events
//! are: a restore names that time, and rules can be run over it again (`metrosoc rules backtest`). Correlations go on from what they
//! had written down last, which may be some seconds older.
//!
//! # Numbers are never given twice
//! An event's number is its position, and after the backup the machine that was lost gave out numbers that nobody here knows,
//! to alerts, tickets and proofs elsewhere. A restored spool therefore begins at the next multiple of 2^40 ([`gaps::beyond`]),
//! beyond everything that a machine at full speed could have given out in a year; the gap is written down, so that nobody waits
//! for what lies in it.
//!
//! # Trust
//! The manifest names every file with its SHA-256 and is signed by a key that lies sealed in `keys/`: who has the master key
//! can tell a genuine backup, and nobody without it can make one.

pub mod check;
mod copy;
pub mod gaps;
pub mod make;
pub mod manifest;
mod postgres;
pub mod restore;

/// Name of the signing key.
pub const SIGNER: &str = "metrosoc-backup";
/// The folder of a backup that becomes the data directory.
const DATA: &str = "data";
/// The folder with the configuration file.
const CONFIG: &str = "config";
/// The database of a backup, in its data folder.
const SQLITE: &str = "metrosoc.sqlite";
/// The dump of a PostgreSQL database.
const POSTGRES: &str = "postgres.dump";
/// The dump of its rows of the vault.
const POSTGRES_VAULT: &str = "postgres-vault.dump";
/// The table of the vault's rows.
const VAULT_TABLE: &str = "vault_value";
/// Where rows of SQLite wait to be moved there.
const VAULT_WAITING: &str = "vault_recent";
/// Where the index is linked before it is copied, in the data directory.
pub const STAGING: &str = "backup-staging";
/// Names in the data directory that no backup has.
const EXCLUDED: [&str; 6] =
    ["spool", "vault-keys", "edge", STAGING, crate::client::SOCKET_NAME, "first-administrator.code"];
