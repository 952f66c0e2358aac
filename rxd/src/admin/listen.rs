//! The socket of the admin route: bound, or an error that says why not.
//!
//! [`AdminListener::bind`] is called once before the daemon starts, and again every few seconds
//! while an optional listener could not be bound. It never blocks.

use super::config::Address;
use crate::error::Error;
use crate::platform::{LocalListener, LocalStream};
use std::io;
use tokio::net::{TcpListener, TcpStream};

/// A bound listener.
#[derive(Debug)]
pub(crate) enum AdminListener {
    Tcp(TcpListener),
    Unix(LocalListener),
}

/// A client's connection.
pub(crate) enum ClientStream {
    Tcp(TcpStream),
    Unix(LocalStream),
}

impl AdminListener {
    /// # Errors
    ///
    /// If the address is in use, or may not be used.
    pub(crate) async fn bind(address: &Address) -> Result<AdminListener, Error> {
        let bound = match address {
            Address::Tcp(tcp) => TcpListener::bind(tcp).await.map(AdminListener::Tcp),
            Address::Unix(path) => LocalListener::bind(path).await.map(AdminListener::Unix),
        };
        bound.map_err(|error| {
            let advice = match error.kind() {
                io::ErrorKind::AddrInUse => "\nhelp: another process listens there; stop it, or choose another address",
                io::ErrorKind::InvalidInput => "\nhelp: choose a shorter path: about 90 bytes are allowed",
                io::ErrorKind::PermissionDenied => "\nhelp: choose an address that this user may listen on",
                io::ErrorKind::NotFound => "\nhelp: create the directory, or choose another path",
                _ => "",
            };
            Error::with_cause(format!("failed to listen on {address} for the admin route: {error}{advice}"), error)
        })
    }

    pub(crate) fn address(&self) -> io::Result<Address> {
        match self {
            AdminListener::Tcp(tcp) => tcp.local_addr().map(Address::Tcp),
            AdminListener::Unix(unix) => Ok(Address::Unix(unix.path().to_owned())),
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<ClientStream> {
        match self {
            AdminListener::Tcp(tcp) => tcp.accept().await.map(|(stream, _)| ClientStream::Tcp(stream)),
            AdminListener::Unix(unix) => unix.accept().await.map(ClientStream::Unix),
        }
    }
}
