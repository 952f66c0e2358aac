//! A log file that stays within a size: when it is full it becomes `name.1`, `name.1` becomes
//! `name.2`, and so on.
//!
//! Every failed step is an error of the write. The sink counts the records of that batch as
//! dropped, and the next batch tries again. So the log recovers by itself from a file that was
//! deleted or moved by `logrotate`, a directory that was gone, or a disk that was full. The crates
//! that rotate files panic in one of these cases, or report a write to a deleted file as a success.

use super::writer::RecordOutput;
use crate::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The output of a sink that writes to a file of limited size.
#[derive(Debug)]
pub(crate) struct SizeLimitedFile {
    path: PathBuf,
    /// A file that holds this many bytes is full.
    limit: u64,
    /// How many full files are kept.
    keep: u32,
    /// The file and how many bytes it holds; `None` while it is closed.
    open: Option<(File, u64)>,
}

impl SizeLimitedFile {
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub(crate) fn new(path: PathBuf, limit: u64, keep: u32) -> Result<Self, Error> {
        let mut file = SizeLimitedFile { path, limit: limit.max(1), keep, open: None };
        if let Err(error) = file.open_file() {
            return Err(Error::with_cause(
                format!("failed to open the log file {}: {error}", file.path.display()),
                error,
            ));
        }
        Ok(file)
    }

    /// The file, opened again if it was closed or if its path leads to another file by now.
    fn open_file(&mut self) -> io::Result<&mut (File, u64)> {
        // Taken, so that an error leaves it closed.
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

    /// The path of the full file with this number; 1 is the newest.
    fn full_path(&self, number: u32) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(format!(".{number}"));
        path.into()
    }

    /// Moves each full file up by one number, and the current one to number 1.
    fn rotate(&mut self) -> io::Result<()> {
        self.open = None;
        if self.keep == 0 {
            return std::fs::remove_file(&self.path);
        }
        for number in (1..self.keep).rev() {
            // Errors are ignored: there may be fewer files than are kept.
            let _ = std::fs::rename(self.full_path(number), self.full_path(number + 1));
        }
        std::fs::rename(&self.path, self.full_path(1))
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
            let (file, size) = self.open_file()?;
            let room = limit.saturating_sub(*size);
            let mut bytes = 0;
            let fits = left.iter().take_while(|record| {
                bytes += record.len() as u64;
                bytes <= room
            });
            let count = fits.count();
            if count == 0 && *size > 0 {
                self.rotate()?;
                continue;
            }
            // A record that is larger than a whole file gets a file to itself.
            let (now, later) = left.split_at(count.max(1));
            let bytes = now.concat();
            // Added before the write: a failed one may have written a part.
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
    fn full_file_is_rotated_and_only_so_many_are_kept() {
        let dir = Dir::new("size");
        let mut file = SizeLimitedFile::new(dir.0.join("internal.log"), 12, 2).unwrap();
        file.write_records(&lines(0, 8)).unwrap();
        file.write_records(&lines(8, 11)).unwrap();
        assert_eq!(dir.read("internal.log").unwrap(), "009\n010\n");
        assert_eq!(dir.read("internal.log.1").unwrap(), "006\n007\n008\n");
        assert_eq!(dir.read("internal.log.2").unwrap(), "003\n004\n005\n");
        assert_eq!(dir.read("internal.log.3"), None);
    }

    #[test]
    fn deleted_file_is_created_again() {
        let dir = Dir::new("deleted");
        let mut file = SizeLimitedFile::new(dir.0.join("internal.log"), 100, 1).unwrap();
        file.write_records(&lines(0, 1)).unwrap();
        std::fs::remove_file(dir.0.join("internal.log")).unwrap();
        file.write_records(&lines(1, 2)).unwrap();
        assert_eq!(dir.read("internal.log").unwrap(), "001\n");
        std::fs::remove_dir_all(&dir.0).unwrap();
        assert!(file.write_records(&lines(2, 3)).is_err());
        std::fs::create_dir_all(&dir.0).unwrap();
        file.write_records(&lines(3, 4)).unwrap();
        assert_eq!(dir.read("internal.log").unwrap(), "003\n");
    }

    #[test]
    fn file_that_cannot_be_opened_is_an_error_of_the_setup() {
        let error = SizeLimitedFile::new("/proc/none/internal.log".into(), 1, 1).unwrap_err().to_string();
        assert!(error.contains("/proc/none/internal.log"), "{error}");
    }
}
