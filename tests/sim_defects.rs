//! The simulator finds defects: one after another is planted in the state machine, and each must be found.
#![cfg(feature = "planted-defects")]

use pagepool::driver::sim::run_seed;
use pagepool::pool::defects::{Defect, plant};

/// Seeds in which a defect must be found.
const MOST_SEEDS: u64 = 1_000;

#[test]
fn every_planted_defect_is_found() {
    // A panic of the machine is a find like another.
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    println!("| planted defect | seeds | found as |\n|---|---|---|");
    for defect in Defect::ALL.iter().copied() {
        plant(Some(defect));
        let found =
            (0..MOST_SEEDS).find_map(|seed| run_seed(seed).err().map(|violation| (seed + 1, violation.rule)));
        plant(None);
        let text = defect.describe();
        if let Some((seeds, rule)) = found {
            println!("| {text} | {seeds} | `{rule}` |");
        } else {
            println!("| {text} | missed in {MOST_SEEDS} | |");
            missed.push(defect);
        }
    }
    let _ = std::panic::take_hook();
    assert!(Defect::ALL.len() >= 25, "too few defects are planted");
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[test]
fn without_a_defect_nothing_is_found() {
    plant(None);
    for seed in 0..200 {
        if let Err(violation) = run_seed(seed) {
            panic!("seed {seed}: {violation:?}");
        }
    }
}
