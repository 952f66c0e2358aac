//! The removal of added services: it begins with a request, and the end of the engine completes it.

use super::{AddedRows, AddedService, Removal, RemoveRefused};
use crate::board::slots::next_in_slot;
use crate::board::{Id, Seq, signal};
use crate::core::names::Name;
use crate::core::{Core, Reply, ServiceCommand, answer};
use crate::error::Error;
use crate::graph::stop_order::insert_sorted;
use crate::sync::MutexGuard;
#[cfg(feature = "admin")]
use std::collections::HashSet;
use std::time::Duration;

impl Core {
    /// Begins the removal of a service, and if `with_dependents` says so, of all that refer to it,
    /// directly or by others. `reply` gets the answer once the service is forgotten. Returns how long
    /// that may take; `None` if `own` is among them, and so cannot wait for it.
    pub(crate) fn begin_removal(
        &self,
        name: &str,
        with_dependents: bool,
        reply: Reply,
        own: Option<Id>,
    ) -> Result<Option<Duration>, RemoveRefused> {
        self.remove_added(name, with_dependents, reply, (own, false))
    }

    /// As [`begin_removal`](Core::begin_removal); also of a member of a family, if `as_member` says
    /// so.
    pub(in crate::core) fn remove_added(
        &self,
        name: &str,
        with_dependents: bool,
        reply: Reply,
        (own, as_member): (Option<Id>, bool),
    ) -> Result<Option<Duration>, RemoveRefused> {
        let rows = self.added.rows.lock();
        let Some(id) = rows.find(name).filter(|&id| rows.row(id).is_some_and(|row| row.is_there)) else {
            let is_declared = self.names.id(name).is_some();
            return Err(if is_declared { RemoveRefused::Declared } else { RemoveRefused::Unknown });
        };
        if let Some(family) = rows.row(id).and_then(|row| row.about.family).filter(|_| !as_member) {
            return Err(RemoveRefused::Member(family));
        }
        self.begin_removal_of(id, rows, with_dependents, reply, own)
    }

    fn begin_removal_of(
        &self,
        id: Id,
        mut guard: MutexGuard<'_, AddedRows>,
        with_dependents: bool,
        reply: Reply,
        own: Option<Id>,
    ) -> Result<Option<Duration>, RemoveRefused> {
        let rows = &mut *guard;
        let mut all = vec![id];
        let mut at = 0;
        while let Some(row) = all.get(at).and_then(|&id| rows.row(id)) {
            if at == 0 && row.removal.is_some() {
                return Err(RemoveRefused::UnderWay);
            }
            // What it owns goes with it, with all that refer to that.
            let goes_on = with_dependents || at > 0;
            let stays = |row: &&AddedService| row.removal.is_none() && row.owner != Some(id);
            let mut needing = row.dependents.iter().filter_map(|&(id, _)| rows.row(id)).filter(stays).peekable();
            if !goes_on && needing.peek().is_some() {
                let mut names: Vec<Name> = Vec::new();
                needing.for_each(|row| insert_sorted(&mut names, row.about.name.clone()));
                return Err(RemoveRefused::Needed(names));
            }
            drop(needing);
            // Each once: the removal of a row marks it.
            let dependents: Vec<Id> = row.dependents.iter().map(|&(id, _)| id).collect();
            for dependent in dependents {
                if let Some(row) = rows.row_mut(dependent).filter(|row| row.removal.is_none()) {
                    row.removal = Some(Removal::default());
                    all.push(dependent);
                }
            }
            at += 1;
        }
        let is_own = own.is_some_and(|own| all.contains(&own));
        let (mut to_go, mut limit) = (Vec::with_capacity(all.len()), Duration::ZERO);
        let mut reply = Some(reply);
        for &id in &all {
            let Some(row) = rows.row_mut(id) else { continue };
            let removal = row.removal.get_or_insert_default();
            removal.replies.extend(reply.take());
            to_go.push(id);
            // At most one after the other.
            limit = limit.saturating_add(row.about.answer_limit);
        }
        let next = self.goes_on(rows, &to_go);
        drop(guard);
        all.iter().for_each(|&id| self.stop_order.begin_removal(id));
        self.go_on(next);
        Ok((!is_own).then_some(limit))
    }

    /// Has `reply` get the answer to the removal of the service of this name, too. Returns false if
    /// there is none.
    pub(crate) fn await_removal(&self, name: &str, reply: Reply) -> bool {
        let mut guard = self.added.rows.lock();
        let rows = &mut *guard;
        let Some(id) = rows.find(name) else { return false };
        let Some(removal) = rows.row_mut(id).and_then(|row| row.removal.as_mut()) else { return false };
        removal.replies.push(reply);
        true
    }

    /// Of services that are to be removed, those to which no other refers any more: those whose
    /// engines have to be asked to stop, and those whose engines have ended. One that is just being
    /// added comes later: see [`publish_added`](Core::publish_added).
    fn goes_on(&self, rows: &AddedRows, ids: &[Id]) -> [Vec<Id>; 2] {
        let [mut stop, mut forget] = [Vec::new(), Vec::new()];
        let rows = ids.iter().filter_map(|&id| rows.row(id));
        for row in rows.filter(|row| row.is_there && row.dependents.is_empty()) {
            match row.has_engine_ended {
                true => forget.push(row.id),
                false => {
                    // Under the lock: later, the slot may be another service's.
                    self.board.set(row.id, signal::OVER);
                    stop.push(row.id);
                }
            }
        }
        [stop, forget]
    }

