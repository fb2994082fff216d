//! Copying files durably while their hashes are taken, and sharing those that a backup before holds already.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ring::digest::{Context, SHA256};

use super::manifest::FileEntry;

/// Bytes read at a time.
const BLOCK_BYTES: usize = 1 << 20;
/// Folders within folders that are followed.
const DEPTH_MAX: usize = 16;

/// A backup before this one, whose unchanged files are linked instead of written again.
pub(super) struct Previous {
    pub(super) id: String,
    pub(super) folder: PathBuf,
    pub(super) files: BTreeMap<String, FileEntry>,
}

/// Puts files into a folder and writes down what it put there.
pub(super) struct Copier<'p> {
    into: PathBuf,
    previous: Option<&'p Previous>,
    /// Called with the bytes of each file that is done.
    done: Box<dyn FnMut(u64) + Send + 'p>,
    /// What was put there.
    pub(super) files: Vec<FileEntry>,
    /// Bytes that were not written again, because the backup before has them.
    pub(super) shared_bytes: u64,
}

impl<'p> Copier<'p> {
    pub(super) fn new(into: &Path, previous: Option<&'p Previous>, done: impl FnMut(u64) + Send + 'p) -> Self {
        Self { into: into.to_owned(), previous, done: Box::new(done), files: Vec::new(), shared_bytes: 0 }
    }

    /// Copies every file below a folder to `to` (a path in the target). Names that are on their way (`….new`), locks and sockets
    /// are left out, and what vanishes meanwhile was replaced or is not needed any more.
    pub(super) fn folder(&mut self, from: &Path, to: &str, immutable: bool) -> anyhow::Result<()> {
        self.walk(from, to, immutable, 0)
    }

