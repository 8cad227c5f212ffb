//! JavaScript functions made of Rust closures.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use napi::sys;

use super::ErrorClass;
use super::error::{self, Thrown};
use super::realm::{self, Realm};
use super::scope::Scope;
use super::value::Value;

/// What a function was called with.
pub(crate) struct Call<'s> {
    pub(crate) this: Value<'s>,
    arguments: Vec<Value<'s>>,
}

impl<'s> Call<'s> {
    /// The argument at `index`, `undefined` where there is none.
    pub(crate) fn argument(&self, index: usize) -> Value<'s> {
        self.arguments
            .get(index)
            .copied()
            .unwrap_or_else(|| self.this.scope().undefined())
    }

    /// All of them.
    pub(crate) fn arguments(&self) -> &[Value<'s>] {
        &self.arguments
    }
}

type Body = Box<dyn for<'s> Fn(Scope<'s>, Call<'s>) -> Result<Value<'s>, Thrown>>;

/// What a function runs, and on whose behalf.
type Data = (Realm, Body);

impl<'s> Scope<'s> {
    /// A function that runs `body`; what that returns as an error is thrown. `body` is dropped when JavaScript
    /// has forgotten the function.
    pub(crate) fn function<F>(self, name: &str, body: F) -> Value<'s>
    where
        F: for<'c> Fn(Scope<'c>, Call<'c>) -> Result<Value<'c>, Thrown> + 'static,
    {
        let data: *mut Data = Box::into_raw(Box::new((realm::current(), Box::new(body))));
        let mut raw = ptr::null_mut();
        #[expect(unsafe_code, reason = "N-API's functions")]
        // SAFETY: the data lives as long as the function: its finalizer frees it.
        unsafe {
            let status = sys::napi_create_function(
                self.raw_env(),
                name.as_ptr().cast(),
                name.len().cast_signed(),
                Some(trampoline),
                data.cast(),
                &raw mut raw,
            );
            if status != sys::Status::napi_ok {
                drop(Box::from_raw(data));
                return self.undefined();
            }
            sys::napi_add_finalizer(
                self.raw_env(),
                raw,
                data.cast(),
                Some(free_body),
                ptr::null_mut(),
                ptr::null_mut(),
            );
        }
        Value::new(self, raw)
    }
}

#[expect(unsafe_code, reason = "called by N-API")]
unsafe extern "C" fn free_body(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: made by `function`, freed once.
    drop(unsafe { Box::from_raw(data.cast::<Data>()) });
}

#[expect(unsafe_code, reason = "called by N-API")]
unsafe extern "C" fn trampoline(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let scope = Scope::new(env);
    // SAFETY: called by N-API with its own arguments; `data` was made by `function`.
    let (call, (realm, body)) = unsafe {
        let (call, data) = read_call(scope, info);
        (call, &*data.cast::<Data>())
    };
    let _realm = realm::enter(*realm);
    let outcome = guarded(scope, || body(scope, call));
    finish(scope, outcome)
}

/// What the running callback was called with, and the data it was made with.
#[expect(unsafe_code, reason = "reads what N-API calls with")]
pub(super) unsafe fn read_call(scope: Scope<'_>, info: sys::napi_callback_info) -> (Call<'_>, *mut c_void) {
    let env = scope.raw_env();
    let mut this = ptr::null_mut();
    let mut data = ptr::null_mut();
    let mut raw_arguments = [ptr::null_mut(); 8];
    let mut count = raw_arguments.len();
    let mut more = Vec::new();
    // SAFETY: the arrays have the lengths that are told.
    unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &raw mut count,
            raw_arguments.as_mut_ptr(),
            &raw mut this,
            &raw mut data,
        );
        if count > raw_arguments.len() {
            more = vec![ptr::null_mut(); count];
            sys::napi_get_cb_info(
                env,
                info,
                &raw mut count,
                more.as_mut_ptr(),
                ptr::null_mut(),
                ptr::null_mut(),
            );
        }
    }
    let given = if more.is_empty() {
        &raw_arguments[..count]
    } else {
        &more[..]
    };
    let call = Call {
        this: Value::new(scope, this),
        arguments: given.iter().map(|raw| Value::new(scope, *raw)).collect(),
    };
    (call, data)
}

/// Runs a callback's body; a panic becomes an error.
pub(super) fn guarded<'s>(
    scope: Scope<'s>,
    body: impl FnOnce() -> Result<Value<'s>, Thrown>,
) -> Result<Value<'s>, Thrown> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        error::log_panic(panic.as_ref());
        let message = format!("pagepool panicked: {}", error::panic_text(panic.as_ref()));
        Err(Thrown::new(scope.error(
            ErrorClass::Error,
            &message,
            Some("PROTOCOL_ERROR"),
        )))
    })
}

/// Returns from a callback, or throws.
pub(super) fn finish(scope: Scope<'_>, outcome: Result<Value<'_>, Thrown>) -> sys::napi_value {
    match outcome {
        Ok(value) => value.raw(),
        Err(thrown) => {
            #[expect(unsafe_code, reason = "N-API's exceptions")]
            // SAFETY: on the thread of the environment.
            unsafe {
                sys::napi_throw(scope.raw_env(), thrown.value(scope).raw())
            };
            ptr::null_mut()
        }
    }
}
