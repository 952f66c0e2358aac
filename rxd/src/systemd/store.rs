//! Descriptors that outlive a restart of the process: systemd keeps them meanwhile.
//!
//! Services call [`store`] and [`forget`] themselves; the daemon knows nothing of it.
//! `sd_notify::notify_with_fds` is not used: its socket blocks, and it knows no abstract names.

use super::address::{NotifyAddress, socket};
use sendfd::SendWithFd;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, AsRawFd};

/// Makes systemd keep a copy of a descriptor, and pass it to this process after its next restart.
/// [`Sockets`](super::Sockets) then holds it under this name.
///
/// The unit needs `FileDescriptorStoreMax=` ([`Unit::fd_store`](super::Unit::fd_store)).
///
/// * Returns at once, without an answer from systemd. `Ok(false)`: there is no service manager.
/// * A name may be stored several times; [`forget`] removes all of them.
/// * A descriptor that was passed to this process is still stored, and need not be stored again.
/// * A pipe or socket whose other end is closed is kept too.
///
/// # Errors
///
/// If the name is empty, is longer than 255 bytes, or contains a `:` or a character that is not
/// printable ASCII; or if systemd cannot be reached at this moment.
///
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// let listener = std::net::TcpListener::bind("127.0.0.1:8000")?;
/// rxd::systemd::store("api", &listener)?;
/// # Ok(())
/// # }
/// ```
pub fn store(name: &str, fd: impl AsFd) -> Result<bool> {
    check_name(name)?;
    // Without FDPOLL=0 systemd drops a descriptor once its other end is closed.
    send(&format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0"), &[fd.as_fd().as_raw_fd()])
}

/// Makes systemd close every descriptor that it [keeps](store) under this name.
///
/// # Errors
///
/// As for [`store`].
pub fn forget(name: &str) -> Result<bool> {
    check_name(name)?;
    send(&format!("FDSTOREREMOVE=1\nFDNAME={name}"), &[])
}

/// By sd_notify(3), `FDNAME=`: up to 255 ASCII characters, no control characters and no `:`.
fn check_name(name: &str) -> Result<()> {
    let fits = !name.is_empty() && name.len() <= 255;
    if fits && name.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b':') {
        return Ok(());
    }
    let text = format!("invalid descriptor name {name:?}: expected 1 to 255 printable ASCII characters without `:`");
    Err(Error::new(ErrorKind::InvalidInput, text))
}

fn send(message: &str, fds: &[i32]) -> Result<bool> {
    let address = match NotifyAddress::from_env() {
        None => return Ok(false),
        Some(Ok(address)) => address,
        Some(Err(error)) => return Err(Error::new(ErrorKind::InvalidInput, error.to_string())),
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
    fn descriptor_name_that_could_inject_an_assignment_is_refused() {
        for name in ["", "a:b", "a\nSTOPPING=1", "ä", &"a".repeat(256)] {
            assert_eq!(check_name(name).unwrap_err().kind(), ErrorKind::InvalidInput, "{name:?}");
        }
        assert!(check_name("api-listener").is_ok());
    }
}
