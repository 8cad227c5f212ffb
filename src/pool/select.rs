//! Choosing a tab for a request, and moving one between affinities where that is allowed.

use super::affinity::{Affinity, AffinityId};
use super::context::ContextState;
use super::defects::{Defect, planted};
use super::request::{Phase, RequestState};
use super::tab::{LastUsed, Tab, TabState};
use super::{
    Action, BrowserAction, ContextId, Failure, LogLevel, Occurrence, Operation, Pool, PoolError, QueueKind,
    RequestId, TabId,
};

impl Pool {
    /// Decides what the request takes or waits for (docs/contract.md, section 4, rule 4).
    pub(super) fn choose(&mut self, id: RequestId) {
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        let (affinity_id, place) = (request.affinity, request.place);
        let command_like = request.queue != QueueKind::File;
        let Some(affinity) = self.affinities.get(&affinity_id) else {
            return;
        };
        if let Some(tab) = affinity.idle_tab() {
            self.win(id, tab, true);
            return;
        }
        let live = affinity.offered.len();
        let newcomer = live == 0;
        let below_max = live < self.config.affinity_tab_max as usize;
        let beyond_max = command_like
            && (request.beyond_tab_max
                || self.can_expand(request.priority())
                || self.config.is_dynamic() && self.is_behind_a_file(affinity));
        let expanded = request.beyond_tab_max;
        if newcomer || below_max || beyond_max {
            // What is there belongs to those who wait already, unless they come later.
            let first = self.waiting.first().is_none_or(|head| place < head.0);
            if first && !newcomer && self.take_what_is_ready(id) {
                return;
            }
            if (newcomer || command_like) && (self.can_make_standby() || !self.standbys.is_empty()) {
                if !newcomer && !below_max && !expanded {
                    let why = "a module or command render needs a tab beyond the affinity's maximum";
                    self.expand_for(id, why);
                    if let Some(request) = self.requests.get_mut(&id) {
                        request.beyond_tab_max = true;
                    }
                }
                self.wait_in_pool(id, Phase::Startup);
                return;
            }
            if newcomer && self.openable_orphan(affinity_id).is_some() {
                self.wait_in_pool(id, Phase::Startup);
                return;
            }
            if newcomer {
                self.expand_for(id, "an affinity without a tab finds no standby");
            }
        }
        self.choose_without_standby(id, None);
    }

    /// True if the tab on which a caller would queue is held by a `file` lease. That may wait for the very module
    /// or command render that is asking, so a dynamic pool that cannot expand any more gives it the next slot
    /// that frees instead of a place behind it.
    pub(super) fn is_behind_a_file(&self, affinity: &Affinity) -> bool {
        let tab = affinity.least_loaded().and_then(|id| self.tabs.get(&id));
        let holder = tab.and_then(|tab| self.requests.get(&tab.holder?));
        holder.is_some_and(|request| request.queue == QueueKind::File)
    }

    /// The module and command renders that queue on tabs of the affinity which `file` leases hold.
    pub(super) fn behind_files(&self, id: AffinityId) -> Vec<RequestId> {
        let is_file = |id: &RequestId| {
            let request = self.requests.get(id);
            request.is_some_and(|request| request.queue == QueueKind::File)
        };
        let affinity = self.affinities.get(&id);
        let offered = affinity.into_iter().flat_map(|affinity| &affinity.offered);
        offered
            .filter_map(|at| self.tabs.get(&at.2))
            .filter(|tab| tab.holder.as_ref().is_some_and(is_file))
            .flat_map(|tab| tab.queue.iter().filter(|at| tab.promised != Some(at.1)))
            .map(|at| at.1)
            .filter(|id| !is_file(id))
            .collect()
    }

    /// Goes on without a standby: to the queue of a tab of its own, a tab of somebody else, or a rejection.
    pub(super) fn choose_without_standby(&mut self, id: RequestId, cause: Option<&Failure>) {
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        let own = self
            .affinities
            .get(&request.affinity)
            .and_then(Affinity::least_loaded);
        if let Some(tab) = own {
            self.detach(id);
            self.wait_for_tab(id, tab);
        } else if !self.try_migration(id) && !self.keep_waiting(id) {
            let error = PoolError::StandbyUnavailable {
                cause: cause.cloned(),
            };
            self.reject(id, error);
        }
    }

    /// Whoever lost a tab or a place in its queue to somebody else waits for the next tab that may move, as long
    /// as tabs live.
    fn keep_waiting(&mut self, id: RequestId) -> bool {
        let Some(request) = self.requests.get(&id) else {
            return false;
        };
        if !request.placed || self.shutdown.is_some() || self.can_make_standby() {
            return false;
        }
        if request.state == RequestState::Choosing {
            self.wait_in_pool(id, Phase::TabQueue);
        }
        true
    }

