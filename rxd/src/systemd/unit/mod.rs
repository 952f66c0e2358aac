//! A systemd unit file made from what a daemon declares: its limits, its name and its watchdog.
//!
//! `Daemon::unit` makes it. A running daemon does not use it. Its functions are `#[inline]`, so only
//! a program that makes a unit compiles them.

mod limits;
mod sandbox;

use crate::graph::Graph;
use crate::lifecycle::duration::rounded_up;
use limits::LongestPaths;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How much longer systemd waits than the daemon's own limits, so that rxd reports what went wrong
/// before systemd kills the process.
const TIMEOUT_MARGIN: Duration = Duration::from_secs(5);

/// The least `TimeoutStartSec=` where a service has no limit: systemd's own default
/// (systemd-system.conf(5), `DefaultTimeoutStartSec=`).
const DEFAULT_START_TIMEOUT: Duration = Duration::from_secs(90);

/// `WatchdogSec=` where no `watchdog_interval` is declared.
const DEFAULT_WATCHDOG_TIMEOUT: Duration = Duration::from_secs(30);

/// The first version of systemd with `Type=notify-reload` (systemd.service(5)).
const NOTIFY_RELOAD: u32 = 253;

/// The first version of systemd whose delay between restarts can grow: `RestartSteps=`.
const RESTART_STEPS: u32 = 254;

/// What systemd takes for a prefix of the program in `ExecStart=`, and not for its path
/// (systemd.service(5), "Command lines").
const PREFIXES: [char; 6] = ['@', '-', ':', '+', '!', '|'];

/// A service unit of systemd, made from what a daemon declares.
///
/// * `TimeoutStartSec=` covers the limits and delays that are declared along the longest path
///   through the gates; with a `start_timeout` that, the prestart stages, and the stop after it.
/// * `TimeoutStopSec=` covers the daemon's `drain` and `shutdown_timeout`.
/// * `WatchdogSec=` is twice `watchdog_interval`, or 30 s.
/// * systemd starts a daemon that failed again after 1 s, and never gives up
///   (`StartLimitIntervalSec=0`). From systemd 254 the delay grows to 30 s.
///
/// No value can add a line to the file: line breaks in it become spaces.
///
/// It prints as the whole file:
///
/// ```
/// # use rxd::{Context, Daemon, Options, Runner, Service, State};
/// # use std::time::Duration;
/// # struct Db;
/// # impl Runner for Db { async fn run(&mut self, _: &Context) -> rxd::Result { Ok(()) } }
/// let options = Options::DEFAULT.timeout_of(State::Init, Duration::from_secs(120));
/// let daemon = Daemon::new("agent")
///     .add(Service::new("db", Db).options(options))
///     .watchdog_interval(Duration::from_secs(5));
/// let unit = daemon.unit().exec("/usr/bin/agent").arg("--verbose").set("MemoryMax", "200M");
/// let unit = unit.to_string();
/// assert!(unit.contains("ExecStart=/usr/bin/agent --verbose"));
/// assert!(unit.contains("WatchdogSec=10s"));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a unit does nothing until it is printed"]
pub struct Unit {
    name: String,
    exec: PathBuf,
    args: Vec<String>,
    user: Option<String>,
    version: u32,
    fd_store: u32,
    has_config: bool,
    longest: LongestPaths,
    prestart: Option<Duration>,
    start_timeout: Option<Duration>,
    drain: Duration,
    shutdown_timeout: Duration,
    watchdog_interval: Option<Duration>,
    set: Vec<(String, String)>,
}

impl Unit {
    /// The unit of a daemon with this graph.
    #[inline]
    pub(crate) fn of(graph: &Graph<'_>) -> Self {
        let name: String = graph.daemon.chars().map(|char| if is_plain(char) { char } else { '-' }).collect();
        Unit {
            exec: Path::new("/usr/bin").join(&name),
            name,
            args: Vec::new(),
            user: None,
            version: NOTIFY_RELOAD,
            fd_store: 0,
            has_config: false,
            longest: LongestPaths::of(graph),
            prestart: Some(Duration::ZERO),
            start_timeout: None,
            drain: Duration::ZERO,
            shutdown_timeout: crate::lifecycle::options::daemon::DEFAULT_SHUTDOWN_TIMEOUT,
            watchdog_interval: None,
            set: Vec::new(),
        }
    }

