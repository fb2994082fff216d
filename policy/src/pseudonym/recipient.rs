//! Tokens as one recipient of an export sees them: of the same kind and length, the same for one value in all that he gets,
//! and others than anybody else's, so that two recipients cannot put together what each of them got.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use memchr::memmem::Finder;
use serde_json::{Map, Value};

use super::SPANS_FIELD;
use crate::mask::RecipientKey;
use crate::vault::{TOKEN_CHARS, Token};

/// How addresses that are tokens begin.
const NETWORK: &str = "fd70:7365:7564:";
/// Longest address.
const ADDRESS_CHARS_MAX: usize = 39;

/// Puts a recipient's tokens in the places of ours.
#[derive(Debug, Clone)]
pub struct Retokenised {
    key: RecipientKey,
}

impl Retokenised {
    /// For who has this key.
    pub fn new(key: RecipientKey) -> Self {
        Self { key }
    }

    /// The fields of an event. Whatever reads like a token is changed, a look-alike too: it may be copied from a real one.
    /// Where tokens stand is left out.
    pub fn fields(&self, fields: Map<String, Value>) -> Map<String, Value> {
        let kept = fields.into_iter().filter(|(name, _)| name != SPANS_FIELD);
        kept.map(|(name, value)| (name, self.value(value))).collect()
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(owned(self.text(&text)).unwrap_or(text)),
            Value::Array(list) => Value::Array(list.into_iter().map(|one| self.value(one)).collect()),
            other => other,
        }
    }

    /// A text with the recipient's tokens.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let words = self.words(text);
        let changed = owned(self.addresses(&words));
        changed.map_or(words, Cow::Owned)
    }

    fn words<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let (mut changed, mut kept, mut at) = (String::new(), 0, 0);
        while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr(b'p', rest.as_bytes())) {
            let start = at + found;
            let end = start + TOKEN_CHARS;
            let token = text.get(start..end).and_then(Token::parse);
            let Some(token) = token else {
                at = start + 1;
                continue;
            };
            changed.push_str(text.get(kept..start).unwrap_or_default());
            changed.push_str(&self.key.token(token).to_string());
            (kept, at) = (end, end);
        }
        if kept == 0 {
            return Cow::Borrowed(text);
        }
        changed.push_str(text.get(kept..).unwrap_or_default());
        Cow::Owned(changed)
    }

    fn addresses<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let (mut changed, mut kept) = (String::new(), 0);
        for start in Finder::new(NETWORK).find_iter(text.as_bytes()) {
            let rest = text.get(start..).unwrap_or_default();
            let written = |found: &char| found.is_ascii_hexdigit() || *found == ':';
            let most = rest.chars().take(ADDRESS_CHARS_MAX).take_while(written).count();
            // The longest that is an address: `:22` may stand behind it.
            let mut lengths = (NETWORK.len()..=most).rev();
            let found = lengths.find_map(|length| Some((rest.get(..length)?.parse::<Ipv6Addr>().ok()?, length)));
            let token = found.and_then(|(address, length)| Some((Token::of_address(address)?, length)));
            let Some((token, length)) = token.filter(|_| start >= kept) else { continue };
            changed.push_str(text.get(kept..start).unwrap_or_default());
            changed.push_str(&self.key.token(token).as_address().to_string());
            kept = start + length;
        }
        if kept == 0 {
            return Cow::Borrowed(text);
        }
        changed.push_str(text.get(kept..).unwrap_or_default());
        Cow::Owned(changed)
    }
}

fn owned(text: Cow<'_, str>) -> Option<String> {
    match text {
        Cow::Owned(changed) => Some(changed),
        Cow::Borrowed(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, LazyLock};

    use keys::{KeySource, Keyring};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::mask::Masking;
    use crate::privacy::{PrivacyText, Scanner, parse};

    static TWO: LazyLock<[Retokenised; 2]> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let source = KeySource::File(folder.path().join("master.key"));
        let keyring = Keyring::open(&source, &folder.path().join("data")).unwrap();
        let scanner = Arc::new(Scanner::new(parse(&PrivacyText::embedded()).unwrap(), 2026));
        let masking = Masking::new(keyring.lookup_key("masks").unwrap(), scanner);
        ["export:police", "export:health"].map(|recipient| Retokenised::new(masking.of(recipient)))
    });

    #[test]
    fn each_recipient_has_tokens_of_his_own() {
        let [police, health] = &*TWO;
        let token = "pphabcdefghijkmnpqr";
        let address = Token::parse("pipabcdefghijkmnpqr").unwrap().as_address().to_string();
        let fields = json!({
            "event.original": format!("gọi {token}, từ {address}:22; x{token}p"), "user.name": [token, "root"], "source.ip": address,
            "event.duration": 7, "metrosoc.pseudonyms": "0@4+19",
        });
        let seen = |by: &Retokenised| by.fields(fields.as_object().unwrap().clone());
        let (one, other) = (seen(police), seen(health));
        let all = format!("{one:?}{other:?}");
        assert!(!all.contains(token) && !all.contains(&address) && !all.contains(SPANS_FIELD), "{all}");
        let his = one["user.name"][0].as_str().unwrap();
        assert!(his.starts_with("pph") && Token::parse(his).is_some(), "{his}");
        assert_eq!(one["event.original"].as_str().unwrap().matches(his).count(), 2, "one person, one token");
        assert_ne!(one["user.name"], other["user.name"]);
        assert_ne!(one["source.ip"], other["source.ip"]);
        assert!(one["source.ip"].as_str().unwrap().starts_with(NETWORK));
        assert_eq!((&one["user.name"][1], &one["event.duration"]), (&json!("root"), &json!(7)));
        assert_eq!(seen(police), one, "the same in every export of his");
    }

    proptest! {
        #[test]
        fn texts_without_tokens_stay_as_they_are(text in "[a-o ]{0,40}|\\PC{0,15}") {
            let [police, _] = &*TWO;
            prop_assert_eq!(police.text(&text), text.as_str());
        }
    }
}
