//! The invariants bite: whatever of the derived state is wrong is found.

use crate::pool::affinity::AffinityId;
use crate::pool::dispose::IdleEviction;
use crate::pool::tab::LastUsed;
use crate::pool::testing::{BACKGROUND, Kind, RETAIN, World};
use crate::pool::{ContextId, Deadline, Operation, OperationId, Pool, PoolOptions, TicketId};

/// A pool in which a bit of everything is under way.
fn busy() -> World {
    let options = PoolOptions {
        has_semaphore: true,
        allow_tab_migration: true,
        ..PoolOptions::new(6)
    };
    let mut world = World::with(&options, &[]);
    world.hold(&[Kind::CloseContext, Kind::Ask]);
    // An idle tab, an orphan, a lease, and one that is to end.
    world.visit("idle");
    world.visit("orphan");
    world.dispose_with("orphan", RETAIN);
    world.lease("held");
    world.lease("ending");
    world.dispose_with("ending", BACKGROUND);
    // A close, and an eviction and a disposal that wait for theirs.
    world.visit("closing");
    world.dispose("closing");
    // A call for a permit, one for admission, and standbys.
    world.hold(&[Kind::Standby]);
    world.semaphore.as_mut().unwrap().capacity = 0;
    world.get("waiting");
    world
}

type Fault = fn(&mut Pool);

/// Faults, and part of what the check says that finds each.
const FAULTS: &[(&str, Fault)] = &[
    ("wait for the semaphore", |pool| pool.semaphore_waiting += 1),
    ("standbys in the making", |pool| pool.refill.making += 1),
    ("live tabs", |pool| pool.live_tabs += 1),
    ("rows of the ledger", |pool| pool.rows += 1),
    ("counts of contexts", |pool| pool.counts.stuck += 1),
    ("counts of contexts", |pool| pool.counts.freeing += 1),
    ("counts of contexts", |pool| pool.counts.closing += 1),
    ("counts of contexts", |pool| pool.counts.unsettled += 1),
    ("idle tabs", |pool| pool.idle_tabs.clear()),
    ("idle affinities", |pool| pool.idle_affinities.clear()),
    ("donors", |pool| pool.donors.clear()),
    ("standbys", |pool| pool.standbys.clear()),
    ("orphans", |pool| pool.orphans.clear()),
    ("affinities by key", |pool| pool.affinity_ids.clear()),
    ("deadlines", |pool| pool.deadlines.clear()),
    ("deadlines", |pool| {
        pool.deadlines
            .insert((9_999, Deadline::Close(OperationId(9_999))));
    }),
    ("deadlines", |pool| pool.close_due.clear()),
    ("left to be decided", |pool| pool.dirty = true),
    ("for which nobody waits", |pool| pool.stuck_warned = true),
    ("teardowns of each eviction", |pool| {
        let ticket = TicketId(9_999);
        pool.idle_evictions.insert(ticket, IdleEviction::of_one());
    }),
    ("nobody waits for", |pool| {
        let closing = *pool
            .operations
            .values()
            .find(|at| matches!(at, Operation::CloseContext { .. }))
            .unwrap();
        pool.operations.insert(OperationId(9_999), closing);
    }),
    ("is under way", |pool| {
        pool.operations
            .retain(|_, at| !matches!(at, Operation::CloseContext { .. }));
    }),
    ("waits for", |pool| {
        pool.operations
            .retain(|_, at| !matches!(at, Operation::Ask { .. }));
    }),
    ("pages that close", |pool| {
        let context = *pool.contexts.keys().next().unwrap();
        pool.contexts.get_mut(&context).unwrap().closing_pages += 1;
        pool.recount(context);
    }),
    ("closes, and is not listed", |pool| {
        pool.affinities
            .values_mut()
            .for_each(|affinity| affinity.closing.clear());
    }),
    ("is not listed", |pool| {
        pool.affinities
            .values_mut()
            .for_each(|affinity| affinity.draining.clear());
    }),
    ("is to be reported lost", |pool| {
        pool.affinities
            .values_mut()
            .for_each(|affinity| affinity.loss_unreported = true);
    }),
    ("requests are miscounted", |pool| {
        pool.affinities
            .values_mut()
            .for_each(|affinity| affinity.requests += 1);
    }),
    ("permits are miscounted", |pool| {
        pool.affinities
            .values_mut()
            .for_each(|affinity| affinity.admission.holders += 1);
    }),
];

#[test]
fn whatever_of_the_derived_state_is_wrong_is_found() {
    for (index, (found, fault)) in FAULTS.iter().enumerate() {
        let mut world = busy();
        assert_eq!(world.pool.check_invariants(), Ok(()), "before");
        fault(&mut world.pool);
        let violation = world
            .pool
            .check_invariants()
            .map_err(|violation| violation.to_string());
        assert!(
            violation
                .as_ref()
                .is_err_and(|violation| violation.contains(found)),
            "fault {index}, '{found}': {violation:?}"
        );
    }
}

#[test]
fn a_context_that_is_forgotten_is_missed() {
    let mut world = busy();
    let gone: ContextId = *world.pool.contexts.keys().next().unwrap();
    world.pool.contexts.remove(&gone);
    assert!(world.pool.check_invariants().is_err());
}

/// A decision that does not come to an end is a panic with a message, and not a process that hangs.
#[test]
#[should_panic(expected = "does not come to an end")]
fn a_machine_that_spins_says_so() {
    let mut world = World::new(1);
    world.lease("a");
    world.lease("b");
    // Room is made by closing what is not there, again and again.
    let nobody = AffinityId(9_999);
    world.pool.idle_affinities.insert((LastUsed(0.0), nobody));
    world.get("c");
}
