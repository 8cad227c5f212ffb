use crate::pool::testing::{Kind, World, broken};
use crate::pool::{Event, Failure, FailureKind, LogLevel, PoolOptions, QueueKind};

fn swaps(world: &World) -> Vec<(String, u32)> {
    world
        .pool
        .unresponsive_tab_swaps()
        .iter()
        .map(|at| (at.0.to_string(), at.1))
        .collect()
}

#[test]
fn only_a_tab_that_served_a_render_is_probed() {
    let mut world = World::new(1);
    world.hold(&[Kind::Probe]);
    let first = world.lease("a");
    world.release(first);
    let second = world.get("a");
    assert!(!world.is_granted(second));
    world.wall += 12.0;
    world.finish(Kind::Probe);
    assert_eq!(world.grants[&second].waits.tab_probe_ms, 12);
}

#[test]
fn a_budget_of_zero_turns_the_probe_off() {
    let mut world = World::with(
        &PoolOptions {
            tab_health_probe_ms: Some(0.0),
            ..PoolOptions::new(1)
        },
        &[],
    );
    world.hold(&[Kind::Probe]);
    world.visit("a");
    world.visit("a");
    assert_eq!(world.count(Kind::Probe), 0);
}

#[test]
fn a_tab_that_does_not_answer_is_retired_and_its_caller_gets_another() {
    let mut world = World::new(1);
    let bad = world.visit("a");
    world.hold(&[Kind::Probe, Kind::ClosePage]);
    let request = world.get("a");
    world.fail(Kind::Probe, broken());
    assert!(
        world.is_granted(request),
        "the hung page's close holds its caller up: {:?}",
        world.trace
    );
    assert_ne!(world.tab(request), bad);
    assert_eq!(swaps(&world), [("a".to_owned(), 1)]);
    assert_eq!(world.disposed, ["a"], "its last tab goes through a disposal");
    world.unhold(&[Kind::ClosePage]);
    assert!(world.notified.is_empty(), "the affinity is in use again");
    assert_eq!(world.ledger(), ["a 0"], "the context is retained");
    world.release(request);
}

#[test]
fn a_tab_among_others_is_retired_alone() {
    let mut world = World::with(
        &PoolOptions {
            disable_file_admission: true,
            ..PoolOptions::new(2)
        },
        &[],
    );
    let first = world.lease("a");
    let second = world.get_for("a", QueueKind::Module, 0.0);
    let good = world.tab(second);
    world.release(first);
    world.wall += 5.0;
    world.release(second);
    world.hold(&[Kind::Probe]);
    let request = world.get("a");
    world.fail(Kind::Probe, broken());
    world.finish(Kind::Probe);
    assert_eq!(world.tab(request), good);
    assert!(world.disposed.is_empty());
    assert_eq!(swaps(&world), [("a".to_owned(), 1)]);
}

#[test]
fn with_nothing_else_to_be_had_the_tab_is_handed_over_with_a_warning() {
    let options = PoolOptions {
        disable_standby_refill: true,
        ..PoolOptions::new(1)
    };
    let mut world = World::with(&options, &[]);
    let tab = world.visit("a");
    world.hold(&[Kind::Probe]);
    let request = world.get("a");
    world.fail(Kind::Probe, broken());
    assert_eq!(world.tab(request), tab);
    assert!(
        world.logged(LogLevel::Warn, "for lack of another"),
        "{:?}",
        world.log
    );
    assert!(swaps(&world).is_empty());
}

#[test]
fn the_third_choice_is_handed_over_as_it_is() {
    let mut world = World::with(
        &PoolOptions {
            disable_file_admission: true,
            ..PoolOptions::new(4)
        },
        &[],
    );
    let leases: Vec<_> = (0..4).map(|_| world.get("a")).collect();
    for lease in leases {
        world.wall += 1.0;
        world.release(lease);
    }
    world.hold(&[Kind::Probe]);
    let request = world.get("a");
    for _ in 0..2 {
        world.fail(Kind::Probe, broken());
        assert!(!world.is_granted(request));
    }
    world.fail(Kind::Probe, broken());
    assert!(world.is_granted(request));
    assert_eq!(swaps(&world), [("a".to_owned(), 2)]);
}

#[test]
fn close_all_clears_the_count_of_swaps() {
    let mut world = World::new(1);
    world.visit("a");
    world.hold(&[Kind::Probe]);
    world.get("a");
    world.fail(Kind::Probe, broken());
    assert_eq!(swaps(&world).len(), 1);
    world.close_all();
    assert!(swaps(&world).is_empty());
}

