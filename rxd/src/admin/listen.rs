//! The socket of the admin route: bound, or an error that says why not.
//!
//! [`Listener::bind`] is called once before the daemon starts, and again every few seconds while an
//! optional listener could not be bound. It never blocks.
//!
//! # Invariants of a Unix socket
//!
//! 1. Of several processes that start on one path at once, one listens; the others get an error.
//!    Each holds a lock beside the path while it looks and binds.
//! 2. A socket on which a process listens is never replaced, also while its backlog is full.
//! 3. Nobody but the owner (and root) can ever connect, whatever the umask: the socket is bound in a
//!    directory of mode 0700, gets mode 0600 there, and is then renamed to its place.
//! 4. What a crash leaves behind (lock, directory, socket) hinders no later start.

use super::config::Address;
use crate::error::Error;
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use std::ffi::OsStr;
use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, UnixListener, UnixStream};

/// What follows the socket's path in that of the lock, and of the directory in which it is bound.
const LOCK: &str = ".lock";
const HIDDEN: &str = ".new";

/// The socket's name in that directory: a path may have 108 bytes only.
const SOCKET: &str = "s";

/// A bound listener.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    /// The file goes first: as long as the socket listens, no other process puts its own in the file's place.
    Unix(SocketFile, UnixListener),
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
            Address::Unix(path) => bind_unix(path).await,
        };
        bound.map_err(|error| {
            let advice = match error.kind() {
                io::ErrorKind::AddrInUse => "\nhelp: another process listens there; stop it, or choose another address",
                io::ErrorKind::InvalidInput => "\nhelp: choose a shorter path: a socket's may have about 90 bytes",
                io::ErrorKind::PermissionDenied => "\nhelp: choose an address that this user may listen on",
                io::ErrorKind::NotFound => "\nhelp: create the names, or choose another path",
                _ => "",
            };
            Error::with_cause(format!("failed to listen on {address} for the admin route: {error}{advice}"), error)
        })
    }

    pub(crate) fn address(&self) -> io::Result<Address> {
        match self {
            Listener::Tcp(tcp) => tcp.local_addr().map(Address::Tcp),
            Listener::Unix(file, _) => Ok(Address::Unix(file.path.clone())),
        }
    }
}

async fn bind_unix(path: &Path) -> io::Result<Listener> {
    // Too long a path is an error before anything is made there.
    SocketAddr::from_pathname(beside(path, HIDDEN).join(SOCKET))?;
    let _lock = Lock::take(path)?;
    refuse_unless_stale(path).await?;
    // Dropped before the lock is: another process makes a directory of the same name.
    let hidden = Hidden::make(path)?;
    let listener = hidden.bind()?;
    std::fs::rename(&hidden.socket, path)?;
    let id = identity(path)?;
    Ok(Listener::Unix(SocketFile { path: path.to_owned(), id }, listener))
}

/// An error, unless nothing is there or a socket on which no process listens any more.
async fn refuse_unless_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => {}
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file there that is no socket")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    // tokio connects without blocking. The standard library would wait, for ever, for room in a full backlog.
    match UnixStream::connect(path).await {
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Ok(()),
            // The backlog is full: a process listens there, and does not accept.
            io::ErrorKind::WouldBlock => Err(io::ErrorKind::AddrInUse.into()),
            // Another user's, as a rule: not ours to replace.
            _ => Err(error),
        },
    }
}

fn beside(path: &Path, suffix: impl AsRef<OsStr>) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Held by the one process that is about to listen on a path. The kernel releases it with the process.
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    fn take(socket: &Path) -> io::Result<Lock> {
        let path = beside(socket, LOCK);
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        loop {
            let file = File::from(rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR)?);
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                // Its holder is about to listen, or has found that another process does.
                Err(rustix::io::Errno::WOULDBLOCK) => return Err(io::ErrorKind::AddrInUse.into()),
                Err(error) => return Err(error.into()),
            }
            // Its last holder may have removed it between the opening and the locking.
            let held = file.metadata()?;
            if identity(&path).is_ok_and(|id| id == (held.dev(), held.ino())) {
                return Ok(Lock { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is held: no other process has locked this file, and who opened it looks again.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A directory that only its owner can enter, with a socket that is about to be moved out of it.
struct Hidden {
    names: PathBuf,
    socket: PathBuf,
}

impl Hidden {
    /// The caller holds the lock: what is there already was left by a crash.
    fn make(path: &Path) -> io::Result<Hidden> {
        let names = beside(path, HIDDEN);
        let hidden = Hidden { socket: names.join(SOCKET), names };
        hidden.remove();
        DirBuilder::new().mode(0o700).create(&hidden.names)?;
        Ok(hidden)
    }

    fn bind(&self) -> io::Result<UnixListener> {
        let listener = UnixListener::bind(&self.socket)?;
        std::fs::set_permissions(&self.socket, Permissions::from_mode(0o600))?;
        Ok(listener)
    }

    fn remove(&self) {
        let _ = std::fs::remove_file(&self.socket);
        let _ = std::fs::remove_dir(&self.names);
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        self.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    #[test]
    fn q_lock_taken_and_removed_by_many_threads_has_one_holder_at_a_time() {
        let socket = std::env::temp_dir().join(format!("rxd-lock-{}", std::process::id()));
        let (held, taken) = (AtomicBool::new(false), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5000 {
                        let Ok(_lock) = Lock::take(&socket) else { continue };
                        assert!(!held.swap(true, Ordering::SeqCst), "it has two holders");
                        taken.fetch_add(1, Ordering::Relaxed);
                        std::thread::yield_now();
                        held.store(false, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(taken.load(Ordering::Relaxed) > 0);
        assert!(!beside(&socket, LOCK).exists());
    }
}
