//! Events: calls of the pool's users, outcomes of its actions, and what Chrome does unasked.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::{AffinityKey, BrowserInfo, OperationId, Priority, QueueKind, RequestId, TabId, TicketId};

/// The time, as given from outside.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Now {
    /// Milliseconds on a clock that never goes back; deadlines are on it.
    pub monotonic_ms: u64,
    /// `Date.now()`; may stand still or go back. Everything that callers see is on it: waits, last use,
    /// idle times.
    pub wall_ms: f64,
}

/// The state of the world at an event, as far as the machine needs it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Inputs {
    /// The time.
    pub now: Now,
    /// True if the render semaphore had no free permit just before this event.
    pub semaphore_full: bool,
    /// True if anybody at all held or waited for one of its permits just before this event; false without a
    /// semaphore, and where it does not tell.
    pub semaphore_busy: bool,
}

/// Something that happened.
///
/// An outcome whose operation, request or tab no longer exists changes nothing.
#[derive(Clone, Debug)]
pub enum Event {
    /// `getPage`, arguments already checked.
    GetPage {
        /// Names the call, and later the lease.
        request: RequestId,
        /// The tenant.
        affinity: AffinityKey,
        /// The purpose of the lease.
        queue: QueueKind,
        /// Order among waiters.
        priority: Priority,
        /// How long it may wait and last.
        terms: Terms,
    },
    /// The signal of a `getPage` that has not ended was aborted. The caller's promise is rejected by whoever
    /// sends this; the machine takes the request out of every queue and gives back all it held. It changes
    /// nothing once the request was granted: give a lease that nobody wants back with [`Event::Release`].
    Cancel {
        /// The call.
        request: RequestId,
    },
    /// `lease.release()`; a second one changes nothing.
    Release {
        /// The call that was granted.
        request: RequestId,
    },
    /// `lease.extend(ms)`: its deadline is no earlier than this long from now.
    ExtendLease {
        /// The call that was granted.
        request: RequestId,
        /// How long, ms.
        ms: u64,
    },
    /// A lease was garbage-collected without having been released: nobody can release it any more.
    LeaseLost {
        /// The call that was granted.
        request: RequestId,
    },
    /// The signal of a call was aborted after it had been granted, and the caller asked for the lease to end with
    /// that: its page is asked whether it answers, as when its tab is disposed of.
    LeaseAborted {
        /// The call that was granted.
        request: RequestId,
    },
    /// `disposeAffinity`.
    Dispose {
        /// Answered with [`super::Action::DisposalEnded`].
        ticket: TicketId,
        /// The tenant.
        affinity: AffinityKey,
        /// How.
        options: DisposeOptions,
    },
    /// `evictIdleAffinities`; answered with [`super::Action::Evicted`].
    EvictIdle {
        /// The call.
        ticket: TicketId,
        /// Affinities whose newest use is older than this go. Not finite or ≤ 0: none.
        max_idle_ms: f64,
    },
    /// `warmStandbys`; answered with [`super::Action::StandbysWarm`].
    WarmStandbys {
        /// The call.
        ticket: TicketId,
    },
    /// `closeAll`; answered with [`super::Action::PoolClosed`].
    CloseAll {
        /// The call.
        ticket: TicketId,
    },
    /// A standby stands on the host app and is ready.
    StandbyReady {
        /// Of [`super::BrowserAction::CreateStandby`].
        operation: OperationId,
    },
    /// An attempt at a standby failed or ran out of its budget. The machine closes the context, which the
    /// driver answers also when the context never came, or comes later.
    StandbyFailed {
        /// Of [`super::BrowserAction::CreateStandby`].
        operation: OperationId,
        /// Why.
        failure: Failure,
    },
    /// A page stands in the orphan's context and is ready.
    PageOpened {
        /// Of [`super::BrowserAction::OpenPage`].
        operation: OperationId,
    },
    /// No page could be opened in the orphan's context.
    PageOpenFailed {
        /// Of [`super::BrowserAction::OpenPage`].
        operation: OperationId,
        /// Why.
        failure: Failure,
    },
    /// The tab answered within the budget.
    ProbeAnswered {
        /// Of [`super::BrowserAction::Probe`] or [`super::BrowserAction::Ask`].
        operation: OperationId,
    },
    /// The tab did not answer, or answered with an error.
    ProbeFailed {
        /// Of [`super::BrowserAction::Probe`] or [`super::BrowserAction::Ask`].
        operation: OperationId,
        /// Why.
        failure: Failure,
    },
    /// It was found out how much memory the renderer of a tab holds, or that this cannot be known.
    MemoryMeasured {
        /// Of [`super::BrowserAction::MeasureMemory`].
        operation: OperationId,
        /// Resident, MB of 1,048,576 bytes.
        memory_mb: Option<u64>,
    },
    /// The page has been trimmed, or could not be.
    Trimmed {
        /// Of [`super::BrowserAction::Trim`].
        operation: OperationId,
        /// True if the page did it: then it is alive.
        answered: bool,
    },
    /// The microtask after the call that served a waiter has come.
    Settled {
        /// Of [`super::Action::Settle`].
        operation: OperationId,
    },
    /// The page is closed, or its close failed and there is nothing more to wait for.
    PageClosed {
        /// Of [`super::BrowserAction::ClosePage`].
        operation: OperationId,
        /// Why the close failed, if it did.
        failure: Option<Failure>,
    },
    /// Chrome has let go of the context, or its close failed and there is nothing more to wait for.
    ContextClosed {
        /// Of [`super::BrowserAction::CloseContext`].
        operation: OperationId,
        /// Why the close failed, if it did.
        failure: Option<Failure>,
    },
    /// The render semaphore gave the request its permit.
    SemaphoreAcquired {
        /// The call.
        request: RequestId,
        /// True if it had to wait: what was not waited for counts as exactly 0.
        waited: bool,
    },
    /// A render semaphore from JavaScript rejected or threw; the request ends with that error.
    SemaphoreFailed {
        /// The call.
        request: RequestId,
        /// Its error.
        failure: Failure,
    },
    /// The manager has answered, failed, or been given up on.
    ManagerNotified {
        /// Of [`super::Action::NotifyManager`].
        operation: OperationId,
    },
    /// `cleanupUserDataDirs()` has ended.
    UserDataDirsCleaned {
        /// Of [`super::Action::CleanUserDataDirs`].
        operation: OperationId,
        /// Why it failed, if it did.
        failure: Option<Failure>,
    },
    /// The renderer of the tab died.
    TabCrashed {
        /// The tab.
        tab: TabId,
    },
    /// The page of the tab is no longer fit for reuse, although it lives: it goes when nobody holds it any more.
    TabSpoiled {
        /// The tab.
        tab: TabId,
        /// The reason, for the log: `a page of … ` comes before it.
        why: String,
    },
    /// The page of the tab, or a popup of it, has opened another page.
    PopupOpened {
        /// The tab.
        tab: TabId,
    },
    /// A popup of the tab is gone, by whomever it was closed.
    PopupClosed {
        /// The tab.
        tab: TabId,
    },
    /// The pool has come to use a Chrome that it has not used before.
    BrowserStarted(BrowserInfo),
    /// The browser lives, but the cookies of all its contexts are gone: its pages are replaced, those that somebody
    /// holds at their release.
    NetworkServiceLost,
    /// Chrome lives, but is of no use and is ended: [`Event::BrowserDisconnected`] follows.
    BrowserGivenUp {
        /// Why, for the log.
        why: &'static str,
    },
    /// Chrome died or its connection broke: every context and page is gone at once. Operations under way
    /// still report.
    BrowserDisconnected,
    /// Chrome was stopped on purpose: as when it died, but nothing is made before somebody asks for it.
    BrowserStopped,
}

