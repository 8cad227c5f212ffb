//! Checks of the outcomes of calls.

use crate::driver::sim::chrome::{Page, PageState};
use crate::driver::sim::operation::Work;
use crate::driver::sim::world::{Request, Subject, World};
use crate::pool::{AffinityKey, Grant, PoolError, QueueKind, RequestId, TabId};

impl World {
    /// The page that a call must get at once: the one least recently used, where nothing stands in the way.
    pub(in crate::driver::sim) fn warm_hit(&self, affinity: &AffinityKey, queue: QueueKind) -> Option<TabId> {
        let alone = self.requests.values().filter(|r| r.affinity == *affinity).count() == 1;
        if !alone || queue == QueueKind::File && self.expected.file_cap == Some(0) {
            return None;
        }
        if !self.may_migrate() {
            return self.least_recently_used(affinity);
        }
        // Somebody else's call may be promised the tab.
        (self.requests.len() == 1)
            .then(|| self.least_recently_used(affinity))
            .flatten()
    }

    /// It was probed or given at once, or waits for nothing but the render semaphore.
    pub(in crate::driver::sim) fn check_warm_hit(&mut self, id: RequestId, tab: TabId) {
        let probed = self.pending[Work::Probe.index()]
            .iter()
            .any(|pending| matches!(pending.subject, Subject::Tab(probed) if probed == tab));
        let given = self
            .requests
            .get(&id)
            .is_none_or(|request| request.lease == Some(tab));
        let waits = self
            .semaphore
            .as_ref()
            .is_some_and(|semaphore| semaphore.waits(id) || self.is_owed(id));
        let still_there = self.chrome.pages.get(&tab).is_some_and(Page::is_live);
        if still_there && !(probed || given || waits) {
            self.fail("warm-hit", || {
                format!("{id:?} did not get the idle {tab:?} at once")
            });
        }
    }

    pub(in crate::driver::sim) fn check_grant(&mut self, id: RequestId, grant: &Grant) {
        let Some(request) = self.requests.get(&id).filter(|request| request.lease.is_none()) else {
            return self.fail("ends-once", || format!("{id:?} is granted, but it has ended"));
        };
        if self.on_a_line && self.microtasks_come_first(request) {
            return self.fail("settles-later", || {
                format!("{id:?} has waited, and gets its lease within another's call")
            });
        }
        let Some(page) = self.chrome.pages.get(&grant.tab) else {
            return self.fail("grant", || format!("{id:?} gets {:?}, which is gone", grant.tab));
        };
        if let Some(complaint) = self.complaint_about(request, id, page, grant) {
            let shown = format!("{complaint}: {id:?} {request:?} gets {grant:?} {page:?}");
            return self.fail("grant", || shown);
        }
        if let Some(other) = self.passed_over(request, page) {
            let shown = format!("{id:?} {request:?} goes before {other:?}");
            return self.fail("priority", || shown);
        }
        if request.queue == QueueKind::File
            && let Some(cap) = self.expected.file_cap
        {
            let leases = self.requests.values().filter(|other| {
                other.lease.is_some_and(|tab| self.is_page_open(tab))
                    && other.queue == QueueKind::File
                    && other.affinity == request.affinity
            });
            if leases.count() >= cap as usize {
                self.fail("admission", || format!("{id:?} is a file lease beyond {cap}"));
            }
        }
    }

    /// True if the request was there before this step: then a call of this step does not hand it its lease.
    fn microtasks_come_first(&self, request: &Request) -> bool {
        request.called < self.began
    }

