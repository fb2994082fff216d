//! Embeds the migrations: `FOLDER/NNNN_name.sql` becomes one line of a table; a new or changed file rebuilds.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

/// Each folder is the tables of one kind of database.
const FOLDERS: [&str; 2] = ["migrations", "vault_keys"];

fn main() -> Result<(), Box<dyn Error>> {
    FOLDERS.iter().try_for_each(|folder| embed(folder))
}

fn embed(folder: &str) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={folder}");
    let root = env::var("CARGO_MANIFEST_DIR")?;
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(Path::new(&root).join(folder))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        // Editors leave files of their own.
        if !name.ends_with(".sql") || name.starts_with('.') {
            continue;
        }
        let (version, description) =
            parse(&name).ok_or_else(|| format!("migration `{name}` is not called NNNN_name.sql"))?;
        println!("cargo::rerun-if-changed={folder}/{name}");
        if let Some((other, _)) = found.insert(version, (name.clone(), (description, path))) {
            return Err(format!("migrations `{other}` and `{name}` have the same number").into());
        }
    }
    let mut table = String::from("&[\n");
    for (version, (_, (description, path))) in &found {
        writeln!(table, "    ({version}, {description:?}, include_str!({path:?})),")?;
    }
    table.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join(format!("{folder}.rs")), table)?;
    Ok(())
}

fn parse(name: &str) -> Option<(u32, String)> {
    let (number, rest) = name.strip_suffix(".sql")?.split_once('_')?;
    let digits = number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || rest.is_empty() {
        return None;
    }
    Some((number.parse().ok()?, rest.replace('_', " ")))
}
