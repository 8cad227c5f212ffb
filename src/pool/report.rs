//! The shapes of snapshots: plain data, in the order in which affinities came to the pool.

use super::{AffinityKey, Priority};

/// The ledger of shared contexts.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SharedContextSnapshot {
    /// Rows that it may have; while there are more, orphans are closed.
    pub cap: u32,
    /// One row for each affinity that has a primary.
    pub entries: Vec<SharedContextEntry>,
}

/// A row of the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedContextEntry {
    /// The tenant.
    pub affinity: AffinityKey,
    /// Live pages in it; 0 = an orphan.
    pub page_count: u32,
    /// `Date.now()` of the last use.
    pub last_used_at: f64,
    /// True if a disposal is closing it.
    pub closing: bool,
    /// Popups of its pages that are not closed.
    pub popup_count: u32,
}

/// An affinity, as somebody sees it who looks for a server with room.
#[derive(Clone, Debug, PartialEq)]
pub struct Vacancy {
    /// The tenant.
    pub affinity: AffinityKey,
    /// No tab of it has a holder or a waiter, and nobody waits for admission.
    pub idle: bool,
    /// Its tabs, closing ones included.
    pub tab_count: u32,
    /// The highest priority that waits.
    pub max_pending_priority: Option<Priority>,
}

/// How many wait where.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct QueueDepthSnapshot {
    /// Tabs bound to an affinity, closing ones included.
    pub total_tabs: u32,
    /// Holders and waiters of all tabs.
    pub total_pending: u32,
    /// One entry for each affinity that has a tab, or a `file` lease or waiter.
    pub affinities: Vec<AffinityQueueDepth>,
}

/// How many of one affinity wait where.
#[derive(Clone, Debug, PartialEq)]
pub struct AffinityQueueDepth {
    /// The tenant.
    pub affinity: AffinityKey,
    /// Its tabs, closing ones included.
    pub tab_count: u32,
    /// Popups of its tabs that are not closed.
    pub popup_count: u32,
    /// Holders and waiters of its tabs.
    pub pending_total: u32,
    /// Holders and waiters of the tab that has most.
    pub max_pending: u32,
    /// No tab of it has a holder or a waiter, and nobody waits for admission.
    pub idle: bool,
    /// Holders of its tabs, by what for; no waiters.
    pub by_queue: ByQueue,
    /// Its admission.
    pub admission: AdmissionDepth,
    /// Waiters of its tabs, highest priority first.
    pub tab_queued_by_priority: Vec<(Priority, u32)>,
    /// Waiters of its admission, highest priority first.
    pub admission_queued_by_priority: Vec<(Priority, u32)>,
}

/// Counts by queue kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ByQueue {
    /// Of kind `file`.
    pub file: u32,
    /// Of kind `module`.
    pub module: u32,
    /// Of kind `command`.
    pub command: u32,
}

/// How many tabs were replaced at the end of a lease because they were worn, by what they were over first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct WornTabSwaps {
    /// `maxUsesPerTab`
    pub uses: u32,
    /// `maxTabAgeMs`
    pub age: u32,
    /// `maxTabMemoryMB`
    pub memory: u32,
}

/// The state of an affinity's admission; both 0 without a `file` lease or waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AdmissionDepth {
    /// `file` callers that wait for a permit; those that have one are not among them.
    pub pending: u32,
    /// Concurrent `file` leases at most.
    pub cap: u32,
}
