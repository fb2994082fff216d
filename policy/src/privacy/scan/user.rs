//! Accounts that a word before them tells: `user=`, `tài khoản`.

use super::context::Said;
use super::lexicon::{Phrase, kind, word};
use super::pass::Pass;
use super::token::{Token, gap, shape};
use crate::privacy::Class;

/// Most tokens of an account or a record number.
pub(super) const PARTS_MAX: usize = 8;
/// Most bytes of an account.
const ACCOUNT_BYTES_MAX: usize = 64;
impl Pass<'_> {
    /// What follows a phrase at once: the value of the classes that the phrase leads to.
    pub(super) fn led(&mut self, phrase: Phrase, from: usize) {
        let mut at = self.skip_fillers(from);
        // `DATABASE USER:[9] 'LAN'`: how long it is.
        let length = self.tokens.get(at).is_number() && self.tokens.get(at).gap & gap::BREAK != 0;
        if length && phrase.lead & Class::UserName.bit() != 0 {
            at += 1;
        }
        let token = self.tokens.get(at);
        let keyed = self.is_keyed(at) || self.is_keyed(from);
        // `14 thửa, 2 tờ`: what stands behind a comma is not what was announced.
        let over = gap::BREAK | gap::COMMA;
        if token.gap & gap::EDGE != 0 || token.gap & over != 0 && !keyed || token.gap_len > 8 {
            return;
        }
        for class in [Class::UserName, Class::HealthRecord, Class::LandRecord] {
            if phrase.lead & class.bit() == 0 || !self.switches.is_on(class) {
                continue;
            }
            match class {
                Class::UserName => self.account(at, 70),
                _ => self.record(at, class),
            }
        }
    }

    /// The value behind a context word of accounts (`user=`, `tài khoản`), when it looks like one.
    #[inline]
    pub(super) fn user_after_context(&mut self, at: usize) {
        if self.nearby.may(Class::UserName.bit(), at) {
            self.user_announced(at);
        }
    }

    #[inline(never)]
    fn user_announced(&mut self, at: usize) {
        let token = self.tokens.get(at);
        // `user_agent`, `user.target` are one word.
        let part = token.gap & !(gap::UNDER | gap::DOT | gap::DASH) == 0;
        let (after, len) = self.tokens.gap(at + 1);
        let short = token.len < 2 && !(len == 1 && after & (gap::DOT | gap::UNDER) != 0);
        if short || part {
            return;
        }
        // `User <lan> IP`; `><` begins another element.
        if token.gap == gap::SPACE | gap::BREAK && token.gap_len == 2 && self.nearby.ends_at(at.wrapping_sub(1)) {
            self.account(at, 62);
            return;
        }
        if token.gap & gap::COLON != 0 && matches!(self.byte_before(token), Some(b'<')) {
            return;
        }
        if self.said(at, Class::UserName) != Said::Direct {
            return;
        }
        if self.is_keyed(at) || self.is_quoted(token) || self.looks_like_account(at) {
            self.account(at, 62);
        }
    }

    /// `-SamAccountName "lan"`.
    fn is_quoted(&self, token: &Token) -> bool {
        token.gap == gap::SPACE | gap::QUOTE && matches!(self.byte_before(token), Some(b'"' | b'\''))
    }

    /// `lan.nguyen`, `lan_nt`, `lan01`: what no word of a sentence looks like.
    fn looks_like_account(&self, at: usize) -> bool {
        let token = self.tokens.get(at);
        let (after, len) = self.tokens.gap(at + 1);
        let joined = len == 1 && after & gap::EDGE == 0 && after & !(gap::DOT | gap::UNDER) == 0;
        let shaped = joined || token.is_mixed() || self.is_no_syllable(at) || self.acts(at);
        !token.is_marked() && shaped && token.shape & shape::LOWER != 0
    }

    /// Behind a Vietnamese word (`tài khoản phucnc`): letters that are no Vietnamese syllable.
    fn is_no_syllable(&self, at: usize) -> bool {
        let token = self.tokens.get(at);
        let vietnamese = self.nearby.nearest().is_some_and(|phrase| phrase.is(kind::MARKED));
        vietnamese && !token.is_capital() && self.scanner.lexicon.folded(token) & (word::SYLLABLE | word::PHRASE) == 0
    }

    /// `user lan logged in`, `user lan was`: a verb in the past follows.
    fn acts(&self, at: usize) -> bool {
        let next = self.tokens.get(at + 1);
        let text = self.tokens.text(next);
        let verb = text.len() > 4 && text.ends_with(b"ed") || matches!(text, b"was" | b"has" | b"sent" | b"made");
        next.single(gap::SPACE) && next.is_word() && verb && !self.tokens.get(at).is_capital()
    }

    pub(super) fn account(&mut self, at: usize, score: i32) {
        let mut last = self.joined(at, gap::DOT | gap::UNDER | gap::DASH | gap::BACKSLASH);
        // `user lan.nguyen.` ends a sentence.
        while last > at && self.tokens.get(last).len == 0 {
            last -= 1;
        }
        let (bits, len) = self.tokens.gap(last + 1);
        // `logname= uid=0`, `"user":{"username":…`: what stands there is a key itself.
        let key = bits & gap::EQUALS != 0 || bits & gap::COLON != 0 && bits & gap::QUOTE != 0 && bits & gap::COMMA == 0;
        if key && bits & gap::EDGE == 0 {
            return;
        }
        let mailbox = len == 1 && bits == gap::AT;
        if mailbox {
            self.principal(at, last + 1, score);
            return;
        }
        self.account_between(self.domain_skipped(at, last), last, score);
    }

    /// The account that these tokens are, unless it is no person's.
    pub(super) fn account_between(&mut self, first: usize, last: usize, score: i32) {
        let machine = self.bytes.get(self.tokens.get(last).end as usize) == Some(&b'$');
        let (token, end) = (self.tokens.get(first), self.tokens.get(last));
        let bytes = self.bytes.get(token.start as usize..end.end as usize).unwrap_or_default();
        let Ok(account) = std::str::from_utf8(bytes) else { return };
        let only_digits = (first..=last).all(|place| self.tokens.get(place).is_number());
        let no_account = machine || only_digits || account.len() > ACCOUNT_BYTES_MAX || is_identifier(bytes);
        if no_account || first == last && self.is_plain(token) {
            return;
        }
        if self.scanner.rules.is_person_account(account) {
            self.found(Class::UserName, first, last, score);
        }
    }

    /// `lan@danang.local`: the account of a person in a realm that has no mailboxes; other addresses are e-mail.
    fn principal(&mut self, at: usize, realm: usize, score: i32) {
        let last = self.joined(realm, gap::DOT | gap::DASH);
        let (start, end) = (self.tokens.get(at).start as usize, self.tokens.get(last).end as usize);
        let Some(Ok(account)) = self.bytes.get(start..end).map(std::str::from_utf8) else { return };
        let rules = &self.scanner.rules;
        if account.len() <= ACCOUNT_BYTES_MAX && !rules.is_person_mailbox(account) && rules.is_person_principal(account)
        {
            self.found_bytes(Class::UserName, start, end, score);
        }
    }

    /// A word of ordinary language, that no account is called.
    fn is_plain(&self, token: &Token) -> bool {
        const WORDS: [&[u8]; 56] = [
            b"is",
            b"not",
            b"from",
            b"has",
            b"was",
            b"the",
            b"and",
            b"for",
            b"with",
            b"by",
            b"does",
            b"in",
            b"on",
            b"at",
            b"to",
            b"of",
            b"logged",
            b"session",
            b"name",
            b"id",
            b"login",
            b"account",
            b"failed",
            b"unknown",
            b"locked",
            b"invalid",
            b"illegal",
            b"authentication",
            b"disconnected",
            b"error",
            b"success",
            b"attempt",
            b"request",
            b"agent",
            b"group",
            b"password",
            b"database",
            b"via",
            b"true",
            b"false",
            b"security",
            b"client",
            b"credentials",
            b"domain",
            b"terminal",
            b"host",
            b"process",
            b"target",
            b"source",
            b"type",
            b"uid",
            b"cn",
            b"dn",
            b"toi",
            b"em",
            b"da",
        ];
        let text = self.tokens.text(token);
        token.is_marked() || WORDS.contains(&text) || self.marked && self.scanner.lexicon.exact(token) & word::STOP != 0
    }

    /// The first token after `DOMAIN\`.
    fn domain_skipped(&self, at: usize, last: usize) -> usize {
        let behind = |place: &usize| self.tokens.get(*place).gap & gap::BACKSLASH != 0;
        (at + 1..=last).rev().find(behind).unwrap_or(at)
    }

    /// The last token of those that hang together by single signs of `signs`, or by nothing.
    pub(super) fn joined(&self, at: usize, signs: u16) -> usize {
        let mut last = at;
        while last + 1 < at + PARTS_MAX {
            let next = self.tokens.get(last + 1);
            let escaped = next.gap == gap::BACKSLASH && next.gap_len == 2;
            if next.gap & gap::EDGE != 0
                || next.gap_len > 1 && !(escaped && signs & gap::BACKSLASH != 0)
                || next.gap & !signs != 0
            {
                break;
            }
            last += 1;
        }
        last
    }
}

/// Whether this is an identifier that a program made: a UUID, `0x3e7`, many hexadecimal digits.
pub(super) fn is_identifier(text: &[u8]) -> bool {
    const HEX_MIN: usize = 16;
    let hex = |part: &[u8]| part.iter().all(u8::is_ascii_hexdigit);
    let groups = [8, 4, 4, 4, 12];
    let uuid = text.len() == 36
        && text.split(|byte| *byte == b'-').map(<[u8]>::len).eq(groups)
        && text.split(|byte| *byte == b'-').all(hex);
    let number = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X")).is_some_and(hex);
    uuid || number || text.len() >= HEX_MIN && hex(text) && text.iter().any(u8::is_ascii_digit)
}
