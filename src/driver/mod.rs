//! Drivers: they perform the pool's browser actions.

pub mod chromium;
#[cfg(feature = "node")]
pub(crate) mod host;

mod standby_page;
mod standby_report;

pub use standby_page::StandbyPage;
pub use standby_report::{Phase, StandbyReport, origin};

use crate::pool::{BrowserAction, Event};

#[cfg(feature = "simulator")]
pub mod sim;

/// Performs the pool's browser actions. Each ends in exactly one event with its operation.
pub trait Driver {
    /// Starts the action and returns at once; its outcome may be reported before this returns.
    fn perform(&self, action: BrowserAction);
}

/// Where a driver reports what came of its actions, and what happens unasked.
pub trait Outcomes: Send + Sync {
    /// Hands the event to the pool. May be called from any thread.
    fn report(&self, event: Event);
}
