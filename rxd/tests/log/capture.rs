//! A subscriber that keeps what it is given, and a service that says something when it is told to.

use rxd::log::{EscapedFields, LevelHandle, LineFormat};
use rxd::{Context, Runner};
use std::io;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, oneshot};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

/// The lines that were written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Takes them, without their time.
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

/// This thread's records, filtered by the dial.
pub(crate) fn capture(levels: &LevelHandle) -> (Lines, DefaultGuard) {
    let lines = Lines::default();
    let layer = tracing_subscriber::fmt::layer()
        .fmt_fields(EscapedFields)
        .event_format(LineFormat::default())
        .with_ansi(false)
        .with_writer(lines.clone())
        .with_filter(levels.filter());
    (lines, tracing_subscriber::registry().with(layer).set_default())
}

/// Where a talker is to speak from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum From {
    Run,
    Task,
    TaskOfTask,
    /// `tokio::spawn`, in the current span.
    Spawned,
}

pub(crate) type Ask = (From, oneshot::Sender<()>);

/// Says `debug` and `info`, each time it is asked to.
pub(crate) struct Talker(mpsc::UnboundedReceiver<Ask>);

#[derive(Clone, Debug)]
pub(crate) struct Mouth(mpsc::UnboundedSender<Ask>);

pub(crate) fn talker() -> (Talker, Mouth) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Talker(receiver), Mouth(sender))
}

impl Mouth {
    pub(crate) async fn speak(&self, from: From) {
        let (done, said) = oneshot::channel();
        self.0.send((from, done)).unwrap();
        said.await.unwrap();
    }
}

fn speak() {
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
                From::Run => speak(),
                From::Task => cx.spawn("worker", async { speak() }).await?,
                From::TaskOfTask => {
                    let inner = cx.clone();
                    let task = cx.spawn("worker", async move { inner.spawn("helper", async { speak() }).await });
                    task.await??;
                }
                From::Spawned => {
                    use tracing::Instrument;
                    tokio::spawn(async { speak() }.in_current_span()).await?;
                }
            }
            let _ = done.send(());
        }
    }
}
