use crate::pool::testing::{Kind, World};
use crate::pool::{Event, PoolOptions, RequestId, TabId};

fn told(world: &World) -> usize {
    world.trace.iter().filter(|step| *step == "ClosePopups").count()
}

fn popups(world: &World) -> (u32, u32) {
    let depth = world.pool.queue_depth_snapshot();
    let rows = world.pool.shared_context_snapshot();
    let of_queues = depth.affinities.iter().map(|row| row.popup_count).sum();
    let of_rows = rows.entries.iter().map(|row| row.popup_count).sum();
    (of_queues, of_rows)
}

fn open(world: &mut World, lease: RequestId) -> TabId {
    let tab = world.tab(lease);
    world.handle(Event::PopupOpened { tab });
    tab
}

#[test]
fn popups_are_counted_while_they_are_there_and_closed_at_the_release() {
    let mut world = World::with(&PoolOptions::new(1), &[]);
    let lease = world.lease("a");
    let tab = open(&mut world, lease);
    open(&mut world, lease);
    assert_eq!((popups(&world), told(&world)), ((2, 2), 0), "under the lease");
    world.release(lease);
    assert_eq!((popups(&world), told(&world)), ((2, 2), 1), "after the release");
    world.handle(Event::PopupClosed { tab });
    assert_eq!(popups(&world), (1, 1));
    world.handle(Event::PopupClosed { tab });
    assert_eq!((popups(&world), told(&world)), ((0, 0), 1), "all are gone");
}

#[test]
fn a_popup_that_comes_between_leases_is_closed_at_once_and_under_the_next_lease_at_its_end() {
    let mut world = World::with(&PoolOptions::new(1), &[]);
    let lease = world.lease("a");
    let tab = world.tab(lease);
    world.release(lease);
    world.handle(Event::PopupOpened { tab });
    assert_eq!(told(&world), 1, "nobody wants it");
    let next = world.lease("a");
    assert_eq!(world.tab(next), tab);
    world.handle(Event::PopupOpened { tab });
    assert_eq!(told(&world), 1, "it is the lease's");
    world.release(next);
    assert_eq!(told(&world), 2);
}

#[test]
fn popups_end_before_the_tab_is_asked_for_the_next_caller() {
    let mut world = World::with(&PoolOptions::new(1), &[]);
    let lease = world.lease("a");
    open(&mut world, lease);
    let next = world.get("a");
    world.trace.clear();
    world.release(lease);
    let asked = world
        .trace
        .iter()
        .position(|step| *step == format!("{:?}", Kind::Probe));
    let ended = world.trace.iter().position(|step| step == "ClosePopups");
    assert!(world.is_granted(next));
    assert!(ended < asked && ended.is_some(), "{:?}", world.trace);
}

#[test]
fn a_tab_that_goes_takes_its_popups_along() {
    let mut world = World::with(&PoolOptions::new(1), &[]);
    let lease = world.lease("a");
    open(&mut world, lease);
    world.dispose("a");
    world.release(lease);
    assert_eq!((popups(&world), told(&world)), ((0, 0), 0));
}

#[test]
fn keep_popups_leaves_them() {
    let options = PoolOptions {
        keep_popups: true,
        ..PoolOptions::new(1)
    };
    let mut world = World::with(&options, &[]);
    let lease = world.lease("a");
    let tab = open(&mut world, lease);
    world.release(lease);
    world.handle(Event::PopupOpened { tab });
    assert_eq!((popups(&world), told(&world)), ((2, 2), 0));
}
