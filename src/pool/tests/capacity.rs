use crate::pool::testing::{Kind, World};
use crate::pool::{LogLevel, PoolOptions, Priority, QueueKind};

const TIER: [(&str, &str); 2] = [
    ("PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX", "3"),
    ("PRERENDER_HIGH_PRIORITY_THRESHOLD", "10"),
];

fn priority(value: f64) -> Priority {
    Priority::new(value).expect("a finite priority")
}

#[test]
fn a_full_semaphore_expands_the_pool_and_the_semaphore_with_it() {
    let mut world = World::dynamic(1, 2, &[]);
    let a = world.lease("a");
    let b = world.lease("b");
    assert_eq!(world.pool.current_max_pages(), 2);
    assert_eq!(
        world.semaphore.as_ref().map(|semaphore| semaphore.capacity),
        Some(2)
    );
    assert!(world.logged(LogLevel::Info, "from 1 to 2"), "{:?}", world.log);
    let c = world.get("c");
    assert_eq!(
        world.pool.current_max_pages(),
        2,
        "the burst is the end for an ordinary priority"
    );
    world.release(a);
    world.release(b);
    assert!(world.is_granted(c));
}

#[test]
fn the_high_tier_goes_beyond_the_burst() {
    let mut world = World::dynamic(1, 2, &TIER);
    let (_a, _b) = (world.lease("a"), world.lease("b"));
    let low = world.get_for("c", QueueKind::File, 9.0);
    assert_eq!(world.pool.current_max_pages(), 2);
    let high = world.get_for("d", QueueKind::File, 10.0);
    assert_eq!(world.pool.current_max_pages(), 3);
    assert!(
        world.is_granted(low),
        "the permit that was added goes to whoever waited for one"
    );
    assert!(!world.is_granted(high));
    assert!(world.logged(LogLevel::Info, "high-priority"), "{:?}", world.log);
}

#[test]
fn without_a_semaphore_that_can_grow_nothing_expands() {
    let env = [("PRERENDER_PAGE_POOL_MIN", "1"), ("PRERENDER_PAGE_POOL_MAX", "2")];
    for can_grow in [None, Some(false)] {
        let options = PoolOptions {
            has_semaphore: can_grow.is_some(),
            semaphore_can_grow: can_grow.unwrap_or(true),
            ..PoolOptions::new(1)
        };
        let mut world = World::with(&options, &env);
        let inputs = world.inputs();
        assert!(!world.pool.try_expand(priority(0.0), &inputs), "{can_grow:?}");
    }
}

#[test]
fn expansion_under_saturation_needs_a_full_semaphore() {
    let mut world = World::dynamic(1, 3, &[]);
    let inputs = world.inputs();
    assert!(!world.pool.maybe_expand_under_saturation(priority(0.0), &inputs));
    assert!(
        world.pool.try_expand(priority(0.0), &inputs),
        "asked to without conditions"
    );
    assert_eq!(world.pool.current_max_pages(), 2);
}

#[test]
fn a_module_past_the_tab_maximum_expands_the_pool() {
    let mut world = World::dynamic(1, 3, &[("PRERENDER_AFFINITY_TAB_MAX", "1")]);
    let file = world.lease("a");
    let module = world.get_for("a", QueueKind::Module, 0.0);
    assert!(world.is_granted(module), "{:?}", world.trace);
    assert_ne!(world.tab(file), world.tab(module));
}

#[test]
fn an_idle_pool_drops_one_slot_after_each_threshold_and_never_goes_below_its_minimum() {
    let mut world = World::dynamic(1, 3, &[("PRERENDER_PAGE_POOL_INITIAL", "3")]);
    world.warm();
    world.advance(60_000);
    assert_eq!(world.pool.current_max_pages(), 3, "first seen idle");
    world.advance(60_000);
    assert_eq!(world.pool.current_max_pages(), 2);
    assert_eq!(
        world.semaphore.as_ref().map(|semaphore| semaphore.capacity),
        Some(2)
    );
    world.advance(59_999);
    assert_eq!(world.pool.current_max_pages(), 2, "a full threshold again");
    world.advance(1);
    assert_eq!(world.pool.current_max_pages(), 1);
    world.advance(600_000);
    assert_eq!(world.pool.current_max_pages(), 1);
    assert!(world.logged(LogLevel::Info, "contracted"));
}

