//! The effects that the pool asks for.

use super::{
    AffinityKey, ContextId, Failure, Occurrence, OperationId, Priority, RejectionCode, RequestId, TabId,
    TicketId,
};

/// Something to be done, in the order in which [`super::Pool::poll_action`] returns it.
#[derive(Clone, Debug)]
pub enum Action {
    /// For the driver; each ends in an event with its operation.
    Browser(BrowserAction),
    /// The tab is now bound to this affinity: what its page says is logged under it.
    BindTab {
        /// The tab.
        tab: TabId,
        /// Its tenant.
        affinity: AffinityKey,
    },
    /// The tab is gone for good: forget its page, and its console errors unless they are to be kept.
    ForgetTab {
        /// The tab.
        tab: TabId,
        /// `retainConsoleErrors` of the disposal that closed it.
        retain_console_errors: bool,
    },
    /// Take a permit of the render semaphore for the request.
    AcquireSemaphore {
        /// The call.
        request: RequestId,
        /// Its place in the queue.
        priority: Priority,
    },
    /// The request no longer waits for a permit; should one still come, give it back at once.
    AbandonSemaphore {
        /// The call.
        request: RequestId,
    },
    /// Give the request's permit back.
    ReleaseSemaphore {
        /// The call.
        request: RequestId,
    },
    /// Call the render semaphore's `setCapacity`.
    SetSemaphoreCapacity {
        /// Pages now.
        capacity: u32,
    },
    /// Send [`super::Event::Settled`] in a microtask of its own: the request has waited and owns its tab and permit
    /// now. It is granted then, after another look whether the tab is still live.
    Settle {
        /// Of this action.
        operation: OperationId,
        /// The call.
        request: RequestId,
    },
    /// Resolve the `getPage` promise.
    Grant {
        /// The call.
        request: RequestId,
        /// Its lease.
        grant: Grant,
    },
    /// The lease has ended under its holder: abort its signal. The page is closed next.
    LeaseRevoked {
        /// The call that was granted.
        request: RequestId,
        /// The tab whose page it held: calls to it that are pending, or come late, fail for this reason.
        tab: TabId,
        /// Why.
        reason: Revocation,
    },
    /// Reject the `getPage` promise.
    Reject {
        /// The call.
        request: RequestId,
        /// Why.
        error: PoolError,
    },
    /// Resolve `disposeAffinity`.
    DisposalEnded {
        /// The call.
        ticket: TicketId,
    },
    /// Resolve `evictIdleAffinities`.
    Evicted {
        /// The call.
        ticket: TicketId,
        /// The affinities that were disposed of.
        affinities: Vec<AffinityKey>,
    },
    /// Resolve `warmStandbys`.
    StandbysWarm {
        /// The call.
        ticket: TicketId,
        /// How many standbys there are.
        ready: u32,
        /// How many there should be, being made included.
        wanted: u32,
        /// Why the last attempt failed, where none has gone well since.
        last_error: Option<Failure>,
    },
    /// Resolve `closeAll`.
    PoolClosed {
        /// The call.
        ticket: TicketId,
    },
    /// Call `onAffinityDisposed`.
    AffinityDisposed {
        /// The tenant.
        affinity: AffinityKey,
    },
    /// Tell the prerender manager that this server no longer holds the affinity. Ends in
    /// [`super::Event::ManagerNotified`].
    NotifyManager {
        /// Of this action.
        operation: OperationId,
        /// The tenant.
        affinity: AffinityKey,
    },
    /// Call `cleanupUserDataDirs()`. Ends in [`super::Event::UserDataDirsCleaned`].
    CleanUserDataDirs {
        /// Of this action.
        operation: OperationId,
    },
    /// Tell whoever watches the pool what has happened.
    Tell(Occurrence),
    /// Write a line to the log named `prerenderer`.
    Log {
        /// Its level.
        level: LogLevel,
        /// Its text.
        message: String,
        /// The page that it is about, whose id belongs in the line.
        tab: Option<TabId>,
    },
}

