//! Where systemd listens: `NOTIFY_SOCKET`, and the datagram socket that sends there.
//!
//! This is for `notify`, which sends over one socket for as long as the daemon runs, and for
//! `store`. `sd_notify::notify` is not used: it knows no abstract names, and its socket blocks.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The address of a socket that can be sent to.
#[derive(Clone, Debug)]
pub(crate) struct NotifyAddress(SocketAddr);

/// Why `NOTIFY_SOCKET` cannot be used, and what it may be.
#[derive(Debug)]
pub(crate) struct AddressError(String);

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl NotifyAddress {
    /// The value of `NOTIFY_SOCKET`; `None` if it is not set.
    pub(crate) fn from_env() -> Option<Result<NotifyAddress, AddressError>> {
        std::env::var_os("NOTIFY_SOCKET").map(|value| NotifyAddress::parse(&value))
    }

    /// Reads an absolute path, or `@` and an abstract name.
    ///
    /// sd_notify(3) also knows `vsock:`, by which a virtual machine reports to its host. That is
    /// not supported.
    pub(crate) fn parse(value: &OsStr) -> Result<NotifyAddress, AddressError> {
        let unusable = |why: String| {
            AddressError(format!(
                "NOTIFY_SOCKET is {value:?}: {why}; expected an absolute path, or `@` and an abstract name"
            ))
        };
        let bytes = value.as_bytes();
        match bytes.first() {
            None => Err(unusable("it is empty".into())),
            Some(b'@') => abstract_name(&bytes[1..]).map(NotifyAddress).map_err(|error| unusable(error.to_string())),
            Some(b'/') => {
                SocketAddr::from_pathname(value).map(NotifyAddress).map_err(|error| unusable(error.to_string()))
            }
            Some(_) if bytes.starts_with(b"vsock") => Err(unusable("vsock addresses are not supported".into())),
            Some(_) => Err(unusable("it is a relative path".into())),
        }
    }

    /// Sends one datagram. The path is looked up each time, so a socket that was removed and made
    /// anew is found.
    pub(crate) fn send(&self, socket: &UnixDatagram, message: &str) -> io::Result<()> {
        socket.send_to_addr(message.as_bytes(), &self.0).map(drop)
    }

    /// Connects the socket, to send what only a connected socket can: a datagram with descriptors.
    #[cfg(feature = "fd-store")]
    pub(crate) fn connect(&self, socket: &UnixDatagram) -> io::Result<()> {
        socket.connect_addr(&self.0)
    }
}

/// A socket that never blocks.
pub(crate) fn socket() -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(target_os = "linux")]
fn abstract_name(name: &[u8]) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_name(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "abstract names are supported on Linux only"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(value: &str) -> String {
        NotifyAddress::parse(OsStr::new(value)).unwrap_err().to_string()
    }

    #[test]
    fn f83_address_that_cannot_be_sent_to_is_refused_with_the_reason() {
        assert!(refused("").contains("empty"));
        assert!(refused("run/notify").contains("relative path"));
        assert!(refused("vsock:2:1234").contains("vsock addresses"));
        let long = format!("/{}", "a".repeat(200));
        assert!(refused(&long).contains("must be shorter than"), "{}", refused(&long));
        assert!(NotifyAddress::parse(OsStr::new("/run/\0notify")).is_err());
    }

    #[test]
    fn path_and_abstract_name_are_accepted() {
        assert!(NotifyAddress::parse(OsStr::new("/run/systemd/notify")).is_ok());
        #[cfg(target_os = "linux")]
        assert!(NotifyAddress::parse(OsStr::new("@notify")).is_ok());
    }
}
