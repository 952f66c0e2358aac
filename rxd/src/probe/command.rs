//! A probe that runs a program.

use super::checks::{Checks, setters};
use crate::platform::ChildGroup;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

/// Runs a program, and expects it to exit with status 0. See the [module](super).
///
/// * The program gets no input, and what it prints is discarded.
/// * What the command has started, and leaves running when it exits by itself, is left alone.
/// * At the end of its limit, and when the service is cancelled, it is killed with SIGKILL, and on
///   Unix all that it has started and that is in its process group with it. The runtime waits for
///   it, so no zombie is left.
/// * It runs with the environment, the directory and the user of the daemon. There is no shell.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a probe does nothing until it is a service"]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    pub(super) checks: Checks,
}

impl Command {
    /// Runs this program: a path, or a name to look for in `PATH`.
    pub fn new(program: impl Into<OsString>) -> Self {
        Command { program: program.into(), args: Vec::new(), checks: Checks::DEFAULT }
    }

    /// Adds arguments.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    fn target(&self) -> String {
        format!("command `{}`", Path::new(&self.program).display())
    }

    async fn check(&self) -> Result<(), String> {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        ChildGroup::prepare(&mut command);
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        // Dropped before the child, which is waited for: the number of the group is its own until then.
        let mut group = ChildGroup::of(&child);
        let status = child.wait().await.map_err(|error| error.to_string())?;
        group.has_ended();
        if status.success() { Ok(()) } else { Err(status.to_string()) }
    }
}

setters!(Command);
