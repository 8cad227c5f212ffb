//! The browser lost its network service, and with it the cookies of all contexts.

use super::super::testing::{Kind, World};
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

#[test]
fn an_affinity_whose_last_page_is_closing_anyway_is_disposed_of_once() {
    let mut world = World::new(1);
    world.visit("a");
    world.hold(&[Kind::CloseContext]);
    world.dispose("a");
    assert_eq!(world.disposed, [""; 0], "its context has yet to close");
    world.handle(Event::NetworkServiceLost);
    world.unhold(&[Kind::CloseContext]);
    assert_eq!(world.disposed, ["a"]);
    assert_eq!(world.notified, ["a"]);
}
