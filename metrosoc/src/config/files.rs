//! Whether the files and folders that the configuration names can be read.
//!
//! Not looked at: what the server makes itself (the master key, mirrors), what may come later (followed logs), and the
//! policy, without which the server starts and denies everything.

use std::path::Path;

use super::Config;

impl Config {
    /// Calls `check` for every file and folder that is needed at the start: whether it can be read, the key, why not.
    pub(super) fn check_files(&self, check: &mut impl FnMut(bool, &'static str, &str)) {
        let single = [
            ("https.certificate", &self.https.certificate),
            ("https.key", &self.https.key),
            ("store.url_file", &self.store.url_file),
            ("keys.passphrase_file", &self.keys.passphrase_file),
            ("oidc.client_secret_file", &self.oidc.client_secret_file),
            ("oidc.ca_file", &self.oidc.ca_file),
            ("privacy.rules", &self.privacy.rules),
        ];
        let lists = [
            ("rules.paths", self.rules.paths.as_slice()),
            ("rules.pipelines", self.rules.pipelines.as_slice()),
            ("rules.bundles", self.rules.bundles.as_slice()),
            ("respond.playbooks", std::slice::from_ref(&self.respond.playbooks)),
        ];
        let listed = lists.into_iter().flat_map(|(key, paths)| paths.iter().map(move |path| (key, path)));
        for (key, path) in single.into_iter().chain(listed) {
            if path.is_empty() {
                continue;
            }
            if let Err(error) = open(Path::new(path)) {
                check(false, key, &format!("`{path}` cannot be read: {error}"));
            }
        }
    }
}

fn open(path: &Path) -> std::io::Result<()> {
    if path.is_dir() { std::fs::read_dir(path).map(drop) } else { std::fs::File::open(path).map(drop) }
}
