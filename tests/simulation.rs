//! Some hundreds of simulated lives of a pool, each from its seed.

use pagepool::driver::sim::{Settings, record_seed, replay, run_seed, soak};

/// Lives that `cargo test` goes through, however long that takes.
const SEEDS: u64 = 400;

#[test]
fn no_seed_breaks_a_rule() {
    let report = soak(0..SEEDS, |report| report.violations.is_empty());
    println!("{} seeds\n{}", report.seeds, report.tally);
    if let Some(found) = report.violations.first() {
        panic!("{found}");
    }
    assert_eq!(report.seeds, SEEDS, "some seeds were left out");
    assert!(
        report.tally.granted_warm > 0 && report.tally.granted_fresh > 0,
        "no lease was ever given"
    );
}

#[test]
fn a_seed_repeats_to_the_last_count() {
    for seed in 0..20 {
        let first = run_seed(seed).expect("a seed that breaks no rule");
        let second = run_seed(seed).expect("a seed that breaks no rule");
        assert_eq!(first, second, "seed {seed} went another way the second time");
    }
}

#[test]
fn recorded_steps_replay_the_life_they_were_recorded_from() {
    for seed in 0..20 {
        let lived = run_seed(seed).expect("a seed that breaks no rule");
        let replayed = replay(&Settings::draw(seed), &record_seed(seed)).expect("the steps of a good life");
        assert_eq!(lived, replayed, "seed {seed} does not replay");
    }
}
