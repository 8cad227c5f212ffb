//! Everything at once, in an order that a seed decides; invariants are asserted after every event.

use crate::pool::testing::{Kind, World, broken};
use crate::pool::{DisposeOptions, Event, Inputs, Now, PoolOptions, QueueKind, RequestId};

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % bound
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

const ALL: [Kind; 9] = [
    Kind::Standby,
    Kind::Open,
    Kind::Probe,
    Kind::Ask,
    Kind::Measure,
    Kind::Trim,
    Kind::ClosePage,
    Kind::CloseContext,
    Kind::Manager,
];

fn world(random: &mut Random) -> World {
    let pages = 1 + u32::try_from(random.below(3)).unwrap_or(0);
    let options = PoolOptions {
        disable_standby_refill: random.chance(15),
        disable_file_admission: random.chance(30),
        allow_tab_migration: random.chance(20),
        has_semaphore: random.chance(70),
        semaphore_can_grow: random.chance(80),
        standby_concurrency: 1 + u32::try_from(random.below(2)).unwrap_or(0),
        escalate_page_close: random.chance(50),
        idle_trim_ms: random.chance(50).then(|| [1.0, 400.0, 2_000.0][random.below(3)]),
        trims_beside_leases: u32::try_from(random.below(3)).unwrap_or(0),
        max_uses_per_tab: random.chance(40).then(|| [1.0, 2.0, 5.0][random.below(3)]),
        max_tab_age_ms: random.chance(20).then_some(5_000.0),
        max_tab_memory_mb: random.chance(20).then_some(100.0),
        ..PoolOptions::new(pages)
    };
    let tab_max = ["1", "2", "5"][random.below(3)];
    let mut env = vec![
        ("PRERENDER_AFFINITY_TAB_MAX", tab_max),
        ("PRERENDER_SHARED_CONTEXT_CAP", "2"),
    ];
    if random.chance(50) {
        env.extend([("PRERENDER_PAGE_POOL_MIN", "1"), ("PRERENDER_PAGE_POOL_MAX", "3")]);
        if random.chance(50) {
            env.extend([
                ("PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX", "4"),
                ("PRERENDER_HIGH_PRIORITY_THRESHOLD", "5"),
            ]);
        }
    }
    World::with(&options, &env)
}

fn step(world: &mut World, random: &mut Random, open: &mut Vec<RequestId>) {
    let key = ["a", "b", "c", "d", "e"][random.below(5).min(random.below(5))];
    match random.below(100) {
        0..30 => {
            let queue = [QueueKind::File, QueueKind::Module, QueueKind::Command][random.below(3)];
            let priority = [0.0, 0.0, 1.0, 5.0][random.below(4)];
            open.push(world.get_for(key, queue, priority));
        }
        30..50 if !open.is_empty() => {
            let request = open.swap_remove(random.below(open.len()));
            if world.is_granted(request) {
                world.release(request);
            } else if random.chance(50) {
                world.cancel(request);
            } else {
                open.push(request);
            }
        }
        50..54 => {
            world.dispose_with(
                key,
                DisposeOptions {
                    await_idle: random.chance(50),
                    retain_console_errors: random.chance(50),
                    retain_shared_context: random.chance(50),
                },
            );
        }
        54 if random.chance(30) => {
            world.close_all();
        }
        55 => {
            world.evict_idle(1.0);
        }
        56 => {
            world.warm();
        }
        57 if random.chance(30) => world.handle(Event::BrowserDisconnected),
        70 => {
            if let Some(&request) = open.iter().find(|request| world.is_granted(**request)) {
                world.handle(Event::LeaseAborted { request });
            }
        }
        58 => {
            if let Some(&request) = open.iter().find(|request| world.is_granted(**request)) {
                let tab = world.tab(request);
                world.handle(Event::TabCrashed { tab });
            }
        }
        59..70 => {
            let ms = [1, 400, 6_000, 70_000][random.below(4)];
            world.advance(ms);
        }
        _ if !world.pending.is_empty() => {
            let index = random.below(world.pending.len());
            if world.pending[index].kind == Kind::Measure {
                world.measured_at(index, random.chance(80).then(|| [50, 150][random.below(2)]));
            } else if random.chance(15) {
                world.fail_at(index, broken());
            } else {
                world.finish_at(index);
            }
        }
        _ => {}
    }
}

/// Everything works again, and every lease is released: nobody may be left waiting.
fn settle(world: &mut World, open: &mut Vec<RequestId>, seed: u64) {
    world.unhold(&ALL);
    for _ in 0..500 {
        for request in std::mem::take(open) {
            if world.is_granted(request) {
                world.release(request);
            } else if !world.rejections.contains_key(&request) {
                open.push(request);
            }
        }
        if open.is_empty() {
            return;
        }
        world.advance(1_000);
    }
    panic!(
        "seed {seed}: {open:?} wait for ever\n{:#?}\n{:#?}",
        world.trace, world.pool
    );
}

fn run(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut world = world(&mut random);
    let mut open = Vec::new();
    world.hold(&ALL);
    for _ in 0..300 {
        step(&mut world, &mut random, &mut open);
    }
    settle(&mut world, &mut open, seed);
    let closed = world.close_all();
    world.advance(60_000);
    assert!(
        world.is_done(closed),
        "seed {seed}: closeAll does not end\n{:#?}",
        world.pool
    );
    assert!(world.ledger().is_empty(), "seed {seed}: the ledger is not empty");
    if let Some(semaphore) = &world.semaphore {
        assert!(
            semaphore.holders.is_empty(),
            "seed {seed}: permits are leaked: {semaphore:?}"
        );
        assert!(
            semaphore.waiters.is_empty(),
            "seed {seed}: somebody waits for a permit: {semaphore:?}"
        );
    }
    let inputs = Inputs {
        now: Now {
            monotonic_ms: world.monotonic,
            wall_ms: world.wall,
        },
        ..Inputs::default()
    };
    world.pool.handle_timeout(&inputs);
    assert!(
        world.pool.is_empty(),
        "seed {seed}: something is left\n{:#?}",
        world.pool
    );
}

#[test]
fn whatever_happens_in_whatever_order_the_invariants_hold_and_everybody_is_served() {
    let (from, count) = match std::env::var("POOL_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => (seed, 1),
        None => (
            0,
            std::env::var("POOL_SEEDS")
                .ok()
                .and_then(|count| count.parse().ok())
                .unwrap_or(150),
        ),
    };
    for seed in from..from + count {
        let result = std::panic::catch_unwind(|| run(seed));
        assert!(result.is_ok(), "seed {seed} failed");
    }
}
