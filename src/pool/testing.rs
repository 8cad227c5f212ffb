//! A world for tests of the machine: a clock, a semaphore, and a browser that answers at once, later or badly.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::*;

/// A disposal that nobody waits for.
pub(super) const BACKGROUND: DisposeOptions = DisposeOptions {
    await_idle: false,
    retain_console_errors: false,
    retain_shared_context: false,
};

/// One that leaves the primary as an orphan.
pub(super) const RETAIN: DisposeOptions = DisposeOptions {
    await_idle: true,
    retain_console_errors: false,
    retain_shared_context: true,
};

/// The actions whose answers can be held back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Kind {
    Standby,
    Open,
    Probe,
    Ask,
    Measure,
    Trim,
    ClosePage,
    CloseContext,
    Manager,
    /// The microtask in which a waiter's promise settles.
    Settle,
}

/// An action that has not been answered.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Pending {
    pub(super) kind: Kind,
    pub(super) operation: OperationId,
    pub(super) tab: Option<TabId>,
    pub(super) context: Option<ContextId>,
}

#[derive(Debug, Default)]
pub(super) struct Semaphore {
    pub(super) capacity: usize,
    pub(super) holders: BTreeSet<RequestId>,
    pub(super) waiters: BTreeMap<(std::cmp::Reverse<Priority>, u64), RequestId>,
}

pub(super) struct World {
    pub(super) pool: Pool,
    pub(super) monotonic: u64,
    pub(super) wall: f64,
    next: u64,
    /// Actions that are not answered at once.
    pub(super) held: BTreeSet<Kind>,
    pub(super) pending: VecDeque<Pending>,
    pub(super) semaphore: Option<Semaphore>,
    pub(super) grants: BTreeMap<RequestId, Grant>,
    pub(super) rejections: BTreeMap<RequestId, PoolError>,
    pub(super) revoked: BTreeMap<RequestId, Revocation>,
    pub(super) done: Vec<TicketId>,
    pub(super) evicted: BTreeMap<TicketId, Vec<String>>,
    pub(super) disposed: Vec<String>,
    pub(super) notified: Vec<String>,
    pub(super) cleanings: usize,
    pub(super) forgotten: Vec<(TabId, bool)>,
    pub(super) log: Vec<(LogLevel, String)>,
    pub(super) told: Vec<Occurrence>,
    /// Everything that was to be done, in order, as short words.
    pub(super) trace: Vec<String>,
    /// Standbys begun.
    pub(super) attempts: usize,
    /// Tabs that were to be trimmed, in order.
    pub(super) trims: Vec<TabId>,
}

impl World {
    pub(super) fn new(pages: u32) -> Self {
        Self::with(&PoolOptions::new(pages), &[])
    }

    /// A pool between `min` and `max` pages with a semaphore that can grow.
    pub(super) fn dynamic(min: u32, max: u32, env: &[(&str, &str)]) -> Self {
        let (min, max) = (min.to_string(), max.to_string());
        let mut all = vec![
            ("PRERENDER_PAGE_POOL_MIN", &*min),
            ("PRERENDER_PAGE_POOL_MAX", &*max),
        ];
        all.extend_from_slice(env);
        let options = PoolOptions {
            has_semaphore: true,
            semaphore_can_grow: true,
            ..PoolOptions::new(1)
        };
        Self::with(&options, &all)
    }

