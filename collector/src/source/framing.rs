//! Syslog frames in a byte stream (RFC 6587): octet-counted and newline-ended ones, told apart frame by frame.
//!
//! A frame that begins with `COUNT SP <` is octet-counted, where `COUNT` has no leading zero and is at most
//! [`FrameLimits::count_max`]; every other frame ends with a newline. A count beyond that is therefore read as text up to
//! the next newline: nothing is allocated for it, and the good lines behind it are kept. A frame longer than
//! [`FrameLimits::frame_bytes_max`] is cut there and marked, and what follows of it is dropped and counted.
//!
//! The framer keeps at most one frame; the same bytes give the same frames however they are split.

use bytes::Bytes;
use memchr::memchr;

/// Digits of the longest count that is looked at.
const COUNT_DIGITS_MAX: usize = 10;
/// Memory that a framer keeps between frames.
const KEPT_BYTES: usize = 16 * 1024;

/// Bounds of a [`Framer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    /// Most bytes of a frame; what is longer is cut. Default 1 MiB.
    pub frame_bytes_max: usize,
    /// Greatest octet count that is believed. Default 16 MiB.
    pub count_max: u64,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self { frame_bytes_max: 1 << 20, count_max: 16 << 20 }
    }
}

/// Finished frames, one behind the other in one allocation.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    ends: Vec<(usize, bool)>,
    /// Bytes that were cut off frames which were too long.
    pub cut_bytes: u64,
}

impl Frames {
    /// Number of frames.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all frames.
    pub fn bytes_total(&self) -> usize {
        self.bytes.len()
    }

    /// The frames in order, with whether each was cut.
    pub fn into_frames(self) -> impl Iterator<Item = (Bytes, bool)> {
        let bytes = Bytes::from(self.bytes);
        let mut start = 0;
        self.ends.into_iter().map(move |(end, truncated)| {
            let frame = bytes.slice(start..end);
            start = end;
            (frame, truncated)
        })
    }

    /// Adds a frame.
    pub(crate) fn push(&mut self, frame: &[u8], truncated: bool) {
        self.bytes.extend_from_slice(frame);
        self.ends.push((self.bytes.len(), truncated));
    }
}

/// Cuts a byte stream into frames.
#[derive(Debug)]
pub struct Framer {
    limits: FrameLimits,
    counting: bool,
    state: State,
    partial: Vec<u8>,
    /// Bytes of the present frame that did not fit.
    cut: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the beginning of a frame; `partial` may hold the beginning of a count.
    Start,
    /// In a frame that ends with a newline.
    Line,
    /// In a frame of which so many bytes are to come.
    Counted(u64),
}

/// What the first bytes of a frame say.
enum Beginning {
    Open,
    Line,
    Counted(u64),
}

impl Framer {
    /// For a syslog stream.
    pub fn new(limits: FrameLimits) -> Self {
        Self { limits, counting: true, state: State::Start, partial: Vec::new(), cut: 0 }
    }

    /// For plain lines: digits at the beginning mean nothing.
    pub fn lines(limits: FrameLimits) -> Self {
        Self { counting: false, ..Self::new(limits) }
    }

    /// Takes the next bytes; finished frames go to `frames`. Empty frames are left out.
    pub fn push(&mut self, mut input: &[u8], frames: &mut Frames) {
        while let Some(&first) = input.first() {
            match self.state {
                State::Start => match self.beginning(first) {
                    Beginning::Open => {
                        self.partial.push(first);
                        input = input.get(1..).unwrap_or_default();
                    }
                    Beginning::Line => self.state = State::Line,
                    Beginning::Counted(count) => {
                        self.partial.clear();
                        self.state = State::Counted(count);
                    }
                },
                State::Line => input = self.line(input, frames),
                State::Counted(left) => input = self.counted(left, input, frames),
            }
        }
    }

    /// The stream has ended, `cleanly` or not; what is unfinished becomes a last frame.
    pub fn finish(&mut self, cleanly: bool, frames: &mut Frames) {
        let incomplete = matches!(self.state, State::Counted(_)) || !cleanly;
        self.complete(incomplete, frames);
    }

    /// Whether a frame has begun and not ended.
    pub fn is_mid_frame(&self) -> bool {
        self.state != State::Start || !self.partial.is_empty()
    }

    /// Bytes of memory that it holds.
    pub fn held_bytes(&self) -> usize {
        self.partial.capacity()
    }

    fn beginning(&self, next: u8) -> Beginning {
        if !self.counting {
            return Beginning::Line;
        }
        match (self.partial.last(), next) {
            (None, b'1'..=b'9') => Beginning::Open,
            (Some(b'0'..=b'9'), b'0'..=b'9') if self.partial.len() < COUNT_DIGITS_MAX => Beginning::Open,
            (Some(b'0'..=b'9'), b' ') => Beginning::Open,
            (Some(b' '), b'<') => {
                let digits = self.partial.split_last().map_or(&[][..], |(_, digits)| digits);
                let count = digits.iter().fold(0u64, |count, digit| count * 10 + u64::from(digit - b'0'));
                if count <= self.limits.count_max { Beginning::Counted(count) } else { Beginning::Line }
            }
            _ => Beginning::Line,
        }
    }

    fn line<'i>(&mut self, input: &'i [u8], frames: &mut Frames) -> &'i [u8] {
        let Some(end) = memchr(b'\n', input) else {
            self.keep(input);
            return &[];
        };
        let (line, rest) = input.split_at_checked(end).unwrap_or((input, &[]));
        if self.partial.is_empty() && self.cut == 0 && line.len() <= self.limits.frame_bytes_max {
            // The usual case: a whole line, copied once.
            emit(line, false, frames);
            self.state = State::Start;
        } else {
            self.keep(line);
            self.complete(false, frames);
        }
        rest.get(1..).unwrap_or_default()
    }

    fn counted<'i>(&mut self, left: u64, input: &'i [u8], frames: &mut Frames) -> &'i [u8] {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        let (part, rest) = input.split_at_checked(wanted).unwrap_or((input, &[]));
        self.keep(part);
        match left - part.len() as u64 {
            0 => self.complete(false, frames),
            left => self.state = State::Counted(left),
        }
        rest
    }

    /// Adds to the present frame what fits.
    fn keep(&mut self, part: &[u8]) {
        let room = self.limits.frame_bytes_max.saturating_sub(self.partial.len());
        let (fits, cut) = part.split_at_checked(room).unwrap_or((part, &[]));
        self.partial.extend_from_slice(fits);
        self.cut += cut.len() as u64;
    }

    fn complete(&mut self, incomplete: bool, frames: &mut Frames) {
        emit(&self.partial, incomplete || self.cut > 0, frames);
        frames.cut_bytes += self.cut;
        self.cut = 0;
        self.state = State::Start;
        self.partial.clear();
        self.partial.shrink_to(KEPT_BYTES);
    }
}

/// Adds a frame without its line end; nothing when it is empty.
fn emit(frame: &[u8], truncated: bool, frames: &mut Frames) {
    let frame = if truncated { frame } else { frame.strip_suffix(b"\n").unwrap_or(frame) };
    let frame = frame.strip_suffix(b"\r").unwrap_or(frame);
    if !frame.is_empty() {
        frames.push(frame, truncated);
    }
}

#[cfg(test)]
#[path = "framing/tests.rs"]
mod tests;
