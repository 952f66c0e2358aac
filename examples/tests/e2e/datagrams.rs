//! Real datagrams, and the files that they become.

use crate::program::{Program, free_port, get};
use std::fs;
use std::net::UdpSocket;

const BIN: &str = env!("CARGO_BIN_EXE_datagrams");

#[test]
fn what_was_received_is_in_the_files_after_the_stop() {
    let dir = std::env::temp_dir().join(format!("rxd-e2e-datagrams-{}", std::process::id()));
    let admin = format!("127.0.0.1:{}", free_port());
    let args = ["--addr", "127.0.0.1:0", "--dir", dir.to_str().unwrap(), "--max-bytes", "500", "--admin", &admin];
    let mut program = Program::start(BIN, &args);
    let line = program.until("receiving on ");
    let addr = line.rsplit(' ').next().unwrap();
    program.until_state("receiver", "run", "entering");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for i in 0..300 {
        socket.send_to(format!("reading {i}").as_bytes(), addr).unwrap();
        if i % 50 == 0 {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
    assert!(get(&admin, "/").contains("<html"), "the page");
    assert!(get(&admin, "/services/receiver/why").contains("receiver in Run"));
    program.signal("TERM");
    assert_eq!(program.end().code(), Some(0), "{}", program.seen.join("\n"));
    // The receiver stops first: the writer is there until it has.
    assert!(program.seq("receiver", "exit", "entering") < program.seq("writer", "stop", "entering"));
    let count = |text: &str| {
        let line = &program.seen[program.place(0, text)];
        line.rsplit_once("count=").unwrap().1.trim().parse::<usize>().unwrap()
    };
    let received = count("received lines");
    assert!(received > 0);
    assert_eq!(count("wrote lines"), received);
    let mut files: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort_unstable();
    let written: usize = files.iter().map(|file| fs::read_to_string(file).unwrap().lines().count()).sum();
    assert_eq!(written, received);
    assert!(received < 100 || files.len() > 2, "{files:?}");
    assert!(files.iter().all(|file| file.metadata().unwrap().len() <= 500));
    fs::remove_dir_all(dir).unwrap();
}
