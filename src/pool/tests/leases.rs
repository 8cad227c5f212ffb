use crate::pool::testing::{Kind, RETAIN, World, broken};
use crate::pool::{Event, LogLevel, PoolError, PoolOptions, Revocation};

fn bounded() -> PoolOptions {
    PoolOptions {
        close_timeout_ms: Some(2_000.0),
        lease_grace_ms: Some(30_000.0),
        has_semaphore: true,
        ..PoolOptions::new(1)
    }
}

fn permits(world: &World) -> usize {
    world
        .semaphore
        .as_ref()
        .map_or(0, |semaphore| semaphore.holders.len())
}

#[test]
fn a_leased_page_that_does_not_answer_is_closed_under_its_holder_and_the_next_tenant_is_served() {
    let mut world = World::with(&bounded(), &[]);
    let stuck = world.lease("a");
    let waiting = world.get("b");
    world.hold(&[Kind::Ask]);
    let disposal = world.dispose("a");
    assert_eq!(world.count(Kind::Ask), 1, "its page is asked");
    assert!(!world.is_done(disposal) && !world.is_granted(waiting));
    world.fail(Kind::Ask, broken());
    assert!(matches!(
        world.revoked.get(&stuck),
        Some(Revocation::Unresponsive { cause }) if cause == "broken"
    ));
    assert!(world.is_done(disposal), "its page is closed");
    assert!(world.is_granted(waiting), "its permit and slot are free");
    assert_eq!(permits(&world), 1, "the newcomer's alone");
    world.release(stuck);
    assert_eq!(permits(&world), 1, "a late release does nothing");
    assert!(world.logged(LogLevel::Warn, "a file lease of a is revoked"));
}

#[test]
fn a_leased_page_that_answers_goes_on_to_its_release() {
    let mut world = World::with(&bounded(), &[]);
    let lease = world.lease("a");
    let disposal = world.dispose("a");
    world.advance(29_999);
    assert!(!world.is_done(disposal) && world.revoked.is_empty());
    world.release(lease);
    assert!(world.is_done(disposal) && world.revoked.is_empty());
    assert_eq!(world.pool.poll_timeout(), None, "a deadline of the lease is left");
}

#[test]
fn a_leased_page_that_answers_has_no_more_than_the_grace_time() {
    let mut world = World::with(&bounded(), &[]);
    let lease = world.lease("a");
    let disposal = world.dispose("a");
    world.advance(30_000);
    assert_eq!(
        world.revoked.get(&lease),
        Some(&Revocation::GraceOver { after_ms: 30_000 })
    );
    assert!(world.is_done(disposal));
    assert_eq!(permits(&world), 0);
    assert_eq!(world.pool.poll_timeout(), None);
}

#[test]
fn a_second_disposal_does_not_prolong_the_grace_time() {
    let mut world = World::with(&bounded(), &[]);
    let lease = world.lease("a");
    world.dispose("a");
    world.advance(20_000);
    world.dispose("a");
    world.close_all();
    world.advance(10_000);
    assert!(world.revoked.contains_key(&lease));
}

#[test]
fn a_page_that_gets_stuck_after_it_has_answered_is_noticed() {
    let mut world = World::with(&bounded(), &[]);
    let lease = world.lease("a");
    world.dispose("a");
    world.hold(&[Kind::Ask]);
    world.advance(2_000);
    assert_eq!(world.count(Kind::Ask), 1, "it is asked again");
    world.fail(Kind::Ask, broken());
    assert!(world.revoked.contains_key(&lease));
}

#[test]
fn a_disposal_that_retains_the_context_retains_that_of_a_stuck_page_too() {
    let mut world = World::with(&bounded(), &[]);
    world.lease("a");
    world.hold(&[Kind::Ask]);
    world.dispose_with("a", RETAIN);
    world.fail(Kind::Ask, broken());
    assert_eq!(world.ledger(), ["a 0"]);
}

#[test]
fn an_answer_that_comes_after_the_release_changes_nothing() {
    let mut world = World::with(&bounded(), &[]);
    let lease = world.lease("a");
    world.hold(&[Kind::Ask]);
    world.dispose("a");
    world.release(lease);
    world.fail(Kind::Ask, broken());
    assert!(world.revoked.is_empty());
}

#[test]
fn closing_ends_a_stuck_lease_when_its_page_does_not_answer() {
    let mut world = World::with(
        &PoolOptions {
            max_pages: 2,
            ..bounded()
        },
        &[],
    );
    let stuck = world.lease("a");
    let healthy = world.lease("b");
    world.hold(&[Kind::Ask]);
    let closed = world.close_all();
    assert_eq!(world.count(Kind::Ask), 2);
    world.fail(Kind::Ask, broken());
    world.unhold(&[Kind::Ask]);
    assert!(world.revoked.contains_key(&stuck) && !world.revoked.contains_key(&healthy));
    assert!(!world.is_done(closed), "the healthy one has its time");
    world.release(healthy);
    assert!(world.is_done(closed));
    assert!(world.pool.is_empty());
}

