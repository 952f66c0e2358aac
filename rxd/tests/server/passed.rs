//! Sockets that systemd has opened. The test takes systemd's place: it opens them, keeps them, and
//! runs this program again with them.

use crate::*;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};

const PART: &str = "RXD_SERVER_TEST_PASSED";

/// This program, with one descriptor, as systemd passes it.
fn process(socket: OwnedFd) -> Child {
    let script = "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "passed::part", "--nocapture", "--test-threads=1"]).env(PART, "1");
    command.stdin(Stdio::from(socket)).stdout(Stdio::null()).spawn().unwrap()
}

fn stop(mut child: Child) {
    let kill = Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status();
    assert!(kill.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Does nothing, except in that process.
#[test]
fn part() {
    if std::env::var_os(PART).is_none() {
        return;
    }
    let mut sockets = rxd::systemd::Sockets::take().unwrap();
    // The address is not used.
    let server = Server::with(|cx| {
        let daemon = cx.daemon();
        let restart = async move || daemon.restart("web").await.map(|()| "restarts").unwrap_or("failed");
        Ok(routes().route("/restart", get(restart)))
    });
    let server = server.listen("192.0.2.1:80").systemd(&mut sockets, "web").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Daemon::new("d").add(Service::new("web", server)).run()).unwrap();
}

#[tokio::test]
async fn passed_socket_is_served_and_refuses_no_client_between_two_processes() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    // A client that comes before the process.
    let mut first = Client::connect(at).await;
    first.ask("/").await;
    let child = process(socket.try_clone().unwrap().into());
    assert_eq!(first.answer().await.1, "hello");
    assert_eq!(first.get("/restart").await, "restarts");
    let mut second = Client::connect(at).await;
    assert_eq!(second.get("/").await, "hello", "after a restart of the service");
    tokio::task::spawn_blocking(|| stop(child)).await.unwrap();
    let mut third = Client::connect(at).await;
    third.ask("/").await;
    let child = process(socket.into());
    assert_eq!(third.answer().await.1, "hello");
    tokio::task::spawn_blocking(|| stop(child)).await.unwrap();
    assert!(TcpStream::connect(at).await.is_err(), "nobody has the socket any more");
}

#[tokio::test]
async fn passed_unix_socket_is_served_and_its_file_left() {
    let path = std::env::temp_dir().join(format!("rxd-passed-{}.sock", std::process::id()));
    let socket = UnixListener::bind(&path).unwrap();
    let child = process(socket.into());
    let mut client = Client(tokio::net::UnixStream::connect(&path).await.unwrap());
    assert_eq!(client.get("/").await, "hello");
    drop(client);
    tokio::task::spawn_blocking(|| stop(child)).await.unwrap();
    assert!(path.exists());
    std::fs::remove_file(path).unwrap();
}

/// A pipe is no socket.
#[test]
fn passed_descriptor_of_another_type_is_named() {
    let file = std::fs::File::open("/dev/null").unwrap();
    let mut command = Command::new("sh");
    let script = "exec 3<&0; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec \"$0\" \"$@\"";
    command.args(["-c", script]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "passed::part", "--nocapture", "--test-threads=1"]).env(PART, "1");
    let output = command.stdin(Stdio::from(file)).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(
        said.contains("file descriptor `web` has the wrong type, expected a listener on TCP or on a Unix"),
        "{said}"
    );
}
