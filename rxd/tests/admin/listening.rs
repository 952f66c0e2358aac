//! The address: bound, or an error that says why not: F95, F96, G42. Several processes on one path
//! are in `path`.

use crate::client::get;
use crate::daemon::{Waits, admin, at};
use rxd::admin::{Address, Admin, AdminStatus};
use rxd::log::{Level, LevelHandle};
use rxd::{Daemon, Service};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

fn daemon(admin: Admin) -> Daemon {
    Daemon::new("d").signals([]).add(Service::new("a", Waits)).admin(admin)
}

fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("rxd-admin-{name}-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn unix(path: &std::path::Path) -> Admin {
    Admin::new(format!("unix:{}", path.display()))
}

#[tokio::test]
async fn f95_port_in_use_fails_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = daemon(Admin::new(&address)).start().await.unwrap_err().to_string();
    assert!(error.contains(&address) && error.contains("in use") && error.contains("help: "), "{error}");
}

#[tokio::test(start_paused = true)]
async fn f95_g42_port_in_use_degrades_an_optional_admin_until_it_is_free() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let handle = daemon(Admin::new(address.to_string()).optional(true)).start().await.unwrap();
    let AdminStatus::Degraded(reason) = handle.admin() else { panic!("{:?}", handle.admin()) };
    assert!(reason.contains(&address.to_string()), "{reason}");
    handle.wait_for("a", rxd::State::Run).await.unwrap();
    drop(taken);
    tokio::time::sleep(std::time::Duration::from_secs(11)).await;
    assert_eq!(handle.admin(), AdminStatus::On(Address::Tcp(address)));
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
    assert_eq!(handle.admin(), AdminStatus::Closed);
}

#[tokio::test]
async fn address_that_is_not_valid_fails_the_start_also_if_optional() {
    for address in ["0.0.0.0:0", "nonsense", "unix:"] {
        assert!(daemon(Admin::new(address)).start().await.is_err(), "{address}");
    }
    // Also if it is optional: the address is a mistake in the program, and will not heal.
    assert!(daemon(Admin::new("0.0.0.0:0").optional(true)).start().await.is_err());
    let handle = daemon(Admin::new("0.0.0.0:0").token("0123456789abcdef")).start().await.unwrap();
    let Address::Tcp(tcp) = at(&handle) else { panic!() };
    let here = Address::Tcp(([127, 0, 0, 1], tcp.port()).into());
    get(&here, "/services").await.problem(401);
    let token = "Authorization: Bearer 0123456789abcdef\r\n";
    assert_eq!(crate::client::ask(&here, "GET", "/services", token, "").await.status, 200);
    assert_eq!(get(&here, "/").await.status, 200, "the page asks for the token itself");
}

#[test]
fn gap_host_list_that_lets_any_page_in_is_a_fault_of_check() {
    let check = |admin: Admin| daemon(admin).check().map_err(|error| error.to_string());
    let error = check(Admin::new("127.0.0.1:0").hosts(["*"])).unwrap_err();
    assert!(error.contains("the host `*` lets any web page in") && error.contains("help: "), "{error}");
    assert!(check(Admin::new("127.0.0.1:0").hosts(["a b"]).optional(true)).unwrap_err().contains("`a b`"));
    assert_eq!(check(Admin::new("127.0.0.1:0").hosts(["*"]).token("0123456789abcdef")), Ok(()));
}

#[tokio::test]
async fn f96_socket_that_is_stale_is_replaced() {
    let path = path("stale");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let handle = daemon(unix(&path)).start().await.unwrap();
    assert_eq!(get(&at(&handle), "/services").await.status, 200);
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
    assert!(!path.exists(), "it is gone with the daemon");
}

#[tokio::test]
async fn f96_socket_that_is_live_fails_the_start() {
    let path = path("live");
    let first = daemon(unix(&path)).start().await.unwrap();
    let error = daemon(unix(&path)).start().await.unwrap_err().to_string();
    assert!(error.contains("in use") && error.contains(&path.display().to_string()), "{error}");
    assert_eq!(get(&at(&first), "/services").await.status, 200, "the first is untouched");
}

#[tokio::test]
async fn f96_file_that_is_not_a_socket_is_kept() {
    let path = path("file");
    std::fs::write(&path, "precious").unwrap();
    assert!(daemon(unix(&path)).start().await.is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn path_too_long_for_a_socket_fails_the_start() {
    let error = daemon(Admin::new(format!("unix:/tmp/{}", "x".repeat(200)))).start().await.unwrap_err().to_string();
    assert!(error.contains("help: choose a shorter path"), "{error}");
}

#[tokio::test]
async fn socket_file_has_mode_0600_and_is_removed_only_by_its_daemon() {
    let path = path("mode");
    let handle = daemon(unix(&path)).start().await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(at(&handle), Address::Unix(path.clone()));
    // The first daemon does not remove the socket of a second one in its place.
    std::fs::remove_file(&path).unwrap();
    let second = daemon(unix(&path)).start().await.unwrap();
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
    assert_eq!(get(&at(&second), "/livez").await.status, 200);
}

#[tokio::test]
async fn daemon_without_admin_has_status_off() {
    let handle = Daemon::new("d").signals([]).add(Service::new("a", Waits)).start().await.unwrap();
    assert_eq!(handle.admin(), AdminStatus::Off);
    let _ = admin(&LevelHandle::new(Level::Info));
}
