//! The one error type.

use std::error::Error as StdError;
use std::fmt;

/// `Result` with [`Error`] as its error, and `()` as what it is mostly about.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// What a service's methods and the daemon fail with.
///
/// Anything that is an error, or a text, becomes one with `?` or `.into()`:
///
/// ```
/// fn port() -> rxd::Result<u16> {
///     let text = std::env::var("PORT").unwrap_or("8000".into());
///     let port = text.parse()?;
///     if port == 0 {
///         return Err("port 0 is not a port to listen on".into());
///     }
///     Ok(port)
/// }
/// # port().unwrap();
/// ```
///
/// For that to be possible it does not implement [`std::error::Error`] itself;
/// [`as_std`](Error::as_std) and [`into_std`](Error::into_std) lead there.
///
/// `{}` prints the message, `{:#}` the message and what caused it on one line, `{:?}` (what `main`
/// prints when it returns one) each cause on a line of its own.
pub struct Error(Box<dyn StdError + Send + Sync>);

impl Error {
    /// An error that is just a text.
    pub fn msg(message: impl fmt::Display) -> Self {
        Error(message.to_string().into())
    }

    /// The error as the standard library's trait object.
    #[must_use]
    pub fn as_std(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.0
    }

    /// The error as the standard library's boxed trait object.
    #[must_use]
    pub fn into_std(self) -> Box<dyn StdError + Send + Sync> {
        self.0
    }

    /// What caused it, in words; a message that quotes its cause stands for both.
    fn causes(&self) -> impl Iterator<Item = String> {
        let mut said = self.0.to_string();
        let sources = std::iter::successors(self.0.source(), |&error| error.source());
        sources.filter_map(move |error| {
            let text = error.to_string();
            let new = !said.ends_with(&text);
            said.clone_from(&text);
            new.then_some(text)
        })
    }

    /// Whether it is an `E`, or was caused by one.
    #[must_use]
    pub fn is<E: StdError + 'static>(&self) -> bool {
        self.find::<E>().is_some()
    }

    /// The `E` that it is, or was caused by.
    #[must_use]
    pub fn find<E: StdError + 'static>(&self) -> Option<&E> {
        let mut error: Option<&(dyn StdError + 'static)> = Some(&*self.0);
        while let Some(current) = error {
            if let Some(found) = current.downcast_ref() {
                return Some(found);
            }
            error = current.source();
        }
        None
    }

    /// Whether the service graph was refused: an unknown name, a cycle, no services at all.
    #[must_use]
    pub fn is_graph(&self) -> bool {
        self.is::<GraphError>()
    }
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for Error {
    fn from(error: E) -> Self {
        Error(error.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        if f.alternate() {
            self.causes().try_for_each(|cause| write!(f, ": {cause}"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        self.causes().try_for_each(|cause| write!(f, "\n  caused by: {cause}"))
    }
}

/// Returned from a method: leave it by the path of an error, but say nothing.
///
/// The service goes where its manager sends it after a failure; nothing is logged above DEBUG.
/// It is recognised however deeply it is wrapped.
///
/// ```
/// use rxd::{Context, LifecycleDone};
///
/// async fn poll_once(cx: &Context, jobs: &mut Vec<u32>) -> rxd::Result {
///     let Some(job) = jobs.pop() else {
///         return Err(LifecycleDone.into()); // come round, and look again; nothing is wrong
///     };
///     # let _ = (cx, job);
///     Ok(())
/// }
/// # let _ = poll_once;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifecycleDone;

impl fmt::Display for LifecycleDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lifecycle done")
    }
}

impl StdError for LifecycleDone {}

/// Returned from a method that was told to leave: there is nothing wrong.
///
/// Only the service's own token counts as being told. Returned from a method that was not, it is
/// an error like any other.
///
/// ```
/// use rxd::{Cancelled, Context};
///
/// async fn fetch(cx: &Context) -> rxd::Result<u32> {
///     tokio::select! {
///         answer = async { 42 } => Ok(answer),
///         () = cx.cancelled() => Err(Cancelled.into()), // `?` all the way out of `run`
///     }
/// }
/// # let _ = fetch;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled")
    }
}

impl StdError for Cancelled {}

/// Whether an error says no more than that somebody was told to stop: [`Cancelled`] or
/// [`LifecycleDone`], however deeply wrapped. A missed deadline is not that.
#[must_use]
pub fn is_cancelled(error: &Error) -> bool {
    error.is::<Cancelled>() || error.is::<LifecycleDone>()
}

/// A service graph that could not work.
#[derive(Debug)]
pub(crate) struct GraphError(pub(crate) Vec<String>);

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl StdError for GraphError {}
