//! The program of N services, written for each subject.
//!
//! A service counts once a second until it is cancelled. It is in Run only while the service that
//! it needs runs, and enters Run only once two other services run: three watches. There are ten
//! services in a file.

use super::Subject;
use crate::generated;
use std::fmt::Write;
use std::ops::Range;

/// How many services are in a file.
const IN_A_FILE: usize = 10;

/// The watches of the programs without rxd: each service publishes in a channel whether it runs.
const CHANNELS: &str = "
/// Waits until all of these run. False if it was cancelled before that.
pub async fn all_run(cancel: &CancellationToken, watches: &mut [watch::Receiver<bool>]) -> bool {
    for watched in watches {
        tokio::select! {
            () = cancel.cancelled() => return false,
            _ = watched.wait_for(|runs| *runs) => {}
        }
    }
    !cancel.is_cancelled()
}

/// Waits until the first of these does not run.
pub async fn lost(watches: &mut [watch::Receiver<bool>]) {
    match watches.first_mut() {
        Some(needed) => _ = needed.wait_for(|runs| !*runs).await,
        None => std::future::pending().await,
    }
}
";

/// A program.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    pub subject: Subject,
    pub services: usize,
}

impl Subject {
    /// The dependencies besides tokio.
    pub fn needs(self) -> &'static str {
        match self {
            Subject::Declared | Subject::Unwatched | Subject::Builder => generated::RXD,
            Subject::Tokio => generated::TOKIO_UTIL,
            Subject::TaskSupervisor => generated::TASK_SUPERVISOR,
        }
    }
}

/// What the service watches: first the one that it needs, then the gates. The first services watch
/// fewer than three.
fn watched(service: usize) -> Vec<usize> {
    let mut watched: Vec<usize> = [2, 3, 4].map(|part| service / part).into();
    watched.dedup();
    watched.retain(|&other| other < service);
    watched
}

impl Program {
    /// The file in the middle, which is the one that is touched.
    pub fn middle(self) -> usize {
        self.files() / 2
    }

    /// How many files there are besides `main.rs`.
    pub fn files(self) -> usize {
        self.services.div_ceil(IN_A_FILE)
    }

    fn range(self, file: usize) -> Range<usize> {
        file * IN_A_FILE..self.services.min((file + 1) * IN_A_FILE)
    }

    /// Of each service its file, name and type.
    fn all(self) -> impl Iterator<Item = String> {
        (0..self.services).map(|at| format!("group_{}::S{at}", at / IN_A_FILE))
    }

    /// A file of services. The first of them counts by `step`, so another step is a method body
    /// that was touched: the file keeps its lines.
    pub fn file(self, file: usize, step: usize) -> String {
        let range = self.range(file);
        let mut text = String::from(match self.subject {
            Subject::Declared | Subject::Unwatched => "use rxd::{Context, Result, Runner};\nuse std::time::Duration;\n",
            Subject::Builder => {
                "use rxd::{Action, Context, Daemon, Result, Runner, Service, State, When};\nuse std::time::Duration;\n"
            }
            Subject::Tokio => {
                "use std::time::Duration;\nuse tokio::sync::watch;\nuse tokio_util::sync::CancellationToken;\nuse tokio_util::task::TaskTracker;\n"
            }
            Subject::TaskSupervisor => {
                "use std::time::Duration;\nuse task_supervisor::{CancellationToken, SupervisedTask, SupervisorBuilder, TaskResult};\nuse tokio::sync::watch;\n"
            }
        });
        for at in range.clone() {
            self.service(&mut text, at, if at == range.start { step } else { at });
        }
        let adds: String = range.map(|at| self.add(at)).collect();
        match self.subject {
            Subject::Declared | Subject::Unwatched => {}
            Subject::Builder => {
                let _ = writeln!(text, "\npub fn add(daemon: Daemon) -> Daemon {{\n    daemon{adds}\n}}");
            }
            Subject::Tokio => {
                let _ = writeln!(
                    text,
                    "\npub fn spawn(tracker: &TaskTracker, cancel: &CancellationToken, runs: &[watch::Sender<bool>]) {{{adds}\n}}"
                );
            }
            Subject::TaskSupervisor => {
                let _ = writeln!(
                    text,
                    "\npub fn add(builder: SupervisorBuilder, runs: &[watch::Sender<bool>]) -> SupervisorBuilder {{\n    builder{adds}\n}}"
                );
            }
        }
        text
    }

    /// How a service is added by the function of its file.
    fn add(self, at: usize) -> String {
        let watched = watched(at);
        let channels = || {
            let watches: Vec<String> = watched.iter().map(|other| format!("runs[{other}].subscribe()")).collect();
            format!("S{at} {{ work: 0, runs: runs[{at}].clone(), watches: vec![{}] }}", watches.join(", "))
        };
        match self.subject {
            Subject::Declared | Subject::Unwatched => String::new(),
            Subject::Builder => {
                let mut watches = String::new();
                for (place, other) in watched.iter().enumerate() {
                    watches += &match place {
                        0 => format!(".needs([\"s{other}\"])"),
                        _ => format!(".watch(When::any(Action::Entering, State::Run, [\"s{other}\"]))"),
                    };
                }
                format!("\n        .add(Service::new(\"s{at}\", S{at} {{ work: 0 }}){watches})")
            }
            Subject::Tokio => format!("\n    tracker.spawn({}.run(cancel.clone()));", channels()),
            Subject::TaskSupervisor => format!("\n        .with_task(\"s{at}\", {})", channels()),
        }
    }

