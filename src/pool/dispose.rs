//! Taking an affinity out of use: what is decided at the call, and what happens when its pages have closed.

use super::defects::{Defect, planted};
use std::collections::BTreeSet;

use super::affinity::{Affinity, AffinityId};
use super::context::ContextState;
use super::tab::TabState;
use super::{
    Action, AffinityKey, ContextId, DisposeOptions, EvictionReason, LogLevel, Occurrence, Operation,
    OperationId, Pool, RequestId, TabId, TicketId,
};

/// The rest of an affinity that is being taken out of use: what its end waits for. Disposals of one key share it.
#[derive(Debug, Default)]
pub(super) struct Teardown {
    pub(super) tabs: BTreeSet<TabId>,
    pub(super) contexts: BTreeSet<ContextId>,
    listeners: Vec<Listener>,
    /// True if the key stays in the warm list until the end.
    listed: bool,
    /// True if `onAffinityDisposed` was called for what it tears down.
    announced: bool,
    /// The notification of the manager that it waits for.
    notifying: Option<Notification>,
    /// True if its end is a reason to refill.
    refill: bool,
}

/// The manager is being told that the affinity is lost.
#[derive(Clone, Copy, Debug)]
struct Notification {
    operation: OperationId,
    /// The affinity got a tab since that was begun: what it says is out of date.
    outdated: bool,
}

/// Who is told when a teardown has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Listener {
    Dispose(TicketId),
    IdleEviction(TicketId),
}

/// An `evictIdleAffinities` under way.
#[derive(Debug)]
pub(super) struct IdleEviction {
    affinities: Vec<AffinityKey>,
    pub(super) remaining: usize,
}

#[cfg(test)]
impl IdleEviction {
    /// One that waits for a teardown.
    pub(super) fn of_one() -> Self {
        Self {
            affinities: Vec::new(),
            remaining: 1,
        }
    }
}

/// How an affinity is taken out of use.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, most of them the caller's options"
)]
pub(super) struct TeardownOptions {
    pub(super) retain_context: bool,
    pub(super) retain_console_errors: bool,
    /// Nobody waits: `onAffinityDisposed` is called at once, and the key stays in the warm list meanwhile.
    pub(super) background: bool,
    pub(super) refill: bool,
    /// Its leases do not go on for ever: their pages are asked whether they answer.
    pub(super) bounded: bool,
}

impl TeardownOptions {
    /// The pool's own decision to close an affinity, pages and context: its next visit takes a standby that is ready.
    pub(super) const EVICT: Self = Self {
        retain_context: false,
        retain_console_errors: false,
        background: true,
        refill: true,
        bounded: false,
    };

    /// An affinity loses its only page, which is no good any more; the context stays for its next visit.
    pub(super) const RETIRE: Self = Self {
        retain_context: true,
        ..Self::EVICT
    };
}

impl Teardown {
    pub(super) fn is_done(&self) -> bool {
        self.tabs.is_empty()
            && (self.contexts.is_empty() || planted(Defect::DisposedTooEarly))
            && self.notifying.is_none()
    }

    /// True if it waits for this notification of the manager.
    pub(super) fn is_notifying(&self, id: OperationId) -> bool {
        let notifying = self.notifying;
        notifying.is_some_and(|notification| notification.operation == id)
    }

    /// The evictions that wait for it.
    pub(super) fn idle_evictions(&self) -> impl Iterator<Item = TicketId> + '_ {
        self.listeners.iter().filter_map(|listener| match listener {
            Listener::IdleEviction(ticket) => Some(*ticket),
            Listener::Dispose(_) => None,
        })
    }

    /// All that it waited for has ended, and the manager is being told.
    pub(super) fn is_reporting(&self) -> bool {
        self.notifying.is_some()
    }

    /// The affinity has a tab again.
    pub(super) fn note_binding(&mut self) {
        if let Some(notification) = &mut self.notifying {
            notification.outdated = true;
        }
    }

    /// True if the key counts as warm while its tabs close.
    pub(super) fn is_listed(&self) -> bool {
        self.listed
    }
}

impl Pool {
    pub(super) fn dispose(&mut self, ticket: TicketId, key: &AffinityKey, options: DisposeOptions) {
        let known = self
            .affinity_ids
            .get(key)
            .copied()
            .filter(|id| self.is_warm_in_any_way(*id) || options.await_idle && self.is_closing(*id));
        let Some(id) = known else {
            self.act(Action::DisposalEnded { ticket });
            return;
        };
        let teardown = TeardownOptions {
            retain_context: options.retain_shared_context,
            retain_console_errors: options.retain_console_errors,
            background: !options.await_idle,
            refill: self.shutdown.is_none(),
            bounded: true,
        };
        if options.await_idle {
            self.tear_down(id, teardown, Some(Listener::Dispose(ticket)));
        } else {
            self.tear_down(id, teardown, None);
            self.act(Action::DisposalEnded { ticket });
        }
    }

