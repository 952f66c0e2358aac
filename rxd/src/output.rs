//! What rxd writes apart from `tracing`: the error with which the process ends, panics that no
//! record is about, and the hint that no log is set up.
//!
//! Standard error may be a pipe that nobody reads, where a write waits for ever. So nothing here
//! writes to it in the thread of the caller. Once a log is set up, it writes all of this, as
//! records.

use crate::escape;
use crate::spawn::{Completion, completion};
use crate::sync::Mutex;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Once, OnceLock};
use std::time::Duration;

/// How long the process waits at its end until its last error is written.
const LAST_ERROR_TIMEOUT: Duration = Duration::from_millis(900);

/// The last error names each service that failed. A longer one is cut.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// The log of the process, once one is set up.
pub(crate) struct LogOutput {
    /// Whether there is something to write to.
    pub(crate) is_open: fn() -> bool,
    /// Writes records of ERROR. Never waits, and takes no lock of the subscriber in this thread.
    pub(crate) write: fn(Vec<String>),
    /// Waits until all records are written, within a limit.
    pub(crate) flush: fn(Duration) -> bool,
}

static LOG: OnceLock<LogOutput> = OnceLock::new();

/// The log, if one is set up.
pub(crate) fn log() -> Option<&'static LogOutput> {
    LOG.get().filter(|log| (log.is_open)())
}

#[cfg(feature = "log")]
pub(crate) fn set_log(log: LogOutput) {
    let _ = LOG.set(log);
}

/// Writes the error with which the process ends, within a limit.
pub(crate) fn last_error(text: &str) {
    let mut text = text.to_owned();
    escape::cut(&mut text, MAX_ERROR_BYTES);
    match log() {
        Some(log) => {
            (log.write)(vec![escape::one_line(&text)]);
            (log.flush)(LAST_ERROR_TIMEOUT);
        }
        // As `main` prints an error that it returns.
        None => {
            let written = to_stderr(format!("Error: {}", escape::error_lines(&text)));
            written.wait(LAST_ERROR_TIMEOUT);
        }
    }
}

/// Whether a test looks at the daemons of this process, so that nothing has to be printed.
static IS_TEST: AtomicBool = AtomicBool::new(false);

/// Has [`hint_no_log`] print nothing.
#[cfg(any(test, feature = "test-util"))]
pub(crate) fn expect_no_log() {
    IS_TEST.store(true, Ordering::Relaxed);
}

/// Receives once the hint of [`hint_no_log`] is written.
static HINT: LazyLock<Mutex<Option<Completion>>> = LazyLock::new(Mutex::default);

static HINTED: Once = Once::new();

const HINT_TIMEOUT: Duration = Duration::from_millis(500);

/// If the process has no `tracing` subscriber, says so, and that this service has failed. Once.
pub(crate) fn hint_no_log(service: &str, error: &str) {
    if tracing::dispatcher::has_been_set() || IS_TEST.load(Ordering::Relaxed) {
        return;
    }
    HINTED.call_once(|| {
        let how = match cfg!(feature = "log") {
            true => "call `rxd::log::init()?` at the start of `main`",
            false => "set a `tracing` subscriber at the start of `main`",
        };
        let error = escape::one_line(error);
        let text = format!("rxd: service `{service}` failed: {error}; no log is set up: {how}");
        *HINT.lock() = Some(to_stderr(escape::error_lines(&text).to_string()));
    });
}

/// Waits until the hint is written, if it is being written, within a limit: the process may end
/// right after this.
pub(crate) fn finish_hint() {
    if !HINTED.is_completed() {
        return;
    }
    let written = HINT.lock().take();
    if let Some(written) = written {
        written.wait(HINT_TIMEOUT);
    }
}

/// Writes a line to standard error, in a thread of its own. Receives once that is done.
pub(crate) fn to_stderr(text: String) -> Completion {
    let (done, is_done) = completion();
    let write = move || {
        // A closed standard error is not a fault of the process.
        let _ = writeln!(std::io::stderr(), "{text}");
        done.complete();
    };
    let _ = crate::spawn::thread("rxd-stderr", write);
    is_done
}
