//! What the simulator found, each in the few steps that it took.

use super::super::testing::{Kind, World};

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
