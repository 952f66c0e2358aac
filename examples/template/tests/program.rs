//! The program as a user runs it: a process, its log, real connections, real signals.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

struct Program {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Program {
    fn start(config: &str, env: &[(&str, &str)]) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_template"));
        command
            .env_remove("JOURNAL_STREAM")
            .env("TEMPLATE_CONFIG", config)
            .envs(env.iter().copied())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Program { child, log }
    }

    /// Reads the log until a line contains `text`, and returns that line.
    fn until(&mut self, text: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "no line with `{text}`:\n{seen}");
            if line.contains(text) {
                return line;
            }
            seen += &line;
        }
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// The exit status.
    fn end(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// A configuration for this test, and the socket of its admin route.
fn configured(name: &str, upstream: &str) -> (PathBuf, PathBuf) {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&dir).unwrap();
    let (file, socket) = (dir.join("template.toml"), dir.join("admin.sock"));
    let text = format!("upstream = '{upstream}'\nevery = '1ms'\nadmin = 'unix:{}'\n", socket.display());
    std::fs::write(&file, text).unwrap();
    (file, socket)
}

fn port() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    (listener, addr)
}

#[test]
fn program_with_an_upstream_works_reloads_and_ends_with_status_0() {
    let (_upstream, addr) = port();
    let (file, socket) = configured("works", &addr);
    let mut program = Program::start(file.to_str().unwrap(), &[]);
    program.until("worked");

    let mut operator = std::os::unix::net::UnixStream::connect(socket).unwrap();
    operator.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    operator.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");

    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("1ms", "2ms")).unwrap();
    program.signal("HUP");
    program.until("every=2ms");
    program.until("worked");
    program.signal("TERM");
    assert_eq!(program.end(), Some(0));
}

#[test]
fn program_without_an_upstream_waits_for_it() {
    let (upstream, addr) = port();
    drop(upstream);
    let (file, _) = configured("waits", &addr);
    let mut program = Program::start(file.to_str().unwrap(), &[("TEMPLATE_LOG", "info,rxd=debug")]);
    program.until("failed to reach");
    let _upstream = TcpListener::bind(&addr).unwrap();
    program.until("worked");
    drop(TcpStream::connect(&addr).unwrap());
    program.signal("INT");
    assert_eq!(program.end(), Some(0));
}

#[test]
fn program_with_a_wrong_setting_names_it_and_ends_with_status_1() {
    let (file, _) = configured("wrong", "127.0.0.1:1");
    let mut program = Program::start(file.to_str().unwrap(), &[("TEMPLATE_EVERY", "often")]);
    program.until("failed to read the configuration");
    assert_eq!(program.end(), Some(1));
}

#[test]
fn printed_unit_is_the_one_in_the_repository() {
    let printed = Command::new(env!("CARGO_BIN_EXE_template")).arg("--unit").output().unwrap();
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/template.service");
    let help = "write it again: template --unit > template.service";
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), std::fs::read_to_string(kept).unwrap(), "{help}");
}
