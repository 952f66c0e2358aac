//! What a child writes: as records of the service, a line each.
//!
//! # Invariants
//!
//! 1. However much the child writes, no more than a line of [`MAX_LINE_BYTES`] and a chunk of it is
//!    in memory, and no more records a second are made than are allowed. What is left out is
//!    counted.
//! 2. The reader gives way to other tasks after each chunk.
//! 3. The pipe is read until its end, also while the level of the service discards the records: the
//!    child never waits for a log.

use super::work::ChildWork;
use crate::escape::LineWriter;
use crate::panic::emit;
use crate::race::{Winner, race};
use crate::service::context::Context;
use crate::sync::Mutex;
use std::collections::VecDeque;
use std::fmt::Write;
use std::io::BufRead;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::Notify;

/// A longer line is cut.
const MAX_LINE_BYTES: usize = 64 << 10;

const CHUNK_BYTES: usize = 16 << 10;

/// How many of the last lines an error shows, and how many bytes of each.
const LAST_LINES: usize = 5;
const MAX_LAST_BYTES: usize = 400;

/// The period of the limit of records.
const PERIOD: Duration = Duration::from_secs(1);

/// What becomes of what a process writes to one of its outputs.
///
/// ```
/// use rxd::process::{Output, Process};
///
/// let proxy = Process::new("envoy").stdout(Output::Discard).stderr(Output::Info);
/// # let _ = proxy;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// It is discarded: the output is `/dev/null`.
    Discard,
    /// It goes where the same output of the daemon goes, as it is.
    Inherit,
    /// Each line is a record of level DEBUG.
    Debug,
    /// Each line is a record of level INFO.
    Info,
    /// Each line is a record of level WARN.
    Warn,
    /// Each line is a record of level ERROR.
    Error,
}

/// What the readers of a child's outputs have found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The last lines of standard error.
    last: Mutex<VecDeque<String>>,
    /// The child is ready: it has written the line, or has said so.
    pub(super) is_ready: Notify,
}

impl Findings {
    fn keep_last(&self, line: &str) {
        let mut line = line.to_owned();
        crate::escape::cut(&mut line, MAX_LAST_BYTES);
        let mut last = self.last.lock();
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }

    /// The last lines, as they continue an error; empty if there are none.
    pub(super) fn last_lines(&self) -> String {
        let mut text = String::new();
        for (number, line) in self.last.lock().iter().enumerate() {
            text.push_str(if number == 0 { "; its last lines: " } else { " | " });
            text.push_str(line);
        }
        text
    }
}

/// Reads one output of a child.
pub(super) struct LineReader {
    pub(super) pipe: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) lines: Lines,
}

