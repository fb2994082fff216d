//! Where test data lies.

use std::path::PathBuf;

/// The repository's root.
pub fn repository() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), std::path::Path::to_path_buf)
}

/// A file of the shared data set beside the repository; `None`, with a loud word, when it is not there.
pub fn shared(path: &str) -> Option<PathBuf> {
    let found = repository().parent()?.join("shared/data").join(path);
    if found.exists() {
        return Some(found);
    }
    eprintln!("SKIPPED: `shared/data/{path}` is not beside the repository; this test needs it");
    None
}

/// The lines of a `.zst` file.
///
/// # Errors
/// When the file cannot be read.
pub fn lines_of_zst(path: &std::path::Path) -> anyhow::Result<Vec<String>> {
    let output = std::process::Command::new("zstd").arg("-dcq").arg(path).output()?;
    anyhow::ensure!(output.status.success(), "zstd `{}`", path.display());
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}
