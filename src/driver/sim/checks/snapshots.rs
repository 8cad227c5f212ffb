//! Checks of the snapshots, tenant by tenant.

use crate::driver::sim::chrome::{Page, PageState};
use crate::driver::sim::world::{Request, World};
use crate::pool::{AffinityKey, AffinityQueueDepth, Priority, QueueKind, RejectionCode, Vacancy};

impl World {
    /// Warm list, vacancies and queue depths, against calls and pages.
    pub(in crate::driver::sim) fn check_tenants_told(&mut self) {
        let warm = self.pool.warm_affinities();
        let cold = self
            .chrome
            .pages
            .values()
            .filter(|page| page.is_live() && self.closing.is_none())
            .filter_map(|page| page.affinity.as_ref())
            .find(|key| !self.book.unsure.contains(*key) && !warm.contains(key))
            .cloned();
        if let Some(key) = cold {
            return self.fail("snapshot", || {
                format!("{key} has a tab, and is not said to be warm")
            });
        }
        let gone = warm.into_iter().find(|key| !self.is_there(key));
        if let Some(key) = gone {
            return self.fail("snapshot", || {
                format!("{key} is said to be warm, and has nothing")
            });
        }
        let wrong = self
            .pool
            .queue_depth_snapshot()
            .affinities
            .into_iter()
            .find_map(|row| Some((self.wrong_in_depth(&row)?, format!("{row:?}"))));
        if let Some((what, row)) = wrong {
            return self.fail("snapshot", || format!("{what}: {row}"));
        }
        let wrong = self
            .pool
            .vacancy_snapshot()
            .into_iter()
            .find_map(|row| Some((self.wrong_in_vacancy(&row)?, format!("{row:?}"))));
        if let Some((what, row)) = wrong {
            self.fail("snapshot", || format!("{what}: {row}"));
        }
    }

    /// Sizes and totals, against what was called and done.
    pub(in crate::driver::sim) fn check_stats(&mut self) {
        let stats = self.pool.stats();
        let leased = self.requests.values().filter(|at| at.lease.is_some()).count();
        let waiting = stats.waiting;
        let waiting = waiting.semaphore + waiting.admission + waiting.tab + waiting.standby + waiting.probe;
        // Of those who have no lease, the ones whose promise settles next wait for nothing any more.
        let without = self.requests.len() - leased;
        if !(without.saturating_sub(self.microtasks.len())..=without).contains(&waiting) {
            return self.fail("stats", || {
                format!("{waiting} wait, of {without} without a lease")
            });
        }
        let rejected = |code: RejectionCode| stats.totals.rejected[code as usize];
        let (totals, tally) = (&stats.totals, &self.tally);
        let late = rejected(RejectionCode::AcquireTimeout) + rejected(RejectionCode::TooManyWaiting);
        let histograms = &stats.waits;
        let granted = tally.granted_warm + tally.granted_fresh;
        let told = [
            ("leases", stats.leases as u64, leased as u64),
            ("warm leases", totals.warm_leases, tally.granted_warm),
            ("cold leases", totals.cold_leases, tally.granted_fresh),
            ("waits", histograms.total.count(), granted),
            ("probes", histograms.tab_probe.count(), granted),
            ("cancelled", rejected(RejectionCode::Cancelled), tally.cancelled),
            (
                "unavailable",
                rejected(RejectionCode::StandbyUnavailable),
                tally.unavailable,
            ),
            ("closed", rejected(RejectionCode::PoolClosed), tally.closed),
            ("turned away", late, tally.turned_away),
            (
                "semaphore",
                rejected(RejectionCode::Semaphore),
                tally.semaphore_failed,
            ),
            ("migrations", totals.migrations, tally.migrations),
        ];
        if let Some((what, told, done)) = told.into_iter().find(|at| at.1 != at.2) {
            self.fail("stats", || {
                format!("{what}: {told} are told, and there were {done}")
            });
        }
    }

    /// True if a page of it is there, or a context that is closing.
    fn is_there(&self, key: &AffinityKey) -> bool {
        let key = Some(key);
        self.chrome
            .pages
            .values()
            .any(|page| page.affinity.as_ref() == key)
            || self
                .chrome
                .contexts
                .values()
                .any(|context| context.tenant.as_ref() == key)
    }