    /// The daemon's `start_timeout`.
    #[inline]
    pub(crate) fn start_timeout(self, limit: Option<Duration>) -> Self {
        Unit { start_timeout: limit, ..self }
    }

    /// The daemon's `drain` and `shutdown_timeout`.
    #[inline]
    pub(crate) fn stop_limits(self, drain: Duration, shutdown_timeout: Duration) -> Self {
        Unit { drain, shutdown_timeout, ..self }
    }

    /// The daemon's `watchdog_interval`; zero: the daemon sends nothing to systemd.
    #[inline]
    pub(crate) fn watchdog_interval(mut self, every: Duration) -> Self {
        self.watchdog_interval = Some(every);
        self
    }

    /// The daemon loads a configuration, which services may refuse.
    #[inline]
    pub(crate) fn with_config(mut self) -> Self {
        self.has_config = true;
        self
    }

    /// A [`prestart`](crate::prestart) stage, and how long it takes at most, if a limit is
    /// declared.
    #[inline]
    pub(crate) fn prestart_stage(mut self, stage: &str, limit: Option<Duration>) -> Self {
        self.prestart = self.prestart.zip(limit).map(|(before, limit)| before.saturating_add(limit));
        match limit {
            Some(limit) => self.longest.start = self.longest.start.saturating_add(limit),
            None => self.longest.add_unlimited(stage),
        }
        self
    }

    /// The program, without arguments: add those by [`arg`](Unit::arg). Default: `/usr/bin/` and
    /// the daemon's name.
    ///
    /// It is a path. What systemd would read as a prefix of it, such as `+`, is left out.
    #[inline]
    pub fn exec(mut self, program: impl Into<PathBuf>) -> Self {
        self.exec = program.into();
        self
    }

    /// Adds one argument.
    #[inline]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// The user to run as. Default: `DynamicUser=yes`, a user that exists while the daemon runs.
    #[inline]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// The version of systemd that the unit is for. Default: 253. Older versions have no
    /// `Type=notify-reload`, and `systemctl reload` may return before the reload is over. From 254,
    /// the delay between restarts grows.
    #[inline]
    pub fn systemd(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// How many descriptors systemd keeps for the daemon over a restart: see
    /// [`store`](super::store()). Default: 0.
    #[inline]
    pub fn fd_store(mut self, descriptors: u32) -> Self {
        self.fd_store = descriptors;
        self
    }

    /// Replaces or adds a setting of the `[Service]` section. An empty value removes it. Setting a
    /// key several times prints it as often.
    ///
    /// Keys that begin with `StartLimit` are in the `[Unit]` section. Characters other than ASCII
    /// letters, digits and `-` are left out of a key.
    #[inline]
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let mut key: String = key.into();
        key.retain(|char| char.is_ascii_alphanumeric() || char == '-');
        self.set.push((key, value.into()));
        self
    }

    /// The unit's name: the daemon's, as a file name.
    #[must_use]
    #[inline]
    pub fn name(&self) -> String {
        format!("{}.service", self.name)
    }

