//! Standard streams, the identity of files, and the journal's socket.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
#[cfg(feature = "journald")]
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Standard output under a descriptor of its own. A thread that writes to it holds no lock of the
/// standard library, so a blocked terminal stops no `println!`.
pub(crate) fn stdout() -> io::Result<Box<dyn Write + Send>> {
    Ok(Box::new(duplicate(&io::stdout())?))
}

/// As [`stdout`], for standard error.
pub(crate) fn stderr() -> io::Result<Box<dyn Write + Send>> {
    Ok(Box::new(duplicate(&io::stderr())?))
}

/// The same open file under a new file descriptor.
fn duplicate(of: &impl AsFd) -> io::Result<File> {
    of.as_fd().try_clone_to_owned().map(File::from)
}

/// Whether standard error leads to the journal: `$JOURNAL_STREAM` has the device and inode of the
/// journal's.
pub(crate) fn stderr_is_journal() -> bool {
    let Ok(known) = std::env::var("JOURNAL_STREAM") else { return false };
    let Some(meta) = duplicate(&io::stderr()).ok().and_then(|file| file.metadata().ok()) else { return false };
    known == format!("{}:{}", meta.dev(), meta.ino())
}

/// Whether [`leads_to`] has an answer.
pub(crate) const CAN_TELL_FILES: bool = true;

/// Whether the path leads to this open file.
pub(crate) fn leads_to(path: &Path, file: &File) -> bool {
    let (Ok(there), Ok(here)) = (std::fs::metadata(path), file.metadata()) else { return false };
    (there.dev(), there.ino()) == (here.dev(), here.ino())
}

/// How many files this process may open.
#[cfg(feature = "admin")]
pub(crate) fn open_file_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

/// A socket that sends records to the journal.
#[cfg(feature = "journald")]
pub(crate) struct JournalSocket(Option<UnixDatagram>);

#[cfg(feature = "journald")]
impl JournalSocket {
    #[expect(clippy::unnecessary_wraps, reason = "there are systems without a journal")]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(JournalSocket(None))
    }

    /// Sends one datagram to the path, and not over a connection: a socket that is connected does
    /// not survive a restart of journald.
    pub(crate) fn send(&mut self, record: &[u8], path: &Path) -> io::Result<()> {
        let socket = match self.0.take() {
            Some(socket) => socket,
            None => UnixDatagram::unbound()?,
        };
        let sent = socket.send_to(record, path);
        self.0 = Some(socket);
        sent.map(drop)
    }
}
