//! The world around one pool. It makes operations happen, performs the pool's actions, and keeps its own
//! account of everything, from the actions alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::book::Book;
use super::chrome::Chrome;
use super::notes::Answer;
use super::operation::{Operation, Outcome, Work};
use super::semaphore::Semaphore;
use super::settings::{Expected, SemaphoreKind, Settings};
use super::surroundings::outcome_event;
use super::tally::Tally;
use crate::pool::{
    AffinityKey, ContextId, Event, Now, OperationId, Pool, Priority, QueueKind, RequestId, TabId, Terms,
    TicketId,
};

/// Something that must never happen has happened.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The rule that was broken: a short name.
    pub rule: &'static str,
    /// How.
    pub detail: String,
    /// After how many events.
    pub event: u64,
}

/// A deed of the pool that somebody may react to.
#[derive(Clone, Copy, Debug)]
pub enum Notice {
    /// Work was begun.
    Started {
        /// What.
        kind: Work,
        /// Names it, see [`World::complete`].
        operation: OperationId,
    },
    /// A client has a lease.
    Granted {
        /// Who.
        client: u8,
    },
    /// A client's call was rejected.
    Rejected {
        /// Who.
        client: u8,
    },
    /// The semaphore owes a permit, to be given by [`Operation::SemaphoreGrants`].
    PermitOwed,
}

/// A call that has not ended, or its lease.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a call")]
pub(super) struct Request {
    pub(super) client: u8,
    pub(super) affinity: AffinityKey,
    pub(super) queue: QueueKind,
    pub(super) priority: Priority,
    pub(super) called: u64,
    pub(super) called_at: Now,
    pub(super) clock_was_true: bool,
    pub(super) lease: Option<TabId>,
    /// True if the lease is kept until the partner's call has ended.
    pub(super) depends: bool,
    /// True if the lease is to end: its page was disposed of, or its signal was aborted.
    pub(super) to_end: bool,
    /// True if it may be: its tenant was disposed of, when it need not have had its page.
    pub(super) may_end: bool,
    /// When, ms, its page was first asked whether it answers.
    pub(super) asked_at: Option<u64>,
    /// When, ms, its lease ends at the latest, where it has a deadline.
    pub(super) ends_at: Option<u64>,
    /// How long it may wait, ms, its lease may last, and how many may wait with it.
    pub(super) terms: Terms,
    /// Nobody has its lease any more.
    pub(super) is_lost: bool,
}

impl Request {
    /// True if this one goes before `other` where both wait in one queue.
    pub(super) fn goes_before(&self, other: &Self) -> bool {
        (self.priority, std::cmp::Reverse(self.called)) > (other.priority, std::cmp::Reverse(other.called))
    }
}

/// Work under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) operation: OperationId,
    pub(super) subject: Subject,
    pub(super) since: u64,
}

/// A trim under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trim {
    pub(super) operation: OperationId,
    pub(super) tab: TabId,
    /// When, ms, nobody waits for it any more.
    pub(super) until: u64,
    /// Somebody may have taken the tab meanwhile.
    pub(super) may_be_over: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Subject {
    Standby(ContextId, TabId),
    Page(TabId),
    Tab(TabId),
    Context(ContextId),
    Nothing,
}

/// A call that waits for more than a page.
#[derive(Debug)]
pub(super) enum Ticket {
    Dispose {
        affinity: AffinityKey,
        await_idle: bool,
        retain: bool,
        tabs: Vec<TabId>,
        contexts: Vec<ContextId>,
        /// How often the callback had been called before, where it must be called once more.
        callbacks: Option<u64>,
    },
    Evict {
        /// Affinities that have been idle for too long.
        due: Vec<AffinityKey>,
        /// Affinities that have not.
        spared: Vec<AffinityKey>,
    },
    Warm,
    Close,
}

