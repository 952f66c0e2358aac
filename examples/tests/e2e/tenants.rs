//! A file of tenants that is edited while the daemon runs.

use crate::program::{Program, free_port, get};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const BIN: &str = env!("CARGO_BIN_EXE_tenants");

/// The file, which is deleted at the end.
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl File {
    fn write(&self, lines: &[String]) {
        std::fs::write(&self.0, lines.join("\n") + "\n").unwrap();
    }
}

/// Waits until somebody listens there.
fn listens(address: &String) {
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody listens at {address}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn tenants_follow_the_file_and_the_others_go_on() {
    let [blue, green, red, admin] = [(); 4].map(|()| format!("127.0.0.1:{}", free_port()));
    let file = File(std::env::temp_dir().join(format!("rxd-tenants-{}", std::process::id())));
    file.write(&[format!("blue {blue} good morning"), format!("green {green} good evening")]);
    let mut program = Program::start(BIN, &["--file", file.0.to_str().unwrap(), "--admin", &admin]);
    program.until("reconciled group `tenants`: added tenant-blue, tenant-green; kept 0");
    [&blue, &green].into_iter().for_each(listens);
    assert!(get(&blue, "/").ends_with("good morning, visitor 1\n"));
    assert!(get(&green, "/").ends_with("good evening, visitor 2\n"));

    file.write(&[format!("blue {blue} good morning"), format!("red {red} good night")]);
    program.signal("HUP");
    program.until("reconciled group `tenants`: added tenant-red; removed tenant-green; kept 1");
    listens(&red);
    assert!(get(&red, "/").ends_with("good night, visitor 3\n"));
    assert!(get(&blue, "/").ends_with("good morning, visitor 4\n"));
    assert!(TcpStream::connect(&green).is_err(), "nobody listens there any more");
    assert!(get(&admin, "/services").contains("tenant-red"));

    // What is wrong changes nothing.
    for (line, says) in [("green".to_owned(), "line 2: expected"), (format!("red {green} hello"), "tenant-red")] {
        file.write(&[format!("red {red} good night"), line]);
        program.signal("HUP");
        let said = program.until("reload");
        assert!(program.until(says).contains(says), "{said}");
        assert!(get(&blue, "/").contains("good morning"));
    }

    program.signal("TERM");
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
    assert!(program.seq("tenant-blue", "exit", "entering") < program.seq("store", "stop", "entering"));
}
