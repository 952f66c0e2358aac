//! Runs one program in a place where users run programs.

use crate::workspace;
use std::io::{Read, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a program may take for one step: to start, to write something, to end. This is twice
/// the time of a forced end of a daemon, because the machine may be busy.
pub const LIMIT: Duration = Duration::from_secs(20);

/// Where a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// All three standard streams are one terminal.
    Terminal,
    /// The same, with `NO_COLOR` set.
    PlainTerminal,
    /// Standard output and error are pipes whose other end is not read; standard input is empty.
    UnreadPipe,
    /// Standard input is a pipe that is not written to; output and error are read.
    IdleInput,
    /// A service manager has set `NOTIFY_SOCKET`; output and error are read.
    Manager,
    /// It is built for Windows, and wine runs it; otherwise as [`IdleInput`](Place::IdleInput).
    Wine,
}

impl Place {
    /// All places of a program that is built for this system.
    pub const ALL: [Place; 5] =
        [Place::Terminal, Place::PlainTerminal, Place::UnreadPipe, Place::IdleInput, Place::Manager];
}

/// A running program. It is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    /// Its name in messages.
    name: String,
    /// The program, or `script`, which holds the terminal that it runs in.
    child: Child,
    place: Place,
    /// The directory it runs in, removed when this is dropped.
    directory: PathBuf,
    pid: u32,
    output: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
    notified: Option<UnixDatagram>,
}

