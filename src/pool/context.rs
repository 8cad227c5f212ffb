//! Browser contexts: who owns one, and whether it is alive in Chrome. Two questions, answered apart.

use super::affinity::AffinityId;
use super::defects::{Defect, planted};
use super::tab::LastUsed;
use super::{ContextId, Pool, TabId};

/// Who owns a context. It has at most one page that is not closing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ContextState {
    /// Of a standby, in the making or ready.
    Standby { tab: TabId },
    /// The primary of an affinity, with its page.
    Primary { affinity: AffinityId, tab: TabId },
    /// The primary of an affinity without a page.
    Orphan { affinity: AffinityId },
    /// Of a further tab, which closes it itself.
    Supplementary { affinity: AffinityId, tab: TabId },
    /// A primary that a disposal marked closing; it closes when its page has.
    Condemned { affinity: AffinityId, tab: TabId },
    /// Its close has begun. `affinity`: who may wait for its end, if still there. `slot`: it had a page.
    Closing {
        affinity: Option<AffinityId>,
        slot: bool,
    },
}

impl ContextState {
    /// Whose end of a close it is, while somebody may wait for it.
    fn closing_of(self) -> Option<AffinityId> {
        match self {
            Self::Closing { affinity, .. } => affinity,
            _ => None,
        }
    }
}

/// How long a close takes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Lateness {
    InTime,
    /// It takes long: nobody counts on its slot any more.
    Slow,
    /// It has taken longer than it may: nobody waits for it any more.
    Overdue,
}

/// One `BrowserContext`, until Chrome has let go of it.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) state: ContextState,
    /// The tabs in it, closing ones included.
    pub(super) tabs: Vec<TabId>,
    /// How many of them are closing by themselves.
    pub(super) closing_pages: u32,
    pub(super) last_used: LastUsed,
    /// How far behind the closes in it are.
    pub(super) lateness: Lateness,
    pub(super) counted: Counts,
}

/// Numbers of contexts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counts {
    /// They take a slot.
    pub(super) alive: usize,
    /// Of these, the ones whose slot is on its way back.
    pub(super) freeing: usize,
    /// Of these alive, the ones that are closing and have not been given up on.
    pub(super) closing: usize,
    /// They have not been given up on.
    pub(super) unsettled: usize,
    /// Of these alive, the ones that have been given up on.
    pub(super) stuck: usize,
}

impl Context {
    pub(super) fn new(state: ContextState, last_used: LastUsed) -> Self {
        Self {
            state,
            tabs: Vec::new(),
            closing_pages: 0,
            last_used,
            lateness: Lateness::InTime,
            counted: Counts::default(),
        }
    }

    /// True if a new page may be opened in it.
    pub(super) fn is_openable(&self) -> bool {
        matches!(self.state, ContextState::Orphan { .. }) && self.closing_pages == 0
    }

    /// True if a further tab of the affinity finds it in charge.
    pub(super) fn is_live_primary(&self) -> bool {
        matches!(
            self.state,
            ContextState::Primary { .. } | ContextState::Orphan { .. }
        )
    }

    pub(super) fn takes_slot(&self) -> bool {
        match self.state {
            ContextState::Orphan { .. } => self.closing_pages > 0,
            ContextState::Closing { .. } if planted(Defect::SlotFreedAtTheCall) => false,
            ContextState::Closing { slot, .. } => slot || self.closing_pages > 0,
            _ => true,
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let closing = match self.state {
            ContextState::Orphan { .. } | ContextState::Condemned { .. } => self.closing_pages > 0,
            ContextState::Closing { .. } => true,
            _ => false,
        };
        let alive = self.takes_slot();
        let given_up = closing && self.lateness == Lateness::Overdue;
        Counts {
            alive: usize::from(alive),
            freeing: usize::from(alive && closing && self.lateness == Lateness::InTime),
            closing: usize::from(alive && closing && !given_up),
            unsettled: usize::from(!given_up),
            stuck: usize::from(alive && given_up),
        }
    }
}

impl Pool {
    /// Brings the counts up to date after anything about the context changed.
    pub(super) fn recount(&mut self, id: ContextId) {
        let Some(context) = self.contexts.get_mut(&id) else {
            return;
        };
        let new = context.counts();
        let old = std::mem::replace(&mut context.counted, new);
        self.adjust(old, new);
    }

