//! Watches the files of the configuration, and asks for a reload when one has changed.
//!
//! * The folder of each file is watched, and not the file: editors, and Kubernetes with a link, put
//!   another file in its place.
//! * Events say only that it is time to look: `load` reads the file, which is an event, too. Whether a
//!   file has changed is seen by its [`FileStamp`].
//! * A file that is being written causes many events. So the look waits until there has been none for
//!   [`QUIET`], or for [`MOST`].
//!
//! The watcher is kept by the core. When that is dropped, the watcher's channel closes, which ends the
//! task; the task itself does not keep the core.

use crate::core::{Core, Reply};
use crate::error::Error;
use crate::lifecycle::backoff::later;
use crate::panic::emit;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// How long there must be no event before the files are looked at.
const QUIET: Duration = Duration::from_millis(100);

/// How long that is waited for.
const MOST: Duration = Duration::from_secs(2);

/// Keeps the watcher alive.
struct ConfigWatcher(#[expect(dead_code, reason = "it watches until it is dropped")] RecommendedWatcher);

/// By what a change of a file is seen: where links lead, when it was written, and its length. `None`
/// if there is no file.
#[derive(PartialEq)]
struct FileStamp(Option<(PathBuf, Option<SystemTime>, u64)>);

impl FileStamp {
    fn of(file: &Path) -> Self {
        let read = || {
            let target = fs::canonicalize(file).ok()?;
            let about = fs::metadata(&target).ok()?;
            Some((target, about.modified().ok(), about.len()))
        };
        FileStamp(read())
    }
}

/// Begins to watch these files, which may not exist yet. Their folders have to.
///
/// # Errors
///
/// If a folder cannot be watched.
pub(super) fn begin(core: &Arc<Core>, files: Vec<PathBuf>, runtime: &Handle) -> Result<(), Error> {
    if files.is_empty() {
        return Ok(());
    }
    let (sender, events) = mpsc::channel(1);
    let failed = |path: &Path, error: notify::Error| {
        let text = format!("failed to watch the configuration file {}: {error}", path.display());
        Error::with_cause(text, error)
    };
    // With room for one event: the others say the same.
    let watcher = notify::recommended_watcher(move |_| {
        let _ = sender.try_send(());
    });
    let mut watcher = watcher.map_err(|error| failed(&files[0], error))?;
    let mut folders = BTreeSet::new();
    for file in &files {
        // Of a link, the folder of the file that it leads to as well.
        let target = fs::canonicalize(file).ok();
        for path in [Some(file), target.as_ref()].into_iter().flatten() {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            if folders.insert(folder.to_owned()) {
                watcher.watch(folder, RecursiveMode::NonRecursive).map_err(|error| failed(file, error))?;
            }
        }
    }
    let stamps = files.into_iter().map(|file| (FileStamp::of(&file), file)).collect();
    core.extensions.insert(ConfigWatcher(watcher));
    crate::spawn::task(runtime, follow(Arc::downgrade(core), stamps, events));
    Ok(())
}

/// Asks for a reload after each change.
async fn follow(core: Weak<Core>, mut stamps: Vec<(FileStamp, PathBuf)>, mut events: mpsc::Receiver<()>) {
    while events.recv().await.is_some() {
        let end = later(MOST);
        while Instant::now() < end && matches!(timeout_at(end.min(later(QUIET)), events.recv()).await, Ok(Some(()))) {}
        let looked = tokio::task::spawn_blocking(move || {
            let mut changed = None;
            for (stamp, file) in &mut stamps {
                let now = FileStamp::of(file);
                if *stamp != now {
                    *stamp = now;
                    changed = Some(file.clone());
                }
            }
            (stamps, changed)
        });
        let Ok((next, changed)) = looked.await else { return };
        stamps = next;
        let Some(core) = core.upgrade() else { return };
        if let Some(file) = changed {
            emit!(INFO, target: "rxd", daemon = &*core.daemon, "the configuration file {} has changed", file.display());
            core.request_reload(Reply::Unawaited);
        }
    }
}
