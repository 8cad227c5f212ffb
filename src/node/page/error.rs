//! The core's errors as JavaScript's, with puppeteer's classes and messages and our codes.

use crate::cdp::CallError;
use crate::node::js::{ErrorClass, Scope, Value};
use crate::page::{
    BodyError, EvaluateError, Exception, NavigationError, RemoveScriptError, Rethrown, ScreenshotError,
    SelectorError, WaitError,
};

use super::value;

/// What a promise can be rejected with.
pub(in crate::node) trait Rejection {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s>;
}

impl Rejection for CallError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        let (class, code) = match self {
            Self::Protocol { .. } | Self::TooLarge { .. } => (ErrorClass::ProtocolError, "PROTOCOL_ERROR"),
            Self::TargetClosed { .. } | Self::TargetEnded { .. } | Self::SessionClosed { .. } => {
                (ErrorClass::TargetCloseError, "PAGE_CLOSED")
            }
            Self::TargetCrashed { .. } => (ErrorClass::TargetCloseError, "PAGE_CRASHED"),
            Self::Disconnected { .. } => (ErrorClass::TargetCloseError, "BROWSER_DISCONNECTED"),
            Self::TimedOut { .. } => (ErrorClass::TimeoutError, "TIMEOUT"),
            Self::ProtocolTimedOut { .. } => (ErrorClass::ProtocolError, "TIMEOUT"),
            Self::Encode { .. } | Self::Decode { .. } => (ErrorClass::Error, "PROTOCOL_ERROR"),
        };
        let message = match self {
            // What callers of puppeteer look for; the code tells the two apart.
            Self::Disconnected { method } => format!("Protocol error ({method}): Target closed"),
            error => error.to_string(),
        };
        if let Self::TargetEnded { reason, .. } = self {
            let cause = scope.error(ErrorClass::Error, reason, Some(code));
            return scope.error_with_cause(class, &message, Some(code), cause);
        }
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
            Self::Selector(message) => scope.error(ErrorClass::Error, message, Some("ERR_INVALID_ARG_VALUE")),
            Self::ContextDestroyed | Self::NoElement(_) => {
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
            Self::BrowserGone | Self::Lost(_) => {
                scope.error(ErrorClass::Error, &message, Some("BROWSER_DISCONNECTED"))
            }
            Self::Failed { .. } | Self::NoHistoryEntry => {
                scope.error(ErrorClass::Error, &message, Some("PROTOCOL_ERROR"))
            }
            Self::Aborted => scope.error(ErrorClass::Error, &message, Some("PRERENDER_CANCELLED")),
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
            Self::Evaluate(error) => follows_from(scope, &message, "PROTOCOL_ERROR", error.to_value(scope)),
            Self::Aborted => scope.error(ErrorClass::Error, &message, Some("PRERENDER_CANCELLED")),
        }
    }
}

impl Rejection for SelectorError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        let (message, cause) = (self.to_string(), self.source.to_value(scope));
        match &self.source {
            WaitError::TimedOut(_) => {
                scope.error_with_cause(ErrorClass::TimeoutError, &message, Some("TIMEOUT"), cause)
            }
            _ => follows_from(scope, &message, "PROTOCOL_ERROR", cause),
        }
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
            Self::NotUtf8 => {
                let code = Some("ERR_ENCODING_INVALID_ENCODED_DATA");
                scope.error(ErrorClass::TypeError, &self.to_string(), code)
            }
            Self::Redirected | Self::Encoding => {
                scope.error(ErrorClass::Error, &self.to_string(), Some("PROTOCOL_ERROR"))
            }
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
            Self::Write(error) => not_written(scope, &format!("{self}: {error}"), error),
        }
    }
}

impl Rejection for RemoveScriptError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        match self {
            Self::Call(error) => error.to_value(scope),
            Self::Unknown(_) => scope.error(
                ErrorClass::Error,
                &self.to_string(),
                Some("ERR_INVALID_ARG_VALUE"),
            ),
        }
    }
}

/// An error that follows from another is of the same kind for callers: its `code` is the cause's where that has
/// one of text, as ours do, and else `code`.
pub(super) fn follows_from<'s>(scope: Scope<'s>, message: &str, code: &str, cause: Value<'_>) -> Value<'s> {
    let of_cause = cause
        .is_object()
        .then(|| cause.get("code").ok().and_then(Value::as_string))
        .flatten();
    let code = of_cause.as_deref().unwrap_or(code);
    scope.error_with_cause(ErrorClass::Error, message, Some(code), cause)
}

/// The `path` among the options names a file that cannot be written.
pub(super) fn not_written<'s>(scope: Scope<'s>, message: &str, source: &std::io::Error) -> Value<'s> {
    let code = Some("ERR_INVALID_ARG_VALUE");
    let cause = scope.error(ErrorClass::Error, &source.to_string(), code);
    scope.error_with_cause(ErrorClass::Error, message, code, cause)
}

/// The failure of a script that is ours, not the page's: such as of an element that cannot have the focus.
pub(super) struct OfOurScript(pub EvaluateError);

impl Rejection for OfOurScript {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        let value = self.0.to_value(scope);
        if matches!(self.0, EvaluateError::Exception(_)) && value.is_error() {
            value.set("code", scope.string("PROTOCOL_ERROR"));
        }
        value
    }
}

/// A failure that has only a message.
pub(super) struct Message(pub String);

impl Rejection for Message {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        scope.error(ErrorClass::Error, &self.0, Some("PROTOCOL_ERROR"))
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
        Rethrown::Error {
            name,
            message,
            stack,
            exact,
        } => {
            let (message, stack) = match exact.as_deref().cloned() {
                Some((message, stack)) => {
                    (value::text_to_js(scope, message), value::text_to_js(scope, stack))
                }
                None => (scope.string(message), scope.string(stack)),
            };
            scope.error_of_page(name, message, stack)
        }
    }
}
