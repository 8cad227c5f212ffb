//! Deliberate defects, to show that the simulator finds them. Without the feature `planted-defects` there are none,
//! and `planted` is a constant.

#[cfg(feature = "planted-defects")]
use std::cell::Cell;

macro_rules! defects {
    ($($name:ident: $text:literal,)*) => {
        /// A mistake that somebody could make.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Defect {
            $(#[doc = $text] $name,)*
        }

        impl Defect {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The defect in words.
            #[must_use]
            pub fn describe(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

defects! {
    ContextsBeyondTheLimit: "one context too many is allowed",
    SlotFreedAtTheCall: "a slot is free when its close begins, not when it ends",
    AnotherContextsRow: "a closing context takes away the row of another",
    SecondPrimary: "a further tab becomes the primary although there is one",
    OrphansKept: "orphans beyond the cap are kept",
    EvictedContextKept: "making room keeps the context as an orphan",
    ClosesBeforeExpanding: "a dynamic pool closes an affinity although it could expand",
    ExpansionNotCounted: "the idle time goes on through an expansion",
    SettlesAtOnce: "a waiter gets its lease within the call that freed its tab",
    TwoAdmitted: "a freed admission permit wakes two",
    AdmissionNotHandedOn: "a freed admission permit wakes nobody",
    AdmissionPermitLost: "the admission permit is never given back",
    NoProbe: "a page that served before is handed out unprobed",
    SemaphorePermitKept: "a release keeps the permit of the render semaphore",
    SemaphoreNotAbandoned: "a cancelled waiter stays in the render queue",
    LostWakeUp: "a freed tab wakes nobody",
    DrainingStaysOpen: "a tab that was disposed of in use is not closed after its release",
    GrantedTwice: "a call is resolved twice",
    AlwaysReused: "a fresh tab is told to be a warm one late: the flag is turned round",
    PriorityIgnored: "queues ignore priority",
    LastComeFirstServed: "queues serve the latest first",
    BurstForEverybody: "ordinary priorities expand into the high-priority tier",
    SemaphoreNotResized: "the render semaphore is not told of the new number of pages",
    ContractionInUse: "the pool contracts while it is in use",
    NoContraction: "an idle pool never contracts",
    ForgetsToMarkClosing: "a disposal leaves the tabs on offer",
    DisposedTooEarly: "a disposal resolves before its contexts are closed",
    ManagerForgetsLive: "the manager is told to forget an affinity that is in use again",
    BusyCountsAsIdle: "evictIdleAffinities takes an affinity in use",
    BusyTabChosen: "a tab in use is chosen as if it were idle",
    RefillThoughDisabled: "standbys are made although refill is disabled",
    CrashIgnored: "a crashed page stays on offer",
    RetryForgotten: "a standby that failed is never tried again",
    ClosedTooEarly: "closeAll resolves while contexts are alive",
    OperationEndsTwice: "a report that comes twice is taken for news",
    LatestEvicted: "the affinity used last is closed to make room",
    LatestTabChosen: "of several idle tabs the one used last is chosen",
    NewestStandbyFirst: "the newest standby is adopted first",
    OrphanPassedOver: "a standby is adopted although there is an orphan",
    ManagerToldTwice: "the manager is told twice of one loss",
    ManagerNotTold: "the manager is not told of an evicted affinity",
    ContractsTooEarly: "the pool contracts after half the threshold",
    NotExpanded: "a full semaphore does not expand the pool",
    WaitOnWrongAccount: "the wait for the render semaphore is counted as one for a tab",
    CallbackForgotten: "onAffinityDisposed is not called",
    EvictsTheFresh: "evictIdleAffinities takes what was used just now",
    WarmTooEarly: "warmStandbys resolves while a standby is being made",
    WaitersSurviveClosing: "closeAll leaves the waiting alone",
    SwapNotCounted: "the retirement of a tab is not counted",
    TooManyStandbys: "two standbys more than wanted are made",
    HungCloseAwaited: "a close that hangs is waited for without an end",
    RetainedContextClosed: "retainSharedContext is ignored",
    StuckLeaseNotAsked: "a leased page that is disposed of is not asked whether it answers",
    StuckLeaseKept: "a leased page that does not answer keeps its lease",
    LeaseBeyondItsDeadline: "a lease goes on after its deadline",
    WaitsBeyondItsTime: "a call waits on after its time",
    AnyNumberWaits: "maxWaiting is ignored",
    PopupsStay: "what a leased page opened stays open after the release",
    WornTabKept: "a worn tab is not replaced",
    ReplacedTooEarly: "a tab is replaced one lease too early",
    ReplacedSideBySide: "a second tab is replaced while the first still closes",
    ReplacementNotCounted: "the replacement of a worn tab is not counted",
    WornContextKept: "the next page of a worn tab's tenant is opened in its old context, and waited for",
    LostLeaseKept: "a lease that was garbage-collected goes on",
    SpoiltPageKept: "a page that was spoilt is offered on",
    CookielessTabsKept: "pages stay on offer after the network service has lost their cookies",
    ExtensionIgnored: "a lease that was extended ends at its first deadline",
    TrimsInUse: "a tab that somebody has is trimmed",
    TrimsInTheRush: "a tab is trimmed although others are in use",
    TrimmedAgain: "a tab that idles is trimmed again and again",
    NothingTrimmed: "a tab that idles is not trimmed",
    StuckTrimAwaited: "a trim that does not end is waited for without an end",
    FreshCountsAsWarm: "a page in the place of a worn one is told to be a warm one",
    NoEndOfLeaseGrace: "a lease of a disposed page that answers is waited for without an end",
}

#[cfg(feature = "planted-defects")]
thread_local! {
    static PLANTED: Cell<Option<Defect>> = const { Cell::new(None) };
}

/// Plants a defect in the pools of this thread, or takes it out again.
#[cfg(feature = "planted-defects")]
pub fn plant(defect: Option<Defect>) {
    PLANTED.set(defect);
}

/// True if this defect is planted.
#[cfg(feature = "planted-defects")]
pub(super) fn planted(defect: Defect) -> bool {
    PLANTED.get() == Some(defect)
}

/// False: no defect is planted.
#[cfg(not(feature = "planted-defects"))]
#[inline]
pub(super) const fn planted(_: Defect) -> bool {
    false
}
