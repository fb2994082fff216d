//! The newest checkpoint, dropped into a directory outside: whoever takes the ledger back cannot take that back too.
//!
//! A thread of its own writes it, the newest wins: a slow or dead disk there never delays an append.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::tree::TreeReader;
use crate::walk::Key;
use crate::{Fault, LedgerError, SignedCheckpoint, parse_note, verifier_key};

const FILE: &str = "checkpoint";
/// Wait after a checkpoint before the next.
const EVERY: Duration = Duration::from_secs(1);
/// Wait before a checkpoint that could not be written is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct State {
    waiting: Option<SignedCheckpoint>,
    ended: bool,
}

/// The thread that writes. When it is dropped it writes what waits and ends.
#[derive(Debug)]
pub(crate) struct Mirror {
    state: Arc<(Mutex<State>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Mirror {
    pub(crate) fn start(directory: &Path) -> Result<Self, LedgerError> {
        fs::create_dir_all(directory).map_err(LedgerError::disk(directory))?;
        let state = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let (own, path) = (Arc::clone(&state), directory.join(FILE));
        let thread = std::thread::Builder::new().name("ledger-mirror".to_owned()).spawn(move || run(&own, &path));
        Ok(Self { state, thread: Some(thread.map_err(LedgerError::disk(directory))?) })
    }

    /// Gives the newest checkpoint; never waits for the disk.
    pub(crate) fn give(&self, signed: &SignedCheckpoint) {
        self.lock().waiting = Some(signed.clone());
        self.state.1.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.lock().ended = true;
        self.state.1.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run((state, woken): &(Mutex<State>, Condvar), path: &Path) {
    let mut failing = false;
    let mut held = state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let Some(signed) = held.waiting.take() else {
            if held.ended {
                return;
            }
            held = woken.wait(held).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        drop(held);
        let written = write(path, signed.note().as_bytes());
        held = state.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = match written {
            Ok(()) => {
                if failing {
                    tracing::info!(path = %path.display(), "checkpoint mirrored again");
                }
                failing = false;
                EVERY
            }
            Err(_) if held.ended => return,
            Err(error) => {
                metrics::counter!("metrosoc_ledger_mirror_failures_total").increment(1);
                if !failing {
                    tracing::error!(path = %path.display(), %error, "checkpoint not mirrored; trying again");
                }
                failing = true;
                held.waiting.get_or_insert(signed);
                RETRY_AFTER
            }
        };
        let waited = woken.wait_timeout_while(held, pause, |state| !state.ended);
        held = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Puts the file in place whole; readable by others, who keep it.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&temporary, path)
}

/// Holds the mirrored checkpoint against a ledger of `size` entries: it may be older, never newer and never another.
pub(crate) fn check(directory: &Path, ledger: &Path, key: &Key, size: u64) -> Result<(), LedgerError> {
    let path: PathBuf = directory.join(FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(LedgerError::disk(&path)(error)),
    };
    let fault = |reason| Fault::Newest { file: path.display().to_string(), reason };
    let signed = parse_note(&bytes).map_err(|_| fault("it is damaged; move it away to mirror anew"))?;
    if signed.checkpoint.origin != key.name || !signed.is_signed_by(&key.public_key) {
        let reason = "it is that of another ledger than";
        let expected = verifier_key(&key.name, &key.public_key);
        return Err(LedgerError::Refused { reason: format!("`{}`: {reason} `{expected}`", path.display()) });
    }
    let kept = signed.checkpoint;
    if kept.size > size {
        return Err(Fault::Cut { found: size, expected: kept.size }.into());
    }
    let root = TreeReader::new(ledger).root(kept.size).map_err(LedgerError::disk(ledger))?;
    if root != kept.root {
        return Err(Fault::Rewritten { from: 0, to: kept.size.saturating_sub(1) }.into());
    }
    Ok(())
}