    fn is_warm_in_any_way(&self, id: AffinityId) -> bool {
        self.affinities.get(&id).is_some_and(|affinity| {
            affinity.has_tabs() || affinity.primary.is_some() || affinity.teardown.is_some()
        })
    }

    /// True if a context of it is closing that somebody may wait for.
    fn is_closing(&self, id: AffinityId) -> bool {
        self.affinities
            .get(&id)
            .is_some_and(|affinity| !affinity.closing.is_empty())
    }

    pub(super) fn evict_idle(&mut self, ticket: TicketId, max_idle_ms: f64) {
        let now = self.now.wall_ms;
        let mut idle: Vec<AffinityId> = Vec::new();
        if max_idle_ms.is_finite() && max_idle_ms > 0.0 {
            let candidates = self
                .idle_affinities
                .iter()
                .take_while(|at| now - at.0.0 > max_idle_ms || planted(Defect::EvictsTheFresh));
            idle = candidates
                .map(|at| at.1)
                .filter(|id| {
                    self.affinities
                        .get(id)
                        .is_some_and(|affinity| affinity.requests == 0)
                })
                .collect();
        }
        if planted(Defect::BusyCountsAsIdle) {
            let offered = self.affinities.iter().filter(|at| !at.1.offered.is_empty());
            idle = offered.map(|at| *at.0).collect();
        }
        let affinities: Vec<AffinityKey> = idle
            .iter()
            .filter_map(|id| self.affinities.get(id))
            .map(|affinity| affinity.key.clone())
            .collect();
        if idle.is_empty() {
            self.act(Action::Evicted { ticket, affinities });
            return;
        }
        self.idle_evictions.insert(
            ticket,
            IdleEviction {
                affinities,
                remaining: idle.len(),
            },
        );
        let options = TeardownOptions {
            retain_context: false,
            retain_console_errors: false,
            background: false,
            refill: self.shutdown.is_none(),
            bounded: true,
        };
        for id in idle {
            self.note_eviction(id, EvictionReason::Idle);
            self.tear_down(id, options, Some(Listener::IdleEviction(ticket)));
        }
    }

    /// Takes the affinity out of use, or closes the orphan that is all there is of it: that has lost its last tab long
    /// ago, and the manager was told then.
    pub(super) fn tear_down_or_close_orphan(&mut self, id: AffinityId, options: TeardownOptions) {
        match self.orphan_alone(id) {
            Some(orphan) => self.close_orphan(orphan, true),
            None => self.tear_down_unattended(id, options),
        }
    }

    /// Takes the affinity out of use without anybody waiting for it.
    pub(super) fn tear_down_unattended(&mut self, id: AffinityId, options: TeardownOptions) {
        self.tear_down(id, options, None);
    }

    /// Takes all that the affinity has out of use, joining what is being torn down of it already.
    fn tear_down(&mut self, id: AffinityId, options: TeardownOptions, listener: Option<Listener>) {
        let Some(affinity) = self.affinities.get(&id) else {
            return;
        };
        let offered: Vec<TabId> = affinity.offered.iter().map(|at| at.2).collect();
        let primary = affinity.primary;
        let is_new = affinity.teardown.is_none();
        let mut fresh_work = is_new || !offered.is_empty();

        let mut displaced = Vec::new();
        for &tab in &offered {
            if !(planted(Defect::ForgetsToMarkClosing) && listener.is_some()) {
                displaced.extend(self.drain(tab));
            }
        }
        let draining: Vec<TabId> = self
            .affinities
            .get(&id)
            .map(|affinity| affinity.draining.iter().copied().collect())
            .unwrap_or_default();
        for tab in &draining {
            if let Some(tab) = self.tabs.get_mut(tab) {
                // Whoever joins a teardown does not take back what another was promised.
                tab.retain_console_errors |= options.retain_console_errors;
            }
        }
        // Who waits for the end waits for all that is closing of it, rows that are gone included.
        let mut contexts = self
            .affinities
            .get(&id)
            .filter(|_| listener.is_some())
            .map(|affinity| affinity.closing.clone())
            .unwrap_or_default();
        for tab in &draining {
            let context = self.tabs.get(tab).map(|tab| tab.context);
            let own = context.filter(|context| {
                matches!(
                    self.contexts.get(context).map(|context| context.state),
                    Some(
                        ContextState::Supplementary { .. }
                            | ContextState::Closing { .. }
                            | ContextState::Condemned { .. }
                    )
                )
            });
            contexts.extend(own);
        }
        if let Some(primary) = primary {
            fresh_work |= self.condemn(primary, options.retain_context);
            let going = self
                .contexts
                .get(&primary)
                .is_some_and(|context| !context.is_live_primary());
            contexts.extend(going.then_some(primary));
        }
        let closing = self.shutdown.is_some();
        if let Some(affinity) = self.affinities.get_mut(&id) {
            let teardown = affinity.teardown.get_or_insert_with(Teardown::default);
            teardown.tabs.extend(draining.iter().copied());
            teardown.contexts.extend(contexts);
            teardown.listeners.extend(listener);
            teardown.listed = options.background
                && if is_new {
                    !draining.is_empty()
                } else {
                    teardown.listed
                };
            teardown.refill |= options.refill && !closing;
            teardown.announced &= !fresh_work;
        }
        if options.bounded {
            self.wind_up_tabs(&draining);
        }
        for tab in draining {
            self.close_if_unused(tab);
        }
        if options.background {
            self.announce(id);
        }
        self.choose_again(displaced);
        self.end_teardown(id);
    }

