//! The end of a lease that its holder does not bring about: a page that is to go is asked whether it answers, has a
//! bounded time while it does, and is taken away when it does not.

use super::defects::{Defect, planted};
use super::dispose::TeardownOptions;
use super::request::{Request, RequestState};
use super::tab::TabState;
use super::{
    Action, BrowserAction, Deadline, Failure, LogLevel, Occurrence, Operation, OperationId, Pool, PoolError,
    RequestId, Revocation, TabId, Terms,
};

/// A page that answers is not asked again for at least this long, ms.
const SHORTEST_PAUSE_MS: u64 = 1_000;

/// How long a lease lasts, ms, as far as is known before there was one.
pub(super) const USUAL_MS: f64 = 1_000.0;
/// How much the latest lease counts in the average.
const NEWEST: f64 = 0.2;

/// The deadlines of a call's wait and of its lease.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounds {
    terms: Terms,
    /// It waits no longer than until then.
    pub(super) acquire: Option<u64>,
    /// When its lease began.
    began: u64,
    /// Its lease ends then.
    pub(super) end: Option<u64>,
    /// Its lease is told of then.
    pub(super) warning: Option<u64>,
    /// It is to end by then, at the latest: its tab is closing, or its holder's signal was aborted.
    pub(super) grace: Option<u64>,
    /// The question to its page.
    pub(super) question: Option<Question>,
}

/// The page of a lease that is to end is asked whether it answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Question {
    /// The answer is awaited.
    Asked(OperationId),
    /// It answered; it will be asked again then.
    Answered { again: u64 },
}

impl Pool {
    /// The holder's signal was aborted, and it asked for the lease to end with that.
    pub(super) fn lease_aborted(&mut self, id: RequestId) {
        self.wind_up(id);
    }

    /// A call begins to wait, on these terms.
    pub(super) fn set_terms(&mut self, id: RequestId, terms: Terms) {
        let acquire = terms.acquire_timeout_ms.or(self.config.acquire_timeout_ms);
        let due = acquire.map(|ms| self.now.monotonic_ms.saturating_add(ms));
        if let Some(due) = due {
            self.deadlines.insert((due, Deadline::Acquire(id)));
        }
        if let Some(request) = self.requests.get_mut(&id) {
            request.bounds.terms = terms;
            request.bounds.acquire = due;
        }
    }

    /// Rejects a call that has to wait where as many do so as may.
    pub(super) fn turn_away(&mut self, id: RequestId) {
        let Some(request) = self.requests.get(&id).filter(|request| self.is_waiting(request)) else {
            return;
        };
        let Some(most) = request.bounds.terms.max_waiting.or(self.config.max_waiting) else {
            return;
        };
        let all = self.requests.values().filter(|request| self.is_waiting(request));
        // Those for whom something is coming do not queue.
        let waiting = all.count().saturating_sub(self.coming().min(self.waiting.len())) as u64;
        if waiting <= u64::from(most) || planted(Defect::AnyNumberWaits) {
            return;
        }
        let waiting = u32::try_from(waiting - 1).unwrap_or(u32::MAX);
        let retry_after_ms = self.retry_after_ms();
        self.reject(
            id,
            PoolError::TooManyWaiting {
                waiting,
                retry_after_ms,
            },
        );
    }

    /// True if it stands in a queue.
    fn is_waiting(&self, request: &Request) -> bool {
        match request.state {
            RequestState::Admission | RequestState::Pool { .. } | RequestState::TabQueue { .. } => true,
            RequestState::Semaphore { .. } => self.semaphore_full,
            _ => false,
        }
    }

    pub(super) fn acquire_overdue(&mut self, id: RequestId) {
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        request.bounds.acquire = None;
        if planted(Defect::WaitsBeyondItsTime) {
            return;
        }
        let after_ms = request
            .bounds
            .terms
            .acquire_timeout_ms
            .or(self.config.acquire_timeout_ms)
            .unwrap_or_default();
        let retry_after_ms = self.retry_after_ms();
        self.reject(
            id,
            PoolError::AcquireTimeout {
                after_ms,
                retry_after_ms,
            },
        );
    }