impl Program {
    /// Starts the program in an empty directory of its own, with these environment variables.
    /// Others are not passed, except `PATH`, `SHELL` and `TERM`.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn start(program: &Path, place: Place, env: &[(&str, &str)]) -> Program {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("rxd-outside-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory can be made");
        let in_terminal = matches!(place, Place::Terminal | Place::PlainTerminal);
        let mut command = if in_terminal {
            let mut command = Command::new("script");
            // `-e`: it ends with the status of the program. The shell becomes the program by
            // `exec`, so the shell's process number is that of the program.
            command.arg("-qfec").arg(format!("echo $$ > pid; exec '{}'", program.display())).arg("/dev/null");
            command
        } else if place == Place::Wine {
            let mut command = Command::new(workspace::repository().join(".ci/windows"));
            command.arg("run").arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&directory).env_clear().envs(env.iter().copied());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("SHELL", "/bin/sh").env("TERM", "xterm");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if place == Place::UnreadPipe { Stdio::null() } else { Stdio::piped() });
        if place == Place::Wine {
            // wine refuses to run without one.
            command.env("HOME", workspace::target());
        }
        if place == Place::PlainTerminal {
            command.env("NO_COLOR", "1");
        }
        let notified = (place == Place::Manager).then(|| {
            let path = directory.join("notify");
            let socket = UnixDatagram::bind(&path).expect("a socket can be bound");
            socket.set_read_timeout(Some(LIMIT)).expect("a socket has a timeout");
            command.env("NOTIFY_SOCKET", path);
            socket
        });
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let name = format!("{} ({place:?})", program.file_name().unwrap_or_default().to_string_lossy());
        let output = Arc::default();
        let mut readers = Vec::new();
        if place != Place::UnreadPipe {
            readers.push(collect(child.stdout.take().expect("it is piped"), &output));
            readers.push(collect(child.stderr.take().expect("it is piped"), &output));
        }
        let mut program = Program { name, pid: child.id(), child, place, directory, output, readers, notified };
        if in_terminal {
            program.pid = program.pid_in_terminal();
        }
        program
    }

    /// Fails the test.
    fn fail(&self, what: &str) -> ! {
        panic!("{} {what}; it has written: {}", self.name, self.output())
    }

    fn pid_in_terminal(&self) -> u32 {
        let file = self.directory.join("pid");
        let read = || std::fs::read_to_string(&file).ok()?.trim().parse().ok();
        wait_for(read).unwrap_or_else(|| self.fail("has not been started by `script`"))
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Everything that it has written so far; nothing in a [`Place::UnreadPipe`].
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().expect("no reader panics")).into_owned()
    }

    /// Waits until it has written this text `times` times.
    ///
    /// # Panics
    ///
    /// If it does not within the limit.
    pub fn until_output(&mut self, text: &str, times: usize) {
        let all = || (self.output().matches(text).count() >= times).then_some(());
        if wait_for(all).is_none() {
            self.fail(&format!("has not written `{text}` {times} times"));
        }
    }

    /// Waits until it handles SIGTERM and SIGINT, as a daemon does once it is started. Returns
    /// `false` if it has ended first.
    ///
    /// The thread of the monitor is started after both handlers are complete. The mask of caught
    /// signals says that they are installed: for a microsecond after that a signal is still lost.
    ///
    /// # Panics
    ///
    /// If it does neither within the limit.
    pub fn handles_signals(&mut self) -> bool {
        let status = PathBuf::from(format!("/proc/{}/status", self.pid));
        let state = || {
            let Ok(text) = std::fs::read_to_string(&status) else { return Some(false) };
            let mask = text.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            let Some(mask) = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()) else {
                return Some(false);
            };
            let ended = text.lines().any(|line| line.starts_with("State:") && line.contains('Z'));
            let both = 1 << (15 - 1) | 1 << (2 - 1);
            // The handlers for wine's own process are wine's.
            let is_installed = self.place == Place::Wine || mask & both == both;
            let is_handled = || is_installed && has_thread(self.pid, "rxd-monitor");
            if ended { Some(false) } else { is_handled().then_some(true) }
        };
        wait_for(state).unwrap_or_else(|| self.fail("does not handle signals"))
    }

    /// Waits until the service manager has received a notification with this line.
    ///
    /// # Panics
    ///
    /// If it does not run under a service manager, or does not send the line within the limit.
    pub fn until_notified(&self, line: &str) {
        let socket = self.notified.as_ref().expect("it runs under a service manager");
        let (end, mut buffer) = (Instant::now() + LIMIT, [0; 4096]);
        while Instant::now() < end {
            let Ok(length) = socket.recv(&mut buffer) else { break };
            if String::from_utf8_lossy(&buffer[..length]).lines().any(|sent| sent == line) {
                return;
            }
        }
        self.fail(&format!("has not sent `{line}` to the service manager"))
    }

    /// Whether one of the unread notifications to the service manager has this line.
    pub fn has_notified(&self, line: &str) -> bool {
        let socket = self.notified.as_ref().expect("it runs under a service manager");
        socket.set_nonblocking(true).expect("a socket can be switched");
        let (mut buffer, mut found) = ([0; 4096], false);
        while let Ok(length) = socket.recv(&mut buffer) {
            found |= String::from_utf8_lossy(&buffer[..length]).lines().any(|sent| sent == line);
        }
        socket.set_nonblocking(false).expect("a socket can be switched");
        found
    }

    /// Sends a signal by its name. SIGINT in a terminal is Ctrl-C.
    pub fn signal(&mut self, name: &str) {
        match (name, self.place) {
            ("INT", Place::Terminal | Place::PlainTerminal) => {
                let mut keys = self.child.stdin.as_ref().expect("it is piped");
                keys.write_all(b"\x03").expect("the terminal takes a key");
            }
            _ => {
                let kill = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.pid)]).status();
                if !kill.expect("sh runs").success() {
                    self.fail("has ended already");
                }
            }
        }
    }

    /// Sets the limit of its open files.
    pub fn limit_files(&self, soft: u32) {
        let mut prlimit = Command::new("prlimit");
        let set = prlimit.arg(format!("--pid={}", self.pid)).arg(format!("--nofile={soft}:")).status();
        if !set.expect("util-linux is installed").success() {
            self.fail("has ended already");
        }
    }

    /// Waits until the process has ended and all of its output is read. Returns its status as a
    /// shell reports it.
    ///
    /// # Panics
    ///
    /// If it has not ended within the limit.
    pub fn ended_within(&mut self, limit: Duration) -> i32 {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                if wait_for(|| self.readers.iter().all(JoinHandle::is_finished).then_some(())).is_none() {
                    self.fail("has left a process behind that holds its standard streams");
                }
                return code(status);
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.fail(&format!("still runs after {limit:?}"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // Kill the program first, because `script` may end without it.
            let _ = Command::new("sh").args(["-c", &format!("kill -CONT {0}; kill -KILL {0}", self.pid)]).status();
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Whether a process has a thread of this name.
fn has_thread(pid: u32, name: &str) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let names = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok());
    names.into_iter().any(|comm| comm.trim_end() == name)
}

/// Collects the output of a stream in a thread.
fn collect(mut stream: impl Read + Send + 'static, output: &Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    let output = output.clone();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            output.lock().expect("no reader panics").extend_from_slice(&buffer[..length]);
        }
    })
}

fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or(status.signal().map(|signal| 128 + signal)).expect("it has ended")
}

/// Polls until there is an answer. Returns `None` if there is none within the limit.
pub fn wait_for<T>(poll: impl Fn() -> Option<T>) -> Option<T> {
    let end = Instant::now() + LIMIT;
    loop {
        let answer = poll();
        if answer.is_some() || Instant::now() > end {
            return answer;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
