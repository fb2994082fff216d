//! RELP frames in a byte stream: `TXNR SP COMMAND SP DATALEN [SP DATA] LF`.
//!
//! The header is bounded by its grammar, so nothing is allocated for a number that a stranger wrote. Data longer than
//! [`FrameLimits::frame_bytes_max`] is cut there and marked, up to [`FrameLimits::count_max`]; beyond that, and for everything
//! that is no frame, the reader fails for good: behind a bad frame nobody knows where the next one begins.
//!
//! The reader keeps at most one frame; the same bytes give the same frames however they are split.

use bytes::Bytes;
use thiserror::Error;

use crate::source::{FrameLimits, Frames};

/// Digits of the longest transaction number and of the longest length.
const DIGITS_MAX: usize = 9;
/// Letters of the longest command.
const COMMAND_MAX: usize = 32;
/// Most bytes of data of any command but `syslog`.
const CONTROL_BYTES_MAX: usize = 16 * 1024;
/// Memory that a reader keeps between frames.
const KEPT_BYTES: usize = 16 * 1024;

/// What a frame asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelpCommand {
    /// Begin a session; the data are offers.
    Open,
    /// Take a record.
    Syslog,
    /// End the session.
    Close,
    /// Something that this side does not know, `rsp` of a client included.
    Other,
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelpFrame {
    /// The sender's number for it, 0 to 999,999,999; its answer carries the same.
    pub transaction: u32,
    /// What it asks for.
    pub command: RelpCommand,
    /// The data as they came.
    pub data: Bytes,
    /// Whether the data were longer than the bound and only their beginning is here.
    pub truncated: bool,
}

/// Finished frames, their data one behind the other in one allocation.
#[derive(Debug, Default)]
pub struct RelpFrames {
    heads: Vec<(u32, RelpCommand)>,
    data: Frames,
}

impl RelpFrames {
    /// Number of frames.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Bytes of the data of all frames.
    pub fn bytes_total(&self) -> usize {
        self.data.bytes_total()
    }

    /// Bytes that were cut off data which were too long.
    pub fn cut_bytes(&self) -> u64 {
        self.data.cut_bytes
    }

    /// The frames in order.
    pub fn into_frames(self) -> impl Iterator<Item = RelpFrame> {
        self.heads
            .into_iter()
            .zip(self.data.into_frames())
            .map(|((transaction, command), (data, truncated))| RelpFrame { transaction, command, data, truncated })
    }
}

/// Why a stream is not RELP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RelpFault {
    /// The frame does not begin with a number.
    #[error("a frame begins with a transaction number of 1 to 9 digits")]
    Transaction,
    /// The number is not followed by a command.
    #[error("the transaction number is followed by a command of 1 to 32 letters")]
    Command,
    /// The command is not followed by a length.
    #[error("the command is followed by a length of 1 to 9 digits")]
    Length,
    /// The length is greater than a frame may have.
    #[error("the frame says that it is longer than a frame may be")]
    TooLong,
    /// The data are not followed by a line feed.
    #[error("the data are not followed by a line feed")]
    Trailer,
}

/// Cuts a byte stream into RELP frames.
#[derive(Debug)]
pub struct RelpReader {
    limits: FrameLimits,
    state: State,
    head: Head,
    partial: Vec<u8>,
    /// Bytes of the present data that did not fit.
    cut: u64,
    fault: Option<RelpFault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Transaction,
    Command,
    Length,
    /// So many bytes of data are to come.
    Data(usize),
    Trailer,
}

/// What is known of the present frame.
#[derive(Debug, Default)]
struct Head {
    digits: usize,
    transaction: u32,
    command: Vec<u8>,
    length_digits: usize,
    length: u32,
}

impl Head {
    fn command(&self) -> RelpCommand {
        match self.command.as_slice() {
            b"open" => RelpCommand::Open,
            b"syslog" => RelpCommand::Syslog,
            b"close" => RelpCommand::Close,
            _ => RelpCommand::Other,
        }
    }

    fn clear(&mut self) {
        self.command.clear();
        (self.digits, self.transaction, self.length_digits, self.length) = (0, 0, 0, 0);
    }
}

impl RelpReader {
    /// For a stream from its beginning.
    pub fn new(limits: FrameLimits) -> Self {
        Self { limits, state: State::Transaction, head: Head::default(), partial: Vec::new(), cut: 0, fault: None }
    }