    /// Marks a primary closing. Returns whether that is news.
    pub(super) fn condemn(&mut self, id: ContextId, retain: bool) -> bool {
        if retain && !planted(Defect::RetainedContextClosed) {
            return false;
        }
        match self.contexts.get(&id).map(|context| context.state) {
            Some(ContextState::Primary { affinity, tab }) => {
                self.set_context_state(id, ContextState::Condemned { affinity, tab });
                true
            }
            Some(ContextState::Orphan { .. }) => {
                self.close_orphan(id, false);
                true
            }
            _ => false,
        }
    }

    /// Stops offering the tab. Returns those who waited for it or held it without a lease.
    pub(super) fn drain(&mut self, id: TabId) -> Vec<RequestId> {
        let displaced = self.displace(id);
        let Some(tab) = self.tabs.get_mut(&id) else {
            return displaced;
        };
        let Some(affinity_id) = tab.offered_to() else {
            return displaced;
        };
        tab.state = match tab.state {
            TabState::Opening { affinity, .. } => TabState::Opening {
                affinity,
                draining: true,
            },
            _ => TabState::Draining {
                affinity: affinity_id,
            },
        };
        self.reindex(id);
        if let Some(affinity) = self.affinities.get_mut(&affinity_id) {
            affinity.draining.insert(id);
        }
        self.reindex_affinity(affinity_id);
        displaced
    }

    /// Teardowns that may end after the pool is closed are no reason to refill any more.
    pub(super) fn forgo_refills(&mut self) {
        for affinity in self.affinities.values_mut() {
            if let Some(teardown) = &mut affinity.teardown {
                teardown.refill = false;
            }
        }
    }

    fn announce(&mut self, id: AffinityId) {
        let Some(affinity) = self.affinities.get_mut(&id) else {
            return;
        };
        let Some(teardown) = &mut affinity.teardown else {
            return;
        };
        if !std::mem::replace(&mut teardown.announced, true) && !planted(Defect::CallbackForgotten) {
            let affinity = affinity.key.clone();
            self.act(Action::AffinityDisposed { affinity });
        }
    }

    /// A context that the affinity's teardown may wait for is gone, or has been given up on.
    pub(super) fn context_left(&mut self, id: AffinityId, context: ContextId) {
        if let Some(teardown) = self.teardown_of(id) {
            teardown.contexts.remove(&context);
        }
        self.end_teardown(id);
    }

    fn teardown_of(&mut self, id: AffinityId) -> Option<&mut Teardown> {
        self.affinities.get_mut(&id)?.teardown.as_mut()
    }

    /// Ends a teardown that has nothing left to wait for, once the manager has been told where it has to be.
    pub(super) fn end_teardown(&mut self, id: AffinityId) {
        let Some(affinity) = self.affinities.get_mut(&id) else {
            return;
        };
        // One that was closed alone meanwhile is the last then, and its end is the loss.
        let lost = !affinity.in_use() && affinity.draining.is_empty();
        let Some(teardown) = affinity.teardown.as_ref().filter(|teardown| teardown.is_done()) else {
            return;
        };
        if !teardown.listeners.is_empty() && (lost || planted(Defect::ManagerForgetsLive)) {
            let operation = self.start(Operation::NotifyManager { affinity: Some(id) });
            if let Some(affinity) = self.affinities.get_mut(&id) {
                let key = affinity.key.clone();
                affinity.loss_unreported = false;
                if let Some(teardown) = &mut affinity.teardown {
                    teardown.notifying = Some(Notification {
                        operation,
                        outdated: false,
                    });
                }
                self.act(Action::NotifyManager {
                    operation,
                    affinity: key,
                });
            }
            return;
        }
        self.finish_teardown(id, false);
    }

