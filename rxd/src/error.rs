//! The one error type.

use std::error::Error as StdError;
use std::fmt;

/// `Result` with [`Error`] as its error, and `()` as what it is mostly about.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// What a service's methods and the daemon fail with.
///
/// Anything that is an error, or a text, becomes one with `?` or `.into()`. For that to be
/// possible it does not implement [`std::error::Error`] itself; [`as_std`](Error::as_std) and
/// [`into_std`](Error::into_std) lead there.
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
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for Error {
    fn from(error: E) -> Self {
        Error(error.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What `main` prints when it returns one: the message, and what caused it.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, "\n  caused by: {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
