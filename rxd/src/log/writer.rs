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
//! 1. [`LogSink::send`] queues the whole record or counts it as dropped, never a part. It waits
//!    only as [`SendWait`] allows, and not at all while the sink is *stalled*: from a wait that
//!    reached its limit until the thread has written again. So a blocked output delays a thread by
//!    one limit, not by one for each record.
//! 2. A queue holds at most `MAX_QUEUED_RECORDS` records. The queue and the batch being written
//!    hold at most `MAX_QUEUED_BYTES` together; a record that is larger than that passes if it is
//!    alone.
//! 3. While the process runs, every record is written or counted in `dropped`: when it found no
//!    room, or when it was not written whole.
//! 4. Records of one thread are written in the order they were sent.
//!
//! # Memory ordering
//!
//! The queue orders a record's bytes with the thread that writes them. The counters are
//! `Relaxed`: they are sums, read as numbers only. A [`flush`](LogSink::flush) that returns `true`
//! has received from the sink's thread, so it sees all that was counted before.
//!
//! A sender that waits for room cannot miss it:
//!
//! 1. It locks `room`, tries to queue its record once more, and waits on the condition variable,
//!    which releases the lock.
//! 2. The thread makes room, locks `room`, and notifies.
//! 3. So the room is made either before the last attempt of 1, which finds it, or the lock of 2
//!    comes after the wait of 1 has begun, and the notification ends that wait.

use super::job_queue::{JobReceiver, JobSender, Refused, job_queue};
use crate::error::Error;
use crate::spawn::{Completer, completion};
use crate::sync::Mutex;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, LazyLock, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How many records a queue holds.
const MAX_QUEUED_RECORDS: usize = 8192;

/// How many bytes of records may be queued or in the batch being written.
const MAX_QUEUED_BYTES: usize = 4 << 20;

/// The thread takes more records from the queue until its batch has this many bytes.
const WRITE_BATCH_BYTES: usize = 64 << 10;

/// How long dropping a [`LogGuard`](super::LogGuard) waits for the queues to be written.
pub(crate) const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a record of ERROR may wait until it is written. The process may end right after it.
pub(crate) const ERROR_TIMEOUT: Duration = Duration::from_millis(50);

/// How long [`LogSink::send`] may wait. Zero is not at all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SendWait {
    /// For room in the queue, instead of dropping the record.
    pub(crate) for_room: Duration,
    /// Until the record is written.
    pub(crate) until_written: Duration,
}

enum SinkJob {
    /// A whole record, formatted.
    Record(Vec<u8>),
    /// Everything before this is to be written; then the thread answers.
    Flush(Completer),
    /// To be called on the thread, which holds no lock of any subscriber.
    Call(Box<dyn FnOnce() + Send>),
}

/// The sending side of one queue. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct LogSink(Arc<SinkQueue>);

#[derive(Debug)]
struct SinkQueue {
    sender: JobSender<SinkJob>,
    counts: Arc<SinkCounters>,
}

#[derive(Debug)]
struct SinkCounters {
    name: Box<str>,
    /// Bytes in the queue and in the batch being written.
    queued_bytes: AtomicUsize,
    /// Records that found no room, or were not written whole.
    dropped: AtomicU64,
    /// Invariant 1.
    is_stalled: AtomicBool,
    /// For senders that wait for room.
    room: (std::sync::Mutex<()>, Condvar),
}

type KnownSink = (Weak<SinkQueue>, Arc<SinkCounters>);

/// Every sink of the process. The counts of one that has ended stay readable.
static ALL_SINKS: LazyLock<Mutex<Vec<KnownSink>>> = LazyLock::new(Mutex::default);