/// One pool and all that surrounds it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a life")]
pub struct World {
    pub(super) pool: Pool,
    pub(super) settings: Settings,
    pub(super) expected: Expected,
    pub(super) now: Now,
    pub(super) clock_stopped: bool,
    /// Steps so far: an order for everything.
    pub(super) step: u64,
    pub(super) chrome: Chrome,
    pub(super) semaphore: Option<Semaphore>,
    pub(super) clients: Vec<Option<RequestId>>,
    pub(super) last_request_of: Vec<Option<RequestId>>,
    pub(super) requests: BTreeMap<RequestId, Request>,
    pub(super) next_request: u64,
    pub(super) tickets: BTreeMap<TicketId, Ticket>,
    pub(super) next_ticket: u64,
    pub(super) pending: [Vec<Pending>; 10],
    pub(super) finished: VecDeque<(Work, OperationId)>,
    pub(super) owed: VecDeque<RequestId>,
    /// Requests that did not get their permit at once.
    pub(super) semaphore_waits: BTreeSet<RequestId>,
    pub(super) instant: u8,
    /// Who has waited and is granted with the next microtasks.
    pub(super) microtasks: VecDeque<(OperationId, RequestId)>,
    /// The next call is followed by another on the same line.
    pub(super) same_line: bool,
    /// A call of JavaScript is being performed, and no microtask.
    pub(super) on_a_line: bool,
    pub(super) in_callback: Option<Operation>,
    pub(super) depth: u32,
    pub(super) pages_now: u32,
    /// Warnings so far.
    pub(super) warnings: u64,
    /// The step that is under way: callbacks within it have later ones.
    pub(super) began: u64,
    pub(super) book: Book,
    /// Attempts at a standby that failed.
    pub(super) failed_standbys: u32,
    /// Actions performed in this step.
    pub(super) performed: u32,
    /// So many closes hang that no slot may be left.
    pub(super) requests_may_wait: bool,
    /// The probe that ends in this very event.
    pub(super) answering: Option<Answer>,
    /// Tabs that have not answered a question under their leases, in this very event and those around it.
    pub(super) silent: Vec<TabId>,
    /// Questions under leases that have ended meanwhile: what comes of them says nothing of later leases.
    pub(super) unasked: BTreeSet<OperationId>,
    /// The trim that was begun last.
    pub(super) trim: Option<Trim>,
    /// Since when, ms, nothing is being made in a pool that closes.
    pub(super) closing_since: u64,
    pub(super) tally: Tally,
    pub(super) violation: Option<Violation>,
    pub(super) notices: Vec<Notice>,
    /// Lines about everything, where somebody wants to read them.
    pub(super) trace: Option<Vec<String>>,
    /// When, ms, and in which step `closeAll` was called, while it is under way.
    pub(super) closing: Option<(u64, u64)>,
    /// The last step in which something was called for.
    pub(super) last_call: u64,
    /// Affinities with a disposal ever that kept the primary.
    pub(super) retained: BTreeSet<AffinityKey>,
    /// When, in steps, a `file` lease of the affinity was given back.
    pub(super) file_released: BTreeMap<AffinityKey, u64>,
}

/// `Date.now()` at the start of every simulation.
const EPOCH_MS: f64 = 1_700_000_000_000.0;

/// Runs recorded operations in a fresh world and then lets everything end.
///
/// # Errors
///
/// The rule that was violated.
pub fn replay(settings: &Settings, operations: &[Operation]) -> Result<Tally, Violation> {
    let mut world = World::new(settings);
    guarded(|| {
        for operation in operations {
            world.apply(*operation)?;
            world.notices.clear();
        }
        world.finish()
    })?;
    Ok(world.tally)
}

/// A panic of the machine is a violation like another.
pub(super) fn guarded(run: impl FnOnce() -> Result<(), Violation>) -> Result<(), Violation> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Violation {
            rule: "panic",
            detail: text.unwrap_or_default(),
            event: 0,
        })
    })
}