#[test]
fn a_standby_goes_first_then_the_least_recently_used_affinity() {
    let mut world = World::dynamic(1, 3, &[("PRERENDER_PAGE_POOL_INITIAL", "3")]);
    for key in ["a", "b", "c"] {
        world.visit(key);
    }
    world.advance(120_000);
    assert_eq!(world.warm_keys(), ["a", "b", "c"], "the standby goes first");
    assert_eq!(world.pool.current_max_pages(), 2);
    world.advance(60_000);
    assert_eq!(world.warm_keys(), ["b", "c"], "then the one used longest ago");
    assert_eq!(
        world.ledger(),
        ["b 1", "c 1"],
        "nothing of it is kept as an orphan"
    );
    assert_eq!(world.pool.current_max_pages(), 1);
}

#[test]
fn a_use_starts_the_idle_time_anew() {
    let mut world = World::dynamic(1, 2, &[("PRERENDER_PAGE_POOL_INITIAL", "2")]);
    world.advance(60_000);
    world.visit("a");
    world.advance(60_000);
    assert_eq!(world.pool.current_max_pages(), 2, "it was used between the ticks");
    world.advance(60_000);
    assert_eq!(world.pool.current_max_pages(), 1);
}

#[test]
fn a_held_lease_keeps_the_pool_from_contracting() {
    let mut world = World::dynamic(1, 2, &[("PRERENDER_PAGE_POOL_INITIAL", "2")]);
    let lease = world.lease("a");
    world.advance(600_000);
    assert_eq!(world.pool.current_max_pages(), 2);
    world.release(lease);
    world.advance(120_000);
    assert_eq!(world.pool.current_max_pages(), 1);
}

#[test]
fn a_clock_that_goes_back_starts_the_idle_time_anew() {
    let mut world = World::dynamic(1, 2, &[("PRERENDER_PAGE_POOL_INITIAL", "2")]);
    world.advance(60_000);
    world.wall -= 3_600_000.0;
    world.advance(60_000);
    assert_eq!(world.pool.current_max_pages(), 2);
    world.advance(60_000);
    assert_eq!(world.pool.current_max_pages(), 1);
}

#[test]
fn the_number_falls_only_when_the_slot_is_really_free() {
    let mut world = World::dynamic(1, 2, &[("PRERENDER_PAGE_POOL_INITIAL", "2")]);
    world.visit("a");
    world.visit("b");
    world.hold(&[Kind::CloseContext]);
    world.advance(120_000);
    assert_eq!(world.count(Kind::CloseContext), 1, "the standby is closing");
    assert_eq!(
        world.pool.current_max_pages(),
        2,
        "there are still three contexts"
    );
    world.finish(Kind::CloseContext);
    assert_eq!(world.pool.current_max_pages(), 1);
}

#[test]
fn a_fixed_pool_has_no_timer() {
    let mut world = World::new(2);
    assert_eq!(world.pool.poll_timeout(), None);
    world.visit("a");
    assert_eq!(world.pool.poll_timeout(), None);
}

/// Visits so many tenants in turn, one after another, and says how many pages there were after each.
fn sizes(world: &mut World, tenants: usize) -> Vec<u32> {
    (0..tenants)
        .map(|tenant| {
            world.visit(&format!("tenant {tenant}"));
            world.pool.current_max_pages()
        })
        .collect()
}

#[test]
fn a_dynamic_pool_grows_while_every_page_is_bound_and_idle_before_anything_is_closed() {
    let mut world = World::dynamic(2, 4, &[]);
    assert_eq!(sizes(&mut world, 5), [2, 2, 3, 4, 4], "five affinities in turn");
    assert_eq!(
        world.disposed,
        ["tenant 0"],
        "and only at the ceiling one makes room"
    );
}