    pub(super) fn with(options: &PoolOptions, env: &[(&str, &str)]) -> Self {
        let find = |name: &str| env.iter().find(|at| at.0 == name).map(|at| at.1.to_owned());
        let (config, _) = Config::resolve(options, &find);
        let semaphore = config.has_semaphore.then(|| Semaphore {
            capacity: config.initial_pages as usize,
            ..Semaphore::default()
        });
        Self {
            pool: Pool::new(
                config,
                Now {
                    monotonic_ms: 0,
                    wall_ms: 1_000_000.0,
                },
            ),
            monotonic: 0,
            wall: 1_000_000.0,
            next: 0,
            held: BTreeSet::new(),
            pending: VecDeque::new(),
            semaphore,
            grants: BTreeMap::new(),
            rejections: BTreeMap::new(),
            revoked: BTreeMap::new(),
            done: Vec::new(),
            evicted: BTreeMap::new(),
            disposed: Vec::new(),
            notified: Vec::new(),
            cleanings: 0,
            forgotten: Vec::new(),
            log: Vec::new(),
            told: Vec::new(),
            trace: Vec::new(),
            attempts: 0,
            trims: Vec::new(),
        }
    }

    pub(super) fn inputs(&self) -> Inputs {
        let semaphore = self.semaphore.as_ref();
        Inputs {
            now: Now {
                monotonic_ms: self.monotonic,
                wall_ms: self.wall,
            },
            semaphore_full: semaphore.is_some_and(|semaphore| semaphore.holders.len() >= semaphore.capacity),
            semaphore_busy: semaphore.is_some_and(|semaphore| !semaphore.holders.is_empty()),
        }
    }

    pub(super) fn handle(&mut self, event: Event) {
        let inputs = self.inputs();
        self.pool.handle(event, &inputs);
        self.run();
    }

    /// Lets time pass, with every deadline on the way.
    pub(super) fn advance(&mut self, ms: u64) {
        let until = self.monotonic + ms;
        while let Some(due) = self.pool.poll_timeout().filter(|&due| due <= until) {
            let passed = due.saturating_sub(self.monotonic);
            self.monotonic += passed;
            #[expect(clippy::cast_precision_loss, reason = "tests are short")]
            {
                self.wall += passed as f64;
            }
            let inputs = self.inputs();
            self.pool.handle_timeout(&inputs);
            self.run();
        }
        #[expect(clippy::cast_precision_loss, reason = "tests are short")]
        {
            self.wall += (until - self.monotonic) as f64;
        }
        self.monotonic = until;
    }

    pub(super) fn hold(&mut self, kinds: &[Kind]) {
        self.held.extend(kinds);
    }

    /// Answers everything of these kinds, now and from now on.
    pub(super) fn unhold(&mut self, kinds: &[Kind]) {
        for kind in kinds {
            self.held.remove(kind);
        }
        while let Some(index) = self
            .pending
            .iter()
            .position(|pending| kinds.contains(&pending.kind))
        {
            self.finish_at(index);
        }
    }

    pub(super) fn count(&self, kind: Kind) -> usize {
        self.pending.iter().filter(|pending| pending.kind == kind).count()
    }

    /// The oldest unanswered action of the kind succeeds.
    pub(super) fn finish(&mut self, kind: Kind) {
        let index = self.position(kind);
        self.finish_at(index);
    }

    pub(super) fn fail(&mut self, kind: Kind, failure: Failure) {
        let index = self.position(kind);
        self.fail_at(index, failure);
    }

    fn position(&self, kind: Kind) -> usize {
        self.pending
            .iter()
            .position(|pending| pending.kind == kind)
            .unwrap_or_else(|| panic!("nothing of kind {kind:?} is under way: {:?}", self.trace))
    }

    pub(super) fn finish_at(&mut self, index: usize) {
        let Some(Pending { kind, operation, .. }) = self.pending.remove(index) else {
            return;
        };
        self.handle(success(kind, operation));
    }

