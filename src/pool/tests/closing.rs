//! Closes that hang, fail, or come late.

use crate::pool::testing::{BACKGROUND, Kind, RETAIN, World};
use crate::pool::{LogLevel, PoolOptions, QueueKind};

#[test]
fn a_hung_close_holds_nobody_else_up_nor_a_fresh_page_of_the_same_affinity() {
    let mut world = World::new(2);
    world.visit("a");
    world.hold(&[Kind::CloseContext]);
    world.dispose_with("a", BACKGROUND);
    world.lease("b");
    world.lease("a");
    assert_eq!(world.count(Kind::CloseContext), 1);
}

#[test]
fn an_awaited_disposal_goes_on_after_the_close_timeout_and_warns() {
    let mut world = World::new(2);
    world.visit("a");
    world.hold(&[Kind::CloseContext]);
    let ticket = world.dispose("a");
    world.advance(4_999);
    assert!(!world.is_done(ticket));
    world.advance(1);
    assert!(world.is_done(ticket), "{:?}", world.trace);
    assert!(world.ledger().is_empty(), "the row is gone");
    assert!(
        world.logged(LogLevel::Warn, "count as alive: 1"),
        "{:?}",
        world.log
    );
}

#[test]
fn a_hung_page_is_followed_by_its_context_when_both_are_to_go() {
    let mut world = World::new(2);
    world.visit("a");
    world.hold(&[Kind::ClosePage, Kind::CloseContext]);
    let ticket = world.dispose("a");
    assert_eq!(world.count(Kind::CloseContext), 0);
    world.advance(5_000);
    assert_eq!(world.count(Kind::CloseContext), 1, "the harder step");
    world.finish(Kind::CloseContext);
    assert!(world.is_done(ticket));
    world.finish(Kind::ClosePage);
    assert_eq!(world.forgotten.len(), 1, "a late answer changes nothing");
}

#[test]
fn a_context_of_which_somebody_disposed_takes_its_slot_until_chrome_has_let_go() {
    let mut world = World::new(1);
    let a = world.lease("a");
    world.lease("b");
    world.hold(&[Kind::ClosePage, Kind::CloseContext]);
    let waiter = world.get("c");
    world.dispose_with("a", RETAIN);
    world.release(a);
    assert_eq!(
        world.count(Kind::ClosePage),
        1,
        "a becomes an orphan: {:?}",
        world.trace
    );
    world.dispose_with("a", BACKGROUND);
    assert_eq!(world.count(Kind::CloseContext), 1, "before its page has closed");
    world.finish(Kind::ClosePage);
    assert!(!world.is_granted(waiter), "the context is still there");
    world.finish(Kind::CloseContext);
    assert!(world.is_granted(waiter), "{:?}", world.trace);
}

#[test]
fn an_orphan_whose_page_hangs_is_not_offered_and_goes_on_counting() {
    let mut world = World::new(1);
    world.visit("a");
    world.hold(&[Kind::ClosePage]);
    world.dispose_with("a", RETAIN);
    world.advance(5_000);
    let lease = world.lease("a");
    let other = world.get("b");
    assert!(
        !world.is_granted(other),
        "one slot is a's lease, the other a page that does not close"
    );
    world.finish(Kind::ClosePage);
    assert!(world.is_granted(other));
    world.release(lease);
}

#[test]
fn where_closing_a_context_is_harder_a_hung_page_takes_its_orphan_along() {
    let mut world = World::with(
        &PoolOptions {
            escalate_page_close: true,
            ..PoolOptions::new(1)
        },
        &[],
    );
    world.visit("a");
    world.hold(&[Kind::ClosePage]);
    world.dispose_with("a", RETAIN);
    assert_eq!(world.ledger(), ["a 0"]);
    world.advance(5_000);
    assert!(world.ledger().is_empty(), "{:?}", world.ledger());
}

#[test]
fn a_hundred_hung_closes_do_not_stop_the_pool_as_long_as_a_slot_is_left() {
    let mut world = World::new(101);
    world.hold(&[Kind::CloseContext]);
    for index in 0..100 {
        let key = format!("t{index}");
        world.visit(&key);
        world.dispose_with(&key, BACKGROUND);
        world.advance(6_000);
    }
    assert_eq!(world.count(Kind::CloseContext), 100);
    world.visit("a");
    world.visit("b");
    assert_eq!(
        world.count(Kind::CloseContext),
        101,
        "and a has made room for the next standby"
    );
}

