//! Windows: the events of its console stand for signals, and there is no journal and no Unix socket.

use super::Signal;
use crate::sync::Mutex;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown,
};

/// No event asks for a reload.
pub(crate) const HANGUP: Option<Signal> = None;

/// The signals that a process may have been started to ignore: none.
pub(crate) const SENT_BY_TERMINAL: &[Signal] = &[];

/// The signals with the words of `signals(..)`.
pub(crate) const SIGNAL_KEYS: &[(Signal, &str)] = &[(Signal::INTERRUPT, "interrupt"), (Signal::TERMINATE, "terminate")];

/// The name of a signal, as on Unix.
pub(crate) fn signal_name(number: i32) -> Option<&'static str> {
    match Signal::from_raw(number) {
        Signal::INTERRUPT => Some("SIGINT"),
        Signal::TERMINATE => Some("SIGTERM"),
        _ => None,
    }
}

/// Receives the events that a signal stands for until it is dropped. While nothing receives an
/// event, Windows ends the process at it.
///
/// Windows ends the process a few seconds after the console was closed, the user has logged off, or
/// the system shuts down, whatever the process does.
#[derive(Debug)]
pub(crate) enum SignalStream {
    Interrupt(CtrlC),
    Terminate(CtrlBreak, CtrlClose, CtrlLogoff, CtrlShutdown),
}

impl SignalStream {
    pub(crate) fn poll_recv(&mut self, task: &mut Context<'_>) -> Poll<Option<()>> {
        match self {
            SignalStream::Interrupt(interrupt) => interrupt.poll_recv(task),
            // All are polled, so each has the waker.
            SignalStream::Terminate(one, two, three, four) => {
                let polled = [one.poll_recv(task), two.poll_recv(task), three.poll_recv(task), four.poll_recv(task)];
                polled.into_iter().find(Poll::is_ready).unwrap_or(Poll::Pending)
            }
        }
    }
}

/// # Errors
///
/// If no event stands for the signal.
pub(crate) fn listen(to: Signal) -> io::Result<SignalStream> {
    match to {
        Signal::INTERRUPT => ctrl_c().map(SignalStream::Interrupt),
        Signal::TERMINATE => {
            Ok(SignalStream::Terminate(ctrl_break()?, ctrl_close()?, ctrl_logoff()?, ctrl_shutdown()?))
        }
        _ => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "Windows has no such signal\nhelp: write `Signal::INTERRUPT` or `Signal::TERMINATE`",
        )),
    }
}

/// A call that does nothing, and panics if the tokio runtime has no IO driver. Signals need none
/// here, but a listener does.
pub(crate) fn call_io_driver() {
    #[cfg(feature = "admin")]
    if let Ok(socket) = std::net::UdpSocket::bind(("127.0.0.1", 0)) {
        if socket.set_nonblocking(true).is_ok() {
            drop(tokio::net::UdpSocket::from_std(socket));
        }
    }
}

/// The ignored signals of this process.
pub(crate) fn ignored_signals() -> u64 {
    0
}

/// Whether a hangup would say that the terminal is gone.
pub(crate) fn has_terminal() -> bool {
    false
}

/// No event can be blocked.
pub(crate) fn deliver_blocked(_: &[Signal]) {}

/// Ends the process at once.
pub(crate) fn exit(status: i32) -> ! {
    std::process::exit(status)
}

/// While it lives, a signal ends the process with a status, whatever other threads do.
///
/// The thread `rxd-signals` does that, which is started with the first of these. It takes no lock
/// but that of [`EXITS`].
#[derive(Debug)]
pub(crate) struct ExitAtSignal(u64);

#[derive(Debug)]
struct ExitEvent {
    id: u64,
    stream: SignalStream,
    status: i32,
}

static EXITS: LazyLock<Mutex<Vec<ExitEvent>>> = LazyLock::new(Mutex::default);

/// Wakes the thread that waits for the events of [`EXITS`]; `None` if it could not be started.
static EXIT_THREAD: LazyLock<Option<Waker>> = LazyLock::new(|| {
    let thread = std::thread::Builder::new().name("rxd-signals".into()).spawn(|| {
        let waker = waker_of(std::thread::current());
        loop {
            let mut task = Context::from_waker(&waker);
            let exit_with = EXITS
                .lock()
                .iter_mut()
                .find_map(|event| event.stream.poll_recv(&mut task).is_ready().then_some(event.status));
            if let Some(status) = exit_with {
                exit(status);
            }
            std::thread::park();
        }
    });
    thread.ok().map(|thread| waker_of(thread.thread().clone()))
});

