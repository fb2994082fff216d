//! One RELP session: read, frame, store, answer, and only then read on.
//!
//! What a client has in flight beyond one batch stays in its socket, so that a session holds at most one batch of records
//! and one unfinished frame.

use std::future::Future;
use std::io::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::frame::{RelpCommand, RelpFault, RelpFrame, RelpFrames, RelpReader};
use super::offer;
use crate::sites::Lane;
use crate::source::limits::Slot;
use crate::source::syslog::{Ended, Listening, Sender};

/// Bytes of a read, at first and at most.
const READ_BYTES: (usize, usize) = (8 * 1024, 64 * 1024);
/// Bytes that are read, when they are there, before they go to the spool.
const BATCH_BYTES: usize = 256 * 1024;
/// Transactions that are read, when they are there, before they are answered.
const TRANSACTIONS_MAX: usize = 4_096;
/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);
/// What a server says before it closes.
const SERVER_CLOSE: &[u8] = b"0 serverclose 0\n";

/// One stream of frames from one peer.
#[derive(Debug)]
pub(super) struct Session {
    listening: Arc<Listening>,
    slot: Slot,
    sender: Sender,
    opened: bool,
}

/// What was read: frames, and why nothing more will come.
#[derive(Default)]
struct Read {
    frames: RelpFrames,
    fault: Option<RelpFault>,
    end: Option<Ended>,
}

/// What is said to a batch of frames.
#[derive(Default)]
struct Answers {
    records: Vec<(Bytes, bool)>,
    bytes: usize,
    replies: Vec<u8>,
    end: Option<Ended>,
}

impl Session {
    /// A session with a sender that is known.
    pub(super) fn new(listening: Arc<Listening>, slot: Slot, lane: Lane, peer: IpAddr) -> Self {
        let sender = Sender::new(Arc::clone(&listening), lane, peer);
        Self { listening, slot, sender, opened: false }
    }

