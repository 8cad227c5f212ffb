use crate::pool::testing::{Kind, World};
use crate::pool::{PoolOptions, Waits};

#[test]
fn what_was_not_waited_for_is_exactly_zero() {
    let mut world = World::new(1);
    world.warm();
    let request = world.lease("a");
    assert_eq!(world.grants[&request].waits, Waits::default());
    assert_eq!(world.grants[&request].launch_ms, 0);
}

#[test]
fn each_wait_is_counted_where_it_was_spent_and_in_whole_milliseconds() {
    let options = PoolOptions {
        has_semaphore: true,
        semaphore_can_grow: true,
        disable_file_admission: true,
        ..PoolOptions::new(2)
    };
    let mut world = World::with(&options, &[("PRERENDER_AFFINITY_TAB_MAX", "1")]);
    let holder = world.lease("a");
    let other = world.lease("b");
    let request = world.get("a");
    world.hold(&[Kind::Probe]);
    world.wall += 10.7;
    world.release(holder);
    world.wall += 20.6;
    let third = world.lease("c");
    world.finish(Kind::Probe);
    assert!(!world.is_granted(request), "the semaphore is full");
    world.wall += 30.0;
    world.release(other);
    let grant = world.grants[&request];
    let expected = Waits {
        tab_queue_ms: 10,
        tab_probe_ms: 20,
        semaphore_ms: 30,
        ..Waits::default()
    };
    assert_eq!(grant.waits, expected);
    assert_eq!(grant.launch_ms, 61);
    world.release(third);
}

#[test]
fn a_clock_that_goes_back_makes_no_wait_negative_and_no_part_more_than_the_whole() {
    let mut world = World::with(
        &PoolOptions {
            disable_file_admission: true,
            ..PoolOptions::new(1)
        },
        &[],
    );
    let holder = world.lease("a");
    let request = world.get("a");
    world.hold(&[Kind::Probe]);
    world.wall += 50.0;
    world.release(holder);
    world.wall -= 500.0;
    world.finish(Kind::Probe);
    let grant = world.grants[&request];
    assert_eq!(
        grant.waits,
        Waits {
            tab_queue_ms: 50,
            ..Waits::default()
        }
    );
    assert!(grant.launch_ms >= 50, "{grant:?}");
}