    /// The `[Service]` section, in order.
    #[inline]
    fn service(&self) -> Vec<(&str, String)> {
        let set_type = self.set.iter().rev().find(|(key, _)| key == "Type").map(|(_, value)| &**value);
        // With `Type=notify` systemd would wait for a READY=1 that never comes.
        let is_silent = self.watchdog_interval == Some(Duration::ZERO);
        let reloads = !is_silent && self.version >= NOTIFY_RELOAD && set_type.is_none_or(|set| set == "notify-reload");
        let mut exec = quoted_path(&self.exec.to_string_lossy());
        for arg in &self.args {
            exec.push(' ');
            exec.push_str(&quoted(arg));
        }
        let kind = match is_silent {
            true => "exec",
            false if reloads => "notify-reload",
            false => "notify",
        };
        let mut lines = vec![("Type", kind.to_string())];
        // Stored descriptors go over the same socket, even from a daemon that sends nothing else.
        if !is_silent || self.fd_store > 0 {
            lines.push(("NotifyAccess", "main".into()));
        }
        lines.push(("ExecStart", exec));
        if !reloads {
            lines.push(("ExecReload", "/bin/kill -HUP $MAINPID".into()));
        }
        lines.push(("Restart", "on-failure".into()));
        lines.push(("RestartSec", "1s".into()));
        if self.version >= RESTART_STEPS {
            lines.push(("RestartSteps", "5".into()));
            lines.push(("RestartMaxDelaySec", "30s".into()));
        }
        // SIGTERM for the main process only: the daemon stops its services itself, in their order.
        lines.push(("KillMode", "mixed".into()));
        lines.push(("TimeoutStartSec", rounded_up(self.start())));
        lines.push((
            "TimeoutStopSec",
            rounded_up(self.drain.saturating_add(self.shutdown_timeout).saturating_add(TIMEOUT_MARGIN)),
        ));
        if !is_silent {
            lines.push((
                "WatchdogSec",
                rounded_up(self.watchdog_interval.map_or(DEFAULT_WATCHDOG_TIMEOUT, |every| every.saturating_mul(2))),
            ));
        }
        if self.fd_store > 0 {
            lines.push(("FileDescriptorStoreMax", self.fd_store.to_string()));
        }
        match &self.user {
            Some(user) => lines.push(("User", user.clone())),
            None => lines.push(("DynamicUser", "yes".into())),
        }
        lines.push(("RuntimeDirectory", self.name.clone()));
        lines.push(("StateDirectory", self.name.clone()));
        lines.extend(sandbox::SANDBOX_SETTINGS.iter().map(|(key, value)| (*key, (*value).to_string())));
        lines
    }

    #[inline]
    fn start(&self) -> Duration {
        // The daemon fails by itself then, and stops what it has started.
        if let (Some(prestart), Some(limit)) = (self.prestart, self.start_timeout) {
            return prestart.saturating_add(limit).saturating_add(self.shutdown_timeout).saturating_add(TIMEOUT_MARGIN);
        }
        let declared = self.longest.start.saturating_add(TIMEOUT_MARGIN);
        if self.longest.unlimited.is_empty() { declared } else { declared.max(DEFAULT_START_TIMEOUT) }
    }
}

impl fmt::Display for Unit {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        writeln!(f, "# {name}.service: made by rxd from what {name} declares")?;
        writeln!(f, "#")?;
        if !self.longest.start.is_zero() {
            writeln!(f, "# To start takes up to {} along the longest path of", rounded_up(self.longest.start))?;
            writeln!(f, "# declared limits: {}.", one_line(&self.longest.start_path))?;
        }
        if !self.longest.unlimited.is_empty() {
            let few = super::text::few(&self.longest.unlimited, self.longest.unlimited_all);
            writeln!(f, "# No limit is declared on the start of {}.", one_line(&few))?;
        }
        if self.longest.stop > self.shutdown_timeout {
            writeln!(
                f,
                "# To stop may take {} along {}:",
                rounded_up(self.longest.stop),
                one_line(&self.longest.stop_path)
            )?;
            writeln!(
                f,
                "# what has not ended within shutdown_timeout={} is abandoned.",
                rounded_up(self.shutdown_timeout)
            )?;
        }
        if self.has_config {
            writeln!(f, "# A configuration that a service refuses is in the status. To have `systemctl reload`")?;
            writeln!(f, "# fail, too, set Type=notify, and reload by the admin route: for example")?;
            writeln!(f, "# ExecReload=/usr/bin/rxdctl --at unix:/run/{name}/admin.sock reload")?;
        }
        let (unit, service): (Vec<_>, Vec<_>) =
            self.set.iter().filter(|(key, _)| !key.is_empty()).partition(|(key, _)| key.starts_with("StartLimit"));
        writeln!(f, "\n[Unit]\nDescription={name}\nAfter=network.target")?;
        // systemd's default is to give up after five starts within 10 s.
        write_section(f, &[("StartLimitIntervalSec", "0".into())], unit)?;
        writeln!(f, "\n[Service]")?;
        write_section(f, &self.service(), service)?;
        writeln!(f, "\n[Install]\nWantedBy=multi-user.target")
    }
}

