//! The two error types: [`Error`], which rxd returns, and [`AnyError`], which methods return.
//!
//! One type cannot be both. [`Error`] implements [`std::error::Error`], so `?` carries it into any
//! `main`. [`AnyError`] is made by `?` from any error, and therefore cannot implement that trait.
//!
//! [`MethodFailure`] is what the engine keeps of an [`AnyError`]. Formatting, inspecting and
//! dropping an error all run user code, so the engine does each once, where a panic is caught and
//! no lock is held.

use crate::panic;
use std::error::Error as StdError;
use std::fmt::{self, Write};

/// The result of a service's methods, and of a `main` if you like: `Ok(())`, or any error.
///
/// rxd itself returns [`Error`]; `?` converts it.
pub type Result<T = (), E = AnyError> = std::result::Result<T, E>;

/// Any error, for a service's method to return.
///
/// `?` and `.into()` make one from every error type, from `anyhow::Error` and `eyre::Report`, from
/// [`Error`], and from a text:
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
/// Because everything converts into it, it does not implement [`std::error::Error`] itself. To get
/// a type that does, call [`as_std`](AnyError::as_std) or [`into_std`](AnyError::into_std).
///
/// `{}` prints the message, `{:#}` the message and its causes on one line. `{:?}`, which a `main`
/// that returns one prints, puts each cause on a separate line.
pub struct AnyError(Box<dyn StdError + Send + Sync>);

impl AnyError {
    /// Makes an error from a text.
    pub fn msg(message: impl fmt::Display) -> Self {
        AnyError(message.to_string().into())
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

    /// Whether it is an `E`, or was caused by one.
    #[must_use]
    pub fn is<E: StdError + 'static>(&self) -> bool {
        self.find::<E>().is_some()
    }

    /// The `E` that it is, or was caused by.
    #[must_use]
    pub fn find<E: StdError + 'static>(&self) -> Option<&E> {
        find(&*self.0)
    }
}

/// How many causes of an error are followed: a chain may lead back to itself.
const MAX_CAUSES: usize = 32;

/// Writes an error and its causes, each once. A message that quotes its cause stands for both.
fn write_chain(to: &mut dyn Write, error: &(dyn StdError + 'static), between: &str) -> fmt::Result {
    let (mut last, mut next) = (None::<String>, Some(error));
    for _ in 0..=MAX_CAUSES {
        let Some(error) = next else { break };
        let mut text = String::new();
        let written = write!(text, "{error}");
        let is_new = last.as_ref().is_none_or(|last| !last.ends_with(&text));
        if is_new {
            to.write_str(if last.is_none() { "" } else { between })?;
            to.write_str(&text)?;
        }
        written?;
        last = Some(text);
        // Last, since `source` is user code and may panic: what was written until then is kept.
        next = error.source();
    }
    Ok(())
}

/// Looks for an `E` among an error and its causes, also the causes that an [`Error`] keeps.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    find_where(error, &|error| error.is::<E>()).and_then(|error| error.downcast_ref())
}

fn find_where<'a>(
    error: &'a (dyn StdError + 'static),
    is_it: &dyn Fn(&(dyn StdError + 'static)) -> bool,
) -> Option<&'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    for _ in 0..=MAX_CAUSES {
        let error = next?;
        if is_it(error) {
            return Some(error);
        }
        let kept = error.downcast_ref::<Error>().and_then(|error| error.0.cause.as_deref());
        if let Some(found) = kept.and_then(|cause| find_where(cause, is_it)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for AnyError {
    fn from(error: E) -> Self {
        AnyError(error.into())
    }
}

impl fmt::Display for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { write_chain(f, &*self.0, ": ") } else { write!(f, "{}", self.0) }
    }
}

impl fmt::Debug for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        write_chain(&mut text, &*self.0, "\n  caused by: ")?;
        write!(f, "{}", crate::escape::error_lines(&text))
    }
}

/// The error of rxd's own functions: [`run`](crate::Daemon::run), [`start`](crate::Daemon::start),
/// [`wait_for`](crate::DaemonHandle::wait_for), `log::init` and the methods of a
/// [`DaemonHandle`](crate::DaemonHandle).
///
/// It is a [`std::error::Error`], so `?` carries it into a `main` that returns
/// [`rxd::Result`](Result), `anyhow::Result<()>`, `eyre::Result<()>` or `Result<(), Box<dyn
/// Error>>`, and `#[from] rxd::Error` into an enum of your own.
///
/// `{}` and `{:?}` print the whole text, with every cause. Therefore
/// [`source`](std::error::Error::source) is `None`: a program that prints the sources too would
/// print them twice. To get at a cause, call [`find`](Error::find).
///
/// ```
/// # use rxd::Daemon;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let error = Daemon::new("empty").start().await.unwrap_err();
/// assert!(error.is_graph());
/// assert_eq!(error.rule(), Some("no-services"));
/// # }
/// ```
pub struct Error(Box<ErrorBody>);

struct ErrorBody {
    /// Formatted once, when the error was made, so that printing it runs no user code.
    text: String,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Makes an error from a text.
    pub(crate) fn msg(message: impl fmt::Display) -> Self {
        Error(Box::new(ErrorBody { text: message.to_string(), cause: None }))
    }

