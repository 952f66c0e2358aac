//! A process that was started, until all of it has ended.

use super::output::{Findings, LineReader, Lines, Output};
use super::ready::{NotifyReader, Ready, ReadyWhen};
use super::spec::Spec;
use super::work::{ChildWork, Continued};
use crate::error::{AnyError, Cancelled, Result};
use crate::panic::emit;
use crate::platform::{ChildExit, ChildNotifySocket, ChildProcess, Signal, signal_name};
use crate::race::{Winner, race};
use crate::service::context::Context;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::time::timeout;

/// How long the end of an output is waited for after its process has ended: a process that has left
/// the group may hold it open.
const LAST_OUTPUT: Duration = Duration::from_millis(200);

/// The part of Stop's limit that is kept for the end of what is killed, and its most.
const KILL_PART: u32 = 5;
const MAX_KILL_TIME: Duration = Duration::from_secs(1);

/// For how long a killed group is waited for, if there is no limit.
const KILLED_TIMEOUT: Duration = Duration::from_secs(5);

/// See the module. Dropping it kills the process and its group.
pub(super) struct RunningProcess {
    name: String,
    child: ChildProcess,
    findings: Arc<Findings>,
    stdout: Continued<LineReader>,
    stderr: Continued<LineReader>,
    stdin: Continued<InputWriter>,
    notify: Continued<NotifyReader>,
    /// Whether it sets the status text of the service.
    has_status: bool,
}

impl RunningProcess {
    /// Starts the process, and reads what it writes.
    pub(super) fn start(spec: &Spec, ready: &Ready, cx: &Context) -> Result<Self> {
        let name = spec.name();
        let socket = match ready.0 {
            ReadyWhen::Notify => Some(ChildNotifySocket::bind(spec.user).map_err(|error| {
                AnyError::msg(format_args!("failed to start `{name}`: no socket for its NOTIFY_SOCKET: {error}"))
            })?),
            _ => None,
        };
        let is_recorded = |output| !matches!(output, Output::Discard | Output::Inherit);
        if matches!(ready.0, ReadyWhen::Line(_)) && !is_recorded(spec.stdout) && !is_recorded(spec.stderr) {
            let target = ready.target();
            return Err(AnyError::msg(format_args!(
                "`{name}` was not started: it could not be seen to write {target}, since none of its outputs is recorded; leave out `stdout` or `stderr`"
            )));
        }
        let mut child = spec.spawn(socket.as_ref().map(ChildNotifySocket::path))?;
        let findings = Arc::<Findings>::default();
        let line = match &ready.0 {
            ReadyWhen::Line(line) => Some(line.as_bytes()),
            _ => None,
        };
        let lines = |stream, output: Output| {
            Lines::new((stream, output), spec.lines_per_second, line.map(<[u8]>::to_vec), findings.clone())
        };
        let stdout =
            child.take_stdout().map(|pipe| LineReader { pipe: Box::new(pipe), lines: lines("stdout", spec.stdout) });
        let stderr =
            child.take_stderr().map(|pipe| LineReader { pipe: Box::new(pipe), lines: lines("stderr", spec.stderr) });
        let input = child.take_stdin().zip(spec.input.clone());
        let stdin = input.map(|(pipe, bytes)| InputWriter { pipe, bytes, written: 0 });
        let has_status = socket.is_some();
        let notify = socket.map(|socket| NotifyReader { socket, findings: findings.clone() });
        emit!(DEBUG, target: "rxd", pid = child.id(), "started `{name}`");
        Ok(RunningProcess {
            name,
            child,
            stdout: Continued::start(cx, "stdout", stdout),
            stderr: Continued::start(cx, "stderr", stderr),
            stdin: Continued::start(cx, "stdin", stdin),
            notify: Continued::start(cx, "notify", notify),
            findings,
            has_status,
        })
    }

    /// Waits until it is ready.
    pub(super) async fn until_ready(&mut self, cx: &Context, ready: &Ready, within: Duration) -> Result {
        let mut cause = String::new();
        let wait = timeout(within, ready.wait(cx, &self.findings, &mut cause));
        // An exit comes before a success: another process may answer in its place.
        let ended = match race(cx.cancelled(), race(self.child.exited(), wait)).await {
            Winner::First(()) => return Err(Cancelled.into()),
            Winner::Second(ended) => ended,
        };
        if !self.has_status {
            cx.status("");
        }
        match ended {
            Winner::Second(Ok(())) => Ok(()),
            Winner::Second(Err(_)) => {
                let because = if cause.is_empty() { String::new() } else { format!(": {cause}") };
                let (name, target) = (&self.name, ready.target());
                let last = self.findings.last_lines();
                Err(AnyError::msg(format_args!(
                    "`{name}` was not ready within {within:?}: waited for {target}{because}{last}"
                )))
            }
            // `run` returns at once.
            Winner::First(ChildExit::Status(0)) if ready.0 == ReadyWhen::Spawned => Ok(()),
            Winner::First(exit) => {
                let hint = match exit {
                    ChildExit::Status(0) => {
                        "; if it has put itself into the background, have it stay in the foreground"
                    }
                    _ => "",
                };
                let last = self.last_lines().await;
                Err(AnyError::msg(format_args!("`{}` {exit} before it was ready{hint}{last}", self.name)))
            }
        }
    }

