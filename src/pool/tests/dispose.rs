use crate::pool::testing::{BACKGROUND, Kind, World, broken};
use crate::pool::{DisposeOptions, PoolOptions, QueueKind};

fn shared() -> PoolOptions {
    PoolOptions {
        disable_file_admission: true,
        ..PoolOptions::new(2)
    }
}

#[test]
fn an_unknown_key_is_disposed_of_at_once_and_without_a_callback() {
    let mut world = World::new(1);
    let ticket = world.dispose("nobody");
    assert!(world.is_done(ticket));
    assert!(world.disposed.is_empty() && world.notified.is_empty());
}

#[test]
fn an_awaited_disposal_closes_then_notifies_then_calls_back_then_resolves() {
    let mut world = World::new(1);
    world.visit("a");
    world.hold(&[Kind::ClosePage, Kind::CloseContext, Kind::Manager]);
    world.trace.clear();
    let ticket = world.dispose("a");
    assert!(
        world.warm_keys().is_empty(),
        "the key leaves the warm list at the call"
    );
    assert_eq!(world.ledger(), ["a 0!"], "the row is closing at the call");
    world.finish(Kind::ClosePage);
    world.finish(Kind::CloseContext);
    assert!(world.ledger().is_empty(), "the row is gone");
    assert!(!world.is_done(ticket), "the manager has not answered");
    assert!(world.disposed.is_empty());
    world.finish(Kind::Manager);
    let tail: Vec<_> = world
        .trace
        .iter()
        .filter(|line| !line.contains("Standby"))
        .map(String::as_str)
        .collect();
    let done = format!("disposed {}", ticket.0);
    assert_eq!(
        tail,
        ["ClosePage", "CloseContext", "notify a", "callback a", &done]
    );
    assert_eq!(world.cleanings, 1);
}

#[test]
fn a_background_disposal_calls_back_before_it_returns_and_notifies_at_the_end() {
    let mut world = World::new(1);
    world.visit("a");
    world.hold(&[Kind::ClosePage, Kind::CloseContext]);
    let ticket = world.dispose_with("a", BACKGROUND);
    assert!(world.is_done(ticket));
    assert_eq!(world.disposed, ["a"]);
    assert!(world.notified.is_empty());
    assert_eq!(
        world.warm_keys(),
        ["a"],
        "the key stays listed until the closes end"
    );
    world.unhold(&[Kind::ClosePage, Kind::CloseContext]);
    assert!(world.warm_keys().is_empty());
    assert_eq!(world.notified, ["a"]);
    assert_eq!(world.disposed, ["a"], "called back once");
}

#[test]
fn a_tab_in_use_is_closed_after_its_release() {
    let mut world = World::new(2);
    let lease = world.lease("a");
    let ticket = world.dispose("a");
    assert_eq!(world.ledger(), ["a 1!"]);
    assert!(!world.is_done(ticket));
    assert!(world.forgotten.is_empty(), "closed under its holder");
    world.release(lease);
    assert!(world.is_done(ticket));
    assert_eq!(world.forgotten.len(), 1);
}

#[test]
fn a_get_page_during_a_disposal_starts_clean_and_the_manager_is_not_told() {
    let mut world = World::with(&shared(), &[]);
    let old = world.lease("a");
    let ticket = world.dispose("a");
    let new = world.lease("a");
    assert_ne!(world.tab(old), world.tab(new));
    assert_eq!(world.ledger(), ["a 1"], "the row is the fresh context's");
    world.release(old);
    assert!(world.is_done(ticket));
    assert_eq!(world.ledger(), ["a 1"], "the old context's end leaves it alone");
    assert!(
        world.notified.is_empty(),
        "the manager would forget a live affinity"
    );
    assert_eq!(world.disposed, ["a"]);
    world.release(new);
}

#[test]
fn waiters_parked_on_a_disposed_tab_choose_again_in_order() {
    let mut world = World::with(&shared(), &[("PRERENDER_AFFINITY_TAB_MAX", "1")]);
    let holder = world.lease("a");
    world.hold(&[Kind::Standby]);
    let low = world.get("a");
    let high = world.get_for("a", QueueKind::File, 9.0);
    assert!(!world.is_granted(low) && !world.is_granted(high));
    world.dispose("a");
    world.unhold(&[Kind::Standby]);
    assert!(world.is_granted(high), "the highest priority takes the standby");
    assert!(!world.grants[&high].reused);
    world.release(high);
    assert!(world.is_granted(low));
    world.release(holder);
    world.release(low);
}

#[test]
fn two_disposals_of_one_key_share_one_teardown() {
    let mut world = World::new(2);
    let lease = world.lease("a");
    let first = world.dispose("a");
    let second = world.dispose("a");
    let third = world.dispose_with("a", BACKGROUND);
    assert!(world.is_done(third) && !world.is_done(first) && !world.is_done(second));
    world.release(lease);
    assert!(world.is_done(first) && world.is_done(second));
    assert_eq!(world.disposed, ["a"]);
    assert_eq!(world.notified, ["a"]);
}

