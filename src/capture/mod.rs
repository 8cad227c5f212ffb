//! Capture of pages: console messages, exceptions, network in flight.

mod entry;
mod exception;
mod network;
mod store;

pub use entry::{ConsoleErrorEntry, ConsoleErrorLocation, ConsoleLevel, Source};
pub use exception::exception_entry;
pub use network::{PendingRequest, PendingRequests};
pub use store::{ConsoleErrors, Place};
