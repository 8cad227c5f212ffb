//! `AbortSignal`s: looking at them, listening to them, and the error they end in.

use super::check::invalid;
use super::js::{ErrorClass, JsRef, Scope, Thrown, Value, with_scope};

/// Where a render stood when it was cancelled.
#[derive(Clone, Copy)]
pub(crate) enum CancelState {
    Queued,
}

impl CancelState {
    fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
        }
    }
}

/// Whether the signal, if one was given, is aborted; refused under its name where it is no signal.
pub(crate) fn is_aborted(signal: Value<'_>, name: &str) -> Result<bool, Thrown> {
    if signal.is_nullish() {
        return Ok(false);
    }
    let aborted = signal.get("aborted")?;
    let is_signal =
        signal.is_object() && (!aborted.is_undefined() || signal.get("addEventListener")?.is_function());
    if !is_signal {
        let expected = if signal.get("signal")?.is_object() {
            "an AbortSignal: of an AbortController, its .signal"
        } else {
            "an AbortSignal"
        };
        return Err(invalid(signal, name, expected));
    }
    Ok(aborted.is_truthy())
}

/// The error of a signal that was aborted.
pub(crate) fn cancelled<'s>(signal: Value<'_>, scope: Scope<'s>, state: CancelState) -> Value<'s> {
    cancelled_in(signal, scope, scope.string(state.name()))
}

/// The same with a state that JavaScript gave.
pub(crate) fn cancelled_in<'s>(signal: Value<'_>, scope: Scope<'s>, state: Value<'_>) -> Value<'s> {
    let options = scope.object().set("state", state);
    if let Ok(reason) = signal.get("reason")
        && reason.as_utf16().is_some()
    {
        options.set("reason", reason);
    } else if let Ok(reason) = signal.get("reason")
        && is_error(reason)
    {
        options.set("cause", reason);
    }
    let class = ErrorClass::PrerenderCancelledError.constructor(scope);
    match class.and_then(|class| class.construct(&[options]).ok()) {
        Some(error) => error.made_here(),
        None => scope.error(
            ErrorClass::Error,
            "prerender cancelled",
            Some("PRERENDER_CANCELLED"),
        ),
    }
}

/// Whether it is an error, of whichever realm, or what Node makes for a bare `abort()`.
fn is_error(value: Value<'_>) -> bool {
    value.is_error()
        || ErrorClass::Error
            .constructor(value.scope())
            .is_some_and(|class| value.instance_of(class))
}

/// A listener for `abort` that is taken off when this is dropped.
pub(crate) struct AbortListener {
    signal: JsRef,
    listener: JsRef,
}

impl AbortListener {
    /// Calls `on_abort` with the signal when it is aborted; `None` where there is no signal.
    pub(crate) fn attach<F>(signal: Value<'_>, on_abort: F) -> Result<Option<Self>, Thrown>
    where
        F: for<'c> Fn(Value<'c>) + 'static,
    {
        if !signal.is_object() {
            return Ok(None);
        }
        let scope = signal.scope();
        let Some(kept) = JsRef::new(signal) else {
            return Ok(None);
        };
        let of_listener = kept.clone();
        let listener = scope.function("", move |scope, _| {
            on_abort(of_listener.get(scope));
            Ok(scope.undefined())
        });
        let once = scope.object().set("once", scope.boolean(true));
        signal.call_method("addEventListener", &[scope.string("abort"), listener, once])?;
        Ok(JsRef::new(listener).map(|listener| Self {
            signal: kept,
            listener,
        }))
    }
}

impl Drop for AbortListener {
    fn drop(&mut self) {
        with_scope(|scope| {
            let signal = self.signal.get(scope);
            let arguments = [scope.string("abort"), self.listener.get(scope)];
            // A foreign signal that cannot be left keeps a listener that does nothing.
            drop(signal.call_method("removeEventListener", &arguments));
        });
    }
}
