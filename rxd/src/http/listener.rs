//! A listening socket: bound, or an error that says why not; and the connections that it accepts.
//!
//! Nothing here blocks.

use super::address::Address;
use crate::error::Error;
#[cfg(feature = "systemd")]
use crate::platform::PassedLocal;
use crate::platform::{LocalListener, LocalStream};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// A bound listener.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Local(LocalListener),
}

impl Listener {
    /// `purpose` follows the address in the error: ` for the admin route`.
    ///
    /// # Errors
    ///
    /// If the address is in use, or may not be used.
    pub(crate) async fn bind(address: &Address, purpose: &str) -> Result<Listener, Error> {
        let bound = match address {
            Address::Tcp(tcp) => TcpListener::bind(tcp).await.map(Listener::Tcp),
            Address::Unix(path) => LocalListener::bind(path).await.map(Listener::Local),
        };
        bound.map_err(|error| {
            let advice = match error.kind() {
                io::ErrorKind::AddrInUse => "\nhelp: another process listens there; stop it, or choose another address",
                io::ErrorKind::AddrNotAvailable => {
                    "\nhelp: no interface of this machine has that address; choose one that it has, or 0.0.0.0 for all"
                }
                io::ErrorKind::InvalidInput => "\nhelp: choose a shorter path: about 90 bytes are allowed",
                io::ErrorKind::PermissionDenied => "\nhelp: choose an address that this user may listen on",
                io::ErrorKind::NotFound => "\nhelp: create the directory, or choose another path",
                _ => "",
            };
            Error::with_cause(format!("failed to listen on {address}{purpose}: {error}{advice}"), error)
        })
    }

    pub(crate) fn address(&self) -> io::Result<Address> {
        match self {
            Listener::Tcp(tcp) => tcp.local_addr().map(Address::Tcp),
            Listener::Local(local) => Ok(Address::Unix(local.path().to_owned())),
        }
    }

    pub(super) fn poll_accept(&self, task: &mut Context<'_>) -> Poll<io::Result<ClientStream>> {
        match self {
            Listener::Tcp(tcp) => tcp.poll_accept(task).map_ok(|(stream, peer)| ClientStream::Tcp(stream, peer)),
            Listener::Local(local) => local.poll_accept(task).map_ok(ClientStream::Local),
        }
    }

    /// Closes the listener, and returns the connections that were waiting in it.
    ///
    /// tokio's `accept` would see only those of which its driver has been notified.
    pub(super) fn into_waiting(self) -> Box<dyn Iterator<Item = ClientStream> + Send> {
        match self {
            Listener::Tcp(tcp) => {
                let Ok(tcp) = tcp.into_std() else { return Box::new(std::iter::empty()) };
                Box::new(std::iter::from_fn(move || {
                    let (stream, peer) = loop {
                        match tcp.accept() {
                            Ok(accepted) => break accepted,
                            Err(error) if has_left(&error) => {}
                            Err(_) => return None,
                        }
                    };
                    stream.set_nonblocking(true).ok()?;
                    Some(ClientStream::Tcp(TcpStream::from_std(stream).ok()?, peer))
                }))
            }
            Listener::Local(local) => Box::new(local.into_waiting().map(ClientStream::Local)),
        }
    }
}

/// Whether an accept has failed because its client has left.
pub(super) fn has_left(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// A listener that another process has opened, and passed to this one.
#[cfg(feature = "systemd")]
#[derive(Debug)]
#[allow(dead_code, reason = "only Unix has one")]
pub(crate) enum PassedListener {
    Tcp(std::net::TcpListener),
    Local(PassedLocal),
}

#[cfg(feature = "systemd")]
impl PassedListener {
    /// Another descriptor of the same socket. When it is closed, the socket goes on listening.
    ///
    /// # Errors
    ///
    /// If there are no more descriptors.
    pub(super) fn listener(&self) -> io::Result<Listener> {
        match self {
            PassedListener::Tcp(tcp) => TcpListener::from_std(tcp.try_clone()?).map(Listener::Tcp),
            PassedListener::Local(local) => local.listener().map(Listener::Local),
        }
    }
}

/// A client's connection.
#[derive(Debug)]
pub(crate) enum ClientStream {
    /// With the client's address.
    Tcp(TcpStream, SocketAddr),
    Local(LocalStream),
}

impl ClientStream {
    /// The client's address, if it has one.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        match self {
            ClientStream::Tcp(_, peer) => Some(*peer),
            ClientStream::Local(_) => None,
        }
    }

    /// Sends small answers at once. If that fails, they are sent a little later.
    pub(super) fn set_no_delay(&self) {
        if let ClientStream::Tcp(stream, _) = self {
            let _ = stream.set_nodelay(true);
        }
    }
}

/// Calls a method of the stream, whichever it is.
macro_rules! either {
    ($stream:expr, $method:ident($($argument:expr),*)) => {
        match $stream.get_mut() {
            ClientStream::Tcp(stream, _) => Pin::new(stream).$method($($argument),*),
            ClientStream::Local(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for ClientStream {
    fn poll_read(self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_read(task, buffer))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, poll_write(task, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, poll_write_vectored(task, parts))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_flush(task))
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_shutdown(task))
    }
}
