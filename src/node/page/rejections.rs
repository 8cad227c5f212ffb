//! The errors of input, emulation, interception and paper as JavaScript's.

use crate::node::js::{ErrorClass, Scope, Value};
use crate::page::{
    CookieError, DragError, ElementError, EmulationError, ExposeError, FileChooserError, HeapSnapshotError,
    InputError, InterceptError, PdfError, PermissionError, StreamError, TracingError,
};

use super::error::{OfOurScript, Rejection, not_written};

/// The failed command as it is, and all else with this code.
macro_rules! rejection {
    ($error:ty, $code:literal $(, $inner:ident)*) => {
        impl Rejection for $error {
            fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
                match self {
                    $(Self::$inner(error) => error.to_value(scope),)*
                    error => scope.error(ErrorClass::Error, &error.to_string(), Some($code)),
                }
            }
        }
    };
}

rejection!(ElementError, "PROTOCOL_ERROR", Call, Evaluate);
rejection!(EmulationError, "ERR_INVALID_ARG_VALUE", Call);
rejection!(CookieError, "ERR_INVALID_ARG_VALUE", Call);
rejection!(PermissionError, "ERR_INVALID_ARG_VALUE", Call);
rejection!(StreamError, "PROTOCOL_ERROR", Call);
rejection!(InterceptError, "ERR_INVALID_ARG_VALUE", Call);
rejection!(ExposeError, "ERR_INVALID_ARG_VALUE", Call);

impl Rejection for InputError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        let class = match self {
            Self::Call(error) => return error.to_value(scope),
            Self::NoTouch => ErrorClass::TouchError,
            _ => ErrorClass::Error,
        };
        scope.error(class, &self.to_string(), Some("ERR_INVALID_ARG_VALUE"))
    }
}

impl Rejection for FileChooserError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        let (class, code) = match self {
            Self::Call(error) => return error.to_value(scope),
            Self::Evaluate(error) => return error.to_value(scope),
            Self::Handled(_) | Self::NotMultiple => (ErrorClass::Error, "ERR_INVALID_ARG_VALUE"),
            Self::TimedOut(_) => (ErrorClass::TimeoutError, "TIMEOUT"),
            Self::Closed => (ErrorClass::TargetCloseError, "PAGE_CLOSED"),
            Self::Crashed => (ErrorClass::Error, "PAGE_CRASHED"),
            Self::Aborted => (ErrorClass::Error, "PRERENDER_CANCELLED"),
        };
        scope.error(class, &self.to_string(), Some(code))
    }
}

impl Rejection for HeapSnapshotError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        match self {
            Self::Call(error) => error.to_value(scope),
            Self::Write(error) => not_written(scope, &self.to_string(), error),
        }
    }
}

impl Rejection for DragError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        let (class, code) = match self {
            Self::Call(error) => return error.to_value(scope),
            Self::Input(error) => return error.to_value(scope),
            Self::Element(error) => return error.to_value(scope),
            Self::NotIntercepted => (ErrorClass::Error, "ERR_INVALID_ARG_VALUE"),
            Self::TimedOut(_) => (ErrorClass::TimeoutError, "TIMEOUT"),
            Self::Closed => (ErrorClass::TargetCloseError, "PAGE_CLOSED"),
        };
        scope.error(class, &self.to_string(), Some(code))
    }
}

impl Rejection for TracingError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        let message = self.to_string();
        match self {
            Self::Call(error) => error.to_value(scope),
            Self::Read(error) => error.to_value(scope),
            Self::Write(error) => not_written(scope, &message, error),
            Self::Running => scope.error(ErrorClass::Error, &message, Some("ERR_INVALID_ARG_VALUE")),
            Self::Nothing => scope.error(ErrorClass::Error, &message, Some("PROTOCOL_ERROR")),
        }
    }
}

impl Rejection for PdfError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        let message = self.to_string();
        match self {
            Self::Call(error) => error.to_value(scope),
            Self::Evaluate(error) => error.to_value(scope),
            Self::TimedOut(_) => scope.error(ErrorClass::TimeoutError, &message, Some("TIMEOUT")),
            Self::Write(error) => not_written(scope, &message, error),
            Self::Format(_) | Self::Length(_) => {
                scope.error(ErrorClass::Error, &message, Some("ERR_INVALID_ARG_VALUE"))
            }
            Self::Encoding => scope.error(ErrorClass::Error, &message, Some("PROTOCOL_ERROR")),
        }
    }
}

/// What clicking, typing and the like end in.
pub(super) enum ActionError {
    Element(ElementError),
    Input(InputError),
    Script(OfOurScript),
    /// No element fits the selector.
    Missing(String),
}

impl From<ElementError> for ActionError {
    fn from(error: ElementError) -> Self {
        match error {
            ElementError::Evaluate(error) => error.into(),
            error => Self::Element(error),
        }
    }
}

impl From<InputError> for ActionError {
    fn from(error: InputError) -> Self {
        Self::Input(error)
    }
}

impl From<crate::page::EvaluateError> for ActionError {
    fn from(error: crate::page::EvaluateError) -> Self {
        Self::Script(OfOurScript(error))
    }
}

impl From<crate::cdp::CallError> for ActionError {
    fn from(error: crate::cdp::CallError) -> Self {
        Self::Element(error.into())
    }
}

impl Rejection for ActionError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        match self {
            Self::Script(error) => error.to_value(scope),
            Self::Element(error) => error.to_value(scope),
            Self::Input(error) => error.to_value(scope),
            Self::Missing(selector) => {
                let message = format!("No element found for selector: {selector}");
                scope.error(ErrorClass::Error, &message, Some("PROTOCOL_ERROR"))
            }
        }
    }
}
