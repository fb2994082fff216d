//! The modifiers behind a field's name (`CommandLine|contains|all`), read and checked against one another.
//!
//! Sigma 2.1.0, appendix "Modifiers". A new one gets a variant here and its meaning in `value.rs`.

use super::suggest::suggestion;

/// Every modifier that Sigma 2.1 names.
const NAMES: [&str; 32] = [
    "all",
    "startswith",
    "endswith",
    "contains",
    "exists",
    "cased",
    "neq",
    "windash",
    "re",
    "i",
    "m",
    "s",
    "base64",
    "base64offset",
    "utf16le",
    "utf16be",
    "utf16",
    "wide",
    "lt",
    "lte",
    "gt",
    "gte",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
    "cidr",
    "expand",
    "fieldref",
    "ignorecase",
];

/// Which part of the field's text a value is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Place {
    /// All of it.
    #[default]
    Whole,
    /// Its start.
    Start,
    /// Its end.
    End,
    /// Any part.
    Part,
}

/// How a value is turned into other text before it is compared, in the order written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transform {
    /// All permutations of dashes.
    Windash,
    /// UTF-16, little end first.
    Utf16Le,
    /// UTF-16, big end first.
    Utf16Be,
    /// UTF-16 little end first behind a byte order mark.
    Utf16,
    /// Base64.
    Base64,
    /// Base64 at each of three offsets, what depends on the neighbours cut off.
    Base64Offset,
}

/// A comparison of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Equal.
    Equal,
    /// Less.
    Less,
    /// Less or equal.
    LessOrEqual,
    /// Greater.
    Greater,
    /// Greater or equal.
    GreaterOrEqual,
}

/// A part of a date that is compared as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimePart {
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31.
    Day,
    /// 1 to 53 (ISO 8601).
    Week,
    /// 1 to 12.
    Month,
    /// The year.
    Year,
}

/// What a value is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    /// Text, a number, a boolean or null, as it is written.
    #[default]
    Plain,
    /// A regular expression.
    Regex,
    /// A network.
    Cidr,
    /// A number with an order.
    Compare(Order),
    /// A part of a date with an order.
    Time(TimePart, Order),
    /// Whether the field is there.
    Exists,
    /// The name of another field.
    FieldRef,
}

/// Everything that stands behind the field's name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Modifiers {
    /// What values are taken for.
    pub(crate) kind: Kind,
    /// Where they are compared.
    pub(crate) place: Place,
    /// How they are turned first.
    pub(crate) transforms: Vec<Transform>,
    /// Whether every value must match, not one.
    pub(crate) all: bool,
    /// Whether case matters.
    pub(crate) cased: bool,
    /// Whether the opposite is meant.
    pub(crate) negated: bool,
    /// Regular expression flags.
    pub(crate) flags: Flags,
}

/// Flags of a regular expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flags {
    /// Ignore case.
    pub(crate) i: bool,
    /// `^` and `$` at lines.
    pub(crate) m: bool,
    /// `.` matches newlines.
    pub(crate) s: bool,
}

