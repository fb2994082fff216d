//! Accounts that what stands around them tells: terminals, homes, domains, sessions, names.

use super::lexicon::word;
use super::pass::Pass;
use super::token::{gap, shape};
use super::user::PARTS_MAX;
use crate::privacy::Class;

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

    #[inline(never)]
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
}

/// What a file's name ends with.
pub(super) fn is_file_kind(word: &[u8]) -> bool {
    const KINDS: [&[u8]; 20] = [
        b"exe", b"dll", b"sys", b"bat", b"ps1", b"cmd", b"msi", b"txt", b"log", b"ini", b"pdf", b"doc", b"docx",
        b"xls", b"xlsx", b"jpg", b"png", b"zip", b"dat", b"db",
    ];
    KINDS.contains(&word)
}
