//! Contexts of a part of a service, which may be cancelled before the rest.

use crate::lifecycle::cancel_cause::CancelCause;
use crate::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// What a context has of its own if it is not the service's: a reload's, a child, or one that
/// another token cancels too.
#[derive(Debug)]
pub(crate) struct Part {
    token: CancellationToken,
    /// `api/worker`, for a child; the name of an added service; otherwise the name of what is above it applies.
    path: Option<Box<str>>,
    above: Option<Arc<Part>>,
    is_of_reload: bool,
    is_name: bool,
    /// The number of the cause for which the engine has cancelled it; zero if it has not.
    cause: AtomicU8,
    /// Another token that cancels this part, and the task that then cancels the part's own.
    other: Option<(CancellationToken, AbortHandle)>,
    /// A clone of the token was handed out, and may be in use for longer than this part.
    is_handed_out: AtomicBool,
}

impl Part {
    fn new(token: CancellationToken, above: Option<Arc<Part>>) -> Self {
        let (cause, is_handed_out) = (AtomicU8::new(0), AtomicBool::new(false));
        Part { token, path: None, above, is_of_reload: false, is_name: false, cause, other: None, is_handed_out }
    }

    /// Only the name of a service: everything else is as without a part.
    pub(crate) fn name(name: &str) -> Self {
        let mut part = Part::new(CancellationToken::new(), None);
        (part.path, part.is_name) = (Some(name.into()), true);
        part
    }

    pub(crate) fn of_reload(token: CancellationToken, above: Option<Arc<Part>>) -> Self {
        let mut part = Part::new(token, above);
        part.is_of_reload = true;
        part
    }

    pub(crate) fn child(token: CancellationToken, path: String, above: Option<Arc<Part>>) -> Self {
        let mut part = Part::new(token, above);
        part.path = Some(path.into());
        part
    }

    /// A part that `other` cancels, too. The forwarder cancels `token` then, for those who wait for
    /// it.
    pub(crate) fn with_other(
        token: CancellationToken,
        other: CancellationToken,
        forwarder: AbortHandle,
        above: Option<Arc<Part>>,
    ) -> Self {
        let mut part = Part::new(token, above);
        part.other = Some((other, forwarder));
        part
    }

    /// This part, and those above it.
    fn chain(&self) -> impl Iterator<Item = &Part> {
        std::iter::successors(Some(self), |part| part.above.as_deref())
    }

    pub(crate) fn path(&self) -> Option<&str> {
        self.chain().find_map(|part| part.path.as_deref())
    }

    pub(crate) fn is_of_reload(&self) -> bool {
        self.chain().any(|part| part.is_of_reload)
    }

    pub(crate) fn is_name(&self) -> bool {
        self.is_name
    }

    pub(crate) fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// A clone of the token, which may be in use for longer than this part.
    pub(crate) fn hand_out_token(&self) -> CancellationToken {
        self.chain().for_each(|part| part.is_handed_out.store(true, Ordering::Relaxed));
        self.token.clone()
    }

    /// Whether it is cancelled, also if a forwarder has not run yet.
    pub(crate) fn is_cancelled(&self) -> bool {
        let other = |part: &Part| part.other.as_ref().is_some_and(|(other, _)| other.is_cancelled());
        self.token.is_cancelled() || self.chain().any(other)
    }

    /// Cancels the part, on behalf of the engine.
    pub(crate) fn cancel(&self, cause: CancelCause) {
        let _ = self.cause.compare_exchange(0, cause as u8, Ordering::Release, Ordering::Relaxed);
        panic::ignore(|| self.token.cancel());
    }

    /// The cause for which the engine has cancelled this part, or one above it.
    pub(crate) fn cause(&self) -> Option<CancelCause> {
        self.chain().find_map(|part| CancelCause::of_number(part.cause.load(Ordering::Acquire)))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_handed_out.load(Ordering::Relaxed) {
            self.other.iter().for_each(|(_, forwarder)| forwarder.abort());
        }
    }
}
