//! Descriptors that outlive a restart: the service manager keeps them meanwhile.

use super::address::{NotifyAddress, socket};
use sendfd::SendWithFd;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, AsRawFd};

/// Has the service manager keep a copy of a descriptor, and pass it to the next incarnation of
/// this process, where [`Sockets`](super::Sockets) has it by this name.
///
/// It takes `FileDescriptorStoreMax=` in the unit ([`Unit::fd_store`](super::Unit::fd_store)). A
/// name may be stored several times; [`forget`] drops all of them. A pipe or socket whose other
/// end is closed is kept too; what was passed to this process still is, and need not be stored
/// again. Returns at once, without having waited for an answer; that there is
/// no service manager is not an error, and the answer is then false.
///
/// # Errors
///
/// If the name is empty, longer than 255 bytes, or has a character in it that is a `:`, not
/// printable or not ASCII; or if the service manager cannot be reached at this moment.
///
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// let listener = std::net::TcpListener::bind("127.0.0.1:8000")?;
/// rxd::systemd::store("api", &listener)?;
/// # Ok(())
/// # }
/// ```
pub fn store(name: &str, fd: impl AsFd) -> Result<bool> {
    check(name)?;
    // Without FDPOLL=0 a descriptor that hangs up is dropped.
    send(&format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0"), &[fd.as_fd().as_raw_fd()])
}

/// Has the service manager close what it [keeps](store) by this name.
///
/// # Errors
///
/// As for [`store`].
pub fn forget(name: &str) -> Result<bool> {
    check(name)?;
    send(&format!("FDSTOREREMOVE=1\nFDNAME={name}"), &[])
}

fn check(name: &str) -> Result<()> {
    let fits = !name.is_empty() && name.len() <= 255;
    if fits && name.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b':') {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidInput, format!("{name:?} cannot be the name of a stored descriptor")))
}

fn send(message: &str, fds: &[i32]) -> Result<bool> {
    let address = match NotifyAddress::from_env() {
        None => return Ok(false),
        Some(Ok(address)) => address,
        Some(Err(unusable)) => return Err(Error::new(ErrorKind::InvalidInput, unusable.to_string())),
    };
    let socket = socket()?;
    if fds.is_empty() {
        address.send(&socket, message)?;
    } else {
        address.connect(&socket)?;
        socket.send_with_fd(message.as_bytes(), fds)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_injects_nothing() {
        for name in ["", "a:b", "a\nSTOPPING=1", "ä", &"a".repeat(256)] {
            assert_eq!(check(name).unwrap_err().kind(), ErrorKind::InvalidInput, "{name:?}");
        }
        assert!(check("api-listener").is_ok());
    }
}