    pub(super) fn fail_at(&mut self, index: usize, failure: Failure) {
        let Some(Pending { kind, operation, .. }) = self.pending.remove(index) else {
            return;
        };
        self.handle(match kind {
            Kind::Standby => Event::StandbyFailed { operation, failure },
            Kind::Open => Event::PageOpenFailed { operation, failure },
            Kind::Probe | Kind::Ask => Event::ProbeFailed { operation, failure },
            Kind::ClosePage => Event::PageClosed {
                operation,
                failure: Some(failure),
            },
            Kind::CloseContext => Event::ContextClosed {
                operation,
                failure: Some(failure),
            },
            Kind::Measure => Event::MemoryMeasured {
                operation,
                memory_mb: None,
            },
            Kind::Trim => Event::Trimmed {
                operation,
                answered: false,
            },
            Kind::Manager => Event::ManagerNotified { operation },
            Kind::Settle => Event::Settled { operation },
        });
    }

    /// The oldest look at a renderer's memory that is under way finds so much.
    pub(super) fn measured(&mut self, memory_mb: Option<u64>) {
        let index = self.position(Kind::Measure);
        self.measured_at(index, memory_mb);
    }

    pub(super) fn measured_at(&mut self, index: usize, memory_mb: Option<u64>) {
        if let Some(Pending { operation, .. }) = self.pending.remove(index) {
            self.handle(Event::MemoryMeasured { operation, memory_mb });
        }
    }

    fn run(&mut self) {
        while let Some(action) = self.pool.poll_action() {
            self.perform(action);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Browser(action) => self.browse(&action),
            Action::BindTab { tab, affinity } => self.trace.push(format!("bind {} {affinity}", tab.0)),
            Action::ForgetTab {
                tab,
                retain_console_errors,
            } => self.forgotten.push((tab, retain_console_errors)),
            Action::AcquireSemaphore { request, priority } => {
                let next = self.fresh();
                let semaphore = self.semaphore.as_mut().expect("no semaphore was given");
                if semaphore.waiters.is_empty() && semaphore.holders.len() < semaphore.capacity {
                    semaphore.holders.insert(request);
                    self.handle(Event::SemaphoreAcquired {
                        request,
                        waited: false,
                    });
                } else {
                    semaphore
                        .waiters
                        .insert((std::cmp::Reverse(priority), next), request);
                }
            }
            Action::AbandonSemaphore { request } => {
                let semaphore = self.semaphore.as_mut().expect("no semaphore was given");
                semaphore.waiters.retain(|_, waiter| *waiter != request);
                semaphore.holders.remove(&request);
                self.wake_semaphore();
            }
            Action::ReleaseSemaphore { request } => {
                let semaphore = self.semaphore.as_mut().expect("no semaphore was given");
                assert!(
                    semaphore.holders.remove(&request),
                    "{request:?} released a permit that it did not hold"
                );
                self.wake_semaphore();
            }
            Action::SetSemaphoreCapacity { capacity } => {
                self.semaphore.as_mut().expect("no semaphore was given").capacity = capacity as usize;
                self.trace.push(format!("capacity {capacity}"));
                self.wake_semaphore();
            }
            Action::Settle { operation, .. } => self.begin(Pending {
                kind: Kind::Settle,
                operation,
                tab: None,
                context: None,
            }),
            Action::Grant { request, grant } => {
                assert!(
                    self.grants.insert(request, grant).is_none(),
                    "{request:?} was granted twice"
                );
                self.trace.push(format!("grant {}", request.0));
            }
            Action::LeaseRevoked { request, reason, .. } => {
                self.trace.push(format!("revoke {}", request.0));
                let news = self.revoked.insert(request, reason).is_none();
                assert!(news, "{request:?} was revoked twice");
            }
            Action::Reject { request, error } => {
                self.trace.push(format!("reject {}", request.0));
                self.rejections.insert(request, error);
            }
            Action::DisposalEnded { ticket } => self.ticket("disposed", ticket),
            Action::Evicted { ticket, affinities } => {
                let keys = affinities.iter().map(ToString::to_string).collect();
                self.evicted.insert(ticket, keys);
                self.ticket("evicted", ticket);
            }
            Action::StandbysWarm { ticket, .. } => self.ticket("warm", ticket),
            Action::PoolClosed { ticket } => self.ticket("closed", ticket),
            Action::AffinityDisposed { affinity } => {
                self.trace.push(format!("callback {affinity}"));
                self.disposed.push(affinity.to_string());
            }
            Action::NotifyManager { operation, affinity } => {
                self.trace.push(format!("notify {affinity}"));
                self.notified.push(affinity.to_string());
                self.begin(Pending {
                    kind: Kind::Manager,
                    operation,
                    tab: None,
                    context: None,
                });
            }
            Action::CleanUserDataDirs { operation } => {
                self.cleanings += 1;
                self.handle(Event::UserDataDirsCleaned {
                    operation,
                    failure: None,
                });
            }
            Action::Tell(occurrence) => self.told.push(occurrence),
            Action::Log { level, message, .. } => self.log.push((level, message)),
        }
    }

