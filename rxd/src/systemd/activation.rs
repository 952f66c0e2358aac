//! Sockets, and other descriptors, that the service manager opened or kept.

use crate::error::Error;
use std::fmt;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::sync::atomic::{AtomicBool, Ordering};

/// The descriptors that were passed to this process, by name: `FileDescriptorName=` of a socket
/// unit, or the name under which [`store`](super::store) kept one over a restart.
///
/// Take them first thing in `main`, before there is a runtime, and hand each to the service it is
/// for:
///
/// ```no_run
/// use rxd::systemd::Sockets;
/// # struct Api { listener: Option<std::net::TcpListener> }
/// # impl rxd::Runner for Api {
/// #     async fn run(&mut self, cx: &rxd::Context) -> rxd::Result { Ok(()) }
/// # }
///
/// fn main() -> rxd::Result {
///     let mut sockets = Sockets::take()?;
///     let api = Api { listener: sockets.tcp_listener("api")? };
///     let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
///     runtime.block_on(rxd::Daemon::new("agent").add(rxd::Service::new("api", api)).run())?;
///     Ok(())
/// }
/// ```
///
/// Once taken they belong to this value: those that nobody asked it for are closed with it. They
/// are closed on exec, so a child inherits none. The variables stay in the environment, since to
/// change that is not safe once there may be threads; `LISTEN_PID` in them keeps a child from
/// taking them for its own.
#[derive(Default)]
pub struct Sockets(Vec<(String, OwnedFd)>);

/// A descriptor must have one owner.
static TAKEN: AtomicBool = AtomicBool::new(false);

impl Sockets {
    /// Takes what `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES` say was passed: nothing, if they
    /// are not set or are meant for another process.
    ///
    /// Call it once, and before anything else in the process opens or closes a file: it trusts
    /// what the environment says about numbers. Nothing else in the process may take them as well.
    ///
    /// # Errors
    ///
    /// If what they say is malformed or not so, or if the descriptors have been taken before.
    pub fn take() -> Result<Sockets, Error> {
        let failed = |error: &dyn fmt::Display| {
            Err(Error::msg(format_args!("failed to take the sockets that were passed: {error}")))
        };
        // Checks that each is open, and has it closed on exec.
        match sd_notify::listen_fds() {
            Err(error) => return failed(&error),
            Ok(fds) if fds.len() == 0 => return Ok(Sockets::default()),
            Ok(_) => {}
        }
        if TAKEN.swap(true, Ordering::AcqRel) {
            return failed(&"they have been taken before");
        }
        match sd_listen_fds::get() {
            Ok(fds) => {
                Ok(Sockets(fds.into_iter().map(|(name, fd)| (name.unwrap_or_default(), fd.into_std())).collect()))
            }
            Err(error) => failed(&error),
        }
    }

    /// The first descriptor of this name, whatever it is.
    pub fn fd(&mut self, name: &str) -> Option<OwnedFd> {
        let at = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.remove(at).1)
    }

    /// Every descriptor of this name, in the order they were passed.
    pub fn fds(&mut self, name: &str) -> Vec<OwnedFd> {
        let (mine, others) = std::mem::take(&mut self.0).into_iter().partition(|(other, _)| other == name);
        self.0 = others;
        let mine: Vec<(String, OwnedFd)> = mine;
        mine.into_iter().map(|(_, fd)| fd).collect()
    }

    /// The names of what has not been asked for yet.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The first socket of this name as a listener for TCP, in the mode that tokio's
    /// `TcpListener::from_std` asks for; none if there is no such name.
    ///
    /// # Errors
    ///
    /// If it is not a socket that has an internet address.
    pub fn tcp_listener(&mut self, name: &str) -> Result<Option<TcpListener>, Error> {
        self.socket(name, |socket: &TcpListener| socket.local_addr().and_then(|_| socket.set_nonblocking(true)))
    }

    /// The first socket of this name as a listener on a Unix socket, likewise.
    ///
    /// # Errors
    ///
    /// If it is not a Unix socket.
    pub fn unix_listener(&mut self, name: &str) -> Result<Option<UnixListener>, Error> {
        self.socket(name, |socket: &UnixListener| socket.local_addr().and_then(|_| socket.set_nonblocking(true)))
    }

    /// The first socket of this name as one for UDP, likewise.
    ///
    /// # Errors
    ///
    /// If it is not a socket that has an internet address.
    pub fn udp_socket(&mut self, name: &str) -> Result<Option<UdpSocket>, Error> {
        self.socket(name, |socket: &UdpSocket| socket.local_addr().and_then(|_| socket.set_nonblocking(true)))
    }

    /// The first socket of this name as one for Unix datagrams, likewise.
    ///
    /// # Errors
    ///
    /// If it is not a Unix socket.
    pub fn unix_datagram(&mut self, name: &str) -> Result<Option<UnixDatagram>, Error> {
        self.socket(name, |socket: &UnixDatagram| socket.local_addr().and_then(|_| socket.set_nonblocking(true)))
    }

    fn socket<S: From<OwnedFd>>(
        &mut self,
        name: &str,
        prepare: impl FnOnce(&S) -> std::io::Result<()>,
    ) -> Result<Option<S>, Error> {
        let Some(fd) = self.fd(name) else { return Ok(None) };
        let socket = S::from(fd);
        prepare(&socket).map_err(|error| {
            Error::msg(format_args!("what was passed as `{name}` is another kind of thing: {error}"))
        })?;
        Ok(Some(socket))
    }
}

impl fmt::Debug for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
