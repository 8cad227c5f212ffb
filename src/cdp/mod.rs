//! The connection to Chrome: one reader, sessions, calls and events.
//!
//! A [`Connection`] runs over `--remote-debugging-pipe` or a websocket. Its reader takes envelopes apart
//! without building values; what nobody waits for or listens to is not parsed any further. Callbacks of calls
//! and listeners run on the reader, in the order in which Chrome sent the messages, and must not block.

mod connection;
mod dropped;
mod envelope;
mod error;
pub mod io;
mod limits;
mod pipe;
mod session;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod websocket;

pub use connection::Connection;
pub use error::{CallError, CloseReason, ConnectError};
pub use limits::{Deadline, Limits, MESSAGE_DROPPED, MessageDropped};
pub use session::{Call, Health, Listener, Session};
