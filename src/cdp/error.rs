//! The errors of calls and connections.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::envelope::millis;

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Chrome answered with an error.
    #[error("Protocol error ({method}): {message}{}", .data.as_deref().map(|data| format!(" {data}")).unwrap_or_default())]
    Protocol {
        /// The command.
        method: Cow<'static, str>,
        /// JSON-RPC's code.
        code: i64,
        /// Chrome's message.
        message: String,
        /// Chrome's addition to it; a string as it is, anything else as JSON.
        data: Option<String>,
    },
    /// The target closed, or the session was detached, before the answer came.
    #[error("Protocol error ({method}): Target closed")]
    TargetClosed {
        /// The command.
        method: Cow<'static, str>,
    },
    /// The same where whoever closed the target has said why.
    #[error("Protocol error ({method}): Target closed")]
    TargetEnded {
        /// The command.
        method: Cow<'static, str>,
        /// Why.
        reason: Arc<str>,
    },
    /// The target had closed, or the session was detached, before the call.
    #[error("Protocol error ({method}): Session closed. Most likely the {target} has been closed.")]
    SessionClosed {
        /// The command.
        method: Cow<'static, str>,
        /// Chrome's type of the target.
        target: String,
    },
    /// The target's renderer died before the answer came, and has not been replaced.
    #[error("Protocol error ({method}): Target crashed")]
    TargetCrashed {
        /// The command.
        method: Cow<'static, str>,
    },
    /// The browser died, or the connection to it was closed.
    #[error("Protocol error ({method}): Connection closed.")]
    Disconnected {
        /// The command.
        method: Cow<'static, str>,
    },
    /// No answer came within the call's deadline.
    #[error("{method} timed out after {}ms", millis(*.after))]
    TimedOut {
        /// The command.
        method: Cow<'static, str>,
        /// The deadline it had.
        after: Duration,
    },
    /// No answer came within the connection's `protocolTimeout`. The words are puppeteer's: callers look for them.
    #[error(
        "{method} timed out. Increase the 'protocolTimeout' setting in launch/connect calls for a higher timeout if needed."
    )]
    ProtocolTimedOut {
        /// The command.
        method: Cow<'static, str>,
    },
    /// The answer was larger than the connection takes, and has been dropped unread.
    #[error("Protocol error ({method}): the answer has {bytes} bytes, more than maxMessageBytes ({limit})")]
    TooLarge {
        /// The command.
        method: Cow<'static, str>,
        /// The answer's size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The parameters could not be written as JSON.
    #[error("{method}: the parameters are not valid JSON")]
    Encode {
        /// The command.
        method: Cow<'static, str>,
        /// Why.
        source: serde_json::Error,
    },
    /// The answer does not have the expected shape.
    #[error("{method}: the answer was not understood")]
    Decode {
        /// The command.
        method: Cow<'static, str>,
        /// Why.
        source: serde_json::Error,
    },
}

impl CallError {
    /// The command that failed.
    #[must_use]
    pub fn method(&self) -> &str {
        match self {
            Self::Protocol { method, .. }
            | Self::TargetClosed { method }
            | Self::TargetEnded { method, .. }
            | Self::SessionClosed { method, .. }
            | Self::TargetCrashed { method }
            | Self::Disconnected { method }
            | Self::TimedOut { method, .. }
            | Self::ProtocolTimedOut { method }
            | Self::TooLarge { method, .. }
            | Self::Encode { method, .. }
            | Self::Decode { method, .. } => method,
        }
    }

    /// True if the target or the browser is gone, rather than the call wrong or late.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(
            self,
            Self::TargetClosed { .. }
                | Self::TargetEnded { .. }
                | Self::SessionClosed { .. }
                | Self::TargetCrashed { .. }
                | Self::Disconnected { .. }
        )
    }
}

/// Why a session takes no more calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CloseReason {
    /// Its target closed, or it was detached.
    TargetClosed,
    /// The browser died, or the connection to it was closed.
    Disconnected,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The pipe could not be used.
    #[error("the debugging pipe cannot be used")]
    Pipe(#[from] std::io::Error),
    /// The endpoint refused, or is none.
    #[error("cannot connect to {endpoint}")]
    WebSocket {
        /// The endpoint.
        endpoint: String,
        /// Why.
        source: Box<tokio_tungstenite::tungstenite::Error>,
    },
    /// The endpoint did not answer in time.
    #[error("{endpoint} did not answer within {}ms", millis(*.after))]
    TimedOut {
        /// The endpoint.
        endpoint: String,
        /// How long it had.
        after: Duration,
    },
}
