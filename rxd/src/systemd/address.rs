//! Where the service manager listens: `NOTIFY_SOCKET`.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// A socket that can be sent to.
#[derive(Clone, Debug)]
pub(crate) struct NotifyAddress(SocketAddr);

/// Why the variable names no socket that can be sent to.
#[derive(Debug)]
pub(crate) struct Unusable(String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl NotifyAddress {
    /// What `NOTIFY_SOCKET` says; none if it is not set.
    pub(crate) fn from_env() -> Option<Result<NotifyAddress, Unusable>> {
        std::env::var_os("NOTIFY_SOCKET").map(|value| NotifyAddress::parse(&value))
    }

    /// An absolute path, or `@` and an abstract name. What sd_notify(3) also knows, `vsock:`, is
    /// for virtual machines that report to their host.
    pub(crate) fn parse(value: &OsStr) -> Result<NotifyAddress, Unusable> {
        let unusable = |why: String| Unusable(format!("NOTIFY_SOCKET is {value:?}: {why}"));
        let bytes = value.as_bytes();
        match bytes.first() {
            None => Err(unusable("it is empty".into())),
            Some(b'@') => abstract_name(&bytes[1..]).map(NotifyAddress).map_err(|error| unusable(error.to_string())),
            Some(b'/') => {
                SocketAddr::from_pathname(value).map(NotifyAddress).map_err(|error| unusable(error.to_string()))
            }
            Some(_) if bytes.starts_with(b"vsock") => {
                Err(unusable("sockets of a virtual machine are not spoken".into()))
            }
            Some(_) => Err(unusable("it is neither an absolute path nor an abstract name".into())),
        }
    }

    /// Sends one datagram; the name is looked up anew, so a socket that was made anew is found.
    pub(crate) fn send(&self, socket: &UnixDatagram, message: &str) -> io::Result<()> {
        socket.send_to_addr(message.as_bytes(), &self.0).map(drop)
    }

    /// For what cannot be sent to an address: a socket that is connected.
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
    Err(io::Error::new(io::ErrorKind::Unsupported, "abstract names are known to Linux only"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(value: &str) -> String {
        NotifyAddress::parse(OsStr::new(value)).unwrap_err().to_string()
    }

    #[test]
    fn f83_what_cannot_be_sent_to_is_refused_with_the_reason() {
        assert!(refused("").contains("empty"));
        assert!(refused("run/notify").contains("neither an absolute path"));
        assert!(refused("vsock:2:1234").contains("virtual machine"));
        let long = format!("/{}", "a".repeat(200));
        assert!(refused(&long).contains("must be shorter than"), "{}", refused(&long));
        assert!(NotifyAddress::parse(OsStr::new("/run/\0notify")).is_err());
    }

    #[test]
    fn a_path_and_an_abstract_name_are_taken() {
        assert!(NotifyAddress::parse(OsStr::new("/run/systemd/notify")).is_ok());
        #[cfg(target_os = "linux")]
        assert!(NotifyAddress::parse(OsStr::new("@notify")).is_ok());
    }
}
