//! A seeded world around the pool's state machine: virtual time, a fake Chrome with faults, and checks after
//! every event.
//!
//! [`Scenario`] draws what happens from a seed, [`World`] makes it happen and checks, [`shrink()`] finds the few
//! steps that matter, and [`soak()`] does all that for many seeds.

mod book;
mod checks;
mod chrome;
mod finish;
mod notes;
mod operation;
mod perform;
pub mod recording;
mod scenario;
mod semaphore;
mod settings;
mod shrink;
mod soak;
mod surroundings;
mod tally;
mod users;
mod world;

pub use operation::{Call, Operation, Outcome, PARTNERS, Work};
pub use scenario::Scenario;
pub use settings::{Expected, SemaphoreKind, Settings};
pub use shrink::{Shrunk, shrink};
pub use soak::{Found, SoakReport, found, record_seed, run_seed, soak};
pub use tally::Tally;
pub use world::{Notice, Violation, World, replay};
