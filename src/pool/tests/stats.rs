//! What `stats()` counts, and what those who watch a pool are told.

use crate::pool::testing::{Kind, RETAIN, World, broken};
use crate::pool::{
    BrowserInfo, ContextCounts, Event, EvictionReason, Histogram, Occurrence, PoolOptions, Priority,
    QueueKind, RejectionCode, RequestId, RetirementReason, Revocation, Stats, TabCounts, Terms, Totals,
    WaitingCounts,
};

fn stats(world: &World) -> Stats {
    world.pool.stats()
}

fn rejected(world: &World, code: RejectionCode) -> u64 {
    stats(world).totals.rejected[code as usize]
}

fn retired(world: &World, reason: RetirementReason) -> u64 {
    stats(world).totals.retirements[reason as usize]
}

fn tabs(total: usize, leased: usize, idle: usize, closing: usize) -> TabCounts {
    TabCounts {
        total,
        leased,
        idle,
        closing,
    }
}

fn browser(pid: u32) -> BrowserInfo {
    BrowserInfo {
        pid: Some(pid),
        version: "HeadlessChrome/140".to_owned(),
    }
}

/// The bounds and cumulative counts of the buckets that are not as the one before.
fn steps(histogram: &Histogram) -> Vec<(Option<u64>, u64)> {
    let mut steps: Vec<(Option<u64>, u64)> = Vec::new();
    for (bound, count) in histogram.cumulative() {
        if steps.last().map_or(0, |at| at.1) != count {
            steps.push((bound, count));
        }
    }
    steps
}

#[test]
fn a_pool_that_has_done_nothing_counts_nothing() {
    let world = World::new(3);
    let stats = stats(&world);
    assert_eq!(stats.max_pages, 3);
    assert_eq!(stats.tabs, TabCounts::default());
    assert_eq!(
        (stats.standbys.ready, stats.standbys.making, stats.standbys.wanted),
        (0, 0, 3)
    );
    assert_eq!(stats.totals, Totals::default());
    assert_eq!(stats.waits.total.count(), 0);
    assert_eq!(stats.browser, None);
}

#[test]
fn tabs_are_leased_idle_or_closing_and_standbys_are_none_of_them() {
    let mut world = World::new(3);
    world.warm();
    assert_eq!(stats(&world).standbys.ready, 3);
    assert_eq!(stats(&world).tabs, tabs(0, 0, 0, 0), "nobody has one yet");
    let held = world.lease("a");
    world.visit("b");
    assert_eq!(stats(&world).tabs, tabs(2, 1, 1, 0));
    assert_eq!((stats(&world).leases, stats(&world).affinities), (1, 2));
    world.hold(&[Kind::ClosePage, Kind::CloseContext]);
    world.dispose("a");
    world.dispose("b");
    assert_eq!(
        stats(&world).tabs,
        tabs(2, 1, 0, 1),
        "one is still leased, the other closes"
    );
    world.release(held);
    assert_eq!(stats(&world).tabs, tabs(2, 0, 0, 2));
    world.unhold(&[Kind::ClosePage, Kind::CloseContext]);
    assert_eq!(stats(&world).tabs, tabs(0, 0, 0, 0));
    assert_eq!(stats(&world).affinities, 0);
}

#[test]
fn contexts_are_counted_until_the_browser_has_let_go_of_them() {
    let mut world = World::new(1);
    world.warm();
    world.visit("a");
    world.hold(&[Kind::Standby]);
    world.dispose_with("a", RETAIN);
    let ContextCounts { orphans, closing, .. } = stats(&world).contexts;
    assert_eq!((orphans, closing), (1, 0), "its context is kept without a page");
    world.hold(&[Kind::CloseContext]);
    world.dispose("a");
    let ContextCounts { orphans, closing, .. } = stats(&world).contexts;
    assert_eq!((orphans, closing), (0, 1));
    let before = stats(&world).contexts.total;
    world.finish(Kind::CloseContext);
    assert_eq!(stats(&world).contexts.total, before - 1);
}

