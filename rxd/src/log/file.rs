//! A log file that stays within a size: when it is full it becomes `name.1`, `name.1` becomes
//! `name.2`, and so on.
//!
//! Where a step fails, the sink counts the records that were not written as dropped, and the next
//! batch tries again. So the log recovers by itself from a file that was deleted, cut or moved by
//! `logrotate`, a directory that was gone, or a disk that was full. The crates that rotate files
//! panic in one of these cases, or report a write to a deleted file as a success.

use super::line_output::LineOutput;
use super::writer::RecordOutput;
use crate::error::Error;
use crate::platform::{CAN_TELL_FILES, leads_to};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;

/// The output of a sink that writes to a file of limited size.
#[derive(Debug)]
pub(crate) struct SizeLimitedFile {
    path: PathBuf,
    /// A file that holds this many bytes is full.
    limit: u64,
    /// How many full files are kept.
    keep: u32,
    /// `None` while it is closed.
    open: Option<LineOutput<File>>,
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

    /// The file, opened again if it was closed or if its path leads to another file by now; and how
    /// many bytes it holds. Something else may have written to it or cut it.
    fn open_file(&mut self) -> io::Result<(&mut LineOutput<File>, u64)> {
        // Taken, so that an error leaves it closed. Another file is opened after this one is closed:
        // on Windows a deleted file keeps its name until then.
        let open = match self.open.take().filter(|open| leads_to(&self.path, open.get_ref())) {
            Some(open) => open,
            None => LineOutput::new(OpenOptions::new().create(true).append(true).open(&self.path)?),
        };
        let size = open.get_ref().metadata()?.len();
        Ok((self.open.insert(open), size))
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

impl SizeLimitedFile {
    /// Writes as many of the records as the file has room for, and returns how many that are.
    ///
    /// # Errors
    ///
    /// With how many were written whole before it failed.
    fn write_some(&mut self, records: &[Vec<u8>]) -> Result<usize, usize> {
        let limit = self.limit;
        let (file, size) = self.open_file().map_err(|_| 0_usize)?;
        let room = limit.saturating_sub(size);
        let mut bytes = 0;
        let fits = records.iter().take_while(|record| {
            bytes += record.len() as u64;
            bytes <= room
        });
        let count = fits.count();
        if count == 0 && size > 0 {
            return self.rotate().map(|()| 0).map_err(|_| 0);
        }
        // A record that is larger than a whole file gets a file to itself.
        let count = count.max(1);
        match file.write_lines(&records[..count]) {
            written if written == count => Ok(count),
            written => Err(written),
        }
    }
}

impl RecordOutput for SizeLimitedFile {
    fn write_records(&mut self, records: &[Vec<u8>]) -> usize {
        let (mut left, mut lost) = (records, 0);
        while !left.is_empty() {
            match self.write_some(left) {
                Ok(count) => left = &left[count..],
                Err(count) => {
                    lost = left.len() - count;
                    break;
                }
            }
        }
        if !CAN_TELL_FILES {
            self.open = None;
        }
        lost
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
        assert_eq!(file.write_records(&lines(0, 8)), 0);
        assert_eq!(file.write_records(&lines(8, 11)), 0);
        assert_eq!(dir.read("internal.log").unwrap(), "009\n010\n");
        assert_eq!(dir.read("internal.log.1").unwrap(), "006\n007\n008\n");
        assert_eq!(dir.read("internal.log.2").unwrap(), "003\n004\n005\n");
        assert_eq!(dir.read("internal.log.3"), None);
    }

    #[test]
    fn deleted_file_is_created_again() {
        let dir = Dir::new("deleted");
        let mut file = SizeLimitedFile::new(dir.0.join("internal.log"), 100, 1).unwrap();
        assert_eq!(file.write_records(&lines(0, 1)), 0);
        std::fs::remove_file(dir.0.join("internal.log")).unwrap();
        assert_eq!(file.write_records(&lines(1, 2)), 0);
        assert_eq!(dir.read("internal.log").unwrap(), "001\n");
        std::fs::remove_dir_all(&dir.0).unwrap();
        assert_eq!(file.write_records(&lines(2, 3)), 1);
        std::fs::create_dir_all(&dir.0).unwrap();
        assert_eq!(file.write_records(&lines(3, 4)), 0);
        assert_eq!(dir.read("internal.log").unwrap(), "003\n");
    }

    #[test]
    fn r_file_that_was_cut_from_outside_is_full_by_its_real_size() {
        let dir = Dir::new("cut");
        let mut file = SizeLimitedFile::new(dir.0.join("internal.log"), 40, 1).unwrap();
        assert_eq!(file.write_records(&lines(0, 9)), 0);
        File::options().write(true).open(dir.0.join("internal.log")).unwrap().set_len(0).unwrap();
        assert_eq!(file.write_records(&lines(9, 15)), 0);
        assert_eq!(dir.read("internal.log").unwrap(), "009\n010\n011\n012\n013\n014\n");
        assert_eq!(dir.read("internal.log.1"), None);
    }

    #[test]
    fn file_that_cannot_be_opened_is_an_error_of_the_setup() {
        let error = SizeLimitedFile::new("/proc/none/internal.log".into(), 1, 1).unwrap_err().to_string();
        assert!(error.contains("/proc/none/internal.log"), "{error}");
    }
}
