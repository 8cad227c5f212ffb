//! Two calls on one line of the caller's: what the first gave a waiter the second may take away, and the waiter's
//! promise settles a microtask later, after another look.

use crate::pool::testing::{BACKGROUND, Kind, RETAIN, World};
use crate::pool::{AdmissionDepth, DisposeOptions, PoolError, PoolOptions, QueueKind};

fn one_tab() -> World {
    let options = PoolOptions {
        disable_file_admission: true,
        tab_health_probe_ms: Some(0.0),
        ..PoolOptions::new(2)
    };
    World::with(&options, &[("PRERENDER_AFFINITY_TAB_MAX", "1")])
}

#[test]
fn a_release_and_a_disposal_never_hand_out_the_condemned_page() {
    for options in [DisposeOptions::default(), BACKGROUND, RETAIN] {
        let mut world = one_tab();
        let lease = world.lease("a");
        let condemned = world.tab(lease);
        let waiter = world.get("a");
        world.hold(&[Kind::Settle]);
        world.release(lease);
        world.dispose_with("a", options);
        world.unhold(&[Kind::Settle]);
        assert!(world.is_granted(waiter), "it chooses again: {:?}", world.trace);
        assert_ne!(world.tab(waiter), condemned, "{options:?}");
        world.release(waiter);
    }
}

#[test]
fn the_waiter_owns_the_tab_when_the_release_returns_and_nobody_overtakes_it() {
    let mut world = one_tab();
    let lease = world.lease("a");
    let waiter = world.get("a");
    world.hold(&[Kind::Settle]);
    world.release(lease);
    let depth = &world.pool.queue_depth_snapshot().affinities[0];
    assert_eq!(
        (depth.pending_total, depth.by_queue.file, depth.idle),
        (1, 1, false)
    );
    assert!(
        depth.tab_queued_by_priority.is_empty(),
        "it does not wait any more"
    );
    let late = world.get_for("a", QueueKind::File, 99.0);
    world.unhold(&[Kind::Settle]);
    assert!(world.is_granted(waiter) && !world.is_granted(late));
    world.release(waiter);
    assert!(world.is_granted(late));
}

#[test]
fn a_waiter_for_admission_or_for_the_semaphore_looks_again_as_well() {
    let mut admission = World::with(
        &PoolOptions {
            tab_health_probe_ms: Some(0.0),
            ..PoolOptions::new(2)
        },
        &[("PRERENDER_AFFINITY_FILE_CONCURRENCY", "1")],
    );
    let lease = admission.lease("a");
    let condemned = admission.tab(lease);
    let waiter = admission.get("a");
    assert!(!admission.is_granted(waiter));
    admission.hold(&[Kind::Settle]);
    admission.release(lease);
    let depth = &admission.pool.queue_depth_snapshot().affinities[0];
    assert_eq!(depth.admission, AdmissionDepth { pending: 0, cap: 1 });
    admission.dispose_with("a", BACKGROUND);
    admission.unhold(&[Kind::Settle]);
    assert_ne!(admission.tab(waiter), condemned, "of admission");

    let mut semaphore = World::with(
        &PoolOptions {
            tab_health_probe_ms: Some(0.0),
            has_semaphore: true,
            ..PoolOptions::new(3)
        },
        &[],
    );
    if let Some(semaphore) = &mut semaphore.semaphore {
        semaphore.capacity = 1;
    }
    let condemned = semaphore.visit("a");
    let lease = semaphore.lease("b");
    let waiter = semaphore.get("a");
    assert!(!semaphore.is_granted(waiter), "the only permit is taken");
    semaphore.hold(&[Kind::Settle]);
    semaphore.release(lease);
    semaphore.dispose_with("a", BACKGROUND);
    semaphore.unhold(&[Kind::Settle]);
    assert!(semaphore.is_granted(waiter), "{:?}", semaphore.trace);
    assert_ne!(semaphore.tab(waiter), condemned, "of the semaphore");
    let holders = semaphore
        .semaphore
        .as_ref()
        .map(|semaphore| semaphore.holders.len());
    assert_eq!(holders, Some(1), "one lease, one permit");
}

#[test]
fn an_abort_on_the_same_line_gives_the_tab_to_the_next() {
    let mut world = one_tab();
    let lease = world.lease("a");
    let first = world.get("a");
    let second = world.get("a");
    world.hold(&[Kind::Settle]);
    world.release(lease);
    world.cancel(first);
    world.unhold(&[Kind::Settle]);
    assert!(!world.is_granted(first) && world.is_granted(second));
}

#[test]
fn close_all_on_the_same_line_rejects_it() {
    let mut world = one_tab();
    let lease = world.lease("a");
    let waiter = world.get("a");
    world.hold(&[Kind::Settle]);
    world.release(lease);
    let ticket = world.close_all();
    world.unhold(&[Kind::Settle]);
    assert!(!world.is_granted(waiter));
    assert!(matches!(world.rejections.get(&waiter), Some(PoolError::Closed)));
    assert!(world.is_done(ticket) && world.pool.is_empty());
}

#[test]
fn a_caller_that_waits_for_nothing_is_served_within_its_own_call() {
    let mut world = one_tab();
    world.visit("a");
    world.hold(&[Kind::Settle]);
    world.lease("a");
    world.lease("b");
    assert_eq!(world.count(Kind::Settle), 0);
}