/// Something for the driver to do to the browser.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BrowserAction {
    /// One attempt at a standby (docs/contract.md, section 5), within its whole budget. Ends in `StandbyReady` or
    /// `StandbyFailed`; after a failure the machine asks for [`BrowserAction::CloseContext`].
    CreateStandby {
        /// Of this action.
        operation: OperationId,
        /// The context to make.
        context: ContextId,
        /// The page to make in it.
        tab: TabId,
    },
    /// Open and load a page in an orphan's context. Ends in `PageOpened` or `PageOpenFailed`; after a
    /// failure the machine closes the context, and the driver the page with it.
    OpenPage {
        /// Of this action.
        operation: OperationId,
        /// The orphan.
        context: ContextId,
        /// The page to make in it.
        tab: TabId,
    },
    /// Evaluate something trivial. Ends in `ProbeAnswered` or `ProbeFailed`.
    Probe {
        /// Of this action.
        operation: OperationId,
        /// The tab.
        tab: TabId,
        /// In which it must answer, ms.
        budget_ms: u64,
    },
    /// The same of a page that is leased: a page that does not answer is helped first, as far as that is possible
    /// without harm to one that works (end its script, stop its loading, thaw it), and asked once more. Ends in
    /// `ProbeAnswered` or `ProbeFailed`.
    Ask {
        /// Of this action.
        operation: OperationId,
        /// The tab.
        tab: TabId,
        /// In which it must answer by itself, ms.
        budget_ms: u64,
    },
    /// Find out how much memory the renderer of the tab holds. Ends in `MemoryMeasured`.
    MeasureMemory {
        /// Of this action.
        operation: OperationId,
        /// The tab.
        tab: TabId,
    },
    /// Tidy a page that nobody has: collect its garbage. Nothing of what the page can see changes. Ends in `Trimmed`.
    Trim {
        /// Of this action.
        operation: OperationId,
        /// The tab.
        tab: TabId,
        /// After which nobody waits for it, ms.
        budget_ms: u64,
    },
    /// The lease whose page is asked has ended: the page is not helped any more, which may be another caller's by then.
    /// Ends in nothing of its own.
    StopAsking {
        /// Of the [`BrowserAction::Ask`].
        operation: OperationId,
    },
    /// Close what the tab's page has opened, and what that has. Ends in nothing of its own: each popup that is gone is
    /// a `PopupClosed`. A page that is closed takes its popups along without it.
    ClosePopups {
        /// The tab.
        tab: TabId,
    },
    /// Close the page. Ends in `PageClosed`.
    ClosePage {
        /// Of this action.
        operation: OperationId,
        /// The tab.
        tab: TabId,
        /// True if the machine closes the page's context next: a driver whose context takes its pages along
        /// may answer at once.
        context_follows: bool,
    },
    /// Close the context, by ever harder means where there are any. Ends in `ContextClosed`, once Chrome has
    /// let go of it.
    CloseContext {
        /// Of this action.
        operation: OperationId,
        /// The context.
        context: ContextId,
    },
}

/// The result of a `getPage`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    /// The tab whose page the lease holds.
    pub tab: TabId,
    /// True if the tab was bound to the affinity before.
    pub reused: bool,
    /// From the call to the grant, ms.
    pub launch_ms: u64,
    /// Where that time went.
    pub waits: Waits,
}

/// Where a request spent its time, ms.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Waits {
    /// For the render semaphore.
    pub semaphore_ms: u64,
    /// For admission.
    pub admission_ms: u64,
    /// For a tab that others held, without startup and probe.
    pub tab_queue_ms: u64,
    /// For a standby, or for a page opened in an orphan.
    pub tab_startup_ms: u64,
    /// For liveness probes.
    pub tab_probe_ms: u64,
}

/// Why a lease ended under its holder.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Revocation {
    /// Its page had to go, and did not answer.
    #[error("its page does not answer: {cause}")]
    Unresponsive {
        /// The error of the question.
        cause: String,
    },
    /// Its own deadline has passed.
    #[error("its deadline has passed")]
    Expired,
    /// Its page had to go, and was not released in time.
    #[error("it was not released within {after_ms} ms after its end was asked for")]
    GraceOver {
        /// `leaseGraceMs`.
        after_ms: u64,
    },
    /// Nobody can release it any more.
    #[error("it was garbage-collected without having been released")]
    Lost,
}

/// Why a `getPage` was rejected.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PoolError {
    /// Nothing can come (`STANDBY_UNAVAILABLE`).
    #[error("No standby page available for prerender")]
    StandbyUnavailable {
        /// Why the last standby could not be made, where that is the reason.
        cause: Option<Failure>,
    },
    /// `closeAll` was called while the request waited (`POOL_CLOSED`).
    #[error("the page pool was closed while the request waited")]
    Closed,
    /// It waited for as long as it may (`ACQUIRE_TIMEOUT`).
    #[error("no page came within {after_ms} ms")]
    AcquireTimeout {
        /// `acquireTimeoutMs`.
        after_ms: u64,
        /// When another call may have a page, ms: an estimate.
        retry_after_ms: u64,
    },
    /// As many as may wait do so already (`TOO_MANY_WAITING`).
    #[error("{waiting} calls wait for a page already")]
    TooManyWaiting {
        /// How many wait.
        waiting: u32,
        /// When another call may have a page, ms: an estimate.
        retry_after_ms: u64,
    },
    /// A render semaphore from JavaScript rejected; its error is passed on as it is.
    #[error("{}", .0.message)]
    Semaphore(Failure),
}

impl PoolError {
    /// What it is counted as.
    #[must_use]
    pub fn code(&self) -> RejectionCode {
        match self {
            Self::StandbyUnavailable { .. } => RejectionCode::StandbyUnavailable,
            Self::Closed => RejectionCode::PoolClosed,
            Self::AcquireTimeout { .. } => RejectionCode::AcquireTimeout,
            Self::TooManyWaiting { .. } => RejectionCode::TooManyWaiting,
            Self::Semaphore(_) => RejectionCode::Semaphore,
        }
    }
}

/// Levels of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogLevel {
    /// Expected and of no interest by default.
    Debug,
    /// A normal change.
    Info,
    /// Something an operator should see.
    Warn,
    /// Something failed.
    Error,
}
