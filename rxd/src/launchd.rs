//! A daemon under launchd, the service manager of macOS.
//!
//! [`Daemon::launchd_plist`](crate::Daemon::launchd_plist) makes the property list that launchd
//! starts the daemon from. A running daemon does not use it, since launchd asks nothing of one: it
//! takes no readiness and no status, and pings no watchdog. It sends SIGTERM to stop a daemon, and
//! SIGKILL after `ExitTimeOut`. The functions are `#[inline]`, so only a program that makes such a list
//! compiles them.

use crate::escape::xml;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How much longer launchd waits than the daemon's own limit, so that rxd reports what went wrong
/// before launchd kills the process.
const TIMEOUT_MARGIN: Duration = Duration::from_secs(5);

/// A property list for launchd, made from what a daemon declares.
///
/// * launchd starts the daemon when the list is loaded, and again, after at least 10 s, when it has
///   failed; not after it has ended well (`KeepAlive`, `SuccessfulExit`).
/// * `ExitTimeOut` is the daemon's `shutdown_timeout` and 5 s. launchd's own default is 20 s.
/// * Standard error, where the log goes, is appended to a file. By default launchd discards it.
///
/// It prints as the whole file, for `/Library/LaunchDaemons`:
///
/// ```
/// # use rxd::{Context, Daemon, Runner, Service};
/// # struct Db;
/// # impl Runner for Db { async fn run(&mut self, _: &Context) -> rxd::Result { Ok(()) } }
/// let daemon = Daemon::new("agent").add(Service::new("db", Db));
/// let plist = daemon.launchd_plist().label("com.example.agent").exec("/usr/local/bin/agent").user("_agent");
/// assert_eq!(plist.name(), "com.example.agent.plist");
/// assert!(plist.to_string().contains("<key>ExitTimeOut</key>\n\t<integer>35</integer>"));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a property list does nothing until it is printed"]
pub struct Plist {
    label: String,
    exec: PathBuf,
    args: Vec<String>,
    user: Option<String>,
    log_file: PathBuf,
    shutdown_timeout: Duration,
}

impl Plist {
    /// That of a daemon with this name.
    #[inline]
    pub(crate) fn new(daemon: &str, shutdown_timeout: Duration) -> Self {
        let name = plain(daemon);
        Plist {
            exec: Path::new("/usr/local/bin").join(&name),
            log_file: Path::new("/var/log").join(format!("{name}.log")),
            label: name,
            args: Vec::new(),
            user: None,
            shutdown_timeout,
        }
    }

    /// The name that identifies the daemon to launchd, by custom `com.example.agent`. Characters
    /// other than ASCII letters, digits, `-`, `_` and `.` become `-`. Default: the daemon's name.
    #[inline]
    pub fn label(mut self, label: impl AsRef<str>) -> Self {
        self.label = plain(label.as_ref());
        self
    }

    /// The program, without arguments: add those by [`arg`](Plist::arg). Default: `/usr/local/bin/`
    /// and the daemon's name.
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

    /// The user to run as. Default: root, or the user whose `launchd` loads it.
    #[inline]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// The file to which standard error is appended. Default: `/var/log/`, the daemon's name, and
    /// `.log`. A user without root needs another one.
    #[inline]
    pub fn log_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.log_file = path.into();
        self
    }

    /// The name of the file: the label and `.plist`.
    #[must_use]
    #[inline]
    pub fn name(&self) -> String {
        format!("{}.plist", self.label)
    }

    /// In whole seconds; 0, which is for ever, if launchd cannot count that many.
    #[inline]
    fn exit_timeout(&self) -> i32 {
        let limit = self.shutdown_timeout.saturating_add(TIMEOUT_MARGIN);
        i32::try_from(limit.as_nanos().div_ceil(1_000_000_000)).unwrap_or(0)
    }
}

impl fmt::Display for Plist {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (exec, log_file) = (self.exec.to_string_lossy(), self.log_file.to_string_lossy());
        writeln!(f, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
        writeln!(
            f,
            r#"<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">"#
        )?;
        writeln!(f, "<plist version=\"1.0\">\n<dict>")?;
        write_string(f, "Label", &self.label)?;
        writeln!(f, "\t<key>ProgramArguments</key>\n\t<array>")?;
        for word in [&*exec].into_iter().chain(self.args.iter().map(String::as_str)) {
            writeln!(f, "\t\t<string>{}</string>", xml(word))?;
        }
        writeln!(f, "\t</array>")?;
        if let Some(user) = &self.user {
            write_string(f, "UserName", user)?;
        }
        writeln!(f, "\t<key>RunAtLoad</key>\n\t<true/>")?;
        writeln!(f, "\t<key>KeepAlive</key>\n\t<dict>\n\t\t<key>SuccessfulExit</key>\n\t\t<false/>\n\t</dict>")?;
        writeln!(f, "\t<key>ExitTimeOut</key>\n\t<integer>{}</integer>", self.exit_timeout())?;
        write_string(f, "StandardErrorPath", &log_file)?;
        writeln!(f, "</dict>\n</plist>")
    }
}

#[inline]
fn write_string(f: &mut fmt::Formatter<'_>, key: &str, value: &str) -> fmt::Result {
    writeln!(f, "\t<key>{key}</key>\n\t<string>{}</string>", xml(value))
}

/// The text as a label, which is also the name of a file.
#[inline]
fn plain(text: &str) -> String {
    text.replace(|char: char| !char.is_ascii_alphanumeric() && !"-_.".contains(char), "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plist(seconds: f64) -> Plist {
        Plist::new("edge agent", Duration::from_secs_f64(seconds))
    }

    #[test]
    fn plist_has_what_the_daemon_declares() {
        let text = plist(2.5).label("com.example.agent").arg("--config=/etc/a b.toml").user("_agent").to_string();
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>com.example.agent</string>
	<key>ProgramArguments</key>
	<array>
		<string>/usr/local/bin/edge-agent</string>
		<string>--config=/etc/a b.toml</string>
	</array>
	<key>UserName</key>
	<string>_agent</string>
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<dict>
		<key>SuccessfulExit</key>
		<false/>
	</dict>
	<key>ExitTimeOut</key>
	<integer>8</integer>
	<key>StandardErrorPath</key>
	<string>/var/log/edge-agent.log</string>
</dict>
</plist>
"#;
        assert_eq!(text.replace('\\', "/"), expected);
    }

    #[test]
    fn plist_value_adds_no_key_and_no_path() {
        let evil = "</string><key>Program</key>&\n\0\u{1b}../x";
        let text = plist(1.0).label(evil).exec(evil).arg(evil).user(evil).log_file(evil).to_string();
        assert_eq!(text.matches("<key>").count(), 8, "{text}");
        assert!(text.contains("&lt;/string&gt;&lt;key&gt;Program&lt;/key&gt;&amp;"), "{text}");
        assert!(!text.contains(['\0', '\u{1b}']), "{text}");
        assert!(!plist(1.0).label(evil).name().contains('/'));
    }

    #[test]
    fn plist_of_a_daemon_without_a_real_limit_waits_for_ever() {
        assert!(Plist::new("a", Duration::MAX).to_string().contains("<integer>0</integer>"));
        assert!(Plist::new("a", Duration::ZERO).to_string().contains("<integer>5</integer>"));
    }
}
