//! The whole state, between steps.

use crate::driver::sim::chrome::PageState;
use crate::driver::sim::settings::SemaphoreKind;
use crate::driver::sim::world::{Ticket, World};
use crate::pool::TabId;

impl World {
    /// The pool's getters say what the contract makes of the settings.
    pub(in crate::driver::sim) fn check_configuration(&mut self) {
        let expected = self.expected;
        let said = (
            self.pool.min_pages(),
            self.pool.current_max_pages(),
            self.pool.max_burst_pages(),
            self.pool.high_priority_max_pages(),
            self.pool.high_priority_threshold(),
        );
        let wanted = (
            expected.min,
            expected.initial,
            expected.burst,
            expected.high_priority_max,
            expected.high_priority_threshold,
        );
        if said != wanted {
            self.fail("configuration", || {
                format!("the envelope is {said:?} instead of {wanted:?}")
            });
        }
        let cap = self.pool.shared_context_snapshot().cap;
        if cap != expected.shared_context_cap {
            self.fail("configuration", || {
                format!(
                    "the cap of shared contexts is {cap} instead of {}",
                    expected.shared_context_cap
                )
            });
        }
    }

    pub(in crate::driver::sim) fn can_resize_semaphore(&self) -> bool {
        matches!(
            self.settings.semaphore,
            SemaphoreKind::Late | SemaphoreKind::Prompt
        )
    }

    /// After a step and all that followed from it.
    pub(in crate::driver::sim) fn check_at_rest(&mut self) {
        if self.has_failed() {
            return;
        }
        self.check_capacity();
        self.check_slots();
        self.check_permits();
        self.check_ledger();
        self.note_crowds();
        self.check_closing_ends();
        self.check_leases_end();
        self.check_popups_end();
        self.check_deadlines();
        if self.step.is_multiple_of(8) {
            self.check_snapshots();
            self.check_tenants_told();
        }
    }

    /// A popup does not stay after the lease in which it came.
    fn check_popups_end(&mut self) {
        let left = self.chrome.pages.iter().find(|(_, page)| {
            page.state == PageState::Open && page.lease.is_none() && page.popups_closing < page.popups
        });
        if let Some((tab, page)) = left {
            let shown = format!("{tab:?} of nobody keeps its popups: {page:?}");
            self.fail("popups", || shown);
        }
    }

    fn check_capacity(&mut self) {
        let pages = self.pool.current_max_pages();
        if let Some(semaphore) = self.semaphore.as_ref().filter(|_| self.can_resize_semaphore())
            && semaphore.capacity() != pages
        {
            let capacity = semaphore.capacity();
            self.fail("envelope", || {
                format!("the semaphore has {capacity} permits for {pages} pages")
            });
        }
    }

    /// Only leases hold permits; only waiting requests wait for them.
    fn check_permits(&mut self) {
        let Some(semaphore) = &self.semaphore else { return };
        let stray = semaphore.holders().iter().copied().find(|holder| {
            !self.is_owed(*holder)
                && !self.is_settling(*holder)
                && self
                    .requests
                    .get(holder)
                    .is_none_or(|request| request.lease.is_none())
        });
        if let Some(holder) = stray {
            return self.fail("permits", || format!("{holder:?} holds a permit without a lease"));
        }
        let unpaid = self.requests.iter().find(|(id, request)| {
            request.lease.is_some_and(|tab| self.is_page_open(tab)) && !semaphore.holds(**id)
        });
        if let Some((id, _)) = unpaid {
            let id = *id;
            self.fail("permits", || format!("{id:?} has a lease without a permit"));
        }
    }

    pub(in crate::driver::sim) fn is_page_open(&self, tab: TabId) -> bool {
        self.chrome
            .pages
            .get(&tab)
            .is_some_and(|page| page.state == PageState::Open)
    }

    /// The snapshots against what is alive.
    pub(in crate::driver::sim) fn check_snapshots(&mut self) {
        self.tally.checks += 1;
        self.check_stats();
        let depth = self.pool.queue_depth_snapshot();
        for row in &depth.affinities {
            let key = &row.affinity;
            let of_it = || self.requests.values().filter(|request| request.affinity == *key);
            let leases = of_it()
                .filter(|request| request.lease.is_some_and(|tab| self.is_page_open(tab)))
                .count();
            let all = if self.may_migrate() {
                self.requests.len()
            } else {
                of_it().count()
            };
            let (pending, idle) = (row.pending_total as usize, row.idle);
            if pending < leases || pending > all {
                let key = key.clone();
                return self.fail("snapshot", || {
                    format!("{key} has {pending} pending, with {leases} leases of {all} requests")
                });
            }
            if idle && leases > 0 || !idle && all == 0 {
                let key = key.clone();
                return self.fail("snapshot", || {
                    format!("{key}: idle is {idle} with {leases} leases")
                });
            }
        }
        let alive = self.chrome.pages.values().filter(|page| page.affinity.is_some());
        let (told, alive) = (depth.total_tabs as usize, alive.count());
        if told > alive {
            self.fail("snapshot", || {
                format!("{told} tabs are told of, and {alive} are alive")
            });
        }
        let shared = self.pool.shared_context_snapshot();
        for entry in shared.entries.iter().filter(|entry| !entry.closing) {
            let pages = self
                .chrome
                .pages
                .values()
                .filter(|page| page.affinity.as_ref() == Some(&entry.affinity))
                .count();
            if entry.page_count as usize > pages {
                let shown = format!("{entry:?} with {pages} pages");
                return self.fail("snapshot", || shown);
            }
        }
    }

    pub(in crate::driver::sim) fn is_any_teardown_waiting(&self) -> bool {
        self.tickets
            .values()
            .any(|ticket| !matches!(ticket, Ticket::Warm))
    }

    pub(in crate::driver::sim) fn is_any_request_waiting(&self) -> bool {
        self.requests.values().any(|request| request.lease.is_none())
    }
}
