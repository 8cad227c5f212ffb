//! Operations on the pool, one step at a time: recorded, replayed, shrunk, fuzzed.

use crate::pool::{QueueKind, Terms};

/// One step. Names are stable or relative, so that a list of steps still means something after some were
/// taken out; a step about something that is not there changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Time passes; timeouts fire when they are due.
    Advance {
        /// For how long, ms.
        ms: u16,
    },
    /// An idle client calls `getPage`.
    GetPage {
        /// Who.
        client: u8,
        /// The tenant.
        affinity: u8,
        /// Kind and priority.
        call: Call,
    },
    /// A client's signal is aborted while its call waits.
    Abort {
        /// Who.
        client: u8,
    },
    /// A client releases its lease.
    Release {
        /// Who.
        client: u8,
    },
    /// A client releases a lease that it has released before.
    ReleaseAgain {
        /// Who.
        client: u8,
    },
    /// Something under way in the browser ends.
    Complete {
        /// What.
        kind: Work,
        /// Which, the oldest first.
        position: u8,
        /// How.
        outcome: Outcome,
    },
    /// The driver reports once more what it has reported already.
    Repeat {
        /// Which, the latest first.
        position: u8,
        /// How it says it ended this time.
        outcome: Outcome,
    },
    /// `disposeAffinity`.
    Dispose {
        /// The tenant.
        affinity: u8,
        /// Bit 0: `awaitIdle`; 1: `retainConsoleErrors`; 2: `retainSharedContext`.
        options: u8,
    },
    /// `evictIdleAffinities`.
    EvictIdle {
        /// Its argument, ms.
        max_idle_ms: u16,
    },
    /// `warmStandbys`.
    Warm,
    /// `closeAll`.
    CloseAll,
    /// A renderer dies.
    Crash {
        /// Whose page, the oldest first.
        position: u8,
    },
    /// Chrome dies.
    Disconnect,
    /// The render semaphore gives the permit that it owes longest.
    SemaphoreGrants,
    /// The render semaphore rejects a waiting client.
    SemaphoreFails {
        /// Who.
        client: u8,
    },
    /// Somebody else takes a permit of the render semaphore.
    OutsiderTakes,
    /// Somebody else gives a permit back.
    OutsiderReleases,
    /// `Date.now()` jumps.
    ClockJumps {
        /// By how much, ms.
        ms: i16,
    },
    /// `Date.now()` stands still, or runs again.
    ClockStops {
        /// Which of the two.
        stopped: bool,
    },
    /// From now on these kinds of work succeed before their action returns.
    Instant {
        /// Bits in the order of [`Work`], of which the last two kinds are never among them.
        kinds: u8,
    },
    /// The next callback into JavaScript calls `getPage`.
    CallbackGetsPage {
        /// Who.
        client: u8,
        /// The tenant.
        affinity: u8,
    },
    /// The next callback into JavaScript disposes of an affinity.
    CallbackDisposes {
        /// The tenant.
        affinity: u8,
    },
    /// `__test_tryExpand`.
    TryExpand {
        /// With the priority of a call.
        call: Call,
    },
    /// The client keeps its lease until its partner's call has ended: a file render that waits for a module.
    Depends {
        /// Who.
        client: u8,
    },
    /// A client's signal is aborted while it holds a lease that is to end with it.
    AbortLease {
        /// Who.
        client: u8,
    },
    /// A page does what makes it unfit for others.
    Spoil {
        /// Which, the oldest first.
        position: u8,
    },
    /// Chrome's network service dies, and the cookies of all contexts with it.
    NetworkLost,
    /// Chrome is of no use, and is ended.
    GiveUp,
    /// A client forgets its lease, which is garbage-collected.
    LoseLease {
        /// Who.
        client: u8,
    },
    /// A client extends its lease.
    Extend {
        /// Who.
        client: u8,
        /// By how much, ms.
        ms: u16,
    },
    /// The next two steps, where they are calls, are on one line of the caller's: no microtask runs between them.
    SameLine,
}

/// The partner of a client is this many further.
pub const PARTNERS: u8 = 128;

/// Kind, priority and terms of a call in one byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call(pub u8);

