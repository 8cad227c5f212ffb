//! The core's errors as JavaScript's, with puppeteer's classes and messages and our codes.

use crate::cdp::CallError;
use crate::node::js::{ErrorClass, Scope, Value};
use crate::page::{
    BodyError, EvaluateError, Exception, NavigationError, RemoveScriptError, Rethrown, ScreenshotError,
    SelectorError, WaitError,
};

use super::value;

/// What a promise can be rejected with.
pub(super) trait Rejection {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s>;
}

impl Rejection for CallError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        let (class, code) = match self {
            Self::Protocol { .. } => (ErrorClass::ProtocolError, "PROTOCOL_ERROR"),
            Self::TargetClosed { .. } | Self::SessionClosed { .. } => {
                (ErrorClass::TargetCloseError, "PAGE_CLOSED")
            }
            Self::TargetCrashed { .. } => (ErrorClass::TargetCloseError, "PAGE_CRASHED"),
            Self::Disconnected { .. } => (ErrorClass::TargetCloseError, "BROWSER_DISCONNECTED"),
            Self::TimedOut { .. } => (ErrorClass::TimeoutError, "TIMEOUT"),
            Self::Encode { .. } | Self::Decode { .. } => (ErrorClass::Error, "PROTOCOL_ERROR"),
        };
        let message = match self {
            // What callers of puppeteer look for; the code tells the two apart.
            Self::Disconnected { method } => format!("Protocol error ({method}): Target closed"),
            error => error.to_string(),
        };
        let error = scope.error(class, &message, Some(code));
        if let Self::Protocol { message, .. } = self {
            error.set("originalMessage", scope.string(message));
        }
        error
    }
}

impl Rejection for EvaluateError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        match self {
            Self::Exception(exception) => rethrown(scope, &exception.rethrown()),
            Self::Call(error) => error.to_value(scope),
            Self::Detached(_) | Self::NoContext => {
                scope.error(ErrorClass::Error, &self.to_string(), Some("PAGE_CLOSED"))
            }
            Self::Lost(_) => scope.error(ErrorClass::Error, &self.to_string(), Some("BROWSER_DISCONNECTED")),
            Self::Selector(message) => scope.error(ErrorClass::Error, message, None),
            Self::ContextDestroyed => {
                scope.error(ErrorClass::Error, &self.to_string(), Some("PROTOCOL_ERROR"))
            }
        }
    }
}

impl Rejection for NavigationError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        let message = self.to_string();
        match self {
            Self::TimedOut(_) => scope.error(ErrorClass::TimeoutError, &message, Some("TIMEOUT")),
            Self::Evaluate(error) => error.to_value(scope),
            Self::Call(error) => error.to_value(scope),
            Self::FrameDetached | Self::Detached(_) => {
                scope.error(ErrorClass::Error, &message, Some("PAGE_CLOSED"))
            }
            Self::Lost(_) => scope.error(ErrorClass::Error, &message, Some("BROWSER_DISCONNECTED")),
            Self::Failed { .. } | Self::NoHistoryEntry | Self::Aborted => {
                scope.error(ErrorClass::Error, &message, None)
            }
        }
    }
}

impl Rejection for WaitError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        let message = self.to_string();
        match self {
            Self::TimedOut(_) => scope.error(ErrorClass::TimeoutError, &message, Some("TIMEOUT")),
            Self::Evaluate(error @ EvaluateError::Detached(_)) => {
                let message = "waitForFunction failed: frame got detached.";
                scope.error_with_cause(
                    ErrorClass::Error,
                    message,
                    Some("PAGE_CLOSED"),
                    error.to_value(scope),
                )
            }
            Self::Evaluate(error) => {
                let cause = error.to_value(scope);
                let failure = scope.error_with_cause(ErrorClass::Error, &message, None, cause);
                copy_code(failure, cause)
            }
            Self::Aborted => scope.error(ErrorClass::Error, &message, None),
        }
    }
}

impl Rejection for SelectorError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        let (class, code) = match &self.source {
            WaitError::TimedOut(_) => (ErrorClass::TimeoutError, Some("TIMEOUT")),
            _ => (ErrorClass::Error, None),
        };
        let cause = self.source.to_value(scope);
        let error = scope.error_with_cause(class, &self.to_string(), code, cause);
        copy_code(error, cause)
    }
}

impl Rejection for BodyError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        match self {
            Self::Call(error) => error.to_value(scope),
            Self::NotKept => scope.error(
                ErrorClass::ProtocolError,
                &self.to_string(),
                Some("PROTOCOL_ERROR"),
            ),
            Self::Redirected | Self::Encoding => scope.error(ErrorClass::Error, &self.to_string(), None),
        }
    }
}

impl Rejection for ScreenshotError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        match self {
            Self::Call(error) => error.to_value(scope),
            Self::Evaluate(error) => error.to_value(scope),
            Self::Element(error) => error.to_value(scope),
            Self::Encoding | Self::NoSize => {
                scope.error(ErrorClass::Error, &self.to_string(), Some("PROTOCOL_ERROR"))
            }
            Self::Write(error) => scope.error(ErrorClass::Error, &format!("{self}: {error}"), None),
        }
    }
}

impl Rejection for RemoveScriptError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        match self {
            Self::Call(error) => error.to_value(scope),
            Self::Unknown(_) => scope.error(ErrorClass::Error, &self.to_string(), None),
        }
    }
}

/// An error that follows from another is of the same kind for callers.
fn copy_code<'s>(error: Value<'s>, cause: Value<'_>) -> Value<'s> {
    let is_object = cause.is_object();
    match cause.get("code") {
        Ok(code) if is_object && !code.is_undefined() => error.set("code", code),
        _ => error,
    }
}

/// A failure that has only a message.
pub(super) struct Message(pub String);

impl Rejection for Message {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        scope.error(ErrorClass::Error, &self.0, None)
    }
}

/// An exception that nobody caught, for a listener.
pub(super) fn uncaught<'s>(scope: Scope<'s>, exception: &Exception) -> Value<'s> {
    rethrown(scope, &exception.uncaught())
}

fn rethrown<'s>(scope: Scope<'s>, rethrown: &Rethrown) -> Value<'s> {
    match rethrown {
        Rethrown::Primitive(primitive) => {
            value::to_js(scope, primitive.clone()).unwrap_or_else(|_| scope.undefined())
        }
        Rethrown::Error { name, message, stack } => {
            let error = scope.error(ErrorClass::Error, message, None);
            error.set("name", scope.string(name));
            error.set("stack", scope.string(stack))
        }
    }
}
