//! The invariants: they hold after every event.

mod derived;
mod pending;

use super::affinity::AffinityId;
use super::context::{Context, ContextState};
use super::request::{Request, RequestState};
use super::tab::{Tab, TabState};
use super::{ContextId, Operation, Pool, RequestId, TabId};

/// A state that must not be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("shared-context invariant violated: {0}")]
pub struct Violation(String);

type Check = Result<(), Violation>;

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(Violation(what())) }
}

impl Pool {
    /// Checks all invariants.
    ///
    /// # Errors
    ///
    /// The first thing that does not hold. It costs time in proportion to all that the pool knows.
    pub fn check_invariants(&self) -> Result<(), Violation> {
        self.check_slots()?;
        for (&id, context) in &self.contexts {
            self.check_context(id, context)?;
        }
        for (&id, tab) in &self.tabs {
            self.check_tab(id, tab)?;
        }
        for (&id, request) in &self.requests {
            self.check_request(id, request)?;
        }
        for &id in self.affinities.keys() {
            self.check_affinity(id)?;
        }
        self.check_derived()?;
        self.check_pending()
    }

    fn check_slots(&self) -> Check {
        let alive = self
            .contexts
            .values()
            .filter(|context| context.takes_slot())
            .count();
        ensure(alive <= self.current as usize + 1, || {
            format!("{alive} contexts alive with {} pages", self.current)
        })?;
        ensure(
            (self.config.min_pages..=self.config.high_priority_max_pages).contains(&self.current),
            || format!("{} pages are outside of the envelope", self.current),
        )
    }

    fn check_context(&self, id: ContextId, context: &Context) -> Check {
        let (owner, page) = match context.state {
            ContextState::Standby { tab } => (None, Some(tab)),
            ContextState::Primary { affinity, tab }
            | ContextState::Supplementary { affinity, tab }
            | ContextState::Condemned { affinity, tab } => (Some(affinity), Some(tab)),
            ContextState::Orphan { affinity } => (Some(affinity), None),
            ContextState::Closing { .. } => (None, None),
        };
        ensure(
            owner.is_none_or(|owner| self.affinities.contains_key(&owner)),
            || format!("{id:?} belongs to an affinity that is forgotten"),
        )?;
        if let Some(page) = page {
            ensure(context.tabs.contains(&page), || {
                format!("{id:?} has lost its page {page:?}")
            })?;
        }
        for tab in &context.tabs {
            let Some(tab) = self.tabs.get(tab) else {
                return Err(Violation(format!("{id:?} has a tab that is gone")));
            };
            let closing = matches!(tab.state, TabState::Closing { .. });
            ensure(
                closing || page.is_some_and(|page| self.is_same_tab(page, tab)),
                || format!("{id:?} in state {:?} has a live tab {tab:?}", context.state),
            )?;
        }
        if context.is_live_primary()
            && let Some(owner) = owner
        {
            let row = self.affinities.get(&owner).and_then(|affinity| affinity.primary);
            ensure(row == Some(id), || {
                format!("{id:?} is a primary, but the row has {row:?}")
            })?;
        }
        Ok(())
    }

    fn is_same_tab(&self, id: TabId, tab: &Tab) -> bool {
        self.tabs.get(&id).is_some_and(|other| std::ptr::eq(other, tab))
    }

    fn check_wear(&self, id: TabId, tab: &Tab) -> Check {
        let of_operation = tab.measuring.map(|measuring| self.operations.get(&measuring));
        ensure(
            of_operation.is_none_or(
                |operation| matches!(operation, Some(Operation::MeasureMemory { tab }) if *tab == id),
            ),
            || format!("{id:?} waits for the outcome of {of_operation:?}"),
        )?;
        ensure(!(tab.served() && tab.is_fresh), || {
            format!("{id:?} has miscounted its leases: {tab:?}")
        })?;
        ensure(tab.affinity().is_none() || tab.bound_at.is_some(), || {
            format!("{id:?} has a tenant, but since when? {tab:?}")
        })?;
        ensure(
            self.replacing != Some(tab.context) || tab.offered_to().is_none(),
            || format!("{id:?} was replaced, and is still offered: {tab:?}"),
        )
    }

    /// A page is never asked in the middle of a lease, and no answer outlives the lease that it came before.
    fn check_liveness(&self, id: TabId, tab: &Tab) -> Check {
        let of_operation = tab.asked.map(|asked| self.operations.get(&asked));
        ensure(
            of_operation
                .is_none_or(|operation| matches!(operation, Some(Operation::Probe { tab }) if *tab == id)),
            || format!("{id:?} waits for an answer to {of_operation:?}"),
        )?;
        let state = tab
            .holder
            .and_then(|holder| self.requests.get(&holder))
            .map(|at| at.state);
        let leased = matches!(state, Some(RequestState::Granted { .. }));
        ensure(
            !leased || (tab.asked.is_none() && tab.answered_at.is_none()),
            || format!("{id:?} is asked in the middle of a lease: {tab:?}"),
        )?;
        ensure(
            !matches!(state, Some(RequestState::Probing { .. })) || tab.asked.is_some(),
            || format!("somebody waits for an answer of {id:?}, which was not asked"),
        )
    }

