//! A file that stays within a size: full, it becomes `name.1`, what was `name.1` becomes `name.2`, ..
//!
//! The crates that do this were looked at: they panic on a directory that has gone, or take a write
//! to a file they could not open for a success. Here every failure is an error, the sink counts what
//! was lost by it, and the next batch tries anew: a file that was deleted, moved away by a
//! `logrotate`, or is on a disk that was full for a while comes back by itself.

use super::writer::RecordOutput;
use crate::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// See the module.
#[derive(Debug)]
pub(crate) struct SizeLimitedFile {
    path: PathBuf,
    /// When a file holds this many bytes it is full.
    limit: u64,
    /// How many full ones are kept.
    keep: u32,
    open: Option<(File, u64)>,
}

impl SizeLimitedFile {
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub(crate) fn new(path: PathBuf, limit: u64, keep: u32) -> Result<Self, Error> {
        let mut file = SizeLimitedFile { path, limit: limit.max(1), keep, open: None };
        if let Err(error) = file.opened() {
            return Err(Error::with_cause(
                format!("failed to open the log file {}: {error}", file.path.display()),
                error,
            ));
        }
        Ok(file)
    }

    /// The file, opened if it is not, or no longer is what its path leads to.
    fn opened(&mut self) -> io::Result<&mut (File, u64)> {
        let open = match self.open.take() {
            Some(open) if leads_to(&self.path, &open.0) => open,
            _ => {
                let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
                let size = file.metadata()?.len();
                (file, size)
            }
        };
        Ok(self.open.insert(open))
    }

    fn older(&self, number: u32) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(format!(".{number}"));
        path.into()
    }

    fn turn_over(&mut self) -> io::Result<()> {
        self.open = None;
        if self.keep == 0 {
            return std::fs::remove_file(&self.path);
        }
        for number in (1..self.keep).rev() {
            // There may be fewer than are kept.
            let _ = std::fs::rename(self.older(number), self.older(number + 1));
        }
        std::fs::rename(&self.path, self.older(1))
    }
}

/// Whether the path still leads to this file.
fn leads_to(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(there), Ok(here)) = (std::fs::metadata(path), file.metadata()) else { return false };
    (there.dev(), there.ino()) == (here.dev(), here.ino())
}

impl RecordOutput for SizeLimitedFile {
    fn write_records(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        let mut left = records;
        while !left.is_empty() {
            let limit = self.limit;
            let (file, size) = self.opened()?;
            let room = limit.saturating_sub(*size);
            let mut bytes = 0;
            let fits = left.iter().take_while(|record| {
                bytes += record.len() as u64;
                bytes <= room
            });
            let count = fits.count();
            if count == 0 && *size > 0 {
                self.turn_over()?;
                continue;
            }
            // A record that is larger than a whole file has one to itself.
            let (now, later) = left.split_at(count.max(1));
            let bytes = now.concat();
            *size += bytes.len() as u64;
            file.write_all(&bytes)?;
            left = later;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("rxd-log-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir_all(&path).unwrap();
            Dir(path)
        }
        fn read(&self, name: &str) -> Option<String> {
            std::fs::read_to_string(self.0.join(name)).ok()
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn lines(from: u32, to: u32) -> Vec<Vec<u8>> {
        (from..to).map(|n| format!("{n:03}\n").into_bytes()).collect()
    }

    #[test]
    fn files_stay_within_their_size_and_number() {
        let dir = Dir::new("size");
        let mut file = SizeLimitedFile::new(dir.0.join("own.log"), 12, 2).unwrap();
        file.write_records(&lines(0, 8)).unwrap();
        file.write_records(&lines(8, 11)).unwrap();
        assert_eq!(dir.read("own.log").unwrap(), "009\n010\n");
        assert_eq!(dir.read("own.log.1").unwrap(), "006\n007\n008\n");
        assert_eq!(dir.read("own.log.2").unwrap(), "003\n004\n005\n");
        assert_eq!(dir.read("own.log.3"), None);
    }

    #[test]
    fn a_deleted_file_comes_back() {
        let dir = Dir::new("deleted");
        let mut file = SizeLimitedFile::new(dir.0.join("own.log"), 100, 1).unwrap();
        file.write_records(&lines(0, 1)).unwrap();
        std::fs::remove_file(dir.0.join("own.log")).unwrap();
        file.write_records(&lines(1, 2)).unwrap();
        assert_eq!(dir.read("own.log").unwrap(), "001\n");
        std::fs::remove_dir_all(&dir.0).unwrap();
        assert!(file.write_records(&lines(2, 3)).is_err());
        std::fs::create_dir_all(&dir.0).unwrap();
        file.write_records(&lines(3, 4)).unwrap();
        assert_eq!(dir.read("own.log").unwrap(), "003\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error_at_once() {
        let error = SizeLimitedFile::new("/proc/none/own.log".into(), 1, 1).unwrap_err().to_string();
        assert!(error.contains("/proc/none/own.log"), "{error}");
    }
}
