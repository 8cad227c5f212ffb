//! Sizes, totals and waits, for `stats()`.

use super::context::ContextState;
use super::request::{Phase, RequestState};
use super::{Action, BrowserInfo, Occurrence, Pool, RejectionCode, RetirementReason};

/// A pool in numbers. Totals are since it was made; `closeAll` does not clear them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Stats {
    /// As many pages as there may be now.
    pub max_pages: u32,
    /// Tabs bound to affinities.
    pub tabs: TabCounts,
    /// Tabs that nobody has yet.
    pub standbys: StandbyCounts,
    /// Browser contexts.
    pub contexts: ContextCounts,
    /// Affinities with a warm tab.
    pub affinities: usize,
    /// Leases held now.
    pub leases: usize,
    /// Calls that wait.
    pub waiting: WaitingCounts,
    /// What has happened.
    pub totals: Totals,
    /// The Chrome whose start was heard of last.
    pub browser: Option<BrowserInfo>,
    /// Where granted leases spent their time.
    pub waits: WaitHistograms,
}

/// Tabs bound to affinities, until Chrome has let go of them. The rest of `total` is on its way to a caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TabCounts {
    /// All of them.
    pub total: usize,
    /// Held by a lease.
    pub leased: usize,
    /// Nobody holds them or waits for them.
    pub idle: usize,
    /// Not offered any more, and not leased.
    pub closing: usize,
}

/// Standbys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StandbyCounts {
    /// Ready.
    pub ready: usize,
    /// An attempt is under way.
    pub making: usize,
    /// How many there should be, those in the making included.
    pub wanted: usize,
}

/// Browser contexts, until Chrome has let go of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ContextCounts {
    /// All of them.
    pub total: usize,
    /// Kept without a page.
    pub orphans: usize,
    /// Closing.
    pub closing: usize,
}

/// Calls that wait, by what for: the accounts of their `waits`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WaitingCounts {
    /// For the render semaphore.
    pub semaphore: usize,
    /// For admission.
    pub admission: usize,
    /// For others to leave a tab.
    pub tab: usize,
    /// For a standby, or for a page that is opened in an orphan.
    pub standby: usize,
    /// For a tab's answer.
    pub probe: usize,
}

/// What has happened since the pool was made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Leases of a tab that was the affinity's before.
    pub warm_leases: u64,
    /// Other leases.
    pub cold_leases: u64,
    /// Calls that ended without a lease, in the order of [`RejectionCode::ALL`].
    pub rejected: [u64; RejectionCode::ALL.len()],
    /// Pages added.
    pub expansions: u64,
    /// Pages given up.
    pub contractions: u64,
    /// Affinities, or single tabs of one, closed because they were idle.
    pub evictions: u64,
    /// Tabs that moved between affinities.
    pub migrations: u64,
    /// Standbys made.
    pub standbys_made: u64,
    /// Attempts at one that failed.
    pub standbys_failed: u64,
    /// Tabs taken out of use, in the order of [`RetirementReason::ALL`].
    pub retirements: [u64; RetirementReason::ALL.len()],
    /// Starts of Chrome that were heard of.
    pub browser_starts: u64,
}

/// Where granted leases spent their time, ms.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WaitHistograms {
    /// From the call to the grant.
    pub total: Histogram,
    /// For the render semaphore.
    pub semaphore: Histogram,
    /// For admission.
    pub admission: Histogram,
    /// For a tab that others held.
    pub tab_queue: Histogram,
    /// For a standby, or for a page opened in an orphan.
    pub tab_startup: Histogram,
    /// For liveness probes.
    pub tab_probe: Histogram,
}

/// How many values are how large.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Histogram {
    /// How many fell into each bucket alone; the last has no bound.
    counts: [u64; Self::BOUNDS.len() + 1],
    sum: u64,
}

impl Histogram {
    /// The largest value of each bucket but the last, ms. Waits are whole, and 0 where nothing was waited for.
    pub const BOUNDS: [u64; 16] = [
        0, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000,
    ];

    fn observe(&mut self, value: u64) {
        let bucket = Self::BOUNDS.partition_point(|bound| *bound < value);
        self.counts[bucket] += 1;
        self.sum = self.sum.saturating_add(value);
    }

