//! How many pages a dynamic pool has, by a clock that the test moves.
//!
//! One affinity with `file` calls only and no admission: then a pool grows for one reason, a call that finds the
//! render semaphore full. Left out: growth for callers that find no slot, or no tab beside a `file` lease.

use std::collections::BTreeSet;

use pagepool::pool::{
    Action, AffinityKey, BrowserAction, Config, Event, Inputs, Now, Pool, PoolOptions, Priority, QueueKind,
    RequestId, Terms,
};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

const MIN: u32 = 1;
const BURST: u32 = 3;
const HIGH_PRIORITY_MAX: u32 = 5;
const HIGH_PRIORITY: i32 = 10;
const THRESHOLD_MS: u64 = 1_000;

#[derive(Clone, Debug)]
struct Model {
    tick_ms: u64,
    now: u64,
    pages: u32,
    /// Who has not ended, in the order of the calls.
    open: Vec<u64>,
    calls: u64,
    /// When a tick first saw the pool idle, or last dropped a page.
    idle_since: Option<u64>,
}

#[derive(Clone, Debug)]
enum Step {
    Get(i32),
    /// The call at this place of those that are open ends: a lease is released, a waiter gives up.
    End(usize),
    Pass(u64),
}

struct Reference;

impl ReferenceStateMachine for Reference {
    type State = Model;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Model> {
        let model = |tick_ms| Model {
            tick_ms,
            now: 0,
            pages: MIN,
            open: Vec::new(),
            calls: 0,
            idle_since: None,
        };
        select(vec![300, 1_000, 2_500]).prop_map(model).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Step> {
        let priorities = vec![-1, 0, HIGH_PRIORITY - 1, HIGH_PRIORITY, 99];
        let mut steps = vec![
            (3, select(priorities).prop_map(Step::Get).boxed()),
            (
                3,
                select(vec![1, 299, 300, 999, 1_000, 4_321])
                    .prop_map(Step::Pass)
                    .boxed(),
            ),
        ];
        if !model.open.is_empty() {
            steps.push((4, (0..model.open.len()).prop_map(Step::End).boxed()));
        }
        Union::new_weighted(steps).boxed()
    }

    fn preconditions(model: &Model, step: &Step) -> bool {
        !matches!(step, Step::End(place) if *place >= model.open.len())
    }

    fn apply(mut model: Model, step: &Step) -> Model {
        match *step {
            Step::Get(priority) => {
                let most = if priority >= HIGH_PRIORITY {
                    HIGH_PRIORITY_MAX
                } else {
                    BURST
                };
                // It may have as many tabs as the burst has pages.
                let leases = model.open.len().min(BURST as usize);
                let is_full = leases >= model.pages as usize;
                if is_full && model.pages < most {
                    model.pages += 1;
                }
                model.open.push(model.calls);
                model.calls += 1;
                model.idle_since = None;
            }
            Step::End(place) => {
                model.open.remove(place);
            }
            Step::Pass(ms) => {
                for now in model.now + 1..=model.now + ms {
                    if now % model.tick_ms == 0 {
                        model.tick(now);
                    }
                }
                model.now += ms;
            }
        }
        model
    }
}

impl Model {
    fn tick(&mut self, now: u64) {
        if !self.open.is_empty() || self.pages == MIN {
            self.idle_since = None;
        } else if let Some(since) = self.idle_since {
            if now - since >= THRESHOLD_MS {
                self.pages -= 1;
                self.idle_since = Some(now);
            }
        } else {
            self.idle_since = Some(now);
        }
    }
}

/// The machine in a browser that does at once what it is told, with a render semaphore.
struct Subject {
    pool: Pool,
    now: u64,
    open: Vec<u64>,
    calls: u64,
    granted: BTreeSet<RequestId>,
    capacity: u32,
    permits: BTreeSet<RequestId>,
    /// In the order of their arrival.
    waiters: Vec<(Priority, RequestId)>,
}

impl Subject {
    fn inputs(&self) -> Inputs {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let wall_ms = self.now as f64;
        Inputs {
            now: Now {
                monotonic_ms: self.now,
                wall_ms,
            },
            semaphore_full: self.permits.len() >= self.capacity as usize,
            semaphore_busy: !self.permits.is_empty() || !self.waiters.is_empty(),
        }
    }

    fn handle(&mut self, event: Event) {
        self.pool.handle(event, &self.inputs());
        self.perform();
    }

    fn perform(&mut self) {
        while let Some(action) = self.pool.poll_action() {
            match action {
                Action::Browser(action) => {
                    if let Some(event) = success(&action) {
                        self.handle(event);
                    }
                }
                Action::NotifyManager { operation, .. } => self.handle(Event::ManagerNotified { operation }),
                Action::CleanUserDataDirs { operation } => self.handle(Event::UserDataDirsCleaned {
                    operation,
                    failure: None,
                }),
                Action::Settle { operation, .. } => self.handle(Event::Settled { operation }),
                Action::Grant { request, .. } => {
                    self.granted.insert(request);
                }
                Action::AcquireSemaphore { request, priority } => self.waiters.push((priority, request)),
                Action::AbandonSemaphore { request } => {
                    self.waiters.retain(|waiter| waiter.1 != request);
                    self.permits.remove(&request);
                }
                Action::ReleaseSemaphore { request } => {
                    self.permits.remove(&request);
                }
                Action::SetSemaphoreCapacity { capacity } => self.capacity = capacity,
                _ => {}
            }
            self.serve();
        }
    }

