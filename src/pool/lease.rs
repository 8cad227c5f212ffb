//! The end of a lease that its holder does not bring about: a page that is to go is asked whether it answers, has a
//! bounded time while it does, and is taken away when it does not.

use super::defects::{Defect, planted};
use super::dispose::Manner;
use super::request::{Request, RequestState};
use super::tab::TabState;
use super::{
    Action, BrowserAction, Deadline, Failure, LogLevel, Operation, OperationId, Pool, RequestId, Revocation,
    TabId,
};

/// A page that answers is not asked again for at least this long, ms.
const SHORTEST_PAUSE_MS: u64 = 1_000;

/// What bounds a lease.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounds {
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
            budget_ms: self.config.close_timeout_ms,
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
        let message = format!("a {queue} lease of {key} is revoked: {reason}");
        self.log(LogLevel::Warn, message);
        let is_stuck = matches!(reason, Revocation::Unresponsive { .. });
        self.act(Action::LeaseRevoked {
            request: id,
            tab,
            reason,
        });
        if let Some(TabState::Live { affinity }) = self.tabs.get(&tab).map(|tab| tab.state) {
            if self
                .affinity(affinity)
                .is_some_and(|affinity| affinity.offered.len() > 1)
            {
                self.retire_alone(tab);
            } else {
                // What is left of a page that had to be ended is not worth keeping.
                let manner = Manner {
                    retain_context: !is_stuck,
                    ..Manner::EVICT
                };
                self.tear_down_unattended(affinity, manner);
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
        let Bounds { grace, question } = request.bounds;
        if let Some(due) = grace {
            self.deadlines.remove(&(due, Deadline::LeaseGrace(id)));
        }
        match question {
            Some(Question::Asked(operation)) => {
                self.forget(operation);
            }
            Some(Question::Answered { again }) => {
                self.deadlines.remove(&(again, Deadline::AskAgain(id)));
            }
            None => {}
        }
    }
}
