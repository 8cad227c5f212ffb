//! The pool's decisions: a deterministic state machine without clock, randomness, I/O or threads.
//!
//! Feed it with [`Pool::handle`], perform what [`Pool::poll_action`] returns, and call
//! [`Pool::handle_timeout`] when [`Pool::poll_timeout`] has come.
//!
//! A request that is served is served inside the call that made it possible: `handle` changes the state, then
//! runs one step that hands out what is free in the order of the waiters' places, sees to it that something
//! comes for everybody else, and begins the standbys that are wanted.

mod action;
mod affinity;
mod capacity;
mod close;
pub mod config;
mod context;
pub mod defects;
mod dispose;
mod event;
mod health;
mod ids;
mod invariants;
mod lease;
mod occurrence;
mod popups;
mod refill;
mod report;
mod request;
mod select;
mod shutdown;
mod snapshot;
mod stats;
mod tab;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod trim;
mod waiters;
mod wear;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

pub use action::{Action, BrowserAction, Grant, LogLevel, PoolError, Revocation, Waits};
pub use config::{Config, Notice, PoolOptions};
pub use event::{DisposeOptions, Event, Failure, FailureKind, Inputs, Now, Terms};
pub use ids::{AffinityKey, ContextId, OperationId, Priority, QueueKind, RequestId, TabId, TicketId};
pub use invariants::Violation;
pub use occurrence::{BrowserInfo, EvictionReason, Occurrence, RejectionCode, RetirementReason};
pub use report::{
    AdmissionDepth, AffinityQueueDepth, ByQueue, QueueDepthSnapshot, SharedContextEntry,
    SharedContextSnapshot, Vacancy, WornTabSwaps,
};
pub use stats::{
    ContextCounts, Histogram, StandbyCounts, Stats, TabCounts, Totals, WaitHistograms, WaitingCounts,
};

use affinity::{Affinity, AffinityId};
use capacity::Contraction;
use context::{Context, Counts};
use defects::{Defect, planted};
use dispose::IdleEviction;
use refill::{JobId, Refill};
use request::Request;
use shutdown::Shutdown;
use stats::Tally;
use tab::{LastUsed, Tab};
use trim::Trimming;
use waiters::Waiters;

/// The state machine of one pool.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what the last inputs said, and two marks, are no state"
)]
pub struct Pool {
    config: Config,
    /// Pages now.
    current: u32,
    now: Now,
    semaphore_full: bool,
    semaphore_busy: bool,
    /// Requests that wait for a permit of the semaphore.
    semaphore_waiting: usize,
    actions: VecDeque<Action>,
    next_id: u64,
    operations: BTreeMap<OperationId, Operation>,
    deadlines: BTreeSet<(u64, Deadline)>,
    /// When each close under way is slow, and when it is overdue.
    close_due: BTreeMap<OperationId, (u64, u64)>,

    requests: BTreeMap<RequestId, Request>,
    tabs: BTreeMap<TabId, Tab>,
    contexts: BTreeMap<ContextId, Context>,
    affinities: BTreeMap<AffinityId, Affinity>,
    affinity_ids: HashMap<AffinityKey, AffinityId>,

    /// The pool's own queue: who waits for a standby, or for whichever slot frees first.
    waiting: Waiters,
    /// Standbys that are ready, oldest first.
    standbys: BTreeSet<TabId>,
    /// How many tabs are offered.
    live_tabs: usize,
    idle_tabs: BTreeSet<(LastUsed, TabId)>,
    idle_affinities: BTreeSet<(LastUsed, AffinityId)>,
    /// Tabs that may be promised to another affinity, by load.
    donors: BTreeSet<(usize, LastUsed, TabId)>,
    orphans: BTreeSet<(LastUsed, ContextId)>,
    /// Rows of the ledger, closing ones included.
    rows: usize,
    counts: Counts,

    refill: Refill,
    contraction: Contraction,
    shutdown: Option<Shutdown>,
    idle_evictions: BTreeMap<TicketId, IdleEviction>,
    swaps: BTreeMap<AffinityKey, u32>,
    worn: WornTabSwaps,
    tally: Tally,
    /// The context of the worn tab that was replaced last: the next waits until it has closed.
    replacing: Option<ContextId>,
    /// How long leases last of late, ms: an average.
    lease_ms: f64,
    stuck_warned: bool,
    trimming: Trimming,
    /// Tabs whose lease has ended within this event.
    released: Vec<TabId>,
    /// Something changed that may let a waiter go on.
    dirty: bool,
}

