//! The pool's decisions: a deterministic state machine without clock, randomness, I/O or threads.
//!
//! Feed it with [`Pool::handle`], perform what [`Pool::poll_action`] returns, and call
//! [`Pool::handle_timeout`] when [`Pool::poll_timeout`] has come.

mod action;
pub mod config;
mod event;
mod ids;
mod report;

pub use action::{Action, BrowserAction, Grant, LogLevel, PoolError, Waits};
pub use config::{Config, Notice, PoolOptions};
pub use event::{DisposeOptions, Event, Failure, FailureKind, Inputs, Now};
pub use ids::{AffinityKey, ContextId, OperationId, Priority, QueueKind, RequestId, TabId, TicketId};
pub use report::{
    AdmissionDepth, AffinityQueueDepth, ByQueue, QueueDepthSnapshot, SharedContextEntry,
    SharedContextSnapshot, Vacancy,
};
