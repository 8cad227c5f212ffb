//! How long calls may take, and how large messages may be.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The limits of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How long a call without a deadline of its own may take; `None`: for ever. Default: 180 s, as puppeteer's.
    pub protocol_timeout: Option<Duration>,
    /// How long each of Chrome's messages is held up, so that one can watch. Default: not at all.
    pub slow_mo: Option<Duration>,
    /// Larger messages are dropped unread: an answer fails its call, an event is told of as [`MESSAGE_DROPPED`] instead.
    /// Default: 64 MiB.
    pub max_message_bytes: usize,
}

/// The event of a session, and of those that it was attached through, that stands for a message that was dropped. Its
/// parameters are a [`MessageDropped`]. Chrome has no event of this name.
pub const MESSAGE_DROPPED: &str = "Pagepool.messageDropped";

/// A message that was too large.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MessageDropped {
    /// The event's name, or that of the command whose answer it was. Empty: neither shows.
    pub method: String,
    /// Its size.
    pub bytes: usize,
    /// The limit that it was over.
    pub limit: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            protocol_timeout: Some(Duration::from_secs(180)),
            slow_mo: None,
            max_message_bytes: 64 * 1024 * 1024,
        }
    }
}

/// How long one call may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Deadline {
    /// As long as the connection's [`Limits::protocol_timeout`] says.
    #[default]
    Protocol,
    /// This long.
    Within(Duration),
    /// For ever: whoever waits for it sees to its end.
    Unbounded,
}