    fn browse(&mut self, action: &BrowserAction) {
        let pending = match *action {
            BrowserAction::CreateStandby {
                operation,
                context,
                tab,
            } => {
                self.attempts += 1;
                Pending {
                    kind: Kind::Standby,
                    operation,
                    tab: Some(tab),
                    context: Some(context),
                }
            }
            BrowserAction::OpenPage {
                operation,
                context,
                tab,
            } => Pending {
                kind: Kind::Open,
                operation,
                tab: Some(tab),
                context: Some(context),
            },
            BrowserAction::Probe { operation, tab, .. } => Pending {
                kind: Kind::Probe,
                operation,
                tab: Some(tab),
                context: None,
            },
            BrowserAction::Ask { operation, tab, .. } => Pending {
                kind: Kind::Ask,
                operation,
                tab: Some(tab),
                context: None,
            },
            BrowserAction::MeasureMemory { operation, tab } => Pending {
                kind: Kind::Measure,
                operation,
                tab: Some(tab),
                context: None,
            },
            BrowserAction::Trim { operation, tab, .. } => {
                self.trims.push(tab);
                Pending {
                    kind: Kind::Trim,
                    operation,
                    tab: Some(tab),
                    context: None,
                }
            }
            BrowserAction::StopAsking { .. } => {
                self.trace.push("StopAsking".to_owned());
                return;
            }
            BrowserAction::ClosePopups { .. } => {
                self.trace.push("ClosePopups".to_owned());
                return;
            }
            BrowserAction::ClosePage { operation, tab, .. } => Pending {
                kind: Kind::ClosePage,
                operation,
                tab: Some(tab),
                context: None,
            },
            BrowserAction::CloseContext { operation, context } => Pending {
                kind: Kind::CloseContext,
                operation,
                tab: None,
                context: Some(context),
            },
        };
        self.trace.push(format!("{:?}", pending.kind));
        self.begin(pending);
    }

    fn begin(&mut self, pending: Pending) {
        if self.held.contains(&pending.kind) {
            self.pending.push_back(pending);
        } else {
            self.handle(success(pending.kind, pending.operation));
        }
    }

    fn wake_semaphore(&mut self) {
        let Some(semaphore) = &mut self.semaphore else {
            return;
        };
        let mut woken = Vec::new();
        while semaphore.holders.len() < semaphore.capacity
            && let Some((_, request)) = semaphore.waiters.pop_first()
        {
            semaphore.holders.insert(request);
            woken.push(request);
        }
        for request in woken {
            self.handle(Event::SemaphoreAcquired {
                request,
                waited: true,
            });
        }
    }

    fn ticket(&mut self, what: &str, ticket: TicketId) {
        self.trace.push(format!("{what} {}", ticket.0));
        self.done.push(ticket);
    }

    fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn get(&mut self, affinity: &str) -> RequestId {
        self.get_for(affinity, QueueKind::File, 0.0)
    }

    pub(super) fn get_for(&mut self, affinity: &str, queue: QueueKind, priority: f64) -> RequestId {
        let request = RequestId(self.fresh());
        let priority = Priority::new(priority).expect("a finite priority");
        self.handle(Event::GetPage {
            request,
            affinity: affinity.into(),
            queue,
            priority,
            terms: Terms::default(),
        });
        request
    }