    fn complaint_about(
        &self,
        request: &Request,
        id: RequestId,
        page: &Page,
        grant: &Grant,
    ) -> Option<&'static str> {
        let waits = grant.waits;
        let sum = waits.semaphore_ms
            + waits.admission_ms
            + waits.tab_queue_ms
            + waits.tab_startup_ms
            + waits.tab_probe_ms;
        #[expect(clippy::cast_precision_loss, reason = "virtual milliseconds are small")]
        let (launch_ms, semaphore_ms) = (grant.launch_ms as f64, waits.semaphore_ms as f64);
        let elapsed_ms = self.now.wall_ms - request.called_at.wall_ms;
        let elapsed = self.now.monotonic_ms - request.called_at.monotonic_ms;
        let permit_ms = self.book.permit_waits.get(&id).copied().unwrap_or(0.0);
        let is_clock_true = request.clock_was_true && !self.clock_stopped;
        if page.state != PageState::Open {
            Some("the page is not open")
        } else if page.crashed {
            Some("the page has crashed")
        } else if page.lease.is_some() {
            Some("the page is leased already")
        } else if page.affinity.as_ref() != Some(&request.affinity) {
            Some("the page is another tenant's")
        } else if page.doomed.is_some_and(|doomed| doomed < request.called) {
            Some("the page was disposed of before the call")
        } else if self
            .semaphore
            .as_ref()
            .is_some_and(|semaphore| !semaphore.holds(id))
        {
            Some("it holds no permit")
        } else if self.is_owed(id) {
            Some("its permit has not arrived")
        } else if grant.reused && page.is_fresh {
            Some("the page came in the place of a worn one, yet is said to be warm")
        } else if !grant.reused && !page.is_fresh && page.bound < request.called {
            Some("the tab was bound before the call, yet is said to be fresh")
        } else if page.served && self.expected.probe_ms > 0 && !page.probed {
            Some("the page served before and was not probed")
        } else if sum > grant.launch_ms {
            Some("the waits are more than the whole")
        } else if is_clock_true && semaphore_ms.to_bits() != permit_ms.to_bits() {
            Some("the time for the render semaphore is wrong")
        } else if is_clock_true && sum != grant.launch_ms {
            Some("some time is accounted to nothing")
        } else if request.clock_was_true && !self.clock_stopped && launch_ms.to_bits() != elapsed_ms.to_bits()
        {
            Some("the whole time is wrong")
        } else if elapsed == 0 && request.clock_was_true && sum > 0 {
            Some("it waited, but no time has passed")
        } else if request.queue != QueueKind::File && waits.admission_ms > 0 {
            Some("it waited for an admission that it does not need")
        } else {
            None
        }
    }

    /// Somebody who waited in the same queue and should have gone first, where that can be known from outside:
    /// an affinity with room for one tab, or for one file lease.
    fn passed_over(&self, request: &Request, page: &Page) -> Option<&Request> {
        let migrates = self.may_migrate();
        let only_tab = self.chrome.pages_of(&request.affinity).count() == 1
            && self.expected.tab_cap == 1
            && !self.expected.is_dynamic()
            && !migrates
            && page.doomed.is_none();
        let crowded = self.book.crowded.get(&request.affinity).copied().unwrap_or(0);
        let tab = page.released.filter(|_| only_tab && request.called > crowded);
        let file = self
            .file_released
            .get(&request.affinity)
            .copied()
            .filter(|_| self.expected.file_cap == Some(1) && request.queue == QueueKind::File);
        self.requests
            .values()
            .filter(|other| other.lease.is_none() && other.affinity == request.affinity)
            .find(|other| {
                let is_file = other.queue == QueueKind::File;
                let since = if is_file {
                    file
                } else {
                    tab.filter(|_| page.bound < other.called && crowded < other.called)
                };
                since.is_some_and(|since| other.called < since && request.called < since)
                    && other.goes_before(request)
            })
    }

    pub(in crate::driver::sim) fn check_rejection(&mut self, error: &PoolError) {
        match error {
            PoolError::StandbyUnavailable { cause: None }
                if !self.settings.disable_standby_refill && !self.settings.allow_tab_migration =>
            {
                self.fail("rejection", || "no standby could come, for no reason".to_owned());
            }
            PoolError::Closed if self.tally.closes == 0 => {
                self.fail("rejection", || "the pool is said to be closed".to_owned());
            }
            _ => {}
        }
    }
}
