//! Where records go: a bounded queue, and a thread that alone may be made to wait.
//!
//! Whoever logs hands a record over and goes on. While the other end is blocked, closed or full the
//! queue fills, and what finds no room in it is counted, and told of in one line once there is room
//! again (G44).

use crate::error::Error;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many records may wait.
const MAX_QUEUED_RECORDS: usize = 8192;

/// How many bytes may wait.
const MAX_QUEUED_BYTES: usize = 4 << 20;

/// How much is written at once.
const WRITE_BATCH_BYTES: usize = 64 << 10;

/// How long a guard waits for what is still in a queue.
pub(crate) const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

enum SinkJob {
    Record(Vec<u8>),
    Flush(SyncSender<()>),
}

/// One queue. Clones feed the same.
#[derive(Clone, Debug)]
pub(crate) struct LogSink {
    sender: SyncSender<SinkJob>,
    counts: Arc<SinkCounters>,
}

#[derive(Debug)]
struct SinkCounters {
    name: Box<str>,
    waiting: AtomicUsize,
    lost: AtomicU64,
}

static ALL_SINKS: Mutex<Vec<Arc<SinkCounters>>> = Mutex::new(Vec::new());

/// Every sink there has been, and how many records it has lost.
#[must_use]
pub fn dropped_records() -> Vec<(String, u64)> {
    let all = ALL_SINKS.lock().unwrap_or_else(PoisonError::into_inner);
    all.iter().map(|counts| (counts.name.to_string(), counts.lost.load(Ordering::Relaxed))).collect()
}

/// What the thread writes to.
pub(crate) trait RecordOutput: Send + 'static {
    /// Writes whole records.
    fn write_records(&mut self, records: &[Vec<u8>]) -> io::Result<()>;

    /// What is written of records that were lost.
    fn loss_note(&self, lost: u64) -> Vec<u8> {
        format!("({lost} records were lost: this log was blocked, closed or full)\n").into_bytes()
    }
}

/// Anything that takes bytes.
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

/// As `write_all`, but for an end that somebody has made non-blocking.
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
    /// A queue before `drain`, and the thread between them.
    ///
    /// # Errors
    ///
    /// If there can be no thread.
    pub(crate) fn new(name: &str, output: impl RecordOutput) -> Result<LogSink, Error> {
        let counts =
            Arc::new(SinkCounters { name: name.into(), waiting: AtomicUsize::new(0), lost: AtomicU64::new(0) });
        let (sender, receiver) = sync_channel(MAX_QUEUED_RECORDS);
        let mine = counts.clone();
        std::thread::Builder::new()
            .name(format!("rxd-log-{name}"))
            .spawn(move || work(&receiver, &mine, output))
            .map_err(|error| Error::msg(format_args!("failed to start the thread of log `{name}`: {error}")))?;
        ALL_SINKS.lock().unwrap_or_else(PoisonError::into_inner).push(counts.clone());
        Ok(LogSink { sender, counts })
    }

    /// Hands a record over, or counts it as lost. Never waits.
    pub(crate) fn send(&self, record: Vec<u8>) {
        let size = record.len();
        let waiting = self.counts.waiting.fetch_add(size, Ordering::Relaxed);
        // A record larger than all the room goes through when it is alone.
        if waiting > 0 && waiting + size > MAX_QUEUED_BYTES || self.sender.try_send(SinkJob::Record(record)).is_err() {
            self.counts.waiting.fetch_sub(size, Ordering::Relaxed);
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was sent so far is written, for `limit` at most; whether it is.
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
    pub(crate) fn lost(&self) -> u64 {
        self.counts.lost.load(Ordering::Relaxed)
    }
}

fn work(jobs: &Receiver<SinkJob>, counts: &SinkCounters, mut output: impl RecordOutput) {
    let mut told = 0;
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
                SinkJob::Flush(done) => {
                    flushed = Some(done);
                    break;
                }
            }
            if size < WRITE_BATCH_BYTES {
                next = jobs.try_recv().ok();
            }
        }
        let lost = counts.lost.load(Ordering::Relaxed);
        let count = batch.len() as u64;
        let note = (lost > told).then(|| output.loss_note(lost - told));
        let result = match note {
            Some(note) => output.write_records(&[note]).and_then(|()| {
                told = lost;
                output.write_records(&batch)
            }),
            None => output.write_records(&batch),
        };
        if result.is_err() {
            counts.lost.fetch_add(count, Ordering::Relaxed);
        }
        counts.waiting.fetch_sub(size, Ordering::Relaxed);
        batch.clear();
        if let Some(done) = flushed {
            let _ = done.send(());
        }
    }
}

/// A `MakeWriter` over one sink, or over two by severity.
#[derive(Clone, Debug)]
pub(crate) struct RecordWriters {
    pub(crate) out: LogSink,
    /// Where WARN and ERROR go, if apart.
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

/// Hands over what it is given in one piece: a whole record.
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

    /// Writes nothing until it is told to go on, or fails.
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
    fn a_blocked_end_blocks_nobody_and_what_is_lost_is_counted_and_told() {
        let (sink, go, got) = valve();
        let record = [&[b'x'; 63][..], b"\n"].concat();
        let begun = Instant::now();
        for _ in 0..MAX_QUEUED_RECORDS * 5 {
            sink.send(record.clone());
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "nobody waits");
        let lost = sink.lost();
        // The thread has taken one batch at most.
        assert!(lost >= (MAX_QUEUED_RECORDS * 4 - WRITE_BATCH_BYTES / 64 - 1) as u64, "{lost}");
        drop(go);
        assert!(sink.flush(Duration::from_secs(5)));
        let all: Vec<u8> = got.try_iter().flatten().collect();
        let text = String::from_utf8(all).unwrap();
        // In more than one piece, if the thread began to write when some were lost already.
        let told = |line: &str| line.strip_prefix('(')?.split_once(" records were lost")?.0.parse::<u64>().ok();
        let notes = text.lines().filter_map(told);
        assert_eq!(notes.sum::<u64>(), lost, "it is told");
        assert_eq!(
            text.matches("xx\n").count() as u64 + lost,
            MAX_QUEUED_RECORDS as u64 * 5,
            "each is written or counted"
        );
    }

    #[test]
    fn memory_is_bounded_by_bytes() {
        let (sink, go, _got) = valve();
        for _ in 0..100 {
            sink.send(vec![b'x'; 1 << 20]);
        }
        assert!(sink.counts.waiting.load(Ordering::Relaxed) <= MAX_QUEUED_BYTES);
        assert!(sink.lost() >= 95, "{}", sink.lost());
        drop(go);
    }

    #[test]
    fn a_failing_end_is_counted() {
        let (sink, go, got) = valve();
        go.send(Err(io::Error::other("no space left"))).unwrap();
        // What it says of that, should the thread have taken the record before the flush.
        go.send(Ok(())).unwrap();
        sink.send(b"a\n".to_vec());
        assert!(sink.flush(Duration::from_secs(5)));
        assert_eq!(sink.lost(), 1);
        drop(go);
        sink.send(b"b\n".to_vec());
        assert!(sink.flush(Duration::from_secs(5)));
        let text = String::from_utf8(got.try_iter().flatten().collect()).unwrap();
        assert!(text.starts_with("(1 records were lost") && text.ends_with("b\n"), "{text}");
    }

    #[test]
    fn a_flush_does_not_wait_for_ever() {
        let (sink, go, _got) = valve();
        sink.send(b"a\n".to_vec());
        assert!(!sink.flush(Duration::from_millis(20)));
        drop(go);
    }
}
