//! The classes as documentation shows them.

use std::fmt::Write;

use super::{PrivacyRules, Sensitivity};

/// A table of the classes: kind, threshold, words.
pub fn classes_markdown(rules: &PrivacyRules) -> String {
    let mut page = String::from("| class | kind | in text | threshold | words before a value, for example |\n");
    page.push_str("| --- | --- | --- | --- | --- |\n");
    for rule in rules.classes() {
        let kind = match rule.sensitivity {
            Sensitivity::Basic => "basic",
            Sensitivity::Sensitive => "sensitive",
        };
        let scan = if rule.scan { "yes" } else { "no" };
        let words: Vec<&str> = rule.lead.iter().chain(&rule.context).map(String::as_str).take(4).collect();
        // Writing into a String cannot fail.
        let _ = writeln!(page, "| {} | {kind} | {scan} | {} | {} |", rule.class, rule.threshold, words.join(", "));
    }
    page
}
