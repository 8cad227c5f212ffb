//! The same calls against the machine and against slow, simple models of the contract, with shrinking.
//!
//! Each model is written from the contract over plain vectors that are scanned, and shares no code with what
//! it is compared to.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a model that cannot go on is a failure of the test"
)]

mod capacity;
mod config;
mod fixed_pool;
mod pool;
mod semaphore;

use proptest::test_runner::Config as Settings;

/// So many random cases; a failure prints its smallest one, and writes no file.
fn cases(count: u32) -> Settings {
    Settings {
        failure_persistence: None,
        ..Settings::with_cases(count)
    }
}
