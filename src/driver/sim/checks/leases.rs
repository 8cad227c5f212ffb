//! Leases that end under their holders: when they must, and when they may.

use crate::driver::sim::chrome::PageState;
use crate::driver::sim::world::{Notice, World};
use crate::pool::{QueueKind, RequestId, Revocation, TabId};

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
        let Some((tab, asked_at)) = self
            .requests
            .get(&id)
            .and_then(|request| request.lease.map(|tab| (tab, request.asked_at)))
        else {
            return self.fail("ends-once", || format!("{id:?} is revoked, but it has ended"));
        };
        let now = self.now.monotonic_ms;
        let grace = self.lease_grace_ms();
        let may = match reason {
            Revocation::Unresponsive { .. } => self.silent.contains(&tab),
            Revocation::GraceOver { .. } => asked_at.is_some_and(|asked| now >= asked + grace),
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

    /// `leaseGraceMs`.
    pub(in crate::driver::sim) fn lease_grace_ms(&self) -> u64 {
        let grace = self.settings.lease_grace_ms.unwrap_or(60_000.0).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        let grace = grace as u64;
        grace
    }
}