    /// Serves the stream until it ends; `cut` ends it at once.
    pub(super) async fn serve<S>(mut self, mut stream: S, cut: impl Future<Output = Ended>) -> Ended
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut reader = RelpReader::new(self.listening.settings.frame);
        let ended = tokio::select! {
            biased;
            ended = cut => ended,
            ended = self.read_on(&mut stream, &mut reader) => ended,
        };
        if !matches!(ended, Ended::Revoked | Ended::Expired | Ended::Broken) {
            // A client that is gone does not hear it, and sends again what was not answered.
            let farewell = async {
                stream.write_all(SERVER_CLOSE).await?;
                stream.shutdown().await
            };
            let _ = timeout(FAREWELL, farewell).await;
        }
        // An unfinished frame was not answered: its sender still has it.
        let ended = if ended == Ended::Broken && !reader.is_mid_frame() { Ended::Closed } else { ended };
        self.sender.tell(ended);
        ended
    }

    async fn read_on<S>(&mut self, stream: &mut S, reader: &mut RelpReader) -> Ended
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut buffer = vec![0; READ_BYTES.0];
        let mut begun = Instant::now();
        loop {
            let held = Instant::now();
            self.sender.wait_for_turn().await;
            // The time that we hold it back is not its own.
            begun += held.elapsed();
            let settings = &self.listening.settings;
            let patience = match (self.opened, reader.is_mid_frame()) {
                (false, _) => (settings.handshake_timeout.saturating_sub(begun.elapsed()), Ended::SlowFrame),
                (true, true) => (settings.frame_timeout.saturating_sub(begun.elapsed()), Ended::SlowFrame),
                (true, false) => (settings.idle_timeout, Ended::Idle),
            };
            let was_mid_frame = reader.is_mid_frame();
            let arrived = tokio::select! {
                () = self.listening.cancel.cancelled() => None,
                read = timeout(patience.0, stream.read(&mut buffer)) => Some(read),
            };
            let read = match arrived {
                None => Read { end: Some(Ended::Stopped), ..Read::default() },
                Some(Err(_)) => Read { end: Some(patience.1), ..Read::default() },
                Some(Ok(first)) => gather(first, stream, &mut buffer, reader),
            };
            if self.opened && (!was_mid_frame || !read.frames.is_empty()) {
                begun = Instant::now();
            }
            if let Some(end) = self.take(read, stream).await {
                return end;
            }
            if !self.slot.holds(if reader.is_mid_frame() { reader.held_bytes() } else { 0 }) {
                return Ended::Crowded;
            }
        }
    }

    /// Stores and answers what was read; says why the session ends, if it does.
    async fn take<S>(&mut self, read: Read, stream: &mut S) -> Option<Ended>
    where
        S: AsyncWrite + Unpin,
    {
        if read.frames.cut_bytes() > 0 {
            self.sender.complain("frame too long", &format!("{} bytes cut", read.frames.cut_bytes()));
        }
        if !self.sender.look_up_again(read.frames.len()) {
            return Some(Ended::Refused);
        }
        let answers = self.answers(read.frames);
        if self.sender.store(answers.records.into_iter(), answers.bytes).await.is_err() {
            return Some(Ended::Refused);
        }
        if !answers.replies.is_empty() {
            let said = async {
                stream.write_all(&answers.replies).await?;
                stream.flush().await
            };
            match timeout(self.listening.settings.frame_timeout, said).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Some(Ended::Broken),
                Err(_) => {
                    self.sender.refuse("RELP answers not read", "the sender reads none of its answers");
                    return Some(Ended::Faulty);
                }
            }
        }
        if answers.end.is_some() {
            return answers.end;
        }
        if let Some(fault) = read.fault {
            self.sender.refuse("bad RELP frame", &fault.to_string());
            return Some(Ended::Faulty);
        }
        read.end
    }

    /// What is answered to frames, once their records are stored.
    fn answers(&mut self, frames: RelpFrames) -> Answers {
        let mut answers = Answers::default();
        for frame in frames.into_frames() {
            self.answer(frame, &mut answers);
            if answers.end.is_some() {
                break;
            }
        }
        answers
    }

    fn answer(&mut self, frame: RelpFrame, answers: &mut Answers) {
        let reply = match (frame.command, self.opened) {
            (RelpCommand::Syslog, true) => {
                let data = trim(&frame.data);
                if !data.is_empty() {
                    answers.bytes += data.len();
                    answers.records.push((data, frame.truncated));
                }
                "200 OK"
            }
            (RelpCommand::Open, false) => match offer::check(&frame.data) {
                Ok(()) => {
                    self.opened = true;
                    offer::OURS
                }
                Err(refusal) => {
                    self.sender.refuse("RELP session not opened", refusal);
                    answers.end = Some(Ended::Faulty);
                    refusal
                }
            },
            (RelpCommand::Close, _) => {
                answers.end = Some(Ended::Closed);
                ""
            }
            (RelpCommand::Open | RelpCommand::Syslog, _) => {
                self.sender.refuse("RELP out of order", "`open` comes first, and once");
                answers.end = Some(Ended::Faulty);
                "500 `open` comes first, and once"
            }
            (RelpCommand::Other, _) => {
                self.sender.complain("RELP command unknown", "");
                "500 command not known"
            }
        };
        put_reply(&mut answers.replies, frame.transaction, reply);
    }
}

/// Writes `TXNR SP rsp SP DATALEN [SP DATA] LF`.
fn put_reply(into: &mut Vec<u8>, transaction: u32, text: &str) {
    // Writing into memory cannot fail.
    let _ = match text {
        "" => writeln!(into, "{transaction} rsp 0"),
        _ => writeln!(into, "{transaction} rsp {} {text}", text.len()),
    };
}

/// A record without the line end that some templates leave.
fn trim(data: &Bytes) -> Bytes {
    let end = data.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
    data.slice(..end)
}

/// Frames what was read, and what can be read without waiting, up to a batch.
fn gather<S>(first: std::io::Result<usize>, stream: &mut S, buffer: &mut Vec<u8>, reader: &mut RelpReader) -> Read
where
    S: AsyncRead + Unpin,
{
    let (mut arrived, mut read) = (first, Read::default());
    loop {
        let count = match arrived {
            Ok(0) => return Read { end: Some(Ended::Closed), ..read },
            Ok(count) => count,
            Err(_) => return Read { end: Some(Ended::Broken), ..read },
        };
        if let Err(fault) = reader.push(buffer.get(..count).unwrap_or_default(), &mut read.frames) {
            return Read { fault: Some(fault), ..read };
        }
        if read.frames.bytes_total() >= BATCH_BYTES || read.frames.len() >= TRANSACTIONS_MAX {
            return read;
        }
        if count == buffer.len() && count < READ_BYTES.1 {
            buffer.resize((count * 2).min(READ_BYTES.1), 0);
        }
        match stream.read(buffer).now_or_never() {
            Some(more) => arrived = more,
            None => return read,
        }
    }
}