#[test]
fn with_no_slot_left_callers_wait_are_told_why_and_go_on_when_one_closes() {
    let mut world = World::new(1);
    world.hold(&[Kind::CloseContext]);
    for key in ["a", "b"] {
        world.visit(key);
        world.dispose_with(key, BACKGROUND);
        world.advance(6_000);
    }
    let waiter = world.get("c");
    let cancelled = world.get("d");
    assert!(!world.is_granted(waiter));
    assert!(world.logged(LogLevel::Warn, "do not close"), "{:?}", world.log);
    world.cancel(cancelled);
    world.finish(Kind::CloseContext);
    assert!(world.is_granted(waiter));
    assert!(!world.is_granted(cancelled));
}

#[test]
fn whoever_counts_on_a_slow_close_gets_another_slot_long_before_the_timeout() {
    let mut world = World::new(1);
    let a = world.lease("a");
    let b = world.lease("b");
    world.release(a);
    world.hold(&[Kind::CloseContext]);
    world.dispose_with("a", BACKGROUND);
    // Of all closes only this one hangs.
    world.held.clear();
    let c = world.get("c");
    world.release(b);
    assert!(!world.is_granted(c), "the close has just begun");
    world.advance(300);
    assert!(world.is_granted(c), "b is idle and gives way: {:?}", world.trace);
}

#[test]
fn the_incident_a_leased_page_never_comes_back_and_nobody_else_waits() {
    let mut world = World::with(
        &PoolOptions {
            disable_file_admission: true,
            ..PoolOptions::new(3)
        },
        &[],
    );
    let lost = world.lease("a");
    let ticket = world.dispose("a");
    world.dispose_with("a", BACKGROUND);
    let again: Vec<_> = [0.0, 5.0, 1.0]
        .map(|priority| world.get_for("a", QueueKind::File, priority))
        .to_vec();
    let others: Vec<_> = ["b", "c", "d"].map(|key| world.get(key)).to_vec();
    for round in 0..6 {
        for request in again.iter().chain(&others) {
            if world.is_granted(*request) {
                world.release(*request);
            }
        }
        world.advance(300);
        assert!(
            round < 5 || again.iter().chain(&others).all(|id| world.is_granted(*id)),
            "{:#?}",
            world.trace
        );
    }
    assert!(!world.is_done(ticket), "the lease is still out");
    world.release(lost);
    assert!(world.is_done(ticket));
}

#[test]
fn the_slot_of_a_close_that_ends_late_is_filled_again() {
    let mut world = World::new(1);
    world.visit("a");
    world.hold(&[Kind::CloseContext]);
    world.dispose("a");
    world.advance(60_000);
    assert!(
        world.logged(LogLevel::Warn, "still count as alive: 1"),
        "a close that hangs is told of"
    );
    world.lease("b");
    let before = world.attempts;
    world.advance(60_000);
    assert_eq!(world.attempts, before, "no slot is left while the close hangs");
    world.unhold(&[Kind::CloseContext]);
    assert_eq!(world.attempts, before + 1, "its slot was not used again");
}

#[test]
fn the_warning_counts_what_takes_a_slot_and_does_not_close() {
    let mut world = World::new(1);
    world.hold(&[Kind::ClosePage]);
    world.visit("a");
    world.dispose_with("a", BACKGROUND);
    world.advance(6_000);
    assert!(
        world.logged(
            LogLevel::Warn,
            "a page of a has not closed after 5000 ms; contexts that do not close and still count as alive: 1"
        ),
        "the one that it is about counts: {:?}",
        world.log
    );
}

#[test]
fn the_warning_does_not_count_orphans_which_take_no_slot() {
    let mut world = World::with(&PoolOptions::new(1), &[("PRERENDER_SHARED_CONTEXT_CAP", "1")]);
    world.hold(&[Kind::CloseContext]);
    for key in ["a", "b", "c"] {
        world.visit(key);
        world.dispose_with(key, RETAIN);
    }
    world.advance(6_000);
    assert_eq!(world.count(Kind::CloseContext), 2, "two orphans beyond the cap");
    assert!(
        world.logged(
            LogLevel::Warn,
            "contexts that do not close and still count as alive: 0"
        ),
        "{:?}",
        world.log
    );
}
