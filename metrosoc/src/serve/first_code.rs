//! The first administrator's one-time code: to the terminal, or to a file that only the operator can read.

use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use policy::Accounts;

const NAME: &str = "first-administrator.code";

/// Makes a code while there is no administrator, and hands it over.
///
/// # Errors
/// When the code cannot be stored or handed over.
pub async fn hand_over(accounts: &Accounts, data: &Path) -> anyhow::Result<()> {
    let path = data.join(NAME);
    let Some(made) = accounts.setup_code().await? else {
        remove(&path);
        return Ok(());
    };
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        writeln!(terminal, "\n  one-time code of the first administrator (15 minutes): {}\n", made.code.expose())?;
        return Ok(());
    }
    remove(&path);
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("one-time code `{}`", path.display()))?;
    writeln!(file, "{}", made.code.expose())?;
    writeln!(terminal, "  the first administrator's one-time code (15 minutes) is in {}", path.display())?;
    Ok(())
}

/// Removes the file once the code was used.
pub fn forget(data: &Path) {
    remove(&data.join(NAME));
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "one-time code not removed");
    }
}
