//! The socket over which a child says that it is ready.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::net::UnixDatagram;

/// A datagram socket in a directory that only one user can enter. Both are removed on drop.
#[derive(Debug)]
pub(crate) struct ChildNotifySocket {
    socket: UnixDatagram,
    directory: PathBuf,
    path: PathBuf,
}

impl ChildNotifySocket {
    /// A socket for this user; `None` for the one of this process.
    pub(crate) fn bind(user: Option<(u32, u32)>) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let directory = loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("rxd-{}-{number}", std::process::id());
            let directory = std::env::temp_dir().join(name);
            match DirBuilder::new().mode(0o700).create(&directory) {
                Ok(()) => break directory,
                // Left by a process of the same number, or made by another user.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        };
        let path = directory.join("notify");
        let bound = UnixDatagram::bind(&path).and_then(|socket| {
            if let Some((uid, gid)) = user {
                chown(&path, Some(uid), Some(gid))?;
                chown(&directory, Some(uid), Some(gid))?;
            }
            Ok(socket)
        });
        match bound {
            Ok(socket) => Ok(ChildNotifySocket { socket, directory, path }),
            Err(error) => {
                remove(&path, &directory);
                Err(error)
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Receives a message. What is longer than the buffer is cut.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub(crate) async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.recv(buffer).await
    }
}

impl Drop for ChildNotifySocket {
    fn drop(&mut self) {
        remove(&self.path, &self.directory);
    }
}

fn remove(path: &Path, directory: &Path) {
    let _ = std::fs::remove_file(path);
    let _ = std::fs::remove_dir(directory);
}
