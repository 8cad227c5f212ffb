//! The browser lost its network service, and with it the cookies of all contexts.

use super::super::testing::World;
use crate::pool::{DisposeOptions, Event};

#[test]
fn an_affinity_that_was_reported_lost_is_not_reported_again() {
    let mut world = World::new(1);
    world.visit("a");
    world.dispose_with(
        "a",
        DisposeOptions {
            await_idle: true,
            retain_shared_context: true,
            ..DisposeOptions::default()
        },
    );
    assert_eq!(world.notified, ["a"], "its last tab has gone");
    world.handle(Event::NetworkServiceLost);
    assert_eq!(world.notified, ["a"], "its context is no news to the manager");
    assert_eq!(world.ledger(), [""; 0], "and it is gone as well");
}
