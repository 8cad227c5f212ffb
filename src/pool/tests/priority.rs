use crate::pool::testing::{Kind, World, broken};
use crate::pool::{Event, PoolOptions, QueueKind, RequestId};

#[test]
fn admission_limits_files_and_never_holds_modules_or_commands() {
    let mut world = World::new(3);
    let first = world.lease("a");
    let second = world.lease("a");
    let third = world.get("a");
    assert!(!world.is_granted(third), "a fixed pool leaves one tab to modules");
    let module = world.get_for("a", QueueKind::Module, 0.0);
    assert!(world.is_granted(module));
    assert_eq!(world.grants[&module].waits.admission_ms, 0);
    world.wall += 25.0;
    world.release(first);
    assert!(world.is_granted(third));
    assert_eq!(world.grants[&third].waits.admission_ms, 25);
    world.release(second);
    world.release(third);
    world.release(module);
}

#[test]
fn every_queue_serves_the_highest_priority_first_and_within_one_the_first() {
    let order = |world: &mut World, first: RequestId, queue: [RequestId; 4]| {
        let mut holder = first;
        let mut served = Vec::new();
        for _ in queue {
            world.release(holder);
            let next = queue
                .into_iter()
                .find(|id| world.is_granted(*id) && !served.contains(id));
            holder = next.expect("nobody was served");
            served.push(holder);
        }
        served
    };
    let ask = |world: &mut World, keys: [&str; 4]| {
        let mut asked = [RequestId(0); 4];
        for (index, (key, priority)) in keys.into_iter().zip([0.0, 7.0, -1.0, 7.0]).enumerate() {
            asked[index] = world.get_for(key, QueueKind::File, priority);
        }
        asked
    };
    // Admission.
    let mut world = World::new(2);
    let first = world.lease("a");
    let asked = ask(&mut world, ["a"; 4]);
    assert_eq!(
        order(&mut world, first, asked),
        [asked[1], asked[3], asked[0], asked[2]],
        "admission"
    );
    // A tab.
    let mut world = World::with(
        &PoolOptions {
            disable_file_admission: true,
            ..PoolOptions::new(1)
        },
        &[],
    );
    let first = world.lease("a");
    let asked = ask(&mut world, ["a"; 4]);
    assert_eq!(
        order(&mut world, first, asked),
        [asked[1], asked[3], asked[0], asked[2]],
        "tab"
    );
    // The pool.
    let mut world = World::new(1);
    let _stays = world.lease("x");
    let first = world.lease("y");
    let asked = ask(&mut world, ["a", "b", "c", "d"]);
    assert_eq!(
        order(&mut world, first, asked),
        [asked[1], asked[3], asked[0], asked[2]],
        "pool"
    );
}

#[test]
fn a_file_with_a_held_tab_queues_on_the_least_loaded_and_a_sibling_that_frees_first_takes_over() {
    let options = PoolOptions {
        disable_file_admission: true,
        ..PoolOptions::new(2)
    };
    let mut world = World::with(&options, &[]);
    let first = world.lease("a");
    world.wall += 1.0;
    let second = world.lease("a");
    let third = world.get("a");
    world.release(second);
    assert!(
        world.is_granted(third),
        "an idle tab of the affinity, and somebody waits for another"
    );
    assert_eq!(world.tab(third), world.tab(second));
    assert!(world.grants[&third].reused);
    world.release(first);
}

#[test]
fn a_module_waits_for_its_own_tab_or_a_standby_whichever_comes_first() {
    let mut world = World::new(2);
    let file = world.lease("a");
    let (b, c) = (world.lease("b"), world.lease("c"));
    let module = world.get_for("a", QueueKind::Module, 0.0);
    assert!(!world.is_granted(module));
    world.release(file);
    assert!(world.is_granted(module), "its own tab is idle");
    assert!(world.grants[&module].reused);
    world.release(module);
    world.release(b);
    world.release(c);
}

/// A file render of `a` holds its lease until a module render of `a` has ended, with every other page taken.
fn file_waits_for_module(mut world: World, others: &[&str]) -> bool {
    let file = world.lease("a");
    let leases: Vec<RequestId> = others.iter().map(|key| world.get(key)).collect();
    let module = world.get_for("a", QueueKind::Module, 0.0);
    for lease in leases {
        if world.is_granted(lease) {
            world.release(lease);
        } else {
            world.cancel(lease);
        }
    }
    let ended = world.is_granted(module);
    world.release(file);
    assert!(
        world.is_granted(module),
        "once the file render gives up, the module render goes on"
    );
    world.release(module);
    ended
}