    /// Makes an error with this text, which already contains that of the cause.
    pub(crate) fn with_cause(text: String, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Error(Box::new(ErrorBody { text, cause: Some(cause.into()) }))
    }

    /// Whether an `E` caused it.
    #[must_use]
    pub fn is<E: StdError + 'static>(&self) -> bool {
        self.find::<E>().is_some()
    }

    /// The `E` that caused it: a [`WaitError`](crate::WaitError), a [`Report`](crate::Report), an
    /// [`io::Error`](std::io::Error), or the error of a prestart stage.
    #[must_use]
    pub fn find<E: StdError + 'static>(&self) -> Option<&E> {
        self.0.cause.as_deref().and_then(|cause| find(cause))
    }

    /// Whether the check refused the daemon: for its service graph (an unknown name, a cycle, no
    /// services at all), or for an option with an invalid value.
    #[must_use]
    pub fn is_graph(&self) -> bool {
        self.is::<GraphError>()
    }

    /// The rule that the service graph violates, as the [table of rules](crate::graph#rules) names
    /// it: `"duplicate-name"`, `"cycle"`. If there are several, the first. `None` if only options
    /// are invalid.
    #[must_use]
    pub fn rule(&self) -> Option<&'static str> {
        self.find::<GraphError>()?.rule
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

/// As `main` prints it. The text may come from anywhere, so what could forge a line is escaped.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", crate::escape::error_lines(&self.0.text))
    }
}

impl StdError for Error {}

/// What the engine keeps of a method's error: its text, and whether it is logged.
#[derive(Debug)]
pub(crate) struct MethodFailure {
    /// The message and all its causes, on one line.
    pub(crate) text: String,
    /// Whether the error was a [`LifecycleDone`].
    pub(crate) is_done: bool,
    /// Whether [`is_cancelled`] is true of the error.
    pub(crate) is_cancelled: bool,
}

impl MethodFailure {
    /// A failure that rxd itself has detected.
    pub(crate) fn msg(text: impl fmt::Display) -> Self {
        MethodFailure { text: text.to_string(), is_done: false, is_cancelled: false }
    }

    /// Formats, inspects and drops an error. Each may panic; the text then says so.
    pub(crate) fn of(error: AnyError) -> Self {
        let text = text_of(&error);
        let kinds = panic::catch(|| (error.is::<LifecycleDone>(), is_cancelled(&error)));
        let (is_done, is_cancelled) = kinds.unwrap_or_default();
        let mut failure = MethodFailure { text, is_done, is_cancelled };
        if let Err(caught) = panic::catch(|| drop(error)) {
            let _ = write!(failure.text, " (and dropping the error panicked: {caught})");
        }
        failure
    }
}

/// A longer text of an error is cut: it is kept for each service, and shown in many places.
const MAX_TEXT_BYTES: usize = 8 << 10;

/// The text of an error and its causes, even if its `Display` fails or panics.
pub(crate) fn text_of(error: &AnyError) -> String {
    let mut text = String::new();
    let written = panic::catch(|| write_chain(&mut text, &*error.0, ": "));
    crate::escape::cut(&mut text, MAX_TEXT_BYTES);
    match written {
        Ok(Ok(())) => text,
        Ok(Err(fmt::Error)) => incomplete(text, "its Display returned an error"),
        Err(caught) => incomplete(text, &format!("printing it panicked: {caught}")),
    }
}

fn incomplete(text: String, why: &str) -> String {
    match &*text {
        "" => format!("an error that cannot be printed: {why}"),
        text => format!("{text} (incomplete: {why})"),
    }
}

/// To leave a method like a failed one, but without an error in the log, return this.
///
/// The service goes where its manager sends it after a failure; nothing is logged above DEBUG. rxd
/// recognises it however deeply it is wrapped.
///
/// ```
/// use rxd::{Context, LifecycleDone};
///
/// async fn poll_once(cx: &Context, jobs: &mut Vec<u32>) -> rxd::Result {
///     let Some(job) = jobs.pop() else {
///         return Err(LifecycleDone.into()); // restart, and look again; nothing is wrong
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

/// To leave a method because it was cancelled, return this: it is not a failure.
///
/// Only the service's own context counts as its cancellation. From a method that was not cancelled,
/// it is an error like any other.
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

/// Whether an error only says that the service was cancelled.
///
/// True for [`Cancelled`], [`LifecycleDone`], a watch that its context ended
/// ([`WatchEnded::Cancelled`](crate::WatchEnded::Cancelled)), and a wait for a topic that its
/// context ended, however deeply wrapped. A deadline that was exceeded is not a cancellation.
#[must_use]
pub fn is_cancelled(error: &AnyError) -> bool {
    #[cfg(feature = "intracom")]
    if error.find::<crate::intracom::TopicError>().is_some_and(crate::intracom::TopicError::is_cancelled) {
        return true;
    }
    error.is::<Cancelled>() || error.is::<LifecycleDone>()
}

/// All faults of a service graph and of the options.
#[derive(Debug)]
pub(crate) struct GraphError {
    /// The first rule that the graph violates; `None` if only options are invalid.
    pub(crate) rule: Option<&'static str>,
    pub(crate) faults: Vec<String>,
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.faults.join("\n"))
    }
}

impl StdError for GraphError {}

impl From<GraphError> for Error {
    fn from(error: GraphError) -> Self {
        Error::with_cause(error.to_string(), error)
    }
}
