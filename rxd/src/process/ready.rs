//! When a process is ready.

use super::output::Findings;
use super::work::ChildWork;
use crate::error::AnyError;
use crate::escape;
use crate::platform::ChildNotifySocket;
use crate::probe::{Http, Tcp};
use crate::race::{Winner, race};
use crate::service::context::Context;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long a process that need only be there has to exit at once.
const SETTLE: Duration = Duration::from_millis(100);

/// The pause between two checks: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// The limit of one check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);

/// The limit of the check before the start, of an address that nothing should answer at.
const TAKEN_TIMEOUT: Duration = Duration::from_secs(1);

/// A longer status text of a process is cut.
const MAX_STATUS_BYTES: usize = 256;

/// When a process is ready, so that its service enters Run. See [`Process`](super::Process::ready).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready(pub(super) ReadyWhen);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReadyWhen {
    Spawned,
    Tcp(Tcp, Cow<'static, str>),
    Http(Http, Cow<'static, str>),
    Line(String),
    Notify,
}

impl Ready {
    /// As soon as it has been started, and has not failed within 100 ms. The default.
    #[must_use]
    pub const fn spawned() -> Self {
        Ready(ReadyWhen::Spawned)
    }

    /// Once it accepts connections at this port of `127.0.0.1`.
    #[must_use]
    pub fn port(port: u16) -> Self {
        Ready::tcp(format!("127.0.0.1:{port}"))
    }

    /// Once it accepts connections at this host and port: `"[::1]:6379"`.
    #[must_use]
    pub fn tcp(address: impl Into<Cow<'static, str>>) -> Self {
        let address = address.into();
        Ready(ReadyWhen::Tcp(Tcp::new(address.clone()), address))
    }

    /// Once a GET request to this URL is answered with a status from 200 to 299:
    /// `"http://127.0.0.1:8080/healthz"`. HTTP/1.1 without TLS.
    #[must_use]
    pub fn http(url: impl Into<Cow<'static, str>>) -> Self {
        let url = url.into();
        Ready(ReadyWhen::Http(Http::new(url.clone()), url))
    }

    /// Once it has written a line that contains this text, to an output that is recorded.
    #[must_use]
    pub fn line(text: impl Into<String>) -> Self {
        Ready(ReadyWhen::Line(text.into()))
    }

    /// Once it sends `READY=1` to the socket in its variable `NOTIFY_SOCKET`, as services of systemd
    /// with `Type=notify` do. A `STATUS=` that it sends is the [status](crate::Context::status) of
    /// the service. Unix only; elsewhere `init` fails.
    #[must_use]
    pub const fn notify() -> Self {
        Ready(ReadyWhen::Notify)
    }

    /// What is waited for, as an error says it.
    pub(super) fn target(&self) -> String {
        match &self.0 {
            ReadyWhen::Spawned => "its start".to_owned(),
            ReadyWhen::Tcp(_, address) => format!("a connection to {address}"),
            ReadyWhen::Http(_, url) => format!("an answer of {url}"),
            ReadyWhen::Line(text) => format!("the line `{}`", escape::one_line(text)),
            ReadyWhen::Notify => "READY=1 from it".to_owned(),
        }
    }

    async fn check(&self) -> Result<(), String> {
        let check = async {
            match &self.0 {
                ReadyWhen::Tcp(tcp, _) => tcp.check().await,
                ReadyWhen::Http(http, _) => http.check().await,
                ReadyWhen::Spawned | ReadyWhen::Line(_) | ReadyWhen::Notify => Ok(()),
            }
        };
        timeout(CHECK_TIMEOUT, check).await.unwrap_or_else(|_| Err(format!("no answer within {CHECK_TIMEOUT:?}")))
    }

    /// Refuses to start a process whose address another one answers at: it would count as ready.
    pub(super) async fn refuse_taken(&self, program: &str) -> Result<(), AnyError> {
        let (ReadyWhen::Tcp(_, address) | ReadyWhen::Http(_, address)) = &self.0 else { return Ok(()) };
        match timeout(TAKEN_TIMEOUT, self.check()).await {
            Ok(Ok(())) => Err(AnyError::msg(format_args!(
                "`{program}` was not started: something answers at {address} already; if it is another process, stop that one, or have both use different ports"
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses what can never be, before the process is started.
    pub(super) fn refuse_impossible(&self, program: &str) -> Result<(), AnyError> {
        let fault = match &self.0 {
            ReadyWhen::Http(http, url) => http.fault().map(|fault| format!("`{url}` is {fault}")),
            ReadyWhen::Tcp(_, address) if !address.contains(':') => {
                Some(format!("`{address}` has no port; write `127.0.0.1:6379`"))
            }
            ReadyWhen::Line(text) if text.contains(['\n', '\r']) => {
                Some(format!("no line contains `{}`; leave out the line end", text.escape_debug()))
            }
            _ => None,
        };
        match fault {
            Some(fault) => {
                Err(AnyError::msg(format_args!("`{program}` was not started: its `ready` cannot come: {fault}")))
            }
            None => Ok(()),
        }
    }

    /// Waits until the process is ready. `cause` is set to why it is not, and so is the status text.
    pub(super) async fn wait(&self, cx: &Context, findings: &Findings, cause: &mut String) {
        if !matches!(self.0, ReadyWhen::Spawned | ReadyWhen::Notify) {
            cx.status(format!("waits for {}", self.target()));
        }
        match &self.0 {
            ReadyWhen::Spawned => sleep(SETTLE).await,
            ReadyWhen::Line(_) | ReadyWhen::Notify => findings.is_ready.notified().await,
            ReadyWhen::Tcp(..) | ReadyWhen::Http(..) => {
                let mut pause = PAUSE.0;
                while let Err(error) = self.check().await {
                    cx.status(format!("waits for {}: {error}", self.target()));
                    *cause = error;
                    sleep(pause).await;
                    pause = (2 * pause).min(PAUSE.1);
                }
            }
        }
    }
}

/// Reads what a process says about its state.
pub(super) struct NotifyReader {
    pub(super) socket: ChildNotifySocket,
    pub(super) findings: Arc<Findings>,
}

impl ChildWork for NotifyReader {
    async fn work(self, cx: Context) -> Option<Self> {
        let mut message = [0; 4096];
        loop {
            let count = match race(cx.cancelled(), self.socket.recv(&mut message)).await {
                Winner::First(()) => return Some(self),
                Winner::Second(Ok(count)) => count,
                Winner::Second(Err(_)) => return None,
            };
            for line in String::from_utf8_lossy(&message[..count]).lines() {
                if line == "READY=1" {
                    self.findings.is_ready.notify_one();
                } else if let Some(status) = line.strip_prefix("STATUS=") {
                    let mut status = status.to_owned();
                    escape::cut(&mut status, MAX_STATUS_BYTES);
                    cx.status(status);
                }
            }
            // A process that sends without end delays no other task.
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn process_says_its_status_and_that_it_is_ready() {
        let (cx, findings) = (Context::detached("child"), Arc::<Findings>::default());
        let socket = ChildNotifySocket::bind(None).unwrap();
        let path = socket.path().to_owned();
        let sender = std::os::unix::net::UnixDatagram::unbound().unwrap();
        let reader = tokio::spawn(NotifyReader { socket, findings: findings.clone() }.work(cx.clone()));
        let say = |message: &[u8]| assert_eq!(sender.send_to(message, &path).unwrap(), message.len());
        say(b"EXTEND_TIMEOUT_USEC=1\nREADY=0\nSTATUS=\xff warms up");
        say(b"READY=1");
        timeout(Duration::from_secs(10), findings.is_ready.notified()).await.unwrap();
        assert_eq!(&*cx.core().status_texts(1)[0].1, "\u{fffd} warms up");
        cx.token().cancel();
        assert!(reader.await.unwrap().is_some(), "it can be continued");
        assert!(!path.exists() && !path.parent().unwrap().exists(), "nothing is left");
    }
}