    /// Waits until it ends by itself, which is an error unless it does so with status 0, or until
    /// the context is cancelled.
    pub(super) async fn until_ended(&mut self, cx: &Context) -> Result {
        self.resume(cx).await;
        let exit = match race(cx.cancelled(), self.child.exited()).await {
            // Not `Ok`: a reload must not complete a one-shot.
            Winner::First(()) => return Err(Cancelled.into()),
            Winner::Second(exit) => exit,
        };
        if exit != ChildExit::Status(0) {
            let last = self.last_lines().await;
            return Err(AnyError::msg(format_args!("`{}` {exit}{last}", self.name)));
        }
        if self.child.has_others() {
            return Err(AnyError::msg(format_args!(
                "`{}` {exit}, and has left processes in its group, which are ended; have it stay in the foreground",
                self.name
            )));
        }
        emit!(INFO, target: "rxd", "`{}` {exit}", self.name);
        Ok(())
    }

    /// Continues what a reload, or the end of Run, has interrupted.
    async fn resume(&mut self, cx: &Context) {
        self.stdout.resume(cx).await;
        self.stderr.resume(cx).await;
        self.stdin.resume(cx).await;
        self.notify.resume(cx).await;
    }

    /// The last lines of standard error of a process that has ended, as they continue an error.
    async fn last_lines(&mut self) -> String {
        self.stderr.done_within(LAST_OUTPUT).await;
        self.findings.last_lines()
    }

    /// Sends the signal that asks for a reload.
    pub(super) fn reload(&mut self, signal: Signal) -> Result {
        self.child
            .signal(signal)
            .map_err(|error| AnyError::msg(format_args!("failed to send {} to `{}`: {error}", word(signal), self.name)))
    }

    /// Ends the process and its group: asks by a signal, and kills what is left shortly before the
    /// limit of Stop.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills the group.
    pub(super) async fn stop(mut self, cx: &Context, signal: Signal) -> Result {
        self.resume(cx).await;
        // Nothing of it is left if it has ended by itself, and alone.
        if let Err(error) = self.child.signal_group(signal) {
            emit!(WARN, target: "rxd", "failed to send {} to the group of `{}`: {error}", word(signal), self.name);
        }
        let limit = cx.time_left();
        let patience = limit.map(|limit| limit.saturating_sub((limit / KILL_PART).min(MAX_KILL_TIME)));
        let ended = match patience {
            Some(patience) => timeout(patience, self.child.group_ended()).await.is_ok(),
            None => {
                self.child.group_ended().await;
                true
            }
        };
        if !ended {
            let patience = patience.unwrap_or_default();
            emit!(
                WARN, target: "rxd",
                "`{}`, or what it has started, did not end within {patience:?} of {}: the group is killed", self.name, word(signal)
            );
            if let Err(error) = self.child.kill_group() {
                emit!(ERROR, target: "rxd", "failed to kill the group of `{}`: {error}", self.name);
            }
            // A process that waits for a device does not end before that answers.
            if timeout(KILLED_TIMEOUT, self.child.group_ended()).await.is_err() {
                return Err(AnyError::msg(format_args!("`{}` was killed, and has not ended", self.name)));
            }
        }
        self.stdout.done_within(LAST_OUTPUT).await;
        self.stderr.done_within(LAST_OUTPUT).await;
        if self.has_status {
            cx.status("");
        }
        let exit = self.child.exited().await;
        emit!(DEBUG, target: "rxd", "ended `{}`: it {exit}", self.name);
        Ok(())
    }
}

/// A signal in a message.
fn word(signal: Signal) -> String {
    let number = signal.as_raw();
    signal_name(number).map_or_else(|| format!("signal {number}"), str::to_owned)
}

/// Writes the input of a process, and closes it.
struct InputWriter {
    pipe: ChildStdin,
    bytes: Vec<u8>,
    written: usize,
}

impl ChildWork for InputWriter {
    async fn work(mut self, cx: Context) -> Option<Self> {
        while self.written < self.bytes.len() {
            let write = self.pipe.write(&self.bytes[self.written..]);
            match race(cx.cancelled(), write).await {
                Winner::First(()) => return Some(self),
                Winner::Second(Ok(count)) => self.written += count,
                // It has closed its input.
                Winner::Second(Err(_)) => break,
            }
        }
        None
    }
}
