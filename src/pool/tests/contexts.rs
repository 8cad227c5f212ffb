use crate::pool::testing::{Kind, RETAIN, World, broken};
use crate::pool::{PoolOptions, QueueKind};

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
    world.visit("b");
    assert_eq!(world.ledger(), ["a 0", "b 1"]);
    let b = world.lease("b");
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
    world.visit("b");
    world.visit("c");
    let (b, c) = (world.lease("b"), world.lease("c"));
    world.hold(&[Kind::CloseContext]);
    let a = world.get("a");
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
fn orphans_beyond_the_cap_are_closed_oldest_first() {
    let mut world = World::with(&PoolOptions::new(2), &[("PRERENDER_SHARED_CONTEXT_CAP", "2")]);
    for key in ["a", "b", "c"] {
        world.visit(key);
        world.dispose_with(key, RETAIN);
    }
    assert_eq!(world.ledger(), ["b 0", "c 0"]);
    let held = world.lease("d");
    world.visit("e");
    world.dispose_with("e", RETAIN);
    assert_eq!(
        world.ledger(),
        ["c 0", "d 1", "e 0"],
        "a context in use never goes"
    );
    world.release(held);
}

#[test]
fn the_orphan_that_a_caller_waits_to_open_is_not_the_one_that_gives_way_to_a_newer() {
    let mut world = World::with(&PoolOptions::new(1), &[("PRERENDER_SHARED_CONTEXT_CAP", "1")]);
    world.visit("c");
    world.dispose_with("c", RETAIN);
    for lease in [world.lease("a"), world.lease("b")] {
        world.release(lease);
    }
    assert_eq!(world.ledger(), ["c 0", "a 1", "b 1"]);
    world.hold(&[Kind::Open]);
    world.get("c");
    assert_eq!(
        world.count(Kind::Open),
        1,
        "room for it is made by closing a's tab, and its own context is still there: {:?}",
        world.ledger()
    );
    world.finish(Kind::Open);
    assert_eq!(
        world.ledger(),
        ["c 1", "b 0"],
        "a's went instead, and b's tab made room for a standby"
    );
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