    pub(super) fn manager_notified(&mut self, id: AffinityId, operation: OperationId) {
        let Some(teardown) = self.teardown_of(id) else {
            return;
        };
        if let Some(notification) = teardown
            .notifying
            .take_if(|notification| notification.operation == operation)
        {
            // A disposal that came meanwhile may have brought more to wait for, and then tells it anew.
            if teardown.is_done() {
                self.finish_teardown(id, !notification.outdated);
            }
        }
    }

    fn finish_teardown(&mut self, id: AffinityId, told: bool) {
        self.announce(id);
        let Some(affinity) = self.affinities.get_mut(&id) else {
            return;
        };
        let Some(teardown) = affinity.teardown.take() else {
            return;
        };
        let lost = affinity.offered.is_empty();
        let operation = self.start(Operation::CleanUserDataDirs);
        self.act(Action::CleanUserDataDirs { operation });
        if lost && !told {
            self.report_loss(id);
        }
        for listener in teardown.listeners {
            match listener {
                Listener::Dispose(ticket) => self.act(Action::DisposalEnded { ticket }),
                Listener::IdleEviction(ticket) => self.idle_eviction_left(ticket),
            }
        }
        if teardown.refill {
            self.kick_refill();
        }
        self.remove_affinity_if_unused(id);
    }

    fn idle_eviction_left(&mut self, ticket: TicketId) {
        let Some(eviction) = self.idle_evictions.get_mut(&ticket) else {
            return;
        };
        eviction.remaining -= 1;
        if eviction.remaining == 0
            && let Some(eviction) = self.idle_evictions.remove(&ticket)
        {
            self.act(Action::Evicted {
                ticket,
                affinities: eviction.affinities,
            });
        }
    }

    /// Closes the least recently used affinity's tabs, else the least recently used idle tab of an affinity that
    /// is busy. Returns whether there was any.
    pub(super) fn evict(&mut self, why: &str) -> bool {
        let first = if planted(Defect::LatestEvicted) {
            self.idle_affinities.last()
        } else {
            self.idle_affinities.first()
        };
        if let Some(&(_, id)) = first {
            self.log(
                LogLevel::Info,
                format!(
                    "closing the tabs of {}, least recently used, {why}",
                    self.key_of(id)
                ),
            );
            self.note_eviction(id, EvictionReason::Room);
            let retain_context = planted(Defect::EvictedContextKept);
            self.tear_down_unattended(
                id,
                TeardownOptions {
                    retain_context,
                    ..TeardownOptions::EVICT
                },
            );
            return true;
        }
        let Some(&(_, tab)) = self.idle_tabs.first() else {
            return false;
        };
        let affinity = self.tabs.get(&tab).and_then(super::tab::Tab::affinity);
        let key = affinity.map_or("", |id| self.key_of(id));
        self.log(
            LogLevel::Info,
            format!("closing an idle tab of {key}, least recently used, {why}"),
        );
        if let Some(affinity) = affinity.map(|id| self.affinity_key(id)) {
            self.note(Occurrence::Evicted {
                affinity,
                tabs: 1,
                reason: EvictionReason::Room,
            });
        }
        // The context goes with it, whether it is its own or the affinity's primary.
        if let Some(context) = self.tabs.get(&tab).map(|tab| tab.context) {
            self.condemn(context, false);
        }
        self.retire_alone(tab);
        true
    }

    /// All tabs of the affinity, which are idle, are about to be closed.
    pub(super) fn note_eviction(&mut self, id: AffinityId, reason: EvictionReason) {
        if let Some(affinity) = self.affinity(id) {
            self.note(Occurrence::Evicted {
                affinity: affinity.key.clone(),
                tabs: affinity.offered.len(),
                reason,
            });
        }
    }

    /// Closes one tab of an affinity that goes on with others. They may all be held by files now: what these may be
    /// waiting for chooses again too.
    pub(super) fn retire_alone(&mut self, tab: TabId) {
        let affinity = self.tabs.get(&tab).and_then(super::tab::Tab::offered_to);
        let mut displaced = self.drain(tab);
        self.close_if_unused(tab);
        displaced.extend(affinity.into_iter().flat_map(|id| self.behind_files(id)));
        self.choose_again(displaced);
    }

    pub(super) fn close_if_unused(&mut self, id: TabId) {
        let unused = self
            .tabs
            .get(&id)
            .is_some_and(|tab| matches!(tab.state, TabState::Draining { .. }) && tab.holder.is_none());
        if unused {
            self.begin_close(id);
        }
    }

    pub(super) fn affinity(&self, id: AffinityId) -> Option<&Affinity> {
        self.affinities.get(&id)
    }
}
