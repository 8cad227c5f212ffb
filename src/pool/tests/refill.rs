use crate::pool::testing::{Kind, World, broken};
use crate::pool::{Failure, FailureKind, LogLevel, PoolError, PoolOptions};

#[test]
fn standbys_are_made_one_at_a_time_up_to_the_pages() {
    let mut world = World::new(3);
    world.hold(&[Kind::Standby]);
    let ticket = world.warm();
    assert_eq!(world.count(Kind::Standby), 1, "one at a time");
    for made in 1..=3 {
        assert!(!world.is_done(ticket), "warm with {} standbys", made - 1);
        world.finish(Kind::Standby);
    }
    assert!(world.is_done(ticket));
    assert_eq!(world.attempts, 3);
}

#[test]
fn several_are_made_at_a_time_where_the_driver_can() {
    let mut world = World::with(
        &PoolOptions {
            standby_concurrency: 2,
            ..PoolOptions::new(3)
        },
        &[],
    );
    world.hold(&[Kind::Standby]);
    world.warm();
    assert_eq!(world.count(Kind::Standby), 2);
}

#[test]
fn with_all_pages_bound_one_standby_is_kept_and_the_least_recently_used_gives_way() {
    let mut world = World::new(2);
    world.visit("a");
    world.visit("b");
    world.visit("c");
    assert_eq!(world.warm_keys(), ["b", "c"], "a was used longest ago");
    assert_eq!(world.disposed, ["a"]);
    assert_eq!(world.ledger(), ["b 1", "c 1"], "with its context");
}

#[test]
fn a_tab_that_serves_a_lease_is_never_closed_to_make_room() {
    let mut world = World::new(1);
    let a = world.lease("a");
    let b = world.lease("b");
    let ticket = world.warm();
    assert!(
        world.is_done(ticket),
        "no more can be made, so nothing is left to do"
    );
    assert_eq!(world.warm_keys(), ["a", "b"]);
    world.release(a);
    world.release(b);
    world.warm();
    assert_eq!(world.warm_keys(), ["b"], "now there is an idle one");
}

#[test]
fn a_standby_gets_three_attempts_half_a_second_apart_doubling() {
    let mut world = World::new(1);
    world.hold(&[Kind::Standby]);
    let request = world.get("a");
    world.fail(Kind::Standby, broken());
    world.advance(499);
    assert_eq!(world.count(Kind::Standby), 0, "tried again too early");
    world.advance(1);
    assert_eq!(world.count(Kind::Standby), 1, "not tried again after 500 ms");
    world.fail(Kind::Standby, broken());
    world.advance(999);
    assert_eq!(world.count(Kind::Standby), 0, "the second pause is twice as long");
    world.advance(1);
    world.fail(Kind::Standby, broken());
    let Some(PoolError::StandbyUnavailable { cause: Some(cause) }) = world.rejections.get(&request) else {
        panic!("not rejected with the cause: {:?}", world.rejections);
    };
    assert_eq!(cause.message, "broken");
    assert_eq!(world.attempts, 3);
    world.advance(60_000);
    assert_eq!(world.attempts, 3, "nobody asked for more");
}

#[test]
fn each_failed_attempt_closes_its_context_once() {
    let mut world = World::new(1);
    world.hold(&[Kind::Standby, Kind::CloseContext]);
    world.warm();
    world.fail(Kind::Standby, broken());
    assert_eq!(world.count(Kind::CloseContext), 1);
    world.advance(500);
    assert_eq!(
        world.count(Kind::Standby),
        1,
        "a close that hangs does not hold the retry up while a slot is left"
    );
    world.fail(Kind::Standby, broken());
    assert_eq!(world.count(Kind::CloseContext), 2);
    world.advance(1_000);
    assert_eq!(
        world.count(Kind::Standby),
        0,
        "both slots are taken by contexts that close"
    );
    world.finish(Kind::CloseContext);
    assert_eq!(world.count(Kind::Standby), 1, "the slot is back");
}

#[test]
fn a_standby_that_waits_for_its_retry_lets_another_go_ahead() {
    let mut world = World::new(2);
    world.hold(&[Kind::Standby]);
    let ticket = world.warm();
    world.fail(Kind::Standby, broken());
    assert_eq!(world.count(Kind::Standby), 1, "the second one is made meanwhile");
    world.finish(Kind::Standby);
    assert!(!world.is_done(ticket), "the first is still to come");
    world.advance(500);
    world.finish(Kind::Standby);
    assert!(world.is_done(ticket));
}

