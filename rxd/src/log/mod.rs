//! Logs with a dial for each service.
//!
//! ```no_run
//! #[tokio::main]
//! async fn main() -> rxd::Result {
//!     let _log = rxd::log::init()?;
//!     tracing::info!("as with any `tracing` subscriber");
//!     // .. and anywhere, any time later: this service in detail, for ten minutes.
//!     rxd::log::level_handle().set_temporarily("api", rxd::log::Level::Debug, std::time::Duration::from_secs(600))?;
//!     Ok(())
//! }
//! ```
//!
//! A record is of the service in whose span it is made: that of its methods, and of the tasks it
//! started with [`Context::spawn`](crate::Context::spawn). (A task started otherwise is in no span,
//! unless it is given one: `tokio::spawn(task.in_current_span())`.)
//!
//! What is written:
//!
//! * one line a record, whatever is in its values: see [`LineFormat`];
//! * by a thread of its own, from a bounded queue: a blocked, closed or full end makes nobody wait.
//!   What is lost by that is counted ([`dropped_records`]) and told of in the log once that is possible;
//! * to standard error; or split by severity; or to the journal; and what rxd itself says, if it is
//!   asked for, to a file of its own: see [`Builder`].
//!
//! To have only the levels, before layers of your own, use [`LevelHandle::filter`].

mod builder;
mod file;
mod filter;
mod format;
#[cfg(feature = "journald")]
mod journald;
mod level;
mod levels;
mod writer;

pub use builder::{BoxedLayer, Builder, LogGuard, builder};
pub use filter::ServiceFilter;
#[cfg(feature = "admin")]
pub(crate) use format::is_forging;
pub use format::{EscapedFields, LineFormat};
pub use level::Level;
pub use levels::{LevelHandle, LevelSetting, LevelTarget};
pub use writer::dropped_records;

use crate::error::Error;

/// Sets logs up as the process's subscriber: INFO and above to standard error, `RUST_LOG` read as
/// [`Builder::levels`] says, every level to be changed later with the [`levels`].
///
/// # Errors
///
/// If the process has a subscriber already, or `RUST_LOG` cannot be read.
pub fn init() -> Result<LogGuard, Error> {
    match std::env::var("RUST_LOG") {
        Ok(levels) => builder().levels(levels).init(),
        Err(_) => builder().init(),
    }
}

/// The dial of the process.
#[must_use]
pub fn level_handle() -> &'static LevelHandle {
    LevelHandle::global()
}
