//! How long calls may take.

use std::time::Duration;

/// What a connection puts up with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How long a call without a deadline of its own may take; `None`: for ever. Default: 180 s, as puppeteer's.
    pub protocol_timeout: Option<Duration>,
    /// How long each of Chrome's messages is held up, so that one can watch. Default: not at all.
    pub slow_mo: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            protocol_timeout: Some(Duration::from_secs(180)),
            slow_mo: None,
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
