//! A place in which JavaScript values can be made.

use std::marker::PhantomData;
use std::ptr;

use napi::sys;

use super::error::Thrown;
use super::realm;
use super::thread::JsThread;
use super::value::Value;

/// The running JavaScript environment, for as long as the current callback lasts.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'s> {
    env: sys::napi_env,
    lifetime: PhantomData<&'s ()>,
}

/// Runs `f` in a scope of its own on the current JavaScript thread; `None` where this is none, or it is
/// being torn down.
pub(crate) fn with_scope<T>(f: impl FnOnce(Scope<'_>) -> T) -> Option<T> {
    let thread = JsThread::current().filter(JsThread::is_open)?;
    let env = thread.env();
    let mut handle_scope = ptr::null_mut();
    #[expect(unsafe_code, reason = "N-API's handle scopes")]
    // SAFETY: on the thread of `env`; values cannot leave `f`, whose scope has a lifetime of its own.
    unsafe {
        if sys::napi_open_handle_scope(env, &raw mut handle_scope) != sys::Status::napi_ok {
            return None;
        }
    }
    let result = f(Scope::new(env));
    #[expect(unsafe_code, reason = "N-API's handle scopes")]
    // SAFETY: opened above.
    unsafe {
        sys::napi_close_handle_scope(env, handle_scope);
    }
    Some(result)
}

macro_rules! make {
    ($self:ident, $call:ident $(, $argument:expr)*) => {{
        let mut raw = ptr::null_mut();
        #[expect(unsafe_code, reason = "makes a JavaScript value")]
        // SAFETY: on the thread of `env`, inside a callback of it.
        unsafe {
            sys::$call($self.env $(, $argument)*, &raw mut raw)
        };
        Value::new($self, raw)
    }};
}

impl<'s> Scope<'s> {
    /// The scope of `env`, inside a callback on its thread.
    pub(super) fn new(env: sys::napi_env) -> Self {
        Self {
            env,
            lifetime: PhantomData,
        }
    }

    /// The scope of a function that JavaScript has called.
    pub(crate) fn of(env: &'s napi::Env) -> Self {
        Self::new(env.raw())
    }

    pub(crate) fn raw_env(self) -> sys::napi_env {
        self.env
    }

    /// `napi`'s handle on the same environment.
    pub(crate) fn napi_env(self) -> napi::Env {
        napi::Env::from_raw(self.env)
    }

    pub(crate) fn undefined(self) -> Value<'s> {
        make!(self, napi_get_undefined)
    }

    pub(crate) fn null(self) -> Value<'s> {
        make!(self, napi_get_null)
    }

    /// `globalThis` of the realm on whose behalf this runs.
    pub(crate) fn global(self) -> Value<'s> {
        realm::foreign_global(self)
            .map_or_else(|| self.main_global(), |global| Value::new(self, global.raw()))
    }

    /// `globalThis` of Node's own realm.
    pub(super) fn main_global(self) -> Value<'s> {
        make!(self, napi_get_global)
    }

    /// `new name()` of another realm, where this runs on behalf of one.
    fn foreign(self, name: &str) -> Option<Value<'s>> {
        let class = realm::foreign_global(self)?.get(name).ok()?;
        let made = class.construct(&[]).ok()?;
        Some(Value::new(self, made.raw()))
    }

    pub(crate) fn boolean(self, value: bool) -> Value<'s> {
        make!(self, napi_get_boolean, value)
    }

    pub(crate) fn number(self, value: f64) -> Value<'s> {
        make!(self, napi_create_double, value)
    }

    pub(crate) fn string(self, text: &str) -> Value<'s> {
        make!(
            self,
            napi_create_string_utf8,
            text.as_ptr().cast(),
            text.len().cast_signed()
        )
    }

    /// A string from UTF-16 code units, lone surrogates included.
    pub(crate) fn string_utf16(self, units: &[u16]) -> Value<'s> {
        make!(
            self,
            napi_create_string_utf16,
            units.as_ptr(),
            units.len().cast_signed()
        )
    }

    /// A string whose characters are all below U+0100.
    pub(crate) fn string_latin1(self, bytes: &[u8]) -> Value<'s> {
        make!(
            self,
            napi_create_string_latin1,
            bytes.as_ptr().cast(),
            bytes.len().cast_signed()
        )
    }

    /// `{}`
    pub(crate) fn object(self) -> Value<'s> {
        self.foreign("Object")
            .unwrap_or_else(|| make!(self, napi_create_object))
    }

    /// `[...values]`
    pub(crate) fn array(self, values: impl IntoIterator<Item = Value<'s>>) -> Value<'s> {
        let array = self
            .foreign("Array")
            .unwrap_or_else(|| make!(self, napi_create_array));
        for (index, value) in (0_u32..).zip(values) {
            array.set_element(index, value);
        }
        array
    }

    /// The value behind the last N-API call that answered with an exception, or a description of `status`.
    pub(super) fn take_exception(self, status: sys::napi_status) -> Thrown {
        let mut pending = false;
        let mut raw = ptr::null_mut();
        #[expect(unsafe_code, reason = "N-API's exceptions")]
        // SAFETY: on the thread of `env`.
        unsafe {
            sys::napi_is_exception_pending(self.env, &raw mut pending);
            if pending
                && sys::napi_get_and_clear_last_exception(self.env, &raw mut raw) == sys::Status::napi_ok
            {
                return Thrown::new(Value::new(self, raw));
            }
        }
        // Looks nothing up: where JavaScript cannot run any more, that would fail for the same reason.
        let text = format!("JavaScript could not be called: {}", napi::Status::from(status));
        let message = self.string(&text);
        #[expect(unsafe_code, reason = "makes a JavaScript value")]
        // SAFETY: as above.
        let status =
            unsafe { sys::napi_create_error(self.env, ptr::null_mut(), message.raw(), &raw mut raw) };
        if status == sys::Status::napi_ok {
            Thrown::new(Value::new(self, raw))
        } else {
            Thrown::default()
        }
    }

    /// Hands what a listener threw to Node, as an `uncaughtException`.
    pub(crate) fn throw_uncaught(self, thrown: &Thrown) {
        let value = thrown.value(self);
        #[expect(unsafe_code, reason = "N-API's exceptions")]
        // SAFETY: on the thread of `env`.
        unsafe {
            sys::napi_fatal_exception(self.env, value.raw())
        };
    }

    /// Hands an exception that nobody has caught to Node, as an `uncaughtException`.
    pub(super) fn report_uncaught(self) {
        let mut pending = false;
        let mut raw = ptr::null_mut();
        #[expect(unsafe_code, reason = "N-API's exceptions")]
        // SAFETY: on the thread of `env`.
        unsafe {
            if sys::napi_is_exception_pending(self.env, &raw mut pending) == sys::Status::napi_ok
                && pending
                && sys::napi_get_and_clear_last_exception(self.env, &raw mut raw) == sys::Status::napi_ok
            {
                sys::napi_fatal_exception(self.env, raw);
            }
        }
    }
}
