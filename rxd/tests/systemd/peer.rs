//! The other end of NOTIFY_SOCKET, and the process that is told of it.

use super::judge::judge;
use super::subject;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long anything that is bound to happen may take on a machine that is busy otherwise.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// What a full buffer is full of.
const FILLER: &str = "X=1";

/// A directory of this test's own.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rxd-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What listens in the service manager's place, and what it was told.
pub(crate) struct Peer {
    pub(crate) socket: UnixDatagram,
    pub(crate) address: String,
    /// Every datagram so far, and when it was read.
    pub(crate) told: Vec<(Instant, String)>,
    _place: Place,
}

impl Peer {
    pub(crate) fn new() -> Peer {
        let place = Place::new();
        let path = place.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Peer { socket, address: path.to_str().unwrap().into(), told: Vec::new(), _place: place }
    }

    pub(crate) fn abstract_name() -> Peer {
        let place = Place::new();
        let name = place.path("notify").to_str().unwrap().to_string();
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Peer { socket, address: format!("@{name}"), told: Vec::new(), _place: place }
    }

    /// The same address, but another socket.
    pub(crate) fn anew(&mut self) {
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
    pub(crate) fn next(&mut self, within: Duration) -> Option<String> {
        let (mut buffer, deadline) = ([0; 4096], Instant::now() + within);
        let length = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            self.socket.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
            match self.socket.recv(&mut buffer) {
                Ok(length) => break length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                // A process that is stopped and goes on again is told so by any wait that has a limit.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("the socket of the peer: {error}"),
            }
        };
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        self.told.push((Instant::now(), text.clone()));
        Some(text)
    }

    /// Reads until a datagram has this line, or one that begins so. A status stands until the next: if
    /// the last one is it, there is nothing to wait for.
    pub(crate) fn until(&mut self, line: &str) -> String {
        let status = self.texts().into_iter().rfind(|text| text.starts_with("STATUS="));
        if let Some(status) = status.filter(|status| status.starts_with(line)) {
            return status.into();
        }
        let deadline = Instant::now() + SOON;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.next(left) {
                Some(text) if text.lines().any(|other| other.starts_with(line)) => return text,
                Some(_) => {}
                None => panic!("{line} was not told within {SOON:?}: {:#?}", self.texts()),
            }
        }
    }

    /// Reads for this long.
    pub(crate) fn read(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while let left @ 1.. = deadline.saturating_duration_since(Instant::now()).as_millis() {
            self.next(Duration::from_millis(left as u64));
        }
    }

    pub(crate) fn texts(&self) -> Vec<&str> {
        self.told.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// How many datagrams have this very line.
    pub(crate) fn count(&self, line: &str) -> usize {
        self.told.iter().filter(|(_, text)| text.lines().any(|other| other == line)).count()
    }

    /// Reads until this many datagrams have had this very line.
    pub(crate) fn until_count(&mut self, line: &str, count: usize) {
        while self.count(line) < count {
            self.until(line);
        }
    }

    /// How many times more time was asked for.
    pub(crate) fn extensions(&self) -> usize {
        self.texts().into_iter().filter(|text| text.starts_with("EXTEND_TIMEOUT_USEC=")).count()
    }

    /// When each datagram with this very line was read.
    pub(crate) fn times(&self, line: &str) -> Vec<Instant> {
        let with = self.told.iter().filter(|(_, text)| text.lines().any(|other| other == line));
        with.map(|(at, _)| *at).collect()
    }

    fn judge(&self) -> Result<(), String> {
        judge(self.texts().into_iter().filter(|text| *text != FILLER))
    }

    /// A subject that reports here.
    pub(crate) fn subject(&self, text: &str) -> Builder {
        Builder::new(text).env("NOTIFY_SOCKET", &self.address)
    }
}

/// Whatever a test is about, its daemon has kept to the protocol.
impl Drop for Peer {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.judge().unwrap_or_else(|wrong| panic!("{wrong}: {:#?}", self.texts()));
        }
    }
}

/// A subject to be started.
pub(crate) struct Builder(Command);

impl Builder {
    pub(crate) fn new(text: &str) -> Builder {
        Builder::by(Command::new(std::env::current_exe().unwrap()), text)
    }

    /// With `WATCHDOG_PID` of the subject itself.
    pub(crate) fn with_own_pid(text: &str) -> Builder {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "export WATCHDOG_PID=$$; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
        Builder::by(command, text)
    }

    /// As PID 1 of a namespace of its own; none where that is not allowed.
    pub(crate) fn as_pid_1(text: &str) -> Option<Builder> {
        let unshare = ["--pid", "--fork", "--kill-child", "--mount-proc"];
        let can = Command::new("unshare").args(unshare).arg("true").stderr(Stdio::null()).status();
        can.ok().filter(|can| can.success())?;
        let mut command = Command::new("unshare");
        command.args(unshare).arg(std::env::current_exe().unwrap());
        Some(Builder::by(command, text))
    }

    /// Without what lets root do what a file's mode forbids; none where that cannot be dropped.
    pub(crate) fn without_override(text: &str) -> Option<Builder> {
        let setpriv = ["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"];
        let can = Command::new("setpriv").args(setpriv).arg("true").stderr(Stdio::null()).status();
        can.ok().filter(|can| can.success())?;
        let mut command = Command::new("setpriv");
        command.args(setpriv).arg(std::env::current_exe().unwrap());
        Some(Builder::by(command, text))
    }

    fn by(mut command: Command, text: &str) -> Builder {
        command.args(["--exact", "subject", "--nocapture", "--test-threads=1"]);
        for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID"] {
            command.env_remove(name);
        }
        command.env(subject::VARIABLE, text);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Builder(command)
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<Path>) -> Builder {
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

/// A daemon in a process of its own.
pub(crate) struct Subject {
    child: Child,
    lines: mpsc::Receiver<String>,
    log: Option<std::thread::JoinHandle<String>>,
}

impl Subject {
    /// Waits for it to print this line.
    pub(crate) fn prints(&self, line: &str) {
        let deadline = Instant::now() + SOON;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let printed = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("`{line}` was not printed"));
            // The first is printed after what the test runner says without a newline.
            if printed.ends_with(line) {
                return;
            }
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        // Not every machine has a `kill` that is a program.
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

    /// Waits for it to end: its exit status, and what it logged.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + SOON;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "the subject does not end"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        (status.code(), self.log.take().unwrap().join().unwrap())
    }

    /// Likewise, for one that is PID 1 of a namespace: its parent is what was started.
    pub(crate) fn stop_pid_1(self) -> (Option<i32>, String) {
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        let child = std::fs::read_to_string(children).unwrap();
        let status = Command::new("/bin/sh").args(["-c", &format!("kill -s TERM {child}")]).status().unwrap();
        assert!(status.success());
        self.wait()
    }

    /// Waits for it to end, and returns what it printed.
    pub(crate) fn output(self) -> String {
        let lines: Vec<String> = self.lines.iter().collect();
        assert_eq!(self.wait().0, Some(0));
        lines.join("\n")
    }

    /// Has it stop, and waits for that.
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

/// How many warnings, and worse, are in a log.
pub(crate) fn warnings(log: &str) -> usize {
    log.lines().filter(|line| line.contains(" WARN ") || line.contains(" ERROR ")).count()
}
