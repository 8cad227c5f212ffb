//! Tabs that idle are trimmed.

use crate::pool::testing::{Kind, World};
use crate::pool::{PoolOptions, TabId};

const IDLE_MS: u64 = 2_000;

fn options(pages: u32) -> PoolOptions {
    PoolOptions {
        idle_trim_ms: Some(2_000.0),
        tab_proof_of_life_ms: Some(1_000.0),
        ..PoolOptions::new(pages)
    }
}

fn world(pages: u32) -> World {
    World::with(&options(pages), &[])
}

/// Visits of these tenants, one after another, and their tabs.
fn visited(world: &mut World, tenants: &[&str]) -> Vec<TabId> {
    tenants.iter().map(|tenant| world.visit(tenant)).collect()
}

#[test]
fn a_tab_is_trimmed_once_after_it_has_idled() {
    let mut world = world(2);
    let tab = world.visit("a");
    world.advance(IDLE_MS - 1);
    assert_eq!(world.trims, [], "it has not idled for idleTrimMs");
    world.advance(1);
    assert_eq!(world.trims, [tab]);
    world.advance(600_000);
    assert_eq!(world.trims, [tab], "nobody has used it since");
    assert_eq!(
        world.pool.poll_timeout(),
        None,
        "an idle pool of one size has no timer"
    );
    world.visit("a");
    world.advance(600_000);
    assert_eq!(world.trims, [tab, tab], "it idles anew");
}

#[test]
fn zero_trims_nothing() {
    let mut world = World::with(
        &PoolOptions {
            idle_trim_ms: Some(0.0),
            ..options(1)
        },
        &[],
    );
    world.visit("a");
    world.advance(600_000);
    assert_eq!(world.trims, []);
}

#[test]
fn a_standby_is_not_trimmed() {
    let mut world = world(3);
    world.warm();
    world.advance(600_000);
    assert_eq!(world.trims, [], "nothing has been rendered in it");
}

#[test]
fn one_tab_is_trimmed_at_a_time() {
    let mut world = world(3);
    let tabs = visited(&mut world, &["a", "b", "c"]);
    world.hold(&[Kind::Trim]);
    world.advance(IDLE_MS);
    assert_eq!(world.trims, tabs[..1]);
    world.finish(Kind::Trim);
    assert_eq!(world.trims, tabs[..2], "the next when the first has ended");
    world.unhold(&[Kind::Trim]);
    assert_eq!(world.trims, tabs);
}

#[test]
fn a_trim_that_does_not_end_is_not_waited_for_by_the_others() {
    let mut world = world(3);
    let tabs = visited(&mut world, &["a", "b", "c"]);
    world.hold(&[Kind::Trim]);
    world.advance(IDLE_MS);
    world.advance(60_000);
    assert_eq!(world.trims, tabs, "each has its time, and then the next has");
    assert_eq!(
        world.pool.poll_timeout(),
        None,
        "nothing waits for what never comes"
    );
    let next = world.lease("a");
    assert_eq!(
        world.tab(next),
        tabs[0],
        "its tenant has it all the same, once it answers"
    );
}

#[test]
fn nothing_is_trimmed_while_a_lease_is_held() {
    let mut world = world(2);
    let idle = world.visit("a");
    let held = world.lease("b");
    world.advance(60_000);
    assert_eq!(world.trims, [], "b's render needs the processors");
    world.release(held);
    assert_eq!(world.trims, [], "the next visit may follow at once");
    world.advance(100);
    assert_eq!(
        world.trims,
        [idle],
        "a has idled for long, and now nobody needs anything"
    );
    world.advance(IDLE_MS);
    assert_eq!(world.trims, [idle, world.tab(held)]);
}

#[test]
fn nothing_is_trimmed_between_visits_that_follow_each_other() {
    let mut world = world(2);
    world.visit("a");
    for _ in 0..200 {
        let held = world.lease("b");
        world.advance(40);
        world.release(held);
        world.advance(40);
    }
    assert_eq!(world.trims, []);
}

#[test]
fn where_there_are_processors_for_it_a_trim_goes_on_beside_leases() {
    let mut world = World::with(
        &PoolOptions {
            trims_beside_leases: 1,
            ..options(3)
        },
        &[],
    );
    let idle = world.visit("a");
    let first = world.lease("b");
    world.advance(IDLE_MS);
    assert_eq!(world.trims, [idle], "one lease leaves room for it");
    world.visit("a");
    world.lease("c");
    world.advance(60_000);
    assert_eq!(world.trims, [idle], "two do not");
    world.release(first);
    world.advance(100);
    assert_eq!(world.trims, [idle, idle]);
}

