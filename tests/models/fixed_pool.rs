//! The machine beside its model: a pool of a fixed size.

use std::collections::BTreeMap;

use pagepool::pool::{
    Action, AdmissionDepth, AffinityKey, AffinityQueueDepth, BrowserAction, ByQueue, Config, DisposeOptions,
    Event, Inputs, Now, Pool, PoolOptions, Priority, QueueKind, RequestId, TabId, Terms, TicketId, Vacancy,
};
use proptest_state_machine::{StateMachineTest, prop_state_machine};

use crate::pool::{AFFINITIES, Call, Model, ROWS, Reference, Step, Tab};

/// The machine in a browser that does at once what it is told.
struct Subject {
    pool: Pool,
    clock: u64,
    calls: u64,
    /// Tabs in the order in which they were bound.
    tabs: Vec<TabId>,
    grants: Vec<(u64, u64, bool)>,
}

impl Subject {
    fn handle(&mut self, event: Event) {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let inputs = Inputs {
            now: Now {
                monotonic_ms: self.clock,
                wall_ms: self.clock as f64,
            },
            ..Inputs::default()
        };
        self.pool.handle(event, &inputs);
        while let Some(action) = self.pool.poll_action() {
            if let Some(outcome) = self.perform(action) {
                self.pool.handle(outcome, &inputs);
            }
        }
    }

    fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Browser(BrowserAction::CreateStandby { operation, .. }) => {
                Some(Event::StandbyReady { operation })
            }
            Action::Browser(BrowserAction::OpenPage { operation, .. }) => {
                Some(Event::PageOpened { operation })
            }
            Action::Browser(BrowserAction::Probe { operation, .. }) => {
                Some(Event::ProbeAnswered { operation })
            }
            Action::Browser(BrowserAction::ClosePage { operation, .. }) => Some(Event::PageClosed {
                operation,
                failure: None,
            }),
            Action::Browser(BrowserAction::CloseContext { operation, .. }) => Some(Event::ContextClosed {
                operation,
                failure: None,
            }),
            Action::NotifyManager { operation, .. } => Some(Event::ManagerNotified { operation }),
            Action::CleanUserDataDirs { operation } => Some(Event::UserDataDirsCleaned {
                operation,
                failure: None,
            }),
            Action::BindTab { tab, .. } => {
                self.tabs.push(tab);
                None
            }
            Action::Settle { operation, .. } => Some(Event::Settled { operation }),
            Action::Grant { request, grant } => {
                let name = self.tabs.iter().position(|tab| *tab == grant.tab);
                let name = name.expect("a tab is bound before it is granted") as u64;
                self.grants.push((request.0, name, grant.reused));
                None
            }
            Action::Reject { request, error } => panic!("{request:?} is rejected: {error}"),
            _ => None,
        }
    }
}

struct Comparison;

impl StateMachineTest for Comparison {
    type SystemUnderTest = Subject;
    type Reference = Reference;

    fn init_test(model: &Model) -> Subject {
        let options = PoolOptions {
            disable_file_admission: model.file_cap.is_none(),
            ..PoolOptions::new(u32::try_from(model.pages).expect("a small number"))
        };
        let environment = |name: &str| match name {
            "PRERENDER_AFFINITY_TAB_MAX" => Some(model.tab_max.to_string()),
            "PRERENDER_SHARED_CONTEXT_CAP" => Some(ROWS.to_string()),
            _ => None,
        };
        Subject {
            pool: Pool::new(Config::resolve(&options, &environment).0, Now::default()),
            clock: 0,
            calls: 0,
            tabs: Vec::new(),
            grants: Vec::new(),
        }
    }

    fn apply(mut subject: Subject, _: &Model, step: Step) -> Subject {
        subject.clock += 1;
        subject.grants.clear();
        let event = match step {
            Step::Get(affinity, queue, number) => {
                let request = RequestId(subject.calls);
                subject.calls += 1;
                Event::GetPage {
                    request,
                    affinity: key(affinity),
                    queue,
                    priority: priority(number),
                    terms: Terms::default(),
                }
            }
            Step::Cancel(id) => Event::Cancel {
                request: RequestId(id),
            },
            Step::Release(id) => Event::Release {
                request: RequestId(id),
            },
            Step::Dispose(affinity, retain_shared_context) => Event::Dispose {
                ticket: TicketId(subject.clock),
                affinity: key(affinity),
                options: DisposeOptions {
                    retain_shared_context,
                    ..DisposeOptions::default()
                },
            },
        };
        subject.handle(event);
        subject.grants.sort_unstable();
        subject
    }

