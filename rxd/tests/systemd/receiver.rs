//! The other end of NOTIFY_SOCKET in systemd's place, and the process that sends to it.

use super::protocol::check_protocol;
use super::subject;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long to wait for what must happen, on a machine that may be busy with other things.
pub(crate) const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// The datagram that fills a buffer.
const FILLER: &str = "X=1";

/// A directory that one test uses. Dropped, it is removed.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> TempDir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rxd-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Listens in systemd's place, and keeps what it receives.
///
/// Dropped, it panics if a datagram broke the protocol, whatever the test is about.
pub(crate) struct NotifyReceiver {
    pub(crate) socket: UnixDatagram,
    pub(crate) address: String,
    /// Every datagram so far, and when it was read.
    pub(crate) received: Vec<(Instant, String)>,
    _dir: TempDir,
}

impl NotifyReceiver {
    pub(crate) fn new() -> NotifyReceiver {
        let dir = TempDir::new();
        let path = dir.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        NotifyReceiver { socket, address: path.to_str().unwrap().into(), received: Vec::new(), _dir: dir }
    }

    pub(crate) fn abstract_name() -> NotifyReceiver {
        let dir = TempDir::new();
        let name = dir.path("notify").to_str().unwrap().to_string();
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        NotifyReceiver { socket, address: format!("@{name}"), received: Vec::new(), _dir: dir }
    }

    /// Removes the socket and binds another one to the same path.
    pub(crate) fn bind_anew(&mut self) {
        std::fs::remove_file(&self.address).unwrap();
        self.socket = UnixDatagram::bind(&self.address).unwrap();
    }

    /// Fills the socket's buffer.
    pub(crate) fn fill(&self) {
        let sender = UnixDatagram::unbound().unwrap();
        sender.set_nonblocking(true).unwrap();
        let full = loop {
            if let Err(error) = sender.send_to(FILLER.as_bytes(), &self.address) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
    }

    /// The next datagram within this time.
    pub(crate) fn receive(&mut self, within: Duration) -> Option<String> {
        let (mut buffer, deadline) = ([0; 4096], Instant::now() + within);
        let length = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            self.socket.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
            match self.socket.recv(&mut buffer) {
                Ok(length) => break length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                // After SIGSTOP and SIGCONT a wait with a limit returns EINTR.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("the receiver cannot read its socket: {error}"),
            }
        };
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        self.received.push((Instant::now(), text.clone()));
        Some(text)
    }

    /// Reads until a datagram has a line that begins like this. A status stays valid until the
    /// next: if the last one begins like this, it is returned at once.
    pub(crate) fn wait_for(&mut self, line: &str) -> String {
        let status = self.texts().into_iter().rfind(|text| text.starts_with("STATUS="));
        if let Some(status) = status.filter(|status| status.starts_with(line)) {
            return status.into();
        }
        let deadline = Instant::now() + WAIT_LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.receive(left) {
                Some(text) if text.lines().any(|other| other.starts_with(line)) => return text,
                Some(_) => {}
                None => panic!("{line} was not received within {WAIT_LIMIT:?}: {:#?}", self.texts()),
            }
        }
    }

    /// Reads for this long.
    pub(crate) fn read_for(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while let left @ 1.. = deadline.saturating_duration_since(Instant::now()).as_millis() {
            self.receive(Duration::from_millis(left as u64));
        }
    }

    pub(crate) fn texts(&self) -> Vec<&str> {
        self.received.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// How many datagrams have exactly this line.
    pub(crate) fn count(&self, line: &str) -> usize {
        self.received.iter().filter(|(_, text)| text.lines().any(|other| other == line)).count()
    }

    /// Reads until this many datagrams have had exactly this line.
    pub(crate) fn wait_for_count(&mut self, line: &str, count: usize) {
        while self.count(line) < count {
            self.wait_for(line);
        }
    }

    /// How often more time was asked for.
    pub(crate) fn extensions(&self) -> usize {
        self.texts().into_iter().filter(|text| text.starts_with("EXTEND_TIMEOUT_USEC=")).count()
    }

    /// When each datagram with exactly this line was read.
    pub(crate) fn times(&self, line: &str) -> Vec<Instant> {
        let with = self.received.iter().filter(|(_, text)| text.lines().any(|other| other == line));
        with.map(|(at, _)| *at).collect()
    }

    fn check_protocol(&self) -> Result<(), String> {
        check_protocol(self.texts().into_iter().filter(|text| *text != FILLER))
    }

    /// A subject that sends to this receiver.
    pub(crate) fn subject(&self, text: &str) -> SubjectBuilder {
        SubjectBuilder::new(text).env("NOTIFY_SOCKET", &self.address)
    }
}