    /// Takes the orphan if there is one, for whose page a standby may have to give way; else the standby that was
    /// made first.
    fn take_what_is_ready(&mut self, id: RequestId) -> bool {
        let Some(request) = self.requests.get(&id) else {
            return false;
        };
        let affinity = request.affinity;
        let orphan = self.openable_orphan(affinity);
        if let Some(orphan) = orphan.filter(|_| self.free_slots() > 0) {
            self.open_orphan(id, orphan);
        } else if orphan.is_some() && !self.standbys.is_empty() {
            self.wait_in_pool(id, Phase::Startup);
        } else if let Some(standby) = self.next_standby() {
            self.adopt(id, standby);
        } else {
            return false;
        }
        true
    }

    pub(super) fn openable_orphan(&self, affinity: AffinityId) -> Option<ContextId> {
        if planted(Defect::OrphanPassedOver) {
            return None;
        }
        let primary = self.affinities.get(&affinity)?.primary?;
        self.contexts
            .get(&primary)
            .filter(|context| context.is_openable())
            .map(|_| primary)
    }

    /// Opens a page in the affinity's orphan for the request.
    pub(super) fn open_orphan(&mut self, id: RequestId, context: ContextId) {
        let Some(affinity) = self.requests.get(&id).map(|request| request.affinity) else {
            return;
        };
        self.detach(id);
        let tab_id = TabId(self.fresh());
        let state = TabState::Opening {
            affinity,
            draining: false,
        };
        self.tabs
            .insert(tab_id, Tab::new(context, state, LastUsed(self.now.wall_ms)));
        if let Some(context) = self.contexts.get_mut(&context) {
            context.tabs.push(tab_id);
        }
        self.set_context_state(
            context,
            ContextState::Primary {
                affinity,
                tab: tab_id,
            },
        );
        self.take_tab(id, tab_id, false);
        self.set_state(id, RequestState::Opening { tab: tab_id }, Some(Phase::Startup));
        let operation = self.start(Operation::OpenPage { tab: tab_id });
        self.browse(BrowserAction::OpenPage {
            operation,
            context,
            tab: tab_id,
        });
        self.bound(tab_id, affinity);
        self.send_excess_away(affinity);
        self.refill_after(id);
    }

    pub(super) fn page_opened(&mut self, tab_id: TabId) {
        let Some(tab) = self.tabs.get_mut(&tab_id) else {
            return;
        };
        let TabState::Opening { affinity, draining } = tab.state else {
            return;
        };
        tab.state = if draining {
            TabState::Draining { affinity }
        } else {
            TabState::Live { affinity }
        };
        let holder = tab.holder;
        self.reindex(tab_id);
        match holder {
            Some(request) => self.take_semaphore(request, tab_id),
            None => self.tab_freed(tab_id),
        }
    }

    /// The orphan is closed, and whoever counted on its page goes on with the next possibility.
    pub(super) fn page_open_failed(&mut self, tab_id: TabId, failure: &Failure) {
        let Some(tab) = self.tabs.get(&tab_id) else { return };
        let (context, affinity) = (tab.context, tab.affinity());
        let key = affinity.map_or("", |id| self.key_of(id));
        self.log(
            LogLevel::Warn,
            format!(
                "no page could be opened in the kept context of {key}, which is closed: {}",
                failure.message
            ),
        );
        let displaced = self.displace(tab_id);
        // The context takes the half-made page along; the row is gone, so that nobody tries again.
        self.discard_context(context);
        self.choose_again(displaced);
    }

    /// The standby that was made first.
    pub(super) fn next_standby(&self) -> Option<TabId> {
        if planted(Defect::NewestStandbyFirst) {
            return self.standbys.last().copied();
        }
        self.standbys.first().copied()
    }

    /// Binds a standby to the request's affinity and hands it over.
    pub(super) fn adopt(&mut self, id: RequestId, tab_id: TabId) {
        let Some(affinity) = self.requests.get(&id).map(|request| request.affinity) else {
            return;
        };
        self.detach(id);
        self.take_standby(affinity, tab_id);
        self.win(id, tab_id, false);
        self.send_excess_away(affinity);
        self.refill_after(id);
    }

    fn take_standby(&mut self, affinity: AffinityId, tab_id: TabId) {
        self.standbys.remove(&tab_id);
        let Some(tab) = self.tabs.get_mut(&tab_id) else {
            return;
        };
        tab.state = TabState::Live { affinity };
        let context = tab.context;
        self.own_context(context, affinity, tab_id);
        self.bound(tab_id, affinity);
    }

    /// Binds a standby to the affinity without anybody having asked for it, as one that was last used then.
    pub(super) fn bind_standby(&mut self, affinity: AffinityId, tab_id: TabId, last_used: LastUsed) {
        if let Some(tab) = self.tabs.get_mut(&tab_id) {
            tab.is_fresh = true;
            tab.last_used = last_used;
            if let Some(context) = self.contexts.get_mut(&tab.context) {
                context.last_used = last_used;
            }
        }
        self.take_standby(affinity, tab_id);
    }