    fn walk(&mut self, from: &Path, to: &str, immutable: bool, depth: usize) -> anyhow::Result<()> {
        anyhow::ensure!(depth < DEPTH_MAX, "`{}` lies deeper than {DEPTH_MAX} folders", from.display());
        let entries = fs::read_dir(from).with_context(|| format!("`{}`", from.display()))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.with_context(|| format!("`{}`", from.display()))?;
            let name = entry.file_name();
            names.push(
                name.to_str().with_context(|| format!("`{}` has no readable name", entry.path().display()))?.to_owned(),
            );
        }
        names.sort_unstable();
        for name in names.into_iter().filter(|name| !is_passing(name)) {
            let (path, target) = (from.join(&name), format!("{to}/{name}"));
            match fs::symlink_metadata(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| format!("`{}`", path.display())),
                Ok(about) if about.is_dir() => self.walk(&path, &target, immutable, depth + 1)?,
                Ok(about) if about.is_file() => match self.file(&path, &target, immutable) {
                    Err(error) if is_gone(&error) && !path.exists() => {}
                    copied => copied?,
                },
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// Copies one file; an immutable one whose name tells its content is linked from the backup before.
    pub(super) fn file(&mut self, from: &Path, to: &str, immutable: bool) -> anyhow::Result<()> {
        let target = self.into.join(to);
        make_parent(&target)?;
        if immutable
            && is_named_by_content(to)
            && let Some(previous) = self.previous
            && let Some(known) = previous.files.get(to)
            && fs::metadata(from).is_ok_and(|about| about.len() == known.bytes)
            && fs::hard_link(previous.folder.join(to), &target).is_ok()
        {
            self.shared_bytes += known.bytes;
            (self.done)(known.bytes);
            self.files.push(known.clone());
            return Ok(());
        }
        let (bytes, sha256) = copy(from, &target).with_context(|| format!("`{}`", from.display()))?;
        (self.done)(bytes);
        self.files.push(FileEntry { path: to.to_owned(), bytes, sha256 });
        Ok(())
    }

    /// Writes down a file that another made in the target.
    pub(super) fn take(&mut self, to: &str) -> anyhow::Result<()> {
        let path = self.into.join(to);
        let (bytes, sha256) = hash(&path).with_context(|| format!("`{}`", path.display()))?;
        (self.done)(bytes);
        self.files.push(FileEntry { path: to.to_owned(), bytes, sha256 });
        Ok(())
    }

    /// The same for every file below a folder of the target.
    pub(super) fn take_folder(&mut self, to: &str) -> anyhow::Result<()> {
        let folder = self.into.join(to);
        let mut names: Vec<_> = Vec::new();
        for entry in fs::read_dir(&folder).with_context(|| format!("`{}`", folder.display()))? {
            let entry = entry.with_context(|| format!("`{}`", folder.display()))?;
            names.push((entry.file_name().to_string_lossy().into_owned(), entry.path().is_dir()));
        }
        names.sort_unstable();
        for (name, is_folder) in names {
            let below = format!("{to}/{name}");
            if is_folder { self.take_folder(&below)? } else { self.take(&below)? }
        }
        Ok(())
    }
}

/// Whether a file of the index is one that never changes: its name begins with a random id of 128 bits.
fn is_named_by_content(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split_once('.').is_some_and(|(id, _)| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Files that are being written, and marks of running programs.
fn is_passing(name: &str) -> bool {
    name.ends_with(".new") || name == "lock" || name == "probe" || name.ends_with(".lock") || name.ends_with(".sock")
}

fn is_gone(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Copies a file durably into a new one (mode 0600); gives length and hash of what was written.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<(u64, String)> {
    let source = File::open(from)?;
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let outcome = through(source, &mut target)?;
    target.sync_all()?;
    Ok(outcome)
}

/// Length and hash of a file.
pub(super) fn hash(path: &Path) -> io::Result<(u64, String)> {
    through(File::open(path)?, &mut io::sink())
}

fn through(mut from: File, to: &mut dyn Write) -> io::Result<(u64, String)> {
    let (mut context, mut block, mut bytes) = (Context::new(&SHA256), vec![0; BLOCK_BYTES], 0);
    loop {
        let read = match from.read(&mut block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let Some(part) = block.get(..read).filter(|part| !part.is_empty()) else { break };
        context.update(part);
        to.write_all(part)?;
        bytes += part.len() as u64;
    }
    Ok((bytes, hex::encode(context.finish())))
}

/// Makes a folder for its owner alone.
pub(super) fn make_folder(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| format!("`{}`", path.display()))
}

pub(super) fn make_parent(path: &Path) -> anyhow::Result<()> {
    path.parent().map_or(Ok(()), make_folder)
}

/// Writes a small file durably.
pub(super) fn put(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let written = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    written().with_context(|| format!("`{}`", path.display()))
}

/// Makes the names in a folder and in those below durable.
pub(super) fn sync_folders(folder: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("`{}`", folder.display()))? {
        let path = entry.with_context(|| format!("`{}`", folder.display()))?.path();
        if path.is_dir() {
            sync_folders(&path)?;
        }
    }
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(|| format!("`{}`", folder.display()))
}

/// Whether a folder is there and holds something.
pub(super) fn is_filled(folder: &Path) -> anyhow::Result<bool> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        entries => Ok(entries.with_context(|| format!("`{}`", folder.display()))?.next().is_some()),
    }
}

/// Reads a file of at most `bytes_max`.
pub(super) fn read(path: &Path, bytes_max: u64) -> anyhow::Result<Vec<u8>> {
    let about = fs::metadata(path).with_context(|| format!("`{}`", path.display()))?;
    anyhow::ensure!(about.len() <= bytes_max, "`{}` is longer than {bytes_max} bytes", path.display());
    fs::read(path).with_context(|| format!("`{}`", path.display()))
}

/// Refuses a folder whose file system has less room than this.
pub(super) fn check_room(folder: &Path, bytes: u64) -> anyhow::Result<()> {
    let there = folder.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
    let about =
        rustix::fs::statvfs(there).map_err(io::Error::from).with_context(|| format!("`{}`", there.display()))?;
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    anyhow::ensure!(
        free > bytes,
        "`{}` has {} MiB free, and {} MiB are needed; name another folder or make room",
        there.display(),
        free >> 20,
        bytes >> 20
    );
    Ok(())
}

/// Whether two places lie on one file system, so that links between them can be made.
pub(super) fn same_device(one: &Path, other: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|about| about.dev()).ok();
    device(one).is_some() && device(one) == device(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_copied_with_hashes_and_shared_with_the_backup_before() {
        let place = tempfile::tempdir().unwrap();
        let (from, one, two) = (place.path().join("from"), place.path().join("one"), place.path().join("two"));
        fs::create_dir_all(from.join("slice")).unwrap();
        for (name, text) in [
            ("slice/0a1b2c3d000000000000000000000001.store", "aaa"),
            ("slice/.lock", ""),
            ("slice/b.new", "half"),
            ("c", "see"),
        ] {
            fs::write(from.join(name), text).unwrap();
        }
        fs::create_dir(&one).unwrap();
        let mut copier = Copier::new(&one, None, |_| {});
        copier.folder(&from, "data/index", true).unwrap();
        let paths: Vec<_> = copier.files.iter().map(|file| (file.path.as_str(), file.bytes)).collect();
        assert_eq!(paths, [("data/index/c", 3), ("data/index/slice/0a1b2c3d000000000000000000000001.store", 3)]);
        assert_eq!(copier.files[1].sha256, "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0");
        let files = copier.files.into_iter().map(|file| (file.path.clone(), file)).collect();
        let previous = Previous { id: "one".to_owned(), folder: one.clone(), files };
        let mut done = 0;
        let mut copier = Copier::new(&two, Some(&previous), |bytes| done += bytes);
        copier.folder(&from, "data/index", true).unwrap();
        assert_eq!((copier.shared_bytes, copier.files.len()), (3, 2));
        drop(copier);
        assert_eq!(done, 6);
        let inode = |folder: &Path, name: &str| fs::metadata(folder.join("data/index").join(name)).unwrap().ino();
        let shared = "slice/0a1b2c3d000000000000000000000001.store";
        assert_eq!(inode(&one, shared), inode(&two, shared));
        assert_ne!(inode(&one, "c"), inode(&two, "c"), "what may change under its name is never shared");
        assert!(is_filled(&one).unwrap() && !is_filled(&place.path().join("none")).unwrap());
        assert!(copy(&from.join("c"), &two.join("data/index/c")).is_err(), "nothing is written over");
        assert!(check_room(place.path(), u64::MAX).unwrap_err().to_string().contains("are needed"));
    }
}