/// An action under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operation {
    CreateStandby {
        job: JobId,
        context: ContextId,
        tab: TabId,
    },
    OpenPage {
        tab: TabId,
    },
    Probe {
        tab: TabId,
    },
    /// Of the page of a lease that is to end.
    Ask {
        request: RequestId,
    },
    MeasureMemory {
        tab: TabId,
    },
    Trim {
        tab: TabId,
    },
    Settle {
        request: RequestId,
    },
    ClosePage {
        tab: TabId,
        context: ContextId,
    },
    CloseContext {
        context: ContextId,
    },
    /// With the affinity whose teardown waits for it, if one does.
    NotifyManager {
        affinity: Option<AffinityId>,
    },
    CleanUserDataDirs,
}

/// A timer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Deadline {
    SlowClose(OperationId),
    Close(OperationId),
    Retry(JobId),
    AskAgain(RequestId),
    LeaseGrace(RequestId),
    LeaseEnd(RequestId),
    LeaseWarning(RequestId),
    Acquire(RequestId),
}

/// How often a loop of the machine went round.
#[derive(Default)]
struct Rounds(u32);

impl Rounds {
    /// No event takes as many: each round serves somebody, or closes or begins something.
    const MOST: u32 = 100_000;

    /// A loop that does not end must not look like a simulation that takes long: it panics where that helps to find it.
    fn begin(&mut self, what: &str) {
        self.0 += 1;
        if cfg!(any(debug_assertions, feature = "simulator")) {
            assert!(self.0 < Self::MOST, "{what} does not come to an end");
        }
    }
}

impl Pool {
    /// A pool without any page. A dynamic one has its contraction timer running from `now` on.
    #[must_use]
    pub fn new(config: Config, now: Now) -> Self {
        let tick = config.is_dynamic().then_some(config.contraction_tick_ms);
        Self {
            current: config.initial_pages,
            config,
            now,
            semaphore_full: false,
            semaphore_busy: false,
            semaphore_waiting: 0,
            actions: VecDeque::new(),
            next_id: 0,
            operations: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            close_due: BTreeMap::new(),
            requests: BTreeMap::new(),
            tabs: BTreeMap::new(),
            contexts: BTreeMap::new(),
            affinities: BTreeMap::new(),
            affinity_ids: HashMap::new(),
            waiting: Waiters::default(),
            standbys: BTreeSet::new(),
            live_tabs: 0,
            idle_tabs: BTreeSet::new(),
            idle_affinities: BTreeSet::new(),
            donors: BTreeSet::new(),
            orphans: BTreeSet::new(),
            rows: 0,
            counts: Counts::default(),
            refill: Refill::default(),
            contraction: Contraction::new(tick, now),
            shutdown: None,
            idle_evictions: BTreeMap::new(),
            swaps: BTreeMap::new(),
            worn: WornTabSwaps::default(),
            tally: Tally::default(),
            replacing: None,
            lease_ms: lease::USUAL_MS,
            stuck_warned: false,
            trimming: Trimming::default(),
            released: Vec::new(),
            dirty: false,
        }
    }