    /// Announces a new tab of the affinity.
    fn bound(&mut self, tab: TabId, affinity_id: AffinityId) {
        let Some(affinity) = self.affinities.get_mut(&affinity_id) else {
            return;
        };
        affinity.loss_unreported = false;
        if let Some(teardown) = &mut affinity.teardown {
            teardown.note_binding();
        }
        let key = affinity.key.clone();
        if let Some(tab) = self.tabs.get_mut(&tab) {
            tab.bound_at.get_or_insert(self.now.monotonic_ms);
        }
        self.act(Action::BindTab { tab, affinity: key });
        self.reindex(tab);
    }

    /// Those who wait for one more tab, or for one that is to move, choose again once the affinity has all the tabs
    /// it may have.
    fn send_excess_away(&mut self, affinity_id: AffinityId) {
        let Some(affinity) = self.affinities.get(&affinity_id) else {
            return;
        };
        if affinity.offered.len() < self.config.affinity_tab_max as usize {
            return;
        }
        let promised = if self.config.migration_allowed() {
            self.tabs.values().filter_map(|tab| tab.promised).collect()
        } else {
            Vec::new()
        };
        let excess = affinity
            .waiting
            .iter()
            .map(|at| at.1)
            .chain(promised)
            .filter(|id| {
                self.requests
                    .get(id)
                    .is_some_and(|request| request.affinity == affinity_id && !request.beyond_tab_max)
            })
            .collect();
        self.choose_again(excess);
    }

    /// Each of them chooses anew, in the order of their places.
    pub(super) fn choose_again(&mut self, mut requests: Vec<RequestId>) {
        requests.retain(|id| self.requests.contains_key(id));
        if requests.is_empty() {
            return;
        }
        for &id in &requests {
            self.detach(id);
            if let Some(request) = self.requests.get_mut(&id) {
                request.waited = true;
            }
        }
        requests.sort_by_key(|id| self.requests.get(id).map(|request| request.place));
        for id in requests {
            // An earlier one may have brought this one on its way already.
            if self
                .requests
                .get(&id)
                .is_some_and(|request| request.state == RequestState::Choosing)
            {
                self.choose(id);
            }
        }
        self.kick_refill();
    }

    /// Another affinity's tab for the request, where tabs may move: an idle one at once, else the queue of one
    /// that has nobody but its holder and is not promised yet.
    pub(super) fn try_migration(&mut self, id: RequestId) -> bool {
        let Some(&(load, _, tab_id)) = self.donors.first() else {
            return false;
        };
        let Some(to) = self.requests.get(&id).map(|request| request.affinity) else {
            return false;
        };
        let Some(from) = self.tabs.get(&tab_id).and_then(Tab::offered_to) else {
            return false;
        };
        self.detach(id);
        if load == 0 {
            self.migrate(id, tab_id, from, to);
        } else {
            self.wait_for_tab(id, tab_id);
        }
        true
    }

    /// Moves the tab with its context, so that the new tenant sees the old one's storage, and hands it over.
    pub(super) fn migrate(&mut self, id: RequestId, tab_id: TabId, from: AffinityId, to: AffinityId) {
        let message = format!(
            "tab migration: a tab of {} moves to {} with its browser context and storage",
            self.key_of(from),
            self.key_of(to)
        );
        self.log(LogLevel::Warn, message);
        self.note(Occurrence::Migrated {
            tab: tab_id,
            from: self.affinity_key(from),
            to: self.affinity_key(to),
        });
        let displaced = self.displace(tab_id);
        let Some(tab) = self.tabs.get_mut(&tab_id) else {
            return;
        };
        tab.state = TabState::Live { affinity: to };
        tab.holder = Some(id);
        let context = tab.context;
        self.drop_row(from, context);
        self.own_context(context, to, tab_id);
        self.bound(tab_id, to);
        self.win(id, tab_id, false);
        self.send_excess_away(to);
        self.report_loss(from);
        self.choose_again(displaced);
        self.remove_affinity_if_unused(from);
    }

    /// Everybody who waits for the tab or holds it without a lease; they are taken off it.
    pub(super) fn displace(&mut self, tab_id: TabId) -> Vec<RequestId> {
        let Some(tab) = self.tabs.get_mut(&tab_id) else {
            return Vec::new();
        };
        let mut displaced: Vec<RequestId> = tab.queue.iter().map(|at| at.1).collect();
        let holder = tab.holder.filter(|id| {
            self.requests
                .get(id)
                .is_some_and(|request| !matches!(request.state, RequestState::Granted { .. }))
        });
        if let Some(holder) = holder {
            // Taken off here: detaching it must not hand the tab to anybody.
            tab.holder = None;
            displaced.push(holder);
        }
        self.reindex(tab_id);
        for &id in &displaced {
            self.detach(id);
        }
        displaced
    }

    /// True if a standby may be made at all now.
    pub(super) fn can_make_standby(&self) -> bool {
        self.shutdown.is_none()
            && (!(self.config.disable_standby_refill && self.live_tabs > 0)
                || planted(Defect::RefillThoughDisabled))
    }
}