#[test]
fn an_aborted_lease_whose_page_answers_keeps_it_until_its_release_and_the_tab_stays() {
    let mut world = World::with(&bounded(), &[]);
    let request = world.lease("a");
    world.handle(Event::LeaseAborted { request });
    world.advance(20_000);
    world.release(request);
    assert!(world.revoked.is_empty());
    let again = world.lease("a");
    assert_eq!(world.tab(again), world.tab(request), "the tab is still in use");
}

#[test]
fn an_aborted_lease_whose_page_is_stuck_ends_and_its_waiters_get_another() {
    let mut world = World::with(&bounded(), &[("PRERENDER_AFFINITY_TAB_MAX", "1")]);
    let request = world.lease("a");
    let waiting = world.get("a");
    world.hold(&[Kind::Ask]);
    world.handle(Event::LeaseAborted { request });
    world.fail(Kind::Ask, broken());
    assert!(world.is_granted(waiting));
    assert_ne!(world.tab(waiting), world.tab(request));
    assert!(!world.grants[&waiting].reused);
    assert_eq!(world.disposed, ["a"], "its only tab is gone");
}

#[test]
fn the_grace_time_is_the_render_timeout_unless_an_option_says_otherwise() {
    for (option, env, expected) in [
        (None, None, 60_000),
        (None, Some("90000"), 90_000),
        (None, Some("5"), 1_000),
        (Some(250.0), Some("90000"), 250),
    ] {
        let options = PoolOptions {
            lease_grace_ms: option,
            ..PoolOptions::new(1)
        };
        let env: Vec<_> = env
            .map(|value| ("RENDER_TIMEOUT_MS", value))
            .into_iter()
            .collect();
        let world = World::with(&options, &env);
        assert_eq!(world.pool.config().lease_grace_ms, expected, "{option:?} {env:?}");
    }
}

#[test]
fn a_lease_ends_with_its_deadline_unless_that_is_put_off() {
    let options = PoolOptions {
        lease_timeout_ms: Some(1_000.0),
        ..bounded()
    };
    let mut world = World::with(&options, &[]);
    let request = world.lease("a");
    world.advance(900);
    world.handle(Event::ExtendLease { request, ms: 500 });
    world.handle(Event::ExtendLease { request, ms: 10 });
    world.advance(499);
    assert!(world.revoked.is_empty());
    world.advance(1);
    assert_eq!(world.revoked.get(&request), Some(&Revocation::Expired));
    assert_eq!(permits(&world), 0);
    assert_eq!(world.pool.poll_timeout(), None, "a deadline of the lease is left");
}

#[test]
fn a_released_lease_leaves_no_deadline() {
    let options = PoolOptions {
        lease_timeout_ms: Some(1_000.0),
        lease_warn_ms: Some(500.0),
        acquire_timeout_ms: Some(700.0),
        ..bounded()
    };
    let mut world = World::with(&options, &[]);
    world.visit("a");
    assert_eq!(world.pool.poll_timeout(), None);
    world.advance(2_000);
    assert!(world.revoked.is_empty() && !world.logged(LogLevel::Warn, "has been held"));
}

#[test]
fn a_call_waits_no_longer_than_it_may() {
    let options = PoolOptions {
        acquire_timeout_ms: Some(700.0),
        ..bounded()
    };
    let mut world = World::with(&options, &[]);
    let holder = world.lease("a");
    let waiting = world.get("b");
    world.advance(699);
    assert!(world.rejections.is_empty());
    world.advance(1);
    assert!(matches!(
        world.rejections.get(&waiting),
        Some(PoolError::AcquireTimeout { after_ms: 700, retry_after_ms }) if *retry_after_ms >= 1
    ));
    world.release(holder);
    assert_eq!(permits(&world), 0, "it waits nowhere any more");
}

#[test]
fn a_lease_that_was_lost_comes_back_with_a_warning() {
    let mut world = World::with(&bounded(), &[]);
    let request = world.lease("a");
    let page = world.tab(request);
    let next = world.get("b");
    world.handle(Event::LeaseLost { request });
    assert!(world.is_granted(next));
    let again = world.get("a");
    world.release(next);
    assert!(world.is_granted(again));
    assert_ne!(world.tab(again), page, "whoever kept the page may still use it");
    assert!(world.logged(LogLevel::Warn, "a file lease of a was garbage-collected"));
}

#[test]
fn a_page_is_helped_no_more_once_its_lease_has_ended() {
    let mut world = World::with(&bounded(), &[]);
    let lease = world.lease("a");
    world.hold(&[Kind::Ask]);
    world.handle(Event::LeaseAborted { request: lease });
    assert_eq!(world.count(Kind::Ask), 1, "its page is asked");
    world.release(lease);
    assert!(
        world.trace.iter().any(|step| step == "StopAsking"),
        "the page is the next caller's: {:?}",
        world.trace
    );
}