    /// Takes in what happened and decides everything that follows from it.
    pub fn handle(&mut self, event: Event, inputs: &Inputs) {
        self.observe(inputs);
        let called = match event {
            Event::GetPage { request, .. } => Some(request),
            _ => None,
        };
        match event {
            Event::GetPage {
                request,
                affinity,
                queue,
                priority,
                terms,
            } => {
                self.arm_contraction();
                self.get_page(request, &affinity, queue, priority, terms);
                self.advance();
                self.turn_away(request);
            }
            Event::Cancel { request } => self.cancel(request),
            Event::Release { request } => self.release(request),
            Event::LeaseAborted { request } => self.lease_aborted(request),
            Event::ExtendLease { request, ms } => self.extend_lease(request, ms),
            Event::LeaseLost { request } => self.lease_lost(request),
            Event::Dispose {
                ticket,
                affinity,
                options,
            } => self.dispose(ticket, &affinity, options),
            Event::EvictIdle { ticket, max_idle_ms } => self.evict_idle(ticket, max_idle_ms),
            Event::WarmStandbys { ticket } => {
                self.arm_contraction();
                self.warm_standbys(ticket);
            }
            Event::CloseAll { ticket } => self.close_all(ticket),
            Event::SemaphoreAcquired { request, waited } => self.semaphore_acquired(request, waited),
            Event::SemaphoreFailed { request, failure } => self.semaphore_failed(request, failure),
            Event::TabCrashed { tab } => self.tab_crashed(tab),
            Event::TabSpoiled { tab, why } => self.tab_spoiled(tab, &why),
            Event::PopupOpened { tab } => self.popup_opened(tab),
            Event::PopupClosed { tab } => self.popup_closed(tab),
            Event::BrowserGivenUp { why } => self.log(LogLevel::Warn, why.to_owned()),
            Event::MemoryMeasured { operation, memory_mb } => self.measured(operation, memory_mb),
            Event::BrowserStarted(browser) => self.note(Occurrence::BrowserStarted(browser)),
            Event::Trimmed { operation, answered } => self.trimmed(operation, answered),
            Event::NetworkServiceLost => self.network_service_lost(),
            Event::BrowserDisconnected => self.browser_disconnected(),
            Event::BrowserStopped => self.browser_stopped(),
            Event::StandbyReady { operation }
            | Event::PageOpened { operation }
            | Event::ProbeAnswered { operation }
            | Event::Settled { operation }
            | Event::ManagerNotified { operation } => self.ended(operation, None),
            Event::StandbyFailed { operation, failure }
            | Event::PageOpenFailed { operation, failure }
            | Event::ProbeFailed { operation, failure } => self.failed(operation, &failure),
            Event::PageClosed { operation, failure }
            | Event::ContextClosed { operation, failure }
            | Event::UserDataDirsCleaned { operation, failure } => self.ended(operation, failure.as_ref()),
        }
        self.advance();
        if let Some(request) = called {
            self.note_wait(request);
        }
    }

    /// Does what has become due.
    pub fn handle_timeout(&mut self, inputs: &Inputs) {
        self.observe(inputs);
        self.contraction_tick();
        self.trim_tick();
        while let Some(&(due, deadline)) = self.deadlines.first()
            && due <= self.now.monotonic_ms
        {
            self.deadlines.pop_first();
            match deadline {
                Deadline::SlowClose(operation) => self.close_is_slow(operation),
                Deadline::Close(operation) => self.close_overdue(operation),
                Deadline::Retry(job) => self.retry_due(job),
                Deadline::AskAgain(request) => self.ask_again(request),
                Deadline::LeaseGrace(request) => self.lease_grace_over(request),
                Deadline::LeaseEnd(request) => self.lease_expired(request),
                Deadline::LeaseWarning(request) => self.lease_is_long(request),
                Deadline::Acquire(request) => self.acquire_overdue(request),
            }
        }
        self.advance();
    }