#[test]
fn who_waits_is_counted_by_what_for() {
    let options = PoolOptions {
        has_semaphore: true,
        ..PoolOptions::new(2)
    };
    let environment = [
        ("PRERENDER_AFFINITY_TAB_MAX", "1"),
        ("PRERENDER_AFFINITY_FILE_CONCURRENCY", "1"),
    ];
    let mut world = World::with(&options, &environment);
    world.hold(&[Kind::Standby]);
    let a = world.get("a");
    assert_eq!(
        stats(&world).waiting,
        WaitingCounts {
            standby: 1,
            ..WaitingCounts::default()
        }
    );
    world.unhold(&[Kind::Standby]);
    assert!(world.is_granted(a));
    world.get("a");
    world.get_for("a", QueueKind::Module, 0.0);
    let expected = WaitingCounts {
        admission: 1,
        tab: 1,
        ..WaitingCounts::default()
    };
    assert_eq!(stats(&world).waiting, expected);
    let b = world.lease("b");
    world.release(b);
    world.hold(&[Kind::Probe]);
    world.get_for("b", QueueKind::Module, 0.0);
    assert_eq!(stats(&world).waiting, WaitingCounts { probe: 1, ..expected });
    world.semaphore.as_mut().expect("a semaphore").capacity = 1;
    world.finish(Kind::Probe);
    assert_eq!(
        stats(&world).waiting,
        WaitingCounts {
            semaphore: 1,
            ..expected
        }
    );
}

#[test]
fn each_granted_lease_is_one_value_of_each_histogram() {
    let mut world = World::with(
        &PoolOptions {
            disable_file_admission: true,
            ..PoolOptions::new(1)
        },
        &[],
    );
    world.hold(&[Kind::Standby]);
    let first = world.get("a");
    world.wall += 100.0;
    world.finish(Kind::Standby);
    let second = world.get("a");
    world.wall += 251.0;
    world.release(first);
    assert!(world.is_granted(second));
    let waits = stats(&world).waits;
    assert_eq!(
        steps(&waits.total),
        [(Some(100), 1), (Some(500), 2)],
        "100 is within 100, 251 is not within 250"
    );
    assert_eq!((waits.total.count(), waits.total.sum()), (2, 351));
    assert_eq!(steps(&waits.tab_startup), [(Some(0), 1), (Some(100), 2)]);
    assert_eq!(steps(&waits.tab_queue), [(Some(0), 1), (Some(500), 2)]);
    assert_eq!(
        steps(&waits.semaphore),
        [(Some(0), 2)],
        "what was not waited for is 0"
    );
    let totals = stats(&world).totals;
    assert_eq!((totals.warm_leases, totals.cold_leases), (1, 1));
}

#[test]
fn a_wait_beyond_the_last_bound_is_in_the_bucket_without_one() {
    let mut world = World::new(1);
    world.hold(&[Kind::Standby]);
    world.get("a");
    world.wall += 60_001.0;
    world.finish(Kind::Standby);
    assert_eq!(steps(&stats(&world).waits.total), [(None, 1)]);
}

