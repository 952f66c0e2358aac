//! A ready-made service that runs another program: [`Process`].
//!
//! ```no_run
//! use rxd::process::{Process, Ready};
//! use rxd::{Daemon, Service};
//! # use rxd::{Context, Runner};
//! # struct Api;
//! # impl Runner for Api {
//! #     async fn run(&mut self, cx: &Context) -> rxd::Result { cx.cancelled().await; Ok(()) }
//! # }
//!
//! let redis = Process::new("redis-server").args(["--port", "6379"]).ready(Ready::port(6379));
//! let daemon = Daemon::new("agent")
//!     .add(Service::new("redis", redis))
//!     .add(Service::new("api", Api).needs(["redis"]));
//! # let _ = daemon;
//! ```
//!
//! In a declared daemon, put it into a struct of yours, and have that delegate to it:
//!
//! ```
//! use rxd::process::{Process, Ready};
//!
//! #[rxd::service(name = "redis", delegate)]
//! struct Redis(Process);
//!
//! #[rxd::daemon]
//! struct Agent {
//!     redis: Redis,
//! }
//!
//! let agent = Agent { redis: Redis(Process::new("redis-server").ready(Ready::port(6379))) };
//! # let _ = agent.into_daemon();
//! ```
//!
//! See the chapter [processes](https://docs.rs/rxd/latest/rxd/docs/processes/index.html) of the
//! guide.

mod output;
mod ready;
mod running;
mod spec;
mod work;

pub use output::Output;
pub use ready::Ready;

use crate::error::Result;
use crate::platform::Signal;
use crate::service::context::Context;
use crate::service::runner::Runner;
use running::RunningProcess;
use spec::Spec;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A service that runs a program as a child process.
///
/// * **Init** starts it and waits until it is [ready](Process::ready). So its dependents wait for
///   it. A program that cannot be started, that ends before, or that is not ready in time is a
///   failure, with the exit status and the last lines of its standard error.
/// * **Run** lasts until it ends. Its end is a failure that says how it ended: `exited with status
///   3`, `was killed by signal 9 (SIGKILL)`. Status 0 is a successful end of Run, after which the
///   manager decides: by default the service is restarted; with `until_success` it has completed.
/// * **Stop** sends SIGTERM to its process group, and SIGKILL to what is left of that after
///   four-fifths of Stop's limit, at most a second before its end. Then nothing of the group is
///   left, and no zombie.
/// * **A reload** sends the [reload signal](Process::reload_signal), if one is set. Otherwise
///   it does nothing.
///
/// # The process
///
/// * It leads a process group of its own: a Ctrl-C in the terminal reaches the daemon alone. What it
///   starts is in that group, and ends with it, unless it makes a group or a session of its own.
/// * There is no shell. The variables by which systemd speaks to the daemon (`NOTIFY_SOCKET`,
///   `LISTEN_FDS` and the like) are not passed on.
/// * If the service is dropped, or its `stop` is cut short by a forced shutdown, the group is
///   killed. A daemon that is killed itself leaves it running: see the
///   [guide](https://docs.rs/rxd/latest/rxd/docs/processes/index.html#a-daemon-that-is-killed).
///
/// # Output
///
/// Each line is a record of the service, with the target `process` and the field `stream`:
/// standard output at INFO, standard error at WARN; see [`stdout`](Process::stdout).
///
/// * A line of more than 64 KiB is cut there. Bytes that are not UTF-8 or would act on a terminal
///   are escaped. Empty lines are left out.
/// * More than 1,000 lines within a second are read and left out, and a record says how many; see
///   [`lines_per_second`](Process::lines_per_second). So a flood fills no log, and the process
///   never waits for one.
///
/// # Panics
///
/// A runtime without an IO driver is a panic in `init`, which is a failure of the service.
#[must_use = "a process does nothing until it is a service"]
pub struct Process {
    spec: Spec,
    ready: Ready,
    ready_within: Duration,
    running: Option<RunningProcess>,
}

/// Neither arguments nor variables: they may be secret.
impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("program", &self.spec.program)
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}