    fn requests_of<'a>(&'a self, key: &'a AffinityKey) -> impl Iterator<Item = &'a Request> {
        self.requests
            .values()
            .filter(move |request| request.affinity == *key)
    }

    /// True if the pool still knows of its lease: not where the page was closed under it, and after the death of
    /// Chrome nobody can tell.
    fn is_known(&self, request: &Request) -> Option<bool> {
        match request
            .lease
            .map(|tab| self.chrome.pages.get(&tab).map(|page| page.state))
        {
            Some(Some(PageState::Lost)) => None,
            Some(None | Some(PageState::Closing)) => Some(false),
            _ => Some(true),
        }
    }

    fn tabs_told(&self, key: &AffinityKey, tab_count: u32) -> bool {
        let pages = || {
            self.chrome
                .pages
                .values()
                .filter(|page| page.affinity.as_ref() == Some(key))
        };
        let there = |page: &&Page| matches!(page.state, PageState::Open | PageState::Making);
        (pages().filter(there).count()..=pages().count()).contains(&(tab_count as usize))
    }

    fn wrong_in_depth(&self, row: &AffinityQueueDepth) -> Option<&'static str> {
        let key = &row.affinity;
        let files: Option<Vec<bool>> = self
            .requests_of(key)
            .filter(|request| request.queue == QueueKind::File)
            .map(|request| self.is_known(request))
            .collect();
        let files = files?.into_iter().filter(|known| *known).count();
        let cap = match (files, self.expected.file_cap) {
            (1.., Some(cap)) => cap,
            _ => 0,
        };
        // As many as may have a permit have one, and the others wait.
        let waiting = if cap > 0 {
            files.saturating_sub(cap as usize)
        } else {
            0
        };
        if (row.admission.pending as usize, row.admission.cap) != (waiting, cap) {
            return Some("the admission is wrong");
        }
        let queued = |counts: &[(Priority, u32)]| counts.iter().map(|at| at.1).sum::<u32>();
        if queued(&row.admission_queued_by_priority) != row.admission.pending {
            return Some("those who wait for admission are miscounted");
        }
        if !self.tabs_told(key, row.tab_count) {
            return Some("the number of tabs is wrong");
        }
        let pages = self.chrome.pages.values();
        let popups: u32 = pages
            .filter(|page| page.affinity.as_ref() == Some(key))
            .map(|page| page.popups)
            .sum();
        if row.popup_count > popups {
            return Some("there are fewer popups");
        }
        let kinds = row.by_queue;
        let serving = kinds.file + kinds.module + kinds.command;
        if serving + queued(&row.tab_queued_by_priority) != row.pending_total
            || serving > row.tab_count
            || row.max_pending > row.pending_total
        {
            return Some("the sums are wrong");
        }
        let leases = |kind| {
            let of_kind = self.requests_of(key).filter(|request| request.queue == kind);
            of_kind
                .filter(|request| request.lease.is_some_and(|tab| self.is_page_open(tab)))
                .count()
        };
        let served = [
            (kinds.file, QueueKind::File),
            (kinds.module, QueueKind::Module),
            (kinds.command, QueueKind::Command),
        ];
        if served
            .iter()
            .any(|(count, kind)| (*count as usize) < leases(*kind))
        {
            return Some("a lease is not counted as served");
        }
        None
    }

    fn wrong_in_vacancy(&self, row: &Vacancy) -> Option<&'static str> {
        let key = &row.affinity;
        if !self.tabs_told(key, row.tab_count) {
            return Some("the number of tabs is wrong");
        }
        let leased = self
            .requests_of(key)
            .any(|request| request.lease.is_some_and(|tab| self.is_page_open(tab)));
        if row.idle && leased {
            return Some("it is idle under a lease");
        }
        if self.may_migrate() {
            return None;
        }
        if !row.idle && self.requests_of(key).next().is_none() {
            return Some("it is not idle, and nobody is there");
        }
        let highest = self
            .requests_of(key)
            .filter(|request| request.lease.is_none())
            .map(|request| request.priority)
            .max();
        (row.max_pending_priority > highest).then_some("the highest priority is nobody's")
    }
}
