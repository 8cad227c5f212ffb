//! Whatever is under way has exactly one who waits for it, and whoever waits has something under way.

use std::collections::{BTreeMap, BTreeSet};

use super::derived::same;
use super::{Check, Violation, ensure};
use crate::pool::affinity::{Affinity, AffinityId};
use crate::pool::context::{ContextState, Lateness};
use crate::pool::lease::Question;
use crate::pool::refill::JobId;
use crate::pool::request::RequestState;
use crate::pool::tab::{Tab, TabState};
use crate::pool::{ContextId, Deadline, Operation, OperationId, Pool, RequestId, TabId, TicketId};

/// The operations under way, by whose outcome they decide.
#[derive(Default)]
struct Awaited {
    making: BTreeSet<JobId>,
    opening: BTreeSet<TabId>,
    closing: BTreeSet<ContextId>,
    closing_pages: BTreeMap<ContextId, u32>,
}

impl Pool {
    pub(super) fn check_pending(&self) -> Check {
        let mut awaited = Awaited::default();
        for (&id, operation) in &self.operations {
            self.check_operation(id, operation, &mut awaited)?;
        }
        self.check_awaited(&awaited)?;
        self.check_refill(&awaited)?;
        self.check_deadlines()?;
        self.check_closes()?;
        self.check_trims()?;
        self.check_teardowns()
    }

    /// A tab that is due is looked at, one that is trimmed is nobody's, and nothing waits for a trim without an end.
    fn check_trims(&self) -> Check {
        let trimming = &self.trimming;
        if let Some((operation, tab)) = trimming.under_way {
            let idles = self.tabs.get(&tab).is_some_and(|tab| tab.idling.since.is_some());
            ensure(self.operations.contains_key(&operation) && idles, || {
                format!("the trim of {tab:?} is nobody's, or of a tab that somebody has: {trimming:?}")
            })?;
            ensure(trimming.wake.is_some(), || {
                format!("a trim is waited for without an end: {trimming:?}")
            })?;
        }
        let is_due = self.tabs.values().any(|tab| self.trim_due(tab).is_some());
        ensure(
            !is_due || trimming.wake.is_some() || self.shutdown.is_some(),
            || format!("nobody looks at a tab that is to be trimmed: {trimming:?}"),
        )
    }

    fn check_operation(&self, id: OperationId, operation: &Operation, awaited: &mut Awaited) -> Check {
        let tab = |tab: TabId| self.tabs.get(&tab);
        let request = |request: RequestId| self.requests.get(&request);
        let is_awaited = match *operation {
            Operation::CreateStandby { job, context, tab } => {
                let at = self.contexts.get(&context).map(|context| context.state);
                awaited.making.insert(job) && at == Some(ContextState::Standby { tab })
            }
            Operation::OpenPage { tab: id } => {
                awaited.opening.insert(id) && tab(id).is_some_and(Tab::is_opening)
            }
            Operation::Probe { tab: of } => tab(of).is_some_and(|tab| tab.asked == Some(id)),
            Operation::MeasureMemory { tab: of } => tab(of).is_some_and(|tab| tab.measuring == Some(id)),
            Operation::Trim { tab } => self.trimming.under_way == Some((id, tab)),
            Operation::Ask { request: of } => {
                request(of).is_some_and(|request| request.bounds.question == Some(Question::Asked(id)))
            }
            Operation::Settle { request: of } => request(of).is_some_and(
                |request| matches!(request.state, RequestState::Settling { operation, .. } if operation == id),
            ),
            // The browser may have died under a close: it reports all the same.
            Operation::ClosePage { context, .. } => {
                *awaited.closing_pages.entry(context).or_default() += 1;
                true
            }
            Operation::CloseContext { context: of } => {
                let context = self.contexts.get(&of);
                awaited.closing.insert(of)
                    && context
                        .is_none_or(|context| matches!(context.state, ContextState::Closing { .. }))
            }
            Operation::NotifyManager {
                affinity: Some(affinity),
            } => {
                let teardown = self.affinity(affinity).and_then(|at| at.teardown.as_ref());
                teardown.is_some_and(|teardown| teardown.is_notifying(id))
            }
            Operation::NotifyManager { affinity: None } | Operation::CleanUserDataDirs => true,
        };
        ensure(is_awaited, || format!("nobody waits for {id:?}, {operation:?}"))
    }

