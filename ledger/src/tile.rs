//! Tiles: the tree and its entries in pieces of 256, named and formed as C2SP tlog-tiles has them.

use std::fmt::Write as _;

use crate::{LineFault, merkle};

/// Hashes or entries of a full tile.
pub const TILE_WIDTH: u64 = 1 << merkle::HEIGHTS_PER_LEVEL;
/// Levels that a tile's path can name.
const LEVELS: u8 = 64;

/// What a tile is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileKind {
    /// Hashes of a level: `/tile/<L>/<N>`.
    Hashes(u8),
    /// Entries, each behind its length in two bytes: `/tile/entries/<N>`.
    Entries,
}

/// Which tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TilePath {
    /// Hashes or entries.
    pub kind: TileKind,
    /// Its number in its level, from 0.
    pub index: u64,
    /// 256, or fewer for a partial tile.
    pub width: u64,
}

impl TilePath {
    /// Reads what stands behind `/tile/`: `0/x001/x234/067`, `entries/000.p/17`.
    ///
    /// # Errors
    /// When it is not written in the one way that the specification allows.
    pub fn parse(path: &str) -> Result<Self, LineFault> {
        let shape = LineFault::Shape("a tile is `LEVEL/NUMBER` or `entries/NUMBER`, three digits a step");
        let (kind, rest) = path.split_once('/').ok_or(shape)?;
        let kind = match kind {
            "entries" => TileKind::Entries,
            level => TileKind::Hashes(
                number(level).and_then(|level| level.try_into().ok()).filter(|level| *level < LEVELS).ok_or(shape)?,
            ),
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => {
                let width = number(width).filter(|width| (1..TILE_WIDTH).contains(width)).ok_or(shape)?;
                (index, width)
            }
            None => (rest, TILE_WIDTH),
        };
        let index = parse_index(index).ok_or(shape)?;
        Ok(Self { kind, index, width })
    }

    /// The number of the first hash or entry in it; `None` beyond what a tree can have.
    pub(crate) fn first(&self) -> Option<u64> {
        self.index.checked_mul(TILE_WIDTH)
    }
}

impl std::fmt::Display for TilePath {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(formatter, "{level}/")?,
            TileKind::Entries => formatter.write_str("entries/")?,
        }
        let mut path = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            let mut step = String::new();
            write!(step, "x{:03}/", rest % 1000)?;
            path.insert_str(0, &step);
            rest /= 1000;
        }
        formatter.write_str(&path)?;
        if self.width < TILE_WIDTH { write!(formatter, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// A decimal number without leading zeros.
fn number(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    (canonical && digits).then(|| text.parse().ok()).flatten()
}

fn parse_index(text: &str) -> Option<u64> {
    let mut index = 0_u64;
    let mut steps = text.split('/').peekable();
    let mut first = true;
    while let Some(step) = steps.next() {
        let digits = if steps.peek().is_some() { step.strip_prefix('x')? } else { step };
        let plain = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        // A first step of zeros says nothing: the number has a shorter name.
        if !plain || (first && steps.peek().is_some() && digits == "000") {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        first = false;
    }
    Some(index)
}

/// Writes an entry into a bundle. `None` when it is longer than two bytes can say.
pub(crate) fn write_bundled(bundle: &mut Vec<u8>, json: &[u8]) -> Option<()> {
    let length = u16::try_from(json.len()).ok()?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(json);
    Some(())
}

/// The entries of a bundle. Takes any bytes.
///
/// # Errors
/// When it ends in the middle of an entry or has more than 256.
pub fn parse_bundle(bundle: &[u8]) -> Result<Vec<&[u8]>, LineFault> {
    let (mut entries, mut rest) = (Vec::new(), bundle);
    while !rest.is_empty() {
        let short = LineFault::Shape("the bundle ends early");
        let (length, behind) = rest.split_first_chunk().ok_or(short)?;
        let (entry, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(short)?;
        entries.push(entry);
        rest = behind;
        if entries.len() as u64 > TILE_WIDTH {
            return Err(LineFault::Shape("the bundle has more than 256 entries"));
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_those_of_the_specification() {
        let hashes = |level, index, width| TilePath { kind: TileKind::Hashes(level), index, width };
        for (text, expected) in [
            ("0/000", Some(hashes(0, 0, 256))),
            ("63/000.p/255", Some(hashes(63, 0, 255))),
            ("0/x001/x234/067", Some(hashes(0, 1_234_067, 256))),
            ("1/x001/000.p/1", Some(hashes(1, 1_000, 1))),
            ("entries/x999/999", Some(TilePath { kind: TileKind::Entries, index: 999_999, width: 256 })),
            ("", None),
            ("0", None),
            ("64/000", None),
            ("00/000", None),
            ("-1/000", None),
            ("0/0", None),
            ("0/0000", None),
            ("0/x000/001", None),
            ("0/001/000", None),
            ("0/x001", None),
            ("0/x001/", None),
            ("0/000.p/0", None),
            ("0/000.p/256", None),
            ("0/000.p/01", None),
            ("0/000.p/", None),
            ("0/000.p/1/2", None),
            ("0/+01", None),
            ("leaves/000", None),
            ("0/x999/x999/x999/x999/x999/x999/x999/999", None),
        ] {
            assert_eq!(TilePath::parse(text).ok(), expected, "{text}");
            if let Some(path) = expected {
                assert_eq!(path.to_string(), text);
            }
        }
    }

    proptest! {
        #[test]
        fn names_come_back(level in 0_u8..64, index: u64, width in 1_u64..=256) {
            let path = TilePath { kind: TileKind::Hashes(level), index, width };
            prop_assert_eq!(TilePath::parse(&path.to_string()).unwrap(), path);
        }

        #[test]
        fn anything_may_be_parsed(text in ".{0,40}", bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(path) = TilePath::parse(&text) {
                prop_assert_eq!(path.to_string(), text);
            }
            let _ = parse_bundle(&bytes);
        }

        #[test]
        fn bundles_come_back(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20)) {
            let mut bundle = Vec::new();
            entries.iter().for_each(|entry| write_bundled(&mut bundle, entry).unwrap());
            prop_assert_eq!(parse_bundle(&bundle).unwrap(), entries);
        }
    }
}
