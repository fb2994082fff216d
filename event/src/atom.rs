//! An atom: one comparison of a rule that was true of an event, kept as the evidence of a finding.

use serde::{Deserialize, Serialize};

use crate::{Masks, Visibility};

/// What ends a text that was cut. A cut value is never masked: its last characters are not the value's.
const CUT: char = '…';

/// One comparison that held. It may carry a value of the event: show it through [`Atom::masked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Atom {
    /// The search identifier in which it stands; `group-by` for a correlation.
    pub selection: String,
    /// The event's own name of the field; the rule's where the event has none of it; nothing for keywords.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// How it was compared: the rule's modifiers in the order written, such as `contains|all`; empty for equality.
    #[serde(default)]
    pub operator: String,
    /// What the rule wants, as it writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The value that was compared; nothing for keywords and for what must be absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl Atom {
    /// What may be shown of it; `None` when its field is hidden. Of a field that is not clear the value has its masked
    /// form and the pattern is left out: an equal pattern would tell the value.
    #[must_use]
    pub fn masked(self, masks: &dyn Masks) -> Option<Self> {
        let Some(field) = self.field.clone() else {
            // Keywords are found in text as a whole.
            return masks.free_text().then_some(self);
        };
        match crate::visibility(masks, &field) {
            Visibility::Hidden => None,
            Visibility::Masked => {
                let whole = self.value.as_deref().filter(|value| !value.ends_with(CUT));
                let value =
                    whole.and_then(|value| crate::shown_text(masks, &field, value)).map(|shown| shown.into_owned());
                Some(Self { pattern: None, value, ..self })
            }
            Visibility::Clear if self.refers() && !self.pattern_is_clear(masks) => {
                Some(Self { pattern: None, value: None, ..self })
            }
            Visibility::Clear => Some(self),
        }
    }

    /// Whether it compares two fields, so that one value tells the other.
    fn refers(&self) -> bool {
        self.operator.split('|').any(|modifier| modifier == "fieldref")
    }

    fn pattern_is_clear(&self, masks: &dyn Masks) -> bool {
        self.pattern.as_deref().is_some_and(|field| crate::visibility(masks, field) == Visibility::Clear)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[derive(Debug)]
    struct Some4;

    impl Masks for Some4 {
        fn visibility(&self, field: &str) -> Visibility {
            match field {
                "user.name" => Visibility::Masked,
                "host.name" => Visibility::Clear,
                _ => Visibility::Hidden,
            }
        }

        fn show<'v>(&self, field: &str, value: &'v str) -> Option<Cow<'v, str>> {
            match self.visibility(field) {
                Visibility::Clear => Some(value.into()),
                Visibility::Masked => Some(format!("***{}", &value[value.len() - 1..]).into()),
                Visibility::Hidden => None,
            }
        }

        fn counts(&self) -> crate::Counts {
            crate::Counts::exact()
        }

        fn free_text(&self) -> bool {
            false
        }
    }

    fn check(
        field: Option<&str>,
        operator: &str,
        pattern: &str,
        value: &str,
        expected: Option<(Option<&str>, Option<&str>)>,
    ) {
        let atom = Atom {
            selection: "s".to_owned(),
            field: field.map(str::to_owned),
            operator: operator.to_owned(),
            pattern: Some(pattern.to_owned()),
            value: Some(value.to_owned()),
        };
        let shown = atom.masked(&Some4);
        let found = shown.as_ref().map(|atom| (atom.pattern.as_deref(), atom.value.as_deref()));
        assert_eq!(found, expected, "{field:?} {operator} {pattern}");
    }

    #[test]
    fn nothing_of_a_masked_value_is_told() {
        check(Some("host.name"), "", "srv", "srv", Some((Some("srv"), Some("srv"))));
        check(Some("user.name"), "", "lan", "lan", Some((None, Some("***n"))));
        check(Some("user.name"), "contains", "la", "lan…", Some((None, None)));
        check(Some("process.command_line"), "contains", "la", "lan", None);
        check(None, "", "lan", "lan", None);
        check(Some("host.name"), "fieldref", "user.name", "lan", Some((None, None)));
        check(Some("host.name"), "fieldref|endswith", "host.name", "x", Some((Some("host.name"), Some("x"))));
    }
}
