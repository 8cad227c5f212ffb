use crate::pool::testing::{Kind, RETAIN, World};
use crate::pool::{Event, LogLevel, PoolError, PoolOptions};

#[test]
fn an_empty_pool_closes_at_once() {
    let mut world = World::new(1);
    let ticket = world.close_all();
    assert!(world.is_done(ticket));
}

#[test]
fn what_waits_is_rejected_and_nobody_is_served_on_the_way_out() {
    let options = PoolOptions {
        has_semaphore: true,
        semaphore_can_grow: true,
        ..PoolOptions::new(1)
    };
    let mut world = World::with(&options, &[]);
    let lease = world.lease("a");
    let waiting = [world.get("a"), world.get("b"), world.get("c"), world.get("b")];
    let ticket = world.close_all();
    for request in waiting {
        assert!(
            matches!(world.rejections.get(&request), Some(PoolError::Closed)),
            "{request:?}"
        );
        assert!(!world.is_granted(request));
    }
    assert!(!world.is_done(ticket), "a lease is held");
    let late = world.get("a");
    assert!(matches!(world.rejections.get(&late), Some(PoolError::Closed)));
    world.release(lease);
    assert!(world.is_done(ticket));
    assert!(world.pool.is_empty());
}

#[test]
fn leases_have_the_grace_time_and_then_lose_their_pages() {
    let options = PoolOptions {
        has_semaphore: true,
        semaphore_can_grow: true,
        ..PoolOptions::new(1)
    };
    let mut world = World::with(&options, &[]);
    let lease = world.lease("a");
    let ticket = world.close_all();
    world.advance(59_999);
    assert!(!world.is_done(ticket));
    world.advance(1);
    assert!(world.is_done(ticket));
    assert!(
        world
            .semaphore
            .as_ref()
            .is_some_and(|semaphore| semaphore.holders.is_empty()),
        "its permit is back"
    );
    world.release(lease);
    assert!(world.pool.is_empty());
}

#[test]
fn a_refill_under_way_ends_and_no_retry_follows() {
    let mut world = World::new(2);
    world.hold(&[Kind::Standby]);
    let warm = world.warm();
    let ticket = world.close_all();
    assert!(!world.is_done(ticket));
    world.finish(Kind::Standby);
    assert!(world.is_done(ticket) && world.is_done(warm));
    assert_eq!(world.attempts, 1);
    assert!(world.pool.is_empty());
}

#[test]
fn every_tab_standby_and_orphan_is_closed() {
    let mut world = World::new(2);
    for key in ["a", "b"] {
        world.visit(key);
        world.dispose_with(key, RETAIN);
    }
    for key in ["c", "d"] {
        world.visit(key);
    }
    assert_eq!(world.ledger(), ["a 0", "b 0", "c 1", "d 1"]);
    let ticket = world.close_all();
    assert!(world.is_done(ticket));
    assert!(world.pool.is_empty(), "{:#?}", world.pool);
}

#[test]
fn a_second_call_joins_the_first() {
    let mut world = World::new(1);
    let lease = world.lease("a");
    let first = world.close_all();
    world.advance(5_000);
    let second = world.close_all();
    assert!(!world.is_done(first) && !world.is_done(second));
    world.release(lease);
    assert!(world.is_done(first) && world.is_done(second));
}

#[test]
fn a_hung_close_does_not_hold_it_longer_than_its_bound() {
    let mut world = World::new(1);
    world.visit("a");
    world.hold(&[Kind::ClosePage, Kind::CloseContext]);
    let ticket = world.close_all();
    world.advance(10_000);
    assert!(world.is_done(ticket), "page and context have five seconds each");
    assert_eq!(world.pool.poll_timeout(), None, "a timer is left");
    world.unhold(&[Kind::ClosePage, Kind::CloseContext]);
    assert!(world.pool.is_empty());
}

#[test]
fn the_pool_can_be_used_again_contraction_included() {
    let mut world = World::dynamic(1, 2, &[("PRERENDER_PAGE_POOL_INITIAL", "2")]);
    world.visit("a");
    world.close_all();
    assert_eq!(world.pool.poll_timeout(), None);
    world.visit("a");
    world.advance(180_000);
    assert_eq!(world.pool.current_max_pages(), 1);
}

#[test]
fn a_disposal_that_ends_after_it_makes_no_standby() {
    let mut world = World::new(1);
    world.visit("a");
    world.hold(&[Kind::Manager]);
    let disposal = world.dispose("a");
    let closed = world.close_all();
    assert!(
        world.is_done(closed) && !world.is_done(disposal),
        "the manager has not answered"
    );
    let attempts = world.attempts;
    world.unhold(&[Kind::Manager]);
    assert!(world.is_done(disposal));
    assert_eq!(world.attempts, attempts, "a standby after closeAll");
    assert!(world.pool.is_empty());
}

#[test]
fn a_browser_that_is_stopped_after_it_is_not_started_again() {
    let mut world = World::new(1);
    world.visit("a");
    world.close_all();
    let attempts = world.attempts;
    world.handle(Event::BrowserDisconnected);
    assert_eq!(world.attempts, attempts);
    assert!(
        !world.logged(LogLevel::Warn, "the browser is gone"),
        "that is no news"
    );
    world.visit("a");
}

#[test]
fn the_manager_is_not_told_again_of_an_affinity_that_lost_its_last_tab_before() {
    let mut world = World::with(&PoolOptions::new(1), &[("PRERENDER_SHARED_CONTEXT_CAP", "9")]);
    world.visit("a");
    world.dispose_with("a", RETAIN);
    let leases = [world.lease("b"), world.lease("c")];
    assert_eq!(world.notified, ["a"], "it has lost its tab");
    assert_eq!(world.ledger(), ["a 0", "b 1", "c 1"]);
    for lease in leases {
        world.release(lease);
    }
    let ticket = world.close_all();
    assert!(world.is_done(ticket));
    assert_eq!(world.notified, ["a", "b", "c"], "each once");
    assert!(world.pool.is_empty(), "the orphan is gone too");
}