    /// How long it takes until all who wait have had their turn, if leases go on to last as they do.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "an estimate; a cast to u64 saturates"
    )]
    fn retry_after_ms(&self) -> u64 {
        let waiting = self
            .requests
            .values()
            .filter(|request| !matches!(request.state, RequestState::Granted { .. }))
            .count();
        let turns = waiting.max(1) as f64 / f64::from(self.current.max(1));
        (self.lease_ms * turns).ceil().max(1.0) as u64
    }

    /// The call is granted: its lease begins.
    pub(super) fn lease_begins(&mut self, id: RequestId) {
        let now = self.now.monotonic_ms;
        let warn = self.config.lease_warn_ms;
        let timeout = self.config.lease_timeout_ms;
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        let bounds = &mut request.bounds;
        bounds.began = now;
        bounds.end = bounds
            .terms
            .lease_timeout_ms
            .or(timeout)
            .map(|ms| now.saturating_add(ms));
        bounds.warning = warn.map(|ms| now.saturating_add(ms));
        let Bounds {
            acquire,
            end,
            warning,
            ..
        } = *bounds;
        bounds.acquire = None;
        if let Some(due) = acquire {
            self.deadlines.remove(&(due, Deadline::Acquire(id)));
        }
        if let Some(due) = end.filter(|_| !planted(Defect::LeaseBeyondItsDeadline)) {
            self.deadlines.insert((due, Deadline::LeaseEnd(id)));
        }
        if let Some(due) = warning {
            self.deadlines.insert((due, Deadline::LeaseWarning(id)));
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "no lease lasts 2^53 ms")]
    pub(super) fn note_lease_length(&mut self, id: RequestId) {
        if let Some(request) = self.requests.get(&id) {
            let lasted = self.now.monotonic_ms.saturating_sub(request.bounds.began) as f64;
            self.lease_ms += NEWEST * (lasted - self.lease_ms);
        }
    }

    /// The lease ends. Told before anything that follows from it.
    pub(super) fn note_release(&mut self, id: RequestId, revocation: Option<Revocation>) {
        let (Some(tab), Some(request)) = (self.leased_tab(id), self.requests.get(&id)) else {
            return;
        };
        self.note(Occurrence::Released {
            affinity: self.affinity_key(request.affinity),
            tab,
            queue: request.queue,
            lease_ms: self.now.monotonic_ms.saturating_sub(request.bounds.began),
            revocation,
        });
    }

    pub(super) fn extend_lease(&mut self, id: RequestId, ms: u64) {
        let due = self.now.monotonic_ms.saturating_add(ms);
        if self.leased_tab(id).is_none() || planted(Defect::ExtensionIgnored) {
            return;
        }
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        if let Some(before) = request.bounds.end.filter(|before| *before < due) {
            request.bounds.end = Some(due);
            self.deadlines.remove(&(before, Deadline::LeaseEnd(id)));
            self.deadlines.insert((due, Deadline::LeaseEnd(id)));
        }
    }

    pub(super) fn lease_expired(&mut self, id: RequestId) {
        self.take_away(id, Revocation::Expired);
    }

    pub(super) fn lease_is_long(&mut self, id: RequestId) {
        if let Some(request) = self.requests.get(&id) {
            let held_ms = self.now.monotonic_ms.saturating_sub(request.bounds.began);
            let (key, queue) = (self.key_of(request.affinity), request.queue.name());
            let message = format!("a {queue} lease of {key} has been held for {held_ms} ms");
            self.log(LogLevel::Warn, message);
        }
    }

    /// Nobody can release the lease any more. Whoever kept its page may still use it: nobody else gets that.
    pub(super) fn lease_lost(&mut self, id: RequestId) {
        if !planted(Defect::LostLeaseKept) {
            self.take_away(id, Revocation::Lost);
        }
    }

    /// The lease is to end: it has the grace time while its page answers. The first call counts.
    pub(super) fn wind_up(&mut self, id: RequestId) {
        let now = self.now.monotonic_ms;
        let due = now.saturating_add(self.config.lease_grace_ms);
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        if !matches!(request.state, RequestState::Granted { .. }) || request.bounds.grace.is_some() {
            return;
        }
        request.bounds.grace = Some(due);
        if !planted(Defect::NoEndOfLeaseGrace) {
            self.deadlines.insert((due, Deadline::LeaseGrace(id)));
        }
        self.ask_holder(id);
    }

    /// Winds up the leases of these tabs.
    pub(super) fn wind_up_tabs(&mut self, tabs: &[TabId]) {
        let holders: Vec<RequestId> = tabs
            .iter()
            .filter_map(|tab| self.tabs.get(tab).and_then(|tab| tab.holder))
            .collect();
        for holder in holders {
            self.wind_up(holder);
        }
    }

    fn ask_holder(&mut self, id: RequestId) {
        let Some(tab) = self.leased_tab(id) else { return };
        if planted(Defect::StuckLeaseNotAsked) {
            return;
        }
        let operation = self.start(Operation::Ask { request: id });
        if let Some(request) = self.requests.get_mut(&id) {
            request.bounds.question = Some(Question::Asked(operation));
        }
        self.browse(BrowserAction::Ask {
            operation,
            tab,
            // Where closes are not waited for, a page still has time to answer.
            budget_ms: match self.config.close_timeout_ms {
                0 => SHORTEST_PAUSE_MS,
                ms => ms,
            },
        });
    }

    /// The page of a lease that is to end answers. It is asked again: it may get stuck yet.
    pub(super) fn ask_answered(&mut self, id: RequestId) {
        let pause = self.config.close_timeout_ms.max(SHORTEST_PAUSE_MS);
        let again = self.now.monotonic_ms.saturating_add(pause);
        if let Some(request) = self.requests.get_mut(&id) {
            request.bounds.question = Some(Question::Answered { again });
            self.deadlines.insert((again, Deadline::AskAgain(id)));
        }
    }

    pub(super) fn ask_again(&mut self, id: RequestId) {
        self.ask_holder(id);
    }

    /// The page of a lease that is to end does not answer.
    pub(super) fn ask_failed(&mut self, id: RequestId, failure: &Failure) {
        if planted(Defect::StuckLeaseKept) {
            return;
        }
        let cause = failure.message.clone();
        self.take_away(id, Revocation::Unresponsive { cause });
    }

    /// A lease that is to end has had its time.
    pub(super) fn lease_grace_over(&mut self, id: RequestId) {
        let after_ms = self.config.lease_grace_ms;
        self.take_away(id, Revocation::GraceOver { after_ms });
    }

    /// Ends a lease under its holder; its tab closes.
    pub(super) fn take_away(&mut self, id: RequestId, reason: Revocation) {
        let (Some(tab), Some(request)) = (self.leased_tab(id), self.requests.get(&id)) else {
            return;
        };
        let (key, queue) = (self.key_of(request.affinity), request.queue.name());
        let message = match reason {
            Revocation::Lost => {
                format!("a {queue} lease of {key} was garbage-collected without having been released")
            }
            _ => format!("a {queue} lease of {key} is revoked: {reason}"),
        };
        self.log(LogLevel::Warn, message);
        let is_stuck = matches!(reason, Revocation::Unresponsive { .. });
        let retirement = reason.retirement();
        self.act(Action::LeaseRevoked {
            request: id,
            tab,
            reason: reason.clone(),
        });
        self.note_release(id, Some(reason));
        if let Some(TabState::Live { affinity }) = self.tabs.get(&tab).map(|tab| tab.state) {
            self.note_retirement(tab, retirement);
            if self
                .affinity(affinity)
                .is_some_and(|affinity| affinity.offered.len() > 1)
            {
                self.retire_alone(tab);
            } else {
                // What is left of a page that had to be ended is not worth keeping.
                let options = TeardownOptions {
                    retain_context: !is_stuck,
                    ..TeardownOptions::EVICT
                };
                self.tear_down_unattended(affinity, options);
            }
        }
        self.revoke(id);
        self.kick_refill();
    }

    fn leased_tab(&self, id: RequestId) -> Option<TabId> {
        match self.requests.get(&id)?.state {
            RequestState::Granted { tab } => Some(tab),
            _ => None,
        }
    }

    /// Lifts what bounds a lease that has ended.
    pub(super) fn lift_bounds(&mut self, id: RequestId, request: &Request) {
        let Bounds {
            acquire,
            end,
            warning,
            grace,
            question,
            ..
        } = request.bounds;
        for (due, deadline) in [
            (acquire, Deadline::Acquire(id)),
            (end, Deadline::LeaseEnd(id)),
            (warning, Deadline::LeaseWarning(id)),
        ] {
            if let Some(due) = due {
                self.deadlines.remove(&(due, deadline));
            }
        }
        if let Some(due) = grace {
            self.deadlines.remove(&(due, Deadline::LeaseGrace(id)));
        }
        match question {
            Some(Question::Asked(operation)) => {
                self.remove_operation(operation);
                self.browse(BrowserAction::StopAsking { operation });
            }
            Some(Question::Answered { again }) => {
                self.deadlines.remove(&(again, Deadline::AskAgain(id)));
            }
            None => {}
        }
    }
}
