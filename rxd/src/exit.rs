//! How the process ends: after the last daemon has stopped, and at the third signal.
//!
//! [`Daemon::run`](crate::Daemon::run) returns once its daemon has stopped, but a process also waits for
//! what its runtime has begun and cannot take back: a blocking job, a read of standard input, a
//! resolver. And it does not die of a signal by itself any more, since tokio has handlers for those
//! that the daemon listened to. So:
//!
//! * Once the last daemon has stopped, a signal that would have stopped it ends the process: with
//!   status 0 if that daemon has ended well, otherwise with 128 + the signal's number. A handler of `signal_hook` does that, on whatever thread, until the next
//!   daemon starts.
//! * [`exit_within`] ends the process after a limit, for `Daemon::main`.
//! * [`exit_now`] ends it at once, for the third signal.

use crate::panic::emit;
use crate::signals::Signal;
use crate::sync::Mutex;
use signal_hook::SigId;
use signal_hook::flag::register_conditional_shutdown;
use signal_hook::low_level::{exit, unregister};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, LazyLock, Once};
use std::time::Duration;

/// How long the process may take to end by itself after [`Daemon::main`](crate::Daemon::main) has a report.
pub(crate) const EXIT_LIMIT: Duration = Duration::from_secs(1);

/// How often it is looked whether a daemon runs.
const STEP: Duration = Duration::from_millis(50);

/// How long the last record may take where the log makes its writers wait.
const LAST_RECORD: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
struct Daemons {
    /// How many run.
    running: usize,
    /// The signals that any of them has listened to: tokio's handlers stay, and swallow them.
    signals: BTreeSet<i32>,
    /// Whether one has not ended well since the first of those that run, or ran last, has started.
    has_failed: bool,
    /// While none runs: what ends the process at the next signal.
    actions: Vec<SigId>,
}

static DAEMONS: LazyLock<Mutex<Daemons>> = LazyLock::new(Mutex::default);

/// A daemon that runs. Once it has ended, and with it the last one, the next signal ends the process.
#[derive(Debug)]
pub(crate) struct RunningDaemon {
    /// Whether it has ended well.
    is_ok: bool,
}

impl RunningDaemon {
    /// One that these signals stop.
    pub(crate) fn new(signals: &[Signal]) -> Self {
        let mut daemons = DAEMONS.lock();
        daemons.has_failed &= daemons.running > 0;
        daemons.running += 1;
        daemons.signals.extend(signals.iter().map(|signal| signal.as_raw()));
        for action in daemons.actions.drain(..) {
            unregister(action);
        }
        RunningDaemon { is_ok: false }
    }

    /// The daemon has ended.
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
            // Installed only now: the handler of the signal that has stopped the daemon may still be running.
            let always = Arc::new(AtomicBool::new(true));
            // It fails for signals that nobody can handle, and those are an error of the start already.
            daemons.actions.extend(register_conditional_shutdown(number, status, always));
        }
    }
}

/// Ends the process unless it has ended by itself within [`EXIT_LIMIT`] of its last daemon: with this status, or
/// with the greatest if it is called more than once.
///
/// No exit handler is called then: one may be what keeps the process from ending.
pub(crate) fn exit_within_limit(code: u8) {
    static STATUS: AtomicU8 = AtomicU8::new(0);
    static ONCE: Once = Once::new();
    STATUS.fetch_max(code, Ordering::Relaxed);
    let ends = || {
        let mut left = EXIT_LIMIT;
        while !left.is_zero() {
            std::thread::sleep(STEP);
            left = if DAEMONS.lock().running > 0 { EXIT_LIMIT } else { left.saturating_sub(STEP) };
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
    // Without a thread there is no limit, and the next signal ends the process.
    ONCE.call_once(|| drop(std::thread::Builder::new().name("rxd-exit".into()).spawn(ends)));
}

/// The third signal: nothing is waited for, neither a log that nobody reads nor an exit handler.
pub(crate) fn exit_now(number: i32) -> ! {
    emit_and_exit(128 + number, || emit!(ERROR, target: "rxd", signal = number, "exiting immediately"))
}

/// Ends the process once the record is written, or after [`LAST_RECORD`].
fn emit_and_exit(status: i32, record: impl FnOnce()) -> ! {
    let ends = move || {
        std::thread::sleep(LAST_RECORD);
        exit(status)
    };
    if std::thread::Builder::new().spawn(ends).is_ok() {
        record();
        // The rest of the time is for the threads that write it.
        loop {
            std::thread::park();
        }
    }
    exit(status)
}