    /// The next thing to be done, in order.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Self::handle_timeout`] is to be called, on the monotonic clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let deadline = self.deadlines.first().map(|at| at.0);
        [deadline, self.contraction.next_tick(), self.trimming.wake]
            .into_iter()
            .flatten()
            .min()
    }

    /// The configuration it was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// `currentMaxPages`.
    #[must_use]
    pub fn current_max_pages(&self) -> u32 {
        self.current
    }

    /// `minPages`.
    #[must_use]
    pub fn min_pages(&self) -> u32 {
        self.config.min_pages
    }

    /// `maxBurstPages`.
    #[must_use]
    pub fn max_burst_pages(&self) -> u32 {
        self.config.burst_pages
    }

    /// `highPriorityMaxPages`.
    #[must_use]
    pub fn high_priority_max_pages(&self) -> u32 {
        self.config.high_priority_max_pages
    }

    /// `highPriorityThreshold`.
    #[must_use]
    pub fn high_priority_threshold(&self) -> f64 {
        self.config.high_priority_threshold
    }

    /// True if nothing is left: no context, page, request or timer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
            && self.tabs.is_empty()
            && self.contexts.is_empty()
            && self.affinities.is_empty()
            && self.operations.is_empty()
            && self.poll_timeout().is_none()
    }

    /// True while an operation is under way, or a timer is set.
    #[must_use]
    pub fn is_working(&self) -> bool {
        !self.operations.is_empty() || !self.deadlines.is_empty()
    }

    fn observe(&mut self, inputs: &Inputs) {
        // The machine's own deadlines must never see time going back.
        let monotonic_ms = self.now.monotonic_ms.max(inputs.now.monotonic_ms);
        self.now = Now {
            monotonic_ms,
            wall_ms: inputs.now.wall_ms,
        };
        self.semaphore_full = inputs.semaphore_full;
        self.semaphore_busy = inputs.semaphore_busy;
    }

    /// An action ended, well or without consequence.
    fn ended(&mut self, id: OperationId, failure: Option<&Failure>) {
        let Some(operation) = self.remove_operation(id) else {
            return;
        };
        match operation {
            Operation::CreateStandby { job, tab, .. } => self.standby_ready(job, tab),
            Operation::OpenPage { tab } => self.page_opened(tab),
            Operation::Probe { tab } => self.probe_answered(tab),
            Operation::Ask { request } => self.ask_answered(request),
            Operation::MeasureMemory { tab } => self.memory_measured(tab, None),
            Operation::Settle { request } => self.settled(request),
            Operation::ClosePage { tab, context } => self.page_closed(tab, context, failure),
            Operation::CloseContext { context } => self.context_closed(context, failure),
            Operation::NotifyManager {
                affinity: Some(affinity),
            } => self.manager_notified(affinity, id),
            // A trim is reported by an event of its own.
            Operation::NotifyManager { affinity: None } | Operation::Trim { .. } => {}
            Operation::CleanUserDataDirs => {
                if let Some(failure) = failure {
                    let message = format!("stale user-data dirs could not be removed: {}", failure.message);
                    self.log(LogLevel::Warn, message);
                }
            }
        }
    }

    fn failed(&mut self, id: OperationId, failure: &Failure) {
        let Some(operation) = self.remove_operation(id) else {
            return;
        };
        match operation {
            Operation::CreateStandby { job, context, tab } => self.standby_failed(job, context, tab, failure),
            Operation::OpenPage { tab } => self.page_open_failed(tab, failure),
            Operation::Probe { tab } => self.probe_failed(tab, failure),
            Operation::Ask { request } => self.ask_failed(request, failure),
            Operation::ClosePage { tab, context } => self.page_closed(tab, context, Some(failure)),
            Operation::CloseContext { context } => self.context_closed(context, Some(failure)),
            Operation::MeasureMemory { tab } => self.memory_measured(tab, None),
            Operation::Trim { .. }
            | Operation::Settle { .. }
            | Operation::NotifyManager { .. }
            | Operation::CleanUserDataDirs => {}
        }
    }

    fn measured(&mut self, id: OperationId, memory_mb: Option<u64>) {
        if let Some(Operation::MeasureMemory { tab }) = self.operations.get(&id).copied() {
            self.remove_operation(id);
            self.memory_measured(tab, memory_mb);
        }
    }

    /// Hands out what is free and begins what is wanted, until nothing changes any more.
    fn advance(&mut self) {
        let mut rounds = Rounds::default();
        loop {
            rounds.begin("a decision");
            self.dirty = false;
            self.serve_waiters();
            self.make_room_for_waiters();
            self.serve_waiters();
            self.run_refill();
            self.finish_contraction();
            self.finish_shutdown();
            if self.counts.stuck == 0 || self.waiting.is_empty() {
                self.stuck_warned = false;
            }
            if !self.dirty {
                break;
            }
        }
        self.refill.end_of_turn();
        self.ask_released_tabs();
        self.note_use();
        #[cfg(debug_assertions)]
        if let Err(violation) = self.check_invariants() {
            debug_assert!(false, "{violation}\n{self:#?}");
        }
    }

    fn fresh(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn start(&mut self, operation: Operation) -> OperationId {
        let id = OperationId(self.fresh());
        self.operations.insert(id, operation);
        id
    }

    fn remove_operation(&mut self, id: OperationId) -> Option<Operation> {
        if let Some((slow, due)) = self.close_due.remove(&id) {
            self.deadlines.remove(&(slow, Deadline::SlowClose(id)));
            self.deadlines.remove(&(due, Deadline::Close(id)));
        }
        if planted(Defect::OperationEndsTwice) {
            return self.operations.get(&id).copied();
        }
        self.operations.remove(&id)
    }

    fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    fn browse(&mut self, action: BrowserAction) {
        self.actions.push_back(Action::Browser(action));
    }

    fn log(&mut self, level: LogLevel, message: String) {
        self.actions.push_back(Action::Log {
            level,
            message,
            tab: None,
        });
    }

    /// A line about a page, which names its id.
    fn log_of(&mut self, tab: TabId, level: LogLevel, message: String) {
        self.actions.push_back(Action::Log {
            level,
            message,
            tab: Some(tab),
        });
    }
}
