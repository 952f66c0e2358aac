//! A change of the configuration's file reloads. In real time, with real files.

use crate::kit::SECOND;
use rxd::{Configure, Context, Daemon, DaemonHandle, Runner, Service, State};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;

/// A folder of this test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rxd-config-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Takes(mpsc::UnboundedSender<u32>);

impl Configure<u32> for Takes {
    async fn apply(&mut self, new: &u32, _: &Context) -> rxd::Result {
        self.0.send(*new)?;
        Ok(())
    }
}

impl Runner for Takes {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

struct Watched {
    handle: DaemonHandle,
    applied: mpsc::UnboundedReceiver<u32>,
    loads: Arc<AtomicUsize>,
}

impl Watched {
    async fn start(file: &Path) -> Self {
        let (sender, applied) = mpsc::unbounded_channel();
        let loads = Arc::<AtomicUsize>::default();
        let (path, count) = (file.to_owned(), loads.clone());
        let load = move || -> rxd::Result<u32> {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(fs::read_to_string(&path)?.trim().parse()?)
        };
        let daemon = Daemon::new("agent").signals([]).config(load).watch_config(file);
        let handle = daemon.add(Service::configured::<u32>("api", Takes(sender))).start().await.unwrap();
        handle.wait_for("api", State::Run).await.unwrap();
        let mut this = Watched { handle, applied, loads };
        this.until(1).await;
        this
    }

    /// Waits until the service has applied this value.
    async fn until(&mut self, value: u32) {
        let applied = async { while self.applied.recv().await.unwrap() != value {} };
        tokio::time::timeout(60 * SECOND, applied).await.unwrap_or_else(|_| panic!("{value} is not applied"));
    }

    async fn stop(self) {
        self.handle.shutdown();
        assert!(self.handle.wait().await.is_ok());
    }
}

#[tokio::test]
async fn file_that_is_written_or_replaced_is_loaded_again() {
    let folder = Folder::new("replaced");
    let file = folder.file("agent.conf", "1");
    let mut daemon = Watched::start(&file).await;
    fs::write(&file, "22").unwrap();
    daemon.until(22).await;
    // As editors and package managers do.
    fs::rename(folder.file("agent.conf.new", "333"), &file).unwrap();
    daemon.until(333).await;
    // A file that is gone fails the reload, and the one that comes back is loaded.
    fs::remove_file(&file).unwrap();
    fs::write(&file, "4444").unwrap();
    daemon.until(4444).await;
    daemon.stop().await;
}

/// As Kubernetes does with the files of a ConfigMap.
#[cfg(unix)]
#[tokio::test]
async fn link_that_leads_elsewhere_is_a_change() {
    let folder = Folder::new("link");
    let link = |target: &str| {
        let next = folder.0.join("..data.new");
        std::os::unix::fs::symlink(target, &next).unwrap();
        fs::rename(next, folder.0.join("..data")).unwrap();
    };
    for (version, content) in [("v1", "1"), ("v2", "2")] {
        fs::create_dir(folder.0.join(version)).unwrap();
        folder.file(&format!("{version}/agent.conf"), content);
    }
    link("v1");
    std::os::unix::fs::symlink("..data/agent.conf", folder.0.join("agent.conf")).unwrap();
    let mut daemon = Watched::start(&folder.0.join("agent.conf")).await;
    link("v2");
    daemon.until(2).await;
    daemon.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn file_that_a_link_leads_to_is_watched_in_its_own_folder() {
    let (folder, elsewhere) = (Folder::new("linked"), Folder::new("elsewhere"));
    let target = elsewhere.file("agent.conf", "1");
    std::os::unix::fs::symlink(&target, folder.0.join("agent.conf")).unwrap();
    let mut daemon = Watched::start(&folder.0.join("agent.conf")).await;
    fs::write(&target, "22").unwrap();
    daemon.until(22).await;
    daemon.stop().await;
}

#[tokio::test]
async fn other_files_reading_and_bursts_load_nothing_more() {
    let folder = Folder::new("burst");
    let file = folder.file("agent.conf", "1");
    let mut daemon = Watched::start(&file).await;
    for n in 0..200 {
        folder.file(&format!("other-{}", n % 3), "x");
        drop(fs::read(&file).unwrap());
    }
    for n in 100..1000 {
        fs::write(&file, n.to_string()).unwrap();
    }
    daemon.until(999).await;
    let loads = daemon.loads.load(Ordering::Relaxed);
    assert!(loads < 20, "a thousand events are {loads} loads");
    daemon.stop().await;
}

#[tokio::test]
async fn file_that_cannot_be_watched_fails_the_start_and_names_it() {
    let daemon = || Daemon::new("agent").add(Service::new("plain", rxd::testing::FakeService::new()));
    let load = || -> rxd::Result<u32> { Ok(1) };
    let error = daemon().config(load).watch_config("/nonexistent/agent.conf").start().await.map(drop).unwrap_err();
    assert!(
        error.to_string().starts_with("failed to watch the configuration file /nonexistent/agent.conf: "),
        "{error}"
    );
    let error = daemon().watch_config("agent.conf").check().unwrap_err();
    assert_eq!(
        error.to_string(),
        "daemon `agent`: `watch_config` watches the file of a configuration, and there is none\nhelp: write \
         `.config(load)`, too; in an attribute `config = load`"
    );
}

#[cfg(feature = "macros")]
#[test]
fn declared_daemon_watches_a_file_that_is_known_at_run_time() {
    #[rxd::service]
    async fn plain(cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }

    fn load() -> rxd::Result<u32> {
        Ok(1)
    }

    #[rxd::daemon(config = load, watch_config = std::env::temp_dir().join("agent.conf"))]
    struct Agent {
        plain: Plain,
    }

    assert!(Agent { plain: Plain }.into_daemon().check().is_ok());
}
