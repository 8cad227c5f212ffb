//! Many seeds, one after another.

use std::fmt;

use super::operation::Operation;
use super::scenario::Scenario;
use super::settings::Settings;
use super::shrink::{Shrunk, shrink};
use super::tally::Tally;
use super::world::{Violation, guarded};

/// Runs of the world that one search for fewer steps may take.
const SHRINKING_PATIENCE: usize = 3_000;

/// A violation, and how to see it again.
#[derive(Debug)]
pub struct Found {
    /// Of the life in which it was found.
    pub seed: u64,
    /// How its pool was set up.
    pub settings: Settings,
    /// The violation.
    pub violation: Violation,
    /// The few steps that matter, where it repeats from recorded steps.
    pub shrunk: Option<Shrunk>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { rule, detail, event } = &self.violation;
        writeln!(f, "seed {}: {rule} at event {event}: {detail}", self.seed)?;
        writeln!(f, "settings: {:?}", self.settings)?;
        if let Some(shrunk) = &self.shrunk {
            writeln!(
                f,
                "{} steps are enough: {:?}",
                shrunk.operations.len(),
                shrunk.operations
            )?;
            for line in &shrunk.trace {
                writeln!(f, "{line}")?;
            }
        }
        Ok(())
    }
}

/// The results of many seeds.
#[derive(Debug, Default)]
pub struct SoakReport {
    /// Seeds that were run.
    pub seeds: u64,
    /// Counts of all of them.
    pub tally: Tally,
    /// The violations that were found.
    pub violations: Vec<Found>,
}

/// Lives one life; a violation is not shrunk yet.
///
/// # Errors
///
/// The violation. A panic of the machine counts as one.
pub fn run_seed(seed: u64) -> Result<Tally, Box<Violation>> {
    let mut scenario = Scenario::new(seed);
    match guarded(|| scenario.run()) {
        Ok(()) => Ok(scenario.tally()),
        Err(violation) => Err(Box::new(violation)),
    }
}

/// The steps of a seed's life, up to where it ended.
#[must_use]
pub fn record_seed(seed: u64) -> Vec<Operation> {
    let mut scenario = Scenario::new(seed).recording();
    let _ = guarded(|| scenario.run());
    scenario.into_record()
}

/// Runs `seeds` until `proceed` says stop; it is asked after each seed with what there is so far.
pub fn soak(
    seeds: impl IntoIterator<Item = u64>,
    mut proceed: impl FnMut(&SoakReport) -> bool,
) -> SoakReport {
    let mut report = SoakReport::default();
    for seed in seeds {
        match run_seed(seed) {
            Ok(tally) => report.tally += tally,
            Err(violation) => report.violations.push(found(seed, *violation)),
        }
        report.seeds += 1;
        if !proceed(&report) {
            break;
        }
    }
    report
}

/// Shrinks what a seed has broken.
#[must_use]
pub fn found(seed: u64, violation: Violation) -> Found {
    let settings = Settings::draw(seed);
    let shrunk = shrink(&settings, &record_seed(seed), SHRINKING_PATIENCE);
    Found {
        seed,
        settings,
        violation,
        shrunk,
    }
}
