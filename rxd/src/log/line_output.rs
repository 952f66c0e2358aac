//! Writes lines to a standard stream or a file, and knows how many of them are whole.

use super::writer::RecordOutput;
use std::io::{self, Write};
use std::time::Duration;

/// An output that takes bytes: a standard stream, or a file.
#[derive(Debug)]
pub(crate) struct LineOutput<W> {
    to: W,
    /// Whether a failed write has left a part of a line at the end.
    is_torn: bool,
}

impl<W: Write> LineOutput<W> {
    pub(crate) fn new(to: W) -> Self {
        LineOutput { to, is_torn: false }
    }

    pub(crate) fn get_ref(&self) -> &W {
        &self.to
    }

    /// Writes lines. Returns how many were written whole, from the first; fewer than all is an
    /// error.
    pub(crate) fn write_lines(&mut self, lines: &[Vec<u8>]) -> usize {
        let mut bytes = if self.is_torn { vec![b'\n'] } else { Vec::new() };
        let mut whole_bytes = bytes.len();
        for line in lines {
            bytes.extend_from_slice(line);
        }
        let (written, result) = write_patiently(&mut self.to, &bytes);
        if result.and_then(|()| self.to.flush()).is_ok() {
            self.is_torn = false;
            return lines.len();
        }
        let is_whole = |line: &&Vec<u8>| {
            let fits = whole_bytes + line.len() <= written;
            whole_bytes += if fits { line.len() } else { 0 };
            fits
        };
        let count = lines.iter().take_while(is_whole).count();
        if written > 0 {
            self.is_torn = written != whole_bytes;
        }
        count
    }
}

impl<W: Write + Send + 'static> RecordOutput for LineOutput<W> {
    fn write_records(&mut self, records: &[Vec<u8>]) -> usize {
        records.len() - self.write_lines(records)
    }
}

/// As `write_all`, but returns how many bytes were written, and waits on a stream that another
/// process has made non-blocking: the flag belongs to the open file, which a shell or a terminal
/// shares with this process.
fn write_patiently(to: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut count = 0;
    while count < bytes.len() {
        match to.write(&bytes[count..]) {
            Ok(0) => return (count, Err(io::ErrorKind::WriteZero.into())),
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return (count, Err(error)),
        }
    }
    (count, Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output that takes so many bytes, and then fails once.
    struct Torn(Vec<u8>, usize);

    impl Write for Torn {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.1 == 0 {
                self.1 = usize::MAX;
                return Err(io::ErrorKind::StorageFull.into());
            }
            let count = bytes.len().min(self.1);
            self.1 -= count;
            self.0.extend(&bytes[..count]);
            Ok(count)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn r_line_that_was_torn_is_ended_and_each_missing_one_is_counted() {
        let lines: Vec<Vec<u8>> = (0..6).map(|n| format!("{n:02}\n").into_bytes()).collect();
        for room in 0..=9 {
            let mut output = LineOutput::new(Torn(Vec::new(), room));
            let written = output.write_lines(&lines[..3]);
            let whole = if room == 9 { 3 } else { room / 3 };
            assert_eq!(written, whole, "{room} bytes");
            assert_eq!(output.write_records(&lines[3..]), if room == 9 { 3 } else { 0 });
            let text = String::from_utf8(output.to.0).unwrap();
            let is_line = |line: &&str| lines.iter().any(|whole| whole.strip_suffix(b"\n") == Some(line.as_bytes()));
            // Where only its newline was missing, the line is whole after all.
            let expected = if room == 9 { 3 } else { whole + 3 + usize::from(room % 3 == 2) };
            assert_eq!(text.lines().filter(is_line).count(), expected, "{room} bytes: {text:?}");
        }
    }
}
