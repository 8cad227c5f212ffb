//! Findings of the simulator, each in the few steps that it took.

use super::super::testing::{Kind, RETAIN, World, broken};
use crate::pool::{Action, DisposeOptions, Event, PoolOptions, QueueKind, RequestId, TicketId};

#[test]
fn a_disposal_that_ends_after_close_all_does_not_refill() {
    let mut world = World::new(2);
    world.visit("a");
    world.hold(&[Kind::Manager]);
    world.dispose("a");
    let ticket = world.close_all();
    assert!(world.is_done(ticket), "closeAll waits for the manager's answer");
    let attempts = world.attempts;
    world.finish(Kind::Manager);
    assert_eq!(
        world.attempts, attempts,
        "a closed pool made a standby that nobody asked for"
    );
}

/// A pool of one page in which "a" was evicted and waits to come back behind "c".
fn evicted_and_waiting() -> (World, RequestId) {
    let mut world = World::new(1);
    world.visit("a");
    world.hold(&[Kind::Standby, Kind::ClosePage]);
    world.lease("b");
    world.get("c");
    let waiting = world.get("a");
    world.finish(Kind::ClosePage);
    assert_eq!(world.ledger(), ["b 1"], "{:#?}", world.trace);
    assert_eq!(world.notified, [""; 0], "it may still come back");
    (world, waiting)
}

fn times_told(world: &World, affinity: &str) -> usize {
    world.notified.iter().filter(|key| *key == affinity).count()
}

#[test]
fn the_manager_is_told_when_the_page_of_an_affinity_whose_page_closed_cannot_be_opened_again() {
    let mut world = World::new(1);
    world.hold(&[Kind::Standby]);
    let lease = world.get("a");
    world.finish(Kind::Standby);
    let tab = world.tab(lease);
    world.handle(Event::TabCrashed { tab });
    let waiting = world.get_for("a", QueueKind::Module, 0.0);
    world.hold(&[Kind::Open, Kind::ClosePage]);
    world.release(lease);
    world.finish(Kind::ClosePage);
    assert_eq!(
        world.count(Kind::Open),
        1,
        "it waits for its orphan: {:?}",
        world.trace
    );
    world.fail(Kind::Open, broken());
    assert_eq!(times_told(&world, "a"), 0, "it may still come back");
    world.cancel(waiting);
    assert_eq!(times_told(&world, "a"), 1, "{:#?}", world.trace);
}

#[test]
fn the_manager_is_told_of_a_loss_that_comes_while_it_is_told_of_an_earlier_one() {
    let mut world = World::new(1);
    world.visit("a");
    world.hold(&[Kind::Manager]);
    let ticket = world.dispose("a");
    assert_eq!(world.notified, ["a"]);
    // In use again, and evicted, before the manager has answered.
    world.visit("a");
    let (_b, _c) = (world.lease("b"), world.lease("c"));
    assert!(
        world.warm_keys().iter().all(|key| key != "a"),
        "a was not evicted"
    );
    world.unhold(&[Kind::Manager]);
    assert!(world.is_done(ticket));
    assert_eq!(
        world.notified,
        ["a", "a"],
        "the manager does not know of the second loss"
    );
}

#[test]
fn close_all_tells_the_manager_of_an_evicted_affinity_once() {
    let (mut world, _) = evicted_and_waiting();
    world.close_all();
    assert_eq!(times_told(&world, "a"), 1, "{:#?}", world.trace);
}

#[test]
fn a_disposal_tells_the_manager_of_an_affinity_that_was_evicted_before_once() {
    let (mut world, waiting) = evicted_and_waiting();
    world.hold(&[Kind::CloseContext]);
    let ticket = world.dispose("a");
    world.cancel(waiting);
    world.unhold(&[Kind::CloseContext]);
    assert!(world.is_done(ticket));
    assert_eq!(times_told(&world, "a"), 1, "{:#?}", world.trace);
}

#[test]
fn the_manager_is_told_once_of_an_affinity_whose_last_tab_made_room_while_another_was_disposed_of() {
    let options = PoolOptions {
        disable_file_admission: true,
        ..PoolOptions::new(1)
    };
    let mut world = World::with(&options, &[]);
    let old = world.lease("a");
    let ticket = world.dispose_with("a", RETAIN);
    world.visit("a");
    world.hold(&[Kind::CloseContext]);
    world.get("b");
    assert_eq!(world.count(Kind::CloseContext), 1, "a's new tab makes room");
    world.release(old);
    assert!(world.is_done(ticket), "the tab it was about is closed");
    assert_eq!(times_told(&world, "a"), 0, "one of its tabs is still closing");
    world.unhold(&[Kind::CloseContext]);
    assert_eq!(times_told(&world, "a"), 1, "{:#?}", world.trace);
}

#[test]
fn an_affinity_with_a_tab_opens_its_orphan_and_a_standby_gives_way() {
    let mut world = World::new(2);
    let first = world.lease("a");
    let second = world.get_for("a", QueueKind::Module, 0.0);
    let primary = world.tab(first);
    // The primary's tab is retired alone: its context stays behind as an orphan.
    world.handle(Event::TabCrashed { tab: primary });
    world.release(first);
    assert_eq!(world.ledger(), ["a 0"]);
    world.lease("b");
    world.trace.clear();
    world.hold(&[Kind::Open]);
    let third = world.get_for("a", QueueKind::Module, 0.0);
    assert_eq!(world.count(Kind::Open), 1, "{:#?}", world.trace);
    world.unhold(&[Kind::Open]);
    assert!(world.is_granted(third));
    assert_ne!(world.tab(third), world.tab(second));
    assert_eq!(world.ledger(), ["a 1", "b 1"]);
}

#[test]
fn a_permit_for_a_wait_that_has_been_given_up_grants_nothing() {
    let options = PoolOptions {
        has_semaphore: true,
        ..PoolOptions::new(4)
    };
    let mut world = World::with(&options, &[]);
    if let Some(semaphore) = &mut world.semaphore {
        semaphore.capacity = 1;
    }
    world.lease("a");
    let waiting = world.get("b");
    // A callback disposes of it, so that it waits anew with another tab; the permit that it waited for comes before
    // the pool's wish to abandon the first wait has been performed.
    let inputs = world.inputs();
    let dispose = Event::Dispose {
        ticket: TicketId(99),
        affinity: "b".into(),
        options: DisposeOptions {
            await_idle: false,
            ..DisposeOptions::default()
        },
    };
    world.pool.handle(dispose, &inputs);
    let acquired = Event::SemaphoreAcquired {
        request: waiting,
        waited: true,
    };
    world.pool.handle(acquired, &inputs);
    let actions: Vec<Action> = std::iter::from_fn(|| world.pool.poll_action()).collect();
    let asks =
        |action: &Action| matches!(action, Action::AcquireSemaphore { request, .. } if *request == waiting);
    assert!(actions.iter().any(asks), "it does not wait anew: {actions:#?}");
    let granted = |action: &Action| matches!(action, Action::Grant { .. });
    assert!(
        !actions.iter().any(granted),
        "a lease without a permit: {actions:#?}"
    );
}