#[test]
fn a_second_disposal_takes_what_came_to_life_since_the_first() {
    let mut world = World::with(&shared(), &[]);
    let old = world.lease("a");
    world.dispose("a");
    let new = world.lease("a");
    let second = world.dispose("a");
    world.release(new);
    assert!(!world.is_done(second), "the first lease is still out");
    world.release(old);
    assert!(world.is_done(second));
    assert!(world.ledger().is_empty());
    assert_eq!(world.notified, ["a"]);
}

#[test]
fn a_disposal_while_a_standby_is_made_for_the_key_leaves_the_request_alone() {
    let mut world = World::new(1);
    world.hold(&[Kind::Standby]);
    let request = world.get("a");
    let ticket = world.dispose("a");
    assert!(world.is_done(ticket), "nothing is known of the key yet");
    world.finish(Kind::Standby);
    assert!(world.is_granted(request));
}

#[test]
fn a_disposal_while_the_orphan_is_opened_sends_its_caller_to_a_fresh_context() {
    let mut world = World::new(2);
    world.visit("a");
    world.dispose_with(
        "a",
        DisposeOptions {
            retain_shared_context: true,
            ..BACKGROUND
        },
    );
    world.hold(&[Kind::Open]);
    let request = world.get("a");
    let ticket = world.dispose("a");
    assert!(
        world.is_granted(request),
        "a fresh standby serves it: {:?}",
        world.trace
    );
    world.finish(Kind::Open);
    assert!(world.is_done(ticket));
    assert_eq!(world.ledger(), ["a 1"]);
}

#[test]
fn an_awaited_disposal_waits_for_the_context_in_which_no_page_could_be_opened() {
    let mut world = World::new(2);
    world.hold(&[Kind::Standby]);
    let first = world.get("a");
    world.finish(Kind::Standby);
    world.release(first);
    world.dispose_with(
        "a",
        DisposeOptions {
            retain_shared_context: true,
            ..BACKGROUND
        },
    );
    world.hold(&[Kind::Open, Kind::CloseContext]);
    let request = world.get("a");
    world.fail(Kind::Open, broken());
    assert_eq!(world.count(Kind::CloseContext), 1, "{:?}", world.trace);
    assert!(!world.is_granted(request), "no standby is ready");
    world.cancel(request);
    let ticket = world.dispose("a");
    assert!(!world.is_done(ticket), "its context is still closing");
    world.finish(Kind::CloseContext);
    assert!(world.is_done(ticket), "nothing of it is left: {:?}", world.trace);
    let disposed = world.disposed.len();
    let ticket = world.dispose("a");
    assert!(world.is_done(ticket), "nothing is known of the key any more");
    assert_eq!(world.disposed.len(), disposed, "so nobody is called back");
}

#[test]
fn a_holder_that_still_waits_for_the_semaphore_chooses_again() {
    let options = PoolOptions {
        has_semaphore: true,
        semaphore_can_grow: true,
        ..PoolOptions::new(2)
    };
    let mut world = World::with(&options, &[]);
    world.visit("a");
    let (b, c) = (world.lease("b"), world.lease("c"));
    let a = world.get("a");
    assert!(!world.is_granted(a), "both permits are taken");
    let ticket = world.dispose("a");
    assert!(
        world.is_done(ticket),
        "the disposal does not wait for the semaphore"
    );
    world.release(b);
    world.release(c);
    assert!(world.is_granted(a));
}

#[test]
fn retained_console_errors_are_announced_with_the_tab() {
    let mut world = World::new(1);
    let tab = world.visit("a");
    world.dispose_with(
        "a",
        DisposeOptions {
            retain_console_errors: true,
            ..DisposeOptions::default()
        },
    );
    assert_eq!(world.forgotten, [(tab, true)]);
}

#[test]
fn idle_affinities_are_evicted_by_their_newest_use() {
    let mut world = World::new(3);
    world.visit("a");
    world.wall += 1_000.0;
    world.visit("b");
    let lease = world.lease("c");
    world.wall += 500.0;
    for nothing in [f64::NAN, f64::INFINITY, 0.0, -5.0] {
        let ticket = world.evict_idle(nothing);
        assert!(world.evicted[&ticket].is_empty(), "{nothing}");
    }
    world.hold(&[Kind::Manager]);
    let ticket = world.evict_idle(1_000.0);
    assert!(!world.is_done(ticket), "the manager has not answered");
    world.finish(Kind::Manager);
    assert_eq!(world.evicted[&ticket], ["a"]);
    assert_eq!(world.ledger(), ["b 1", "c 1"], "the row is gone");
    world.wall += 5_000.0;
    let ticket = world.evict_idle(1_000.0);
    world.unhold(&[Kind::Manager]);
    assert_eq!(
        world.evicted[&ticket],
        ["b"],
        "an affinity with a lease is not touched"
    );
    world.release(lease);
}
