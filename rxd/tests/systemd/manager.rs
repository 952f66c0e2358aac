//! A real systemd: the user's own manager, or one that is booted in a box for these tests.
//!
//! The tests of the example `systemd` and those of `rxdctl` include this file as well. The parent
//! module names the `program` that the units run, and the `SCRIPT` that boots a box.

use super::{SCRIPT, program};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long to wait for what must happen, on a machine that may be busy with other things.
const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// Set to 1 to have tests fail, instead of being skipped, where there is no systemd.
const REQUIRE: &str = "RXD_REQUIRE_SYSTEMD";

/// Names a directory with a systemd in it, which is booted in place of the machine's own.
const TREE: &str = "RXD_SYSTEMD_TREE";

/// The first version that knows `Type=notify-reload`.
pub(crate) const NOTIFY_RELOAD: u32 = 253;

#[derive(Debug)]
pub(crate) struct Manager {
    kind: ManagerKind,
    pub(crate) version: u32,
}

#[derive(Debug)]
enum ManagerKind {
    User,
    /// Its PID 1, and the script that keeps it: when this process ends, so does the script's
    /// standard input, and the script then ends the box.
    Box(String, #[allow(dead_code, reason = "its end is what matters")] Child),
}

impl Manager {
    /// The manager that all tests share. `None` if there is none; the reason is printed then.
    pub(crate) fn get() -> Option<&'static Manager> {
        static FOUND: OnceLock<Result<Manager, String>> = OnceLock::new();
        match FOUND.get_or_init(Manager::find) {
            Ok(manager) => Some(manager),
            Err(why) => {
                assert!(!required(), "{REQUIRE}=1, but {why}");
                eprintln!("skipped: {why}");
                None
            }
        }
    }

