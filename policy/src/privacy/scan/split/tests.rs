//! Tokens: what texts come to, and the same as an obvious reader of single characters finds it.

use proptest::prelude::*;

use super::super::hash::join;
use super::*;

fn words(text: &str) -> Vec<(String, String)> {
    let mut tokens = Tokens::default();
    tokens.split(&Folds::new(), text, 0);
    let list = tokens.list.iter().map(|token| {
        let folded = String::from_utf8(tokens.text(token).to_vec()).unwrap();
        (folded, text[token.start as usize..token.end as usize].to_owned())
    });
    list.collect()
}

#[test]
fn tokens_are_folded_and_point_at_the_original_bytes() {
    for (text, expected) in [
        ("Nguyễn Văn", vec![("nguyen", "Nguyễn"), ("van", "Văn")]),
        ("Nguye\u{302}\u{303}n", vec![("nguyen", "Nguye\u{302}\u{303}n")]),
        (r"Nguy\u1ec5n V", vec![("nguyen", r"Nguy\u1ec5n"), ("v", "V")]),
        ("Nguy%E1%BB%85n%20V", vec![("nguyen", "Nguy%E1%BB%85n"), ("v", "V")]),
        ("soDienThoai=09", vec![("so", "so"), ("dien", "Dien"), ("thoai", "Thoai"), ("09", "09")]),
        ("a\u{200B}b", vec![("ab", "a\u{200B}b")]),
        (r"C:\nam\nAn", vec![("c", "C"), ("nam", "nam"), ("an", "An")]),
        ("", vec![]),
        ("@@", vec![]),
    ] {
        let expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert_eq!(words(text), expected, "{text:?}");
    }
}

#[test]
fn hashes_know_composition_tone_place_and_words_written_together() {
    let (mut tokens, folds) = (Tokens::default(), Folds::new());
    let mut of = |text: &str| hashes(&mut tokens, &folds, text).unwrap();
    assert_eq!(of("hòa").exact, of("hoà").exact);
    assert_eq!(of("Nguyễn").exact, of("NGUYE\u{302}\u{303}N").exact);
    assert_ne!(of("hòa").exact, of("hoa").exact);
    assert_eq!(of("hòa").hash, of("hoa").hash);
    assert_eq!(join(of("so").hash, of("dien").hash, 2), of("sodien").hash);
}

/// A token as the slow reader finds it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Slow {
    letters: Vec<u8>,
    /// What each letter has besides its base.
    qualities: Vec<u64>,
    start: u32,
    end: u32,
    gap: (u16, u8),
    shape: u8,
    tone: u8,
}

/// Reads a text character by character.
#[derive(Default)]
struct SlowReader {
    tokens: Vec<Slow>,
    ats: Vec<u32>,
    open: Option<Slow>,
    gap: (u16, u8),
}

impl SlowReader {
    fn read(text: &str, folds: &Folds) -> Self {
        let mut reader = Self { gap: (gap::EDGE, 0), ..Self::default() };
        let mut at = 0;
        while let Some(found) = text[at..].chars().next() {
            let escape = escape::read(text.as_bytes(), at).filter(|_| matches!(found, '\\' | '%'));
            let (found, len) = escape.unwrap_or((found, found.len_utf8()));
            if found.is_ascii() && !found.is_ascii_alphanumeric() {
                if found == '@' {
                    reader.ats.push(at as u32);
                }
                reader.between(SIGNS[found as usize]);
            } else {
                reader.folded(folds.fold(found), at as u32, (at + len) as u32);
            }
            at += len;
        }
        reader.close();
        reader
    }

