//! The forms that records come and go in.

use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName};

use crate::api::problem::Problem;

/// A form of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Form {
    /// One array of objects.
    Json,
    /// One object a line.
    Lines,
    /// RFC 4180, with a header.
    Csv,
}

const FORMS: [(&str, Form); 6] = [
    ("application/json", Form::Json),
    ("application/x-ndjson", Form::Lines),
    ("application/ndjson", Form::Lines),
    ("application/jsonl", Form::Lines),
    ("text/csv", Form::Csv),
    ("application/csv", Form::Csv),
];

impl Form {
    /// The form of the body.
    ///
    /// # Errors
    /// 415 when `Content-Type` is missing or another one.
    pub(super) fn of_body(headers: &HeaderMap) -> Result<Self, Problem> {
        let text = text(headers, CONTENT_TYPE);
        Self::read(&text).ok_or_else(|| {
            Problem::unsupported("send `application/json`, `application/x-ndjson` or `text/csv` as `Content-Type`")
        })
    }

    /// The form of the answer: the first of `Accept` that can be, else that of the body.
    ///
    /// # Errors
    /// 406 when none can be.
    pub(in crate::api) fn of_answer(headers: &HeaderMap, body: Self) -> Result<Self, Problem> {
        let accept = text(headers, ACCEPT);
        if accept.trim().is_empty() {
            return Ok(body);
        }
        for part in accept.split(',') {
            let refused = part
                .split(';')
                .skip(1)
                .any(|weight| weight.trim().strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0_f32)));
            if refused {
                continue;
            }
            if matches!(essence(part).as_str(), "*/*" | "application/*" | "text/*") {
                return Ok(body);
            }
            if let Some(form) = Self::read(part) {
                return Ok(form);
            }
        }
        Err(Problem::not_acceptable("answers are `application/json`, `application/x-ndjson` or `text/csv`"))
    }

    fn read(text: &str) -> Option<Self> {
        let essence = essence(text);
        FORMS.iter().find(|(name, _)| *name == essence).map(|(_, form)| *form)
    }

    /// As the answer's `Content-Type`.
    pub(in crate::api) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Lines => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> String {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}

fn essence(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(accept: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())])
    }

    #[test]
    fn the_answer_takes_the_first_form_that_can_be() {
        let check = |accept: &str, expected: Option<Form>| {
            assert_eq!(Form::of_answer(&headers(accept), Form::Csv).ok(), expected, "{accept}");
        };
        check("*/*", Some(Form::Csv));
        check("text/html, application/x-ndjson", Some(Form::Lines));
        check("Application/JSON; charset=utf-8", Some(Form::Json));
        check("application/json;q=0, text/csv", Some(Form::Csv));
        check("text/html", None);
    }
}