/// Writes these settings, each replaced by those of the same key in `set`, and then the others in
/// `set`.
#[inline]
fn write_section(
    f: &mut fmt::Formatter<'_>,
    settings: &[(&str, String)],
    mut set: Vec<&(String, String)>,
) -> fmt::Result {
    for (key, value) in settings {
        let mut replacements = set.iter().filter(|(other, _)| other == key).peekable();
        if replacements.peek().is_none() {
            writeln!(f, "{key}={}", one_line(value))?;
        }
        for (_, value) in replacements.filter(|(_, value)| !value.is_empty()) {
            writeln!(f, "{key}={}", one_line(value))?;
        }
        set.retain(|(other, _)| other != key);
    }
    for (key, value) in set.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(f, "{key}={}", one_line(value))?;
    }
    Ok(())
}

#[inline]
fn is_plain(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.')
}

/// The text without line breaks. A backslash at the end would join the next line to this one; with
/// a space behind it, it does not, and systemd drops the space.
#[inline]
fn one_line(text: &str) -> String {
    let line = text.replace(|char: char| char.is_control(), " ");
    if line.ends_with('\\') { line + " " } else { line }
}

/// A program as systemd.service(5) reads it: without a prefix, and with `%` escaped. systemd
/// expands no variable in it.
#[inline]
fn quoted_path(path: &str) -> String {
    in_quotes(&path.trim_start_matches(PREFIXES).replace('%', "%%"))
}

/// An argument as systemd.service(5) reads it: with `%` and `$` escaped, so that it stays one word.
#[inline]
fn quoted(arg: &str) -> String {
    in_quotes(&arg.replace('%', "%%").replace('$', "$$"))
}