fn waker_of(thread: Thread) -> Waker {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    Waker::from(Arc::new(Unpark(thread)))
}

impl ExitAtSignal {
    /// `None` if no event stands for the signal. Only an event that comes after this call ends the
    /// process.
    pub(crate) fn new(signal: Signal, status: i32) -> Option<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Without the thread Windows itself ends the process, with a status of its own.
        let thread = EXIT_THREAD.as_ref()?;
        let (id, stream) = (NEXT.fetch_add(1, Ordering::Relaxed), listen(signal).ok()?);
        EXITS.lock().push(ExitEvent { id, stream, status });
        thread.wake_by_ref();
        Some(ExitAtSignal(id))
    }
}

impl Drop for ExitAtSignal {
    fn drop(&mut self) {
        EXITS.lock().retain(|event| event.id != self.0);
    }
}

#[cfg(feature = "log")]
pub(crate) use log::{CAN_TELL_FILES, leads_to, stderr, stderr_is_journal, stdout};

#[cfg(feature = "log")]
mod log {
    use std::fs::File;
    use std::io::{self, IsTerminal, Write};
    use std::os::windows::io::AsHandle;
    use std::path::Path;

    /// Standard output, for a thread that writes whole lines.
    ///
    /// * A console gets them by the standard library, which translates UTF-8 for it.
    /// * A file or a pipe gets them under a handle of its own, so that one that is blocked stops no
    ///   `println!`.
    pub(crate) fn stdout() -> io::Result<Box<dyn Write + Send>> {
        if io::stdout().is_terminal() { Ok(Box::new(io::stdout())) } else { duplicate(&io::stdout()) }
    }

    /// As [`stdout`], for standard error.
    pub(crate) fn stderr() -> io::Result<Box<dyn Write + Send>> {
        if io::stderr().is_terminal() { Ok(Box::new(io::stderr())) } else { duplicate(&io::stderr()) }
    }

    fn duplicate(of: &impl AsHandle) -> io::Result<Box<dyn Write + Send>> {
        Ok(Box::new(File::from(of.as_handle().try_clone_to_owned()?)))
    }

    /// There is no journal.
    pub(crate) fn stderr_is_journal() -> bool {
        false
    }

    /// Whether [`leads_to`] has an answer. The standard library cannot tell, so a log file is opened
    /// for each batch of records.
    pub(crate) const CAN_TELL_FILES: bool = false;

    /// Whether the path leads to this open file.
    pub(crate) fn leads_to(_: &Path, _: &File) -> bool {
        false
    }
}

#[cfg(feature = "journald")]
pub(crate) use journal::JournalSocket;

#[cfg(feature = "journald")]
mod journal {
    use std::convert::Infallible;
    use std::io;
    use std::path::Path;

    /// A socket of the journal, which never exists.
    pub(crate) struct JournalSocket(Infallible);

    impl JournalSocket {
        /// # Errors
        ///
        /// Always.
        pub(crate) fn new() -> io::Result<Self> {
            Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "Windows has no journal\nhelp: leave out `journald()` there",
            ))
        }

        pub(crate) fn send(&mut self, _: &[u8], _: &Path) -> io::Result<()> {
            match self.0 {}
        }
    }
}

#[cfg(all(feature = "axum", feature = "systemd"))]
pub(crate) use local::PassedLocal;
#[cfg(feature = "axum")]
pub(crate) use local::{LocalListener, LocalStream};
#[cfg(feature = "admin")]
pub(crate) use local::{NO_UNIX_SOCKETS, open_file_limit};

#[cfg(feature = "axum")]
#[cfg_attr(not(feature = "admin"), allow(dead_code, reason = "the admin route asks for it"))]
mod local {
    use std::convert::Infallible;
    use std::io;
    use std::path::Path;
    use std::task::{Context, Poll};

    /// Why there are no Unix sockets here; `None`: there are.
    pub(crate) const NO_UNIX_SOCKETS: Option<&str> = Some("Unix sockets are not supported on Windows");

    /// Stands for the stream that no listener here accepts.
    pub(crate) use tokio::net::TcpStream as LocalStream;

    /// A listener on a Unix socket, which never exists.
    #[derive(Debug)]
    pub(crate) struct LocalListener(Infallible);

    impl LocalListener {
        /// # Errors
        ///
        /// Always.
        pub(crate) async fn bind(_: &Path) -> io::Result<Self> {
            Err(io::Error::new(io::ErrorKind::Unsupported, NO_UNIX_SOCKETS.unwrap_or_default()))
        }

