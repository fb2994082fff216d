//! Draws an explanation for a terminal: the verdict first, then why, then every node.

use super::words::{Words, fill};
use super::{ConditionNode, DetectionNode, Explanation, ItemNode, Language, NodeKind, SelectionNode, WantedValue};

/// Most wanted values of each truth that one item shows.
const VALUES_SHOWN_MAX: usize = 6;
/// Most values of the event that one item shows.
const FOUND_SHOWN_MAX: usize = 3;
/// Most characters of a value in a line.
const VALUE_CHARS_MAX: usize = 160;

pub(super) fn draw(explanation: &Explanation, language: Language) -> String {
    let mut drawing = Drawing { words: language.words(), text: String::new() };
    drawing.head(explanation);
    drawing.line(0, &format!("{}:", drawing.words.condition));
    drawing.condition(&explanation.condition, 1);
    for selection in &explanation.selections {
        drawing.selection(selection);
    }
    drawing.text
}

struct Drawing {
    words: &'static Words,
    text: String,
}

impl Drawing {
    fn line(&mut self, depth: usize, text: &str) {
        self.text.push_str(&"  ".repeat(depth));
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn head(&mut self, explanation: &Explanation) {
        let words = self.words;
        let verdict = if explanation.matches { words.matches } else { words.no_match };
        let Explanation { title, level, rule, path, line, .. } = explanation;
        self.line(0, &format!("{} {verdict}: {title} ({})", mark(explanation.matches), level.as_str()));
        self.line(1, &format!("{rule}  {path}:{line}"));
        let source = &explanation.logsource;
        let events = source.event.join(", ");
        let told = match (source.fits, events.is_empty()) {
            (true, _) => fill(words.source_fits, &[&source.rule]),
            (false, true) => fill(words.source_unknown, &[&source.rule]),
            (false, false) => fill(words.source_differs, &[&source.rule, &events]),
        };
        self.line(1, &format!("{} {told}", mark(source.fits)));
        for part in &source.missing {
            let told = match &part.found {
                Some(found) => fill(words.part_missing, &[part.part, &part.wanted, found]),
                None => fill(words.part_absent, &[part.part, &part.wanted]),
            };
            self.line(3, &told);
        }
        let decides = explanation
            .because
            .iter()
            .map(|one| fill(if one.holds { words.decides_true } else { words.decides_false }, &[&one.selection]));
        let decides = decides.collect::<Vec<_>>().join(", ");
        self.line(1, &format!("{} {} {decides}", mark(explanation.condition.holds), words.because));
    }

    fn condition(&mut self, node: &ConditionNode, depth: usize) {
        let name = match (node.kind, &node.selection) {
            (NodeKind::Selection, Some(name)) => name.as_str(),
            (kind, _) => self.words.node(kind),
        };
        self.line(depth, &format!("{} {name}", mark(node.holds)));
        for part in &node.parts {
            self.condition(part, depth + 1);
        }
    }

    fn selection(&mut self, selection: &SelectionNode) {
        let unasked = if selection.asked { String::new() } else { format!(" ({})", self.words.unasked) };
        self.line(0, &format!("{}:{unasked}", selection.name));
        self.detection(&selection.detection, 1);
    }

    fn detection(&mut self, node: &DetectionNode, depth: usize) {
        let (kind, holds, parts) = match node {
            DetectionNode::All { holds, parts } => (NodeKind::All, holds, parts),
            DetectionNode::Any { holds, parts } => (NodeKind::Any, holds, parts),
            DetectionNode::Item(item) => return self.item(item, depth),
        };
        self.line(depth, &format!("{} {}", mark(*holds), self.words.node(kind)));
        for part in parts {
            self.detection(part, depth + 1);
        }
    }

    fn item(&mut self, item: &ItemNode, depth: usize) {
        let words = self.words;
        let field = item.field.as_deref().unwrap_or(words.keywords);
        let key = std::iter::once(field).chain(item.modifiers.iter().map(String::as_str)).collect::<Vec<_>>().join("|");
        let reason = item.reason.as_ref().map(|reason| format!(": {}", words.reason(reason))).unwrap_or_default();
        self.line(depth, &format!("{} {key}{reason}", mark(item.holds)));
        if let Some(name) = &item.event_field {
            let shown = item.found.iter().take(FOUND_SHOWN_MAX).map(|value| quoted(value)).collect::<Vec<_>>();
            let rest = item.found_total.saturating_sub(shown.len());
            let more = if rest == 0 { String::new() } else { format!(" {}", fill(words.more, &[&rest.to_string()])) };
            self.line(depth + 2, &format!("{}: {name} = {}{more}", words.found, shown.join(", ")));
        }
        // What holds comes first: it is what an analyst looks for.
        for wanted in [true, false] {
            let all: Vec<&WantedValue> = item.values.iter().filter(|value| value.holds == wanted).collect();
            for value in all.iter().take(VALUES_SHOWN_MAX) {
                self.line(depth + 2, &format!("{} {}", mark(value.holds), wanted_text(&value.value)));
            }
            let rest = all.len().saturating_sub(VALUES_SHOWN_MAX);
            if rest > 0 {
                let more = fill(words.more, &[&rest.to_string()]);
                self.line(depth + 2, &format!("{} {more}", mark(wanted)));
            }
        }
    }
}

fn mark(holds: bool) -> char {
    if holds { '✓' } else { '✗' }
}

/// Null stands bare: it is no text.
fn wanted_text(value: &str) -> String {
    if value == "null" { value.to_owned() } else { quoted(value) }
}

/// In quotes, one line, without what a terminal would obey.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for (at, c) in value.chars().enumerate() {
        if at >= VALUE_CHARS_MAX {
            text.push('…');
            break;
        }
        match c {
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            c if c.is_control() || is_direction(c) => text.extend(c.escape_unicode()),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// Marks that turn the direction of writing, with which text pretends to be other text.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}