    /// The shared manager, and the machine's own if that is older than `Type=notify-reload`.
    pub(crate) fn all() -> Vec<&'static Manager> {
        static OLDER: OnceLock<Result<Manager, String>> = OnceLock::new();
        let Some(shared) = Manager::get() else { return Vec::new() };
        if !shared.is_system() || shared.version < NOTIFY_RELOAD || own_version() >= Some(NOTIFY_RELOAD) {
            return vec![shared];
        }
        match OLDER.get_or_init(|| Manager::boot(Path::new("/"))) {
            Ok(older) => vec![shared, older],
            Err(why) => {
                assert!(!required(), "{REQUIRE}=1, but the machine's own systemd does not boot: {why}");
                vec![shared]
            }
        }
    }

    fn find() -> Result<Manager, String> {
        let user = Command::new("systemctl").args(["--user", "show", "-P", "Version"]).output();
        if let Some(version) = user.ok().filter(|user| user.status.success()).and_then(|user| version(&user.stdout)) {
            return Ok(Manager { kind: ManagerKind::User, version });
        }
        let mut whys = vec!["there is no user manager".to_string()];
        let named = std::env::var_os(TREE).map(|tree| Ok(tree.into()));
        for tree in named.into_iter().chain([newer_tree(), Ok("/".into())]) {
            let boot =
                |tree: PathBuf| Manager::boot(&tree).map_err(|why| format!("{} does not boot: {why}", tree.display()));
            match tree.and_then(boot) {
                Ok(manager) => {
                    if manager.version < NOTIFY_RELOAD {
                        manager.say_what_is_not_tried(&whys);
                    }
                    return Ok(manager);
                }
                Err(why) => whys.push(why),
            }
        }
        Err(whys.join("; "))
    }

    /// Says what is not tested. Not by `eprintln`, which the test harness shows for failing tests
    /// only.
    fn say_what_is_not_tried(&self, whys: &[String]) {
        let (own, whys) = (self.version, whys.join("; "));
        let said = format!("NOT TRIED: what systemd {own} cannot do and {NOTIFY_RELOAD} can, because {whys}\n");
        let _ = std::io::stderr().write_all(said.as_bytes());
    }

    fn boot(tree: &Path) -> Result<Manager, String> {
        let mut command = Command::new(SCRIPT);
        command.arg("up").arg(tree).arg(program());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let mut line = String::new();
        let _ = BufReader::new(child.stdout.take().unwrap()).read_line(&mut line);
        let Some(pid) = line.trim().strip_prefix("up ") else {
            let said = child.wait_with_output().map_err(|error| error.to_string())?.stderr;
            return Err(String::from_utf8_lossy(&said).trim().to_string());
        };
        let mut manager = Manager { kind: ManagerKind::Box(pid.into(), child), version: 0 };
        let said = manager.run(&["systemctl", "show", "-P", "Version"]);
        manager.version = version(said.as_bytes()).ok_or(said)?;
        Ok(manager)
    }

    /// Whether it manages the whole system, and so can give units a sandbox.
    pub(crate) fn is_system(&self) -> bool {
        matches!(self.kind, ManagerKind::Box(..))
    }

    /// The program that units run, as the manager sees it.
    pub(crate) fn exe(&self) -> PathBuf {
        match &self.kind {
            ManagerKind::User => program(),
            ManagerKind::Box(..) => "/opt/subject".into(),
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = match &self.kind {
            ManagerKind::Box(pid, _) => {
                let mut command = Command::new(SCRIPT);
                command.args(["in", pid]).args(words);
                command
            }
            ManagerKind::User => {
                let mut command = Command::new(words[0]);
                command.args(matches!(words[0], "systemctl" | "journalctl").then_some("--user")).args(&words[1..]);
                command
            }
        };
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command where the manager is. Returns whether it succeeded, and its output.
    pub(crate) fn try_run(&self, words: &[&str]) -> (bool, String) {
        let output = self.command(words).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).trim().to_string())
    }

    /// As [`try_run`](Manager::try_run), for a command that must succeed.
    pub(crate) fn run(&self, words: &[&str]) -> String {
        let (success, said) = self.try_run(words);
        assert!(success, "{words:?}: {said}");
        said
    }

    /// Writes a file of this name into the directory of units.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let directory = match &self.kind {
            ManagerKind::Box(..) => "/run/systemd/system".to_string(),
            ManagerKind::User => {
                format!("{}/systemd/user", std::env::var("XDG_RUNTIME_DIR").expect("a user manager has one"))
            }
        };
        let path = format!("{directory}/{name}");
        self.put(&path, 644, text.as_bytes());
        path
    }

    /// Writes a file where the manager is.
    pub(crate) fn put(&self, path: &str, mode: u32, content: &[u8]) {
        let script = format!("mkdir -p $(dirname {path}) && cat >{path} && chmod {mode} {path}");
        let mut tee = self.command(&["sh", "-c", &script]).stdin(Stdio::piped()).spawn().unwrap();
        tee.stdin.take().unwrap().write_all(content).unwrap();
        assert!(tee.wait().unwrap().success());
    }

    /// A unit that runs a subject. It is not started yet.
    pub(crate) fn unit(&self, name: &str, text: &str, settings: &str) -> Unit<'_> {
        let exe = self.exe();
        self.unit_of(
            name,
            &format!(
                "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=notify\nNotifyAccess=main\nTimeoutStopSec=20s\n\
                 ExecStart={} --exact subject --nocapture --test-threads=1\nEnvironment=\"RXD_SUBJECT={text}\" RXD_CHECK_INVARIANTS=1\n{settings}\n",
                exe.display()
            ),
        )
    }

    /// A unit with this text. It is not started yet.
    pub(crate) fn unit_of(&self, name: &str, file: &str) -> Unit<'_> {
        let name = format!("rxd-{name}-{}", std::process::id());
        let path = self.write(&format!("{name}.service"), file);
        // No daemon-reload: systemd loads a unit that it does not know by itself, and a reload
        // would cancel the extensions of timeouts in other tests.
        Unit { manager: self, name: format!("{name}.service"), path }
    }
}

/// The first number of what `systemctl show -P Version` says: `257.13-1~deb13u1`.
fn version(said: &[u8]) -> Option<u32> {
    let said = String::from_utf8_lossy(said);
    said.trim().split(|char: char| !char.is_ascii_digit()).find(|part| !part.is_empty())?.parse().ok()
}

/// A directory with a systemd that has everything that is tested, if the machine's own has not. It
/// is made once, and kept in the build directory.
fn newer_tree() -> Result<PathBuf, String> {
    if own_version() >= Some(NOTIFY_RELOAD) {
        return Err("the machine's own is new enough".into());
    }
    let tree = Path::new(env!("CARGO_TARGET_TMPDIR")).join("systemd-tree");
    let mut why = String::new();
    // Downloads may fail.
    for _ in 0..3 {
        if tree.exists() {
            return Ok(tree);
        }
        let made = Command::new(SCRIPT).arg("tree").arg(&tree).output();
        why = made.map_or_else(|error| error.to_string(), |made| String::from_utf8_lossy(&made.stderr).trim().into());
    }
    if tree.exists() { Ok(tree) } else { Err(format!("no newer one can be made: {why}")) }
}

