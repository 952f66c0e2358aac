//! What is started, and what is wrong if that fails.

use super::output::Output;
use crate::error::AnyError;
use crate::platform::{ChildProcess, Signal};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// What a service manager has set for this process, and not for those that it starts.
const OWN_VARIABLES: [&str; 6] =
    ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"];

/// A command, and how it is run.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    /// In order; without a value the variable is removed.
    pub(super) env: Vec<(OsString, Option<OsString>)>,
    pub(super) clear_env: bool,
    pub(super) directory: Option<PathBuf>,
    pub(super) user: Option<(u32, u32)>,
    pub(super) input: Option<Vec<u8>>,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
    pub(super) lines_per_second: u32,
    pub(super) stop_signal: Signal,
    pub(super) reload_signal: Option<Signal>,
}

impl Spec {
    pub(super) fn name(&self) -> String {
        Path::new(&self.program).display().to_string()
    }

    /// Starts it.
    pub(super) fn spawn(&self, notify: Option<&Path>) -> Result<ChildProcess, AnyError> {
        let mut command = Command::new(&self.program);
        command.args(&self.args);
        if self.clear_env {
            command.env_clear();
        } else {
            for variable in OWN_VARIABLES {
                command.env_remove(variable);
            }
        }
        for (key, value) in &self.env {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        if let Some(path) = notify {
            command.env("NOTIFY_SOCKET", path);
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(self.stdout.stdio()).stderr(self.stderr.stdio());
        let user = self.user.map_or(Ok(()), |(uid, gid)| ChildProcess::set_user(&mut command, uid, gid));
        user.and_then(|()| ChildProcess::spawn(&mut command))
            .map_err(|error| AnyError::msg(format_args!("failed to start `{}`: {}", self.name(), self.explain(&error))))
    }

    /// What an error of the start means, and what to do.
    fn explain(&self, error: &io::Error) -> String {
        let path = Path::new(&self.program);
        let is_name = path.components().count() < 2 && !path.is_absolute();
        let there = self.directory.as_deref().unwrap_or(Path::new("")).join(path);
        match (error.kind(), &self.directory) {
            (io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, Some(directory)) if !directory.is_dir() => {
                format!("its working directory `{}` does not exist", directory.display())
            }
            (io::ErrorKind::NotFound, _) if is_name => {
                let text = "there is no such program in PATH";
                match self.search_path() {
                    Some(value) => {
                        format!(
                            "{text}, which is `{}`; install it, or write its whole path",
                            Path::new(&value).display()
                        )
                    }
                    None => format!("{text}, which is not set; write its whole path"),
                }
            }
            (io::ErrorKind::NotFound, _) if there.is_file() => {
                "the file exists, but not the interpreter in its first line, or the loader that it needs".to_owned()
            }
            (io::ErrorKind::NotFound, _) => "there is no such file".to_owned(),
            (io::ErrorKind::PermissionDenied, _) if there.is_dir() => "it is a directory".to_owned(),
            (io::ErrorKind::PermissionDenied, _) => match self.user {
                Some((uid, _)) => format!(
                    "{error}; to run it as user {uid} the daemon must be root, and that user must be allowed to execute it"
                ),
                None => format!(
                    "{error}; make it executable, `chmod +x`, and each folder above it open to the daemon's user"
                ),
            },
            _ => error.to_string(),
        }
    }

    /// Where a name is looked for.
    fn search_path(&self) -> Option<OsString> {
        let set = self.env.iter().rev().find(|(key, _)| key == OsStr::new("PATH"));
        match set {
            Some((_, value)) => value.clone(),
            None if self.clear_env => None,
            None => std::env::var_os("PATH"),
        }
    }
}

impl Output {
    fn stdio(self) -> Stdio {
        match self {
            Output::Discard => Stdio::null(),
            Output::Inherit => Stdio::inherit(),
            Output::Debug | Output::Info | Output::Warn | Output::Error => Stdio::piped(),
        }
    }
}
