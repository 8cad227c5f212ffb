//! What the machine tells whoever watches a pool: facts that are over, none of which asks for anything.

use super::{AffinityKey, Failure, Grant, Priority, QueueKind, Revocation, TabId};

/// Something happened that an operator may want to see or count.
#[derive(Clone, Debug)]
pub enum Occurrence {
    /// A `getPage` was granted.
    Leased {
        /// The tenant.
        affinity: AffinityKey,
        /// What the lease is for.
        queue: QueueKind,
        /// Of the call.
        priority: Priority,
        /// The lease.
        grant: Grant,
    },
    /// A lease has ended.
    Released {
        /// The tenant.
        affinity: AffinityKey,
        /// The tab that it held.
        tab: TabId,
        /// What it was for.
        queue: QueueKind,
        /// How long it lasted, ms.
        lease_ms: u64,
        /// Why it ended under its holder, if it did.
        revocation: Option<Revocation>,
    },
    /// A `getPage` ended without a lease.
    Rejected {
        /// The tenant.
        affinity: AffinityKey,
        /// What the lease would have been for.
        queue: QueueKind,
        /// Why.
        code: RejectionCode,
    },
    /// An attempt at a standby has ended.
    Standby {
        /// Its tab.
        tab: TabId,
        /// Which attempt it was, from 1.
        attempt: u32,
        /// How long it took, ms.
        took_ms: u64,
        /// Why it failed, if it did.
        failure: Option<Failure>,
    },
    /// Idle tabs of an affinity are closed, by the pool's own decision or by `evictIdleAffinities`.
    Evicted {
        /// The tenant.
        affinity: AffinityKey,
        /// How many.
        tabs: usize,
        /// Why.
        reason: EvictionReason,
    },
    /// A tab is taken out of use because it is no good any more.
    Retired {
        /// Its tenant; none of a standby.
        affinity: Option<AffinityKey>,
        /// The tab.
        tab: TabId,
        /// Why.
        reason: RetirementReason,
    },
    /// A tab has moved to another affinity.
    Migrated {
        /// The tab.
        tab: TabId,
        /// Whose it was.
        from: AffinityKey,
        /// Whose it is.
        to: AffinityKey,
    },
    /// There is one page more.
    Expanded {
        /// Pages before; now it is one more.
        from: u32,
        /// Of the request that needed it.
        priority: Priority,
        /// Why.
        why: String,
    },
    /// There is one page less.
    Contracted {
        /// Pages before; now it is one less.
        from: u32,
    },
    /// Chrome runs.
    BrowserStarted(BrowserInfo),
    /// Chrome is gone.
    BrowserGone {
        /// What is known of it; none where its start was not heard of.
        browser: Option<BrowserInfo>,
        /// True if it was stopped on purpose.
        on_purpose: bool,
        /// How many contexts are gone with it.
        contexts: usize,
    },
}

/// A Chrome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrowserInfo {
    /// Its process; none of one that was connected to.
    pub pid: Option<u32>,
    /// Name and version, such as `HeadlessChrome/140.0.0.0`.
    pub version: String,
}

/// The fieldless enums below, each with the name that an operator sees.
macro_rules! named {
    ($(#[$doc:meta])* $kind:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum $kind {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

named! {
    /// Why a tab was taken out of use.
    RetirementReason {
        /// It did not answer its probe.
        Unresponsive = "unresponsive",
        /// Its renderer died, or its page was closed.
        Crashed = "crashed",
        /// Its page is not fit for another lease.
        Unfit = "unfit",
        /// `maxUsesPerTab`
        Uses = "uses",
        /// `maxTabAgeMs`
        Age = "age",
        /// `maxTabMemoryMB`
        Memory = "memory",
        /// The browser's network service died, and its cookies with it.
        NetworkService = "network-service",
        /// Its lease was to end, and its page did not answer.
        LeaseUnresponsive = "lease-unresponsive",
        /// Its lease had a deadline, which has passed.
        LeaseTimeout = "lease-timeout",
        /// Its lease was to end, and had its time.
        LeaseGrace = "lease-grace",
        /// Its lease was garbage-collected without having been released.
        LeaseLost = "lease-lost",
    }
}

named! {
    /// Why idle tabs are closed.
    EvictionReason {
        /// Somebody waits for the slot, or a standby does.
        Room = "room",
        /// The pool contracts.
        Contraction = "contraction",
        /// They have been idle for as long as the caller of `evictIdleAffinities` says.
        Idle = "idle",
    }
}

named! {
    /// What a `getPage` was rejected with: the `code` of its error.
    RejectionCode {
        /// No page could come.
        StandbyUnavailable = "STANDBY_UNAVAILABLE",
        /// The pool was closed.
        PoolClosed = "POOL_CLOSED",
        /// It waited for as long as it may.
        AcquireTimeout = "ACQUIRE_TIMEOUT",
        /// As many as may wait did so already.
        TooManyWaiting = "TOO_MANY_WAITING",
        /// Its caller called it off.
        Cancelled = "PRERENDER_CANCELLED",
        /// A render semaphore of the caller's failed, whose error is passed on as it is: this code is not its own.
        Semaphore = "RENDER_SEMAPHORE_FAILED",
    }
}

impl Revocation {
    /// What it makes of the tab.
    #[must_use]
    pub fn retirement(&self) -> RetirementReason {
        match self {
            Self::Unresponsive { .. } => RetirementReason::LeaseUnresponsive,
            Self::Expired => RetirementReason::LeaseTimeout,
            Self::GraceOver { .. } => RetirementReason::LeaseGrace,
            Self::Lost => RetirementReason::LeaseLost,
        }
    }
}
