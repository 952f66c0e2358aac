//! Real processes: this test program, run again and controlled by signals, and its output.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// The variable that names the program to run.
pub(crate) const CHOICE: &str = "RXD_TEST_PROGRAM";

/// Prints a line for the test that started this program.
pub(crate) fn print_line(line: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "\n{line}").and_then(|()| out.flush());
}

/// The number in an exit code. The standard library has no stable way to read it.
pub(crate) fn code_of(code: std::process::ExitCode) -> i32 {
    (0..=255)
        .find(|&number| format!("{:?}", std::process::ExitCode::from(number)) == format!("{code:?}"))
        .unwrap_or(1)
        .into()
}

/// A running program.
pub(crate) struct Program {
    pub(crate) child: Child,
    out: BufReader<ChildStdout>,
    output: Vec<String>,
}

impl Program {
    /// Runs this test program again: only the test `path`, which reads `name` from the environment.
    pub(crate) fn start(path: &str, name: &str) -> Self {
        Program::start_by(Command::new(std::env::current_exe().unwrap()), path, name)
    }

    /// As [`start`](Program::start), by a command that ends with the name of the program to run.
    pub(crate) fn start_by(mut command: Command, path: &str, name: &str) -> Self {
        let mut child = command
            .args(["--exact", path, "--nocapture", "--test-threads=1"])
            .env(CHOICE, name)
            // Open, so that a read of it waits.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Program { child, out, output: Vec::new() }
    }

    /// Waits until it has printed this line.
    pub(crate) fn until(mut self, text: &str) -> Self {
        while !self.output.iter().any(|line| line == text) {
            let mut line = String::new();
            let read = self.out.read_line(&mut line).unwrap();
            assert!(read > 0, "the program ended without printing `{text}`: {:?}", self.output);
            self.output.push(line.trim().to_owned());
        }
        self
    }

    pub(crate) fn signal(self, signal: &str) -> Self {
        self.shell(&format!("kill -s {signal} $PID"))
    }

    pub(crate) fn shell(self, script: &str) -> Self {
        let status = Command::new("sh").args(["-c", script]).env("PID", self.child.id().to_string()).status().unwrap();
        assert!(status.success(), "{script}");
        self
    }

    /// Waits, since signals that follow each other faster count as one. Long enough for a busy
    /// machine.
    pub(crate) fn pause(self) -> Self {
        std::thread::sleep(Duration::from_millis(400));
        self
    }

    /// Waits for its end, and returns its exit status and its output. Kills it after 60 s.
    pub(crate) fn end(mut self) -> (i32, Vec<String>, String) {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > Duration::from_secs(60) {
                self.child.kill().unwrap();
                panic!("the program does not end: {:?}", self.output);
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        self.output.extend(rest.lines().map(str::to_owned));
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        let output = self.output.into_iter().filter(|line| line.contains(' ') && !line.starts_with("test")).collect();
        (status.code().unwrap_or(-1), output, errors)
    }
}

pub(crate) fn lines_ending_with(output: &[String], end: &str) -> Vec<String> {
    output.iter().filter(|line| line.ends_with(end)).cloned().collect()
}
