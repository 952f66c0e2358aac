//! Logs with a level for each service, which can be changed while the process runs.
//!
//! To set logs up, call [`init`] in `main`. To change a level later, call [`level_handle`].
//!
//! ```no_run
//! #[tokio::main]
//! async fn main() -> rxd::Result {
//!     let _log = rxd::log::init()?;
//!     tracing::info!("as with any `tracing` subscriber");
//!     // Later, from any code: this service in detail, for ten minutes.
//!     rxd::log::level_handle().set_temporarily("api", rxd::log::Level::Debug, std::time::Duration::from_secs(600))?;
//!     Ok(())
//! }
//! ```
//!
//! A record belongs to the service whose span it is made in. The service's methods are in that
//! span, and so are the tasks it starts with [`Context::spawn`](crate::Context::spawn). A task
//! started with `tokio::spawn` is in no span, unless it is given one:
//! `tokio::spawn(task.in_current_span())`.
//!
//! How records are written:
//!
//! * One record is one line, whatever its values hold: see [`LineFormat`].
//! * A separate thread writes them, from a bounded queue. If the output is blocked, closed or full,
//!   the code that logs does not wait: records are dropped and counted ([`dropped_records`]), and
//!   the log says how many once it can be written again.
//! * The last records before the process ends are not lost: a record of ERROR waits up to 50 ms
//!   until it is written, and the [`LogGuard`] up to a second. Before `std::process::exit`, call
//!   [`flush`].
//! * Panics are records too: rxd's own about a service that panics, and one about each other panic
//!   of the process. The default panic hook, which would write to standard error in several lines
//!   and wait for it, is not called any more. A hook that is set after the log is.
//! * Records of the crate `log` are written like those of `tracing`, unless the process has another
//!   logger.
//! * They go to standard error; or to standard output and error by severity; or to the journal.
//!   rxd's own records can go to a separate file. See [`Builder`].
//!
//! To use only the levels, with layers of your own, call [`LevelHandle::filter`].

mod builder;
mod file;
mod filter;
pub(crate) mod format;
mod job_queue;
#[cfg(feature = "journald")]
mod journal_probe;
#[cfg(feature = "journald")]
mod journald;
mod level;
mod levels;
mod line_output;
mod writer;

pub use builder::{BoxedLayer, Builder, LogGuard, builder};
pub use filter::ServiceFilter;
pub use format::{EscapedFields, LineFormat};
pub use level::Level;
pub use levels::{LevelHandle, LevelSetting, LevelTarget};
pub use writer::{dropped_records, flush};

use crate::error::Error;

/// Sets logs up as the process's `tracing` subscriber: records of INFO and above go to standard
/// error.
///
/// `RUST_LOG` sets other levels, in the form that [`Builder::levels`] describes. What is wrong in
/// it is ignored, with a warning. [`level_handle`] changes the levels later. To choose anything
/// else, use [`builder`]. Keep the guard until `main` ends.
///
/// # Errors
///
/// If the process has a subscriber already, or if the thread that writes cannot be started.
pub fn init() -> Result<LogGuard, Error> {
    builder().init()
}

/// The log levels of the process: those that [`init`] sets up and the admin route changes.
#[must_use]
pub fn level_handle() -> &'static LevelHandle {
    LevelHandle::global()
}
