//! E-mail addresses: what stands around an `@`.

use super::lexicon::word;
use super::pass::Pass;
use super::token::gap;
use super::user::is_identifier;
use crate::privacy::Class;

/// Bounds of RFC 5321, section 4.5.3.1.
const LOCAL_MAX: usize = 64;
const DOMAIN_MAX: usize = 255;

impl Pass<'_> {
    /// Widens every `@` of the text to an address where one stands.
    pub(super) fn emails(&mut self) {
        for &at in &self.tokens.ats {
            self.email(at as usize);
        }
    }

    fn email(&mut self, at: usize) {
        let sign = if self.bytes.get(at) == Some(&b'%') { 3 } else { 1 };
        let before = self.bytes.get(at.saturating_sub(LOCAL_MAX + 1)..at).unwrap_or_default();
        let local = before.iter().rev().take_while(|byte| is_local(**byte)).count();
        let behind = self.bytes.get(at + sign..).unwrap_or_default();
        let domain = behind.iter().take(DOMAIN_MAX + 1).take_while(|byte| is_domain(**byte)).count();
        let (Some(local), Some(domain)) = (before.get(before.len() - local..), behind.get(..domain)) else { return };
        let dropped = local.iter().take_while(|byte| matches!(byte, b'.' | b'-' | b'+' | b'%')).count();
        let local = local.get(dropped..).unwrap_or_default();
        let domain = trimmed(domain);
        if local.is_empty() || local.len() > LOCAL_MAX || local.ends_with(b".") || !is_host(domain) {
            return;
        }
        let (start, end) = (at - local.len(), at + sign + domain.len());
        if let Some(Ok(address)) = self.bytes.get(start..end).map(std::str::from_utf8) {
            let person = if sign == 1 {
                self.scanner.rules.is_person_mailbox(address)
            } else {
                self.scanner.rules.is_person_mailbox(&address.replace("%40", "@"))
            };
            // `user:secret@host` of a URL is no mailbox, `://user@host` neither.
            let url = start.checked_sub(2).and_then(|from| self.bytes.get(from..start)) == Some(b"//");
            if url || self.is_message_id(start) || is_identifier(local) {
                return;
            }
            if person {
                self.found_bytes(Class::Email, start, end, 90);
                self.named_before(start);
            } else if domain.ends_with(b".local")
                && local.first().is_some_and(u8::is_ascii_alphabetic)
                && self.scanner.rules.is_person_principal(address)
            {
                // `lan@danang.local`: a person's account in a realm without mailboxes.
                self.found_bytes(Class::UserName, start, end, 62);
            }
        }
    }
}

/// Words of a name before an address at most.
const NAME_WORDS_MAX: usize = 5;

impl Pass<'_> {
    /// The name before `<lan@…>`, as letters have it (RFC 5322, section 3.4), in the order of either language: one of its
    /// words is a family, none is no syllable.
    fn named_before(&mut self, start: usize) {
        let list = &self.tokens.list;
        let first = list.partition_point(|token| (token.start as usize) < start);
        let token = self.tokens.get(first);
        let bracket = token.gap & gap::BREAK != 0 && token.gap & !(gap::BREAK | gap::SPACE | gap::QUOTE) == 0;
        if !self.tokens.known || token.start as usize != start || !bracket || token.gap_len > 3 {
            return;
        }
        let mut from = first;
        while from > first.saturating_sub(NAME_WORDS_MAX) {
            let word = self.tokens.get(from.wrapping_sub(1));
            let joined = from == first || self.tokens.get(from).single(gap::SPACE);
            if from == 0 || !joined || !word.is_word() || !word.is_capital() || !self.may_be_in_name(word) {
                break;
            }
            from -= 1;
        }
        let family = |place: usize| self.scanner.lexicon.folded(self.tokens.get(place)) & word::FAMILY != 0;
        if first - from >= 2 && (family(from) || family(first - 1)) {
            self.found(Class::PersonName, from, first - 1, 60);
        }
    }
}

/// Longest word that stands before the id of a message.
const MESSAGE_WORD_MAX: usize = 24;

impl Pass<'_> {
    /// Whether what begins here is the id of a message, which looks like an address (RFC 5322, section 3.6.4).
    fn is_message_id(&self, start: usize) -> bool {
        let before = self.bytes.get(start.saturating_sub(MESSAGE_WORD_MAX)..start).unwrap_or_default();
        let kept =
            before.iter().rposition(|byte| !matches!(byte, b'<' | b'=' | b':' | b'"' | b' ')).map_or(0, |at| at + 1);
        let before = before.get(..kept).unwrap_or_default();
        [b"message-id".as_slice(), b"message_id", b"messageid", b"msgid", b"in-reply-to"].iter().any(|word| {
            let tail = before.len().checked_sub(word.len()).and_then(|from| before.get(from..));
            kept < MESSAGE_WORD_MAX && tail.is_some_and(|tail| tail.eq_ignore_ascii_case(word))
        })
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-')
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

fn trimmed(domain: &[u8]) -> &[u8] {
    let kept = domain.iter().rposition(u8::is_ascii_alphanumeric).map_or(0, |last| last + 1);
    domain.get(..kept).unwrap_or_default()
}

/// At least two labels, the last one of letters, none empty.
fn is_host(domain: &[u8]) -> bool {
    let mut labels = domain.split(|byte| *byte == b'.');
    let last = domain.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    labels.all(|label| !label.is_empty() && label.len() <= 63)
        && domain.contains(&b'.')
        && last.len() >= 2
        && last.iter().all(u8::is_ascii_alphabetic)
}