impl Drop for NotifyReceiver {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check_protocol().unwrap_or_else(|wrong| panic!("{wrong}: {:#?}", self.texts()));
        }
    }
}

/// A subject to be started.
pub(crate) struct SubjectBuilder(Command);

impl SubjectBuilder {
    pub(crate) fn new(text: &str) -> SubjectBuilder {
        SubjectBuilder::with_command(Command::new(std::env::current_exe().unwrap()), text)
    }

    /// With `WATCHDOG_PID` of the subject itself.
    pub(crate) fn with_own_pid(text: &str) -> SubjectBuilder {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "export WATCHDOG_PID=$$; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
        SubjectBuilder::with_command(command, text)
    }

    /// As PID 1 of a new namespace; `None` where that is not allowed.
    pub(crate) fn as_pid_1(text: &str) -> Option<SubjectBuilder> {
        let unshare = ["--pid", "--fork", "--kill-child", "--mount-proc"];
        let can = Command::new("unshare").args(unshare).arg("true").stderr(Stdio::null()).status();
        can.ok().filter(|can| can.success())?;
        let mut command = Command::new("unshare");
        command.args(unshare).arg(std::env::current_exe().unwrap());
        Some(SubjectBuilder::with_command(command, text))
    }

    /// Without the capabilities by which root ignores a file's mode; `None` where they cannot be
    /// dropped.
    pub(crate) fn without_override(text: &str) -> Option<SubjectBuilder> {
        let setpriv = ["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"];
        let can = Command::new("setpriv").args(setpriv).arg("true").stderr(Stdio::null()).status();
        can.ok().filter(|can| can.success())?;
        let mut command = Command::new("setpriv");
        command.args(setpriv).arg(std::env::current_exe().unwrap());
        Some(SubjectBuilder::with_command(command, text))
    }

    fn with_command(mut command: Command, text: &str) -> SubjectBuilder {
        command.args(["--exact", "subject", "--nocapture", "--test-threads=1"]);
        for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID"] {
            command.env_remove(name);
        }
        command.env(subject::VARIABLE, text);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        SubjectBuilder(command)
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<Path>) -> SubjectBuilder {
        self.0.env(name, value.as_ref());
        self
    }

    pub(crate) fn start(mut self) -> Subject {
        let mut child = self.0.spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Subject { child, lines, log: Some(log) }
    }
}

/// A daemon in a separate process. Dropped, it is killed.
pub(crate) struct Subject {
    child: Child,
    lines: mpsc::Receiver<String>,
    log: Option<std::thread::JoinHandle<String>>,
}

impl Subject {
    /// Waits until it has printed this line.
    pub(crate) fn wait_for_line(&self, line: &str) {
        let deadline = Instant::now() + WAIT_LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let printed = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("`{line}` was not printed"));
            // The test runner prints before the first line, without a newline.
            if printed.ends_with(line) {
                return;
            }
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        // On some machines `kill` is a builtin of the shell only.
        let kill = format!("kill -s {signal} {}", self.child.id());
        let status = Command::new("/bin/sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success());
    }

    /// Whether it has a thread of this name.
    pub(crate) fn has_thread(&self, name: &str) -> bool {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let comm =
            |task: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(task.ok()?.path().join("comm")).ok();
        tasks.filter_map(comm).any(|comm| comm.trim_end() == name)
    }

    /// Waits until it has ended. Returns its exit status and what it logged.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + WAIT_LIMIT;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "the subject does not end"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        (status.code(), self.log.take().unwrap().join().unwrap())
    }

    /// As [`stop`](Subject::stop), for a subject that is PID 1 of a namespace: `child` is its
    /// parent.
    pub(crate) fn stop_pid_1(self) -> (Option<i32>, String) {
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        let child = std::fs::read_to_string(children).unwrap();
        let status = Command::new("/bin/sh").args(["-c", &format!("kill -s TERM {child}")]).status().unwrap();
        assert!(status.success());
        self.wait()
    }

    /// Waits until it has ended. Returns what it printed.
    pub(crate) fn output(self) -> String {
        let lines: Vec<String> = self.lines.iter().collect();
        assert_eq!(self.wait().0, Some(0));
        lines.join("\n")
    }

    /// Sends SIGTERM, and waits until it has ended. Returns its exit status and what it logged.
    pub(crate) fn stop(self) -> (Option<i32>, String) {
        self.signal("TERM");
        self.wait()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many warnings and errors are in a log.
pub(crate) fn warnings(log: &str) -> usize {
    log.lines().filter(|line| line.contains(" WARN ") || line.contains(" ERROR ")).count()
}