impl Call {
    /// A call of this kind, with one of the eight [priorities](Self::PRIORITIES).
    #[must_use]
    pub fn new(queue: QueueKind, priority: u8) -> Self {
        let kind = match queue {
            QueueKind::File => 0,
            QueueKind::Module => 1,
            QueueKind::Command => 2,
        };
        Self(kind << 3 | priority & 7)
    }

    /// The same call with terms of its own: of the lowest three bits each sets a limit.
    #[must_use]
    pub fn on_terms(self, bits: u8) -> Self {
        Self(self.0 & 0x1f | bits << 5)
    }

    /// The limits that the call sets itself.
    #[must_use]
    pub fn terms(self) -> Terms {
        Terms {
            lease_timeout_ms: (self.0 & 0x20 != 0).then_some(700),
            acquire_timeout_ms: (self.0 & 0x40 != 0).then_some(400),
            max_waiting: (self.0 & 0x80 != 0).then_some(2),
        }
    }

    /// Priorities that calls have.
    pub const PRIORITIES: [f64; 8] = [0.0, 1.0, 5.0, 10.0, -1.0, 0.5, 100.0, -7.25];

    /// The purpose of the lease.
    #[must_use]
    pub fn queue(self) -> QueueKind {
        match self.0 >> 3 & 3 {
            1 => QueueKind::Module,
            2 => QueueKind::Command,
            _ => QueueKind::File,
        }
    }

    /// Its place among waiters.
    #[must_use]
    pub fn priority(self) -> f64 {
        Self::PRIORITIES[usize::from(self.0 & 7)]
    }
}

/// Kinds of work that take time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Work {
    /// A standby is made.
    Standby,
    /// A page is opened in an orphan.
    Page,
    /// A tab is probed.
    Probe,
    /// A page is closed.
    ClosePage,
    /// A context is closed.
    CloseContext,
    /// The manager is told.
    Notify,
    /// User-data directories are removed.
    CleanUp,
    /// A leased page is asked whether it answers.
    Ask,
    /// The memory of a tab's renderer is looked at.
    Measure,
    /// A tab that nobody has is trimmed.
    Trim,
}

impl Work {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Standby,
        Self::Page,
        Self::Probe,
        Self::ClosePage,
        Self::CloseContext,
        Self::Notify,
        Self::CleanUp,
        Self::Ask,
        Self::Measure,
        Self::Trim,
    ];

    /// Its place in [`Self::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

/// How work ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Well.
    Done,
    /// The host app is not there yet.
    NotReady,
    /// Its budget ran out.
    TimedOut,
    /// The browser is gone.
    BrowserGone,
    /// For another reason.
    Failed,
}

impl Outcome {
    const ALL: [Self; 5] = [
        Self::Done,
        Self::NotReady,
        Self::TimedOut,
        Self::BrowserGone,
        Self::Failed,
    ];
}

impl Operation {
    /// Bytes of one operation.
    pub const SIZE: usize = 4;

    /// The operation in four bytes.
    #[must_use]
    pub fn encode(self) -> [u8; Self::SIZE] {
        let wide = |code, [low, high]: [u8; 2]| [code, low, high, 0];
        match self {
            Self::Advance { ms } => wide(0, ms.to_le_bytes()),
            Self::GetPage {
                client,
                affinity,
                call,
            } => [1, client, affinity, call.0],
            Self::Abort { client } => [2, client, 0, 0],
            Self::Release { client } => [3, client, 0, 0],
            Self::ReleaseAgain { client } => [4, client, 0, 0],
            Self::Complete {
                kind,
                position,
                outcome,
            } => [5, kind as u8, position, outcome as u8],
            Self::Repeat { position, outcome } => [6, position, outcome as u8, 0],
            Self::Dispose { affinity, options } => [7, affinity, options, 0],
            Self::EvictIdle { max_idle_ms } => wide(8, max_idle_ms.to_le_bytes()),
            Self::Warm => [9, 0, 0, 0],
            Self::CloseAll => [10, 0, 0, 0],
            Self::Crash { position } => [11, position, 0, 0],
            Self::Disconnect => [12, 0, 0, 0],
            Self::SemaphoreGrants => [13, 0, 0, 0],
            Self::SemaphoreFails { client } => [14, client, 0, 0],
            Self::OutsiderTakes => [15, 0, 0, 0],
            Self::OutsiderReleases => [16, 0, 0, 0],
            Self::ClockJumps { ms } => wide(17, ms.to_le_bytes()),
            Self::ClockStops { stopped } => [18, u8::from(stopped), 0, 0],
            Self::Instant { kinds } => [19, kinds, 0, 0],
            Self::CallbackGetsPage { client, affinity } => [20, client, affinity, 0],
            Self::CallbackDisposes { affinity } => [21, affinity, 0, 0],
            Self::TryExpand { call } => [22, call.0, 0, 0],
            Self::Depends { client } => [23, client, 0, 0],
            Self::AbortLease { client } => [24, client, 0, 0],
            Self::SameLine => [25, 0, 0, 0],
            Self::Spoil { position } => [26, position, 0, 0],
            Self::NetworkLost => [27, 0, 0, 0],
            Self::GiveUp => [28, 0, 0, 0],
            Self::LoseLease { client } => [29, client, 0, 0],
            Self::Extend { client, ms } => {
                let [low, high] = ms.to_le_bytes();
                [30, client, low, high]
            }
        }
    }

