//! Every example explains itself, in its help and at its head.

use crate::program::Program;
use std::path::Path;

/// The binaries, and an option that their help lists.
const ALL: [(&str, &str, &str); 14] = [
    ("custom-manager", env!("CARGO_BIN_EXE_custom-manager"), "--fail-import"),
    ("datagrams", env!("CARGO_BIN_EXE_datagrams"), "--max-bytes"),
    ("gateway", env!("CARGO_BIN_EXE_gateway"), "--redis"),
    ("multi-service", env!("CARGO_BIN_EXE_multi-service"), "--graph"),
    ("multi-service-admin", env!("CARGO_BIN_EXE_multi-service-admin"), "--admin"),
    ("prestart", env!("CARGO_BIN_EXE_prestart"), "--upstream"),
    ("pubsub", env!("CARGO_BIN_EXE_pubsub"), "--count"),
    ("run-until-success", env!("CARGO_BIN_EXE_run-until-success"), "--failures"),
    ("sensors", env!("CARGO_BIN_EXE_sensors"), "--every"),
    ("sidecar", env!("CARGO_BIN_EXE_sidecar"), "--program"),
    ("single-service", env!("CARGO_BIN_EXE_single-service"), "--greetings"),
    ("status-board", env!("CARGO_BIN_EXE_status-board"), "--holds"),
    ("systemd", env!("CARGO_BIN_EXE_systemd"), "--unit"),
    ("tenants", env!("CARGO_BIN_EXE_tenants"), "--file"),
];

#[test]
fn each_example_has_help_and_says_what_to_watch_for() {
    let bins = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin");
    let mut files: Vec<String> = std::fs::read_dir(&bins)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort_unstable();
    let named: Vec<&str> = ALL.iter().map(|(name, ..)| *name).collect();
    assert_eq!(files, named, "this test must know each example");
    for (name, path, option) in ALL {
        let mut program = Program::start(path, &["--help"]);
        assert_eq!(program.end().code(), Some(0), "{name}");
        program.place(0, option);
        let source = std::fs::read_to_string(bins.join(name).with_extension("rs")).unwrap();
        let head: String = source.lines().take_while(|line| line.starts_with("//!")).collect();
        assert!(head.contains("What to watch for: "), "{name}");
        assert!(source.contains("rxd::testing"), "{name} must be tested with the kit");
    }
}
