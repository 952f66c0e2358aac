//! Whether the tokio runtime has the drivers that a daemon needs.
//!
//! [`Daemon::start`](crate::Daemon::start) asks before anything is bound or started. Without the time
//! driver the first timer of a service would panic, and the daemon be lost; without the IO driver the
//! first signal to listen to would.
//!
//! tokio has no way to ask. Each question here is a call that does nothing where the driver is there,
//! and panics where it is not; the panic is caught, and nothing of it is printed. Where panics abort,
//! tokio's own message is the last one: it says what to enable as well.

use crate::error::Error;
use crate::panic::catch_silently;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Checks the runtime of the calling task.
///
/// # Errors
///
/// If it has no time driver, or no IO driver although that is needed; the message says what to write.
pub(crate) fn check(needs_io: bool) -> Result<(), Error> {
    let missing = |driver: &str| {
        Err(Error::msg(format_args!(
            "failed to start: the tokio runtime has no {driver} driver\n\
             help: write `.enable_all()` where the runtime is built, or #[tokio::main] above main"
        )))
    };
    if catch_silently(|| drop(tokio::time::sleep(Duration::ZERO))).is_err() {
        return missing("time");
    }
    // SIGKILL cannot be listened to: with a driver that is an error, and no signal handler is installed.
    if needs_io && catch_silently(|| drop(signal(SignalKind::from_raw(9)))).is_err() {
        return missing("IO");
    }
    Ok(())
}
