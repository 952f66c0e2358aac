//! How the process ends: after its last daemon has stopped, and at the third signal.
//!
//! [`Daemon::run`](crate::Daemon::run) returns once its daemon has stopped. But the process then
//! still waits for what its runtime cannot cancel: a blocking job, a read of standard input, a
//! resolver. And a signal no longer ends it by default, since tokio has installed handlers for the
//! signals that the daemon listened to. So:
//!
//! * Once the last daemon has stopped, a signal that any daemon has listened to ends the process:
//!   with status 0 if the daemons ended well, otherwise with 128 + the signal's number. Of several
//!   daemons that ran at the same time, one that failed is enough. [`ExitAtSignal`] does that,
//!   until the next daemon starts.
//! * [`exit_within_limit`] ends the process after a limit, for `Daemon::main` and for a report that
//!   `main` returns.
//! * [`exit_now`] ends it immediately, for the third signal.
//!
//! # Lock order
//!
//! With that of [`DAEMONS`] no other lock of rxd is held but, on Windows, that of the events which
//! [`ExitAtSignal`] waits for, and never the other way round. No signal handler takes it.

use crate::panic::emit;
use crate::platform::{ExitAtSignal, Signal, exit};
use crate::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{LazyLock, Once};
use std::time::Duration;

/// How long the process may take to end by itself once its last daemon has ended.
pub(crate) const EXIT_LIMIT: Duration = Duration::from_secs(1);

/// How often the thread checks whether a daemon runs.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// How long writing the last record may take, since a log may make its writers wait.
const LAST_RECORD: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
struct Daemons {
    /// How many daemons run.
    running: usize,
    /// The signals that any daemon has listened to. tokio's handlers for them stay installed.
    signals: Vec<i32>,
    /// Whether a daemon has failed since one was last started while no other ran.
    has_failed: bool,
    /// The handlers that end the process at the next signal, while no daemon runs.
    actions: Vec<ExitAtSignal>,
}

static DAEMONS: LazyLock<Mutex<Daemons>> = LazyLock::new(Mutex::default);

/// Counts a running daemon until it is dropped. Once the last one has ended, the next signal ends
/// the process.
#[derive(Debug)]
pub(crate) struct RunningDaemon {
    /// Whether it ended well.
    is_ok: bool,
}

impl RunningDaemon {
    /// A daemon that these signals stop.
    pub(crate) fn new(signals: &[Signal]) -> Self {
        let mut daemons = DAEMONS.lock();
        daemons.has_failed &= daemons.running > 0;
        daemons.running += 1;
        for number in signals.iter().map(|signal| signal.as_raw()) {
            if !daemons.signals.contains(&number) {
                daemons.signals.push(number);
            }
        }
        daemons.actions.clear();
        RunningDaemon { is_ok: false }
    }

    /// Notes how the daemon ended.
    pub(crate) fn ended(mut self, is_ok: bool) {
        self.is_ok = is_ok;
    }
}

impl Drop for RunningDaemon {
    fn drop(&mut self) {
        let mut daemons = DAEMONS.lock();
        let daemons = &mut *daemons;
        daemons.running -= 1;
        daemons.has_failed |= !self.is_ok;
        if daemons.running > 0 {
            return;
        }
        for &number in &daemons.signals {
            let status = if daemons.has_failed { 128 + number } else { 0 };
            // Made only now: the handler of the signal that stopped the daemon may still be running.
            // It fails for signals that cannot be handled, which are an error of the start already.
            if let Some(action) = ExitAtSignal::new(Signal::from_raw(number), status) {
                daemons.actions.push(action);
            }
        }
    }
}

/// Ends the process unless it ends by itself within [`EXIT_LIMIT`] of its last daemon: with this
/// status, or with the greatest if it is called several times.
///
/// It calls no exit handler, since one may be what keeps the process from ending.
pub(crate) fn exit_within_limit(code: u8) {
    static STATUS: AtomicU8 = AtomicU8::new(0);
    static ONCE: Once = Once::new();
    STATUS.fetch_max(code, Ordering::Relaxed);
    let ends = || {
        let mut left = EXIT_LIMIT;
        while !left.is_zero() {
            std::thread::sleep(CHECK_INTERVAL);
            left = if DAEMONS.lock().running > 0 { EXIT_LIMIT } else { left.saturating_sub(CHECK_INTERVAL) };
        }
        let code = STATUS.load(Ordering::Relaxed);
        emit_and_exit(code.into(), || {
            emit!(
                ERROR, target: "rxd", status = code,
                "exiting: the process has not ended within {EXIT_LIMIT:?} of its daemon; the tokio runtime still waits \
                 for blocking work, such as spawn_blocking, a read of standard input, or a resolver"
            );
        });
    };
    // Without this thread there is no limit; the next signal still ends the process.
    ONCE.call_once(|| drop(crate::spawn::thread("rxd-exit", ends)));
}

/// Handles the third signal: waits neither for a log that is not read nor for an exit handler.
///
/// The supervisor and the monitor both hear the signal. The first to call this writes the record.
pub(crate) fn exit_now(number: i32) -> ! {
    static IS_EXITING: AtomicBool = AtomicBool::new(false);
    let is_first = !IS_EXITING.swap(true, Ordering::Relaxed);
    emit_and_exit(128 + number, || {
        if is_first {
            emit!(ERROR, target: "rxd", signal = number, "exiting immediately");
        }
    })
}

/// Ends the process once the record is written, or after [`LAST_RECORD`].
fn emit_and_exit(status: i32, record: impl FnOnce()) -> ! {
    let ends = move || {
        std::thread::sleep(LAST_RECORD);
        exit(status)
    };
    if crate::spawn::thread("rxd-exit", ends).is_ok() {
        record();
        // The remaining time is for the threads that write the record.
        loop {
            std::thread::park();
        }
    }
    exit(status)
}
