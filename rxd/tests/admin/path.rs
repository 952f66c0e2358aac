//! One path of a Unix socket, and several processes: one listens, no other replaces its socket, and
//! only its owner can connect.

use crate::client::get;
use crate::daemon::{Waits, at};
use rxd::admin::{Admin, AdminStatus};
use rxd::{Daemon, DaemonHandle, Service};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tokio::net::{UnixSocket, UnixStream};

/// If set, this program runs as one of several processes, for the path that it holds.
const PART: &str = "RXD_ADMIN_TEST_PATH";

/// The time limit for what must happen, generous for a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// A directory of one test, removed with it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("rxd-path-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::DirBuilder::new().mode(0o755).create(&path).unwrap();
        Place(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("x.sock")
    }

    /// The names of the files in it.
    fn names(&self) -> Vec<String> {
        let names = std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn daemon(path: &Path, optional: bool) -> Daemon {
    let admin = Admin::new(format!("unix:{}", path.display())).optional(optional);
    Daemon::new("d").signals([]).add(Service::new("a", Waits)).admin(admin)
}

async fn end(handle: DaemonHandle) {
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
}

/// This program in another process. It starts a daemon for one line of input, and stops it for the
/// next.
struct Part {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Part {
    fn start(umask: &str, path: &Path) -> Part {
        let script = format!("umask {umask} && exec \"$0\" --exact path::part --nocapture --test-threads=1");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).arg(std::env::current_exe().unwrap()).env(PART, path);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Part { child, stdin, stdout }
    }

    fn order(&mut self) {
        self.order_at(Duration::ZERO);
    }

    /// Orders the next step at this time of the wall clock, so that several processes act at one
    /// instant.
    fn order_at(&mut self, at: Duration) {
        self.stdin.write_all(format!("{}\n", at.as_nanos()).as_bytes()).unwrap();
    }

    /// The result of its start, in one line.
    fn answer(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "the process has ended");
            if let Some((_, answer)) = line.split_once("answer: ") {
                return answer.trim_end().to_owned();
            }
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn now() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap()
}

/// The other process. Without `PART` it does nothing.
#[test]
fn part() {
    let Some(path) = std::env::var_os(PART) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut running = None;
    for line in std::io::stdin().lines() {
        let at = line.unwrap().parse().unwrap();
        while now().as_nanos() < at {
            std::thread::yield_now();
        }
        let text = runtime.block_on(async {
            if let Some(handle) = running.take() {
                end(handle).await;
                return "ended".to_owned();
            }
            match daemon(Path::new(&path), false).start().await {
                Ok(handle) => {
                    running = Some(handle);
                    "listens".to_owned()
                }
                Err(error) => error.to_string().replace('\n', " "),
            }
        });
        let mut out = std::io::stdout();
        writeln!(out, "answer: {text}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn q_f96_processes_that_start_at_once_on_one_path_one_listens() {
    let place = Place::new("race");
    let path = place.socket();
    let mut parts: Vec<Part> = (0..4).map(|_| Part::start("077", &path)).collect();
    for race in 0..200 {
        if race % 2 == 0 {
            // A stale socket.
            drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        }
        let at = now() + Duration::from_millis(2);
        parts.iter_mut().for_each(|part| part.order_at(at));
        let mut listens = Vec::new();
        for (number, part) in parts.iter_mut().enumerate() {
            match part.answer().as_str() {
                "listens" => listens.push(number),
                error => {
                    assert!(error.contains("another process listens there"), "{error}");
                    assert!(error.contains(path.to_str().unwrap()), "{error}");
                }
            }
        }
        assert_eq!(listens.len(), 1, "in race {race}");
        assert_eq!(place.names(), ["x.sock"], "no lock and no directory stay");
        // The process that listens is the one that is reached: the path goes when it ends.
        drop(std::os::unix::net::UnixStream::connect(&path).unwrap());
        let part = &mut parts[listens[0]];
        part.order();
        assert_eq!(part.answer(), "ended");
        assert!(place.names().is_empty());
    }
}

/// Starts the daemon on another thread, since the start might never return.
fn start_in_time(daemon: Daemon) -> Result<AdminStatus, String> {
    let (sender, started) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let started = runtime.block_on(async {
            let handle = daemon.start().await.map_err(|error| error.to_string())?;
            let listening = handle.admin();
            end(handle).await;
            Ok(listening)
        });
        let _ = sender.send(started);
    });
    started.recv_timeout(SOON).expect("start returns")
}

#[tokio::test]
async fn x6_socket_with_a_full_backlog_is_alive_and_start_does_not_hang() {
    let place = Place::new("full");
    let path = place.socket();
    let socket = UnixSocket::new_stream().unwrap();
    socket.bind(&path).unwrap();
    let _listener = socket.listen(1).unwrap();
    let mut waiting = Vec::new();
    while let Ok(client) = UnixStream::connect(&path).await {
        waiting.push(client);
    }
    let error = start_in_time(daemon(&path, false)).unwrap_err();
    assert!(error.contains("another process listens there"), "{error}");
    let AdminStatus::Degraded(why) = start_in_time(daemon(&path, true)).unwrap() else { panic!("it listens") };
    assert!(why.contains("another process listens there"), "{why}");
    assert_eq!(place.names(), ["x.sock"], "it is untouched");
}

#[tokio::test]
async fn f96_leftovers_of_a_crash_do_not_prevent_a_start() {
    let place = Place::new("crash");
    let path = place.socket();
    std::fs::write(place.0.join("x.sock.lock"), "").unwrap();
    std::fs::create_dir(place.0.join("x.sock.new")).unwrap();
    for left in [path.clone(), place.0.join("x.sock.new/s")] {
        drop(std::os::unix::net::UnixListener::bind(left).unwrap());
    }
    let handle = daemon(&path, false).start().await.unwrap();
    assert_eq!(get(&at(&handle), "/livez").await.status, 200);
    assert_eq!(place.names(), ["x.sock"]);
    end(handle).await;
    assert!(place.names().is_empty());
}

#[tokio::test]
async fn f96_link_in_the_lock_s_place_is_not_followed() {
    let place = Place::new("link");
    let precious = place.0.join("precious");
    std::os::unix::fs::symlink(&precious, place.0.join("x.sock.lock")).unwrap();
    assert!(daemon(&place.socket(), false).start().await.is_err());
    assert!(!precious.exists());
}

#[tokio::test]
async fn f95_directory_that_is_not_there_is_an_error_that_says_so() {
    let place = Place::new("missing");
    let error = daemon(&place.0.join("none/x.sock"), false).start().await.unwrap_err().to_string();
    assert!(error.contains("help: create the directory"), "{error}");
}

/// A socket below this directory that another user could connect to.
fn reachable(directory: &Path) -> Option<String> {
    for entry in std::fs::read_dir(directory).ok()?.flatten() {
        // A file that has gone meanwhile cannot be reached either.
        let Ok(meta) = entry.metadata() else { continue };
        let mode = meta.permissions().mode();
        if meta.file_type().is_socket() && mode & 0o077 != 0 {
            return Some(format!("{} has mode {mode:o}", entry.path().display()));
        }
        if meta.is_dir() && mode & 0o011 != 0 {
            if let Some(found) = reachable(&entry.path()) {
                return Some(found);
            }
        }
    }
    None
}

#[test]
fn x14_socket_under_any_umask_is_never_open_to_other_users() {
    let place = Place::new("umask");
    let path = place.socket();
    let mut part = Part::start("000", &path);
    let done = std::sync::atomic::AtomicBool::new(false);
    let found = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut looks = 0_u64;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                looks += 1;
                if let Some(found) = reachable(&place.0) {
                    return Err(found);
                }
            }
            Ok(looks)
        });
        for _ in 0..300 {
            for expected in ["listens", "ended"] {
                part.order();
                assert_eq!(part.answer(), expected);
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        watcher.join().unwrap()
    });
    assert!(found.is_ok(), "{found:?}");
}
