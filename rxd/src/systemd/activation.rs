//! Sockets and other descriptors that systemd opened or kept, as this process takes them over.
//!
//! `main` calls [`Sockets::take`] before there is a runtime; the daemon knows nothing of it. The
//! functions are `#[inline]`, so only a program that takes sockets compiles them.

use crate::error::Error;
use std::fmt;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::sync::atomic::{AtomicBool, Ordering};

/// The descriptors that were passed to this process, by name: `FileDescriptorName=` of a socket
/// unit, or the name under which [`store`](super::store()) kept one over a restart.
///
/// Take them first in `main`, before there is a runtime, and hand each to its service:
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
/// Descriptors that were not asked for are closed when this value is dropped. All are closed on
/// exec, so children inherit none. The variables stay in the environment, since changing it is not
/// safe once there may be threads; their `LISTEN_PID` keeps a child from taking them for its own.
#[derive(Default)]
pub struct Sockets(Vec<(String, OwnedFd)>);

/// Whether [`Sockets::take`] has succeeded before: a descriptor must have one owner.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

impl Sockets {
    /// Takes the descriptors that `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES` name: none, if
    /// the variables are not set or are for another process.
    ///
    /// Call it once, and before anything else in the process opens or closes a file: it trusts the
    /// numbers that the variables give. Nothing else in the process may take the descriptors.
    ///
    /// # Errors
    ///
    /// If a variable is malformed, if a descriptor is not open, or if they were taken before.
    #[inline]
    pub fn take() -> Result<Sockets, Error> {
        let failed = |error: &dyn fmt::Display| {
            Err(Error::msg(format_args!("failed to take the file descriptors that systemd passed: {error}")))
        };
        // Checks that each is open, and sets close-on-exec.
        match sd_notify::listen_fds() {
            Err(error) => return failed(&error),
            Ok(fds) if fds.len() == 0 => return Ok(Sockets::default()),
            Ok(_) => {}
        }
        if IS_TAKEN.swap(true, Ordering::AcqRel) {
            return failed(&"`Sockets::take` was called before in this process");
        }
        match sd_listen_fds::get() {
            Ok(fds) => {
                Ok(Sockets(fds.into_iter().map(|(name, fd)| (name.unwrap_or_default(), fd.into_std())).collect()))
            }
            Err(error) => failed(&error),
        }
    }

    /// The first descriptor of this name, of whatever type.
    #[inline]
    pub fn fd(&mut self, name: &str) -> Option<OwnedFd> {
        let at = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.remove(at).1)
    }

    /// Every descriptor of this name, in the order in which they were passed.
    #[inline]
    pub fn fds(&mut self, name: &str) -> Vec<OwnedFd> {
        let (mine, others) = std::mem::take(&mut self.0).into_iter().partition(|(other, _)| other == name);
        self.0 = others;
        let mine: Vec<(String, OwnedFd)> = mine;
        mine.into_iter().map(|(_, fd)| fd).collect()
    }

    /// The names of the descriptors that were not asked for yet.
    #[inline]
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The first descriptor of this name as a TCP listener, non-blocking as tokio's
    /// `TcpListener::from_std` needs it. `None` if there is no such name.
    ///
    /// # Errors
    ///
    /// If it is not a socket with an internet address.
    #[inline]
    pub fn tcp_listener(&mut self, name: &str) -> Result<Option<TcpListener>, Error> {
        self.socket(name, "a TCP listener", |socket: &TcpListener| {
            socket.local_addr().and_then(|_| socket.set_nonblocking(true))
        })
    }

    /// As [`tcp_listener`](Sockets::tcp_listener), for a listener on a Unix socket.
    ///
    /// # Errors
    ///
    /// If it is not a Unix socket.
    #[inline]
    pub fn unix_listener(&mut self, name: &str) -> Result<Option<UnixListener>, Error> {
        self.socket(name, "a listener on a Unix socket", |socket: &UnixListener| {
            socket.local_addr().and_then(|_| socket.set_nonblocking(true))
        })
    }

    /// As [`tcp_listener`](Sockets::tcp_listener), for a UDP socket.
    ///
    /// # Errors
    ///
    /// If it is not a socket with an internet address.
    #[inline]
    pub fn udp_socket(&mut self, name: &str) -> Result<Option<UdpSocket>, Error> {
        self.socket(name, "a UDP socket", |socket: &UdpSocket| {
            socket.local_addr().and_then(|_| socket.set_nonblocking(true))
        })
    }

    /// As [`tcp_listener`](Sockets::tcp_listener), for a socket of Unix datagrams.
    ///
    /// # Errors
    ///
    /// If it is not a Unix socket.
    #[inline]
    pub fn unix_datagram(&mut self, name: &str) -> Result<Option<UnixDatagram>, Error> {
        self.socket(name, "a Unix datagram socket", |socket: &UnixDatagram| {
            socket.local_addr().and_then(|_| socket.set_nonblocking(true))
        })
    }

    #[inline]
    fn socket<S: From<OwnedFd>>(
        &mut self,
        name: &str,
        expected: &str,
        prepare: impl FnOnce(&S) -> std::io::Result<()>,
    ) -> Result<Option<S>, Error> {
        let Some(fd) = self.fd(name) else { return Ok(None) };
        let socket = S::from(fd);
        prepare(&socket).map_err(|error| {
            Error::msg(format_args!("file descriptor `{name}` has the wrong type, expected {expected}: {error}"))
        })?;
        Ok(Some(socket))
    }
}

impl fmt::Debug for Sockets {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