/// How many records each log of the process has dropped, by its name: `stderr`, `stdout`,
/// `journald` or `internal-file`.
///
/// A record is dropped when its queue is full (8,192 records, or 4 MiB), or when writing it fails.
/// To have records wait for room, call [`Builder::block_timeout`](super::Builder::block_timeout).
#[must_use]
pub fn dropped_records() -> Vec<(String, u64)> {
    let mut dropped = Vec::new();
    for (_, counts) in ALL_SINKS.lock().iter() {
        dropped.push((counts.name.to_string(), counts.dropped.load(Ordering::Relaxed)));
    }
    dropped
}

/// Waits until every record made so far has been written to every log of the process, for at most
/// `limit`. Returns whether all were.
///
/// Call it before `std::process::exit`, which drops no [`LogGuard`](super::LogGuard). It blocks its
/// thread.
///
/// ```no_run
/// # use std::time::Duration;
/// tracing::info!("configuration is valid");
/// rxd::log::flush(Duration::from_secs(1));
/// std::process::exit(0);
/// ```
pub fn flush(limit: Duration) -> bool {
    crate::panic::report_swallowed();
    flush_all(&all_sinks(), limit)
}

/// Every sink that has not ended.
pub(crate) fn all_sinks() -> Vec<LogSink> {
    let mut sinks = Vec::new();
    for (queue, _) in ALL_SINKS.lock().iter() {
        if let Some(queue) = queue.upgrade() {
            sinks.push(LogSink(queue));
        }
    }
    sinks
}

pub(crate) fn flush_all(sinks: &[LogSink], limit: Duration) -> bool {
    let end = Instant::now() + limit;
    let left = || end.saturating_duration_since(Instant::now());
    // Counted, not `all`: a sink that is blocked must not keep the next one from being flushed.
    let flush = || sinks.iter().filter(|sink| !sink.flush(left())).count() == 0;
    // Twice: a [`call`](LogSink::call) in one queue may have sent records to any of them.
    flush() && flush()
}

/// What a sink's thread writes to.
pub(crate) trait RecordOutput: Send + 'static {
    /// Writes records, and waits for as long as that takes. Returns how many were not written
    /// whole.
    fn write_records(&mut self, records: &[Vec<u8>]) -> usize;

    /// The record that says how many were dropped.
    fn loss_note(&self, dropped: u64) -> Vec<u8> {
        format!("({dropped} log records dropped: this log was blocked, closed or full)\n").into_bytes()
    }
}

