//! The socket: bound, or a clear word why not.

use super::config::Address;
use crate::error::Error;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, UnixListener};

/// A bound listener.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// A socket's file, removed with it, unless somebody else's has taken its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|id| id == self.id) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let meta = std::fs::symlink_metadata(path)?;
    Ok((meta.dev(), meta.ino()))
}

impl Listener {
    /// # Errors
    ///
    /// If the address is in use, or may not be used.
    pub(crate) async fn bind(address: &Address) -> Result<Listener, Error> {
        let bound = match address {
            Address::Tcp(tcp) => TcpListener::bind(tcp).await.map(Listener::Tcp),
            Address::Unix(path) => bind_unix(path),
        };
        bound.map_err(|error| {
            let advice = match error.kind() {
                io::ErrorKind::AddrInUse => "\nhelp: another process listens there; stop it, or choose another address",
                io::ErrorKind::InvalidInput => "\nhelp: choose a shorter path: a socket's may have about 90 bytes",
                io::ErrorKind::PermissionDenied => "\nhelp: choose an address that this user may listen on",
                _ => "",
            };
            Error::with_cause(format!("failed to listen on {address} for the admin route: {error}{advice}"), error)
        })
    }

    pub(crate) fn address(&self) -> io::Result<Address> {
        match self {
            Listener::Tcp(tcp) => tcp.local_addr().map(Address::Tcp),
            Listener::Unix(_, file) => Ok(Address::Unix(file.path.clone())),
        }
    }
}

/// Binds the socket where nobody can see it, readable for its owner only, and moves it to its place:
/// at no instant can anybody else connect, and one that is stale is replaced in one step.
fn bind_unix(path: &Path) -> io::Result<Listener> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if !meta.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file there that is no socket"));
        }
        Ok(_) => {
            // Whoever answers lives; a stale one refuses.
            match std::os::unix::net::UnixStream::connect(path) {
                Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // Somebody else's, or one whose queue is full: not ours to replace.
                Err(error) => return Err(error),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut hidden = path.as_os_str().to_owned();
    hidden.push(format!(".{}", std::process::id()));
    let hidden = PathBuf::from(hidden);
    let _ = std::fs::remove_file(&hidden);
    let listener = UnixListener::bind(&hidden)?;
    let placed = std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(0o600))
        .and_then(|()| std::fs::rename(&hidden, path))
        .and_then(|()| identity(path));
    match placed {
        Ok(id) => Ok(Listener::Unix(listener, SocketFile { path: path.to_owned(), id })),
        Err(error) => {
            let _ = std::fs::remove_file(&hidden);
            Err(error)
        }
    }
}
