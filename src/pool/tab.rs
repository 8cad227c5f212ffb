//! One page with its lease queue, and the indices that find it.

use std::cmp::Ordering;

use super::affinity::AffinityId;
use super::trim::Idling;
use super::waiters::Waiters;
use super::{ContextId, OperationId, Pool, RequestId, TabId};

/// A moment on the wall clock, ordered: the key of every "least recently used".
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LastUsed(pub(super) f64);

impl PartialEq for LastUsed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for LastUsed {}

impl PartialOrd for LastUsed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LastUsed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Where a tab is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TabState {
    /// A standby in the making.
    Creating,
    /// A standby that is ready.
    Standby,
    /// Its page is being opened in the orphan of this affinity. Offered (callers may queue on it) unless it is
    /// draining: then it closes as soon as it stands.
    Opening { affinity: AffinityId, draining: bool },
    /// Bound and offered.
    Live { affinity: AffinityId },
    /// Bound and no longer offered; closes when its lease ends.
    Draining { affinity: AffinityId },
    /// Its close has begun. `None`: nobody waits for it any more, or it never had an affinity.
    Closing { affinity: Option<AffinityId> },
}

/// How a tab is found in the indices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Indexed {
    pub(super) affinity: AffinityId,
    pub(super) load: usize,
    pub(super) last_used: LastUsed,
    donor: bool,
}

/// One page, from the start of its creation until Chrome has let go of it.
#[derive(Debug)]
pub(super) struct Tab {
    pub(super) context: ContextId,
    pub(super) state: TabState,
    /// Who holds it: the request that it is opened for, is probed for, waits for the semaphore, or has the lease.
    pub(super) holder: Option<RequestId>,
    pub(super) queue: Waiters,
    /// The one waiter of another affinity to which it moves next.
    pub(super) promised: Option<RequestId>,
    pub(super) last_used: LastUsed,
    /// The question under way whether it answers.
    pub(super) asked: Option<OperationId>,
    /// When it last answered since its last lease ended, on the monotonic clock.
    pub(super) answered_at: Option<u64>,
    /// Leases it has given out.
    pub(super) uses: u32,
    /// When it was first bound to a tenant, on the monotonic clock.
    pub(super) bound_at: Option<u64>,
    /// The resident memory of its renderer after a lease, MB, where that is known.
    pub(super) memory_mb: Option<u64>,
    /// The question under way how much that is.
    pub(super) measuring: Option<OperationId>,
    pub(super) idling: Idling,
    /// It came in the place of a worn tab, and nobody has had a lease of it.
    pub(super) is_fresh: bool,
    /// Popups of its page, and theirs, that are not gone.
    pub(super) popups: u32,
    /// True if all of them are being closed.
    pub(super) popups_end: bool,
    pub(super) retain_console_errors: bool,
    pub(super) indexed: Option<Indexed>,
}

impl Tab {
    pub(super) fn new(context: ContextId, state: TabState, last_used: LastUsed) -> Self {
        Self {
            context,
            state,
            holder: None,
            queue: Waiters::default(),
            promised: None,
            last_used,
            asked: None,
            answered_at: None,
            uses: 0,
            bound_at: None,
            memory_mb: None,
            measuring: None,
            idling: Idling::default(),
            is_fresh: false,
            popups: 0,
            popups_end: false,
            retain_console_errors: false,
            indexed: None,
        }
    }

    /// It has served a render: only then can it have been left in a bad state.
    pub(super) fn served(&self) -> bool {
        self.uses > 0
    }

    /// The affinity it is bound to, closing included.
    pub(super) fn affinity(&self) -> Option<AffinityId> {
        match self.state {
            TabState::Creating | TabState::Standby => None,
            TabState::Opening { affinity, .. }
            | TabState::Live { affinity }
            | TabState::Draining { affinity } => Some(affinity),
            TabState::Closing { affinity } => affinity,
        }
    }

    /// The affinity to whose callers it is offered.
    pub(super) fn offered_to(&self) -> Option<AffinityId> {
        match self.state {
            TabState::Opening {
                affinity,
                draining: false,
            }
            | TabState::Live { affinity } => Some(affinity),
            _ => None,
        }
    }

    pub(super) fn is_opening(&self) -> bool {
        matches!(self.state, TabState::Opening { .. })
    }

    /// Holder and waiters; a page that is being opened is busy also when its caller has gone.
    pub(super) fn load(&self) -> usize {
        self.queue.len() + usize::from(self.holder.is_some() || self.is_opening())
    }

    pub(super) fn index(&self) -> Option<Indexed> {
        let affinity = self.offered_to()?;
        let load = self.load();
        let donor = load <= 1 && self.promised.is_none() && !self.is_opening();
        Some(Indexed {
            affinity,
            load,
            last_used: self.last_used,
            donor,
        })
    }
}

impl Pool {
    /// Brings the indices up to date after the tab's state, holder, queue or last use changed.
    pub(super) fn reindex(&mut self, id: TabId) {
        let Some(tab) = self.tabs.get_mut(&id) else { return };
        let new = tab.index();
        let old = std::mem::replace(&mut tab.indexed, new);
        self.swap_index(id, old, new);
        self.note_idleness(id, new.is_some_and(|new| new.load == 0));
    }

    /// Takes the tab out of the arena and all indices.
    pub(super) fn remove_tab(&mut self, id: TabId) -> Option<Tab> {
        let mut tab = self.tabs.remove(&id)?;
        let old = tab.indexed.take();
        self.swap_index(id, old, None);
        self.abandon_trim(id);
        for operation in [tab.asked.take(), tab.measuring.take()].into_iter().flatten() {
            self.remove_operation(operation);
        }
        Some(tab)
    }

    fn swap_index(&mut self, id: TabId, old: Option<Indexed>, new: Option<Indexed>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.live_tabs -= 1;
            self.idle_tabs.remove(&(old.last_used, id));
            self.donors.remove(&(old.load, old.last_used, id));
            if let Some(affinity) = self.affinities.get_mut(&old.affinity) {
                affinity.offered.remove(&(old.load, old.last_used, id));
            }
        }
        if let Some(new) = new {
            self.live_tabs += 1;
            if new.load == 0 {
                self.idle_tabs.insert((new.last_used, id));
            }
            if new.donor && self.config.migration_allowed() {
                self.donors.insert((new.load, new.last_used, id));
            }
            if let Some(affinity) = self.affinities.get_mut(&new.affinity) {
                affinity.offered.insert((new.load, new.last_used, id));
            }
        }
        for affinity in [old.map(|at| at.affinity), new.map(|at| at.affinity)]
            .into_iter()
            .flatten()
        {
            self.reindex_affinity(affinity);
        }
        self.dirty = true;
    }

    /// Notes a use of the tab, its context and its affinity.
    pub(super) fn touch(&mut self, id: TabId) {
        let now = LastUsed(self.now.wall_ms);
        let Some(tab) = self.tabs.get_mut(&id) else { return };
        tab.last_used = now;
        let (context, affinity) = (tab.context, tab.affinity());
        if let Some(context) = self.contexts.get_mut(&context) {
            context.last_used = now;
        }
        if let Some(affinity) = affinity.and_then(|id| self.affinities.get_mut(&id)) {
            affinity.last_used = now;
        }
        self.reindex(id);
        if let Some(affinity) = affinity {
            self.reindex_affinity(affinity);
        }
    }
}
