//! Where the objects live that handles stand for.

use crate::cdp::{CallError, Session};

use super::error::EvaluateError;
use super::evaluate::Code;
use super::frame::Frame;
use super::query::own_properties;
use super::value::{RemoteObject, RemoteValue};
use super::web_worker::WebWorker;

/// A frame or a worker: what runs code, and keeps objects that came of it.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Owner {
    Frame(Frame),
    Worker(WebWorker),
}

impl From<&Frame> for Owner {
    fn from(frame: &Frame) -> Self {
        Self::Frame(frame.clone())
    }
}

impl From<&WebWorker> for Owner {
    fn from(worker: &WebWorker) -> Self {
        Self::Worker(worker.clone())
    }
}

impl Owner {
    /// The session of its target.
    #[must_use]
    pub fn session(&self) -> Session {
        match self {
            Self::Frame(frame) => frame.session(),
            Self::Worker(worker) => worker.session().clone(),
        }
    }

    /// Whether both keep the same objects.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Frame(one), Self::Frame(other)) => {
                one.page().id() == other.page().id() && one.id() == other.id()
            }
            (Self::Worker(one), Self::Worker(other)) => one.key() == other.key(),
            _ => false,
        }
    }

    /// Runs the code; `then` gets a copy of what comes of it, on the connection's reader or within this call.
    pub fn evaluate_with(
        &self,
        code: Code,
        then: impl FnOnce(Result<RemoteValue, EvaluateError>) + Send + 'static,
    ) {
        match self {
            Self::Frame(frame) => frame.evaluate_with(code, then),
            Self::Worker(worker) => worker.evaluate_with(code, then),
        }
    }

    /// Runs the code; `then` gets what comes of it, which stays where it is.
    pub fn evaluate_handle_with(
        &self,
        code: Code,
        then: impl FnOnce(Result<RemoteObject, EvaluateError>) + Send + 'static,
    ) {
        match self {
            Self::Frame(frame) => frame.evaluate_handle_with(code, then),
            Self::Worker(worker) => worker.evaluate_handle_with(code, then),
        }
    }

    /// Runs the code and copies what comes of it.
    ///
    /// # Errors
    /// Where it throws, or its document, page or worker goes away.
    pub async fn evaluate(&self, code: Code) -> Result<RemoteValue, EvaluateError> {
        match self {
            Self::Frame(frame) => frame.evaluate(code).await,
            Self::Worker(worker) => worker.evaluate(code).await,
        }
    }

    /// The own enumerable properties of an object of it.
    ///
    /// # Errors
    /// As any command.
    pub async fn properties(&self, id: &str) -> Result<Vec<(String, RemoteObject)>, CallError> {
        own_properties(&self.session(), id).await
    }
}
