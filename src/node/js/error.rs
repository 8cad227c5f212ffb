//! JavaScript errors: those that were thrown at us, and those that we make.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;

use napi::Unknown;

use super::call_site::Origin;
use super::realm::{self, Realm};
use super::reference::JsRef;
use super::scope::Scope;
use super::value::Value;

thread_local! {
    static CLASSES: RefCell<HashMap<(Realm, &'static str), JsRef>> = RefCell::new(HashMap::new());
}

/// Whatever JavaScript threw or rejected with, as it is.
#[derive(Clone, Default)]
pub(crate) struct Thrown(Option<JsRef>);

impl Thrown {
    pub(crate) fn new(value: Value<'_>) -> Self {
        Self(JsRef::new(value))
    }

    /// A rejected argument or option: a `TypeError` with `ERR_INVALID_ARG_VALUE`.
    pub(crate) fn invalid_argument(scope: Scope<'_>, message: &str) -> Self {
        Self::new(scope.error(ErrorClass::TypeError, message, Some("ERR_INVALID_ARG_VALUE")))
    }

    /// The same as a plain `Error`, which is what puppeteer throws for it.
    pub(crate) fn refused(scope: Scope<'_>, message: &str) -> Self {
        Self::new(scope.error(ErrorClass::Error, message, Some("ERR_INVALID_ARG_VALUE")))
    }

    pub(crate) fn value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        self.0
            .as_ref()
            .map_or_else(|| scope.undefined(), |reference| reference.get(scope))
    }

    /// Its `message`, or the value as text: for a log line.
    pub(crate) fn message(&self, scope: Scope<'_>) -> String {
        let value = self.value(scope);
        let message = value.get("message").ok().and_then(Value::as_string);
        message
            .or_else(|| value.coerce_to_string().ok())
            .unwrap_or_else(|| "unknown error".to_owned())
    }

    /// For returning it from a `#[napi]` function, which throws it as it is.
    pub(crate) fn into_napi(self, scope: Scope<'_>) -> napi::Error {
        let value = self.value(scope);
        #[expect(unsafe_code, reason = "wraps the same value in napi's type")]
        // SAFETY: the value belongs to this environment and scope.
        let unknown = unsafe { Unknown::from_raw_unchecked(scope.raw_env(), value.raw()) };
        napi::Error::from_unknown_without_coercion(unknown)
    }
}

/// The JavaScript classes of our errors: `Error` and `TypeError` of the language, the others registered by
/// the loader under their names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ErrorClass {
    Error,
    TypeError,
    PrerenderCancelledError,
    StandbyTargetNotReadyError,
    TimeoutError,
    ProtocolError,
    TargetCloseError,
    TouchError,
}

impl ErrorClass {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "Error",
            Self::TypeError => "TypeError",
            Self::PrerenderCancelledError => "PrerenderCancelledError",
            Self::StandbyTargetNotReadyError => "StandbyTargetNotReadyError",
            Self::TimeoutError => "TimeoutError",
            Self::ProtocolError => "ProtocolError",
            Self::TargetCloseError => "TargetCloseError",
            Self::TouchError => "TouchError",
        }
    }

    /// The class as JavaScript has it, where there is one.
    pub(crate) fn constructor(self, scope: Scope<'_>) -> Option<Value<'_>> {
        let registered = CLASSES.with(|classes| {
            let key = (realm::current(), self.name());
            classes.borrow().get(&key).map(|class| class.get(scope))
        });
        registered
            .or_else(|| scope.global().get(self.name()).ok())
            .filter(|class| class.is_function())
    }
}

/// Takes over the classes that the loader defines, by name.
pub(crate) fn register_error_classes(classes: Value<'_>) -> Result<(), Thrown> {
    for class in [
        ErrorClass::PrerenderCancelledError,
        ErrorClass::StandbyTargetNotReadyError,
        ErrorClass::TimeoutError,
        ErrorClass::ProtocolError,
        ErrorClass::TargetCloseError,
        ErrorClass::TouchError,
    ] {
        let constructor = classes.get(class.name())?;
        if let Some(constructor) = constructor
            .is_function()
            .then(|| JsRef::new(constructor))
            .flatten()
        {
            CLASSES.with(|classes| {
                let mut classes = classes.borrow_mut();
                classes.retain(|(realm, _), _| realm::is_known(*realm));
                classes.insert((realm::current(), class.name()), constructor);
            });
        }
    }
    Ok(())
}

pub(super) fn clear() {
    CLASSES.with(|classes| classes.borrow_mut().clear());
}

/// A panic that was stopped before it reached Node.
pub(super) fn log_panic(panic: &(dyn Any + Send)) {
    let text = panic_text(panic);
    tracing::error!(panic = text, "a panic was stopped before it reached JavaScript");
    eprintln!("[pagepool] a panic was stopped before it reached JavaScript: {text}");
}

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

impl Value<'_> {
    /// An error that we have made by its class alone: where a promise is rejected with it, its stack shows the call.
    pub(crate) fn made_here(self) -> Self {
        Origin::Ours.mark(self);
        self
    }
}

impl<'s> Scope<'s> {
    /// `new Class(message)` with its `code`.
    pub(crate) fn error(self, class: ErrorClass, message: &str, code: Option<&str>) -> Value<'s> {
        self.new_error(class, &[self.string(message)], code, Origin::Ours)
    }

    /// The same with a `cause`.
    pub(crate) fn error_with_cause(
        self,
        class: ErrorClass,
        message: &str,
        code: Option<&str>,
        cause: Value<'_>,
    ) -> Value<'s> {
        let options = self.object().set("cause", cause);
        self.new_error(class, &[self.string(message), options], code, Origin::Ours)
    }

    /// An error that was thrown in a page, with the stack that it has there.
    pub(crate) fn error_of_page(self, name: &str, message: Value<'s>, stack: Value<'s>) -> Value<'s> {
        let error = self.new_error(ErrorClass::Error, &[message], None, Origin::Page);
        error.set("name", self.string(name));
        error.set("stack", stack)
    }

    /// `arguments` begin with the message.
    fn new_error(
        self,
        class: ErrorClass,
        arguments: &[Value<'s>],
        code: Option<&str>,
        origin: Origin,
    ) -> Value<'s> {
        let constructor = class
            .constructor(self)
            .or_else(|| ErrorClass::Error.constructor(self));
        let made = constructor.and_then(|constructor| constructor.construct(arguments).ok());
        // Without a global `Error` there is nothing better than the text.
        let error = made.unwrap_or_else(|| arguments.first().copied().unwrap_or_else(|| self.undefined()));
        origin.mark(error);
        if let Some(code) = code {
            error.set("code", self.string(code));
        }
        error
    }
}
