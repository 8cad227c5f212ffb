//! Tabs that have served enough give way to a standby, and nobody waits for that.

use super::super::testing::{Kind, World};
use crate::pool::{Event, LogLevel, PoolOptions, QueueKind, RequestId, TabId, WornTabSwaps};

fn options(pages: u32) -> PoolOptions {
    PoolOptions {
        disable_file_admission: true,
        ..PoolOptions::new(pages)
    }
}

/// A pool with all its standbys.
fn ready(options: &PoolOptions) -> World {
    let mut world = World::with(options, &[]);
    world.warm();
    world
}

fn uses(pages: u32, most: f64) -> World {
    ready(&PoolOptions {
        max_uses_per_tab: Some(most),
        ..options(pages)
    })
}

fn remembers(pages: u32) -> World {
    let mut world = ready(&PoolOptions {
        max_tab_memory_mb: Some(100.0),
        ..options(pages)
    });
    world.hold(&[Kind::Measure]);
    world
}

fn reused(world: &World, request: RequestId) -> bool {
    world.grants[&request].reused
}

fn swaps(uses: u32, age: u32, memory: u32) -> WornTabSwaps {
    WornTabSwaps { uses, age, memory }
}

#[test]
fn a_tab_gives_out_as_many_leases_as_it_may_and_the_next_is_of_another_page() {
    let mut world = uses(1, 3.0);
    let tabs: Vec<TabId> = (0..7).map(|_| world.visit("a")).collect();
    assert_eq!(tabs[0], tabs[1]);
    assert_eq!(tabs[0], tabs[2], "three leases");
    assert_ne!(tabs[2], tabs[3], "the fourth is of a standby");
    assert_eq!(tabs[3], tabs[5]);
    assert_ne!(tabs[5], tabs[6]);
    assert_eq!(world.pool.worn_tab_swaps(), swaps(2, 0, 0));
    assert!(world.logged(
        LogLevel::Info,
        "a page of a is worn and is replaced: it has served 3 leases"
    ));
}

#[test]
fn the_page_in_its_place_is_no_warm_one_and_the_tenant_stays_warm_all_the_time() {
    let mut world = uses(2, 1.0);
    world.hold(&[Kind::CloseContext, Kind::ClosePage]);
    world.visit("a");
    assert_eq!(world.warm_keys(), ["a"]);
    let next = world.lease("a");
    assert!(!reused(&world, next), "nothing of the tenant is in it");
    assert_eq!(world.disposed, [""; 0], "the affinity was not disposed of");
    assert_eq!(world.notified, [""; 0], "nor lost");
    assert_eq!(world.count(Kind::ClosePage), 1, "the worn one goes meanwhile");
}

#[test]
fn its_context_goes_with_the_worn_page_and_the_row_is_the_new_ones() {
    let mut world = uses(1, 1.0);
    world.hold(&[Kind::CloseContext]);
    world.visit("a");
    assert_eq!(world.ledger(), ["a 1"]);
    assert_eq!(world.count(Kind::CloseContext), 1, "the old context closes");
    world.unhold(&[Kind::CloseContext]);
    assert_eq!(world.ledger(), ["a 1"], "the row of the new one is left alone");
}

#[test]
fn without_a_standby_it_serves_on_until_there_is_one() {
    let mut world = uses(1, 1.0);
    world.hold(&[Kind::Standby]);
    let worn = world.visit("a");
    assert_eq!(world.visit("a"), worn, "a worn page is better than a wait");
    assert_eq!(world.visit("a"), worn);
    world.unhold(&[Kind::Standby]);
    let after = world.lease("a");
    assert!(reused(&world, after), "it is replaced at its release, not before");
    world.release(after);
    assert_ne!(world.visit("a"), worn);
}

#[test]
fn one_is_replaced_at_a_time() {
    let mut world = uses(4, 1.0);
    world.hold(&[Kind::ClosePage]);
    let leases = [world.lease("a"), world.lease("b")];
    for lease in leases {
        world.release(lease);
    }
    assert_eq!(
        world.pool.worn_tab_swaps(),
        swaps(1, 0, 0),
        "b's waits until a's has closed"
    );
    assert_eq!(world.visit("b"), world.tab(leases[1]));
    world.unhold(&[Kind::ClosePage]);
    assert_eq!(
        world.visit("b"),
        world.tab(leases[1]),
        "which is noticed at its next release"
    );
    assert_ne!(world.visit("b"), world.tab(leases[1]));
}

#[test]
fn a_close_that_hangs_keeps_the_next_replacement_up_for_its_time_only() {
    let mut world = uses(4, 1.0);
    world.hold(&[Kind::ClosePage, Kind::CloseContext]);
    world.visit("a");
    let worn = world.visit("b");
    world.advance(11_000);
    world.visit("b");
    assert_ne!(world.visit("b"), worn);
}

