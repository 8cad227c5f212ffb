//! The errors of input, emulation, interception and paper as JavaScript's.

use crate::node::js::{ErrorClass, Scope, Value};
use crate::page::{
    CookieError, ElementError, EmulationError, ExposeError, InputError, InterceptError, PdfError,
    PermissionError, StreamError, TracingError,
};

use super::error::Rejection;

macro_rules! rejection {
    ($error:ty $(, $inner:ident)*) => {
        impl Rejection for $error {
            fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
                match self {
                    $(Self::$inner(error) => error.to_value(scope),)*
                    error => scope.error(ErrorClass::Error, &error.to_string(), None),
                }
            }
        }
    };
}

rejection!(InputError, Call);
rejection!(ElementError, Call, Evaluate);
rejection!(EmulationError, Call);
rejection!(CookieError, Call);
rejection!(PermissionError, Call);
rejection!(StreamError, Call);
rejection!(TracingError, Call, Read);
rejection!(InterceptError, Call);
rejection!(ExposeError, Call);

impl Rejection for PdfError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        match self {
            Self::Call(error) => error.to_value(scope),
            Self::Evaluate(error) => error.to_value(scope),
            Self::TimedOut(_) => scope.error(ErrorClass::TimeoutError, &self.to_string(), Some("TIMEOUT")),
            error => scope.error(ErrorClass::Error, &error.to_string(), None),
        }
    }
}

/// What clicking, typing and the like end in.
pub(super) enum ActionError {
    Element(ElementError),
    Input(InputError),
    /// No element fits the selector.
    Missing(String),
}

impl From<ElementError> for ActionError {
    fn from(error: ElementError) -> Self {
        Self::Element(error)
    }
}

impl From<InputError> for ActionError {
    fn from(error: InputError) -> Self {
        Self::Input(error)
    }
}

impl From<crate::page::EvaluateError> for ActionError {
    fn from(error: crate::page::EvaluateError) -> Self {
        Self::Element(error.into())
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
            Self::Element(error) => error.to_value(scope),
            Self::Input(error) => error.to_value(scope),
            Self::Missing(selector) => {
                let message = format!("No element found for selector: {selector}");
                scope.error(ErrorClass::Error, &message, None)
            }
        }
    }
}
