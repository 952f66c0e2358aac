//! A log sink: a bounded queue of records, and the thread that writes them.
//!
//! The layers of [`Builder`](super::Builder) send formatted records; each sink has one thread,
//! which alone waits for a blocked terminal, pipe, disk or journal (G44). If the output is blocked,
//! closed or full, the queue fills, and further records are dropped and counted. Once the output
//! works again the thread first writes one line that says how many were dropped.
//!
//! `tracing-appender`'s `non_blocking` is the same idea. It bounds records but not bytes, does not
//! say in the log what was dropped, and has no flush with a limit.
//!
//! # Invariants
//!
//! 1. [`LogSink::send`] never waits. It queues the whole record or counts it as dropped, never a
//!    part.
//! 2. A queue holds at most `MAX_QUEUED_RECORDS` records. The queue and the batch being written
//!    hold at most `MAX_QUEUED_BYTES` together; a record that is larger than that passes if it is
//!    alone.
//! 3. While the process runs, every record is written or counted in `dropped`: when it found no
//!    room, or when the write of its batch failed. (A failed write may have written a part of its
//!    batch.)
//! 4. Records of one thread are written in the order they were sent.
//!
//! # Memory ordering
//!
//! The channel orders a record's bytes with the thread that writes them. Both counters are
//! `Relaxed`: they are sums, read as numbers only. A [`flush`](LogSink::flush) that returns `true`
//! has received from the sink's thread, so it sees all that was counted before.

use crate::error::Error;
use crate::sync::Mutex;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// How many records a queue holds.
const MAX_QUEUED_RECORDS: usize = 8192;

/// How many bytes of records may be queued or in the batch being written.
const MAX_QUEUED_BYTES: usize = 4 << 20;

/// The thread takes more records from the queue until its batch has this many bytes.
const WRITE_BATCH_BYTES: usize = 64 << 10;

/// How long dropping a [`LogGuard`](super::LogGuard) waits for the queues to be written.
pub(crate) const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

enum SinkJob {
    /// A whole record, formatted.
    Record(Vec<u8>),
    /// Everything before this is to be written; then the thread answers.
    Flush(SyncSender<()>),
}

/// The sending side of one queue. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct LogSink {
    sender: SyncSender<SinkJob>,
    counts: Arc<SinkCounters>,
}

#[derive(Debug)]
struct SinkCounters {
    name: Box<str>,
    /// Bytes in the queue and in the batch being written.
    queued_bytes: AtomicUsize,
    /// Records that found no room, or whose write failed.
    dropped: AtomicU64,
}

/// Every sink of the process, also those that have ended: their counts stay readable.
static ALL_SINKS: LazyLock<Mutex<Vec<Arc<SinkCounters>>>> = LazyLock::new(Mutex::default);

/// How many records each log of the process has dropped, by its name: `stderr`, `stdout`,
/// `journald` or `internal-file`.
///
/// A record is dropped when its queue is full (8,192 records, or 4 MiB), or when writing it fails.
#[must_use]
pub fn dropped_records() -> Vec<(String, u64)> {
    let all = ALL_SINKS.lock();
    all.iter().map(|counts| (counts.name.to_string(), counts.dropped.load(Ordering::Relaxed))).collect()
}

/// What a sink's thread writes to.
pub(crate) trait RecordOutput: Send + 'static {
    /// Writes whole records, and waits for as long as that takes.
    fn write_records(&mut self, records: &[Vec<u8>]) -> io::Result<()>;

    /// The record that says how many were dropped.
    fn loss_note(&self, dropped: u64) -> Vec<u8> {
        format!("({dropped} log records dropped: this log was blocked, closed or full)\n").into_bytes()
    }
}

/// An output that takes bytes: a standard stream.
pub(crate) struct StreamOutput<W>(pub(crate) W);

impl<W: Write + Send + 'static> RecordOutput for StreamOutput<W> {
    fn write_records(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        let batch;
        let bytes = match records {
            [record] => &record[..],
            records => {
                batch = records.concat();
                &batch[..]
            }
        };
        write_patiently(&mut self.0, bytes)?;
        self.0.flush()
    }
}

