//! Whether the tokio runtime has the drivers that a daemon needs.
//!
//! [`Daemon::start`](crate::Daemon::start) checks it before anything is bound or started. Without
//! the time driver the first timer of a service would panic, and the daemon would be lost. Without
//! the IO driver listening to the first signal would.
//!
//! tokio has no function to ask. So each check makes a call that does nothing if the driver is
//! there and panics if it is not. The panic is caught, and not printed. Where panics abort, tokio's
//! own message is the last one, which also says what to enable.

use crate::error::Error;
use crate::panic::catch_silently;
use crate::platform::call_io_driver;
use std::time::Duration;

/// Checks the runtime of the calling task.
///
/// # Errors
///
/// If the runtime has no time driver, or needs an IO driver and has none. The message says what to
/// write.
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
    if needs_io && catch_silently(call_io_driver).is_err() {
        return missing("IO");
    }
    Ok(())
}