#[test]
fn a_crashed_tab_is_not_offered_again_and_its_holder_keeps_the_lease() {
    let mut world = World::new(1);
    let lease = world.lease("a");
    let tab = world.tab(lease);
    world.handle(Event::TabCrashed { tab });
    let next = world.get_for("a", QueueKind::Module, 0.0);
    assert!(world.is_granted(next) && world.tab(next) != tab);
    assert!(world.forgotten.is_empty(), "closed under its holder");
    world.release(lease);
    assert_eq!(world.forgotten, [(tab, false)]);
    world.release(next);
}

#[test]
fn a_crashed_standby_is_replaced() {
    let mut world = World::new(1);
    world.warm();
    let tab = crate::pool::TabId(3);
    world.handle(Event::TabCrashed { tab });
    assert_eq!(world.attempts, 2, "{:?}", world.trace);
    assert!(world.logged(LogLevel::Warn, "crashed"));
}

#[test]
fn a_spoiled_tab_goes_when_its_lease_ends_and_is_named() {
    let mut world = World::new(2);
    let lease = world.lease("a");
    let tab = world.tab(lease);
    let why = "sent too much".to_owned();
    world.handle(Event::TabSpoiled { tab, why });
    assert!(world.logged(LogLevel::Warn, "a page of a sent too much"));
    assert!(
        !world.forgotten.iter().any(|(gone, _)| *gone == tab),
        "closed under its holder"
    );
    world.release(lease);
    assert!(
        world.forgotten.iter().any(|(gone, _)| *gone == tab),
        "kept after its release"
    );
    let next = world.lease("a");
    assert_ne!(world.tab(next), tab);
    world.release(next);
}

#[test]
fn when_the_network_service_dies_no_page_and_no_context_of_before_is_handed_out() {
    let mut world = World::new(3);
    let held = world.lease("held");
    let idle = world.lease("idle");
    let (tab_of_held, tab_of_idle) = (world.tab(held), world.tab(idle));
    world.release(idle);
    world.handle(Event::NetworkServiceLost);
    assert!(world.logged(LogLevel::Warn, "network service died"));
    assert!(
        world.forgotten.iter().any(|(tab, _)| *tab == tab_of_idle),
        "an idle page stays"
    );
    assert!(
        !world.forgotten.iter().any(|(tab, _)| *tab == tab_of_held),
        "closed under its holder"
    );
    let next = world.lease("idle");
    assert_ne!(world.tab(next), tab_of_idle);
    world.release(held);
    let after = world.lease("held");
    assert_ne!(world.tab(after), tab_of_held, "warm again after its release");
    world.release(next);
    world.release(after);
}

#[test]
fn when_the_browser_dies_everything_is_gone_and_whoever_waits_gets_a_new_page() {
    let mut world = World::with(
        &PoolOptions {
            disable_file_admission: true,
            ..PoolOptions::new(1)
        },
        &[],
    );
    world.visit("b");
    let lease = world.lease("a");
    let waiter = world.get("a");
    world.hold(&[Kind::ClosePage, Kind::CloseContext]);
    world.handle(Event::BrowserDisconnected);
    assert!(world.logged(LogLevel::Warn, "the browser is gone"));
    assert!(
        world.is_granted(waiter),
        "a new page serves it: {:?}",
        world.trace
    );
    assert_ne!(world.tab(waiter), world.tab(lease));
    assert_eq!(
        world.count(Kind::ClosePage) + world.count(Kind::CloseContext),
        0,
        "nothing is left to close"
    );
    assert_eq!(world.ledger(), ["a 1"]);
    assert_eq!(
        world.disposed,
        ["a", "b"].map(String::from).into_iter().rev().collect::<Vec<_>>()
    );
    world.release(lease);
    world.release(waiter);
}

#[test]
fn a_browser_that_died_is_started_again_by_itself_if_it_had_served_anybody() {
    let mut world = World::new(1);
    world.warm();
    let attempts = world.attempts;
    world.handle(Event::BrowserDisconnected);
    assert_eq!(
        world.attempts, attempts,
        "one that dies idle may die again at once: {:?}",
        world.trace
    );
    world.visit("a");
    let attempts = world.attempts;
    world.handle(Event::BrowserDisconnected);
    assert!(world.attempts > attempts, "{:?}", world.trace);
}

/// A pool whose refill has just begun with a second standby, with nobody waiting for it.
fn refilling() -> World {
    let mut world = World::new(2);
    world.hold(&[Kind::Standby]);
    let request = world.get("a");
    world.finish(Kind::Standby);
    world.release(request);
    assert_eq!(world.count(Kind::Standby), 1, "{:?}", world.trace);
    world
}

fn stopped() -> Failure {
    Failure::new(FailureKind::BrowserStopped, "the browser was stopped")
}

