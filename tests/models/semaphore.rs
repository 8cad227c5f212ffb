//! The counting semaphore, and a tab's queue as one that is held by one.

use pagepool::runtime::semaphore::{Acquired, Semaphore, Ticket};
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

/// Priorities with their rank: equal ranks are first come, first served.
const PRIORITIES: [(f64, i32); 8] = [
    (f64::NAN, 0),
    (f64::NEG_INFINITY, 1),
    (-3.0, 2),
    (-0.0, 3),
    (0.0, 3),
    (0.5, 4),
    (10.0, 5),
    (f64::INFINITY, 6),
];

/// Capacities as they are given, with what they mean.
const CAPACITIES: [(f64, usize); 9] = [
    (f64::NAN, 1),
    (f64::INFINITY, 1),
    (f64::NEG_INFINITY, 1),
    (-2.0, 1),
    (0.0, 1),
    (0.99, 1),
    (1.0, 1),
    (2.7, 2),
    (4.0, 4),
];

#[derive(Clone, Copy, Debug)]
struct Waiter {
    call: u32,
    priority: (f64, i32),
}

/// The model: calls are numbered as they come.
#[derive(Clone, Debug)]
struct Model {
    /// Of the array above.
    capacity: (f64, usize),
    holders: Vec<u32>,
    waiters: Vec<Waiter>,
    calls: u32,
}

impl Model {
    fn serve(&mut self) {
        while self.holders.len() < self.capacity.1 && !self.waiters.is_empty() {
            let highest = self.waiters.iter().map(|waiter| waiter.priority.1).max();
            let first = self
                .waiters
                .iter()
                .position(|waiter| Some(waiter.priority.1) == highest);
            let waiter = self.waiters.remove(first.expect("somebody waits"));
            self.holders.push(waiter.call);
        }
    }

    /// How many of each rank wait, highest first.
    fn by_rank(&self) -> Vec<(i32, usize)> {
        let count = |rank| {
            self.waiters
                .iter()
                .filter(|waiter| waiter.priority.1 == rank)
                .count()
        };
        (0..=6)
            .rev()
            .map(|rank| (rank, count(rank)))
            .filter(|at| at.1 > 0)
            .collect()
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Acquire((f64, i32)),
    /// The waiter at this place of those who wait, in the order of their calls.
    Abandon(usize),
    /// The holder at this place.
    Release(usize),
    SetCapacity((f64, usize)),
}

struct Reference<const TAB_QUEUE: bool>;

impl<const TAB_QUEUE: bool> ReferenceStateMachine for Reference<TAB_QUEUE> {
    type State = Model;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Model> {
        let capacity = if TAB_QUEUE {
            Just((1.0, 1)).boxed()
        } else {
            select(&CAPACITIES[..]).boxed()
        };
        let model = |capacity| Model {
            capacity,
            holders: Vec::new(),
            waiters: Vec::new(),
            calls: 0,
        };
        capacity.prop_map(model).boxed()
    }

    fn transitions(_: &Model) -> BoxedStrategy<Step> {
        prop_oneof![
            5 => select(&PRIORITIES[..]).prop_map(Step::Acquire),
            2 => (0..8_usize).prop_map(Step::Abandon),
            3 => (0..4_usize).prop_map(Step::Release),
            u32::from(!TAB_QUEUE) => select(&CAPACITIES[..]).prop_map(Step::SetCapacity),
        ]
        .boxed()
    }

    fn preconditions(model: &Model, step: &Step) -> bool {
        match *step {
            Step::Abandon(place) => place < model.waiters.len(),
            Step::Release(place) => place < model.holders.len(),
            Step::Acquire(_) | Step::SetCapacity(_) => true,
        }
    }

    fn apply(mut model: Model, step: &Step) -> Model {
        match *step {
            Step::Acquire(priority) => {
                model.waiters.push(Waiter {
                    call: model.calls,
                    priority,
                });
                model.calls += 1;
            }
            Step::Abandon(place) => {
                model.waiters.remove(place);
            }
            Step::Release(place) => {
                model.holders.remove(place);
            }
            Step::SetCapacity(capacity) => model.capacity = capacity,
        }
        model.serve();
        model
    }
}

/// The semaphore with who holds it and who waits, in the orders of the model.
struct Subject {
    semaphore: Semaphore,
    holders: Vec<u32>,
    waiters: Vec<(Ticket, u32)>,
    calls: u32,
}

struct Comparison<const TAB_QUEUE: bool>;

impl<const TAB_QUEUE: bool> StateMachineTest for Comparison<TAB_QUEUE> {
    type SystemUnderTest = Subject;
    type Reference = Reference<TAB_QUEUE>;

    fn init_test(model: &Model) -> Subject {
        Subject {
            semaphore: Semaphore::new(model.capacity.0),
            holders: Vec::new(),
            waiters: Vec::new(),
            calls: 0,
        }
    }

    fn apply(mut subject: Subject, _: &Model, step: Step) -> Subject {
        match step {
            Step::Acquire((priority, _)) => {
                match subject.semaphore.acquire(priority) {
                    Acquired::Granted => subject.holders.push(subject.calls),
                    Acquired::Queued(ticket) => subject.waiters.push((ticket, subject.calls)),
                }
                subject.calls += 1;
            }
            Step::Abandon(place) => {
                let (ticket, _) = subject.waiters.remove(place);
                assert!(subject.semaphore.abandon(ticket), "it waited");
                assert!(!subject.semaphore.abandon(ticket), "it waits no more");
            }
            Step::Release(place) => {
                subject.holders.remove(place);
                subject.semaphore.release();
            }
            Step::SetCapacity((capacity, _)) => subject.semaphore.set_capacity(capacity),
        }
        while let Some(granted) = subject.semaphore.next_granted() {
            let place = subject.waiters.iter().position(|waiter| waiter.0 == granted);
            let (ticket, call) = subject
                .waiters
                .remove(place.expect("whoever is granted has waited"));
            assert!(!subject.semaphore.abandon(ticket), "a holder waits no more");
            subject.holders.push(call);
        }
        subject
    }

    fn check_invariants(subject: &Subject, model: &Model) {
        let semaphore = &subject.semaphore;
        assert_eq!(
            subject.holders, model.holders,
            "who holds, in the order of the grants"
        );
        let waiting: Vec<u32> = subject.waiters.iter().map(|waiter| waiter.1).collect();
        let expected: Vec<u32> = model.waiters.iter().map(|waiter| waiter.call).collect();
        assert_eq!(waiting, expected, "who waits");
        assert_eq!(semaphore.in_use(), model.holders.len(), "how many hold");
        assert_eq!(semaphore.waiting(), model.waiters.len(), "how many wait");
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let capacity = model.capacity.1 as f64;
        assert!(
            (semaphore.capacity() - capacity).abs() < f64::EPSILON,
            "the capacity"
        );
        let by_rank: Vec<(i32, usize)> = semaphore
            .waiting_by_priority()
            .into_iter()
            .map(|(priority, count)| (rank_of(priority), count))
            .collect();
        assert_eq!(by_rank, model.by_rank(), "how many wait of each priority");
    }
}

fn rank_of(priority: f64) -> i32 {
    let same = |at: &&(f64, i32)| at.0.total_cmp(&priority).is_eq();
    PRIORITIES.iter().find(same).expect("a priority of a waiter").1
}

prop_state_machine! {
    #![proptest_config(crate::cases(256))]

    #[test]
    fn the_semaphore_serves_as_its_model_does(sequential 1..60 => Comparison<false>);

    #[test]
    fn a_queue_of_one_serves_as_its_model_does(sequential 1..60 => Comparison<true>);
}
