//! What the state machine costs: getting and giving back a warm page, with ever more affinities and waiters.

mod machine_under_test;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use machine_under_test::MachineUnderTest;

fn acquire_and_release(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("acquire + release of a warm tab");
    group
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    for affinities in [10, 1_000, 100_000] {
        for waiters in [0, 100, 10_000] {
            let mut machine = MachineUnderTest::new(affinities, 1, waiters);
            let name = BenchmarkId::new(format!("{affinities} affinities"), format!("{waiters} waiters"));
            group.bench_function(name, |bencher| bencher.iter(|| machine.acquire_and_release()));
        }
    }
    group.finish();
}

criterion_group!(benches, acquire_and_release);
criterion_main!(benches);