#[test]
fn nothing_is_trimmed_while_somebody_waits() {
    let mut world = World::with(
        &PoolOptions {
            trims_beside_leases: 5,
            ..options(2)
        },
        &[("PRERENDER_AFFINITY_TAB_MAX", "1")],
    );
    world.visit("a");
    let held = world.lease("b");
    let waiting = world.get("b");
    assert!(!world.is_granted(waiting));
    world.advance(60_000);
    assert_eq!(world.trims, [], "a call waits");
    world.release(held);
    world.advance(100);
    assert_eq!(world.trims.len(), 1, "it has its page now");
}

#[test]
fn a_tenant_that_comes_meanwhile_waits_for_its_page_alone() {
    let mut world = world(2);
    let tabs = visited(&mut world, &["a", "b"]);
    world.hold(&[Kind::Trim]);
    world.advance(IDLE_MS);
    assert_eq!(world.trims, tabs[..1]);
    let lease = world.lease("a");
    assert_eq!(
        world.tab(lease),
        tabs[0],
        "it answers its question, and is handed out"
    );
    world.release(lease);
    world.advance(100);
    assert_eq!(
        world.trims, tabs,
        "the trim that was abandoned is waited for no more"
    );
    world.finish(Kind::Trim);
    world.finish(Kind::Trim);
    world.advance(IDLE_MS);
    assert_eq!(
        world.trims,
        [tabs[0], tabs[1], tabs[0]],
        "what it says late is no news"
    );
}

#[test]
fn a_page_that_did_not_answer_after_its_lease_is_left_to_the_next_visit() {
    let mut world = world(2);
    world.hold(&[Kind::Probe]);
    world.visit("a");
    world.advance(60_000);
    assert_eq!(world.trims, [], "it has not answered yet");
    world.fail(Kind::Probe, crate::pool::testing::broken());
    world.advance(60_000);
    assert_eq!(world.trims, [], "it did not answer");
}

#[test]
fn an_answer_that_comes_late_lets_its_page_be_trimmed() {
    let mut world = world(2);
    world.hold(&[Kind::Probe]);
    let tab = world.visit("a");
    world.advance(60_000);
    world.finish(Kind::Probe);
    world.advance(1);
    assert_eq!(world.trims, [tab]);
}

#[test]
fn a_trim_is_an_answer_to_who_comes_soon_after_it() {
    let mut world = world(2);
    let tab = world.visit("a");
    world.advance(IDLE_MS);
    assert_eq!(world.trims, [tab]);
    world.hold(&[Kind::Probe]);
    world.lease("a");
    assert_eq!(world.count(Kind::Probe), 0, "it answered a moment ago");
}

#[test]
fn a_trim_without_an_answer_is_none() {
    let mut world = world(2);
    let tab = world.visit("a");
    world.hold(&[Kind::Trim]);
    world.advance(IDLE_MS);
    world.fail(Kind::Trim, crate::pool::testing::broken());
    world.hold(&[Kind::Probe]);
    let next = world.get("a");
    assert!(!world.is_granted(next), "the page may be stuck");
    world.unhold(&[Kind::Probe]);
    assert_eq!(world.tab(next), tab);
}

#[test]
fn a_tenant_that_comes_regularly_does_not_find_its_page_at_work() {
    let mut world = world(2);
    let tab = world.visit("a");
    for _ in 0..10 {
        world.advance(3_000);
        world.visit("a");
    }
    let before = world.trims.len();
    for _ in 0..10 {
        world.advance(3_000);
        world.visit("a");
    }
    assert_eq!(world.trims.len(), before, "it comes every three seconds");
    world.advance(6_100);
    assert_eq!(world.trims.len(), before + 1, "this time it does not");
    assert_eq!(world.trims.last(), Some(&tab));
}

#[test]
fn a_tenant_that_comes_seldom_is_not_taken_for_one_that_comes_regularly() {
    let mut world = world(2);
    let tab = world.visit("a");
    for _ in 0..3 {
        world.advance(60_000);
        world.visit("a");
    }
    world.trims.clear();
    world.advance(IDLE_MS);
    assert_eq!(world.trims, [tab]);
}

#[test]
fn a_pool_that_closes_trims_nothing_and_leaves_no_timer() {
    let mut world = world(2);
    visited(&mut world, &["a", "b"]);
    world.hold(&[Kind::Trim]);
    world.advance(IDLE_MS);
    world.close_all();
    assert!(
        world.pool.is_empty(),
        "a trim that has not ended is in nobody's way"
    );
    world.advance(600_000);
    assert_eq!(world.trims.len(), 1);
}

#[test]
fn a_tab_that_is_disposed_of_while_it_is_trimmed_closes_at_once() {
    let mut world = world(2);
    let tabs = visited(&mut world, &["a", "b"]);
    world.hold(&[Kind::Trim]);
    world.advance(IDLE_MS);
    let ticket = world.dispose("a");
    assert!(world.done.contains(&ticket), "the disposal waits for no trim");
    world.advance(100);
    assert_eq!(world.trims, tabs, "nor does the next tab");
}
