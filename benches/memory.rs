//! What a tab with its affinity, and a waiter, take of memory.

mod machine_under_test;

use machine_under_test::MachineUnderTest;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

fn main() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let bytes = |affinities, waiters| {
        let before = dhat::HeapStats::get().curr_bytes;
        let mut machine = MachineUnderTest::new(affinities, waiters);
        machine.acquire_and_release();
        let after = dhat::HeapStats::get().curr_bytes;
        drop(machine);
        after - before
    };
    let (few, many) = (bytes(1_000, 0), bytes(101_000, 0));
    println!(
        "an affinity with its tab and context: {} bytes",
        (many - few) / 100_000
    );
    let (few, many) = (bytes(10, 0), bytes(10, 100_000));
    println!(
        "a waiter:                             {} bytes",
        (many - few) / 100_000
    );
}
