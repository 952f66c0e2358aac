//! A listener on a Unix socket that only its owner can connect to.
//!
//! # Invariants
//!
//! 1. Of several processes that start on one path at once, one listens; the others get an error.
//!    Each holds a lock beside the path while it looks and binds.
//! 2. A socket on which a process listens is never replaced, also while its backlog is full.
//! 3. At no instant can anyone but the owner (and root) connect, whatever the umask: the socket is
//!    bound in a directory of mode 0700, gets mode 0600 there, and is then renamed to its place.
//! 4. What a crash leaves behind (lock, directory, socket) does not prevent a later start.

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use std::ffi::OsStr;
use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};
use tokio::net::{UnixListener, UnixStream};

/// The lock's path is the socket's with this suffix.
const LOCK_SUFFIX: &str = ".lock";

/// The path of the directory in which the socket is bound is the socket's with this suffix.
const DIRECTORY_SUFFIX: &str = ".new";

/// The socket's name in that directory. It is short, since the path of a socket has at most 108
/// bytes.
const SOCKET_NAME: &str = "s";

/// A bound listener.
///
/// The fields drop in order: the file is removed while the socket still listens, and until then no
/// other process puts its own socket in the file's place.
#[derive(Debug)]
pub(crate) struct LocalListener(SocketFile, UnixListener);

/// A listener that another process has bound, and passed to this one.
#[cfg(feature = "systemd")]
#[derive(Debug)]
pub(crate) struct PassedLocal(std::os::unix::net::UnixListener);

#[cfg(feature = "systemd")]
impl PassedLocal {
    /// `listener` does not block.
    pub(crate) fn new(listener: std::os::unix::net::UnixListener) -> Self {
        PassedLocal(listener)
    }

    /// Another descriptor of the same socket. Its file is left to the process that has bound it.
    ///
    /// # Errors
    ///
    /// If there are no more descriptors.
    pub(crate) fn listener(&self) -> io::Result<LocalListener> {
        let address = self.0.local_addr()?;
        let path = address.as_pathname().unwrap_or(Path::new("unnamed")).to_owned();
        let listener = UnixListener::from_std(self.0.try_clone()?)?;
        Ok(LocalListener(SocketFile { path, id: None }, listener))
    }
}

impl LocalListener {
    /// # Errors
    ///
    /// If the path is in use, or may not be used.
    pub(crate) async fn bind(path: &Path) -> io::Result<Self> {
        // A path that is too long is refused before anything is created there.
        SocketAddr::from_pathname(beside(path, DIRECTORY_SUFFIX).join(SOCKET_NAME))?;
        let _lock = PathLock::take(path)?;
        refuse_unless_stale(path).await?;
        // Dropped before the lock: the next holder creates a directory of the same name.
        let private = PrivateDirectory::create(path)?;
        let listener = private.bind()?;
        std::fs::rename(&private.socket, path)?;
        let id = identity(path)?;
        Ok(LocalListener(SocketFile { path: path.to_owned(), id: Some(id) }, listener))
    }

    pub(crate) fn poll_accept(&self, task: &mut Context<'_>) -> Poll<io::Result<UnixStream>> {
        self.1.poll_accept(task).map_ok(|(stream, _)| stream)
    }

    /// Closes the listener, and returns the connections that were waiting in it.
    pub(crate) fn into_waiting(self) -> impl Iterator<Item = UnixStream> + Send {
        let LocalListener(file, listener) = self;
        let listener = listener.into_std().ok();
        std::iter::from_fn(move || {
            // The file is removed with the listener, not before.
            let _file = &file;
            let (stream, _) = listener.as_ref()?.accept().ok()?;
            stream.set_nonblocking(true).ok()?;
            UnixStream::from_std(stream).ok()
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }
}

/// A socket's file. It is removed on drop, unless another file has taken its place, or another
/// process has made it.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    id: Option<(u64, u64)>,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.id.is_some_and(|own| identity(&self.path).is_ok_and(|id| id == own)) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let meta = std::fs::symlink_metadata(path)?;
    Ok((meta.dev(), meta.ino()))
}

/// An error, unless the path is free, or holds a socket on which no process listens any more.
async fn refuse_unless_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => {}
        Ok(_) => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the path holds a file that is not a socket"));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    // tokio connects without blocking. The standard library would wait for room in a full backlog,
    // and so for ever if the process there no longer accepts.
    match UnixStream::connect(path).await {
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Ok(()),
            // The backlog is full: a process listens there, and does not accept.
            io::ErrorKind::WouldBlock => Err(io::ErrorKind::AddrInUse.into()),
            // Most likely another user's socket, which must not be replaced.
            _ => Err(error),
        },
    }
}

fn beside(path: &Path, suffix: impl AsRef<OsStr>) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A lock file beside the socket's path, held by the one process that is about to listen there. The
/// kernel releases it when the process ends.
struct PathLock {
    path: PathBuf,
    _file: File,
}

impl PathLock {
    fn take(socket: &Path) -> io::Result<PathLock> {
        let path = beside(socket, LOCK_SUFFIX);
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        loop {
            let file = File::from(rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR)?);
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                // The holder is about to listen, or finds that another process listens already.
                Err(rustix::io::Errno::WOULDBLOCK) => return Err(io::ErrorKind::AddrInUse.into()),
                Err(error) => return Err(error.into()),
            }
            // The last holder may have removed the file after it was opened here: a lock on a
            // removed file excludes no one, so try again with the file that is there now.
            let held = file.metadata()?;
            if identity(&path).is_ok_and(|id| id == (held.dev(), held.ino())) {
                return Ok(PathLock { path, _file: file });
            }
        }
    }
}

impl Drop for PathLock {
    fn drop(&mut self) {
        // Removed while the lock is held: a process that has opened the file, and locks it next,
        // finds it removed and opens the path again.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A directory that only its owner can enter. The socket is bound in it, then moved to its place.
struct PrivateDirectory {
    directory: PathBuf,
    socket: PathBuf,
}

impl PrivateDirectory {
    /// The caller holds the lock, so a directory that exists already was left by a crash.
    fn create(path: &Path) -> io::Result<PrivateDirectory> {
        let directory = beside(path, DIRECTORY_SUFFIX);
        let private = PrivateDirectory { socket: directory.join(SOCKET_NAME), directory };
        private.remove();
        DirBuilder::new().mode(0o700).create(&private.directory)?;
        Ok(private)
    }

    fn bind(&self) -> io::Result<UnixListener> {
        let listener = UnixListener::bind(&self.socket)?;
        std::fs::set_permissions(&self.socket, Permissions::from_mode(0o600))?;
        Ok(listener)
    }

    fn remove(&self) {
        let _ = std::fs::remove_file(&self.socket);
        let _ = std::fs::remove_dir(&self.directory);
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        self.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    #[test]
    fn q_path_lock_taken_and_removed_by_many_threads_has_one_holder_at_a_time() {
        let socket = std::env::temp_dir().join(format!("rxd-lock-{}", std::process::id()));
        let (held, taken) = (AtomicBool::new(false), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5000 {
                        let Ok(_lock) = PathLock::take(&socket) else { continue };
                        assert!(!held.swap(true, Ordering::SeqCst), "the lock has two holders");
                        taken.fetch_add(1, Ordering::Relaxed);
                        std::thread::yield_now();
                        held.store(false, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(taken.load(Ordering::Relaxed) > 0);
        assert!(!beside(&socket, LOCK_SUFFIX).exists());
    }
}
