//! The fields that events of a log source have: `rules/taxonomy/*.yml`.

use super::super::fields::logsource_of;
use super::super::logsource::LogSource;
use super::super::yaml::{self, Node};
use crate::DetectorError;

const EMBEDDED: [(&str, &str); 3] = [
    ("rules/taxonomy/windows.yml", include_str!("../../../../rules/taxonomy/windows.yml")),
    ("rules/taxonomy/unix.yml", include_str!("../../../../rules/taxonomy/unix.yml")),
    ("rules/taxonomy/network.yml", include_str!("../../../../rules/taxonomy/network.yml")),
];

/// Fields by log source.
#[derive(Debug, Clone, Default)]
pub struct Taxonomy(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    logsource: LogSource,
    /// There are fields besides these: it adds to other entries and decides nothing alone.
    partial: bool,
    fields: Vec<String>,
}

impl Taxonomy {
    /// The lists that the product ships.
    ///
    /// # Errors
    /// [`DetectorError::FieldMap`] when a shipped file is broken, which a test excludes.
    pub fn embedded() -> Result<Self, DetectorError> {
        let mut all = Self::default();
        for (path, text) in EMBEDDED {
            all.0.extend(Self::parse(path, text)?.0);
        }
        Ok(all)
    }

    /// Reads a list; `path` is named in errors.
    ///
    /// # Errors
    /// [`DetectorError::FieldMap`] with what is wrong.
    pub fn parse(path: &str, text: &str) -> Result<Self, DetectorError> {
        let fault = |reason: String| DetectorError::FieldMap { path: path.to_owned(), reason };
        let mut entries = Vec::new();
        for document in yaml::documents(text) {
            let node = document.node.map_err(|found| fault(found.to_string()))?;
            let Some(Node::List(items)) = node.get("logsources") else {
                return Err(fault("`logsources` is missing".to_owned()));
            };
            for item in items {
                entries.push(entry(item).map_err(fault)?);
            }
        }
        Ok(Self(entries))
    }

    /// The fields of a log source; `None` when they are not known.
    pub(super) fn fields(&self, logsource: &LogSource) -> Option<Vec<&str>> {
        let fitting: Vec<&Entry> = self.0.iter().filter(|entry| logsource.implies(&entry.logsource)).collect();
        if fitting.iter().all(|entry| entry.partial) {
            return None;
        }
        Some(fitting.iter().flat_map(|entry| entry.fields.iter().map(String::as_str)).collect())
    }
}

fn entry(item: &Node) -> Result<Entry, String> {
    let logsource = item.get("logsource").map(logsource_of).unwrap_or_default();
    if logsource.is_empty() {
        return Err("an entry has no `logsource`".to_owned());
    }
    let fields = item.get("fields").map(Node::texts).unwrap_or_default();
    if fields.is_empty() {
        return Err(format!("`{logsource}` has no `fields`"));
    }
    Ok(Entry { logsource, partial: item.get("partial") == Some(&Node::Bool(true)), fields })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_lists_are_good() {
        let taxonomy = Taxonomy::embedded().unwrap();
        let source = |product: &str, category: &str| LogSource {
            product: Some(product.to_owned()),
            category: Some(category.to_owned()),
            service: None,
        };
        let fields = taxonomy.fields(&source("windows", "process_creation")).unwrap();
        assert!(fields.contains(&"CommandLine") && fields.contains(&"EventID") && !fields.contains(&"QueryName"));
        assert_eq!(taxonomy.fields(&source("windows", "something_new")), None);
        for entry in &taxonomy.0 {
            let mut fields = entry.fields.clone();
            fields.sort();
            fields.dedup();
            assert_eq!(fields.len(), entry.fields.len(), "{} names a field twice", entry.logsource);
        }
    }

    #[test]
    fn faults_are_told() {
        let reason = |text| Taxonomy::parse("x.yml", text).unwrap_err().to_string();
        assert_eq!(reason("name: x\n"), "field map `x.yml`: `logsources` is missing");
        assert!(reason("logsources: [{fields: [a]}]").contains("has no `logsource`"));
        assert!(reason("logsources: [{logsource: {product: x}}]").contains("`x/-/-` has no `fields`"));
    }
}