impl ChildWork for LineReader {
    async fn work(mut self, cx: Context) -> Option<Self> {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let limit = self.lines.records.notice_due_in();
            let read = self.pipe.read(&mut chunk);
            let read = async {
                match limit {
                    Some(limit) => tokio::time::timeout(limit, read).await.ok(),
                    None => Some(read.await),
                }
            };
            match race(cx.cancelled(), read).await {
                // What is written later is read by the next task.
                Winner::First(()) => return Some(self),
                Winner::Second(None) => self.lines.records.begin_period(),
                Winner::Second(Some(Ok(0) | Err(_))) => {
                    self.lines.end();
                    return None;
                }
                Winner::Second(Some(Ok(count))) => {
                    self.lines.take(&chunk[..count]);
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

/// Makes lines of chunks, and records of lines.
pub(super) struct Lines {
    line: Vec<u8>,
    /// The line was longer than is kept of it, and its record is made.
    is_cut: bool,
    /// The line by which the child is ready, until it was found.
    ready: Option<Vec<u8>>,
    /// Whether the last lines are kept for an error.
    keeps_last: bool,
    records: Records,
    findings: std::sync::Arc<Findings>,
}

impl Lines {
    pub(super) fn new(
        (stream, output): (&'static str, Output),
        per_second: u32,
        ready: Option<Vec<u8>>,
        findings: std::sync::Arc<Findings>,
    ) -> Self {
        let records = Records { stream, output, per_second, since: Instant::now(), made: 0, left_out: 0 };
        Lines { line: Vec::new(), is_cut: false, ready, keeps_last: stream == "stderr", records, findings }
    }

    fn take(&mut self, mut bytes: &[u8]) {
        loop {
            // The fast search of the standard library for a byte is that of its readers.
            let mut after = bytes;
            let _ = after.skip_until(b'\n');
            let (line, rest) = bytes.split_at(bytes.len() - after.len());
            let Some(line) = line.strip_suffix(b"\n") else { return self.extend(line) };
            self.extend(line);
            self.end_line();
            bytes = rest;
        }
    }

    fn extend(&mut self, bytes: &[u8]) {
        if self.is_cut {
            return;
        }
        let room = MAX_LINE_BYTES - self.line.len();
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room {
            // Its end may never come.
            self.record(".. (cut after 64 KiB)");
            self.is_cut = true;
        }
    }

    fn end_line(&mut self) {
        if !self.is_cut {
            self.record("");
        }
        self.is_cut = false;
        self.line.clear();
    }

    /// The output has ended.
    fn end(&mut self) {
        self.end_line();
        self.records.begin_period();
    }

    fn record(&mut self, cut: &str) {
        if self.ready.as_ref().is_some_and(|ready| contains(&self.line, ready)) {
            self.ready = None;
            self.findings.is_ready.notify_one();
        }
        let line = self.line.trim_ascii_end();
        if line.is_empty() {
            return;
        }
        let is_recorded = self.records.is_next_recorded();
        if !is_recorded && !self.keeps_last {
            return;
        }
        let mut text = String::with_capacity(line.len() + cut.len());
        // Foreign bytes: none of them may end the line of a record, or act on a terminal.
        let _ = LineWriter(&mut text).write_str(&String::from_utf8_lossy(line));
        text.push_str(cut);
        if self.keeps_last {
            self.findings.keep_last(&text);
        }
        if is_recorded {
            self.records.write(&text);
        }
    }
}

fn contains(line: &[u8], part: &[u8]) -> bool {
    part.is_empty() || line.windows(part.len()).any(|window| window == part)
}

/// Makes records, up to a number each second.
struct Records {
    stream: &'static str,
    output: Output,
    per_second: u32,
    since: Instant,
    made: u32,
    left_out: u64,
}

impl Records {
    /// Whether a record is made of the next line, which is counted.
    fn is_next_recorded(&mut self) -> bool {
        if self.made >= self.per_second && self.since.elapsed() >= PERIOD {
            self.begin_period();
        }
        let is_recorded = self.made < self.per_second;
        if is_recorded {
            if self.made == 0 {
                self.since = Instant::now();
            }
            self.made += 1;
        } else {
            self.left_out += 1;
        }
        is_recorded
    }

    /// In how long it is to be said that lines were left out; `None` if none were.
    fn notice_due_in(&self) -> Option<Duration> {
        (self.left_out > 0).then(|| PERIOD.saturating_sub(self.since.elapsed()))
    }

    fn begin_period(&mut self) {
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            let (stream, most) = (self.stream, self.per_second);
            emit!(
                WARN, target: "rxd", stream, left_out,
                "{left_out} lines of {stream} were left out: there were more than {most} within a second"
            );
        }
        self.made = 0;
    }

    fn write(&self, text: &str) {
        let stream = self.stream;
        match self.output {
            Output::Discard | Output::Inherit => {}
            Output::Debug => emit!(DEBUG, target: "process", stream, "{text}"),
            Output::Info => emit!(INFO, target: "process", stream, "{text}"),
            Output::Warn => emit!(WARN, target: "process", stream, "{text}"),
            Output::Error => emit!(ERROR, target: "process", stream, "{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context as TaskContext, Poll};
    use tokio::io::ReadBuf;

    fn lines(per_second: u32, ready: Option<&str>) -> (Lines, Arc<Findings>) {
        let findings = Arc::<Findings>::default();
        let ready = ready.map(|ready| ready.as_bytes().to_vec());
        (Lines::new(("stderr", Output::Warn), per_second, ready, findings.clone()), findings)
    }

    #[test]
    fn chunks_become_lines_wherever_they_are_divided() {
        let text = b"one\n\ntwo\r\n\xff\x1b[2J\n";
        for size in 1..text.len() {
            let (mut lines, findings) = lines(10, None);
            text.chunks(size).for_each(|chunk| lines.take(chunk));
            assert_eq!(findings.last_lines(), "; its last lines: one | two | \u{fffd}\\u{1b}[2J", "{size}");
        }
    }

    #[test]
    fn line_without_an_end_is_cut_and_keeps_no_memory() {
        let (mut lines, findings) = lines(10, None);
        for _ in 0..100 {
            lines.take(&[b'x'; 10_000]);
        }
        assert!(lines.line.capacity() <= 2 * MAX_LINE_BYTES);
        assert_eq!(lines.records.made, 1, "one record, before the end of the line");
        lines.take(b"\nnext\n");
        assert!(findings.last_lines().ends_with(" | next"), "{}", findings.last_lines());
    }

    #[test]
    fn lines_beyond_the_limit_are_counted() {
        let (mut lines, findings) = lines(3, None);
        lines.take(b"1\n2\n3\n4\n5\n");
        assert_eq!((lines.records.made, lines.records.left_out), (3, 2));
        assert!(lines.records.notice_due_in().is_some());
        assert!(findings.last_lines().ends_with("5"), "an error still shows the last ones");
        lines.records.begin_period();
        lines.take(b"6\n");
        assert_eq!((lines.records.made, lines.records.left_out), (1, 0));
    }

    /// An output that always has more, until it has ended.
    struct Flood(usize);

    impl AsyncRead for Flood {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            if self.0 > 0 {
                self.0 -= 1;
                to.put_slice(&[b'x'; 100]);
            }
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn reader_gives_way_after_each_chunk() {
        let (lines, _) = lines(0, None);
        let reader = LineReader { pipe: Box::new(Flood(1000)), lines };
        let reader = tokio::spawn(reader.work(Context::detached("a")));
        let mut turns = 0;
        while !reader.is_finished() {
            turns += 1;
            tokio::task::yield_now().await;
        }
        assert!(turns >= 1000, "another task had {turns} turns");
    }

    #[tokio::test(start_paused = true)]
    async fn line_that_says_ready_is_found_once_and_in_parts() {
        let (mut lines, findings) = lines(0, Some("Ready to accept"));
        lines.take(b"0: Ready to a");
        let is_ready = || tokio::time::timeout(Duration::from_millis(1), findings.is_ready.notified());
        assert!(is_ready().await.is_err());
        lines.take(b"ccept connections\n");
        assert!(is_ready().await.is_ok());
        lines.take(b"Ready to accept\n");
        assert!(is_ready().await.is_err());
    }
}
