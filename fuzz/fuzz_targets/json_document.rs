//! A JSON document: the reader of plain documents and the one of all documents say the same.
#![no_main]
use collector::decode::walk_json;
use event::Event;
use libfuzzer_sys::fuzz_target;

/// A member whose name the reader of plain documents leaves to the other: a pair of surrogates.
const NOT_PLAIN: &str = r#""\ud83d\ude00":0"#;

/// Names and values; nothing when the document is none, or has more than fits.
fn fields(text: &str) -> Option<Vec<String>> {
    let mut event = Event::new();
    walk_json(text, &mut event).ok()?;
    Some(event.iter().map(|(name, value)| format!("{name}={value:?}")).collect())
}

/// Control characters count as spaces.
fn is_space(letter: char) -> bool {
    letter <= ' '
}

fuzz_target!(|text: &str| {
    let read = fields(text);
    let Some((before, inner)) = text.split_once('{').filter(|(before, _)| before.chars().all(is_space)) else {
        assert_eq!(read, None, "no object");
        return;
    };
    let is_empty = inner.trim_start_matches(is_space).starts_with('}');
    let comma = if is_empty { "" } else { "," };
    let full = fields(&format!("{before}{{{NOT_PLAIN}{comma}{inner}"));
    let left_out = |fields: &[String]| fields.iter().any(|field| field.starts_with("metrosoc.fields_left_out="));
    if full.as_deref().is_some_and(left_out) {
        return;
    }
    assert_eq!(read.as_deref(), full.as_ref().map(|fields| &fields[1..]));
});