impl Modifiers {
    /// Reads the words between the bars.
    ///
    /// # Errors
    /// A sentence that names the modifier and what is wrong with it.
    pub(crate) fn parse<'k>(words: impl Iterator<Item = &'k str>) -> Result<Self, String> {
        let mut read = Self::default();
        for word in words {
            read.add(word)?;
        }
        read.check()
    }

    fn add(&mut self, word: &str) -> Result<(), String> {
        let is_regex = self.kind == Kind::Regex;
        match word {
            "all" => self.all = true,
            "cased" => self.cased = true,
            "neq" => self.negated = true,
            "contains" => self.place(Place::Part)?,
            "startswith" => self.place(Place::Start)?,
            "endswith" => self.place(Place::End)?,
            "i" | "ignorecase" if is_regex => self.flags.i = true,
            "m" | "multiline" if is_regex => self.flags.m = true,
            "s" | "dotall" if is_regex => self.flags.s = true,
            "i" | "m" | "s" => return Err(format!("modifier `{word}` may only follow `re`")),
            "windash" => self.transforms.push(Transform::Windash),
            "utf16le" | "wide" => self.transforms.push(Transform::Utf16Le),
            "utf16be" => self.transforms.push(Transform::Utf16Be),
            "utf16" => self.transforms.push(Transform::Utf16),
            "base64" => self.transforms.push(Transform::Base64),
            "base64offset" => self.transforms.push(Transform::Base64Offset),
            "expand" => {
                return Err(
                    "modifier `expand` needs placeholders to be defined, and none are; replace `%name%` by values"
                        .to_owned(),
                );
            }
            other => return self.kind_of(other),
        }
        Ok(())
    }

    fn kind_of(&mut self, word: &str) -> Result<(), String> {
        let kind = match word {
            "re" => Kind::Regex,
            "cidr" => Kind::Cidr,
            "exists" => Kind::Exists,
            "fieldref" => Kind::FieldRef,
            "lt" => Kind::Compare(Order::Less),
            "lte" => Kind::Compare(Order::LessOrEqual),
            "gt" => Kind::Compare(Order::Greater),
            "gte" => Kind::Compare(Order::GreaterOrEqual),
            "minute" => Kind::Time(TimePart::Minute, Order::Equal),
            "hour" => Kind::Time(TimePart::Hour, Order::Equal),
            "day" => Kind::Time(TimePart::Day, Order::Equal),
            "week" => Kind::Time(TimePart::Week, Order::Equal),
            "month" => Kind::Time(TimePart::Month, Order::Equal),
            "year" => Kind::Time(TimePart::Year, Order::Equal),
            "" => return Err("two bars stand without a modifier between them".to_owned()),
            unknown => return Err(format!("unknown modifier `{unknown}`{}", suggestion(unknown, &NAMES))),
        };
        self.kind = match (self.kind, kind) {
            (Kind::Plain, kind) => kind,
            (Kind::Time(part, Order::Equal), Kind::Compare(order)) => Kind::Time(part, order),
            _ => return Err(format!("modifier `{word}` does not go with the one before it")),
        };
        Ok(())
    }

    fn place(&mut self, place: Place) -> Result<(), String> {
        if self.place != Place::Whole && self.place != place {
            return Err("only one of `contains`, `startswith` and `endswith` can be meant".to_owned());
        }
        self.place = place;
        Ok(())
    }

    fn check(self) -> Result<Self, String> {
        let is_text = self.kind == Kind::Plain;
        let has_place = self.place != Place::Whole;
        if !self.transforms.is_empty() && !is_text {
            return Err("encodings and `windash` are for text, not for what the other modifiers make of it".to_owned());
        }
        if has_place && !matches!(self.kind, Kind::Plain | Kind::FieldRef | Kind::Regex) {
            return Err("`contains`, `startswith` and `endswith` are for text alone".to_owned());
        }
        if self.cased && !matches!(self.kind, Kind::Plain | Kind::FieldRef | Kind::Regex) {
            return Err("`cased` is for text alone".to_owned());
        }
        if self.all && self.kind == Kind::Exists {
            return Err("`exists` takes one boolean, so `all` means nothing there".to_owned());
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(words: &str, expected: &str) {
        assert_eq!(Modifiers::parse(words.split('|')).unwrap_err(), expected);
    }

    #[test]
    fn modifiers_are_read_and_checked() {
        let read = Modifiers::parse("contains|all|windash".split('|')).unwrap();
        assert!(read.all && read.place == Place::Part && read.transforms == [Transform::Windash]);
        let read = Modifiers::parse("re|i|s".split('|')).unwrap();
        assert!(read.flags.i && read.flags.s && !read.flags.m);
        assert_eq!(
            Modifiers::parse("hour|gte".split('|')).unwrap().kind,
            Kind::Time(TimePart::Hour, Order::GreaterOrEqual)
        );
        refused("contians", "unknown modifier `contians` (did you mean `contains`?)");
        refused("i", "modifier `i` may only follow `re`");
        refused("re|cidr", "modifier `cidr` does not go with the one before it");
        refused("cidr|contains", "`contains`, `startswith` and `endswith` are for text alone");
        refused("lt|base64", "encodings and `windash` are for text, not for what the other modifiers make of it");
        refused("contains|endswith", "only one of `contains`, `startswith` and `endswith` can be meant");
        refused("zzzzzzz", "unknown modifier `zzzzzzz`");
        assert!(Modifiers::parse(std::iter::once("expand")).unwrap_err().contains("placeholders"));
        for name in NAMES.iter().filter(|name| !["i", "m", "s", "expand", "ignorecase"].contains(name)) {
            Modifiers::parse(std::iter::once(*name)).unwrap();
        }
    }
}
