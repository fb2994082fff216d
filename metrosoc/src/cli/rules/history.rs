//! `metrosoc rules history`: the versions of a rule that came into force, and what each changed.

use event::RuleId;
use serde_json::Value;

use crate::cli::Context;
use crate::cli::output::table;

/// Most pairs of lines that are compared; longer texts are shown as removed and added.
const PAIRS_MAX: usize = 4_000_000;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: metrosoc rules history c498b6e7-3648-445e-9afa-3a387f006745 --diff")]
pub struct Arguments {
    /// A rule's id
    rule: RuleId,
    /// Show what each version changed of the text
    #[arg(long)]
    diff: bool,
}

pub fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let path = format!("/api/v1/rules/{}/versions", arguments.rule);
    let answer: Value = runtime.block_on(async { context.client()?.get(&path).await })?;
    context.output.print(&answer, |answer| {
        let versions = answer.get("versions").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut text = table(&versions, &["number", "time", "actor", "action", "modified", "digest", "ledger", "path"]);
        if arguments.diff {
            text.push_str(&diffs(&versions));
        }
        text
    })
}

/// What each version changed, the latest first.
fn diffs(versions: &[Value]) -> String {
    let text = |version: Option<&Value>, key: &str| {
        version.and_then(|version| version.get(key)).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let mut told = String::new();
    for (at, version) in versions.iter().enumerate() {
        let before = text(versions.get(at + 1), "text");
        let number = version.get("number").map(Value::to_string).unwrap_or_default();
        told.push_str(&format!("\nversion {number}, {}\n", text(Some(version), "action")));
        for (mark, line) in diff(&before, &text(Some(version), "text")) {
            told.push_str(&format!("{mark} {}\n", line.trim_end().escape_debug()));
        }
    }
    told
}

/// The lines of both texts in order: `-` gone, `+` new, ` ` in both.
fn diff<'t>(old: &'t str, new: &'t str) -> Vec<(char, &'t str)> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let (head, old) = old.split_at(same);
    let (_, new) = new.split_at(same);
    let same = old.iter().rev().zip(new.iter().rev()).take_while(|(one, other)| one == other).count();
    let (old, tail) = old.split_at(old.len() - same);
    let (new, _) = new.split_at(new.len() - same);
    let mut lines: Vec<(char, &str)> = head.iter().map(|line| (' ', *line)).collect();
    if old.len().saturating_mul(new.len()) <= PAIRS_MAX {
        middle(old, new, &mut lines);
    } else {
        lines.extend(old.iter().map(|line| ('-', *line)));
        lines.extend(new.iter().map(|line| ('+', *line)));
    }
    lines.extend(tail.iter().map(|line| (' ', *line)));
    lines
}

/// By the longest common sequence of lines: `lengths[i][j]` is that of what follows line i of the old and j of the new.
fn middle<'t>(old: &[&'t str], new: &[&'t str], lines: &mut Vec<(char, &'t str)>) {
    let width = new.len() + 1;
    let mut lengths = vec![0_u32; (old.len() + 1) * width];
    let at = |lengths: &[u32], i: usize, j: usize| lengths.get(i * width + j).copied().unwrap_or(0);
    for (i, one) in old.iter().enumerate().rev() {
        for (j, other) in new.iter().enumerate().rev() {
            let length = if one == other {
                at(&lengths, i + 1, j + 1) + 1
            } else {
                at(&lengths, i + 1, j).max(at(&lengths, i, j + 1))
            };
            if let Some(place) = lengths.get_mut(i * width + j) {
                *place = length;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    loop {
        match (old.get(i), new.get(j)) {
            (Some(one), Some(other)) if one == other => {
                lines.push((' ', one));
                (i, j) = (i + 1, j + 1);
            }
            (Some(one), other) if other.is_none() || at(&lengths, i + 1, j) >= at(&lengths, i, j + 1) => {
                lines.push(('-', one));
                i += 1;
            }
            (_, Some(other)) => {
                lines.push(('+', other));
                j += 1;
            }
            (_, None) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(old: &str, new: &str, expected: &str) {
        let found: Vec<String> = diff(old, new).iter().map(|(mark, line)| format!("{mark}{line}")).collect();
        assert_eq!(found.join("/"), expected, "{old:?} {new:?}");
    }

    #[test]
    fn texts_are_compared_by_lines() {
        check("a\nb\nc", "a\nx\nc", " a/-b/+x/ c");
        check("", "a\nb", "+a/+b");
        check("a\nb", "", "-a/-b");
        check("a\nb", "a\nb", " a/ b");
        check("a\nb\nc\nd", "b\nc\ne\nd", "-a/ b/ c/+e/ d");
        check("x\na\ny", "a\nz", "-x/ a/-y/+z");
    }

    #[test]
    fn each_version_is_told_against_the_one_before() {
        let versions = [
            json!({ "number": 2, "action": "changed", "text": "a\nc" }),
            json!({ "number": 1, "action": "added", "text": "a\nb" }),
        ];
        let expected = "\nversion 2, changed\n  a\n- b\n+ c\n\nversion 1, added\n+ a\n+ b\n";
        assert_eq!(diffs(&versions), expected);
    }
}