        pub(crate) fn poll_accept(&self, _: &mut Context<'_>) -> Poll<io::Result<LocalStream>> {
            match self.0 {}
        }

        pub(crate) fn into_waiting(self) -> std::iter::Empty<LocalStream> {
            match self.0 {}
        }

        pub(crate) fn path(&self) -> &Path {
            match self.0 {}
        }
    }

    /// A listener that another process has passed, which never exists.
    #[cfg(feature = "systemd")]
    #[derive(Debug)]
    pub(crate) struct PassedLocal(Infallible);

    #[cfg(feature = "systemd")]
    impl PassedLocal {
        pub(crate) fn listener(&self) -> io::Result<LocalListener> {
            match self.0 {}
        }
    }

    /// How many files this process may open: no limit that can be asked for.
    pub(crate) fn open_file_limit() -> Option<u64> {
        None
    }
}

/// A child process. What it has started itself is not killed with it: that needs a job object.
#[cfg(feature = "probe")]
#[derive(Debug)]
pub(crate) struct ChildGroup;

#[cfg(feature = "probe")]
impl ChildGroup {
    pub(crate) fn prepare(_: &mut tokio::process::Command) {}

    pub(crate) fn of(_: &tokio::process::Child) -> Self {
        ChildGroup
    }

    pub(crate) fn has_ended(&mut self) {}
}

/// As [`ChildGroup`]: only the child itself is ended, and at once.
#[cfg(feature = "process")]
pub(crate) use child::{ChildNotifySocket, ChildProcess, reap_orphans};

#[cfg(feature = "process")]
mod child {
    use super::super::{ChildExit, Signal};
    use std::convert::Infallible;
    use std::io;
    use std::path::Path;
    use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

    /// A child process, without those that it has started itself: that needs a job object.
    #[derive(Debug)]
    pub(crate) struct ChildProcess(Child);

    impl ChildProcess {
        /// # Errors
        ///
        /// Always.
        pub(crate) fn set_user(_: &mut Command, _: u32, _: u32) -> io::Result<()> {
            Err(io::Error::new(io::ErrorKind::Unsupported, "Windows has no numbers of users; leave out `user` there"))
        }

        pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
            command.kill_on_drop(true).spawn().map(ChildProcess)
        }

        pub(crate) fn id(&self) -> i32 {
            self.0.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default()
        }

        pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
            self.0.stdin.take()
        }

        pub(crate) fn take_stdout(&mut self) -> Option<ChildStdout> {
            self.0.stdout.take()
        }

        pub(crate) fn take_stderr(&mut self) -> Option<ChildStderr> {
            self.0.stderr.take()
        }

        pub(crate) async fn exited(&mut self) -> ChildExit {
            let status = self.0.wait().await.ok().and_then(|status| status.code());
            status.map_or(ChildExit::Unknown, ChildExit::Status)
        }

        /// # Errors
        ///
        /// Always.
        pub(crate) fn signal(&mut self, _: Signal) -> io::Result<()> {
            Err(io::Error::new(io::ErrorKind::Unsupported, "Windows has no signals"))
        }

        /// Ends the child, whatever the signal: none could be sent.
        pub(crate) fn signal_group(&mut self, _: Signal) -> io::Result<()> {
            self.kill_group()
        }

        pub(crate) fn kill_group(&mut self) -> io::Result<()> {
            match self.0.try_wait() {
                Ok(Some(_)) => Ok(()),
                _ => self.0.start_kill(),
            }
        }

        pub(crate) fn has_others(&mut self) -> bool {
            false
        }

        pub(crate) async fn group_ended(&mut self) {
            self.exited().await;
        }
    }

    /// A socket for the state of a child, which never exists.
    #[derive(Debug)]
    pub(crate) struct ChildNotifySocket(Infallible);

    impl ChildNotifySocket {
        /// # Errors
        ///
        /// Always.
        pub(crate) fn bind(_: Option<(u32, u32)>) -> io::Result<Self> {
            Err(io::Error::new(io::ErrorKind::Unsupported, "Windows has no such sockets; use another `Ready` there"))
        }

        pub(crate) fn path(&self) -> &Path {
            match self.0 {}
        }

        pub(crate) async fn recv(&self, _: &mut [u8]) -> io::Result<usize> {
            match self.0 {}
        }
    }

    /// A process of Windows has no orphans.
    pub(crate) async fn reap_orphans() {}
}
