//! `rxdctl`: what runs, why something does not, and a dial for each log, on the command line.
//!
//! It asks the admin route of a running daemon; nothing has to be set up for it besides that.

mod args;
mod client;
mod commands;
mod show;

use args::{Args, Command};
use clap::{CommandFactory, Parser};
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// How a command ended, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// It was done; for `status`: and every service asked about is ready.
    Done = 0,
    /// The daemon refused it, or could not do it.
    Refused = 1,
    /// `status`: not every service asked about is ready.
    NotReady = 3,
    /// No daemon answers there.
    NoAnswer = 4,
}

/// Why a command did not succeed.
#[derive(Debug)]
enum Failure {
    /// In words; and what the daemon said, if it said anything.
    Refused(String, Option<Box<Value>>),
    NoAnswer(String),
    /// Whoever read our output has left.
    Closed,
}

impl Failure {
    fn refused(said: impl std::fmt::Display) -> Self {
        Failure::Refused(said.to_string(), None)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::refused(error),
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Command::Completions { shell } = args.command {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Args::command(), "rxdctl", &mut text);
        let _ = std::io::stdout().write_all(&text);
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(Err(Failure::refused(error)), args.json),
    };
    let json = args.json;
    end(runtime.block_on(commands::run(args)), json)
}

fn end(result: Result<Status, Failure>, json: bool) -> ExitCode {
    let (status, said, problem) = match result {
        Ok(status) => (status, None, None),
        Err(Failure::Closed) => (Status::Done, None, None),
        Err(Failure::Refused(said, problem)) => (Status::Refused, Some(said), problem),
        Err(Failure::NoAnswer(said)) => (Status::NoAnswer, Some(said), None),
    };
    if let Some(said) = said {
        let _ = match json {
            true => {
                writeln!(std::io::stderr(), "{}", json!({ "error": said, "exit": status as u8, "problem": problem }))
            }
            false => writeln!(std::io::stderr(), "rxdctl: {said}"),
        };
    }
    ExitCode::from(status as u8)
}
