//! What is put in comes out, under every way to put and take.

use proptest::prelude::*;

use super::*;

#[test]
fn fields_are_read_back() {
    let mut event = Event::new();
    event.push("source.ip", "2001:db8::1").unwrap();
    event.push("source.port", 22).unwrap();
    event.push("tags", "a").unwrap();
    event.push("tags", "b").unwrap();
    event.push("process.args", Value::Null).unwrap();
    assert_eq!(event.get_str("source.ip"), Some("2001:db8::1"));
    assert_eq!(event.get("source.port"), Some(Value::Int(22)));
    assert_eq!(event.get_all("tags").collect::<Vec<_>>(), [Value::Str("a"), Value::Str("b")]);
    assert!(event.has("process.args") && event.get("nothing").is_none());
    event.copy("tags", "labels").unwrap();
    assert_eq!(event.get_all("labels").count(), 2);
    event.rename("labels", "log.tags").unwrap();
    assert!(!event.has("labels") && event.get_all("log.tags").count() == 2);
    event.set("tags", "c").unwrap();
    assert_eq!(event.get_all("tags").collect::<Vec<_>>(), [Value::Str("c")]);
}

#[test]
fn fields_since_a_mark_are_renamed_or_taken_back() {
    let mut event = Event::new();
    event.push("a", 1).unwrap();
    let mark = event.mark();
    event.push("b", 2).unwrap();
    event.push("c", 3).unwrap();
    let prefix = |old: &str, new: &mut String| {
        new.push_str("p.");
        new.push_str(old);
        old != "c"
    };
    event.rename_since(mark, prefix).unwrap();
    assert_eq!(event.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "p.b", "c"]);
    event.push("a", 4).unwrap();
    event.keep_first_since(mark);
    assert_eq!(event.get_all("a").count(), 1);
    event.rewind(mark);
    assert_eq!(event.len(), 1);
}

#[test]
fn a_full_event_says_so() {
    let mut event = Event::new();
    for _ in 0..FIELDS_MAX {
        event.push("a", 1).unwrap();
    }
    assert_eq!(event.push("a", 1), Err(EventFull));
    assert_eq!(Event::new().push(&"n".repeat(70_000), 1), Err(EventFull));
    assert_eq!(Event::new().push("a", "x".repeat(TEXT_BYTES_MAX).as_str()), Err(EventFull));
}

proptest! {
    #[test]
    fn what_is_pushed_is_read(fields in prop::collection::vec(("[a-z.]{1,12}", "\\PC{0,40}"), 0..60)) {
        let mut event = Event::new();
        for (name, value) in &fields {
            event.push(name, value.as_str()).unwrap();
        }
        let read: Vec<_> = event.iter().map(|(name, value)| (name.to_owned(), value.text().into_owned())).collect();
        prop_assert_eq!(read, fields);
    }
}

/// What an event is, said the obvious way.
type Model = Vec<(String, i64)>;

#[derive(Debug, Clone)]
enum Step {
    Push(String, i64),
    Set(String, i64),
    SetDefault(String, i64),
    Copy(String, String),
    Remove(String),
    Rename(String, String),
    /// Pushes and takes back, or gives the last ones a prefix, or keeps the first of each name.
    Since(Vec<(String, i64)>, u8),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || "[ab]{0,2}|[a-c.]{9,11}|process\\.(parent\\.)?pid";
    prop_oneof![
        6 => (name(), any::<i64>()).prop_map(|(name, value)| Step::Push(name, value)),
        1 => (name(), any::<i64>()).prop_map(|(name, value)| Step::Set(name, value)),
        1 => (name(), any::<i64>()).prop_map(|(name, value)| Step::SetDefault(name, value)),
        2 => (name(), name()).prop_map(|(from, to)| Step::Copy(from, to)),
        1 => name().prop_map(Step::Remove),
        1 => (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => (prop::collection::vec((name(), any::<i64>()), 0..4), 0_u8..3).prop_map(|(fields, how)| Step::Since(fields, how)),
    ]
}

fn take(step: Step, event: &mut Event, model: &mut Model) {
    let has = |model: &Model, name: &str| model.iter().any(|(other, _)| other == name);
    match step {
        Step::Push(name, value) => {
            event.push(&name, value).unwrap();
            model.push((name, value));
        }
        Step::Set(name, value) => {
            event.set(&name, value).unwrap();
            model.retain(|(other, _)| *other != name);
            model.push((name, value));
        }
        Step::SetDefault(name, value) => {
            event.set_default(&name, value).unwrap();
            if !has(model, &name) {
                model.push((name, value));
            }
        }
        Step::Copy(from, to) => {
            event.copy(&from, &to).unwrap();
            if !has(model, &to) {
                let copies = model.iter().filter(|(name, _)| *name == from).map(|(_, value)| (to.clone(), *value));
                model.extend(copies.collect::<Vec<_>>());
            }
        }
        Step::Remove(name) => {
            event.remove(&name);
            model.retain(|(other, _)| *other != name);
        }
        Step::Rename(from, to) => {
            event.rename(&from, &to).unwrap();
            model.iter_mut().filter(|(name, _)| *name == from).for_each(|(name, _)| name.clone_from(&to));
        }
        Step::Since(fields, how) => {
            let mark = event.mark();
            for (name, value) in &fields {
                event.push(name, *value).unwrap();
            }
            let prefix = |old: &str, new: &mut String| {
                new.push_str("p.");
                new.push_str(old);
                !old.is_empty()
            };
            match how {
                0 => event.rewind(mark),
                1 => {
                    event.rename_since(mark, prefix).unwrap();
                    let named = |name: String| if name.is_empty() { name } else { format!("p.{name}") };
                    model.extend(fields.into_iter().map(|(name, value)| (named(name), value)));
                }
                _ => {
                    event.keep_first_since(mark);
                    let new: Vec<_> = fields.into_iter().filter(|(name, _)| !has(model, name)).collect();
                    model.extend(new);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn every_step_agrees_with_the_obvious(steps in prop::collection::vec(step(), 0..40)) {
        let (mut event, mut model) = (Event::new(), Model::new());
        for step in steps {
            take(step, &mut event, &mut model);
            let fields: Model = event.iter().filter_map(|(name, value)| match value {
                Value::Int(number) => Some((name.to_owned(), number)),
                _ => None,
            }).collect();
            prop_assert_eq!(&fields, &model);
            for (name, _) in &model {
                let all: Vec<_> = model.iter().filter(|(other, _)| other == name).map(|(_, value)| Value::Int(*value)).collect();
                prop_assert_eq!(event.get_all(name).collect::<Vec<_>>(), all);
                prop_assert!(event.has(name) && event.iter_hashed().all(|(hash, name, _)| hash == name_hash(name)));
            }
        }
    }
}