    /// Takes the next bytes; finished frames go to `frames`.
    ///
    /// # Errors
    /// When the stream is not RELP; the frames before stay good, and every later call fails in the same way.
    pub fn push(&mut self, mut input: &[u8], frames: &mut RelpFrames) -> Result<(), RelpFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        while let Some((&first, rest)) = input.split_first() {
            input = match self.state {
                State::Data(left) => self.data(left, input),
                _ => {
                    self.octet(first, frames).inspect_err(|fault| self.fault = Some(*fault))?;
                    rest
                }
            };
        }
        Ok(())
    }

    /// Whether a frame has begun and not ended.
    pub fn is_mid_frame(&self) -> bool {
        self.state != State::Transaction || self.head.digits > 0
    }

    /// Bytes of memory that it holds.
    pub fn held_bytes(&self) -> usize {
        self.partial.capacity()
    }

    /// One octet of header or trailer.
    fn octet(&mut self, octet: u8, frames: &mut RelpFrames) -> Result<(), RelpFault> {
        let head = &mut self.head;
        match (self.state, octet) {
            (State::Transaction, b'0'..=b'9') if head.digits < DIGITS_MAX => {
                head.digits += 1;
                head.transaction = head.transaction * 10 + u32::from(octet - b'0');
            }
            (State::Transaction, b' ') if head.digits > 0 => self.state = State::Command,
            (State::Transaction, _) => return Err(RelpFault::Transaction),
            (State::Command, b'a'..=b'z' | b'A'..=b'Z') if head.command.len() < COMMAND_MAX => head.command.push(octet),
            (State::Command, b' ') if !head.command.is_empty() => self.state = State::Length,
            (State::Command, _) => return Err(RelpFault::Command),
            (State::Length, b'0'..=b'9') if head.length_digits < DIGITS_MAX => {
                head.length_digits += 1;
                head.length = head.length * 10 + u32::from(octet - b'0');
            }
            (State::Length, b' ') if head.length_digits > 0 => return self.begin_data(),
            // Without data neither the space nor anything behind it need be there.
            (State::Length, b'\n') if head.length_digits > 0 && head.length == 0 => self.complete(frames),
            (State::Length, _) => return Err(RelpFault::Length),
            (State::Trailer, b'\n') => self.complete(frames),
            (State::Trailer | State::Data(_), _) => return Err(RelpFault::Trailer),
        }
        Ok(())
    }

    fn begin_data(&mut self) -> Result<(), RelpFault> {
        let length = self.head.length as usize;
        let is_record = self.head.command() == RelpCommand::Syslog;
        let length_max =
            if is_record { usize::try_from(self.limits.count_max).unwrap_or(usize::MAX) } else { CONTROL_BYTES_MAX };
        if length > length_max {
            return Err(RelpFault::TooLong);
        }
        self.state = if length == 0 { State::Trailer } else { State::Data(length) };
        Ok(())
    }

    fn data<'i>(&mut self, left: usize, input: &'i [u8]) -> &'i [u8] {
        let (part, rest) = input.split_at_checked(left).unwrap_or((input, &[]));
        let is_record = self.head.command() == RelpCommand::Syslog;
        let kept_max = if is_record { self.limits.frame_bytes_max } else { CONTROL_BYTES_MAX };
        let room = kept_max.saturating_sub(self.partial.len());
        let (fits, cut) = part.split_at_checked(room).unwrap_or((part, &[]));
        self.partial.extend_from_slice(fits);
        self.cut += cut.len() as u64;
        self.state = match left - part.len() {
            0 => State::Trailer,
            left => State::Data(left),
        };
        rest
    }

    fn complete(&mut self, frames: &mut RelpFrames) {
        frames.heads.push((self.head.transaction, self.head.command()));
        frames.data.push(&self.partial, self.cut > 0);
        frames.data.cut_bytes += self.cut;
        self.head.clear();
        self.partial.clear();
        self.partial.shrink_to(KEPT_BYTES);
        self.cut = 0;
        self.state = State::Transaction;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: FrameLimits = FrameLimits { frame_bytes_max: 8, count_max: 20 };

    fn read(parts: &[&[u8]]) -> (Vec<RelpFrame>, Option<RelpFault>) {
        let (mut reader, mut frames) = (RelpReader::new(SMALL), RelpFrames::default());
        let fault = parts.iter().find_map(|part| reader.push(part, &mut frames).err());
        (frames.into_frames().collect(), fault)
    }

    fn check(input: &str, expected: &[&str], fault: Option<RelpFault>) {
        let (found, failed) = read(&[input.as_bytes()]);
        let shown: Vec<String> = found
            .iter()
            .map(|frame| {
                let data = String::from_utf8_lossy(&frame.data);
                let cut = if frame.truncated { "…" } else { "" };
                format!("{} {:?} {data}{cut}", frame.transaction, frame.command)
            })
            .collect();
        assert_eq!(shown, expected, "{input:?}");
        assert_eq!(failed, fault, "{input:?}");
    }

    #[test]
    fn frames_are_read() {
        check("1 open 5 a=1\nb\n", &["1 Open a=1\nb"], None);
        check("2 syslog 3 a\nb\n3 syslog 1 c\n", &["2 Syslog a\nb", "3 Syslog c"], None);
        check("4 close 0\n5 close 0 \n999999999 rsp 2 no\n", &["4 Close ", "5 Close ", "999999999 Other no"], None);
        check("6 syslog 10 0123456789\n7 syslog 1 x\n", &["6 Syslog 01234567…", "7 Syslog x"], None);
        check("8 syslog 3 ab", &[], None);
        check("", &[], None);
    }

    #[test]
    fn what_is_no_frame_ends_the_stream() {
        check("\n", &[], Some(RelpFault::Transaction));
        check(" syslog 1 a\n", &[], Some(RelpFault::Transaction));
        check("1234567890 syslog 1 a\n", &[], Some(RelpFault::Transaction));
        check("<13>a syslog line\n", &[], Some(RelpFault::Transaction));
        check("1  1 a\n", &[], Some(RelpFault::Command));
        check("1 sys_log 1 a\n", &[], Some(RelpFault::Command));
        check(&format!("1 {} 1 a\n", "s".repeat(33)), &[], Some(RelpFault::Command));
        check("1 syslog \n", &[], Some(RelpFault::Length));
        check("1 syslog -1 a\n", &[], Some(RelpFault::Length));
        check("1 syslog 1\na\n", &[], Some(RelpFault::Length));
        check("1 syslog 0000000001 a\n", &[], Some(RelpFault::Length));
        check("1 syslog 21 a\n", &[], Some(RelpFault::TooLong));
        check("1 syslog 999999999 a", &[], Some(RelpFault::TooLong));
        check("1 open 16385 a", &[], Some(RelpFault::TooLong));
        check("1 syslog 1 ab\n", &[], Some(RelpFault::Trailer));
        check("1 syslog 0 a\n", &[], Some(RelpFault::Trailer));
        check("1 syslog 1 a\n2 syslog 1 ab\n3 syslog 1 c\n", &["1 Syslog a"], Some(RelpFault::Trailer));
    }

    #[test]
    fn a_length_allocates_nothing_before_its_bytes_come() {
        let (mut reader, mut frames) = (RelpReader::new(FrameLimits::default()), RelpFrames::default());
        reader.push(b"1 syslog 16777216 ", &mut frames).unwrap();
        assert!(reader.held_bytes() < 100 && reader.is_mid_frame() && frames.is_empty());
    }

    proptest! {
        #[test]
        fn frames_come_back_however_they_are_split(
            records in proptest::collection::vec((0..=999_999_999u32, proptest::collection::vec(any::<u8>(), 0..12)), 0..8),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
        ) {
            let mut bytes = Vec::new();
            for (transaction, data) in &records {
                bytes.extend_from_slice(format!("{transaction} syslog {} ", data.len()).as_bytes());
                bytes.extend_from_slice(data);
                bytes.push(b'\n');
            }
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            places.extend([0, bytes.len()]);
            places.sort_unstable();
            let parts: Vec<&[u8]> = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let (found, fault) = read(&parts);
            prop_assert_eq!(fault, None);
            let found: Vec<_> = found.iter().map(|frame| (frame.transaction, frame.data.to_vec(), frame.truncated)).collect();
            let expected: Vec<_> = records
                .iter()
                .map(|(transaction, data)| (*transaction, data[..data.len().min(8)].to_vec(), data.len() > 8))
                .collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn garbage_never_panics_and_splits_alike(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[0-9 a-z\n]{0,100}") {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                let (first, second) = bytes.split_at(bytes.len() / 2);
                prop_assert_eq!(read(&[bytes]), read(&[first, second]));
            }
        }
    }
}