    fn serve(&mut self) {
        while self.permits.len() < self.capacity as usize {
            let Some(highest) = self.waiters.iter().map(|waiter| waiter.0).max() else {
                return;
            };
            let first = self.waiters.iter().position(|waiter| waiter.0 == highest);
            let (_, request) = self.waiters.remove(first.expect("somebody waits"));
            self.permits.insert(request);
            self.handle(Event::SemaphoreAcquired {
                request,
                waited: true,
            });
        }
    }
}

/// None where the action has no outcome of its own.
fn success(action: &BrowserAction) -> Option<Event> {
    Some(match *action {
        BrowserAction::CreateStandby { operation, .. } => Event::StandbyReady { operation },
        BrowserAction::OpenPage { operation, .. } => Event::PageOpened { operation },
        // A question that is given up may still be answered.
        BrowserAction::Probe { operation, .. }
        | BrowserAction::Ask { operation, .. }
        | BrowserAction::StopAsking { operation } => Event::ProbeAnswered { operation },
        BrowserAction::MeasureMemory { operation, .. } => Event::MemoryMeasured {
            operation,
            memory_mb: None,
        },
        BrowserAction::Trim { operation, .. } => Event::Trimmed {
            operation,
            answered: true,
        },
        BrowserAction::ClosePage { operation, .. } => Event::PageClosed {
            operation,
            failure: None,
        },
        BrowserAction::CloseContext { operation, .. } => Event::ContextClosed {
            operation,
            failure: None,
        },
        BrowserAction::ClosePopups { .. } => return None,
    })
}

struct Comparison;

impl StateMachineTest for Comparison {
    type SystemUnderTest = Subject;
    type Reference = Reference;

    fn init_test(model: &Model) -> Subject {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let tick_ms = model.tick_ms as f64;
        let options = PoolOptions {
            disable_file_admission: true,
            contraction_tick_ms: Some(tick_ms),
            has_semaphore: true,
            semaphore_can_grow: true,
            ..PoolOptions::new(1)
        };
        let environment = |name: &str| {
            let value = match name {
                "PRERENDER_PAGE_POOL_MIN" => u64::from(MIN),
                "PRERENDER_PAGE_POOL_MAX" | "PRERENDER_AFFINITY_TAB_MAX" => u64::from(BURST),
                "PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX" => u64::from(HIGH_PRIORITY_MAX),
                "PRERENDER_HIGH_PRIORITY_THRESHOLD" => u64::from(HIGH_PRIORITY.unsigned_abs()),
                "PRERENDER_POOL_IDLE_CONTRACTION_MS" => THRESHOLD_MS,
                _ => return None,
            };
            Some(value.to_string())
        };
        Subject {
            pool: Pool::new(Config::resolve(&options, &environment).0, Now::default()),
            now: 0,
            open: Vec::new(),
            calls: 0,
            granted: BTreeSet::new(),
            capacity: MIN,
            permits: BTreeSet::new(),
            waiters: Vec::new(),
        }
    }

    fn apply(mut subject: Subject, _: &Model, step: Step) -> Subject {
        match step {
            Step::Get(priority) => {
                let call = subject.calls;
                subject.calls += 1;
                subject.open.push(call);
                subject.handle(Event::GetPage {
                    request: RequestId(call),
                    affinity: AffinityKey::from("realm:only"),
                    queue: QueueKind::File,
                    priority: Priority::new(priority.into()).expect("a finite number"),
                    terms: Terms::default(),
                });
            }
            Step::End(place) => {
                let request = RequestId(subject.open.remove(place));
                let event = if subject.granted.contains(&request) {
                    Event::Release { request }
                } else {
                    Event::Cancel { request }
                };
                subject.handle(event);
            }
            Step::Pass(ms) => {
                let until = subject.now + ms;
                while let Some(due) = subject.pool.poll_timeout().filter(|&due| due <= until) {
                    subject.now = due;
                    subject.pool.handle_timeout(&subject.inputs());
                    subject.perform();
                }
                subject.now = until;
            }
        }
        subject
    }

    fn check_invariants(subject: &Subject, model: &Model) {
        let pages = subject.pool.current_max_pages();
        assert!((MIN..=HIGH_PRIORITY_MAX).contains(&pages), "within the envelope");
        assert_eq!(pages, model.pages, "how many pages there are");
        assert_eq!(subject.capacity, pages, "the capacity of the render semaphore");
    }
}

prop_state_machine! {
    #![proptest_config(crate::cases(128))]

    #[test]
    fn a_dynamic_pool_grows_and_shrinks_as_its_model_does(sequential 1..60 => Comparison);
}
