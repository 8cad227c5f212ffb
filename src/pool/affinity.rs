//! One tenant: its tabs, contexts, requests and permits.

use super::defects::{Defect, planted};
use std::collections::BTreeSet;

use super::context::{Context, ContextState};
use super::dispose::Teardown;
use super::tab::LastUsed;
use super::waiters::Waiters;
use super::{Action, AffinityKey, ContextId, Pool, TabId};

/// An affinity inside the machine, numbered in the order in which affinities came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct AffinityId(pub(super) u64);

/// One tenant.
#[derive(Debug)]
pub(super) struct Affinity {
    pub(super) key: AffinityKey,
    /// Tabs offered to its callers, by load, then least recently used, then age.
    pub(super) offered: BTreeSet<(usize, LastUsed, TabId)>,
    /// Its other tabs: draining or closing.
    pub(super) draining: BTreeSet<TabId>,
    /// Its row of the ledger: the context is its primary, or was until a disposal marked it closing.
    pub(super) primary: Option<ContextId>,
    /// Contexts of it that are closing and have not been given up on.
    pub(super) closing: BTreeSet<ContextId>,
    pub(super) last_used: LastUsed,
    pub(super) admission: Admission,
    /// Its requests in the pool's own queue.
    pub(super) waiting: Waiters,
    /// Its requests that have not ended, leases included.
    pub(super) requests: usize,
    pub(super) teardown: Option<Teardown>,
    /// It lost its last tab, and the manager has not been told because a request is still there.
    pub(super) loss_unreported: bool,
    idle_as: Option<LastUsed>,
}

/// Permits for `file` leases.
#[derive(Debug, Default)]
pub(super) struct Admission {
    pub(super) holders: u32,
    pub(super) waiters: Waiters,
}

impl Affinity {
    fn new(key: AffinityKey) -> Self {
        Self {
            key,
            offered: BTreeSet::new(),
            draining: BTreeSet::new(),
            primary: None,
            closing: BTreeSet::new(),
            last_used: LastUsed::default(),
            admission: Admission::default(),
            waiting: Waiters::default(),
            requests: 0,
            teardown: None,
            loss_unreported: false,
            idle_as: None,
        }
    }

    /// The least recently used tab that nobody holds or waits for.
    pub(super) fn idle_tab(&self) -> Option<TabId> {
        if planted(Defect::LatestTabChosen) {
            return self
                .offered
                .iter()
                .take_while(|at| at.0 == 0)
                .last()
                .map(|at| at.2);
        }
        self.offered
            .first()
            .filter(|at| at.0 == 0 || planted(Defect::BusyTabChosen))
            .map(|at| at.2)
    }

    /// The tab with the fewest pending, then least recently used.
    pub(super) fn least_loaded(&self) -> Option<TabId> {
        self.offered.first().map(|at| at.2)
    }

    /// True if it has tabs that are offered, and all of them are idle.
    pub(super) fn all_idle(&self) -> bool {
        self.offered.last().is_some_and(|at| at.0 == 0)
    }

    pub(super) fn has_tabs(&self) -> bool {
        !self.offered.is_empty() || !self.draining.is_empty()
    }

    /// True if it is in use, or will be as soon as one of its requests is served.
    pub(super) fn in_use(&self) -> bool {
        !self.offered.is_empty() || self.requests > 0
    }
}

impl Pool {
    pub(super) fn affinity_id(&mut self, key: &AffinityKey) -> AffinityId {
        if let Some(&id) = self.affinity_ids.get(key) {
            return id;
        }
        let id = AffinityId(self.fresh());
        self.affinity_ids.insert(key.clone(), id);
        self.affinities.insert(id, Affinity::new(key.clone()));
        id
    }

    pub(super) fn key_of(&self, id: AffinityId) -> &str {
        self.affinities
            .get(&id)
            .map_or("", |affinity| affinity.key.as_str())
    }

    /// The key of one that is known: whoever has a request, a tab or a context is.
    pub(super) fn affinity_key(&self, id: AffinityId) -> AffinityKey {
        self.affinities
            .get(&id)
            .map_or_else(|| AffinityKey::from(""), |affinity| affinity.key.clone())
    }

    pub(super) fn reindex_affinity(&mut self, id: AffinityId) {
        let Some(affinity) = self.affinities.get_mut(&id) else {
            return;
        };
        // One that is draining may still serve a lease.
        let serves = |tab: &TabId| self.tabs.get(tab).is_some_and(|tab| tab.holder.is_some());
        let idle = affinity.all_idle() && !affinity.draining.iter().any(serves);
        let new = idle.then_some(affinity.last_used);
        let old = std::mem::replace(&mut affinity.idle_as, new);
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.idle_affinities.remove(&(old, id));
        }
        if let Some(new) = new {
            self.idle_affinities.insert((new, id));
        }
    }

    /// The manager is to forget the affinity, which has lost its last tab: now, or once its last request has
    /// ended without bringing it back.
    pub(super) fn report_loss(&mut self, id: AffinityId) {
        let Some(affinity) = self.affinities.get_mut(&id) else {
            return;
        };
        if affinity.has_tabs() || affinity.teardown.is_some() || planted(Defect::ManagerNotTold) {
            return;
        }
        if affinity.requests > 0 {
            affinity.loss_unreported = true;
        } else {
            affinity.loss_unreported = false;
            let affinity = affinity.key.clone();
            let operation = self.start(super::Operation::NotifyManager { affinity: None });
            if planted(Defect::ManagerToldTwice) {
                let affinity = affinity.clone();
                self.act(Action::NotifyManager { operation, affinity });
            }
            self.act(Action::NotifyManager { operation, affinity });
        }
    }

    /// True if its primary is not closing: one that is was disposed of, or its last page's loss has been reported.
    pub(super) fn has_live_primary(&self, affinity: &Affinity) -> bool {
        let primary = affinity.primary.and_then(|id| self.contexts.get(&id));
        primary.is_some_and(Context::is_live_primary)
    }

    /// The orphan that is all that there is of the affinity, whose loss has been or is being reported.
    pub(super) fn orphan_alone(&self, id: AffinityId) -> Option<ContextId> {
        let affinity = self.affinities.get(&id)?;
        let context = affinity.primary?;
        let is_over = affinity.teardown.as_ref().is_none_or(Teardown::is_reporting);
        let alone = !affinity.has_tabs() && is_over;
        let is_orphan = matches!(self.contexts.get(&context)?.state, ContextState::Orphan { .. });
        (alone && is_orphan).then_some(context)
    }

    /// Takes an affinity of which nothing is left out of the arena.
    pub(super) fn remove_affinity_if_unused(&mut self, id: AffinityId) {
        let Some(affinity) = self.affinities.get(&id) else {
            return;
        };
        if affinity.requests > 0 || affinity.teardown.is_some() || affinity.has_tabs() {
            return;
        }
        // A shutdown has yet to close its context, and tells the manager then.
        if affinity.loss_unreported && (self.shutdown.is_none() || affinity.primary.is_none()) {
            self.report_loss(id);
        }
        let Some(affinity) = self.affinities.get(&id) else {
            return;
        };
        if affinity.primary.is_none() && affinity.closing.is_empty() {
            self.affinity_ids.remove(&affinity.key);
            self.affinities.remove(&id);
        }
    }
}
