//! What the simulator found, each in the few steps that it took.

use super::super::testing::{Kind, World};
use crate::pool::{Event, QueueKind};

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