impl Process {
    /// Runs this program: a path, or a name to look for in `PATH`.
    pub fn new(program: impl Into<OsString>) -> Self {
        let spec = Spec {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            clear_env: false,
            directory: None,
            user: None,
            input: None,
            stdout: Output::Info,
            stderr: Output::Warn,
            lines_per_second: 1000,
            stop_signal: Signal::TERMINATE,
            reload_signal: None,
        };
        Process { spec, ready: Ready::spawned(), ready_within: Duration::from_secs(60), running: None }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.spec.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.spec.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of its environment. The others are those of the daemon.
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.spec.env.push((key.into(), Some(value.into())));
        self
    }

    /// Removes a variable from its environment.
    pub fn env_remove(mut self, key: impl Into<OsString>) -> Self {
        self.spec.env.push((key.into(), None));
        self
    }

    /// Begins with an empty environment, to which [`env`](Process::env) adds. Without a `PATH`, write
    /// the whole path of the program.
    pub fn env_clear(mut self) -> Self {
        self.spec.clear_env = true;
        self.spec.env.clear();
        self
    }

    /// Sets its working directory. Default: that of the daemon. Write an absolute one: whether a
    /// relative path of the program is relative to it depends on the system.
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.spec.directory = Some(directory.into());
        self
    }

    /// Runs it as this user and group, by their numbers, without supplementary groups. The daemon
    /// must be root. `HOME` and `USER` stay as they are. Unix only; elsewhere `init` fails.
    ///
    /// Names are not looked up: that is up to the system's libraries, and a static program has
    /// none of them.
    pub fn user(mut self, uid: u32, gid: u32) -> Self {
        self.spec.user = Some((uid, gid));
        self
    }

    /// Writes these bytes to its standard input, and closes that. Default: no input.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.spec.input = Some(bytes.into());
        self
    }

    /// Sets what becomes of its standard output. Default: records of level INFO.
    pub fn stdout(mut self, output: Output) -> Self {
        self.spec.stdout = output;
        self
    }

    /// Sets what becomes of its standard error. Default: records of level WARN. Its last lines are
    /// also in the error that says how it ended.
    pub fn stderr(mut self, output: Output) -> Self {
        self.spec.stderr = output;
        self
    }

    /// Sets how many lines of one output become records within a second. Default: 1,000.
    pub fn lines_per_second(mut self, most: u32) -> Self {
        self.spec.lines_per_second = most;
        self
    }

    /// Sets when it is ready. Default: [`Ready::spawned`].
    pub fn ready(mut self, ready: Ready) -> Self {
        self.ready = ready;
        self
    }

    /// Sets within which time of its start it must be ready. Default: 60 s. A limit of Init that is
    /// shorter comes first.
    pub fn ready_within(mut self, limit: Duration) -> Self {
        self.ready_within = limit;
        self
    }

    /// Sets the signal that asks its group to end. Default: SIGTERM. Windows has no signals: there
    /// the process is ended at once.
    pub fn stop_signal(mut self, signal: Signal) -> Self {
        self.spec.stop_signal = signal;
        self
    }

    /// Sets the signal that a reload sends to the process itself, not to its group. Default: none.
    ///
    /// Nothing says whether the process has reloaded: the reload succeeds once the signal is sent.
    pub fn reload_signal(mut self, signal: Signal) -> Self {
        self.spec.reload_signal = Some(signal);
        self
    }
}

#[diagnostic::do_not_recommend]
impl Runner for Process {
    async fn init(&mut self, cx: &Context) -> Result {
        // The last one, should there be one, is killed first.
        self.running = None;
        self.ready.refuse_impossible(&self.spec.name())?;
        self.ready.refuse_taken(&self.spec.name()).await?;
        let running = self.running.insert(RunningProcess::start(&self.spec, &self.ready, cx)?);
        running.until_ready(cx, &self.ready, self.ready_within).await
    }

    async fn run(&mut self, cx: &Context) -> Result {
        match &mut self.running {
            Some(running) => running.until_ended(cx).await,
            None => Err("the process was not started: `init` was not called, or failed".into()),
        }
    }

    async fn stop(&mut self, cx: &Context) -> Result {
        match self.running.take() {
            Some(running) => running.stop(cx, self.spec.stop_signal).await,
            None => Ok(()),
        }
    }

    async fn reload(&mut self, _: &Context) -> Result {
        match (&mut self.running, self.spec.reload_signal) {
            (Some(running), Some(signal)) => running.reload(signal),
            _ => Ok(()),
        }
    }
}