    /// A lease, which must be there at once.
    pub(super) fn lease(&mut self, affinity: &str) -> RequestId {
        let request = self.get(affinity);
        assert!(
            self.is_granted(request),
            "no lease for {affinity}: {:#?}",
            self.trace
        );
        request
    }

    /// A visit: a lease, released at once.
    pub(super) fn visit(&mut self, affinity: &str) -> TabId {
        let request = self.lease(affinity);
        self.wall += 1.0;
        self.release(request);
        self.wall += 1.0;
        self.tab(request)
    }

    pub(super) fn release(&mut self, request: RequestId) {
        self.handle(Event::Release { request });
    }

    pub(super) fn cancel(&mut self, request: RequestId) {
        self.handle(Event::Cancel { request });
    }

    pub(super) fn is_granted(&self, request: RequestId) -> bool {
        self.grants.contains_key(&request)
    }

    pub(super) fn tab(&self, request: RequestId) -> TabId {
        self.grants[&request].tab
    }

    pub(super) fn dispose(&mut self, affinity: &str) -> TicketId {
        self.dispose_with(affinity, DisposeOptions::default())
    }

    pub(super) fn dispose_with(&mut self, affinity: &str, options: DisposeOptions) -> TicketId {
        let ticket = TicketId(self.fresh());
        self.handle(Event::Dispose {
            ticket,
            affinity: affinity.into(),
            options,
        });
        ticket
    }

    pub(super) fn warm(&mut self) -> TicketId {
        let ticket = TicketId(self.fresh());
        self.handle(Event::WarmStandbys { ticket });
        ticket
    }

    pub(super) fn close_all(&mut self) -> TicketId {
        let ticket = TicketId(self.fresh());
        self.handle(Event::CloseAll { ticket });
        ticket
    }

    pub(super) fn evict_idle(&mut self, max_idle_ms: f64) -> TicketId {
        let ticket = TicketId(self.fresh());
        self.handle(Event::EvictIdle { ticket, max_idle_ms });
        ticket
    }

    pub(super) fn is_done(&self, ticket: TicketId) -> bool {
        self.done.contains(&ticket)
    }

    pub(super) fn warm_keys(&self) -> Vec<String> {
        self.pool
            .warm_affinities()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// The ledger as `key pages`, with `!` where it is closing.
    pub(super) fn ledger(&self) -> Vec<String> {
        let entries = self.pool.shared_context_snapshot().entries;
        entries
            .iter()
            .map(|entry| {
                format!(
                    "{} {}{}",
                    entry.affinity,
                    entry.page_count,
                    if entry.closing { "!" } else { "" }
                )
            })
            .collect()
    }

    pub(super) fn logged(&self, level: LogLevel, part: &str) -> bool {
        self.log
            .iter()
            .any(|line| line.0 == level && line.1.contains(part))
    }
}

fn success(kind: Kind, operation: OperationId) -> Event {
    match kind {
        Kind::Standby => Event::StandbyReady { operation },
        Kind::Open => Event::PageOpened { operation },
        Kind::Probe | Kind::Ask => Event::ProbeAnswered { operation },
        Kind::Measure => Event::MemoryMeasured {
            operation,
            memory_mb: None,
        },
        Kind::Trim => Event::Trimmed {
            operation,
            answered: true,
        },
        Kind::ClosePage => Event::PageClosed {
            operation,
            failure: None,
        },
        Kind::CloseContext => Event::ContextClosed {
            operation,
            failure: None,
        },
        Kind::Manager => Event::ManagerNotified { operation },
        Kind::Settle => Event::Settled { operation },
    }
}

pub(super) fn broken() -> Failure {
    Failure::new(FailureKind::Other, "broken")
}
