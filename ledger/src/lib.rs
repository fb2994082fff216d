//! The append-only record of what was ingested, read, decided and done: hash-chained lines, a Merkle tree over them,
//! and a signed checkpoint after every group.
//!
//! # On disk
//! - `entries/FIRST.log`: segments of lines. An entry is `LEAF-HASH {json}`; its JSON carries its index and the leaf
//!   hash of the entry before it. After each group of entries stands a checkpoint line `# SIZE ROOT SIGNATURE`;
//!   entries and checkpoint become durable by one fsync, then every append of the group is answered.
//! - `checkpoint`: the newest checkpoint as a C2SP signed note, padded to one disk sector and overwritten in place. It
//!   is written after the fsync, so the log can be ahead of it and never behind: an end that is missing was cut.
//! - `tree/LEVEL`: the hashes of the Merkle tree, 256 to a parent file's one (as in C2SP tlog-tiles); derived, and
//!   made anew when it does not agree.
//! - `key`: the public key, as a C2SP verifier key.
//! - `records/ENTRY-EVENT.leaves`: salts and leaves of the indexed records whose root an entry `batch_indexed` holds.
//! - `questions/ENTRY-0.texts`: salts and texts of questions that entries commit to.
//! - `format`: the version of this form.
//!
//! # What is found, and what is not
//! [`verify`] names the first changed, removed, repeated or reordered entry, and a cut end. Whoever can write the
//! files and holds an older `checkpoint` file can go back to that state whole: keep checkpoints elsewhere and give
//! one to [`verify_against`].
//!
//! # What can be destroyed, and what then still holds
//! Salts and texts, by [`Ledger::destroy`], which is an entry itself. A leaf without its salt is a random number to
//! everybody; the leaves of what stays are kept, so that its proofs hold. [`verify`] names what is gone without such an
//! entry. Overwritten files are new files: what a disk keeps of the old blocks is the file system's matter.
//!
//! Deliberately absent: changing or removing an entry, reading with a permit (that is the policy crate's), and
//! personal data (callers write ids and counts, not values; a question's text lies beside the log).

mod batch;
mod beside;
mod copy;
mod destroy;
mod disk;
mod entry;
mod error;
mod evidence;
mod form;
mod ledger;
mod line;
mod merkle;
mod mirror;
mod note;
mod open;
mod proof;
mod prove;
mod question;
mod segment;
mod side;
mod tile;
mod tree;
mod verify;
mod walk;
mod writer;

#[cfg(test)]
mod tests;

pub use batch::{BATCH_RECORDS_MAX, Batch, Salt, record_leaf};
pub use destroy::{DESTROYED_RANGES_MAX, Destroyed, Destruction, Doomed, REASON_CHARS_MAX};
pub use entry::{
    ACTION_BYTES_MAX, ACTOR_BYTES_MAX, DETAIL_DEPTH_MAX, ENTRY_BYTES_MAX, Entry, OBJECT_BYTES_MAX, StoredEntry,
};
pub use error::{Fault, LedgerError, LineFault};
pub use evidence::{BatchPath, EntryPath, EventProof};
pub use ledger::{Ledger, READ_MAX, Receipt, Repair};
pub use line::{Line, parse_line};
pub use merkle::{EMPTY_ROOT, Hash, leaf_hash, node_hash, verify_consistency, verify_inclusion};
pub use note::{Checkpoint, SignedCheckpoint, parse_note, verifier_key};
pub use proof::{ConsistencyProof, Proof};
pub use prove::{EventEvidence, consistency};
pub use question::{QUESTION_BYTES_MAX, Question, question_hash};
pub use tile::{TILE_WIDTH, TileKind, TilePath, parse_bundle};
pub use verify::{Report, verify, verify_against};
