//! The manifest: which files a bundle holds, each with its length and SHA-256.

use std::fmt::Write as _;

use super::{BundleError, FILE_BYTES_MAX, FILES_MAX, PATH_BYTES_MAX, UNPACKED_BYTES_MAX};

/// The first line of its text, with the version of the form.
const HEAD: &str = "metrosoc rules bundle v1";
const CREATED: &str = "created ";
const DIGEST_BYTES: usize = 32;

/// What is in a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    /// When it was made, as it says.
    pub(super) created: String,
    /// Its files, in the order of the paths.
    pub(super) files: Vec<Listed>,
}

/// A file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its path in the bundle.
    pub(super) path: String,
    /// Its length.
    pub(super) bytes: u64,
    /// Its SHA-256.
    pub(super) digest: Vec<u8>,
}

impl Manifest {
    /// The text that is signed: head, time, then `SHA256 BYTES PATH` for each file.
    ///
    /// # Errors
    /// When a path cannot stand in a bundle or a file is too long.
    pub(super) fn text(&self) -> Result<String, BundleError> {
        let mut text = format!("{HEAD}\n{CREATED}{}\n", self.created);
        for file in &self.files {
            check_path(&file.path)?;
            if file.bytes > FILE_BYTES_MAX {
                return Err(BundleError::TooLarge { what: "more bytes in one file", most: FILE_BYTES_MAX });
            }
            let digest: String = file.digest.iter().map(|byte| format!("{byte:02x}")).collect();
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{digest} {} {}", file.bytes, file.path);
        }
        Ok(text)
    }

    /// Reads what [`Manifest::text`] writes, and nothing else.
    ///
    /// # Errors
    /// With the line that is out of place.
    pub(super) fn parse(text: &str) -> Result<Self, BundleError> {
        let fault = |line, reason| BundleError::Manifest { line, reason };
        let mut lines = text.lines();
        if lines.next() != Some(HEAD) {
            return Err(fault(1, "is not `metrosoc rules bundle v1`"));
        }
        let created =
            lines.next().and_then(|line| line.strip_prefix(CREATED)).ok_or(fault(2, "is no `created TIME`"))?;
        let mut files: Vec<Listed> = Vec::new();
        let mut total = 0_u64;
        for (line, text) in lines.enumerate().map(|(at, text)| (at + 3, text)) {
            if files.len() >= FILES_MAX {
                return Err(BundleError::TooLarge { what: "more files", most: FILES_MAX as u64 });
            }
            let file = listed(text).ok_or(fault(line, "is not `SHA256 BYTES PATH`"))?;
            check_path(&file.path)?;
            if files.last().is_some_and(|last| last.path >= file.path) {
                return Err(fault(line, "is not in the order of the paths, or names one twice"));
            }
            total = total.saturating_add(file.bytes);
            if file.bytes > FILE_BYTES_MAX || total > UNPACKED_BYTES_MAX {
                return Err(BundleError::TooLarge { what: "more bytes unpacked", most: UNPACKED_BYTES_MAX });
            }
            files.push(file);
        }
        Ok(Self { created: created.to_owned(), files })
    }
}

fn listed(line: &str) -> Option<Listed> {
    let mut parts = line.splitn(3, ' ');
    let (digest, bytes, path) = (parts.next()?, parts.next()?, parts.next()?);
    if digest.len() != 2 * DIGEST_BYTES || !digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let digit = |at: usize| u8::from_str_radix(digest.get(at..at + 2)?, 16).ok();
    let digest = (0..DIGEST_BYTES).map(|at| digit(2 * at)).collect::<Option<Vec<u8>>>()?;
    let is_plain = bytes.bytes().all(|byte| byte.is_ascii_digit()) && (bytes == "0" || !bytes.starts_with('0'));
    let bytes = is_plain.then(|| bytes.parse().ok()).flatten()?;
    Some(Listed { path: path.to_owned(), bytes, digest })
}

/// A path that leads into the bundle, to a file of rules.
///
/// # Errors
/// [`BundleError::Path`].
pub(super) fn check_path(path: &str) -> Result<(), BundleError> {
    let fault = |reason| Err(BundleError::Path { path: path.chars().take(PATH_BYTES_MAX).collect(), reason });
    if path.len() > PATH_BYTES_MAX {
        return fault("it is longer than 255 bytes");
    }
    if path.chars().any(|c| c.is_control() || c == '\\') {
        return fault("it holds control characters or backslashes");
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return fault("it leads outside, or has empty parts");
    }
    if !path.ends_with(".yml") && !path.ends_with(".yaml") {
        return fault("it is no `.yml` or `.yaml` file");
    }
    Ok(())
}