    /// Any four bytes are an operation.
    #[must_use]
    pub fn decode([code, a, b, c]: [u8; Self::SIZE]) -> Self {
        let outcome = |byte: u8| Outcome::ALL[usize::from(byte) % Outcome::ALL.len()];
        match code % 31 {
            0 => Self::Advance {
                ms: u16::from_le_bytes([a, b]),
            },
            1 => Self::GetPage {
                client: a,
                affinity: b,
                call: Call(c),
            },
            2 => Self::Abort { client: a },
            3 => Self::Release { client: a },
            4 => Self::ReleaseAgain { client: a },
            5 => Self::Complete {
                kind: Work::ALL[usize::from(a) % Work::ALL.len()],
                position: b,
                outcome: outcome(c),
            },
            6 => Self::Repeat {
                position: a,
                outcome: outcome(b),
            },
            7 => Self::Dispose {
                affinity: a,
                options: b,
            },
            8 => Self::EvictIdle {
                max_idle_ms: u16::from_le_bytes([a, b]),
            },
            9 => Self::Warm,
            10 => Self::CloseAll,
            11 => Self::Crash { position: a },
            12 => Self::Disconnect,
            13 => Self::SemaphoreGrants,
            14 => Self::SemaphoreFails { client: a },
            15 => Self::OutsiderTakes,
            16 => Self::OutsiderReleases,
            17 => Self::ClockJumps {
                ms: i16::from_le_bytes([a, b]),
            },
            18 => Self::ClockStops { stopped: a & 1 == 1 },
            19 => Self::Instant { kinds: a },
            20 => Self::CallbackGetsPage {
                client: a,
                affinity: b,
            },
            21 => Self::CallbackDisposes { affinity: a },
            22 => Self::TryExpand { call: Call(a) },
            23 => Self::Depends { client: a },
            24 => Self::AbortLease { client: a },
            25 => Self::SameLine,
            26 => Self::Spoil { position: a },
            27 => Self::NetworkLost,
            28 => Self::GiveUp,
            29 => Self::LoseLease { client: a },
            _ => Self::Extend {
                client: a,
                ms: u16::from_le_bytes([b, c]),
            },
        }
    }

    /// True if JavaScript calls the pool or its semaphore: microtasks run after it, and may not run before the next.
    #[must_use]
    pub fn is_call(self) -> bool {
        matches!(
            self,
            Self::GetPage { .. }
                | Self::Abort { .. }
                | Self::Release { .. }
                | Self::ReleaseAgain { .. }
                | Self::Dispose { .. }
                | Self::EvictIdle { .. }
                | Self::Warm
                | Self::CloseAll
                | Self::OutsiderTakes
                | Self::OutsiderReleases
                | Self::TryExpand { .. }
        )
    }

    /// All operations of `bytes`; an incomplete one at the end is dropped.
    pub fn decode_all(bytes: &[u8]) -> impl Iterator<Item = Self> {
        bytes.as_chunks().0.iter().map(|chunk| Self::decode(*chunk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_any_bytes_decode_to_survives_encoding() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..10_000 {
            let operation = Operation::decode(random.u32(..).to_le_bytes());
            assert_eq!(
                Operation::decode(operation.encode()),
                operation,
                "a recorded run would replay as another"
            );
        }
    }
}