    /// A tab idles when it is offered, has served, and nobody has it or waits for it.
    fn check_idleness(&self, id: TabId, tab: &Tab) -> Check {
        let idles = tab.index().is_some_and(|index| index.load == 0) && tab.served();
        ensure(
            tab.idling.since.is_some() == (idles && self.config.idle_trim_ms > 0),
            || format!("{id:?} is wrong about its idling: {tab:?}"),
        )
    }

    fn check_tab(&self, id: TabId, tab: &Tab) -> Check {
        self.check_liveness(id, tab)?;
        self.check_idleness(id, tab)?;
        self.check_wear(id, tab)?;
        ensure(!self.forgets_popups(id, tab), || {
            format!("nobody closes the popups of {id:?}: {tab:?}")
        })?;
        let context = self.contexts.get(&tab.context);
        ensure(
            context.is_some_and(|context| context.tabs.contains(&id))
                || matches!(tab.state, TabState::Draining { .. }),
            || format!("{id:?} is in no context: {tab:?}"),
        )?;
        if let Some(affinity) = tab.offered_to() {
            let owned = context.is_some_and(|context| {
                let of = (affinity, id);
                matches!(context.state,
                    ContextState::Primary { affinity, tab } | ContextState::Supplementary { affinity, tab }
                        if (affinity, tab) == of)
            });
            ensure(owned, || {
                format!("{id:?} is offered, but its context is {context:?}")
            })?;
        } else {
            ensure(tab.queue.is_empty(), || {
                format!("{id:?} is not offered, but somebody waits for it: {tab:?}")
            })?;
        }
        if let Some(holder) = tab.holder {
            let held = self.requests.get(&holder).and_then(Request::held_tab);
            ensure(held == Some(id), || {
                format!("{id:?} has the holder {holder:?}, who holds {held:?}")
            })?;
            ensure(!matches!(tab.state, TabState::Closing { .. }), || {
                format!("{id:?} closes under {holder:?}")
            })?;
        }
        if let (TabState::Live { .. }, None) = (tab.state, tab.holder) {
            ensure(tab.queue.is_empty(), || {
                format!("{id:?} is free, but somebody waits for it")
            })?;
        }
        for (_, waiter) in tab.queue.iter() {
            let waits = self.requests.get(&waiter).map(|request| request.state);
            ensure(waits == Some(RequestState::TabQueue { tab: id }), || {
                format!("{waiter:?} is in the queue of {id:?}, but in state {waits:?}")
            })?;
            let own = self.requests.get(&waiter).map(|request| request.affinity) == tab.affinity();
            ensure(own || tab.promised == Some(waiter), || {
                format!("{waiter:?} of another affinity waits for {id:?}")
            })?;
            ensure(own || self.config.migration_allowed(), || {
                format!("{id:?} is promised, but nothing may move")
            })?;
        }
        Ok(())
    }

    fn check_request(&self, id: RequestId, request: &Request) -> Check {
        ensure(self.affinities.contains_key(&request.affinity), || {
            format!("{id:?} has lost its affinity")
        })?;
        if let Some(tab) = request.held_tab() {
            let holder = self.tabs.get(&tab).and_then(|tab| tab.holder);
            ensure(holder == Some(id), || {
                format!("{id:?} holds {tab:?}, which {holder:?} holds")
            })?;
        }
        let queued = match request.state {
            RequestState::Choosing => false,
            RequestState::TabQueue { tab } => self
                .tabs
                .get(&tab)
                .is_some_and(|tab| tab.queue.has(request.place, id)),
            _ => true,
        };
        ensure(queued, || format!("{id:?} waits nowhere: {request:?}"))
    }

    fn check_affinity(&self, id: AffinityId) -> Check {
        let Some(affinity) = self.affinities.get(&id) else {
            return Ok(());
        };
        let key = &affinity.key;
        let own = || self.requests.values().filter(|request| request.affinity == id);
        ensure(own().count() == affinity.requests, || {
            format!("{key}: requests are miscounted")
        })?;
        let permits = own().filter(|request| request.permit).count();
        ensure(permits == affinity.admission.holders as usize, || {
            format!("{key}: permits are miscounted")
        })?;
        if let Some(cap) = self.config.file_concurrency {
            ensure(permits <= cap as usize, || {
                format!("{key}: {permits} file leases with a cap of {cap}")
            })?;
            ensure(
                permits == cap as usize || affinity.admission.waiters.is_empty(),
                || format!("{key}: a permit is free, and somebody waits for it"),
            )?;
        }
        ensure(
            self.config.is_dynamic() || affinity.offered.len() <= self.config.affinity_tab_max as usize,
            || format!("{key}: {} tabs are more than it may have", affinity.offered.len()),
        )?;
        if affinity.idle_tab().is_some() {
            ensure(affinity.waiting.is_empty(), || {
                format!("{key}: a tab is idle, and somebody waits")
            })?;
        }
        Ok(())
    }
}