impl LogSink {
    /// Starts the thread that writes to `output`, and returns the queue before it.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub(crate) fn new(name: &str, mut output: Box<dyn RecordOutput>) -> Result<LogSink, Error> {
        let counts = Arc::new(SinkCounters {
            name: name.into(),
            queued_bytes: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            is_stalled: AtomicBool::new(false),
            room: Default::default(),
        });
        let (sender, receiver) = job_queue(MAX_QUEUED_RECORDS);
        let mine = counts.clone();
        let run = move || write_queue(&receiver, &mine, &mut *output);
        if let Err(error) = crate::spawn::thread(format!("rxd-log-{name}"), run) {
            return Err(Error::msg(format_args!("failed to start the thread that writes log `{name}`: {error}")));
        }
        let queue = Arc::new(SinkQueue { sender, counts: counts.clone() });
        ALL_SINKS.lock().push((Arc::downgrade(&queue), counts));
        Ok(LogSink(queue))
    }

    /// Queues a record, or counts it as dropped.
    pub(crate) fn send(&self, record: Vec<u8>, wait: SendWait) {
        let counts = &self.0.counts;
        let queued = match self.try_queue(record) {
            Err(record) if !wait.for_room.is_zero() => self.queue_within(record, wait.for_room),
            queued => queued,
        };
        if !wait.until_written.is_zero() {
            crate::panic::report_swallowed();
        }
        if queued.is_err() {
            counts.dropped.fetch_add(1, Ordering::Relaxed);
        } else if !wait.until_written.is_zero()
            && !counts.is_stalled.load(Ordering::Relaxed)
            && !self.flush(wait.until_written)
        {
            counts.is_stalled.store(true, Ordering::Relaxed);
        }
    }

    /// Queues a record, or returns it if there is no room.
    fn try_queue(&self, record: Vec<u8>) -> Result<(), Vec<u8>> {
        let size = record.len();
        let queued = self.0.counts.queued_bytes.fetch_add(size, Ordering::Relaxed);
        // Invariant 2. The bytes are added before they are compared, so senders that race are
        // refused rather than let through.
        let refused = if queued > 0 && queued + size > MAX_QUEUED_BYTES {
            record
        } else {
            match self.0.sender.try_send(SinkJob::Record(record)) {
                Err(Refused::Full(SinkJob::Record(record)) | Refused::Closed(SinkJob::Record(record))) => record,
                _ => return Ok(()),
            }
        };
        self.0.counts.queued_bytes.fetch_sub(size, Ordering::Relaxed);
        Err(refused)
    }

    /// Queues a record, and waits for room for at most `limit`.
    fn queue_within(&self, mut record: Vec<u8>, limit: Duration) -> Result<(), Vec<u8>> {
        let counts = &self.0.counts;
        let end = Instant::now() + limit;
        let (lock, has_room) = &counts.room;
        let mut room = lock.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match self.try_queue(record) {
                Ok(()) => return Ok(()),
                Err(back) => record = back,
            }
            if counts.is_stalled.load(Ordering::Relaxed) {
                return Err(record);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                counts.is_stalled.store(true, Ordering::Relaxed);
                return Err(record);
            }
            room = has_room.wait_timeout(room, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until everything sent so far has been written, for at most `limit`. Returns whether it
    /// was.
    pub(crate) fn flush(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let (done, written) = completion();
        let mut job = SinkJob::Flush(done);
        loop {
            match self.0.sender.try_send(job) {
                Ok(()) => return written.wait(end.saturating_duration_since(Instant::now())),
                Err(Refused::Closed(_)) => return false,
                Err(Refused::Full(_)) if Instant::now() >= end => return false,
                Err(Refused::Full(back)) => job = back,
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Has the sink's thread call `f`, which makes this many records. If the queue is full, they
    /// count as dropped.
    pub(crate) fn call(&self, records: usize, f: impl FnOnce() + Send + 'static) {
        if self.0.sender.try_send(SinkJob::Call(Box::new(f))).is_err() {
            self.0.counts.dropped.fetch_add(records as u64, Ordering::Relaxed);
        }
    }

    #[cfg(test)]
    pub(crate) fn dropped(&self) -> u64 {
        self.0.counts.dropped.load(Ordering::Relaxed)
    }
}

/// The sink's thread. Ends when the last [`LogSink`] is dropped and the queue is empty.
fn write_queue(jobs: &JobReceiver<SinkJob>, counts: &SinkCounters, output: &mut dyn RecordOutput) {
    // How many dropped records the log itself has reported.
    let mut reported = 0;
    let mut batch = Vec::new();
    while let Some(first) = jobs.recv() {
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
                SinkJob::Call(f) => f(),
            }
            if size < WRITE_BATCH_BYTES {
                next = jobs.try_recv();
            }
        }
        let dropped = counts.dropped.load(Ordering::Relaxed);
        let note = (dropped > reported).then(|| output.loss_note(dropped - reported));
        // Reported only once the note has been written; otherwise the next batch tries again, and
        // this one would fail as well.
        let can_write = note.is_none_or(|note| output.write_records(&[note]) == 0);
        if can_write {
            reported = dropped;
        }
        let lost = match can_write {
            // A flush by itself has nothing to write.
            _ if batch.is_empty() => 0,
            true => output.write_records(&batch),
            false => batch.len(),
        };
        counts.dropped.fetch_add(lost as u64, Ordering::Relaxed);
        // After the write: invariant 2 counts the batch too.
        counts.queued_bytes.fetch_sub(size, Ordering::Relaxed);
        batch.clear();
        counts.is_stalled.store(false, Ordering::Relaxed);
        drop(counts.room.0.lock().unwrap_or_else(PoisonError::into_inner));
        counts.room.1.notify_all();
        if let Some(done) = flushed {
            done.complete();
        }
    }
}

/// Chooses the sink of each record: one for all, or one of two by severity.
#[derive(Clone, Debug)]
pub(crate) struct RecordWriters {
    pub(crate) out: LogSink,
    /// Where WARN and ERROR go, if not to `out`.
    pub(crate) err: Option<LogSink>,
    /// How long a record of user code waits for room.
    pub(crate) block_timeout: Duration,
    /// Once the journal is up, nothing is written here.
    #[cfg(feature = "journald")]
    pub(crate) until: Option<super::journal_probe::JournalProbe>,
}

impl RecordWriters {
    pub(crate) fn new(out: LogSink, block_timeout: Duration) -> Self {
        RecordWriters {
            out,
            err: None,
            block_timeout,
            #[cfg(feature = "journald")]
            until: None,
        }
    }

    fn is_silent(&self) -> bool {
        #[cfg(feature = "journald")]
        return self.until.as_ref().is_some_and(super::journal_probe::JournalProbe::is_up);
        #[cfg(not(feature = "journald"))]
        false
    }
}

/// How long a record may wait. Those of rxd never do (G44).
pub(crate) fn send_wait(meta: &tracing::Metadata<'_>, block_timeout: Duration) -> SendWait {
    if super::filter::is_internal(meta) {
        return SendWait::default();
    }
    let is_error = *meta.level() == tracing::Level::ERROR;
    SendWait { for_room: block_timeout, until_written: if is_error { ERROR_TIMEOUT } else { Duration::ZERO } }
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for RecordWriters {
    type Writer = RecordWriter<'a>;

    fn make_writer(&'a self) -> RecordWriter<'a> {
        RecordWriter(Some(&self.out), SendWait::default())
    }

    fn make_writer_for(&'a self, meta: &tracing::Metadata<'_>) -> RecordWriter<'a> {
        let sink = match &self.err {
            Some(err) if *meta.level() <= tracing::Level::WARN => err,
            _ => &self.out,
        };
        RecordWriter((!self.is_silent()).then_some(sink), send_wait(meta, self.block_timeout))
    }
}

/// Sends each `write` to the sink as one record: `tracing-subscriber` writes a whole record at
/// once.
#[derive(Debug)]
pub(crate) struct RecordWriter<'a>(Option<&'a LogSink>, SendWait);

impl Write for RecordWriter<'_> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        if let Some(sink) = self.0 {
            sink.send(record.to_vec(), self.1);
        }
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// An output that is blocked until the test lets it write, or fails it.
    struct Valve(Receiver<io::Result<()>>, Sender<Vec<u8>>);

    impl RecordOutput for Valve {
        fn write_records(&mut self, records: &[Vec<u8>]) -> usize {
            if self.0.recv().unwrap_or(Ok(())).is_err() {
                return records.len();
            }
            let _ = self.1.send(records.concat());
            0
        }
    }

    fn valve() -> (LogSink, Sender<io::Result<()>>, Receiver<Vec<u8>>) {
        let (go, wait) = channel();
        let (written, got) = channel();
        (LogSink::new("valve", Box::new(Valve(wait, written))).unwrap(), go, got)
    }

    #[test]
    fn g44_sink_with_a_blocked_output_never_waits_and_reports_what_it_dropped() {
        let (sink, go, got) = valve();
        let record = [&[b'x'; 63][..], b"\n"].concat();
        let begun = Instant::now();
        for _ in 0..MAX_QUEUED_RECORDS * 5 {
            sink.send(record.clone(), SendWait::default());
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
            sink.send(vec![b'x'; 1 << 20], SendWait::default());
        }
        assert!(sink.0.counts.queued_bytes.load(Ordering::Relaxed) <= MAX_QUEUED_BYTES);
        assert!(sink.dropped() >= 95, "{}", sink.dropped());
        drop(go);
    }

    #[test]
    fn g44_sink_whose_write_fails_counts_its_records_as_dropped() {
        let (sink, go, got) = valve();
        go.send(Err(io::Error::other("no space left"))).unwrap();
        // For the note, if the thread has taken the record before the flush.
        go.send(Ok(())).unwrap();
        sink.send(b"a\n".to_vec(), SendWait::default());
        assert!(sink.flush(Duration::from_secs(5)));
        assert_eq!(sink.dropped(), 1);
        drop(go);
        sink.send(b"b\n".to_vec(), SendWait::default());
        assert!(sink.flush(Duration::from_secs(5)));
        let text = String::from_utf8(got.try_iter().flatten().collect()).unwrap();
        assert!(text.starts_with("(1 log records dropped") && text.ends_with("b\n"), "{text}");
    }

    const WAIT: SendWait = SendWait { for_room: Duration::from_secs(3600), until_written: Duration::ZERO };

    #[test]
    fn record_that_may_wait_is_written_once_there_is_room() {
        let (sink, go, got) = valve();
        let sender = sink.clone();
        let count = MAX_QUEUED_RECORDS * 5;
        let sends = std::thread::spawn(move || (0..count).for_each(|_| sender.send(b"x\n".to_vec(), WAIT)));
        drop(go);
        sends.join().unwrap();
        assert!(sink.flush(Duration::from_secs(60)));
        assert_eq!(sink.dropped(), 0);
        assert_eq!(got.try_iter().flatten().count(), count * 2);
    }

    #[test]
    fn record_that_has_waited_in_vain_is_dropped_and_the_next_do_not_wait() {
        let (sink, go, _got) = valve();
        let short = SendWait { for_room: Duration::from_millis(20), ..SendWait::default() };
        while sink.dropped() == 0 {
            sink.send(vec![b'x'; 1 << 20], short);
        }
        // Each of these would wait for an hour.
        (0..10).for_each(|_| sink.send(vec![b'x'; 1 << 20], WAIT));
        assert_eq!(sink.dropped(), 11);
        go.send(Ok(())).unwrap();
        drop(go);
        assert!(sink.flush(Duration::from_secs(60)));
        assert!(!sink.0.counts.is_stalled.load(Ordering::Relaxed), "it has written again");
    }

    #[test]
    fn record_that_waits_until_it_is_written_waits_once_if_the_output_is_blocked() {
        let (sink, go, got) = valve();
        let short = SendWait { until_written: Duration::from_millis(20), ..SendWait::default() };
        sink.send(b"a\n".to_vec(), short);
        assert!(sink.0.counts.is_stalled.load(Ordering::Relaxed));
        // It would wait for an hour.
        sink.send(b"b\n".to_vec(), SendWait { until_written: Duration::from_secs(3600), ..short });
        drop(go);
        assert!(sink.flush(Duration::from_secs(60)));
        sink.send(b"c\n".to_vec(), SendWait { until_written: Duration::from_secs(60), ..short });
        assert_eq!(got.try_iter().flatten().collect::<Vec<_>>(), b"a\nb\nc\n", "it is written before send returns");
    }

    #[test]
    fn records_that_the_thread_would_make_count_as_dropped_if_the_queue_is_full() {
        let (sink, go, _got) = valve();
        // The thread takes one batch, and then waits for the output, so the queue stays full.
        let mut before = 0;
        for _ in 0..20 {
            (0..MAX_QUEUED_RECORDS).for_each(|_| sink.send(vec![b'x'; 64], SendWait::default()));
            before = sink.dropped();
            std::thread::yield_now();
        }
        sink.call(3, || unreachable!("it found no room"));
        assert_eq!(sink.dropped(), before + 3);
        drop(go);
    }

    #[test]
    fn flush_of_a_blocked_sink_returns_at_its_limit() {
        let (sink, go, _got) = valve();
        sink.send(b"a\n".to_vec(), SendWait::default());
        assert!(!sink.flush(Duration::from_millis(20)));
        drop(go);
    }
}