    fn service(self, text: &mut String, at: usize, step: usize) {
        let rxd = matches!(self.subject, Subject::Declared | Subject::Unwatched | Subject::Builder);
        text.push('\n');
        match self.subject {
            Subject::Declared | Subject::Unwatched => {
                let _ = writeln!(text, "#[rxd::service(name = \"s{at}\")]");
                let watched = if let Subject::Declared = self.subject { watched(at) } else { Vec::new() };
                for (place, other) in watched.iter().enumerate() {
                    let _ = match place {
                        0 => writeln!(text, "#[needs(\"s{other}\")]"),
                        _ => writeln!(text, "#[watch(any, entering, Run, \"s{other}\")]"),
                    };
                }
            }
            Subject::TaskSupervisor => text.push_str("#[derive(Clone)]\n"),
            Subject::Builder | Subject::Tokio => {}
        }
        let channels =
            if rxd { "" } else { "    runs: watch::Sender<bool>,\n    watches: Vec<watch::Receiver<bool>>,\n" };
        let _ = writeln!(text, "pub struct S{at} {{\n    pub work: u64,\n{channels}}}\n");
        let count = |cancelled: &str, lost: &str| {
            format!(
                "let mut every = tokio::time::interval(Duration::from_secs(1));
        loop {{
            tokio::select! {{
                () = {cancelled} => break,{lost}
                _ = every.tick() => self.work += {step},
            }}
        }}
        println!(\"s{at} worked {{}} times\", self.work);"
            )
        };
        let lost = "\n                () = crate::lost(&mut self.watches) => break,";
        let in_channels = format!(
            "while crate::all_run(&cancel, &mut self.watches).await {{
        self.runs.send_replace(true);
        {}
        self.runs.send_replace(false);
        }}",
            count("cancel.cancelled()", lost)
        );
        let _ = match self.subject {
            Subject::Declared | Subject::Unwatched | Subject::Builder => writeln!(
                text,
                "impl Runner for S{at} {{\n    async fn run(&mut self, cx: &Context) -> Result {{\n        {}\n        Ok(())\n    }}\n}}",
                count("cx.cancelled()", "")
            ),
            Subject::Tokio => writeln!(
                text,
                "impl S{at} {{\n    async fn run(mut self, cancel: CancellationToken) {{\n        {in_channels}\n    }}\n}}"
            ),
            Subject::TaskSupervisor => writeln!(
                text,
                "impl SupervisedTask for S{at} {{\n    async fn run(mut self, cancel: CancellationToken) -> TaskResult {{\n        {in_channels}\n        Ok(())\n    }}\n}}"
            ),
        };
    }

    /// `main.rs`.
    pub fn main(self) -> String {
        let files = || 0..self.files();
        let mods: String = files().map(|file| format!("mod group_{file};\n")).collect();
        let senders = format!(
            "let runs: Vec<watch::Sender<bool>> = (0..{}).map(|_| watch::Sender::new(false)).collect();",
            self.services
        );
        match self.subject {
            Subject::Declared | Subject::Unwatched => {
                let fields: String = self.all().enumerate().map(|(at, ty)| format!("    s{at}: {ty},\n")).collect();
                let values: String =
                    self.all().enumerate().map(|(at, ty)| format!("        s{at}: {ty} {{ work: 0 }},\n")).collect();
                format!(
                    "{mods}\n#[rxd::daemon]\nstruct Program {{\n{fields}}}\n\n#[tokio::main]\nasync fn main() -> rxd::Result {{\n    Program {{\n{values}    }}\n    .run()\n    .await?;\n    Ok(())\n}}\n"
                )
            }
            Subject::Builder => {
                let adds: String =
                    files().map(|file| format!("    let daemon = group_{file}::add(daemon);\n")).collect();
                format!(
                    "{mods}\n#[tokio::main]\nasync fn main() -> rxd::Result {{\n    let daemon = rxd::Daemon::new(\"program\");\n{adds}    daemon.run().await?;\n    Ok(())\n}}\n"
                )
            }
            Subject::Tokio => {
                let spawns: String =
                    files().map(|file| format!("    group_{file}::spawn(&tracker, &cancel, &runs);\n")).collect();
                format!(
                    "use tokio::sync::watch;\nuse tokio_util::sync::CancellationToken;\nuse tokio_util::task::TaskTracker;\n\n{mods}{CHANNELS}\n#[tokio::main]\nasync fn main() {{\n    let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());\n    {senders}\n{spawns}    tokio::signal::ctrl_c().await.unwrap();\n    cancel.cancel();\n    tracker.close();\n    tracker.wait().await;\n}}\n"
                )
            }
            Subject::TaskSupervisor => {
                let adds: String =
                    files().map(|file| format!("    let builder = group_{file}::add(builder, &runs);\n")).collect();
                format!(
                    "use task_supervisor::{{CancellationToken, SupervisorBuilder}};\nuse tokio::sync::watch;\n\n{mods}{CHANNELS}\n#[tokio::main]\nasync fn main() {{\n    {senders}\n    let builder = SupervisorBuilder::new();\n{adds}    let handle = builder.spawn();\n    tokio::signal::ctrl_c().await.unwrap();\n    handle.shutdown().await.unwrap();\n}}\n"
                )
            }
        }
    }
}
