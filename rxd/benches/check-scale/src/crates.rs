//! Generated crates: written, checked, built and measured.

use crate::Result;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The time that a command of cargo took.
#[derive(Clone, Copy)]
pub(crate) struct Time {
    pub(crate) real: Duration,
    /// The CPU time, if the system reports it. It does not depend on other work of the machine.
    pub(crate) cpu: Option<Duration>,
}

impl Time {
    pub(crate) fn less(self, other: Time) -> Time {
        Time {
            real: self.real.saturating_sub(other.real),
            cpu: self.cpu.zip(other.cpu).map(|(more, less)| more.saturating_sub(less)),
        }
    }

    /// The CPU time if it is known, otherwise the real time.
    pub(crate) fn best(self) -> Duration {
        self.cpu.unwrap_or(self.real)
    }
}

/// The CPU time of all children so far, from Linux's `/proc`; in its ticks, of which 100 are a
/// second.
fn cpu_of_children() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let ticks: Option<Vec<u64>> =
        stat.rsplit_once(')')?.1.split_whitespace().skip(13).take(2).map(|field| field.parse().ok()).collect();
    Some(Duration::from_millis(10 * ticks?.iter().sum::<u64>()))
}

/// One generated crate, in a folder under `target` that all of them share.
pub(crate) struct Generated {
    dir: PathBuf,
    target: PathBuf,
}

impl Generated {
    /// A crate of this name that depends on `rxd`, and on tokio as a program does.
    pub(crate) fn new(name: &str) -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target/check-scale");
        let rxd = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
        let dir = folder.join(name);
        std::fs::create_dir_all(dir.join("src"))?;
        let manifest = format!(
            "[package]\nname = \"scale-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
             rxd = {{ path = {rxd:?} }}\n\
             tokio = {{ version = \"1\", features = [\"rt-multi-thread\", \"macros\", \"signal\", \"sync\", \"time\"] }}\n\n\
             [workspace]\n"
        );
        std::fs::write(dir.join("Cargo.toml"), manifest)?;
        std::fs::copy(rxd.join("../Cargo.lock"), dir.join("Cargo.lock"))?;
        Ok(Generated { dir, target: folder.join("target") })
    }

    fn write(&self, source: &str) -> Result {
        Ok(std::fs::write(self.dir.join("src/main.rs"), source)?)
    }

    /// The shortest of several times that `command` took for this source.
    pub(crate) fn time(&self, command: &str, source: &str, runs: u32) -> Result<Time> {
        // Build the dependencies once.
        self.write("fn main() {}\n")?;
        self.cargo(&[command, "--quiet"], &[])?;
        let mut best = Time { real: Duration::MAX, cpu: None };
        for run in 0..runs {
            self.write(&format!("// {run}\n{source}"))?;
            let (before, begin) = (cpu_of_children(), Instant::now());
            self.cargo(&[command, "--quiet"], &[])?;
            let cpu = cpu_of_children().zip(before).map(|(after, before)| after.saturating_sub(before));
            best.real = best.real.min(begin.elapsed());
            best.cpu = [best.cpu, cpu].into_iter().flatten().min();
        }
        Ok(best)
    }

    /// How many lines this source has once its macros are expanded.
    pub(crate) fn expanded_lines(&self, source: &str) -> Result<usize> {
        self.write(source)?;
        // The flag is for nightly compilers. With the variable a stable one accepts it, too.
        let stable = [("RUSTC_BOOTSTRAP", "1")];
        let output = self.cargo(&["rustc", "--quiet", "--profile", "check", "--", "-Zunpretty=expanded"], &stable)?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().count())
    }

    fn cargo(&self, args: &[&str], env: &[(&str, &str)]) -> Result<Output> {
        let (command, rest) = args.split_first().ok_or("no command")?;
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .arg(command)
            .arg("--offline")
            .args(rest)
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_TARGET_DIR", &self.target)
            .envs(env.iter().copied())
            .current_dir(&self.dir)
            .output()?;
        if output.status.success() {
            return Ok(output);
        }
        let text = String::from_utf8_lossy(&output.stderr);
        Err(format!("the generated crate fails to {command}:\n{}", text.chars().take(4000).collect::<String>()).into())
    }
}
