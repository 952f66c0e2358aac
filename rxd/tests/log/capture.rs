//! A subscriber that keeps its lines, and a service that logs when a test asks it to.

use rxd::log::{EscapedFields, LevelHandle, LineFormat};
use rxd::{Context, Runner};
use std::io;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, oneshot};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

/// The lines that the subscriber has written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Takes the lines written so far, without their times.
    pub(crate) fn take(&self) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        text.lines().map(|line| line.split_once("Z ").map_or(line, |(_, rest)| rest).trim_start().to_owned()).collect()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Lines;
    fn make_writer(&'a self) -> Lines {
        self.clone()
    }
}

/// Keeps a second subscriber, which wants every record. With only one, `tracing` asks the current
/// thread's about a callsite, and remembers the answer of a thread that has none.
pub(crate) fn keep_callsites() {
    static SECOND: std::sync::OnceLock<tracing::Dispatch> = std::sync::OnceLock::new();
    SECOND.get_or_init(|| tracing::Dispatch::new(tracing_subscriber::registry()));
}

/// Captures this thread's records, filtered by these levels.
pub(crate) fn capture(levels: &LevelHandle) -> (Lines, DefaultGuard) {
    keep_callsites();
    let lines = Lines::default();
    let layer = tracing_subscriber::fmt::layer()
        .fmt_fields(EscapedFields)
        .event_format(LineFormat::default())
        .with_ansi(false)
        .with_writer(lines.clone())
        .with_filter(levels.filter());
    (lines, tracing_subscriber::registry().with(layer).set_default())
}

/// Where the service logs from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LogFrom {
    Run,
    Task,
    TaskOfTask,
    Blocking,
    /// `tokio::spawn`, in the current span.
    Spawned,
}

pub(crate) type Ask = (LogFrom, oneshot::Sender<()>);

/// Logs at DEBUG and INFO each time its [`TalkerHandle`] asks it to.
pub(crate) struct Talker(mpsc::UnboundedReceiver<Ask>);

#[derive(Clone, Debug)]
pub(crate) struct TalkerHandle(mpsc::UnboundedSender<Ask>);

pub(crate) fn talker() -> (Talker, TalkerHandle) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Talker(receiver), TalkerHandle(sender))
}

impl TalkerHandle {
    pub(crate) async fn log_twice(&self, from: LogFrom) {
        let (done, logged) = oneshot::channel();
        self.0.send((from, done)).unwrap();
        logged.await.unwrap();
    }
}

fn log_twice() {
    tracing::info!("info");
    tracing::debug!("debug");
}

impl Runner for Talker {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        loop {
            let (from, done) = tokio::select! {
                Some(ask) = self.0.recv() => ask,
                () = cx.cancelled() => return Ok(()),
            };
            match from {
                LogFrom::Run => log_twice(),
                LogFrom::Task => cx.spawn("worker", async { log_twice() }).await?,
                LogFrom::TaskOfTask => {
                    let inner = cx.clone();
                    let task = cx.spawn("worker", async move { inner.spawn("helper", async { log_twice() }).await });
                    task.await??;
                }
                LogFrom::Blocking => cx.spawn_blocking("worker", log_twice).await?,
                LogFrom::Spawned => {
                    use tracing::Instrument;
                    tokio::spawn(async { log_twice() }.in_current_span()).await?;
                }
            }
            let _ = done.send(());
        }
    }
}
