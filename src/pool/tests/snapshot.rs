use crate::pool::testing::{Kind, World};
use crate::pool::{AdmissionDepth, ByQueue, DisposeOptions, PoolOptions, Priority, QueueKind};

#[test]
fn queue_depth_counts_holders_by_kind_and_waiters_by_priority() {
    let options = PoolOptions {
        disable_file_admission: true,
        ..PoolOptions::new(1)
    };
    let mut world = World::with(&options, &[]);
    world.lease("a");
    world.get_for("a", QueueKind::Module, 3.0);
    world.get_for("a", QueueKind::Command, 3.0);
    world.get_for("a", QueueKind::File, -1.0);
    let snapshot = world.pool.queue_depth_snapshot();
    assert_eq!((snapshot.total_tabs, snapshot.total_pending), (1, 4));
    let depth = &snapshot.affinities[0];
    assert_eq!(
        (
            depth.tab_count,
            depth.pending_total,
            depth.max_pending,
            depth.idle
        ),
        (1, 4, 4, false)
    );
    assert_eq!(
        depth.by_queue,
        ByQueue {
            file: 1,
            module: 0,
            command: 0
        },
        "what is served now, no waiters"
    );
    assert_eq!(depth.admission, AdmissionDepth::default());
    let queued: Vec<_> = depth
        .tab_queued_by_priority
        .iter()
        .map(|at| (at.0.get(), at.1))
        .collect();
    assert_eq!(queued, [(3.0, 2), (-1.0, 1)], "waiters only");
}

#[test]
fn admission_shows_its_waiters_and_its_cap_only_while_there_is_a_file_lease_or_waiter() {
    let mut world = World::new(2);
    let lease = world.lease("a");
    let waiter = world.get_for("a", QueueKind::File, 4.0);
    let depth = &world.pool.queue_depth_snapshot().affinities[0];
    assert_eq!(
        depth.admission,
        AdmissionDepth { pending: 1, cap: 1 },
        "the one that has a permit does not wait for one"
    );
    assert_eq!(
        depth.admission_queued_by_priority,
        [(Priority::new(4.0).expect("finite"), 1)]
    );
    let vacancy = &world.pool.vacancy_snapshot()[0];
    assert_eq!((vacancy.idle, vacancy.tab_count), (false, 1));
    assert_eq!(vacancy.max_pending_priority.map(Priority::get), Some(4.0));
    world.release(lease);
    world.release(waiter);
    let depth = &world.pool.queue_depth_snapshot().affinities[0];
    assert_eq!(depth.admission, AdmissionDepth::default());
    assert!(depth.idle && world.pool.vacancy_snapshot()[0].idle);
    assert_eq!(world.pool.vacancy_snapshot()[0].max_pending_priority, None);
}

#[test]
fn closing_tabs_still_count() {
    let mut world = World::new(1);
    world.visit("a");
    world.hold(&[Kind::ClosePage]);
    world.dispose_with(
        "a",
        DisposeOptions {
            await_idle: false,
            ..DisposeOptions::default()
        },
    );
    assert_eq!(world.pool.vacancy_snapshot()[0].tab_count, 1);
    assert_eq!(world.pool.queue_depth_snapshot().total_tabs, 1);
    world.unhold(&[Kind::ClosePage]);
    assert!(world.pool.vacancy_snapshot().is_empty());
}

#[test]
fn affinities_are_listed_in_the_order_in_which_they_came() {
    let mut world = World::new(3);
    for key in ["z", "a", "m"] {
        world.visit(key);
    }
    world.visit("z");
    assert_eq!(world.warm_keys(), ["z", "a", "m"]);
}

#[test]
fn the_ledger_shows_the_cap_and_the_last_use() {
    let mut world = World::new(2);
    world.visit("a");
    let snapshot = world.pool.shared_context_snapshot();
    assert_eq!(snapshot.cap, 4);
    assert_eq!(snapshot.entries.len(), 1);
    assert!(
        (snapshot.entries[0].last_used_at - (world.wall - 1.0)).abs() < 0.5,
        "the release is its last use"
    );
}
