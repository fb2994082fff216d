//! Where tokens stand in a stored event, out of band: a text that looks like a token is none unless it stands there.
//!
//! The field [`super::SPANS_FIELD`] has one part a field, `;` between them: the field's number, `@`, then each span as
//! `gap+length`, the gap counted from the last span's end, and `/n` for another writing than the first; `i` or `f` at the
//! end of a part says that the value was a number. Example: `1@12+19,4+19/1;7@0+19i`.

/// What kind of value a field held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Was {
    Text,
    Int,
    Float,
}

/// A token in a field's stored text, with the spaces around it that keep it a word of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) writing: u32,
}

/// The tokens of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OfField {
    pub(super) field: usize,
    pub(super) placed: Vec<Placed>,
    pub(super) was: Was,
}

/// Writes the tokens of a field behind those of the fields before it.
pub(super) fn write(into: &mut String, field: usize, placed: &[Placed], was: Was) {
    if !into.is_empty() {
        into.push(';');
    }
    push(into, field);
    into.push('@');
    let mut last = 0;
    for (number, one) in placed.iter().enumerate() {
        if number > 0 {
            into.push(',');
        }
        push(into, one.start - last);
        into.push('+');
        push(into, one.end - one.start);
        if one.writing > 0 {
            into.push('/');
            push(into, one.writing as usize);
        }
        last = one.end;
    }
    match was {
        Was::Text => {}
        Was::Int => into.push('i'),
        Was::Float => into.push('f'),
    }
}

/// Writes a number; every event with a token has some, and formatting costs more than all the rest of this.
fn push(into: &mut String, number: usize) {
    if number >= 10 {
        push(into, number / 10);
    }
    into.push(char::from(b'0' + (number % 10) as u8));
}

/// Reads what [`write`] wrote; `None` for anything else.
pub(super) fn read(text: &str) -> Option<Vec<OfField>> {
    text.split(';').map(part).collect()
}

fn part(text: &str) -> Option<OfField> {
    let (text, was) = match text.as_bytes().last()? {
        b'i' => (text.strip_suffix('i')?, Was::Int),
        b'f' => (text.strip_suffix('f')?, Was::Float),
        _ => (text, Was::Text),
    };
    let (field, spans) = text.split_once('@')?;
    let mut placed = Vec::new();
    let mut last = 0_usize;
    for span in spans.split(',') {
        let (gap, rest) = span.split_once('+')?;
        let (length, writing) = rest.split_once('/').unwrap_or((rest, "0"));
        let start = last.checked_add(number(gap)?)?;
        let end = start.checked_add(number(length)?)?;
        placed.push(Placed { start, end, writing: u32::try_from(number(writing)?).ok()? });
        last = end;
    }
    Some(OfField { field: number(field)?, placed, was })
}

/// Digits alone: `parse` takes a sign too.
fn number(text: &str) -> Option<usize> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields() -> impl Strategy<Value = Vec<OfField>> {
        let span = (0_usize..1_000_000, 0_usize..100, 0_u32..3);
        let was = prop_oneof![Just(Was::Text), Just(Was::Int), Just(Was::Float)];
        let field = (0_usize..10_000, prop::collection::vec(span, 1..6), was).prop_map(|(field, spans, was)| {
            let mut last = 0;
            let mut placed = Vec::new();
            for (gap, length, writing) in spans {
                let start = last + gap;
                last = start + length;
                placed.push(Placed { start, end: last, writing });
            }
            OfField { field, placed, was }
        });
        prop::collection::vec(field, 1..6)
    }

    #[test]
    fn the_form_is_as_described() {
        let mut text = String::new();
        let placed = [Placed { start: 12, end: 31, writing: 0 }, Placed { start: 35, end: 54, writing: 1 }];
        write(&mut text, 1, &placed, Was::Text);
        write(&mut text, 7, &[Placed { start: 0, end: 19, writing: 0 }], Was::Int);
        assert_eq!(text, "1@12+19,4+19/1;7@0+19i");
        for wrong in [
            "",
            ";",
            "1",
            "1@",
            "1@2",
            "1@2+",
            "@2+3",
            "1@2+3/",
            "1@-2+3",
            "1@2+3;",
            "1@+2+3",
            "99999999999999999999@1+1",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(fields in fields()) {
            let mut text = String::new();
            for field in &fields {
                write(&mut text, field.field, &field.placed, field.was);
            }
            prop_assert_eq!(read(&text), Some(fields));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9@+,;/if]{0,40}|\\PC{0,20}") {
            let _ = read(&text);
        }
    }
}
