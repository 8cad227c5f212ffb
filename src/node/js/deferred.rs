//! Promises that we settle.

use std::ptr;

use napi::sys;

use super::ErrorClass;
use super::call_site::CallSite;
use super::error::Thrown;
use super::scope::Scope;
use super::thread::{JsThread, KeepAlive};
use super::value::Value;

/// The settling side of one promise. Settled on its thread at once, or from any thread by posting.
/// Dropped unsettled, it rejects.
pub(crate) struct Deferred {
    raw: sys::napi_deferred,
    thread: JsThread,
    keep_alive: Option<KeepAlive>,
    called: CallSite,
}

#[expect(unsafe_code, reason = "it is settled on its own thread only")]
// SAFETY: `settle` and `drop` see to it.
unsafe impl Send for Deferred {}

impl Deferred {
    /// A new promise, and its settling side. The process stays alive until it is settled.
    pub(crate) fn new(scope: Scope<'_>) -> Result<(Self, Value<'_>), Thrown> {
        let thread = JsThread::of(scope.napi_env()).map_err(|error| {
            Thrown::new(scope.error(ErrorClass::Error, &error.reason, Some("PROTOCOL_ERROR")))
        })?;
        let mut raw = ptr::null_mut();
        let mut promise = ptr::null_mut();
        #[expect(unsafe_code, reason = "N-API's promises")]
        // SAFETY: on the thread of the environment.
        let status = unsafe { sys::napi_create_promise(scope.raw_env(), &raw mut raw, &raw mut promise) };
        if status != sys::Status::napi_ok {
            return Err(scope.take_exception(status));
        }
        let keep_alive = Some(thread.keep_alive());
        Ok((
            Self {
                raw,
                thread,
                keep_alive,
                called: CallSite::here(scope),
            },
            Value::new(scope, promise),
        ))
    }

    /// Lets the process end while this promise is pending.
    pub(crate) fn without_keep_alive(mut self) -> Self {
        self.keep_alive = None;
        self
    }

    /// Resolves it now, on its own thread.
    pub(crate) fn resolve(self, value: Value<'_>) {
        self.conclude(value.scope(), Ok(value));
    }

    /// Rejects it now, on its own thread.
    pub(crate) fn reject(self, reason: Value<'_>) {
        self.conclude(reason.scope(), Err(reason));
    }

    /// Settles it from any thread with what `make` returns on the JavaScript thread: at once where this is it.
    pub(crate) fn settle<F>(self, make: F)
    where
        F: for<'s> FnOnce(Scope<'s>) -> Result<Value<'s>, Thrown> + Send + 'static,
    {
        let thread = self.thread.clone();
        let settle = move |scope: Scope<'_>| match make(scope) {
            Ok(value) => self.conclude(scope, Ok(value)),
            Err(thrown) => {
                let reason = thrown.value(scope);
                self.conclude(scope, Err(reason));
            }
        };
        if thread.is_current() {
            super::with_scope(settle);
        } else {
            thread.post(settle);
        }
    }

    fn conclude(mut self, scope: Scope<'_>, outcome: Result<Value<'_>, Value<'_>>) {
        let raw = std::mem::replace(&mut self.raw, ptr::null_mut());
        if let Err(reason) = outcome {
            self.called.show_in(reason);
        }
        conclude(scope, raw, outcome);
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        if self.raw.is_null() || !self.thread.is_open() {
            return;
        }
        let raw = std::mem::replace(&mut self.raw, ptr::null_mut()) as usize;
        let abandon = move |scope: Scope<'_>| {
            let reason = scope.error(
                ErrorClass::Error,
                "the operation was given up",
                Some("PROTOCOL_ERROR"),
            );
            conclude(scope, raw as sys::napi_deferred, Err(reason));
        };
        if self.thread.is_current() {
            super::with_scope(abandon);
        } else {
            self.thread.post(abandon);
        }
    }
}

fn conclude(scope: Scope<'_>, raw: sys::napi_deferred, outcome: Result<Value<'_>, Value<'_>>) {
    #[expect(unsafe_code, reason = "N-API's promises")]
    // SAFETY: on the thread of the environment; each deferred comes here once.
    unsafe {
        match outcome {
            Ok(value) => sys::napi_resolve_deferred(scope.raw_env(), raw, value.raw()),
            Err(reason) => sys::napi_reject_deferred(scope.raw_env(), raw, reason.raw()),
        };
    }
}