impl World {
    /// A new pool, with nothing in it.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let expected = Expected::of(settings);
        let capacity = match settings.semaphore {
            SemaphoreKind::None => None,
            SemaphoreKind::Foreign(capacity) => Some(capacity),
            // As the pool's constructor sets it.
            SemaphoreKind::Late | SemaphoreKind::Prompt => Some(expected.initial),
        };
        let now = Now {
            monotonic_ms: 0,
            wall_ms: EPOCH_MS,
        };
        let mut world = Self {
            pool: settings.build(now),
            settings: settings.clone(),
            expected,
            now,
            clock_stopped: false,
            step: 0,
            chrome: Chrome::default(),
            semaphore: capacity.map(Semaphore::new),
            clients: vec![None; 256],
            last_request_of: vec![None; 256],
            requests: BTreeMap::new(),
            next_request: 0,
            tickets: BTreeMap::new(),
            next_ticket: 0,
            pending: Default::default(),
            finished: VecDeque::new(),
            owed: VecDeque::new(),
            semaphore_waits: BTreeSet::new(),
            instant: 0,
            microtasks: VecDeque::new(),
            same_line: false,
            on_a_line: false,
            in_callback: None,
            depth: 0,
            pages_now: expected.initial,
            warnings: 0,
            began: 0,
            book: Book::default(),
            failed_standbys: 0,
            performed: 0,
            requests_may_wait: false,
            answering: None,
            silent: Vec::new(),
            unasked: BTreeSet::new(),
            trim: None,
            closing_since: 0,
            tally: Tally::default(),
            violation: None,
            notices: Vec::new(),
            trace: None,
            closing: None,
            last_call: 0,
            retained: BTreeSet::new(),
            file_released: BTreeMap::new(),
        };
        world.check_configuration();
        world.drain();
        world
    }

    /// Keeps a line about every step from here on.
    pub fn record_trace(&mut self) {
        self.trace = Some(Vec::new());
    }

    /// The lines kept so far.
    #[must_use]
    pub fn trace(&self) -> &[String] {
        self.trace.as_deref().unwrap_or_default()
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The counts so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Virtual time, ms.
    #[must_use]
    pub fn elapsed_ms(&self) -> u64 {
        self.now.monotonic_ms
    }

    /// The deeds of the pool since this was last called.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// True if the client's call waits or its lease is held.
    #[must_use]
    pub fn is_busy(&self, client: u8) -> bool {
        self.clients[usize::from(client)].is_some()
    }

    /// True if the client holds a lease.
    #[must_use]
    pub fn has_lease(&self, client: u8) -> bool {
        self.clients[usize::from(client)].is_some_and(|request| self.requests[&request].lease.is_some())
    }

    /// True if any call waits, for a page or for anything else.
    #[must_use]
    pub fn is_anyone_waiting(&self) -> bool {
        !self.tickets.is_empty() || self.requests.values().any(|request| request.lease.is_none())
    }

    /// The step that ends this work, while it is under way.
    #[must_use]
    pub fn complete(&self, kind: Work, operation: OperationId, outcome: Outcome) -> Option<Operation> {
        let position = self.pending[kind.index()]
            .iter()
            .position(|pending| pending.operation == operation)?;
        Some(Operation::Complete {
            kind,
            position: u8::try_from(position).ok()?,
            outcome,
        })
    }

    /// The next moment at which the pool wants to be woken, ms.
    #[must_use]
    pub fn next_timeout(&self) -> Option<u64> {
        self.pool.poll_timeout()
    }

    /// Makes one operation happen, with everything that follows from it at once.
    ///
    /// # Errors
    ///
    /// The rule that the step violated. The world is of no use afterwards.
    pub fn apply(&mut self, operation: Operation) -> Result<(), Violation> {
        if !operation.is_call() && operation != Operation::SameLine {
            self.run_microtasks();
        }
        self.note(|| format!("{operation:?}"));
        self.step += 1;
        self.began = self.step;
        self.performed = 0;
        let waiting = self.requests.values().filter(|request| request.lease.is_none());
        let highest = waiting.map(|request| request.priority.get()).reduce(f64::max);
        self.book.turn_page(highest);
        self.on_a_line = operation.is_call();
        self.act(operation);
        self.on_a_line = false;
        if operation != Operation::SameLine {
            if std::mem::take(&mut self.same_line) && operation.is_call() {
                self.note_withheld();
            } else {
                self.run_microtasks();
            }
        }
        if self.depth == 0 {
            self.check_at_rest();
        }
        match self.violation.take() {
            Some(violation) => Err(violation),
            None => Ok(()),
        }
    }

    fn act(&mut self, operation: Operation) {
        match operation {
            Operation::Advance { ms } => self.advance(u64::from(ms)),
            Operation::GetPage {
                client,
                affinity,
                call,
            } => self.get_page(client, affinity, call),
            Operation::Abort { client } => self.abort(client),
            Operation::Release { client } => self.release(client),
            Operation::ReleaseAgain { client } => {
                if let Some(request) = self.last_request_of[usize::from(client)]
                    && !self.requests.contains_key(&request)
                {
                    self.handle(Event::Release { request });
                }
            }
            Operation::Complete {
                kind,
                position,
                outcome,
            } => {
                let position = usize::from(position);
                if position < self.pending[kind.index()].len() {
                    let pending = self.pending[kind.index()].remove(position);
                    self.end_work(kind, pending, outcome);
                }
            }
            Operation::Repeat { position, outcome } => {
                if let Some((kind, operation)) = self.finished.get(usize::from(position)) {
                    let event = outcome_event(*kind, *operation, outcome);
                    self.handle(event);
                }
            }
            Operation::Dispose { affinity, options } => self.dispose(affinity, options),
            Operation::EvictIdle { max_idle_ms } => {
                self.evict_idle(f64::from(max_idle_ms));
            }
            Operation::Warm => {
                self.last_call = self.step;
                let ticket = self.ticket(Ticket::Warm);
                self.handle(Event::WarmStandbys { ticket });
            }
            Operation::CloseAll => self.close_all(),
            Operation::Crash { position } => self.crash(position),
            Operation::Disconnect => self.disconnect(),
            Operation::SemaphoreGrants => {
                if let Some(request) = self.owed.pop_front() {
                    self.permit_arrives(request);
                }
            }
            Operation::SemaphoreFails { client } => self.semaphore_fails(client),
            Operation::OutsiderTakes => {
                if let Some(semaphore) = &mut self.semaphore {
                    semaphore.outsider_takes();
                }
            }
            Operation::OutsiderReleases => {
                if let Some(semaphore) = &mut self.semaphore {
                    semaphore.outsider_releases();
                }
                self.move_permits();
            }
            Operation::ClockJumps { ms } => {
                self.now.wall_ms += f64::from(ms);
                self.book.distrust_clock();
                self.distrust_clock();
            }
            Operation::ClockStops { stopped } => {
                self.clock_stopped = stopped;
                self.distrust_clock();
            }
            Operation::Instant { kinds } => self.instant = kinds,
            Operation::CallbackGetsPage { .. } | Operation::CallbackDisposes { .. } => {
                self.in_callback = Some(operation);
            }
            Operation::TryExpand { call } => self.try_expand(call),
            Operation::Depends { client } => self.depends(client),
            Operation::AbortLease { client } => self.abort_lease(client),
            Operation::SameLine => self.same_line = true,
            Operation::Spoil { position } => self.spoil(position),
            Operation::NetworkLost => {
                self.note_network_loss();
                self.handle(Event::NetworkServiceLost);
            }
            Operation::GiveUp => {
                self.handle(Event::BrowserGivenUp {
                    why: "it is of no use",
                });
                self.disconnect();
            }
            Operation::LoseLease { client } => self.lose_lease(client),
            Operation::Extend { client, ms } => self.extend_lease(client, u64::from(ms)),
        }
    }

    fn close_all(&mut self) {
        self.tally.closes += 1;
        self.closing.get_or_insert((self.now.monotonic_ms, self.step));
        let ticket = self.ticket(Ticket::Close);
        self.note_close_all();
        self.note_leases_to_end(|_, _| true);
        self.handle(Event::CloseAll { ticket });
        self.check_all_rejected();
    }

    pub(super) fn run_microtasks(&mut self) {
        while let Some((operation, _)) = self.microtasks.pop_front() {
            self.handle(Event::Settled { operation });
        }
    }

    pub(super) fn is_settling(&self, request: RequestId) -> bool {
        self.microtasks.iter().any(|(_, settling)| *settling == request)
    }

    pub(super) fn fail(&mut self, rule: &'static str, detail: impl FnOnce() -> String) {
        if self.violation.is_none() {
            let detail = detail();
            self.note(|| format!("  ! {rule}: {detail}"));
            self.violation = Some(Violation {
                rule,
                detail,
                event: self.tally.events,
            });
        }
    }

    /// True if tabs may move between affinities.
    pub(super) fn may_migrate(&self) -> bool {
        self.settings.disable_standby_refill || self.settings.allow_tab_migration
    }

    pub(super) fn has_failed(&self) -> bool {
        self.violation.is_some()
    }

    pub(super) fn take_violation(&mut self) -> Option<Violation> {
        self.violation.take()
    }

    pub(super) fn is_owed(&self, request: RequestId) -> bool {
        self.owed.contains(&request)
    }

    pub(super) fn owes_permits(&self) -> bool {
        !self.owed.is_empty()
    }

    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>8} {}", self.now.monotonic_ms, line()));
        }
    }
}
