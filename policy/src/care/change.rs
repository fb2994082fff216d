//! The difference between two policies: lines, in no order, since their order means nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::guard::PolicyText;

/// Most lines of either side that are listed; the counts are of all.
const LISTED_MAX: usize = 2_000;

/// What is different.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Lines that only the later policy has; at most 2,000.
    pub added: Vec<String>,
    /// Lines that only the earlier policy had; at most 2,000.
    pub removed: Vec<String>,
    /// How many were added.
    pub added_count: usize,
    /// How many were removed.
    pub removed_count: usize,
    /// The other files that differ: `model.conf`, `purposes.yml`, `masks.yml`.
    pub files: Vec<String>,
}

/// Compares two policies; comments, blanks and the order of lines do not count.
pub fn changes(before: &PolicyText, after: &PolicyText) -> Change {
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for line in lines(&before.policy) {
        counts.entry(line).or_default().0 += 1;
    }
    for line in lines(&after.policy) {
        counts.entry(line).or_default().1 += 1;
    }
    let mut change = Change::default();
    for (line, (had, has)) in counts {
        let (list, count) = match had.cmp(&has) {
            std::cmp::Ordering::Less => (&mut change.added, &mut change.added_count),
            std::cmp::Ordering::Greater => (&mut change.removed, &mut change.removed_count),
            std::cmp::Ordering::Equal => continue,
        };
        *count += 1;
        if list.len() < LISTED_MAX {
            list.push(line);
        }
    }
    let files = [
        ("model.conf", &before.model, &after.model),
        ("purposes.yml", &before.purposes, &after.purposes),
        ("masks.yml", &before.masks, &after.masks),
    ];
    change.files = files.into_iter().filter(|(_, one, other)| one != other).map(|(name, ..)| name.to_owned()).collect();
    change
}

fn lines(text: &str) -> impl Iterator<Item = String> {
    let meant = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    meant.map(|line| line.split(',').map(str::trim).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_spaces_and_comments_do_not_count() {
        let text = |policy: &str| PolicyText { policy: policy.into(), ..PolicyText::embedded() };
        let one = text("# a\np, admin, all, sites, read, any, allow\np, dpo, all, audit, read, any, allow\n");
        let other = text("p,dpo,all,audit,read,any,allow\n\n p, admin,all, sites, read, any, allow");
        assert_eq!(changes(&one, &other), Change::default());
        let third = PolicyText { masks: String::new(), ..text("p, dpo, all, audit, export, any, allow") };
        let change = changes(&one, &third);
        assert_eq!(change.added, ["p, dpo, all, audit, export, any, allow"]);
        assert_eq!((change.added_count, change.removed_count), (1, 2));
        assert_eq!(change.files, ["masks.yml"]);
    }
}
