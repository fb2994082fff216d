//! Selections that stand alone: `field|modifiers: values` maps from elsewhere than a rule, compiled with the same items.

use bumpalo::Bump;
use event::Event;
use serde_json::{Map, Value as Json};

use super::detection::Detection;
use super::names::{Names, Naming};
use super::view::{Places, View};
use super::yaml::Node;

/// Most fields of one selection.
const FIELDS_MAX: usize = 20;
/// Most values of one field.
const VALUES_MAX: usize = 500;
/// Most regular expressions of one field.
const EXPRESSIONS_MAX: usize = 10;

/// Compiled selections, numbered in the order in which they were added.
#[derive(Debug, Default)]
pub struct Selections {
    names: Names,
    detections: Vec<Detection>,
}

impl Selections {
    /// Compiles a map whose fields must all hold; `names_of` gives the names under which events may have a field, best
    /// first. Returns its number.
    ///
    /// # Errors
    /// A sentence, when a field or value cannot be meant, or when an event that has none of the fields would be selected:
    /// what is selected must be something that is there.
    pub fn add(
        &mut self,
        fields: &Map<String, Json>,
        names_of: &mut dyn FnMut(&str) -> Vec<String>,
    ) -> Result<usize, String> {
        if fields.is_empty() || fields.len() > FIELDS_MAX {
            return Err(format!("has {} fields; 1 to {FIELDS_MAX} are possible", fields.len()));
        }
        let mut entries = Vec::with_capacity(fields.len());
        for (key, value) in fields {
            if key.split('|').next().unwrap_or_default().trim().is_empty() {
                return Err(format!("`{key}` names no field"));
            }
            let node = node_of(value).map_err(|reason| format!("`{key}`: {reason}"))?;
            selects_something(key, &node).map_err(|reason| format!("`{key}`: {reason}"))?;
            entries.push((key.clone(), node));
        }
        let detection = Detection::compile(&Node::Map(entries), &mut Naming::new(&mut self.names, names_of))?;
        let nothing = Event::new();
        if detection.matches(&View::new(&nothing, &self.names, &mut Places::default(), &Bump::new())) {
            return Err("selects events that have none of its fields; ask for a value that is there".to_owned());
        }
        self.detections.push(detection);
        Ok(self.detections.len() - 1)
    }

    /// The first of `numbers` that selects the event.
    pub fn first(&self, numbers: impl IntoIterator<Item = usize>, event: &Event) -> Option<usize> {
        let mut numbers = numbers.into_iter().peekable();
        numbers.peek()?;
        let (bump, mut places) = (Bump::new(), Places::default());
        let view = View::new(event, &self.names, &mut places, &bump);
        numbers.find(|number| self.detections.get(*number).is_some_and(|detection| detection.matches(&view)))
    }
}

fn node_of(value: &Json) -> Result<Node, String> {
    Ok(match value {
        Json::Null => Node::Null,
        Json::Bool(truth) => Node::Bool(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Node::Int(number),
            None => Node::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Node::Text(text.clone()),
        Json::Array(values) if values.len() > VALUES_MAX => {
            return Err(format!("has {} values; at most {VALUES_MAX} are possible", values.len()));
        }
        Json::Array(values) if values.iter().any(|value| value.is_array() || value.is_object()) => {
            return Err("a list holds a list or a map where single values should be".to_owned());
        }
        Json::Array(values) => Node::List(values.iter().map(node_of).collect::<Result<_, _>>()?),
        Json::Object(_) => return Err("is a map where a value should be; write dotted names".to_owned()),
    })
}

/// Refuses values that fit whatever the field holds.
fn selects_something(key: &str, node: &Node) -> Result<(), String> {
    let modifiers: Vec<&str> = key.split('|').skip(1).collect();
    if modifiers.contains(&"exists") {
        return Err("whether a field is there selects too much; name its value".to_owned());
    }
    let is_part = ["contains", "startswith", "endswith"].iter().any(|modifier| modifiers.contains(modifier));
    let texts = node.texts();
    if modifiers.contains(&"re") && texts.len() > EXPRESSIONS_MAX {
        return Err(format!("has {} regular expressions; at most {EXPRESSIONS_MAX} are possible", texts.len()));
    }
    for text in texts {
        let is_anything = match modifiers.contains(&"re") {
            true => regex::Regex::new(&text).is_ok_and(|regex| regex.is_match("")),
            false => text.chars().all(|c| c == '*') && (is_part || !text.is_empty()),
        };
        if is_anything {
            return Err(format!("`{text}` fits every value"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use event::json;
    use proptest::prelude::*;

    use super::*;

    fn add(fields: &str) -> Result<Selections, String> {
        let fields: Map<String, Json> = serde_json::from_str(fields).unwrap();
        let mut selections = Selections::default();
        selections.add(&fields, &mut |field| vec![field.to_owned()]).map(|_| selections)
    }

    fn check(fields: &str, event: &str, expected: bool) {
        let mut one = Event::new();
        json::flatten("", &serde_json::from_str(event).unwrap(), &mut one).unwrap();
        assert_eq!(add(fields).unwrap().first([0], &one).is_some(), expected, "{fields} on {event}");
    }

    #[test]
    fn every_field_must_hold() {
        let fields = r#"{"user.name":["backup","veeam"],"host.name|startswith":"srv-"}"#;
        check(fields, r#"{"user":{"name":"Backup"},"host":{"name":"SRV-7"}}"#, true);
        check(fields, r#"{"user":{"name":"backup"},"host":{"name":"pc-7"}}"#, false);
        check(fields, r#"{"user":{"name":"backup"}}"#, false);
        check(r#"{"a":7,"b|neq":"x"}"#, r#"{"a":"7"}"#, true);
        check(r#"{"source.ip|cidr":"10.0.0.0/8"}"#, r#"{"source.ip":"10.9.8.7"}"#, true);
    }

    #[test]
    fn what_selects_too_much_is_refused() {
        let refused = |fields: &str, part: &str| {
            let reason = add(fields).unwrap_err();
            assert!(reason.contains(part), "{fields}: {reason}");
        };
        refused("{}", "has 0 fields");
        refused(r#"{"":"x"}"#, "names no field");
        refused(r#"{"|all":["x"]}"#, "names no field");
        refused(r#"{"a":"*"}"#, "`*` fits every value");
        refused(r#"{"a|contains":["x",""]}"#, "`` fits every value");
        refused(r#"{"a|re":".*"}"#, "`.*` fits every value");
        refused(r#"{"a":null}"#, "none of its fields");
        refused(r#"{"a|neq":"x"}"#, "none of its fields");
        refused(r#"{"a|exists":true}"#, "selects too much");
        refused(r#"{"a":{"b":1}}"#, "dotted names");
        refused(r#"{"a":[[1]]}"#, "single values");
        refused(r#"{"a|contians":"x"}"#, "did you mean `contains`?");
    }

    proptest! {
        #[test]
        fn any_selection_is_compiled_or_refused(key in "[a-z.|]{0,20}", value in "\\PC{0,20}") {
            let mut fields = Map::new();
            fields.insert(key, Json::String(value));
            let _ = Selections::default().add(&fields, &mut |field| vec![field.to_owned()]);
        }
    }
}