#[test]
fn nothing_is_made_after_the_browser_was_stopped_until_somebody_asks() {
    let mut paused = refilling();
    paused.fail(Kind::Standby, broken());
    paused.handle(Event::BrowserStopped);
    let mut failing = refilling();
    failing.handle(Event::BrowserStopped);
    failing.fail(Kind::Standby, stopped());
    let mut failed = refilling();
    failed.fail(Kind::Standby, stopped());
    failed.handle(Event::BrowserStopped);
    for mut world in [paused, failing, failed] {
        let attempts = world.attempts;
        world.advance(60_000);
        assert_eq!(world.attempts, attempts, "{:?}", world.trace);
        assert!(world.warm_keys().is_empty(), "{:?}", world.trace);
        assert!(!world.logged(LogLevel::Warn, "browser"), "{:?}", world.log);
        world.unhold(&[Kind::Standby]);
        let request = world.get("b");
        assert!(world.is_granted(request), "{:?}", world.trace);
    }
}

#[test]
fn whoever_waits_when_the_browser_is_stopped_gets_a_page_of_the_next_one() {
    let mut world = refilling();
    let held = world.get("a");
    let waiter = world.get("b");
    assert!(world.is_granted(held) && !world.is_granted(waiter));
    world.handle(Event::BrowserStopped);
    world.fail(Kind::Standby, stopped());
    world.unhold(&[Kind::Standby]);
    world.advance(500);
    assert!(world.is_granted(waiter), "{:?}", world.trace);
}

/// A pool on a driver of ours, where an answer counts for a second.
fn with_proof_of_life() -> World {
    World::with(
        &PoolOptions {
            tab_proof_of_life_ms: Some(1_000.0),
            ..PoolOptions::new(1)
        },
        &[],
    )
}

#[test]
fn an_answer_given_since_the_last_lease_counts_for_the_next() {
    let mut world = with_proof_of_life();
    world.hold(&[Kind::Probe]);
    world.visit("a");
    assert_eq!(world.count(Kind::Probe), 1, "the page is asked at its release");
    world.finish(Kind::Probe);
    let warm = world.get("a");
    assert!(
        world.is_granted(warm),
        "it has answered: nobody waits for another question"
    );
    assert_eq!(world.grants[&warm].waits.tab_probe_ms, 0);
    assert_eq!(
        world.count(Kind::Probe),
        0,
        "a page is not asked in the middle of a lease"
    );
}

#[test]
fn an_answer_from_before_a_lease_says_nothing_after_it() {
    let mut world = with_proof_of_life();
    world.visit("a");
    let lease = world.lease("a");
    world.hold(&[Kind::Probe]);
    world.release(lease);
    let next = world.get("a");
    assert!(
        !world.is_granted(next),
        "it has not answered since that lease ended"
    );
    assert_eq!(
        world.count(Kind::Probe),
        1,
        "the question asked at the release is enough"
    );
    world.finish(Kind::Probe);
    assert!(world.is_granted(next));
}

#[test]
fn an_answer_that_is_too_old_does_not_count() {
    let mut world = with_proof_of_life();
    world.visit("a");
    world.hold(&[Kind::Probe]);
    world.advance(1_001);
    let next = world.get("a");
    assert!(!world.is_granted(next), "more than tabProofOfLifeMs have passed");
    world.finish(Kind::Probe);
    assert!(world.is_granted(next));
}

#[test]
fn a_question_at_release_that_fails_retires_the_page_once_a_caller_comes() {
    let mut world = with_proof_of_life();
    let bad = world.visit("a");
    world.hold(&[Kind::Probe]);
    let lease = world.lease("a");
    world.release(lease);
    world.fail(Kind::Probe, broken());
    assert!(swaps(&world).is_empty(), "nobody has asked for it yet");
    let next = world.get("a");
    world.fail(Kind::Probe, broken());
    assert!(world.is_granted(next));
    assert_ne!(world.tab(next), bad);
    assert_eq!(swaps(&world), [("a".to_owned(), 1)]);
}

#[test]
fn a_caller_that_leaves_during_the_question_leaves_its_answer_to_the_next() {
    let mut world = with_proof_of_life();
    world.visit("a");
    world.advance(2_000);
    world.hold(&[Kind::Probe]);
    let first = world.get("a");
    world.cancel(first);
    let second = world.get("a");
    assert_eq!(world.count(Kind::Probe), 1, "one question under way is enough");
    world.finish(Kind::Probe);
    assert!(world.is_granted(second));
}

#[test]
fn without_proof_of_life_nobody_is_asked_at_release() {
    let mut world = World::new(1);
    world.hold(&[Kind::Probe]);
    world.visit("a");
    assert_eq!(world.count(Kind::Probe), 0);
}