    fn check_invariants(subject: &Subject, model: &Model) {
        assert_eq!(subject.grants, model.grants, "call, tab and whether it is reused");
        let mut depths = subject.pool.queue_depth_snapshot().affinities;
        depths.sort_by(|one, other| one.affinity.cmp(&other.affinity));
        let expected: Vec<_> = (0..AFFINITIES)
            .filter_map(|affinity| depth(model, affinity))
            .collect();
        assert_eq!(depths, expected, "the queue depths");
        let mut vacancies = subject.pool.vacancy_snapshot();
        vacancies.sort_by(|one, other| one.affinity.cmp(&other.affinity));
        let expected: Vec<_> = (0..AFFINITIES)
            .filter_map(|affinity| vacancy(model, affinity))
            .collect();
        assert_eq!(vacancies, expected, "the vacancies");
        let entries = subject.pool.shared_context_snapshot().entries;
        let mut rows: Vec<_> = entries
            .iter()
            .map(|entry| (entry.affinity.clone(), entry.page_count, entry.closing))
            .collect();
        rows.sort();
        let expected: Vec<_> = model
            .ledger()
            .into_iter()
            .map(|(affinity, pages, closing)| (key(affinity), pages, closing))
            .collect();
        assert_eq!(rows, expected, "the ledger of shared contexts");
        let mut warm = subject.pool.warm_affinities();
        warm.sort();
        let is_warm = |affinity: &usize| {
            model
                .tabs
                .iter()
                .any(|tab| tab.affinity == *affinity && !tab.leaving)
        };
        let expected: Vec<_> = (0..AFFINITIES).filter(is_warm).map(key).collect();
        assert_eq!(warm, expected, "the warm list");
    }
}

fn key(affinity: usize) -> AffinityKey {
    AffinityKey::from(format!("realm:{affinity}").as_str())
}

fn priority(number: i32) -> Priority {
    Priority::new(number.into()).expect("a finite number")
}

fn count(length: usize) -> u32 {
    u32::try_from(length).expect("a small number")
}

fn by_priority<'a>(calls: impl Iterator<Item = &'a Call>) -> Vec<(Priority, u32)> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call.priority).or_insert(0) += 1;
    }
    counts
        .into_iter()
        .rev()
        .map(|(number, count)| (priority(number), count))
        .collect()
}

fn is_idle(tabs: &[&Tab], admission: &[&Call]) -> bool {
    admission.is_empty() && tabs.iter().all(|tab| tab.pending() == 0)
}

fn tabs_and_admission(model: &Model, affinity: usize) -> (Vec<&Tab>, Vec<&Call>) {
    let tabs = model.tabs.iter().filter(|tab| tab.affinity == affinity);
    let admission = model.admission.iter().filter(|call| call.affinity == affinity);
    (tabs.collect(), admission.collect())
}

fn depth(model: &Model, affinity: usize) -> Option<AffinityQueueDepth> {
    let (tabs, admission) = tabs_and_admission(model, affinity);
    let admitting = model.admitted(affinity) + admission.len();
    if tabs.is_empty() && admitting == 0 {
        return None;
    }
    let calls: Vec<&Call> = tabs
        .iter()
        .flat_map(|tab| tab.holder.iter().chain(&tab.queue))
        .collect();
    let holders = || tabs.iter().filter_map(|tab| tab.holder.as_ref());
    let of = |queue| count(holders().filter(|call| call.queue == queue).count());
    Some(AffinityQueueDepth {
        popup_count: 0,
        affinity: key(affinity),
        tab_count: count(tabs.len()),
        pending_total: count(calls.len()),
        max_pending: count(tabs.iter().map(|tab| tab.pending()).max().unwrap_or(0)),
        idle: is_idle(&tabs, &admission),
        by_queue: ByQueue {
            file: of(QueueKind::File),
            module: of(QueueKind::Module),
            command: of(QueueKind::Command),
        },
        admission: AdmissionDepth {
            pending: count(admission.len()),
            cap: count(model.file_cap.filter(|_| admitting > 0).unwrap_or(0)),
        },
        tab_queued_by_priority: by_priority(tabs.iter().flat_map(|tab| &tab.queue)),
        admission_queued_by_priority: by_priority(admission.into_iter()),
    })
}

fn vacancy(model: &Model, affinity: usize) -> Option<Vacancy> {
    let (tabs, admission) = tabs_and_admission(model, affinity);
    if tabs.is_empty() && admission.is_empty() {
        return None;
    }
    let in_pool = model.waiting.iter().filter(|call| call.affinity == affinity);
    let waiting = tabs
        .iter()
        .flat_map(|tab| &tab.queue)
        .chain(admission.iter().copied())
        .chain(in_pool);
    Some(Vacancy {
        affinity: key(affinity),
        idle: is_idle(&tabs, &admission),
        tab_count: count(tabs.len()),
        max_pending_priority: waiting.map(|call| priority(call.priority)).max(),
    })
}

prop_state_machine! {
    #![proptest_config(crate::cases(128))]

    #[test]
    fn a_fixed_pool_serves_as_its_model_does(sequential 1..80 => Comparison);
}