/// How long a `getPage` may wait and its lease may last. `None`: as the pool's options say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Terms {
    /// `acquireTimeoutMs`
    pub acquire_timeout_ms: Option<u64>,
    /// `maxWaiting`
    pub max_waiting: Option<u32>,
    /// `leaseTimeoutMs`
    pub lease_timeout_ms: Option<u64>,
}

/// Options of `disposeAffinity`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DisposeOptions {
    /// True if the call waits for the teardown. Default: true.
    pub await_idle: bool,
    /// True if the console errors of its pages stay readable. Default: false.
    pub retain_console_errors: bool,
    /// True if the primary context stays as an orphan. Default: false.
    pub retain_shared_context: bool,
}

impl Default for DisposeOptions {
    fn default() -> Self {
        Self {
            await_idle: true,
            retain_console_errors: false,
            retain_shared_context: false,
        }
    }
}

/// Why an operation failed.
#[derive(Clone)]
pub struct Failure {
    /// Its kind: decides how it is logged.
    pub kind: FailureKind,
    /// For the log.
    pub message: String,
    /// The error itself, for `cause`: opaque here.
    pub cause: Option<Arc<dyn Any + Send + Sync>>,
}

impl Failure {
    /// A failure without a `cause`.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            cause: None,
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({})", self.kind, self.message)
    }
}

/// Kinds of [`Failure`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailureKind {
    /// The host app is not there yet (`StandbyTargetNotReadyError`): expected while it starts.
    TargetNotReady,
    /// The budget ran out.
    TimedOut,
    /// The browser is gone, or could not be launched.
    Browser,
    /// The browser was stopped on purpose.
    BrowserStopped,
    /// The target of a close is gone already.
    Gone,
    /// Anything else.
    Other,
}
