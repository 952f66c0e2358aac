//! `rxdctl`: the command line of the admin route of a daemon that is built with rxd.
//!
//! It shows the state of the services and the reason for it, sets log levels, acts on services, and
//! follows transitions. It needs the address of the admin route, and its token if it requires one.

mod args;
mod client;
mod commands;
mod show;

use args::{Args, CliCommand};
use clap::{CommandFactory, Parser};
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// The exit status of a command, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ExitStatus {
    /// The command succeeded; for `status`: every service shown is ready.
    Done = 0,
    /// The daemon refused the request, or could not carry it out.
    Refused = 1,
    /// `status`: not every service shown is ready.
    NotReady = 3,
    /// No daemon answers at the address.
    NoAnswer = 4,
}

/// Why a command failed.
#[derive(Debug)]
enum CliError {
    /// The message, and the problem that the daemon sent, if it sent one.
    Refused(String, Option<Box<Value>>),
    NoAnswer(String),
    /// The reader of standard output has closed it.
    OutputClosed,
}

impl CliError {
    fn refused(message: impl std::fmt::Display) -> Self {
        CliError::Refused(message.to_string(), None)
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => CliError::OutputClosed,
            _ => CliError::refused(error),
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let CliCommand::Completions { shell } = args.command {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Args::command(), "rxdctl", &mut text);
        let _ = std::io::stdout().write_all(&text);
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(Err(CliError::refused(error)), args.json),
    };
    let json = args.json;
    end(runtime.block_on(commands::run(args)), json)
}

fn end(result: Result<ExitStatus, CliError>, json: bool) -> ExitCode {
    let (status, message, problem) = match result {
        Ok(status) => (status, None, None),
        Err(CliError::OutputClosed) => (ExitStatus::Done, None, None),
        Err(CliError::Refused(message, problem)) => (ExitStatus::Refused, Some(message), problem),
        Err(CliError::NoAnswer(message)) => (ExitStatus::NoAnswer, Some(message), None),
    };
    if let Some(message) = message {
        let _ = match json {
            true => {
                let error = json!({ "error": message, "exit": status as u8, "problem": problem });
                writeln!(std::io::stderr(), "{}", show::json(&error.to_string()))
            }
            false => writeln!(std::io::stderr(), "rxdctl: {}", show::lines(&message)),
        };
    }
    ExitCode::from(status as u8)
}
