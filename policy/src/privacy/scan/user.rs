//! Values that only their words tell: accounts, numbers of health records and of land.

use super::context::Said;
use super::lexicon::{Phrase, kind, word};
use super::pass::Pass;
use super::token::{Token, gap, shape};
use crate::privacy::Class;

/// Most tokens of an account or a record number.
const PARTS_MAX: usize = 8;
/// Most bytes of an account.
const ACCOUNT_BYTES_MAX: usize = 64;
/// Hashes of words that stand behind accounts.
const ON: u64 = u64::from_le_bytes(*b"on\0\0\0\0\0\0");
const TTY: u64 = u64::from_le_bytes(*b"tty\0\0\0\0\0");
const UID: u64 = u64::from_le_bytes(*b"uid\0\0\0\0\0");
const CMD: u64 = u64::from_le_bytes(*b"cmd\0\0\0\0\0");
const OK: u64 = u64::from_le_bytes(*b"ok\0\0\0\0\0\0");
const HIER: u64 = u64::from_le_bytes(*b"hier\0\0\0\0");
/// Least letters of an account in brackets behind a name.
const BRACKETED_MIN: u16 = 4;
/// Least letters behind `\` that are an account's, where the first could be an escape's.
const ESCAPED_MIN: u16 = 5;

impl Pass<'_> {
    /// What follows a phrase at once: the value of the classes that the phrase leads to.
    pub(super) fn led(&mut self, phrase: Phrase, from: usize) {
        let mut at = self.skip_fillers(from);
        // `DATABASE USER:[9] 'LAN'`: how long it is.
        if self.tokens.get(at).is_number() && self.tokens.get(at).gap & gap::BREAK != 0 {
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
    pub(super) fn user_after_context(&mut self, at: usize) {
        let token = self.tokens.get(at);
        // `user_agent`, `user.target` are one word.
        let part = token.gap & !(gap::UNDER | gap::DOT | gap::DASH) == 0;
        let (after, len) = self.tokens.gap(at + 1);
        let short = token.len < 2 && !(len == 1 && after & (gap::DOT | gap::UNDER) != 0);
        if short || part || !self.nearby.may(Class::UserName.bit(), at) {
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

    /// What stands behind an account tells it: the terminal of `su: (to root) lan on pts/0` and of `sudo: lan : TTY=…`, the
    /// date of a web server's `- lan [02/Mar/2026`; or before it: `PWD=/home/lan`.
    #[inline]
    pub(super) fn user_by_neighbours(&mut self, at: usize) {
        // Most words stand between spaces, and what follows them tells nothing.
        let (own, next) = (self.tokens.get(at), self.tokens.get(at + 1));
        let plain = next.single(gap::SPACE) && next.hash != ON && next.hash != HIER;
        if !plain || own.gap & (gap::SLASH | gap::BACKSLASH | gap::PAREN) != 0 {
            self.user_among(at);
        }
    }

    fn user_among(&mut self, at: usize) {
        let next = self.tokens.get(at + 1);
        // Letters of a short word are its hash, so that no text is read here.
        let on = next.len == 2 && next.hash == ON && next.single(gap::SPACE);
        let tty = next.len == 3 && next.hash == TTY && next.gap & gap::COLON != 0;
        let dated = next.gap == gap::SPACE | gap::BREAK && next.gap_len == 2 && next.len == 2;
        let uid = next.len == 3 && next.hash == UID && next.single(gap::PAREN);
        let cron = next.len == 3 && next.hash == CMD && next.gap == gap::PAREN | gap::SPACE && next.gap_len == 2;
        let proxied = next.len == 4 && next.hash == HIER && next.single(gap::SPACE);
        // `[lan] OK LOGIN`
        let granted = next.len == 2 && next.hash == OK && next.gap == gap::BREAK | gap::SPACE && next.gap_len == 2;
        let peer = next.single(gap::SLASH) && next.is_number();
        let refused = next.gap == gap::SPACE | gap::COLON && next.gap_len == 3;
        let own = self.tokens.get(at);
        let home = own.single(gap::SLASH | gap::BACKSLASH);
        let inner = own.gap & (gap::BACKSLASH | gap::PAREN) != 0 && own.gap_len <= 2;
        let behind = (on && self.is_on_terminal(at)) || tty || uid || cron || proxied || granted;
        if behind || (dated && self.is_dated(at)) || (peer && self.is_at_peer(at)) || (refused && self.is_of_sudo(at)) {
            let first = self.joined_before(at);
            self.account(first, 62);
        } else if (home && self.is_in_home(at)) || (inner && (self.is_in_domain(at) || self.is_in_session(at))) {
            self.account_between(at, self.joined(at, gap::DOT | gap::UNDER | gap::DASH), 62);
        }
    }

    /// `openvpn[8493]: lan/192.0.2.7:43653`.
    fn is_at_peer(&self, at: usize) -> bool {
        let first = self.tokens.get(self.joined_before(at));
        let address =
            (at + 2..at + 5).all(|place| self.tokens.get(place).is_number() && self.tokens.get(place).single(gap::DOT));
        let port = self.tokens.get(at + 5);
        let begins = first.gap & (gap::COLON | gap::SPACE) == gap::COLON | gap::SPACE;
        begins && address && port.is_number() && port.single(gap::COLON)
    }

    /// `sudo[812]: lan : user NOT in sudoers`.
    fn is_of_sudo(&self, at: usize) -> bool {
        let mut before = self.joined_before(at);
        for _ in 0..2 {
            let Some(place) = before.checked_sub(1) else { return false };
            before = place;
            match self.tokens.get(place) {
                token if token.is_number() => {}
                token => return self.tokens.text(token) == b"sudo",
            }
        }
        false
    }

    /// `QUAN3\lan.huynh`: a domain in capitals, no path, no registry, no escape (`\n`).
    fn is_in_domain(&self, at: usize) -> bool {
        const NO_DOMAINS: [&[u8]; 9] =
            [b"hklm", b"hkcu", b"hkcr", b"hkcc", b"hku", b"authority", b"service", b"builtin", b"machine"];
        let (own, Some(domain)) = (self.tokens.get(at), at.checked_sub(1).map(|before| self.tokens.get(before))) else {
            return false;
        };
        let last = self.joined(at, gap::DOT | gap::UNDER | gap::DASH);
        let (after, _) = self.tokens.gap(last + 1);
        let titled = own.is_capital() && own.shape & shape::LOWER != 0 && last == at;
        let word = self.scanner.lexicon.folded(own) & (word::SYLLABLE | word::PHRASE) != 0 || own.len < ESCAPED_MIN;
        let escape = word
            && own.gap_len == 1
            && last == at
            && !own.is_mixed()
            && matches!(self.tokens.text(own).first(), Some(b'n' | b'r' | b't' | b'u' | b'x'));
        own.gap == gap::BACKSLASH
            && domain.shape & shape::LOWER == 0
            && !domain.is_number()
            && (2..=15).contains(&domain.len)
            && domain.gap & (gap::BACKSLASH | gap::SLASH | gap::DOT | gap::UNDER) == 0
            && after & gap::BACKSLASH == 0
            && !escape
            && !titled
            && !is_file_kind(self.tokens.text(self.tokens.get(last)))
            && !NO_DOMAINS.contains(&self.tokens.text(domain))
    }

    /// `imap(lan)<…>`: a mail server's session.
    fn is_in_session(&self, at: usize) -> bool {
        let Some(service) = at.checked_sub(1).map(|before| self.tokens.get(before)) else { return false };
        self.tokens.get(at).single(gap::PAREN)
            && matches!(self.tokens.text(service), b"imap" | b"pop3" | b"lmtp" | b"lda" | b"managesieve")
    }

    /// `Lê Gia An (lgan)`: the account behind a person's name.
    pub(super) fn account_behind_name(&mut self, at: usize) {
        let token = self.tokens.get(at);
        if token.gap != gap::SPACE | gap::PAREN || token.gap_len != 2 || !self.switches.is_on(Class::UserName) {
            return;
        }
        let last = self.joined(at, gap::DOT | gap::UNDER | gap::DASH);
        let (after, _) = self.tokens.gap(last + 1);
        let word = self.scanner.lexicon.folded(token) & (word::SYLLABLE | word::PHRASE) != 0;
        let shaped = last > at || token.is_mixed() || !word && token.len >= BRACKETED_MIN;
        let lower = !token.is_number() && !token.is_capital() && !token.is_marked();
        if after & gap::PAREN != 0 && shaped && lower {
            self.account_between(at, last, 62);
        }
    }

    fn is_on_terminal(&self, at: usize) -> bool {
        let terminal = self.tokens.text(self.tokens.get(at + 2));
        terminal.starts_with(b"pts") || terminal.starts_with(b"tty")
    }

    /// The third column of the common log format: `- lan [02/Mar/2026:09:25:03 +0700]`.
    fn is_dated(&self, at: usize) -> bool {
        let first = self.tokens.get(self.joined_before(at));
        let (day, month) = (self.tokens.get(at + 1), self.tokens.get(at + 2));
        let date = day.is_number() && month.single(gap::SLASH) && month.len == 3;
        date && first.gap == gap::SPACE | gap::DASH && first.gap_len == 3
    }

    /// `PWD=/home/lan`, `C:\Users\lan`.
    fn is_in_home(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1).map(|before| self.tokens.get(before)) else { return false };
        match self.tokens.text(before) {
            b"home" => before.gap == gap::EQUALS | gap::SLASH && before.gap_len == 2,
            b"users" => self.tokens.get(at).gap == gap::BACKSLASH && before.gap & gap::BACKSLASH != 0,
            _ => false,
        }
    }

    /// A land certificate by its form, two capitals and six to eight digits, where its words stand before it.
    pub(super) fn land_certificate(&mut self, at: usize, token: &Token) {
        let number = self.tokens.get(at + 1);
        if token.len == 2
            && token.is_upper()
            && number.is_number()
            && (6..=8).contains(&number.len)
            && number.single(gap::SPACE)
            && self.switches.is_on(Class::LandRecord)
            && matches!(self.said(at, Class::LandRecord), Said::Direct | Said::Window)
        {
            self.found(Class::LandRecord, at, at + 1, 70);
        }
    }

    /// A health insurance card whose letters stand apart: `DN 4 79 8016075188`.
    pub(super) fn spaced_card(&mut self, at: usize, token: &Token) {
        let lengths = [2, 1, 2, 10];
        let parts = (at..).zip(lengths).all(|(place, length)| {
            let part = self.tokens.get(place);
            part.len == length && (place == at || part.is_number() && part.single(gap::SPACE))
        });
        if token.len == 2 && token.is_upper() && parts && self.switches.is_on(Class::HealthInsurance) {
            let digits: Vec<u8> =
                (at..at + lengths.len()).flat_map(|place| self.tokens.text(self.tokens.get(place))).copied().collect();
            if crate::privacy::validate::health_insurance(&digits) {
                self.found(Class::HealthInsurance, at, at + lengths.len() - 1, 75);
            }
        }
    }

    /// The first token of those that hang together with the one at `at`: `lan` of `lan.nguyen`.
    fn joined_before(&self, at: usize) -> usize {
        let mut first = at;
        while first + PARTS_MAX > at && self.tokens.get(first).gap_len == 1 {
            if self.tokens.get(first).gap & !(gap::DOT | gap::UNDER | gap::DASH) != 0 {
                break;
            }
            first = first.saturating_sub(1);
        }
        first
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

    fn account(&mut self, at: usize, score: i32) {
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
    fn account_between(&mut self, first: usize, last: usize, score: i32) {
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
    fn joined(&self, at: usize, signs: u16) -> usize {
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

    /// The number of a record: with a digit in it, of at least four signs for health records.
    fn record(&mut self, at: usize, class: Class) {
        let mut first = at;
        let mut last = self.joined(at, gap::DOT | gap::UNDER | gap::DASH | gap::SLASH);
        // `to ban do 101.pdf`
        if last > at && is_file_kind(self.tokens.text(self.tokens.get(last))) {
            last -= 1;
        }
        let token = self.tokens.get(first);
        // `BX 123456`: letters of a series before the number.
        if first == last && token.is_word() && token.len <= 3 && token.is_upper() {
            let next = self.tokens.get(at + 1);
            if next.is_number() && next.single(gap::SPACE) && next.len >= 4 {
                last = at + 1;
            }
        } else if token.is_word() && token.is_marked() {
            return;
        }
        if class == Class::HealthRecord && self.tokens.get(first).is_word() && first == last {
            first += 1;
        }
        let digits: usize = (first..=last).map(|place| self.digits(place)).sum();
        let least = if class == Class::HealthRecord { 4 } else { 1 };
        let length = self.tokens.get(last).end.saturating_sub(self.tokens.get(first).start);
        if digits >= 1 && length >= least {
            self.found(class, first, last, 75);
        }
    }

    fn digits(&self, at: usize) -> usize {
        let token = self.tokens.get(at);
        self.tokens.text(token).iter().filter(|letter| letter.is_ascii_digit()).count()
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

/// What a file's name ends with.
fn is_file_kind(word: &[u8]) -> bool {
    const KINDS: [&[u8]; 20] = [
        b"exe", b"dll", b"sys", b"bat", b"ps1", b"cmd", b"msi", b"txt", b"log", b"ini", b"pdf", b"doc", b"docx",
        b"xls", b"xlsx", b"jpg", b"png", b"zip", b"dat", b"db",
    ];
    KINDS.contains(&word)
}