#[test]
fn a_host_app_that_is_not_there_yet_is_logged_at_debug_and_anything_else_as_an_error() {
    let mut world = World::new(1);
    world.hold(&[Kind::Standby]);
    world.warm();
    world.fail(Kind::Standby, Failure::new(FailureKind::TargetNotReady, "503"));
    assert!(world.logged(LogLevel::Debug, "503"), "{:?}", world.log);
    assert!(!world.logged(LogLevel::Error, "503"));
    world.advance(500);
    world.fail(Kind::Standby, broken());
    assert!(world.logged(LogLevel::Error, "broken"));
}

#[test]
fn warming_resolves_also_when_no_standby_can_be_made() {
    let mut world = World::new(1);
    world.hold(&[Kind::Standby]);
    let ticket = world.warm();
    for pause in [500, 1_000, 0] {
        world.fail(Kind::Standby, broken());
        world.advance(pause);
    }
    assert!(world.is_done(ticket));
}

#[test]
fn whoever_waits_takes_the_first_standby_that_is_ready() {
    let mut world = World::new(3);
    world.hold(&[Kind::Standby]);
    let a = world.get("a");
    let b = world.get("b");
    world.finish(Kind::Standby);
    assert!(world.is_granted(a), "a waited for the whole pool to be warm");
    assert!(!world.is_granted(b));
    world.finish(Kind::Standby);
    assert!(world.is_granted(b));
}

#[test]
fn the_standby_made_first_is_adopted_first() {
    let mut world = World::new(3);
    world.warm();
    let (a, b) = (world.lease("a"), world.lease("b"));
    assert!(world.tab(a) < world.tab(b));
}

#[test]
fn without_refill_nothing_is_made_while_a_tab_is_bound() {
    let options = PoolOptions {
        disable_standby_refill: true,
        ..PoolOptions::new(2)
    };
    let mut world = World::with(&options, &[]);
    world.warm();
    assert_eq!(world.attempts, 2);
    world.visit("a");
    let b = world.lease("b");
    assert!(!world.grants[&b].reused, "the second standby is still there");
    world.warm();
    assert_eq!(world.attempts, 2);
}

#[test]
fn a_standby_that_is_no_longer_wanted_leaves_no_retry_behind() {
    let options = PoolOptions {
        disable_standby_refill: true,
        ..PoolOptions::new(2)
    };
    let mut world = World::with(&options, &[]);
    world.hold(&[Kind::Standby]);
    let request = world.get("a");
    world.fail(Kind::Standby, broken());
    assert!(world.pool.poll_timeout().is_some(), "it is to be tried again");
    world.finish(Kind::Standby);
    assert!(world.is_granted(request));
    assert_eq!(
        world.pool.poll_timeout(),
        None,
        "no standby is made while a tab is bound"
    );
}

#[test]
fn warming_resolves_also_when_one_standby_was_given_up_and_the_last_was_made() {
    let mut world = World::new(2);
    world.hold(&[Kind::Standby]);
    let ticket = world.warm();
    for _ in 0..5 {
        world.fail(Kind::Standby, broken());
        if world.count(Kind::Standby) == 0 {
            world.advance(1_000);
        }
    }
    assert!(
        !world.is_done(ticket),
        "the last attempt at the second is under way"
    );
    world.finish(Kind::Standby);
    assert!(world.is_done(ticket), "{:#?}", world.trace);
    let again = world.warm();
    world.finish(Kind::Standby);
    assert!(world.is_done(again), "asked again, it makes the other one");
}

#[test]
fn whoever_waits_hears_that_none_can_be_made_however_many_more_come() {
    let mut world = World::new(1);
    world.hold(&[Kind::Standby]);
    let first = world.get("first");
    for tenant in 0..20 {
        while world.count(Kind::Standby) > 0 {
            world.fail(Kind::Standby, broken());
        }
        world.advance(200);
        world.get(&format!("tenant {tenant}"));
    }
    assert!(
        matches!(
            world.rejections.get(&first),
            Some(PoolError::StandbyUnavailable { cause: Some(_) })
        ),
        "4 s with new callers all the time: {:?}",
        world.rejections
    );
    world.unhold(&[Kind::Standby]);
    world.advance(2_000);
    for _ in 0..21 {
        let granted: Vec<_> = world.grants.keys().copied().collect();
        for request in granted {
            world.release(request);
        }
    }
    let ended = world.grants.len() + world.rejections.len();
    assert_eq!(ended, 21, "and everybody ends when the host is back");
}
