//! The machine and the versions of a run.

use std::process::Command;

fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    output.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default().trim().to_owned()
}

fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_once(':')).map_or("unknown", |(_, value)| value.trim())
}

/// The version of a package in this package's lock file.
pub fn version(package: &str) -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let at = lock.find(&format!("name = \"{package}\"\n")).unwrap_or(0);
    lock[at..].split('"').nth(3).unwrap_or("unknown")
}

/// Machine, system, compiler and its profiles, versions of these packages.
pub fn describe(profiles: &str, packages: &[&str]) -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get());
    let versions: Vec<String> = packages.iter().map(|name| format!("{name} {}", version(name))).collect();
    format!(
        "Machine: {}, {cores} cores, {}; {}; load average at the end {}.\n{}; {profiles}; rxd at {}.\n{}.",
        field(&cpu, "model name"),
        field(&memory, "MemTotal"),
        output("uname", &["-sr"]),
        load.split(' ').next().unwrap_or("unknown"),
        output("rustc", &["-V"]),
        output("git", &["describe", "--always", "--dirty", "--exclude", "*"]),
        versions.join(", "),
    )
}