#[test]
fn a_file_render_that_waits_for_a_module_render_of_its_own_affinity_ends() {
    let semaphore = PoolOptions {
        has_semaphore: true,
        semaphore_can_grow: true,
        ..PoolOptions::new(3)
    };
    for tab_max in ["2", "5"] {
        let env = [("PRERENDER_AFFINITY_TAB_MAX", tab_max)];
        let fixed = World::with(&semaphore, &env);
        assert!(
            file_waits_for_module(fixed, &["b", "c", "d"]),
            "fixed, tab maximum {tab_max}"
        );
    }
    for tab_max in ["1", "2", "5"] {
        let env = [("PRERENDER_AFFINITY_TAB_MAX", tab_max)];
        let dynamic = World::dynamic(1, 4, &env);
        assert!(
            file_waits_for_module(dynamic, &["b", "c"]),
            "dynamic, tab maximum {tab_max}"
        );
    }
}

#[test]
fn with_one_tab_per_affinity_in_a_fixed_pool_the_module_queues_behind_the_file() {
    let mut world = World::with(&PoolOptions::new(2), &[("PRERENDER_AFFINITY_TAB_MAX", "1")]);
    let file = world.lease("a");
    let module = world.get_for("a", QueueKind::Module, 0.0);
    assert!(
        !world.is_granted(module),
        "that is what the warning at the start says"
    );
    world.release(file);
    assert!(
        world.is_granted(module),
        "it ends with the file render, at its timeout at the latest"
    );
}

#[test]
fn migrating_callers_wait_behind_one_holder_only() {
    let options = PoolOptions {
        disable_standby_refill: true,
        ..PoolOptions::new(1)
    };
    let mut world = World::with(&options, &[]);
    let a = world.lease("a");
    world.hold(&[Kind::Probe]);
    let b = world.get("b");
    world.release(a);
    assert_eq!(world.count(Kind::Probe), 1, "a migrating tab is probed");
    world.finish(Kind::Probe);
    assert!(world.is_granted(b));
}

#[test]
fn two_promises_to_one_affinity_do_not_take_it_beyond_its_tabs() {
    let options = PoolOptions {
        disable_standby_refill: true,
        disable_file_admission: true,
        ..PoolOptions::new(2)
    };
    let mut world = World::with(&options, &[("PRERENDER_AFFINITY_TAB_MAX", "1")]);
    world.warm();
    let (a, b) = (world.lease("a"), world.lease("b"));
    let first = world.get("c");
    let second = world.get("c");
    world.release(a);
    assert!(world.is_granted(first), "the first tab moves: {:?}", world.trace);
    world.release(b);
    assert!(
        !world.is_granted(second),
        "the second stays: c has all it may have"
    );
    assert_eq!(world.warm_keys(), ["b", "c"]);
    world.release(first);
    assert_eq!(world.tab(second), world.tab(first));
    world.release(second);
}

#[test]
fn a_module_whose_standby_could_not_be_made_does_not_queue_behind_its_own_file() {
    for file_releases in [false, true] {
        let mut world = World::new(2);
        world.hold(&[Kind::Standby]);
        let file = world.get("a");
        world.finish(Kind::Standby);
        let module = world.get_for("a", QueueKind::Module, 0.0);
        let warm = world.warm();
        for _ in 0..3 {
            world.fail(Kind::Standby, broken());
            world.advance(1_000);
        }
        assert!(world.is_done(warm), "for now no more can be made");
        assert!(
            !world.is_granted(module) && world.rejections.is_empty(),
            "it waits on"
        );
        if file_releases {
            world.release(file);
            assert!(world.grants[&module].reused, "its own tab is as good");
        } else {
            world.advance(4_000);
            world.finish(Kind::Standby);
            assert!(world.is_granted(module), "the host is back: {:?}", world.trace);
            world.release(file);
        }
        world.release(module);
    }
}

#[test]
fn a_module_behind_its_own_file_chooses_again_when_the_affinity_loses_its_other_tab() {
    let mut world = World::new(2);
    world.warm();
    let file = world.lease("a");
    world.wall += 1.0;
    let other = world.get_for("a", QueueKind::Module, 0.0);
    let module = world.get_for("a", QueueKind::Module, 0.0);
    assert!(world.is_granted(other) && !world.is_granted(module));
    let tab = world.tab(other);
    world.handle(Event::TabCrashed { tab });
    assert!(
        world.is_granted(module) && !world.grants[&module].reused,
        "in a tab of its own: {:?}",
        world.trace
    );
    for request in [module, other, file] {
        world.release(request);
    }
}
