//! What an affinity, a tab and a waiter take of memory, each apart.

mod machine_under_test;

use machine_under_test::MachineUnderTest;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// So many more of a thing are compared with a few of it.
const MORE: u32 = 100_000;

fn main() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let few = bytes(1, 1_000, 0);
    let tab = (bytes(1, 1_000 + MORE, 0) - few) / MORE as usize;
    let few = bytes(1_000, 1, 0);
    let affinity_and_tab = (bytes(1_000 + MORE, 1, 0) - few) / MORE as usize;
    let few = bytes(10, 1, 0);
    let waiter = (bytes(10, 1, MORE) - few) / MORE as usize;
    println!("a tab with its context: {tab} bytes");
    println!("an affinity:            {} bytes", affinity_and_tab - tab);
    println!("a waiter:               {waiter} bytes");
}

fn bytes(affinities: u32, tabs_each: u32, waiters: u32) -> usize {
    let before = dhat::HeapStats::get().curr_bytes;
    let mut machine = MachineUnderTest::new(affinities, tabs_each, waiters);
    machine.acquire_and_release();
    let after = dhat::HeapStats::get().curr_bytes;
    drop(machine);
    after - before
}
