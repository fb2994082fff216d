//! Many rows in one statement: cut into parts of few sizes, with the places of their parameters.
//!
//! Statements have so many rows and no others, so that each is prepared once and then kept: to read the text of a statement
//! of some thousand parameters takes as long as to bring its rows in.

use std::fmt::Write as _;

use crate::Kind;

/// Rows of a statement, the most first; below the last a statement has one row.
const SIZES: [usize; 4] = [500, 100, 20, 4];
/// Parameters of a statement at most; SQLite takes 32,766 of them, PostgreSQL 65,535.
const PARAMETERS_MAX: usize = 4_000;

/// The parts in which rows of so many columns are written, the largest first, each of a size that is prepared already.
pub fn parts<T>(mut rows: &[T], columns: usize) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let fits = |size: &usize| *size <= rows.len() && size * columns <= PARAMETERS_MAX;
        let count = SIZES.into_iter().find(fits).unwrap_or(1);
        let (part, rest) = rows.split_at_checked(count)?;
        rows = rest;
        Some(part)
    })
}

/// Questions for many keys: the list for `IN` with the keys to bind. The last key is repeated to fill its places; to ask twice
/// for it harms nobody.
pub fn lists<T: Clone>(kind: Kind, keys: &[T]) -> impl Iterator<Item = (String, Vec<T>)> {
    filled(keys, 1).map(move |asked| (places(kind, 1, asked.len()), asked))
}

/// Questions for many rows of so many columns: what stands behind `VALUES` with the rows to bind. The last row is repeated to
/// fill its places: an answer may come several times.
pub fn tables<T: Clone>(kind: Kind, rows: &[T], columns: usize) -> impl Iterator<Item = (String, Vec<T>)> {
    filled(rows, columns).map(move |asked| (places(kind, asked.len(), columns), asked))
}

fn filled<T: Clone>(rows: &[T], columns: usize) -> impl Iterator<Item = Vec<T>> {
    let fits = |size: &usize| size * columns <= PARAMETERS_MAX;
    let most = SIZES.into_iter().find(fits).unwrap_or(1);
    rows.chunks(most).map(move |part| {
        let enough = |size: &usize| (part.len()..=most).contains(size);
        let count = SIZES.into_iter().rev().find(enough).unwrap_or(part.len());
        let mut asked = part.to_vec();
        if let Some(last) = part.last() {
            asked.resize(count, last.clone());
        }
        asked
    })
}

/// `($1, $2), ($3, $4)`, or `($1, $2)` for one row of two. For SQLite `?`, which it counts itself: `$1` is a name to it,
/// and it looks through all names before it for each one that is bound.
pub fn places(kind: Kind, rows: usize, columns: usize) -> String {
    let mut text = String::with_capacity(rows * columns * 6);
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            text.push_str(if column == 0 { "" } else { ", " });
            match kind {
                Kind::Sqlite => text.push('?'),
                Kind::Postgres => {
                    let _ = write!(text, "${}", row * columns + column + 1); // writing to a `String` cannot fail
                }
            }
        }
        text.push(')');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_brought_once_in_statements_of_few_sizes() {
        for (count, columns, sizes) in [
            (0, 7, vec![]),
            (1, 7, vec![1]),
            (3, 7, vec![1, 1, 1]),
            (26, 7, vec![20, 4, 1, 1]),
            (625, 7, vec![500, 100, 20, 4, 1]),
            (1_000, 8, vec![500, 500]),
            (1_000, 9, vec![100; 10]),
            (250, 22, vec![100, 100, 20, 20, 4, 4, 1, 1]),
            (2, 5_000, vec![1, 1]),
        ] {
            let rows: Vec<usize> = (0..count).collect();
            let brought: Vec<&[usize]> = parts(&rows, columns).collect();
            assert_eq!(brought.iter().map(|part| part.len()).collect::<Vec<_>>(), sizes, "{count} of {columns}");
            assert_eq!(brought.concat(), rows);
        }
    }

    #[test]
    fn places_are_what_each_database_reads() {
        assert_eq!(places(Kind::Sqlite, 2, 2), "(?, ?), (?, ?)");
        assert_eq!(places(Kind::Postgres, 2, 2), "($1, $2), ($3, $4)");
        assert_eq!(places(Kind::Postgres, 1, 3), "($1, $2, $3)");
    }

    #[test]
    fn every_key_is_asked_for_and_none_besides() {
        for (count, sizes) in
            [(0, vec![]), (1, vec![4]), (5, vec![20]), (21, vec![100]), (101, vec![500]), (501, vec![500, 4])]
        {
            let keys: Vec<usize> = (0..count).collect();
            let asked: Vec<(String, Vec<usize>)> = lists(Kind::Sqlite, &keys).collect();
            assert_eq!(asked.iter().map(|(_, part)| part.len()).collect::<Vec<_>>(), sizes);
            for (text, part) in &asked {
                assert_eq!(text, &places(Kind::Sqlite, 1, part.len()));
            }
            let mut all: Vec<usize> = asked.into_iter().flat_map(|(_, part)| part).collect();
            all.dedup();
            assert_eq!(all, keys);
        }
    }

    #[test]
    fn rows_of_many_columns_are_asked_for_in_smaller_tables() {
        for (count, columns, sizes) in
            [(0, 3, vec![]), (2, 3, vec![4]), (501, 3, vec![500, 4]), (130, 30, vec![100, 100]), (2, 5_000, vec![1, 1])]
        {
            let rows: Vec<usize> = (0..count).collect();
            let asked: Vec<(String, Vec<usize>)> = tables(Kind::Postgres, &rows, columns).collect();
            assert_eq!(asked.iter().map(|(_, part)| part.len()).collect::<Vec<_>>(), sizes, "{count} of {columns}");
            for (text, part) in &asked {
                assert_eq!(text, &places(Kind::Postgres, part.len(), columns));
            }
            let mut all: Vec<usize> = asked.into_iter().flat_map(|(_, part)| part).collect();
            all.dedup();
            assert_eq!(all, rows);
        }
    }
}
