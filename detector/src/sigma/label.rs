//! How a rule writes an item, kept for explanations: key and values in one piece of text.

use super::yaml::Node;

/// Longest text of one value that is kept, in bytes; longer ones end in `…`.
const VALUE_BYTES_MAX: usize = 512;

/// `field|modifiers` and the values behind it. Two allocations an item: three thousand rules have ten thousand items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Label {
    text: Box<str>,
    /// Where the key ends, then where each value ends.
    ends: Box<[u32]>,
}

impl Label {
    /// Keeps a key and its values as a person would write them; null is written `null`.
    pub(crate) fn new(key: &str, values: &[&Node]) -> Self {
        let mut text = key.to_owned();
        let mut ends = Vec::with_capacity(values.len() + 1);
        ends.push(offset(text.len()));
        for value in values {
            let whole = value.scalar().unwrap_or_else(|| "null".to_owned());
            push_cut(&mut text, &whole);
            ends.push(offset(text.len()));
        }
        Self { text: text.into(), ends: ends.into() }
    }

    /// The field with its modifiers; empty for keywords without modifiers.
    pub(crate) fn key(&self) -> &str {
        let end = self.ends.first().copied().unwrap_or(0);
        self.text.get(..end as usize).unwrap_or_default()
    }

    /// The field alone; empty for keywords.
    pub(crate) fn field(&self) -> &str {
        self.key().split('|').next().unwrap_or_default()
    }

    /// The modifiers in the order written.
    pub(crate) fn modifiers(&self) -> impl Iterator<Item = &str> {
        self.key().split('|').skip(1)
    }

    /// The values in the order written.
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        let starts = self.ends.iter();
        let ends = self.ends.iter().skip(1);
        starts.zip(ends).map(|(start, end)| self.text.get(*start as usize..*end as usize).unwrap_or_default())
    }
}

fn push_cut(text: &mut String, value: &str) {
    if value.len() <= VALUE_BYTES_MAX {
        text.push_str(value);
        return;
    }
    text.push_str(value.get(..value.floor_char_boundary(VALUE_BYTES_MAX)).unwrap_or_default());
    text.push('…');
}

fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_and_values_come_back() {
        let values = [Node::Text("a\u{0}b".into()), Node::Null, Node::Int(-4), Node::Text(String::new())];
        let label = Label::new("CommandLine|contains|all", &values.iter().collect::<Vec<_>>());
        assert_eq!((label.key(), label.field()), ("CommandLine|contains|all", "CommandLine"));
        assert_eq!(label.modifiers().collect::<Vec<_>>(), ["contains", "all"]);
        assert_eq!(label.values().collect::<Vec<_>>(), ["a\u{0}b", "null", "-4", ""]);
        assert_eq!((Label::default().key(), Label::default().values().count()), ("", 0));
        let long = Node::Text("đ".repeat(VALUE_BYTES_MAX));
        let label = Label::new("", &[&long]);
        assert_eq!(label.values().next().unwrap().len(), VALUE_BYTES_MAX + '…'.len_utf8());
    }
}
