use crate::pool::testing::{Kind, RETAIN, World, broken};
use crate::pool::{Event, PoolOptions, QueueKind};

#[test]
fn an_affinitys_first_tab_registers_the_primary_and_further_ones_do_not_change_the_ledger() {
    let mut world = World::new(2);
    let first = world.lease("a");
    assert_eq!(world.ledger(), ["a 1"]);
    let second = world.get_for("a", QueueKind::Module, 0.0);
    assert_ne!(world.tab(first), world.tab(second));
    assert_eq!(
        world.ledger(),
        ["a 1"],
        "a supplementary tab owns its context itself"
    );
}

#[test]
fn disposing_closes_the_primarys_page_then_its_context_and_a_supplementary_context_once() {
    let mut world = World::new(2);
    let first = world.lease("a");
    let second = world.get_for("a", QueueKind::Module, 0.0);
    world.release(first);
    world.release(second);
    world.trace.clear();
    world.dispose("a");
    let closes: Vec<_> = world
        .trace
        .iter()
        .filter(|line| line.starts_with("Close"))
        .collect();
    assert_eq!(
        closes.iter().filter(|line| line.as_str() == "ClosePage").count(),
        1,
        "{closes:?}"
    );
    assert_eq!(
        closes
            .iter()
            .filter(|line| line.as_str() == "CloseContext")
            .count(),
        2,
        "{closes:?}"
    );
    assert!(world.ledger().is_empty());
}

#[test]
fn a_page_that_fails_to_close_lowers_the_count_all_the_same() {
    let mut world = World::new(2);
    world.visit("a");
    world.hold(&[Kind::ClosePage]);
    let ticket = world.dispose_with("a", RETAIN);
    assert_eq!(world.ledger(), ["a 0"]);
    world.fail(Kind::ClosePage, broken());
    assert!(world.is_done(ticket));
    assert_eq!(world.ledger(), ["a 0"], "the context stays as an orphan");
}

#[test]
fn the_next_visit_opens_a_page_in_the_orphan_and_that_is_startup() {
    let mut world = World::new(2);
    let before = world.visit("a");
    world.dispose_with("a", RETAIN);
    world.hold(&[Kind::Open]);
    let attempts = world.attempts;
    let request = world.get("a");
    assert_eq!(world.count(Kind::Open), 1);
    world.wall += 30.0;
    world.finish(Kind::Open);
    let grant = world.grants[&request];
    assert_ne!(grant.tab, before, "the page is new");
    assert!(!grant.reused);
    assert_eq!(grant.waits.tab_startup_ms, 30);
    assert_eq!(world.ledger(), ["a 1"]);
    assert!(world.attempts <= attempts + 1, "no standby was needed");
}

#[test]
fn an_orphan_whose_page_cannot_be_opened_is_closed_and_its_caller_takes_a_standby() {
    let mut world = World::new(2);
    world.visit("a");
    world.dispose_with("a", RETAIN);
    world.hold(&[Kind::Open, Kind::CloseContext]);
    let request = world.get("a");
    world.fail(Kind::Open, broken());
    assert!(world.is_granted(request), "{:?}", world.trace);
    assert_eq!(world.count(Kind::CloseContext), 1, "the orphan is closed");
    assert_eq!(
        world.ledger(),
        ["a 1"],
        "the standby's context is the primary now"
    );
    world.finish(Kind::CloseContext);
    assert_eq!(
        world.ledger(),
        ["a 1"],
        "the end of the old context leaves the new row alone"
    );
}

#[test]
fn a_standby_gives_way_when_there_is_no_slot_for_the_orphans_page() {
    let mut world = World::new(1);
    world.visit("a");
    world.dispose_with("a", RETAIN);
    let b = world.lease("b");
    assert_eq!(world.ledger(), ["a 0", "b 1"]);
    world.hold(&[Kind::CloseContext, Kind::Open]);
    let a = world.get("a");
    assert_eq!(
        (world.count(Kind::CloseContext), world.count(Kind::Open)),
        (1, 0),
        "the standby closes first"
    );
    world.finish(Kind::CloseContext);
    assert_eq!(world.count(Kind::Open), 1, "its slot is the orphan's");
    world.finish(Kind::Open);
    assert!(world.is_granted(a));
    world.release(b);
}

#[test]
fn a_standby_that_gets_stuck_giving_way_does_not_hold_the_caller_up() {
    let mut world = World::with(&PoolOptions::new(2), &[]);
    world.visit("a");
    world.dispose_with("a", RETAIN);
    let (b, c) = (world.lease("b"), world.lease("c"));
    world.hold(&[Kind::CloseContext]);
    let a = world.get("a");
    // Of all closes only this one hangs.
    world.held.clear();
    assert!(!world.is_granted(a));
    world.release(b);
    world.advance(1_000);
    assert!(
        world.is_granted(a),
        "the slot of b is to be had: {:#?}",
        world.trace
    );
    world.release(c);
}