    fn go_on(&self, [stop, mut forget]: [Vec<Id>; 2]) {
        stop.into_iter().for_each(|id| self.stop_for_removal(id));
        while let Some(id) = forget.pop() {
            let [stop, mut more] = self.forget(id);
            stop.into_iter().for_each(|id| self.stop_for_removal(id));
            forget.append(&mut more);
        }
    }

    /// From here on an added service can be found: it is on the board. If one that it names is being
    /// removed with its dependents, it is asked to stop at once.
    pub(crate) fn publish_added(&self, id: Id) {
        let mut guard = self.added.rows.lock();
        let rows = &mut *guard;
        let Some(row) = rows.row_mut(id) else { return };
        row.is_there = true;
        let goes = if row.removal.is_some() { &[id][..] } else { &[] };
        let next = self.goes_on(rows, goes);
        drop(guard);
        self.go_on(next);
    }

    /// Asks a service to stop that is to be removed. `OVER` was set before.
    fn stop_for_removal(&self, id: Id) {
        #[cfg(any(test, feature = "test-util"))]
        self.note_operated(id, ServiceCommand::Stop);
        self.push_request(id, ServiceCommand::Stop, Reply::Unawaited, true);
    }

    /// Notes that the engine of an added service has ended.
    #[cold]
    #[inline(never)]
    pub(in crate::core) fn added_engine_has_ended(&self, id: Id) {
        let mut rows = self.added.rows.lock();
        let Some(row) = rows.row_mut(id) else { return };
        row.has_engine_ended = true;
        // The owner goes on once the name can be used again.
        let owned = if row.removal.is_none() { row.about.owned.take() } else { None };
        // Otherwise the last of them that is forgotten goes on with it.
        let is_to_go = row.removal.is_some() && row.dependents.is_empty();
        drop(rows);
        drop(owned);
        if is_to_go {
            self.go_on([Vec::new(), vec![id]]);
        }
    }

    /// Begins the removal of a service whose owner's incarnation has ended, with all that refer to
    /// it. An ordered stop ends it by itself, before its owner.
    pub(crate) fn remove_owned(&self, id: Id) {
        let stops = self.stop_order.begun().is_some();
        let rows = self.added.rows.lock();
        if !stops && rows.row(id).is_some_and(AddedService::stays) {
            drop(self.begin_removal_of(id, rows, true, Reply::Unawaited, None));
        }
    }

    /// Completes the removal of a service whose engine has ended: frees all that is kept about it,
    /// for others to use. Returns those that waited for it, as [`goes_on`](Core::goes_on).
    fn forget(&self, id: Id) -> [Vec<Id>; 2] {
        let name = self.added.name(id);
        let requests = self.requests.lock().release(id).unwrap_or_default();
        for (command, reply) in requests {
            answer(reply, self.answer_when_over(id, command));
        }
        #[cfg(feature = "admin")]
        self.leaves_group(id);
        let seq = self.board.remove_service(id);
        self.forget_failure(id);
        self.cannot_reload(id);
        let text = self.status_texts.lock().release(id);
        let detail = self.details.lock().release(id);
        let value = self.provided.release(id);
        let is_over = self.stop_order.remove(id);
        let kept = self.first_kept_name();
        let mut guard = self.added.rows.lock();
        let rows = &mut *guard;
        // From here on the name may be used again.
        let Some((mut row, next)) = rows.take(id) else { return Default::default() };
        rows.past.push_back((id, seq));
        rows.past_names.insert(id, name);
        while let Some(&(past, _)) = rows.past.front().filter(|(_, seq)| *seq < kept) {
            rows.past.pop_front();
            rows.past_names.remove(&past);
        }
        rows.free.extend(next_in_slot(id));
        let next = self.goes_on(rows, &next);
        drop(guard);
        if is_over {
            self.supervisor.notify_one();
        }
        self.notify_changed();
        let replies = row.removal.take().unwrap_or_default().replies;
        // What the service has provided is the user's.
        crate::panic::ignore(|| drop((text, detail, value, row)));
        replies.into_iter().for_each(|reply| answer(reply, Ok(())));
        next
    }

    /// The services that refer to this one, directly or by others.
    #[cfg(feature = "admin")]
    pub(crate) fn added_dependents(&self, id: Id) -> Vec<Id> {
        let rows = self.added.rows.lock();
        let (mut seen, mut next) = (HashSet::from([id]), vec![id]);
        let mut all = Vec::new();
        while let Some(row) = next.pop().and_then(|id| rows.row(id)) {
            for &(dependent, _) in row.dependents.iter().filter(|(dependent, _)| seen.insert(*dependent)) {
                all.push(dependent);
                next.push(dependent);
            }
        }
        all
    }

    /// The number of the first transition of which the service's name has to be known.
    fn first_kept_name(&self) -> Seq {
        #[cfg(any(test, feature = "test-util"))]
        if self.board.is_recording() && self.board.has_room_to_record() {
            return 0;
        }
        self.board.first_kept()
    }

    /// The error of a request to a service that was removed.
    pub(crate) fn removed_error(&self, id: Id) -> Error {
        Error::msg(format_args!("service `{}` was removed", self.name(id)))
    }
}