#[test]
fn calls_without_a_lease_are_counted_by_their_code_once_each() {
    let mut world = World::new(1);
    world.lease("a");
    world.lease("z");
    let called_off = world.get("b");
    world.cancel(called_off);
    world.cancel(called_off);
    assert_eq!(rejected(&world, RejectionCode::Cancelled), 1);
    let terms = |acquire_timeout_ms, max_waiting| Terms {
        acquire_timeout_ms,
        max_waiting,
        ..Terms::default()
    };
    for (id, terms) in [(1_001, terms(Some(50), None)), (1_002, terms(None, Some(0)))] {
        world.handle(Event::GetPage {
            request: RequestId(id),
            affinity: "b".into(),
            queue: QueueKind::Command,
            priority: Priority::default(),
            terms,
        });
    }
    assert_eq!(rejected(&world, RejectionCode::TooManyWaiting), 1);
    world.advance(50);
    assert_eq!(rejected(&world, RejectionCode::AcquireTimeout), 1);
    let told: Vec<_> = world
        .told
        .iter()
        .filter_map(|told| match told {
            Occurrence::Rejected {
                affinity,
                queue,
                code,
            } => Some((affinity.as_str(), *queue, *code)),
            _ => None,
        })
        .collect();
    let expected = [
        ("b", QueueKind::File, RejectionCode::Cancelled),
        ("b", QueueKind::Command, RejectionCode::TooManyWaiting),
        ("b", QueueKind::Command, RejectionCode::AcquireTimeout),
    ];
    assert_eq!(told, expected);
    world.get("b");
    world.close_all();
    world.get("c");
    assert_eq!(
        rejected(&world, RejectionCode::PoolClosed),
        2,
        "one that waited, one that came too late"
    );
}

#[test]
fn a_call_that_no_standby_comes_for_is_counted() {
    let mut world = World::new(1);
    world.hold(&[Kind::Standby]);
    world.get("a");
    for _ in 0..3 {
        world.fail(Kind::Standby, broken());
        world.advance(4_000);
    }
    assert_eq!(rejected(&world, RejectionCode::StandbyUnavailable), 1);
    let totals = stats(&world).totals;
    assert_eq!((totals.standbys_made, totals.standbys_failed), (0, 3));
}

#[test]
fn an_attempt_at_a_standby_is_told_with_its_number_and_its_time() {
    let mut world = World::new(1);
    world.hold(&[Kind::Standby]);
    world.warm();
    world.advance(30);
    world.fail(Kind::Standby, broken());
    world.advance(500);
    world.advance(70);
    world.finish(Kind::Standby);
    let told: Vec<_> = world
        .told
        .iter()
        .filter_map(|told| match told {
            Occurrence::Standby {
                attempt,
                took_ms,
                failure,
                ..
            } => Some((
                *attempt,
                *took_ms,
                failure.as_ref().map(|failure| failure.message.clone()),
            )),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(1, 30, Some("broken".to_owned())), (2, 70, None)]);
    assert_eq!(stats(&world).totals.standbys_made, 1);
}