#[test]
fn the_cap_bounds_all_rows_and_orphans_are_closed_for_it_oldest_first() {
    let mut world = World::with(&PoolOptions::new(2), &[("PRERENDER_SHARED_CONTEXT_CAP", "2")]);
    for key in ["a", "b"] {
        world.visit(key);
        world.dispose_with(key, RETAIN);
    }
    assert_eq!(world.ledger(), ["a 0", "b 0"], "as many as there may be");
    let c = world.lease("c");
    assert_eq!(
        world.ledger(),
        ["b 0", "c 1"],
        "a row in use counts, and the oldest orphan goes"
    );
    let d = world.lease("d");
    assert_eq!(world.ledger(), ["c 1", "d 1"]);
    let e = world.lease("e");
    assert_eq!(
        world.ledger(),
        ["c 1", "d 1", "e 1"],
        "a context in use is never closed for it"
    );
    world.dispose_with("c", RETAIN);
    world.release(c);
    assert_eq!(
        world.ledger(),
        ["d 1", "e 1"],
        "there is no room for an orphan beside two that are in use"
    );
    for lease in [d, e] {
        world.release(lease);
    }
}

#[test]
fn of_two_orphans_the_one_used_longest_ago_goes_though_it_was_disposed_of_last() {
    let mut world = World::with(&PoolOptions::new(3), &[("PRERENDER_SHARED_CONTEXT_CAP", "2")]);
    world.visit("old");
    world.visit("new");
    world.dispose_with("new", RETAIN);
    world.dispose_with("old", RETAIN);
    assert_eq!(world.ledger().len(), 2);
    world.lease("another");
    assert_eq!(world.ledger(), ["new 0", "another 1"]);
}

#[test]
fn making_room_disposes_of_pages_and_context_and_a_returning_visit_takes_a_ready_standby() {
    let mut world = World::new(2);
    for key in ["a", "b", "c"] {
        world.visit(key);
    }
    assert_eq!(world.warm_keys(), ["b", "c"], "a made room");
    assert_eq!(world.ledger(), ["b 1", "c 1"], "and nothing of it is kept");
    world.hold(&[Kind::Open, Kind::Standby]);
    let again = world.lease("a");
    assert_eq!(
        world.grants[&again].waits.tab_startup_ms, 0,
        "its next visit waits for no page to load: {:?}",
        world.trace
    );
    assert!(!world.grants[&again].reused);
}

#[test]
fn a_single_idle_tab_that_makes_room_takes_its_context_along_though_that_is_the_primary() {
    let mut world = World::new(2);
    let first = world.lease("a");
    let second = world.get_for("a", QueueKind::Module, 0.0);
    assert!(world.tab(first) < world.tab(second));
    let b = world.lease("b");
    // No affinity is idle as a whole, and every slot is taken.
    let waiter = world.get("c");
    assert!(!world.is_granted(waiter));
    world.release(first);
    assert!(
        world.is_granted(waiter),
        "the idle tab makes room: {:?}",
        world.trace
    );
    assert_eq!(
        world.ledger(),
        ["b 1", "c 1"],
        "the primary was the idle one, and it is no orphan now"
    );
    assert_eq!(
        world.warm_keys(),
        ["a", "b", "c"],
        "the affinity that serves a lease stays"
    );
    world.release(second);
    world.release(b);
}

#[test]
fn an_affinity_that_serves_a_lease_on_a_tab_that_is_to_close_is_not_closed_to_make_room() {
    let options = PoolOptions {
        disable_file_admission: true,
        ..PoolOptions::new(1)
    };
    let mut world = World::with(&options, &[]);
    let lease = world.lease("a");
    world.dispose_with("a", RETAIN);
    let tab = world.visit("a");
    assert_ne!(tab, world.tab(lease));
    world.lease("b");
    assert_eq!(
        world.ledger(),
        ["a 1", "b 1"],
        "its idle tab made room, and its primary stays as long as the lease"
    );
    world.release(lease);
    assert_eq!(
        world.ledger(),
        ["a 0", "b 1"],
        "and then as the orphan that was asked for"
    );
}

#[test]
fn an_orphan_comes_of_a_disposal_that_asks_for_it_of_a_stuck_tab_and_of_a_closed_page() {
    let mut world = World::new(3);
    world.visit("asked");
    world.dispose_with("asked", RETAIN);
    world.visit("stuck");
    world.hold(&[Kind::Probe]);
    let request = world.get("stuck");
    world.fail(Kind::Probe, broken());
    world.unhold(&[Kind::Probe]);
    world.release(request);
    let tab = world.visit("closed");
    world.handle(Event::TabCrashed { tab });
    assert_eq!(world.ledger(), ["asked 0", "stuck 0", "closed 0"]);
}

#[test]
fn a_migrating_tab_takes_its_context_and_row_along() {
    let options = PoolOptions {
        disable_standby_refill: true,
        ..PoolOptions::new(1)
    };
    let mut world = World::with(&options, &[]);
    world.visit("a");
    assert_eq!(world.ledger(), ["a 1"]);
    world.visit("b");
    assert_eq!(world.ledger(), ["b 1"]);
    assert_eq!(world.notified, ["a"], "a has lost its last tab");
    assert_eq!(world.warm_keys(), ["b"]);
}

#[test]
fn a_receiver_with_a_live_primary_keeps_it() {
    let options = PoolOptions {
        disable_standby_refill: true,
        disable_file_admission: true,
        ..PoolOptions::new(2)
    };
    let mut world = World::with(&options, &[]);
    world.warm();
    let a = world.lease("a");
    let b = world.lease("b");
    world.dispose_with("b", RETAIN);
    world.release(b);
    assert_eq!(world.ledger(), ["a 1", "b 0"], "b keeps an orphan and has no tab");
    world.release(a);
}
