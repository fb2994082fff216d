//! `replace_string`: what fits an expression in a value is replaced, what does not keeps its parts.

use regex::{Captures, Regex};

use super::params::Params;
use super::text::{Part, Text};

/// Longest text that a replacement may make, in bytes.
const BYTES_MAX: usize = 64 * 1024;

/// What is put for a match.
#[derive(Debug)]
pub(super) struct Replacement {
    pieces: Vec<Piece>,
    skips_special: bool,
    interprets: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Group(usize),
}

impl Replacement {
    /// Reads `replacement` with `\1`, `\g<1>` and `\g<name>` for groups of `regex`, and its two flags.
    ///
    /// # Errors
    /// A sentence, when it names a group that the expression does not have.
    pub(super) fn read(params: Params<'_>, regex: &Regex) -> Result<Self, String> {
        let pieces = pieces(&params.needed("replacement")?, regex)?;
        let (skips_special, interprets) = (params.flag("skip_special")?, params.flag("interpret_special")?);
        Ok(Self { pieces, skips_special, interprets })
    }

    /// The text with every match replaced.
    ///
    /// # Errors
    /// A sentence, when it grows too long.
    pub(super) fn apply(&self, regex: &Regex, text: &Text, expands: bool) -> Result<Text, String> {
        let mut left = BYTES_MAX;
        let mut too_long = false;
        let mut put = |found: &Captures<'_>| {
            let made = if too_long { String::new() } else { self.expansion(found) };
            too_long = too_long || made.len() > left;
            left = left.saturating_sub(made.len());
            made
        };
        let made = if self.skips_special {
            text.map_plain(|plain| {
                let replaced = regex.replace_all(plain, |found: &Captures<'_>| put(found));
                let read = if self.interprets { Text::parse(&replaced) } else { Text::plain(&replaced) };
                if self.interprets && expands { read.with_placeholders() } else { read }
            })
        } else {
            whole(regex, text, expands, &mut put)
        };
        if too_long { Err(format!("`replace_string` makes a value of more than {BYTES_MAX} bytes")) } else { Ok(made) }
    }

    fn expansion(&self, found: &Captures<'_>) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Group(number) => out.push_str(found.get(*number).map_or("", |group| group.as_str())),
            }
            if out.len() > BYTES_MAX {
                return out;
            }
        }
        out
    }
}

/// A character of the plain form, or a wildcard or placeholder, with where it ends there.
struct Unit {
    end: usize,
    part: Part,
}

/// Replaces in the plain form, in which a wildcard that is meant as itself has a backslash before it.
fn whole(regex: &Regex, text: &Text, expands: bool, put: &mut dyn FnMut(&Captures<'_>) -> String) -> Text {
    let mut plain = String::new();
    let mut units = Vec::new();
    for part in text.parts() {
        if let Part::Plain(text) = part {
            for c in text.chars() {
                if matches!(c, '*' | '?') {
                    plain.push('\\');
                }
                plain.push(c);
                units.push(Unit { end: plain.len(), part: Part::Plain(c.to_string()) });
            }
        } else {
            match part {
                Part::One => plain.push('?'),
                Part::Placeholder(name) => plain.push_str(&format!("%{name}%")),
                _ => plain.push('*'),
            }
            units.push(Unit { end: plain.len(), part: part.clone() });
        }
    }
    let mut made = Text::default();
    let mut pending = String::new();
    let mut units = units.into_iter().peekable();
    let (mut unit_start, mut from) = (0, 0);
    let mut keep = |upto: usize, from: usize, made: &mut Text, pending: &mut String| {
        while let Some(unit) = units.peek() {
            if unit_start >= upto {
                break;
            }
            let (start, end) = (unit_start, unit.end);
            if start >= from && end <= upto {
                flush(made, pending, expands);
                made.push(unit.part.clone());
            } else {
                pending.push_str(plain.get(start.max(from)..end.min(upto)).unwrap_or_default());
            }
            if end > upto {
                break;
            }
            unit_start = end;
            units.next();
        }
    };
    for found in regex.captures_iter(&plain) {
        let Some(all) = found.get(0) else { continue };
        keep(all.start(), from, &mut made, &mut pending);
        pending.push_str(&put(&found));
        from = all.end();
    }
    keep(plain.len(), from, &mut made, &mut pending);
    flush(&mut made, &mut pending, expands);
    made
}

fn flush(made: &mut Text, pending: &mut String, expands: bool) {
    if !pending.is_empty() {
        let read = Text::parse_replaced(&std::mem::take(pending));
        made.append(&if expands { read.with_placeholders() } else { read });
    }
}

fn pieces(text: &str, regex: &Regex) -> Result<Vec<Piece>, String> {
    let mut found = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let digits = after.bytes().take(2).take_while(u8::is_ascii_digit).count();
        let (name, behind) = if digits > 0 {
            after.split_at(digits)
        } else if let Some((name, behind)) = after.strip_prefix("g<").and_then(|inner| inner.split_once('>')) {
            (name, behind)
        } else {
            let escaped = after.chars().next();
            plain.push_str(match escaped {
                Some('n') => "\n",
                Some('t') => "\t",
                Some('r') => "\r",
                Some('\\') => "\\",
                _ => {
                    plain.push('\\');
                    rest = after;
                    continue;
                }
            });
            rest = after.get(1..).unwrap_or_default();
            continue;
        };
        let number = name.parse().ok().or_else(|| regex.capture_names().position(|own| own == Some(name)));
        match number.filter(|number| *number < regex.captures_len()) {
            Some(number) => {
                found.push(Piece::Text(std::mem::take(&mut plain)));
                found.push(Piece::Group(number));
            }
            None => return Err(format!("`replacement` names group `{name}`, which `regex` does not have")),
        }
        rest = behind;
    }
    plain.push_str(rest);
    found.push(Piece::Text(plain));
    Ok(found)
}
