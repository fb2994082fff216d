//! Paths with `*` and `?`, which stand for characters of one name, never for `/`.

use std::path::{Path, PathBuf};

/// Most paths of one pattern, and most entries of a folder that are looked at.
const PATHS_MAX: usize = 10_000;

/// The paths that a pattern names now, in order. A pattern without `*` and `?` names itself, whether it is there or not.
pub fn matching(pattern: &str) -> Vec<PathBuf> {
    let root = if pattern.starts_with('/') { "/" } else { "" };
    let mut found = vec![PathBuf::from(root)];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        found = found.iter().flat_map(|folder| step(folder, part)).take(PATHS_MAX).collect();
    }
    found
}

fn step(folder: &Path, part: &str) -> Vec<PathBuf> {
    if !part.contains(['*', '?']) {
        return vec![folder.join(part)];
    }
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = std::fs::read_dir(here).into_iter().flatten().flatten().take(PATHS_MAX);
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    // As in a shell, hidden files must be meant.
    let meant =
        |name: &String| (part.starts_with('.') || !name.starts_with('.')) && fits(part.as_bytes(), name.as_bytes());
    let mut names: Vec<String> = names.filter(meant).collect();
    names.sort();
    names.into_iter().map(|name| folder.join(name)).collect()
}

/// Whether a name fits; steps back to the last `*` only, so that it takes no more than the product of both lengths.
fn fits(mut pattern: &[u8], mut name: &[u8]) -> bool {
    let mut back: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), name.split_first()) {
            (Some((b'*', rest)), _) => {
                back = Some((rest, name));
                pattern = rest;
            }
            (Some((wanted, behind)), Some((found, rest))) if *wanted == b'?' || wanted == found => {
                (pattern, name) = (behind, rest);
            }
            (None, None) => return true,
            _ => match back.and_then(|(behind, from)| Some((behind, from.split_first()?.1))) {
                Some((behind, from)) => {
                    back = Some((behind, from));
                    (pattern, name) = (behind, from);
                }
                None => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit() {
        for (pattern, name, expected) in [
            ("*.log", "a.log", true),
            ("*.log", "a.log.1", false),
            ("a*b*c", "aXbYbZc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("**a", "bca", true),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn paths_are_found() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a/x.log", "b/y.log", "b/z.txt", "b/.h.log"] {
            std::fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let found = |pattern: &str| -> Vec<String> {
            let paths = matching(&format!("{}/{pattern}", dir.path().display()));
            paths.iter().map(|path| path.strip_prefix(dir.path()).unwrap().display().to_string()).collect()
        };
        assert_eq!(found("*/*.log"), ["a/x.log", "b/y.log"]);
        assert_eq!(found("?/z.txt"), ["a/z.txt", "b/z.txt"]);
        assert_eq!(found("none/*.log"), Vec::<String>::new());
    }
}