    fn check_awaited(&self, awaited: &Awaited) -> Check {
        let opening = self.tabs.iter().filter(|at| at.1.is_opening());
        let opening = opening.map(|at| *at.0).collect();
        same("pages that are being opened", &awaited.opening, &opening)?;
        for (id, context) in &self.contexts {
            let closes = matches!(context.state, ContextState::Closing { .. });
            same(
                format_args!("the close of {id:?} is under way"),
                &awaited.closing.contains(id),
                &closes,
            )?;
            let pages = awaited.closing_pages.get(id).copied().unwrap_or(0);
            same(
                format_args!("pages that close in {id:?}"),
                &context.closing_pages,
                &pages,
            )?;
            ensure(
                closes || pages > 0 || context.lateness == Lateness::InTime,
                || format!("{id:?} is late with nothing: {context:?}"),
            )?;
        }
        for (id, request) in &self.requests {
            let (operation, expected) = match (request.state, request.bounds.question) {
                (RequestState::Settling { operation, .. }, None) => {
                    (operation, Operation::Settle { request: *id })
                }
                (RequestState::Granted { .. }, Some(Question::Asked(operation))) => {
                    (operation, Operation::Ask { request: *id })
                }
                (_, None) | (RequestState::Granted { .. }, Some(Question::Answered { .. })) => continue,
                other => return Err(Violation(format!("{id:?} is asked in the state {other:?}"))),
            };
            same(
                format_args!("what {id:?} waits for"),
                &self.operations.get(&operation),
                &Some(&expected),
            )?;
        }
        Ok(())
    }

    fn check_refill(&self, awaited: &Awaited) -> Check {
        let refill = &self.refill;
        same("standbys in the making", &refill.making, &awaited.making.len())?;
        same("attempts under way", &awaited.making, &refill.jobs_making())?;
        let creating = |state| state == TabState::Creating;
        let creating = self.tabs.values().filter(|tab| creating(tab.state)).count();
        same("standby pages in the making", &creating, &refill.making)?;
        let slot_is_coming = self.counts.freeing + self.counts.closing > 0;
        ensure(refill.is_at_rest_or_goes_on(slot_is_coming), || {
            format!("a refill that does nothing is waited for: {refill:?}")
        })
    }

    fn check_deadlines(&self) -> Check {
        let now = self.now.monotonic_ms;
        let mut due: BTreeSet<(u64, Deadline)> = BTreeSet::new();
        // Told once: such a one is gone when its time has come, and what it is about goes on.
        let mut once: BTreeSet<(u64, Deadline)> = BTreeSet::new();
        for (&id, &(slow, overdue)) in &self.close_due {
            due.insert((overdue, Deadline::Close(id)));
            once.extend((slow < overdue).then_some((slow, Deadline::SlowClose(id))));
        }
        for (id, until) in self.refill.pauses() {
            due.insert((until, Deadline::Retry(id)));
        }
        for (&id, request) in &self.requests {
            let bounds = &request.bounds;
            due.extend(bounds.acquire.map(|at| (at, Deadline::Acquire(id))));
            due.extend(bounds.end.map(|at| (at, Deadline::LeaseEnd(id))));
            due.extend(bounds.grace.map(|at| (at, Deadline::LeaseGrace(id))));
            once.extend(bounds.warning.map(|at| (at, Deadline::LeaseWarning(id))));
            if let Some(Question::Answered { again }) = bounds.question {
                due.insert((again, Deadline::AskAgain(id)));
            }
        }
        let is_ahead = |at: &(u64, Deadline)| at.0 > now || self.deadlines.contains(at);
        due.extend(once.into_iter().filter(is_ahead));
        same("deadlines", &self.deadlines, &due)
    }

