//! A request is cancelled at every point where it can be: it leaves every queue and gives back all it held.

use crate::pool::testing::{Kind, RETAIN, World};
use crate::pool::{PoolOptions, QueueKind};

fn with_semaphore(pages: u32) -> World {
    let options = PoolOptions {
        has_semaphore: true,
        semaphore_can_grow: true,
        disable_file_admission: true,
        ..PoolOptions::new(pages)
    };
    World::with(&options, &[])
}

#[test]
fn while_it_waits_for_admission() {
    let mut world = World::new(2);
    let holder = world.lease("a");
    let waiter = world.get("a");
    let next = world.get("a");
    world.cancel(waiter);
    world.release(holder);
    assert!(world.is_granted(next) && !world.is_granted(waiter));
}

#[test]
fn while_it_waits_for_a_standby_which_then_goes_to_whoever_is_next() {
    let mut world = World::new(1);
    world.hold(&[Kind::Standby]);
    let gone = world.get("a");
    let next = world.get("b");
    world.cancel(gone);
    world.finish(Kind::Standby);
    assert!(world.is_granted(next));
}

#[test]
fn while_its_orphan_is_opened_and_the_page_stays_warm_for_the_next() {
    let mut world = World::new(2);
    world.visit("a");
    world.dispose_with("a", RETAIN);
    world.hold(&[Kind::Open]);
    let gone = world.get("a");
    world.cancel(gone);
    world.finish(Kind::Open);
    assert_eq!(world.warm_keys(), ["a"]);
    let next = world.lease("a");
    assert!(world.grants[&next].reused);
}

#[test]
fn while_it_waits_for_a_tab() {
    let mut world = with_semaphore(1);
    let holder = world.lease("a");
    let gone = world.get("a");
    let next = world.get("a");
    world.cancel(gone);
    world.release(holder);
    assert!(world.is_granted(next));
}

#[test]
fn while_it_waits_for_a_promised_tab_which_may_then_be_promised_again() {
    let options = PoolOptions {
        disable_standby_refill: true,
        ..PoolOptions::new(1)
    };
    let mut world = World::with(&options, &[]);
    let holder = world.lease("a");
    world.warm();
    let b = world.get("b");
    world.cancel(b);
    let c = world.get("c");
    world.release(holder);
    assert!(world.is_granted(c), "{:?}", world.rejections);
}

#[test]
fn during_the_probe_which_says_nothing_about_the_tab() {
    let mut world = World::new(1);
    let tab = world.visit("a");
    world.hold(&[Kind::Probe]);
    let gone = world.get("a");
    world.cancel(gone);
    world.unhold(&[Kind::Probe]);
    let next = world.lease("a");
    assert_eq!(world.tab(next), tab, "the tab was retired");
    assert!(world.pool.unresponsive_tab_swaps().is_empty());
}

#[test]
fn while_it_waits_for_the_semaphore_and_its_tab_goes_to_the_next() {
    let mut world = with_semaphore(1);
    let a = world.lease("a");
    let b = world.get("b");
    assert!(!world.is_granted(b));
    let next = world.get("b");
    world.cancel(b);
    world.release(a);
    assert!(world.is_granted(next) && !world.is_granted(b));
    assert_eq!(
        world.semaphore.as_ref().map(|semaphore| semaphore.holders.len()),
        Some(1)
    );
}

#[test]
fn once_it_was_granted_a_cancel_changes_nothing() {
    let mut world = World::new(1);
    let lease = world.lease("a");
    world.cancel(lease);
    assert!(world.pool.check_invariants().is_ok());
    world.release(lease);
    world.release(lease);
    assert_eq!(world.warm_keys(), ["a"]);
}

#[test]
fn a_module_that_is_cancelled_in_the_pools_queue_leaves_no_trace() {
    let mut world = World::with(&PoolOptions::new(2), &[]);
    let file = world.lease("a");
    let others = [world.lease("b"), world.lease("c")];
    let module = world.get_for("a", QueueKind::Module, 0.0);
    assert!(!world.is_granted(module));
    world.cancel(module);
    for lease in others.into_iter().chain([file]) {
        world.release(lease);
    }
    assert!(!world.is_granted(module));
    let closed = world.close_all();
    assert!(world.is_done(closed) && world.pool.is_empty());
}
