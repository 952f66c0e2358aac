//! A generated package, and cargo inside it. [`builds`](crate::builds) and [`cost`](crate::cost)
//! measure what cargo does there.

use std::path::Path;
use std::process::{Command, Stdio};

/// What tokio gives every generated program.
const TOKIO: &str =
    r#"tokio = { version = "1.47", features = ["macros", "rt-multi-thread", "signal", "sync", "time"] }"#;

/// The dependency of a program on rxd, with its default features.
pub const RXD: &str = r#"rxd = { path = "RXD" }"#;

/// The dependency of a program on plain tokio's cancellation.
pub const TOKIO_UTIL: &str = r#"tokio-util = { version = "0.7.15", features = ["rt"] }"#;

/// The dependency of a program on task-supervisor.
pub const TASK_SUPERVISOR: &str = r#"task-supervisor = "=0.5.2""#;

/// Settings of the caller that would change what is measured: flags, profiles, wrappers.
fn changes_the_build(variable: &str) -> bool {
    let exact =
        ["CARGO_INCREMENTAL", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"];
    let begin = ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_TARGET_"];
    exact.contains(&variable) || begin.iter().any(|begin| variable.starts_with(begin))
}

/// Writes a package without a program into this folder. In `needs`, its dependencies besides tokio,
/// `RXD` stands for the path of rxd.
pub fn package(place: &Path, name: &str, needs: &str) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rxd = here.join("../..");
    std::fs::create_dir_all(place.join("src")).expect("a folder");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [profile.release]\nstrip = true\n\n[dependencies]\n{TOKIO}\n{}\n",
        needs.replace("RXD", &rxd.display().to_string())
    );
    std::fs::write(place.join("Cargo.toml"), manifest).expect("a manifest");
    // Use the versions that were measured.
    std::fs::copy(here.join("Cargo.lock"), place.join("Cargo.lock")).expect("a lock");
}

/// Calls cargo in this folder, and returns what it printed.
pub fn cargo(place: &Path, target: &Path, args: &[&str]) -> String {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (variable, _) in std::env::vars_os() {
        if variable.to_str().is_some_and(changes_the_build) {
            cargo.env_remove(variable);
        }
    }
    let cargo = cargo.args(args).current_dir(place).env("CARGO_TARGET_DIR", target);
    let output = cargo.stderr(Stdio::piped()).output().expect("cargo");
    assert!(
        output.status.success(),
        "cargo {args:?} in {}: {}",
        place.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}
