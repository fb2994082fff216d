//! The forms in which the letters of a line are written.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// How letters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Form {
    /// Composed.
    Nfc,
    /// Decomposed.
    Nfd,
    /// In capitals: values of records, sentences as a whole.
    Upper,
    /// Without diacritics.
    Plain,
    /// Every letter beyond ASCII as `\u….`, as JSON writers do.
    Escaped,
}

impl Form {
    /// Every form.
    pub(crate) const ALL: [Self; 5] = [Self::Nfc, Self::Nfd, Self::Upper, Self::Plain, Self::Escaped];

    /// Its name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Nfc => "NFC",
            Self::Nfd => "NFD",
            Self::Upper => "upper",
            Self::Plain => "no diacritics",
            Self::Escaped => "JSON escapes",
        }
    }

    /// A text in this form; only where `raise` is set are capitals written.
    pub(crate) fn write(self, text: &str, raise: bool) -> String {
        match self {
            Self::Nfd => text.nfd().collect(),
            Self::Upper if raise => text.to_uppercase(),
            Self::Nfc | Self::Upper => text.nfc().collect(),
            Self::Plain => plain(text),
            Self::Escaped => escaped(text),
        }
    }
}

/// Without diacritics, as keyboards without Vietnamese write.
fn plain(text: &str) -> String {
    let marked = text.nfd().filter(|letter| !is_combining_mark(*letter));
    let letters = marked.map(|letter| match letter {
        'đ' => 'd',
        'Đ' => 'D',
        other => other,
    });
    letters.collect()
}

fn escaped(text: &str) -> String {
    let mut written = String::new();
    let mut units = [0; 2];
    for letter in text.nfc() {
        if letter.is_ascii() {
            written.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut units) {
            written.push_str(&format!("\\u{unit:04x}"));
        }
    }
    written
}