/// As `write_all`, but waits on a stream that another process has made non-blocking: the flag
/// belongs to the open file, which a shell or a terminal shares with this process.
fn write_patiently(to: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl LogSink {
    /// Starts the thread that writes to `output`, and returns the queue before it.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub(crate) fn new(name: &str, output: impl RecordOutput) -> Result<LogSink, Error> {
        let counts =
            Arc::new(SinkCounters { name: name.into(), queued_bytes: AtomicUsize::new(0), dropped: AtomicU64::new(0) });
        let (sender, receiver) = sync_channel(MAX_QUEUED_RECORDS);
        let mine = counts.clone();
        std::thread::Builder::new()
            .name(format!("rxd-log-{name}"))
            .spawn(move || write_queue(&receiver, &mine, output))
            .map_err(|error| {
                Error::msg(format_args!("failed to start the thread that writes log `{name}`: {error}"))
            })?;
        ALL_SINKS.lock().push(counts.clone());
        Ok(LogSink { sender, counts })
    }

    /// Queues a record, or counts it as dropped. Never waits.
    pub(crate) fn send(&self, record: Vec<u8>) {
        let size = record.len();
        let queued = self.counts.queued_bytes.fetch_add(size, Ordering::Relaxed);
        // Invariant 2. The bytes are added before they are compared, so senders that race are
        // refused rather than let through.
        if queued > 0 && queued + size > MAX_QUEUED_BYTES || self.sender.try_send(SinkJob::Record(record)).is_err() {
            self.counts.queued_bytes.fetch_sub(size, Ordering::Relaxed);
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything sent so far has been written, for at most `limit`. Returns whether it
    /// was.
    pub(crate) fn flush(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let (done, wait) = sync_channel(1);
        let mut job = SinkJob::Flush(done);
        loop {
            match self.sender.try_send(job) {
                Ok(()) => return wait.recv_timeout(end.saturating_duration_since(Instant::now())).is_ok(),
                Err(TrySendError::Disconnected(_)) => return false,
                Err(TrySendError::Full(_)) if Instant::now() >= end => return false,
                Err(TrySendError::Full(back)) => job = back,
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[cfg(test)]
    pub(crate) fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }
}

/// The sink's thread. Ends when the last [`LogSink`] is dropped and the queue is empty.
fn write_queue(jobs: &Receiver<SinkJob>, counts: &SinkCounters, mut output: impl RecordOutput) {
    // How many dropped records the log itself has reported.
    let mut reported = 0;
    let mut batch = Vec::new();
    while let Ok(first) = jobs.recv() {
        let mut next = Some(first);
        let mut size = 0;
        let mut flushed = None;
        while let Some(job) = next.take() {
            match job {
                SinkJob::Record(record) => {
                    size += record.len();
                    batch.push(record);
                }
                // The batch ends here: the answer must not wait for what was sent after the
                // question.
                SinkJob::Flush(done) => {
                    flushed = Some(done);
                    break;
                }
            }
            if size < WRITE_BATCH_BYTES {
                next = jobs.try_recv().ok();
            }
        }
        let dropped = counts.dropped.load(Ordering::Relaxed);
        let count = batch.len() as u64;
        let note = (dropped > reported).then(|| output.loss_note(dropped - reported));
        let result = match note {
            // Reported only once the note has been written; otherwise the next batch tries again.
            Some(note) => output.write_records(&[note]).and_then(|()| {
                reported = dropped;
                output.write_records(&batch)
            }),
            None => output.write_records(&batch),
        };
        if result.is_err() {
            counts.dropped.fetch_add(count, Ordering::Relaxed);
        }
        // After the write: invariant 2 counts the batch too.
        counts.queued_bytes.fetch_sub(size, Ordering::Relaxed);
        batch.clear();
        if let Some(done) = flushed {
            // The flush may have timed out meanwhile.
            let _ = done.send(());
        }
    }
}

/// Chooses the sink of each record: one for all, or one of two by severity.
#[derive(Clone, Debug)]
pub(crate) struct RecordWriters {
    pub(crate) out: LogSink,
    /// Where WARN and ERROR go, if not to `out`.
    pub(crate) err: Option<LogSink>,
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for RecordWriters {
    type Writer = RecordWriter<'a>;

    fn make_writer(&'a self) -> RecordWriter<'a> {
        RecordWriter(&self.out)
    }

    fn make_writer_for(&'a self, meta: &tracing::Metadata<'_>) -> RecordWriter<'a> {
        match &self.err {
            Some(err) if *meta.level() <= tracing::Level::WARN => RecordWriter(err),
            _ => RecordWriter(&self.out),
        }
    }
}

/// Sends each `write` to the sink as one record: `tracing-subscriber` writes a whole record at
/// once.
#[derive(Debug)]
pub(crate) struct RecordWriter<'a>(&'a LogSink);

impl Write for RecordWriter<'_> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        self.0.send(record.to_vec());
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    /// An output that is blocked until the test lets it write, or fails it.
    struct Valve(Receiver<io::Result<()>>, Sender<Vec<u8>>);

    impl RecordOutput for Valve {
        fn write_records(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
            self.0.recv().unwrap_or(Ok(()))?;
            let _ = self.1.send(records.concat());
            Ok(())
        }
    }

    fn valve() -> (LogSink, Sender<io::Result<()>>, Receiver<Vec<u8>>) {
        let (go, wait) = channel();
        let (written, got) = channel();
        (LogSink::new("valve", Valve(wait, written)).unwrap(), go, got)
    }

    #[test]
    fn g44_sink_with_a_blocked_output_never_waits_and_reports_what_it_dropped() {
        let (sink, go, got) = valve();
        let record = [&[b'x'; 63][..], b"\n"].concat();
        let begun = Instant::now();
        for _ in 0..MAX_QUEUED_RECORDS * 5 {
            sink.send(record.clone());
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "no send waits");
        let dropped = sink.dropped();
        // The thread has taken one batch at most.
        assert!(dropped >= (MAX_QUEUED_RECORDS * 4 - WRITE_BATCH_BYTES / 64 - 1) as u64, "{dropped}");
        drop(go);
        assert!(sink.flush(Duration::from_secs(5)));
        let all: Vec<u8> = got.try_iter().flatten().collect();
        let text = String::from_utf8(all).unwrap();
        // In more than one note, if the thread began to write when some were dropped already.
        let reported = |line: &str| line.strip_prefix('(')?.split_once(" log records dropped")?.0.parse::<u64>().ok();
        let notes = text.lines().filter_map(reported);
        assert_eq!(notes.sum::<u64>(), dropped, "the log reports all of them");
        assert_eq!(
            text.matches("xx\n").count() as u64 + dropped,
            MAX_QUEUED_RECORDS as u64 * 5,
            "each is written or counted"
        );
    }

    #[test]
    fn g44_sink_with_large_records_stays_within_its_bytes() {
        let (sink, go, _got) = valve();
        for _ in 0..100 {
            sink.send(vec![b'x'; 1 << 20]);
        }
        assert!(sink.counts.queued_bytes.load(Ordering::Relaxed) <= MAX_QUEUED_BYTES);
        assert!(sink.dropped() >= 95, "{}", sink.dropped());
        drop(go);
    }

    #[test]
    fn g44_sink_whose_write_fails_counts_its_records_as_dropped() {
        let (sink, go, got) = valve();
        go.send(Err(io::Error::other("no space left"))).unwrap();
        // For the note, if the thread has taken the record before the flush.
        go.send(Ok(())).unwrap();
        sink.send(b"a\n".to_vec());
        assert!(sink.flush(Duration::from_secs(5)));
        assert_eq!(sink.dropped(), 1);
        drop(go);
        sink.send(b"b\n".to_vec());
        assert!(sink.flush(Duration::from_secs(5)));
        let text = String::from_utf8(got.try_iter().flatten().collect()).unwrap();
        assert!(text.starts_with("(1 log records dropped") && text.ends_with("b\n"), "{text}");
    }

    #[test]
    fn flush_of_a_blocked_sink_returns_at_its_limit() {
        let (sink, go, _got) = valve();
        sink.send(b"a\n".to_vec());
        assert!(!sink.flush(Duration::from_millis(20)));
        drop(go);
    }
}