    /// The buckets as Prometheus has them: each counts all values up to its bound, and the last, which has none, all.
    pub fn cumulative(&self) -> impl Iterator<Item = (Option<u64>, u64)> + '_ {
        let bounds = Self::BOUNDS.iter().map(|bound| Some(*bound)).chain([None]);
        bounds.zip(self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        }))
    }

    /// How many values there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum, ms.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }
}

/// What is kept of what has happened.
#[derive(Debug, Default)]
pub(super) struct Tally {
    totals: Totals,
    waits: WaitHistograms,
    browser: Option<BrowserInfo>,
}

impl Tally {
    fn count(&mut self, occurrence: &Occurrence) {
        let totals = &mut self.totals;
        match occurrence {
            Occurrence::Leased { grant, .. } => {
                if grant.reused {
                    totals.warm_leases += 1;
                } else {
                    totals.cold_leases += 1;
                }
                let (of, waits) = (&mut self.waits, grant.waits);
                of.total.observe(grant.launch_ms);
                of.semaphore.observe(waits.semaphore_ms);
                of.admission.observe(waits.admission_ms);
                of.tab_queue.observe(waits.tab_queue_ms);
                of.tab_startup.observe(waits.tab_startup_ms);
                of.tab_probe.observe(waits.tab_probe_ms);
            }
            Occurrence::Rejected { code, .. } => totals.rejected[*code as usize] += 1,
            Occurrence::Standby { failure: None, .. } => totals.standbys_made += 1,
            Occurrence::Standby { failure: Some(_), .. } => totals.standbys_failed += 1,
            Occurrence::Evicted { .. } => totals.evictions += 1,
            Occurrence::Retired { reason, .. } => totals.retirements[*reason as usize] += 1,
            Occurrence::Migrated { .. } => totals.migrations += 1,
            Occurrence::Expanded { .. } => totals.expansions += 1,
            Occurrence::Contracted { .. } => totals.contractions += 1,
            Occurrence::BrowserStarted(browser) => {
                totals.browser_starts += 1;
                self.browser = Some(browser.clone());
            }
            Occurrence::Released { .. } | Occurrence::BrowserGone { .. } => {}
        }
    }

    pub(super) fn browser(&self) -> Option<&BrowserInfo> {
        self.browser.as_ref()
    }
}

impl Pool {
    /// Counts what has happened, and tells it to whoever watches.
    pub(super) fn note(&mut self, occurrence: Occurrence) {
        self.tally.count(&occurrence);
        self.act(Action::Tell(occurrence));
    }

    /// `stats`.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            max_pages: self.current,
            tabs: self.tab_counts(),
            standbys: StandbyCounts {
                ready: self.standbys.len(),
                making: self.refill.making,
                wanted: self.wanted_standbys(),
            },
            contexts: ContextCounts {
                total: self.contexts.len(),
                orphans: self.orphans.len(),
                closing: self
                    .contexts
                    .values()
                    .filter(|context| match context.state {
                        ContextState::Closing { .. } => true,
                        ContextState::Condemned { .. } => context.closing_pages > 0,
                        _ => false,
                    })
                    .count(),
            },
            affinities: self.warm_affinities().len(),
            leases: self
                .requests
                .values()
                .filter(|request| matches!(request.state, RequestState::Granted { .. }))
                .count(),
            waiting: self.waiting_counts(),
            totals: self.tally.totals.clone(),
            browser: self.tally.browser.clone(),
            waits: self.tally.waits.clone(),
        }
    }

    fn tab_counts(&self) -> TabCounts {
        let mut counts = TabCounts {
            idle: self.idle_tabs.len(),
            ..TabCounts::default()
        };
        for (&id, tab) in self.tabs.iter().filter(|at| at.1.bound_at.is_some()) {
            counts.total += 1;
            if self.is_leased(id) {
                counts.leased += 1;
            } else if tab.offered_to().is_none() {
                counts.closing += 1;
            }
        }
        counts
    }

    fn waiting_counts(&self) -> WaitingCounts {
        let mut counts = WaitingCounts::default();
        for phase in self.requests.values().filter_map(|request| request.clock.phase()) {
            *match phase {
                Phase::Semaphore => &mut counts.semaphore,
                Phase::Admission => &mut counts.admission,
                Phase::TabQueue => &mut counts.tab,
                Phase::Startup => &mut counts.standby,
                Phase::Probe => &mut counts.probe,
            } += 1;
        }
        counts
    }
}
