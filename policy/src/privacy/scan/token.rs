//! A token: a run of letters and digits with its hashes, and what stood before it.

/// What stood before a token.
pub(super) mod gap {
    pub(in super::super) const SPACE: u16 = 1;
    pub(in super::super) const COMMA: u16 = 1 << 1;
    /// `:`, `>`: what stands before it names what follows.
    pub(in super::super) const COLON: u16 = 1 << 2;
    /// `=`.
    pub(in super::super) const EQUALS: u16 = 1 << 3;
    pub(in super::super) const QUOTE: u16 = 1 << 4;
    /// The end of a line, a column or a list: what came before says nothing of what follows.
    pub(in super::super) const BREAK: u16 = 1 << 5;
    pub(in super::super) const DOT: u16 = 1 << 6;
    pub(in super::super) const DASH: u16 = 1 << 7;
    pub(in super::super) const SLASH: u16 = 1 << 8;
    pub(in super::super) const UNDER: u16 = 1 << 9;
    pub(in super::super) const PLUS: u16 = 1 << 10;
    pub(in super::super) const PAREN: u16 = 1 << 11;
    pub(in super::super) const AT: u16 = 1 << 12;
    pub(in super::super) const BACKSLASH: u16 = 1 << 13;
    pub(in super::super) const OTHER: u16 = 1 << 14;
    /// The text begins here, or ends.
    pub(in super::super) const EDGE: u16 = 1 << 15;
}

/// What a token consists of.
pub(super) mod shape {
    pub(in super::super) const FIRST_UPPER: u8 = 1;
    pub(in super::super) const LOWER: u8 = 1 << 1;
    pub(in super::super) const UPPER: u8 = 1 << 2;
    pub(in super::super) const DIGIT: u8 = 1 << 3;
    pub(in super::super) const MARKED: u8 = 1 << 4;
    pub(in super::super) const FOREIGN: u8 = 1 << 5;
    pub(in super::super) const LETTER: u8 = LOWER | UPPER | FOREIGN;
}

/// A run of letters and digits.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Token {
    /// Hash of the folded letters; concatenates (see [`super::hash::join`]).
    pub(super) hash: u64,
    /// Hash of the letters with qualities and tone.
    pub(super) exact: u64,
    /// First byte in the original text.
    pub(super) start: u32,
    /// Byte after the last.
    pub(super) end: u32,
    /// Where its folded letters begin in the text of [`super::split::Tokens`].
    pub(super) at: u32,
    /// What the lexicon knows of it, without regard to diacritics.
    pub(super) flags: u32,
    /// How many characters, at most 65,535.
    pub(super) len: u16,
    /// Bits of [`gap`]: everything that stood between the token before and this one.
    pub(super) gap: u16,
    /// How many characters stood there, at most 255.
    pub(super) gap_len: u8,
    /// Bits of [`shape`].
    pub(super) shape: u8,
    pub(super) tone: u8,
}

impl Token {
    pub(super) fn is_word(&self) -> bool {
        self.shape & shape::DIGIT == 0 && self.shape & shape::LETTER != 0
    }

    pub(super) fn is_number(&self) -> bool {
        self.shape & (shape::LETTER | shape::MARKED) == 0
    }

    pub(super) fn is_mixed(&self) -> bool {
        self.shape & shape::DIGIT != 0 && self.shape & shape::LETTER != 0
    }

    /// Capital first; `AN` and `An`, not `an`.
    pub(super) fn is_capital(&self) -> bool {
        self.shape & shape::FIRST_UPPER != 0
    }

    /// More than one letter and no small one.
    pub(super) fn is_upper(&self) -> bool {
        self.shape & shape::LOWER == 0 && self.is_capital()
    }

    pub(super) fn is_marked(&self) -> bool {
        self.shape & shape::MARKED != 0
    }

    /// Exactly one such character stood before it.
    pub(super) fn single(&self, gaps: u16) -> bool {
        self.gap_len == 1 && self.gap & !gaps == 0
    }
}
