//! The pool's decisions: a deterministic state machine without clock, randomness, I/O or threads.
//!
//! Feed it with [`Pool::handle`], perform what [`Pool::poll_action`] returns, and call
//! [`Pool::handle_timeout`] when [`Pool::poll_timeout`] has come.

mod action;
mod event;
mod ids;

pub use action::{Action, BrowserAction, Grant, LogLevel, PoolError, Waits};
pub use event::{DisposeOptions, Event, Failure, FailureKind, Inputs, Now};
pub use ids::{AffinityKey, ContextId, OperationId, Priority, QueueKind, RequestId, TabId, TicketId};