#[test]
fn it_grows_for_one_that_comes_before_the_next_standby_is_ready_just_as_well() {
    let mut world = World::dynamic(2, 4, &[]);
    let mut seen = Vec::new();
    for tenant in 0..5 {
        world.hold(&[Kind::Standby]);
        let request = world.get(&format!("tenant {tenant}"));
        world.unhold(&[Kind::Standby]);
        assert!(world.is_granted(request), "{:?}", world.trace);
        seen.push(world.pool.current_max_pages());
        world.wall += 1.0;
        world.release(request);
    }
    assert_eq!(seen, [2, 2, 3, 4, 4]);
}

#[test]
fn it_grows_where_no_standby_may_be_made_too_before_a_tab_moves() {
    let options = PoolOptions {
        disable_standby_refill: true,
        has_semaphore: true,
        semaphore_can_grow: true,
        ..PoolOptions::new(1)
    };
    let env = [("PRERENDER_PAGE_POOL_MIN", "2"), ("PRERENDER_PAGE_POOL_MAX", "4")];
    let mut world = World::with(&options, &env);
    world.warm();
    assert_eq!(sizes(&mut world, 5), [2, 2, 3, 4, 4]);
    assert_eq!(world.attempts, 2, "no standby is made while a tab is bound");
    assert!(world.logged(LogLevel::Warn, "tab migration"), "{:?}", world.log);
}

#[test]
fn one_request_has_the_pool_grow_by_one_page() {
    let mut world = World::dynamic(1, 4, &[]);
    for key in ["a", "b", "c", "d"] {
        world.visit(key);
    }
    assert_eq!(world.pool.current_max_pages(), 4);
    // The standby goes first, then one affinity after another.
    world.advance(60_000 * 3);
    assert_eq!(world.pool.current_max_pages(), 2);
    world.visit("e");
    assert_eq!(world.pool.current_max_pages(), 3, "{:?}", world.log);
}

#[test]
fn the_page_that_a_full_semaphore_brought_is_the_one_that_its_caller_gets() {
    let mut world = World::dynamic(1, 4, &[]);
    world.lease("a");
    world.visit("b");
    assert_eq!(world.pool.current_max_pages(), 2, "the semaphore was full");
    let b = world.lease("b");
    world.lease("c");
    assert_eq!(
        world.pool.current_max_pages(),
        3,
        "it was full, and one page more is enough: {:?}",
        world.log
    );
    world.release(b);
}

#[test]
fn a_pool_without_room_for_this_priority_makes_room_instead() {
    let mut world = World::dynamic(1, 2, &TIER);
    assert_eq!(sizes(&mut world, 3), [1, 2, 2], "the burst is the ceiling");
    let high = world.get_for("urgent", QueueKind::File, 10.0);
    assert!(world.is_granted(high));
    assert_eq!(world.pool.current_max_pages(), 3, "the high tier has one more");
}

#[test]
fn a_fixed_pool_does_not_grow() {
    let options = PoolOptions {
        has_semaphore: true,
        semaphore_can_grow: true,
        ..PoolOptions::new(2)
    };
    let mut world = World::with(&options, &[]);
    assert_eq!(sizes(&mut world, 4), [2, 2, 2, 2]);
}

#[test]
fn the_idle_time_counts_from_the_last_expansion() {
    let options = PoolOptions {
        has_semaphore: true,
        semaphore_can_grow: true,
        contraction_tick_ms: Some(10_000.0),
        ..PoolOptions::new(1)
    };
    let env = [("PRERENDER_PAGE_POOL_MIN", "1"), ("PRERENDER_PAGE_POOL_MAX", "3")];
    let mut world = World::with(&options, &env);
    let inputs = world.inputs();
    assert!(world.pool.try_expand(priority(0.0), &inputs));
    // First seen idle after 10 s, and expanded after 45.
    world.advance(45_000);
    let inputs = world.inputs();
    assert!(world.pool.try_expand(priority(0.0), &inputs));
    world.advance(59_999);
    assert_eq!(
        world.pool.current_max_pages(),
        3,
        "idle for long enough, but expanded less than the threshold ago"
    );
    world.advance(10_000);
    assert_eq!(world.pool.current_max_pages(), 2);
    world.advance(55_000);
    assert_eq!(world.pool.current_max_pages(), 2, "a full threshold again");
    world.advance(10_000);
    assert_eq!(world.pool.current_max_pages(), 1);
}