#[test]
fn on_a_busy_tab_whoever_is_next_gets_the_fresh_page_in_the_same_order() {
    let mut world = uses(1, 1.0);
    let holder = world.lease("a");
    let low = world.get_for("a", QueueKind::Module, 0.0);
    let high = world.get_for("a", QueueKind::Module, 7.0);
    world.release(holder);
    assert!(world.is_granted(high), "at once: {:#?}", world.trace);
    assert!(!world.is_granted(low));
    assert_ne!(world.tab(high), world.tab(holder), "the worn one has gone");
    assert!(!reused(&world, high));
    world.release(high);
    assert!(world.is_granted(low));
}

#[test]
fn a_standby_that_somebody_waits_for_is_not_taken() {
    let mut world = uses(1, 1.0);
    world.hold(&[Kind::Standby, Kind::ClosePage]);
    let holder = world.lease("a");
    let newcomer = world.get("b");
    world.release(holder);
    assert_eq!(world.pool.worn_tab_swaps(), swaps(0, 0, 0));
    world.unhold(&[Kind::Standby, Kind::ClosePage]);
    assert!(world.is_granted(newcomer), "{:#?}", world.trace);
}

#[test]
fn an_old_tab_is_replaced_at_its_release_and_its_age_begins_with_its_tenant() {
    let mut world = ready(&PoolOptions {
        max_tab_age_ms: Some(1_000.0),
        ..options(2)
    });
    world.advance(5_000);
    let first = world.visit("a");
    assert_eq!(world.visit("a"), first, "the time as a standby is not counted");
    world.advance(999);
    assert_eq!(world.visit("a"), first);
    world.advance(1);
    let last = world.lease("a");
    assert_eq!(world.tab(last), first, "an idle tab is left alone");
    world.release(last);
    assert_ne!(world.visit("a"), first);
    assert_eq!(world.pool.worn_tab_swaps(), swaps(0, 1, 0));
}

#[test]
fn memory_is_looked_at_when_a_lease_ends_and_an_idle_tab_over_it_goes_at_once() {
    let mut world = remembers(2);
    let first = world.visit("a");
    world.measured(Some(99));
    assert_eq!(world.visit("a"), first);
    world.measured(None);
    assert_eq!(world.visit("a"), first, "not known is never over");
    world.measured(Some(100));
    assert_eq!(world.pool.worn_tab_swaps(), swaps(0, 0, 1));
    let next = world.lease("a");
    assert_ne!(world.tab(next), first);
    assert!(!reused(&world, next));
}

#[test]
fn a_tab_that_is_in_use_again_when_its_memory_is_known_is_replaced_at_its_next_release() {
    let mut world = remembers(2);
    let first = world.visit("a");
    let again = world.lease("a");
    assert_eq!(world.tab(again), first, "nobody waits for an answer");
    world.measured(Some(500));
    assert_eq!(
        world.pool.worn_tab_swaps(),
        swaps(0, 0, 0),
        "not under its holder"
    );
    world.release(again);
    assert_eq!(world.pool.worn_tab_swaps(), swaps(0, 0, 1));
    assert_ne!(world.visit("a"), first);
}

#[test]
fn an_answer_about_a_tab_that_is_gone_changes_nothing() {
    let mut world = remembers(2);
    world.visit("a");
    world.dispose("a");
    world.measured(Some(500));
    assert_eq!(world.pool.worn_tab_swaps(), swaps(0, 0, 0));
    let closed = world.close_all();
    assert!(world.is_done(closed));
}

#[test]
fn where_no_standby_would_come_after_it_nothing_is_replaced() {
    let mut world = ready(&PoolOptions {
        max_uses_per_tab: Some(1.0),
        disable_standby_refill: true,
        ..options(3)
    });
    let first = world.visit("a");
    assert_eq!(world.visit("a"), first);
    assert_eq!(world.pool.worn_tab_swaps(), swaps(0, 0, 0));
}

#[test]
fn a_lease_that_is_revoked_or_cancelled_first_does_not_count_twice() {
    let mut world = uses(2, 2.0);
    let first = world.lease("a");
    let waiting = world.get_for("a", QueueKind::Module, 0.0);
    world.cancel(waiting);
    let page = world.tab(first);
    world.release(first);
    assert_eq!(world.visit("a"), page, "a call that never had it has not worn it");
    assert_ne!(world.visit("a"), page);
}

#[test]
fn close_all_clears_the_counts_and_no_option_means_never() {
    let mut world = uses(2, 1.0);
    world.visit("a");
    assert_eq!(world.pool.worn_tab_swaps(), swaps(1, 0, 0));
    world.close_all();
    assert_eq!(world.pool.worn_tab_swaps(), swaps(0, 0, 0));

    let mut world = ready(&options(2));
    let first = world.visit("a");
    for _ in 0..200 {
        assert_eq!(world.visit("a"), first);
    }
    assert!(
        !world.trace.iter().any(|step| step == "Measure"),
        "nobody asked for it"
    );
}

#[test]
fn the_browsers_end_in_the_middle_of_a_replacement_harms_nobody() {
    let mut world = uses(2, 1.0);
    world.hold(&[Kind::ClosePage]);
    world.visit("a");
    world.handle(Event::BrowserDisconnected);
    world.unhold(&[Kind::ClosePage]);
    let next = world.lease("a");
    world.release(next);
    let closed = world.close_all();
    assert!(world.is_done(closed));
}