    /// Every close is bounded until its time is over; then nobody waits for it.
    fn check_closes(&self) -> Check {
        for id in self.close_due.keys() {
            let operation = self.operations.get(id);
            ensure(
                matches!(
                    operation,
                    Some(Operation::ClosePage { .. } | Operation::CloseContext { .. })
                ),
                || format!("{id:?} is no close, and has its deadline: {operation:?}"),
            )?;
        }
        for (id, operation) in &self.operations {
            let (context, is_of_page) = match operation {
                Operation::ClosePage { context, .. } => (context, true),
                Operation::CloseContext { context } => (context, false),
                _ => continue,
            };
            let Some(context) = self.contexts.get(context) else {
                continue;
            };
            // A page's close is no matter of its own any more once that of its context has begun.
            if is_of_page && matches!(context.state, ContextState::Closing { .. }) {
                continue;
            }
            same(
                format_args!("whether the time of {operation:?} is over"),
                &(context.lateness == Lateness::Overdue),
                &!self.close_due.contains_key(id),
            )?;
        }
        Ok(())
    }

    fn check_teardowns(&self) -> Check {
        let mut idle_evictions: BTreeMap<TicketId, usize> = BTreeMap::new();
        for (&id, affinity) in &self.affinities {
            self.check_life(id, affinity)?;
            let Some(teardown) = &affinity.teardown else {
                continue;
            };
            for eviction in teardown.idle_evictions() {
                *idle_evictions.entry(eviction).or_default() += 1;
            }
            let key = &affinity.key;
            ensure(!teardown.is_done(), || {
                format!("the teardown of {key} waits for nothing")
            })?;
            ensure(
                teardown.tabs.iter().all(|tab| affinity.draining.contains(tab)),
                || format!("the teardown of {key} waits for a tab that does not drain: {affinity:?}"),
            )?;
            for context in &teardown.contexts {
                let state = self.contexts.get(context).map(|context| context.state);
                let goes = match state {
                    Some(
                        ContextState::Supplementary { affinity, tab }
                        | ContextState::Condemned { affinity, tab },
                    ) => affinity == id && teardown.tabs.contains(&tab),
                    Some(ContextState::Closing { affinity, .. }) => affinity == Some(id),
                    _ => false,
                };
                ensure(goes, || {
                    format!("the teardown of {key} waits for {context:?}, which is {state:?}")
                })?;
            }
        }
        let remaining = self
            .idle_evictions
            .iter()
            .map(|(&id, eviction)| (id, eviction.remaining));
        same(
            "teardowns of each eviction",
            &remaining.collect(),
            &idle_evictions,
        )
    }

    /// An affinity is there because something of it is, and the manager is told of its loss as soon as may be.
    fn check_life(&self, id: AffinityId, affinity: &Affinity) -> Check {
        let key = &affinity.key;
        let is_needed = affinity.requests > 0
            || affinity.has_tabs()
            || affinity.teardown.is_some()
            || affinity.primary.is_some()
            || !affinity.closing.is_empty();
        ensure(is_needed, || format!("nothing is left of {key}, which is kept"))?;
        ensure(!affinity.loss_unreported || !affinity.has_tabs(), || {
            format!("{key} has a tab, and is to be reported lost")
        })?;
        let may_wait = affinity.requests > 0
            || affinity.teardown.is_some()
            || self.shutdown.is_some() && affinity.primary.is_some();
        ensure(!affinity.loss_unreported || may_wait, || {
            format!("the manager is not told that {key} is lost")
        })?;
        let Some(primary) = affinity.primary else {
            return Ok(());
        };
        let owner = match self.contexts.get(&primary).map(|context| context.state) {
            Some(
                ContextState::Primary { affinity, .. }
                | ContextState::Orphan { affinity }
                | ContextState::Condemned { affinity, .. },
            ) => Some(affinity),
            Some(ContextState::Closing { affinity, .. }) => affinity,
            Some(ContextState::Standby { .. } | ContextState::Supplementary { .. }) | None => None,
        };
        same(format_args!("owner of the row of {key}"), &owner, &Some(id))
    }
}