    fn folded(&mut self, folded: Folded, start: u32, end: u32) {
        match folded {
            Folded::Letter { base, quality, tone, upper } => {
                let small = |open: &Slow| open.shape & (shape::LOWER | shape::DIGIT) == shape::LOWER;
                if upper && self.open.as_ref().is_some_and(small) {
                    self.close();
                }
                let first = if upper && self.open.is_none() { shape::FIRST_UPPER } else { 0 };
                let marked = if quality | tone != 0 { shape::MARKED } else { 0 };
                let case = if upper { shape::UPPER } else { shape::LOWER };
                self.letter((base, quality), first | marked | case, start, end).tone |= tone;
            }
            Folded::Digit(digit) => {
                self.letter((digit, 0), shape::DIGIT, start, end);
            }
            Folded::Foreign => {
                self.letter((b'?', 0), shape::FOREIGN | shape::LOWER, start, end);
            }
            Folded::Mark { quality, tone } => {
                if let Some(open) = &mut self.open {
                    *open.qualities.last_mut().unwrap() += u64::from(quality);
                    open.tone |= tone;
                    open.shape |= if quality | tone != 0 { shape::MARKED } else { 0 };
                    open.end = end;
                }
            }
            Folded::Invisible => {}
            Folded::Space => self.between(gap::SPACE),
            Folded::Sign => self.between(gap::OTHER),
        }
    }

    fn letter(&mut self, (base, quality): (u8, u8), shape: u8, start: u32, end: u32) -> &mut Slow {
        let before = &mut self.gap;
        let open = self.open.get_or_insert_with(|| Slow { start, gap: std::mem::take(before), ..Slow::default() });
        open.letters.push(base);
        open.qualities.push(u64::from(quality));
        open.shape |= shape;
        open.end = end;
        open
    }

    fn between(&mut self, bits: u16) {
        self.close();
        self.gap = (self.gap.0 | bits, self.gap.1.saturating_add(1));
    }

    fn close(&mut self) {
        self.tokens.extend(self.open.take());
    }
}

fn hash_of(letters: impl IntoIterator<Item = u64>) -> u64 {
    letters.into_iter().zip(0..).fold(0, |hash, (letter, at)| join(hash, letter, at))
}

/// Texts with everything that letters can be written as.
fn texts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-z]{1,12}",
        3 => "[A-Z][a-z]{0,9}",
        2 => "[a-zA-Z0-9]{1,20}",
        4 => "[ .,:;=@_+/()\"'-]{1,2}",
        4 => "[àảãáạăằâấđêếìíòôơợùưýỹĐÂỄỪ]{1,2}",
        2 => "[aeiou][\u{300}\u{301}\u{302}\u{306}\u{31B}\u{323}\u{20DD}]{1,2}",
        1 => "[０-９жЖ中•…\u{A0}\u{200B}\u{AD}ßﬁÅ]{1,2}",
        1 => "\\\\u(1ec5|0041|0040|d800|00e)|%E1%BB%85|%41|%40|%2|\\\\[nrt\"/x]|\\\\|%",
    ];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn tokens_are_those_of_a_slow_reader(text in texts()) {
        let (mut tokens, folds) = (Tokens::default(), Folds::new());
        tokens.split(&folds, &text, 7);
        let slow = SlowReader::read(&text, &folds);
        prop_assert_eq!(&tokens.ats, &slow.ats.iter().map(|at| at + 7).collect::<Vec<_>>());
        prop_assert_eq!(tokens.last_gap, slow.gap.0 | gap::EDGE);
        prop_assert_eq!(tokens.marked, slow.tokens.iter().filter(|one| one.shape & shape::MARKED != 0).count());
        prop_assert_eq!(tokens.list.len(), slow.tokens.len(), "{:?}", slow.tokens);
        for (token, slow) in tokens.list.iter().zip(&slow.tokens) {
            prop_assert_eq!(tokens.text(token), &slow.letters);
            prop_assert_eq!((token.start - 7, token.end - 7), (slow.start, slow.end));
            prop_assert_eq!((token.gap, token.gap_len), slow.gap);
            prop_assert_eq!((token.shape, token.tone), (slow.shape, slow.tone));
            let letters = hash_of(slow.letters.iter().map(|letter| u64::from(*letter)));
            prop_assert_eq!(token.hash, letters);
            let qualities = hash_of(slow.qualities.iter().copied());
            prop_assert_eq!(token.exact, hash::exact(letters, qualities, slow.tone));
        }
    }
}