/// The word in quotes, if it needs some.
#[inline]
fn in_quotes(arg: &str) -> String {
    if !arg.is_empty() && arg.chars().all(|char| is_plain(char) || "/:=,+@%$".contains(char)) {
        return arg.into();
    }
    let mut quoted = String::from('"');
    for char in arg.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            '\n' => quoted.push_str("\\n"),
            char if char.is_control() => quoted.push_str(&format!("\\u{:04x}", char as u32)),
            char => quoted.push(char),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Node;
    use crate::lifecycle::manager::{Manager, continuous};
    use crate::lifecycle::options::Options;

    fn unit(name: &str) -> Unit {
        let nodes = [Node {
            name: "a",
            service_type: None,
            table: &continuous::TABLE,
            edges: &[],
            optional: false,
            options: &Options::DEFAULT,
            family: None,
        }];
        Unit::of(&Graph { daemon: name, nodes: &nodes })
    }

    #[test]
    fn timeouts_cover_the_start_timeout_and_the_drain() {
        let seconds = Duration::from_secs;
        let unit = || unit("agent").stop_limits(seconds(5), seconds(20));
        let lines = |unit: Unit, lines: &[&str]| {
            let text = unit.to_string();
            lines.iter().for_each(|line| assert!(text.lines().any(|other| other == *line), "{line}: {text}"));
        };
        let limited = unit().start_timeout(Some(seconds(60))).prestart_stage("disk", Some(seconds(10)));
        // The stages, the start, the stop of what has been started, and 5 s.
        lines(limited.clone(), &["TimeoutStartSec=95s", "TimeoutStopSec=30s"]);
        // Nothing is known about this stage.
        lines(limited.prestart_stage("db", None), &["TimeoutStartSec=90s"]);
        lines(unit(), &["TimeoutStartSec=90s"]);
    }

    #[test]
    fn argument_with_special_characters_is_quoted() {
        assert_eq!(quoted("--addr=127.0.0.1:80"), "--addr=127.0.0.1:80");
        assert_eq!(quoted("100%$HOME"), "100%%$$HOME");
        assert_eq!(quoted("a \"b\"\n"), "\"a \\\"b\\\"\\n\"");
        assert_eq!(quoted(""), "\"\"");
        assert_eq!(quoted("\u{1b}\u{9b}"), "\"\\u001b\\u009b\"");
    }

    #[test]
    fn x12_program_is_a_path_without_prefix_and_its_dollar_stays() {
        assert_eq!(quoted_path("/opt/a$b/100%"), "/opt/a$b/100%%");
        assert_eq!(quoted_path("+!/usr/bin/agent"), "/usr/bin/agent");
        assert_eq!(quoted_path("/opt/a b"), "\"/opt/a b\"");
    }

    #[test]
    fn x12_no_value_adds_or_swallows_a_line() {
        let evil = "x\nExecStartPre=+/bin/touch X";
        let text = unit("agent").user(evil).exec(evil).arg(evil).set(evil, evil).set("MemoryMax", evil).to_string();
        assert!(!text.contains("\nExecStartPre"), "{text}");
        let text = unit("agent").set("UMask", "0077\\").user("nobody\\").set("[Install]", "x]").to_string();
        assert!(text.lines().all(|line| !line.ends_with('\\')), "{text}");
        assert!(text.contains("\nInstall=x]\n") && text.matches("[Install]").count() == 1, "{text}");
    }

    #[test]
    fn f_unit_never_gives_up_and_its_delay_grows_where_systemd_can() {
        let text = unit("agent").to_string();
        assert!(text.contains("After=network.target\nStartLimitIntervalSec=0\n\n[Service]"), "{text}");
        assert!(!text.contains("RestartSteps"), "{text}");
        let text = unit("agent").systemd(254).to_string();
        assert!(text.contains("RestartSec=1s\nRestartSteps=5\nRestartMaxDelaySec=30s\n"), "{text}");
        let text = unit("agent").set("StartLimitIntervalSec", "1min").set("StartLimitBurst", "5").to_string();
        assert!(text.contains("network.target\nStartLimitIntervalSec=1min\nStartLimitBurst=5\n\n[Service]"), "{text}");
    }

    #[test]
    fn setting_replaces_adds_or_removes_a_line_and_injects_none() {
        let text =
            unit("agent").set("Restart", "always").set("MemoryMax", "1G\n[Install]").set("PrivateTmp", "").to_string();
        assert!(text.contains("Restart=always\n") && !text.contains("on-failure"));
        assert!(text.contains("MemoryMax=1G [Install]\n"));
        assert!(!text.contains("PrivateTmp"));
    }

    #[test]
    fn daemon_name_with_special_characters_becomes_a_file_name() {
        assert_eq!(unit("edge agent/1\n").name(), "edge-agent-1-.service");
    }

    #[test]
    fn g60_unit_with_watchdog_interval_zero_does_not_wait_for_ready() {
        let text = unit("agent").watchdog_interval(Duration::ZERO).to_string();
        assert!(text.contains("Type=exec\n") && text.contains("ExecReload=/bin/kill -HUP $MAINPID"), "{text}");
        assert!(!text.contains("NotifyAccess") && !text.contains("WatchdogSec"), "{text}");
        let text = unit("agent").watchdog_interval(Duration::ZERO).fd_store(1).to_string();
        assert!(text.contains("NotifyAccess=main\n") && text.contains("FileDescriptorStoreMax=1\n"), "{text}");
    }

    #[test]
    fn unit_for_an_older_systemd_reloads_by_signal() {
        let text = unit("agent").systemd(252).to_string();
        assert!(text.contains("Type=notify\n") && text.contains("ExecReload=/bin/kill -HUP $MAINPID"));
        let text = unit("agent").to_string();
        assert!(text.contains("Type=notify-reload\n") && !text.contains("ExecReload"));
    }

    #[test]
    fn unit_of_another_type_reloads_by_signal() {
        let text = unit("agent").set("Type", "exec").to_string();
        assert!(text.contains("Type=exec\n") && text.contains("ExecReload=/bin/kill -HUP $MAINPID"));
        let text = unit("agent").set("Type", "exec").set("ExecReload", "").to_string();
        assert!(!text.contains("ExecReload"));
    }
}