    fn adjust(&mut self, old: Counts, new: Counts) {
        if old == new {
            return;
        }
        let sum = &mut self.counts;
        sum.alive = sum.alive + new.alive - old.alive;
        sum.freeing = sum.freeing + new.freeing - old.freeing;
        sum.closing = sum.closing + new.closing - old.closing;
        sum.unsettled = sum.unsettled + new.unsettled - old.unsettled;
        sum.stuck = sum.stuck + new.stuck - old.stuck;
        self.dirty = true;
    }

    /// Takes the context out of the arena, the ledger and the counts.
    pub(super) fn remove_context(&mut self, id: ContextId) -> Option<Context> {
        let context = self.contexts.remove(&id)?;
        self.adjust(context.counted, Counts::default());
        if let ContextState::Orphan { .. } = context.state {
            self.orphans.remove(&(context.last_used, id));
        }
        let owner = context.state.closing_of();
        if let Some(affinity) = owner.and_then(|owner| self.affinities.get_mut(&owner)) {
            affinity.closing.remove(&id);
        }
        Some(context)
    }

    /// Sets the state and everything that depends on it.
    pub(super) fn set_context_state(&mut self, id: ContextId, state: ContextState) {
        let Some(context) = self.contexts.get_mut(&id) else {
            return;
        };
        let key = (context.last_used, id);
        if matches!(context.state, ContextState::Orphan { .. }) {
            self.orphans.remove(&key);
        }
        let old = std::mem::replace(&mut context.state, state);
        if matches!(state, ContextState::Orphan { .. }) {
            self.orphans.insert(key);
        }
        if let Some(affinity) = old.closing_of().and_then(|owner| self.affinities.get_mut(&owner)) {
            affinity.closing.remove(&id);
        }
        if let Some(affinity) = state
            .closing_of()
            .and_then(|owner| self.affinities.get_mut(&owner))
        {
            affinity.closing.insert(id);
        }
        self.recount(id);
    }

    /// Makes the context of `tab` the primary of the affinity, or its own where there is a live primary.
    pub(super) fn own_context(&mut self, id: ContextId, affinity: AffinityId, tab: TabId) {
        let has_primary = self
            .affinities
            .get(&affinity)
            .and_then(|affinity| affinity.primary)
            .and_then(|primary| self.contexts.get(&primary))
            .is_some_and(Context::is_live_primary);
        if has_primary && !planted(Defect::SecondPrimary) {
            self.set_context_state(id, ContextState::Supplementary { affinity, tab });
        } else {
            self.set_context_state(id, ContextState::Primary { affinity, tab });
            if let Some(affinity) = self.affinities.get_mut(&affinity)
                && affinity.primary.replace(id).is_none()
            {
                self.rows += 1;
            }
            self.enforce_shared_context_cap();
        }
    }

    /// Takes the row of the ledger away if it is this context's.
    pub(super) fn drop_row(&mut self, affinity: AffinityId, context: ContextId) {
        if let Some(affinity) = self.affinities.get_mut(&affinity)
            && (affinity.primary == Some(context) || planted(Defect::AnotherContextsRow))
            && affinity.primary.take().is_some()
        {
            self.rows -= 1;
        }
    }

    /// How many contexts may be alive: one more than there are pages.
    pub(super) fn slot_limit(&self) -> usize {
        self.target_pages() as usize + 1
    }

    /// How many more contexts may be made now.
    pub(super) fn free_slots(&self) -> usize {
        (self.slot_limit() + usize::from(planted(Defect::ContextsBeyondTheLimit)))
            .saturating_sub(self.counts.alive)
    }

    /// While the ledger has more rows than it may, those in use included, closes orphans, oldest first. A context in
    /// use is never closed for it.
    pub(super) fn enforce_shared_context_cap(&mut self) {
        while self.rows > self.config.shared_context_cap as usize && !planted(Defect::OrphansKept) {
            let Some(&(_, oldest)) = self.orphans.first() else {
                return;
            };
            self.close_orphan(oldest, true);
        }
    }
}
