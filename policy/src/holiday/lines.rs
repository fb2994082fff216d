//! The rows of `holidays.csv`.

use std::io::Read as _;
use std::path::Path;

use event::Timestamp;

use crate::HolidayError;

/// Most rows.
const ROWS_MAX: usize = 2_000;
/// Most bytes of the file.
const BYTES_MAX: usize = 256 * 1024;
/// The first row.
const HEAD: &str = "date,counts,status,name_vi,name_en";
/// Characters of a line that an error shows.
const SHOWN_CHARS: usize = 48;
const DAY: i64 = 86_400;

/// Which day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Date {
    /// Every year.
    Yearly { month: u8, day: u8 },
    /// In one year.
    Once { year: i64, day: i64 },
}

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Law,
    Confirmed,
    Expected,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) date: Date,
    /// Whether it is free; else it is worked.
    pub(super) free: bool,
    pub(super) status: Status,
}

impl Date {
    /// Its day in a year; `None` where that year does not have it.
    pub(super) fn day_in(self, year: i64) -> Option<i64> {
        match self {
            Self::Yearly { month, day } => number(&format!("{year:04}-{month:02}-{day:02}")),
            Self::Once { year: own, day } => (own == year).then_some(day),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
        let mut parts = text.split('-');
        match (parts.next()?, parts.next()?, parts.next(), parts.next()) {
            (month, day, None, None) if digits(month, 2) && digits(day, 2) => {
                let date = Self::Yearly { month: month.parse().ok()?, day: day.parse().ok()? };
                // A leap year, so that 29 February is a day.
                date.day_in(2024).map(|_| date)
            }
            (year, month, day, None)
                if digits(year, 4) && digits(month, 2) && day.is_some_and(|day| digits(day, 2)) =>
            {
                Some(Self::Once { year: year.parse().ok()?, day: number(text)? })
            }
            _ => None,
        }
    }
}

/// The number of a day `YYYY-MM-DD`, counted from 1970-01-01.
fn number(text: &str) -> Option<i64> {
    let time = Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")).ok()?;
    Some(time.secs().div_euclid(DAY))
}

/// Reads every row behind the head; empty lines and those that begin with `#` are none.
pub(super) fn read(text: &str) -> Result<Vec<Row>, HolidayError> {
    if text.len() > BYTES_MAX {
        return Err(HolidayError::Line { line: 0, reason: format!("more than {BYTES_MAX} bytes") });
    }
    let mut rows: Vec<Row> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    let mut headed = false;
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let fault = |reason: String| HolidayError::Line { line: number, reason };
        if !headed {
            if line != HEAD {
                return Err(fault(format!("the first row is `{HEAD}`")));
            }
            headed = true;
            continue;
        }
        let row = row(line).map_err(fault)?;
        if !seen.insert(row.date) {
            return Err(fault(format!("`{}` stands there twice", shown(line))));
        }
        if rows.len() == ROWS_MAX {
            return Err(fault(format!("more than {ROWS_MAX} rows")));
        }
        rows.push(row);
    }
    if headed { Ok(rows) } else { Err(HolidayError::Line { line: 0, reason: format!("the first row is `{HEAD}`") }) }
}

fn row(line: &str) -> Result<Row, String> {
    let mut cells = line.split(',').map(str::trim);
    let cell = |cells: &mut dyn Iterator<Item = &str>| cells.next().unwrap_or_default().to_owned();
    let (date, counts, status) = (cell(&mut cells), cell(&mut cells), cell(&mut cells));
    if cells.count() != 2 {
        return Err(format!("`{}` has not the five cells of `{HEAD}`", shown(line)));
    }
    let date =
        Date::parse(&date).ok_or_else(|| format!("`{}` is no day such as `04-30` or `2027-02-06`", shown(&date)))?;
    let free = match counts.as_str() {
        "holiday" => true,
        "working" => false,
        other => return Err(format!("`{}` is neither `holiday` nor `working`", shown(other))),
    };
    let status = match status.as_str() {
        "law" => Status::Law,
        "confirmed" => Status::Confirmed,
        "expected" => Status::Expected,
        other => return Err(format!("`{}` is none of `law`, `confirmed`, `expected`", shown(other))),
    };
    Ok(Row { date, free, status })
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}

/// A file's text, of which no more is read than may be used.
pub(super) fn read_bounded(file: &Path) -> Result<String, HolidayError> {
    let fault = |source| HolidayError::File { path: file.to_owned(), source };
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(fault)?;
    opened.take(BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(fault)?;
    Ok(text)
}
