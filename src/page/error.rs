//! What can become of a page's operations. Messages are puppeteer's, since callers match on them.

use std::sync::Arc;

use crate::cdp::CallError;

use super::exception::Exception;

/// Why an evaluation has no result.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The page's code threw, or its promise was rejected.
    #[error("{}", .0.message())]
    Exception(Box<Exception>),
    /// The document went away under it.
    #[error("Execution context was destroyed, most likely because of a navigation.")]
    ContextDestroyed,
    /// The frame was gone before the call.
    #[error("Attempted to use detached Frame '{0}'.")]
    Detached(Arc<str>),
    /// The frame's browser was gone before the call.
    #[error("Attempted to use detached Frame '{0}': its browser is gone.")]
    Lost(Arc<str>),
    /// The frame went away while the call waited for a document.
    #[error("Execution context is not available in detached frame or worker.")]
    NoContext,
    /// The selector asks for what there is not.
    #[error("{0}")]
    Selector(String),
    /// No element fits the selector.
    #[error("Error: failed to find element matching selector \"{0}\"")]
    NoElement(String),
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl EvaluateError {
    /// Whether the document was replaced, so that the same may work in the next one.
    #[must_use]
    pub fn is_navigation(&self) -> bool {
        match self {
            Self::ContextDestroyed => true,
            Self::Call(error) => super::evaluate::is_navigation(error),
            _ => false,
        }
    }
}

/// Why a navigation did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum NavigationError {
    /// Chrome could not load the document.
    #[error("{text} at {url}")]
    Failed {
        /// Chrome's error, such as `net::ERR_CONNECTION_REFUSED`.
        text: String,
        /// Where it should have gone.
        url: String,
    },
    /// It took too long.
    #[error("Navigation timeout of {0} ms exceeded")]
    TimedOut(u64),
    /// The frame went away meanwhile.
    #[error("Navigating frame was detached")]
    FrameDetached,
    /// Its browser went away meanwhile, or the connection to it.
    #[error("Navigating frame was detached")]
    BrowserGone,
    /// The frame was gone before the call.
    #[error("Attempted to use detached Frame '{0}'.")]
    Detached(Arc<str>),
    /// The frame's browser was gone before the call.
    #[error("Attempted to use detached Frame '{0}': its browser is gone.")]
    Lost(Arc<str>),
    /// There is nothing to go back or forward to.
    #[error("History entry to navigate to not found.")]
    NoHistoryEntry,
    /// The caller has given up.
    #[error("aborted")]
    Aborted,
    /// The document could not be written.
    #[error(transparent)]
    Evaluate(EvaluateError),
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl From<EvaluateError> for NavigationError {
    fn from(error: EvaluateError) -> Self {
        match error {
            EvaluateError::Call(error) => Self::Call(error),
            EvaluateError::Detached(frame) => Self::Detached(frame),
            EvaluateError::Lost(frame) => Self::Lost(frame),
            error => Self::Evaluate(error),
        }
    }
}

/// Why a wait ended without what was waited for.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// It took too long.
    #[error("Waiting failed: {0}ms exceeded")]
    TimedOut(u64),
    /// The function failed in the page.
    #[error("Waiting failed")]
    Evaluate(#[from] EvaluateError),
    /// The caller has given up.
    #[error("aborted")]
    Aborted,
}

/// Why an element did not come.
#[derive(Debug, thiserror::Error)]
#[error("Waiting for selector `{selector}` failed")]
pub struct SelectorError {
    /// The selector.
    pub selector: String,
    /// Why.
    pub source: WaitError,
}
