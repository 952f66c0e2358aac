//! How an added service, or a member of a family, comes onto the board and gets its engine.

use crate::board::{Id, WatcherSpec};
use crate::core::Core;
use crate::daemon::engine_tasks::EngineTasks;
use crate::daemon::service::Service;
use crate::in_span::span;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Where the engines of added services are spawned. An extension of the core.
#[derive(Debug)]
pub(crate) struct Spawner {
    pub(crate) tasks: EngineTasks,
    pub(crate) runtime: Handle,
}

impl Spawner {
    /// Spawns the engine of a service that is on the board.
    pub(crate) fn spawn(&self, core: &Arc<Core>, id: Id, mut service: Service) {
        let name = service.take_name();
        // Of its own: it may outlive the service that adds it, whose span is current here.
        let span = span(
            || tracing::error_span!(target: "rxd", parent: None, "service", service = %name, daemon = %core.daemon),
        );
        service.spawn(core, id, (&self.tasks, &self.runtime), span);
    }
}

/// Puts a service whose number is reserved on the board; it stops before those of `after`. Its name is
/// free again if the daemon's stop has begun: then this returns false. `note` is called before any
/// transition of it.
pub(crate) fn put_on_board(
    core: &Core,
    id: Id,
    service: &Service,
    (family, after): (Option<usize>, &[Id]),
    watches: Vec<WatcherSpec>,
    note: impl FnOnce(),
) -> bool {
    let needs_timer = watches.iter().any(|watch| watch.lasts.is_some());
    core.make_room(id);
    if !core.stop_order.add(id, after, family) {
        core.give_back_room(id);
        core.added.withdraw(id);
        return false;
    }
    note();
    core.board.add_service(id, watches, family);
    #[cfg(feature = "admin")]
    core.joins_group(id);
    core.publish_added(id);
    core.monitor_added(id, service.limits());
    if needs_timer || service.limits().heartbeat.is_some() {
        core.supervisor.notify_one();
    }
    core.notify_changed();
    true
}
