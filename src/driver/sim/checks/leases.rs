//! Leases that end under their holders: when they must, and when they may.

use crate::driver::sim::chrome::PageState;
use crate::driver::sim::world::{Notice, Request, World};
use crate::pool::{PoolError, QueueKind, RequestId, Revocation, TabId};

impl World {
    /// A page is asked only under a lease that is to end.
    pub(in crate::driver::sim) fn check_ask(&mut self, tab: TabId, budget_ms: u64) {
        let close_timeout_ms = self.close_timeout_ms();
        let lease = self.chrome.pages.get(&tab).and_then(|page| page.lease);
        let now = self.now.monotonic_ms;
        let Some(request) = lease.and_then(|lease| self.requests.get_mut(&lease)) else {
            return self.fail("ask", || format!("{tab:?} is asked without a lease"));
        };
        request.asked_at.get_or_insert(now);
        let wanted = request.to_end || request.may_end;
        if !wanted || budget_ms != close_timeout_ms {
            self.fail("ask", || {
                format!("{tab:?} is asked for {budget_ms} ms; its lease is to end: {wanted}")
            });
        }
    }

    /// These leases are to end.
    pub(in crate::driver::sim) fn note_leases_to_end(&mut self, of: impl Fn(RequestId, TabId) -> bool) {
        for (id, request) in &mut self.requests {
            if request.lease.is_some_and(|tab| of(*id, tab)) {
                request.to_end = true;
            }
        }
    }

    pub(in crate::driver::sim) fn lease_revoked(&mut self, id: RequestId, reason: &Revocation) {
        let Some((tab, asked_at, ends_at, is_lost)) = self.requests.get(&id).and_then(|request| {
            request
                .lease
                .map(|tab| (tab, request.asked_at, request.ends_at, request.is_lost))
        }) else {
            return self.fail("ends-once", || format!("{id:?} is revoked, but it has ended"));
        };
        let now = self.now.monotonic_ms;
        let grace = self.lease_grace_ms();
        let may = match reason {
            Revocation::Unresponsive { .. } => self.silent.contains(&tab),
            Revocation::Expired => ends_at.is_some_and(|ends| now >= ends),
            Revocation::GraceOver { .. } => asked_at.is_some_and(|asked| now >= asked + grace),
            Revocation::Lost => is_lost,
        };
        if !may {
            self.fail("revoked", || format!("{id:?} is revoked: {reason}"));
        }
        self.tally.revoked += 1;
        let open = self.is_page_open(tab);
        let Some(request) = self.forget_request(id) else {
            return;
        };
        if request.queue == QueueKind::File && open {
            self.file_released.insert(request.affinity.clone(), self.step);
        }
        // What became of its context depends on what else the affinity has.
        self.book.unsure.insert(request.affinity.clone());
        self.book.torn.insert(request.affinity);
        if let Some(page) = self.chrome.pages.get_mut(&tab) {
            page.lease = None;
            page.released = Some(self.step);
            page.doomed.get_or_insert(self.step);
            if page.state == PageState::Lost {
                self.chrome.pages.remove(&tab);
            }
        }
        self.notices.push(Notice::Rejected {
            client: request.client,
        });
    }

    /// A page under a lease that is to end did not answer: the lease is over.
    pub(in crate::driver::sim) fn check_silence(&mut self, tab: TabId) {
        let held = self
            .requests
            .iter()
            .find(|(_, request)| request.lease == Some(tab));
        if let Some((id, _)) = held {
            let id = *id;
            self.fail("stuck-lease", || {
                format!("{tab:?} does not answer, and {id:?} still holds it")
            });
        }
    }

    /// No lease that is to end outlives its time, and its page was asked.
    pub(in crate::driver::sim) fn check_leases_end(&mut self) {
        let (now, grace) = (self.now.monotonic_ms, self.lease_grace_ms());
        let overdue = self.requests.iter().find(|(_, request)| {
            request.lease.is_some()
                && request.to_end
                && request.asked_at.is_none_or(|asked| now > asked + grace)
        });
        if let Some((id, request)) = overdue {
            let shown = format!("{id:?} {request:?} is to end");
            self.fail("lease-grace", || shown);
        }
    }

    /// No lease outlives its deadline, and nobody waits for longer than he may.
    pub(in crate::driver::sim) fn check_deadlines(&mut self) {
        let now = self.now.monotonic_ms;
        let is_late =
            |request: &Request| request.lease.is_some() && request.ends_at.is_some_and(|ends| now > ends);
        if let Some(id) = self.requests.iter().find(|at| is_late(at.1)).map(|at| *at.0) {
            return self.fail("lease-deadline", || format!("{id:?} is held after its deadline"));
        }
        let waits_on = |request: &Request| {
            request.lease.is_none()
                && self
                    .acquire_timeout_of(request)
                    .is_some_and(|timeout| now > request.called_at.monotonic_ms + timeout)
        };
        if let Some(id) = self.requests.iter().find(|at| waits_on(at.1)).map(|at| *at.0) {
            self.fail("acquire-timeout", || {
                format!("{id:?} waits for longer than it may")
            });
        }
    }

    fn acquire_timeout_of(&self, request: &Request) -> Option<u64> {
        let of_pool = whole_of(self.settings.acquire_timeout_ms);
        request.terms.acquire_timeout_ms.or(of_pool)
    }

    fn max_waiting_of(&self, request: &Request) -> Option<u64> {
        let of_pool = whole_of(self.settings.max_waiting);
        request.terms.max_waiting.map(u64::from).or(of_pool)
    }

    /// After a call: no more wait than may, but for those who have a page or something that is coming, which are at
    /// most as many as there are contexts.
    pub(in crate::driver::sim) fn check_waiting(&mut self, id: RequestId) {
        // One whose affinity has a page may have that at once.
        let request = self.requests.get(&id).filter(|request| {
            request.lease.is_none() && self.chrome.pages_of(&request.affinity).next().is_none()
        });
        let Some(most) = request.and_then(|request| self.max_waiting_of(request)) else {
            return;
        };
        let waiting = self.requests.values().filter(|request| request.lease.is_none());
        let waiting = waiting.count() as u64;
        let served = 2 * (u64::from(self.expected.high_priority_max) + 1);
        if waiting > most + served && self.depth == 0 {
            self.fail("max-waiting", || format!("{waiting} wait where {most} may"));
        }
    }

    /// Nobody is turned away before his time, or for no reason.
    pub(in crate::driver::sim) fn check_turned_away(&mut self, id: RequestId, error: &PoolError) {
        let now = self.now.monotonic_ms;
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        let called = request.called_at.monotonic_ms;
        let others = self.requests.len().saturating_sub(1) as u64;
        let may = match error {
            PoolError::AcquireTimeout { .. } => self
                .acquire_timeout_of(request)
                .is_some_and(|timeout| now >= called + timeout),
            PoolError::TooManyWaiting { .. } => {
                self.max_waiting_of(request).is_some_and(|most| others >= most)
            }
            _ => true,
        };
        if !may {
            self.fail("turned-away", || format!("{id:?} is turned away: {error}"));
        }
    }

    /// `leaseGraceMs`.
    pub(in crate::driver::sim) fn lease_grace_ms(&self) -> u64 {
        whole(self.settings.lease_grace_ms.unwrap_or(60_000.0))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small positive number"
)]
pub(in crate::driver::sim) fn whole(number: f64) -> u64 {
    number.ceil() as u64
}

/// A limit of the pool's, in whole numbers.
pub(in crate::driver::sim) fn whole_of(option: Option<f64>) -> Option<u64> {
    option.map(whole)
}
