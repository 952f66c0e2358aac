//! `rxdctl`: what runs, why something does not, and a dial for each log, on the command line.
//!
//! It asks the admin route of a running daemon; nothing has to be set up for it besides that.

mod args;
mod client;
mod commands;
mod show;

use args::{Args, Command};
use clap::{CommandFactory, Parser};
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
    Refused(String),
    NoAnswer(String),
    /// Whoever read our output has left.
    Closed,
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::Refused(error.to_string()),
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
        Err(error) => return end(Err(Failure::Refused(error.to_string()))),
    };
    end(runtime.block_on(commands::run(args)))
}

fn end(result: Result<Status, Failure>) -> ExitCode {
    let (status, said) = match result {
        Ok(status) => (status, None),
        Err(Failure::Closed) => (Status::Done, None),
        Err(Failure::Refused(said)) => (Status::Refused, Some(said)),
        Err(Failure::NoAnswer(said)) => (Status::NoAnswer, Some(said)),
    };
    if let Some(said) = said {
        let _ = writeln!(std::io::stderr(), "rxdctl: {said}");
    }
    ExitCode::from(status as u8)
}
