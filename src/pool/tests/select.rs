use crate::pool::testing::{Kind, World};
use crate::pool::{Event, LogLevel, PoolError, PoolOptions, QueueKind};

#[test]
fn a_first_visit_waits_for_a_standby_and_takes_it() {
    let mut world = World::new(2);
    world.hold(&[Kind::Standby]);
    let request = world.get("a");
    assert!(!world.is_granted(request), "granted before any page stood");
    world.wall += 40.0;
    world.finish(Kind::Standby);
    let grant = world.grants[&request];
    assert!(!grant.reused, "a standby's first tenant reuses nothing");
    assert_eq!(
        (grant.launch_ms, grant.waits.tab_startup_ms),
        (40, 40),
        "the wait for a standby is startup"
    );
}

#[test]
fn a_second_visit_finds_the_tab_warm() {
    let mut world = World::new(2);
    let tab = world.visit("a");
    let request = world.lease("a");
    assert_eq!(world.tab(request), tab, "the warm tab was not chosen");
    assert!(world.grants[&request].reused);
    assert_eq!(world.grants[&request].launch_ms, 0);
}

#[test]
fn a_release_hands_the_tab_to_the_highest_priority_then_the_first() {
    let mut world = World::with(
        &PoolOptions {
            disable_file_admission: true,
            ..PoolOptions::new(1)
        },
        &[],
    );
    let holder = world.lease("a");
    let low = world.get_for("a", QueueKind::File, 0.0);
    let first = world.get_for("a", QueueKind::File, 5.0);
    let second = world.get_for("a", QueueKind::File, 5.0);
    world.release(holder);
    assert!(world.is_granted(first), "the highest priority goes first");
    world.release(first);
    assert!(
        world.is_granted(second),
        "first come, first served within a priority"
    );
    world.release(second);
    assert!(world.is_granted(low));
    assert!(
        world.grants[&low].reused,
        "it queued on a tab of its own affinity"
    );
}

#[test]
fn a_newcomer_waits_in_the_pool_when_every_slot_is_leased_and_gets_whichever_frees_first() {
    let mut world = World::new(1);
    let a = world.lease("a");
    let b = world.lease("b");
    let c = world.get("c");
    assert!(!world.is_granted(c));
    world.release(b);
    assert!(world.is_granted(c), "the slot of b is free: {:?}", world.trace);
    assert!(
        !world.logged(LogLevel::Warn, "migration"),
        "nothing moves unless it is allowed"
    );
    assert_eq!(world.warm_keys(), ["a", "c"]);
    world.release(a);
}

#[test]
fn without_refill_an_idle_tab_moves_and_a_second_newcomer_queues_behind_the_first() {
    let options = PoolOptions {
        disable_standby_refill: true,
        ..PoolOptions::new(1)
    };
    let mut world = World::with(&options, &[]);
    let tab = world.visit("a");
    let b = world.lease("b");
    assert_eq!(world.tab(b), tab, "the idle tab moves at once");
    assert!(!world.grants[&b].reused);
    assert!(world.logged(LogLevel::Warn, "a") && world.logged(LogLevel::Warn, "migration"));
    let c = world.get("c");
    let d = world.get("d");
    assert!(
        matches!(
            world.rejections.get(&d),
            Some(PoolError::StandbyUnavailable { .. })
        ),
        "the only tab is promised already"
    );
    world.release(b);
    assert_eq!(world.tab(c), tab, "the promised tab moves on release");
}

#[test]
fn a_busy_affinity_opens_its_orphan_before_it_takes_a_standby_which_gives_way() {
    let options = PoolOptions {
        disable_file_admission: true,
        ..PoolOptions::new(2)
    };
    let mut world = World::with(&options, &[]);
    world.warm();
    let first = world.lease("a");
    let second = world.lease("a");
    let tab = world.tab(first);
    world.release(first);
    world.handle(Event::TabCrashed { tab });
    assert_eq!(
        world.ledger(),
        ["a 0"],
        "the primary is an orphan beside a live tab"
    );
    let other = world.lease("b");
    world.hold(&[Kind::Open]);
    let standby = world.attempts;
    let third = world.get("a");
    assert_eq!(
        world.count(Kind::Open),
        1,
        "the orphan is opened: {:?}",
        world.trace
    );
    assert_eq!(world.attempts, standby, "in the slot of the standby");
    world.unhold(&[Kind::Open]);
    assert!(world.is_granted(third) && !world.grants[&third].reused);
    assert_eq!(world.ledger(), ["a 1", "b 1"]);
    for request in [second, other, third] {
        world.release(request);
    }
}