/// The version of the systemd that is installed.
fn own_version() -> Option<u32> {
    let said = Command::new("systemctl").arg("--version").output().ok()?.stdout;
    said.strip_prefix(b"systemd ").and_then(version)
}

/// Whether a missing systemd is a failure.
fn required() -> bool {
    std::env::var_os(REQUIRE).is_some_and(|value| value == "1")
}

/// A unit of the manager. Dropped, it is killed and removed.
#[derive(Debug)]
pub(crate) struct Unit<'a> {
    manager: &'a Manager,
    pub(crate) name: String,
    pub(crate) path: String,
}

impl Unit<'_> {
    /// Runs `systemctl <verb> <unit>`. Returns whether it succeeded, and how long it took.
    pub(crate) fn systemctl(&self, verb: &str) -> (bool, Duration) {
        let begun = Instant::now();
        let (success, _) = self.manager.try_run(&["systemctl", verb, &self.name]);
        (success, begun.elapsed())
    }

    /// As [`systemctl`](Unit::systemctl), without waiting for the job.
    pub(crate) fn begin(&self, verb: &str) {
        self.manager.run(&["systemctl", "--no-block", verb, &self.name]);
    }

    pub(crate) fn start(&self) {
        let (success, _) = self.systemctl("start");
        assert!(success, "{}", self.describe());
    }

    pub(crate) fn kill(&self, signal: &str) {
        self.manager.run(&["systemctl", "kill", "--kill-who=main", "-s", signal, &self.name]);
    }

    pub(crate) fn show(&self, property: &str) -> String {
        self.manager.run(&["systemctl", "show", "-P", property, &self.name])
    }

    /// Waits until the property is right, and returns it.
    pub(crate) fn until(&self, property: &str, right: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let value = self.show(property);
            if right(&value) {
                return value;
            }
            assert!(begun.elapsed() < WAIT_LIMIT, "{property}={value}: {}", self.describe());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the unit's journal contains this text.
    pub(crate) fn until_journal(&self, text: &str) {
        let begun = Instant::now();
        while !self.journal(&[]).contains(text) {
            assert!(begun.elapsed() < WAIT_LIMIT, "`{text}` is not in the journal: {}", self.describe());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the watchdog has been pinged for this long.
    pub(crate) fn wait_while_pinged(&self, time: Duration) {
        let pinged_at = || self.show("WatchdogTimestampMonotonic").parse::<u128>().expect("microseconds");
        let until = pinged_at() + time.as_micros();
        self.until("WatchdogTimestampMonotonic", |_| pinged_at() >= until);
    }

    /// The journal of the unit's main process, in this output format.
    pub(crate) fn main_log(&self, form: &str) -> String {
        let pid = format!("_PID={}", self.show("MainPID"));
        self.sync();
        self.manager.run(&["journalctl", "--no-pager", "-o", form, &pid])
    }

    /// The journal's records of how the unit failed. (The property `Result` is that of the process
    /// running now.)
    pub(crate) fn failures(&self, result: &str) -> String {
        self.sync();
        let field = if self.manager.is_system() { "UNIT" } else { "USER_UNIT" };
        let (result, unit) = (format!("UNIT_RESULT={result}"), format!("{field}={}", self.name));
        self.manager.run(&["journalctl", "--no-pager", "-o", "cat", &result, &unit])
    }

    fn sync(&self) {
        let (synced, said) = self.manager.try_run(&["journalctl", "--sync"]);
        assert!(synced || !self.manager.is_system(), "{said}");
    }

    /// The journal of the unit, with systemd's own records.
    pub(crate) fn journal(&self, filter: &[&str]) -> String {
        self.sync();
        let words = ["journalctl", "--no-pager", "-o", "cat", "-u", &self.name];
        self.manager.try_run(&[&words, filter].concat()).1
    }

    pub(crate) fn describe(&self) -> String {
        let (_, status) = self.manager.try_run(&["systemctl", "status", "--no-pager", "-n", "30", &self.name]);
        status
    }
}

impl Drop for Unit<'_> {
    fn drop(&mut self) {
        self.manager.try_run(&["systemctl", "kill", "-s", "KILL", &self.name]);
        self.manager.try_run(&["systemctl", "stop", &self.name]);
        self.manager.try_run(&["systemctl", "reset-failed", &self.name]);
        self.manager.try_run(&["rm", "-f", &self.path]);
    }
}
