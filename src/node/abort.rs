//! `AbortSignal`s: looking at them, listening to them, and the error they end in.

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

/// Whether the signal, if one was given, is aborted.
pub(crate) fn is_aborted(signal: Value<'_>) -> Result<bool, Thrown> {
    Ok(signal.get("aborted")?.is_truthy())
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
    }
    ErrorClass::PrerenderCancelledError
        .constructor(scope)
        .and_then(|class| class.construct(&[options]).ok())
        .unwrap_or_else(|| {
            scope.error(
                ErrorClass::Error,
                "prerender cancelled",
                Some("PRERENDER_CANCELLED"),
            )
        })
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