#[test]
fn a_release_tells_how_long_the_lease_was_and_whether_it_was_taken_away() {
    let mut world = World::with(
        &PoolOptions {
            lease_timeout_ms: Some(1_000.0),
            ..PoolOptions::new(2)
        },
        &[],
    );
    let short = world.lease("a");
    world.advance(400);
    world.release(short);
    world.release(short);
    world.lease("b");
    world.advance(1_000);
    let told: Vec<_> = world
        .told
        .iter()
        .filter_map(|told| match told {
            Occurrence::Released {
                affinity,
                lease_ms,
                revocation,
                ..
            } => Some((affinity.as_str(), *lease_ms, revocation.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(told, [("a", 400, None), ("b", 1_000, Some(Revocation::Expired))]);
    assert_eq!(
        retired(&world, RetirementReason::LeaseTimeout),
        1,
        "its page goes with it"
    );
    assert_eq!(stats(&world).leases, 0);
}

#[test]
fn a_tab_is_retired_for_a_reason() {
    let mut world = World::new(2);
    world.visit("a");
    world.hold(&[Kind::Probe]);
    let request = world.get("a");
    world.fail(Kind::Probe, broken());
    assert_eq!(retired(&world, RetirementReason::Unresponsive), 1);
    let tab = world.tab(request);
    world.handle(Event::TabSpoiled {
        tab,
        why: "said too much".to_owned(),
    });
    world.handle(Event::TabCrashed { tab });
    assert_eq!(retired(&world, RetirementReason::Unfit), 1);
    assert_eq!(
        retired(&world, RetirementReason::Crashed),
        0,
        "it was on its way out already"
    );
    let standby = world.pool.next_standby().expect("a standby");
    world.handle(Event::TabCrashed { tab: standby });
    assert_eq!(retired(&world, RetirementReason::Crashed), 1);
    let told = world.told.iter().rev().find_map(|told| match told {
        Occurrence::Retired { affinity, reason, .. } => Some((affinity.clone(), *reason)),
        _ => None,
    });
    assert_eq!(
        told,
        Some((None, RetirementReason::Crashed)),
        "a standby is nobody's"
    );
}

#[test]
fn the_tabs_that_were_replaced_as_worn_are_retired() {
    let options = PoolOptions {
        max_uses_per_tab: Some(1.0),
        ..PoolOptions::new(1)
    };
    let mut world = World::with(&options, &[]);
    world.warm();
    world.visit("a");
    assert_eq!(retired(&world, RetirementReason::Uses), 1);
    world.close_all();
    assert_eq!(
        retired(&world, RetirementReason::Uses),
        1,
        "closing the pool clears no total"
    );
}

#[test]
fn evictions_are_those_for_room_those_that_were_asked_for_and_those_of_a_contraction() {
    let mut world = World::new(1);
    world.visit("a");
    world.visit("b");
    world.wall += 10.0;
    world.evict_idle(5.0);
    assert_eq!(stats(&world).totals.evictions, 2);
    world.visit("c");
    world.dispose("c");
    assert_eq!(stats(&world).totals.evictions, 2, "a disposal is none");
    let told: Vec<_> = world
        .told
        .iter()
        .filter_map(|told| match told {
            Occurrence::Evicted {
                affinity,
                tabs,
                reason,
            } => Some((affinity.as_str(), *tabs, *reason)),
            _ => None,
        })
        .collect();
    assert_eq!(
        told,
        [("a", 1, EvictionReason::Room), ("b", 1, EvictionReason::Idle)]
    );
}

#[test]
fn a_dynamic_pool_counts_how_it_grows_and_shrinks() {
    let mut world = World::dynamic(1, 2, &[]);
    let (a, b) = (world.lease("a"), world.lease("b"));
    assert_eq!((stats(&world).max_pages, stats(&world).totals.expansions), (2, 1));
    world.release(a);
    world.release(b);
    world.advance(200_000);
    let totals = stats(&world).totals;
    assert_eq!(
        (stats(&world).max_pages, totals.expansions, totals.contractions),
        (1, 1, 1)
    );
}

#[test]
fn a_tab_that_moves_is_told_with_both_tenants() {
    let options = PoolOptions {
        disable_standby_refill: true,
        ..PoolOptions::new(1)
    };
    let mut world = World::with(&options, &[]);
    world.warm();
    world.visit("a");
    world.lease("c");
    assert_eq!(stats(&world).totals.migrations, 1, "{:?}", world.trace);
    let moved = world.told.iter().find_map(|told| match told {
        Occurrence::Migrated { from, to, .. } => Some((from.as_str(), to.as_str())),
        _ => None,
    });
    assert_eq!(moved, Some(("a", "c")));
}

#[test]
fn the_browser_is_the_one_that_was_started_last() {
    let mut world = World::new(1);
    world.handle(Event::BrowserStarted(browser(7)));
    world.warm();
    world.visit("a");
    world.handle(Event::BrowserDisconnected);
    let gone = world.told.iter().find_map(|told| match told {
        Occurrence::BrowserGone {
            browser,
            on_purpose,
            contexts,
        } => Some((browser.clone(), *on_purpose, *contexts)),
        _ => None,
    });
    assert_eq!(gone, Some((Some(browser(7)), false, 2)));
    world.handle(Event::BrowserStarted(browser(8)));
    assert_eq!(stats(&world).browser, Some(browser(8)));
    assert_eq!(stats(&world).totals.browser_starts, 2);
}
