//! Keeping a JavaScript value beyond its scope.

use std::ptr;
use std::sync::Arc;

use napi::sys;

use super::scope::Scope;
use super::thread::JsThread;
use super::value::Value;

const HELD: &str = "value";

/// Keeps any JavaScript value alive. May be moved and dropped anywhere; read on its own thread only.
#[derive(Clone)]
pub(crate) struct JsRef(Arc<Held>);

struct Held {
    raw: sys::napi_ref,
    /// N-API references objects and functions only: anything else is held in an object.
    boxed: bool,
    thread: JsThread,
}

#[expect(unsafe_code, reason = "the reference is touched on its own thread only")]
// SAFETY: `get` and `drop` see to it.
unsafe impl Send for Held {}
#[expect(unsafe_code, reason = "as above")]
// SAFETY: as above.
unsafe impl Sync for Held {}

impl JsRef {
    /// Keeps `value`; `None` while the environment is torn down.
    pub(crate) fn new(value: Value<'_>) -> Option<Self> {
        let thread = JsThread::current()?;
        let scope = value.scope();
        let boxed = !value.is_object();
        let target = if boxed {
            scope.object().set(HELD, value)
        } else {
            value
        };
        let mut raw = ptr::null_mut();
        #[expect(unsafe_code, reason = "N-API's references")]
        // SAFETY: on the thread of the environment, with an object.
        let status = unsafe { sys::napi_create_reference(scope.raw_env(), target.raw(), 1, &raw mut raw) };
        (status == sys::Status::napi_ok).then(|| Self(Arc::new(Held { raw, boxed, thread })))
    }

    /// The value; `undefined` on a thread other than its own.
    pub(crate) fn get<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        if !self.0.thread.is_current() {
            return scope.undefined();
        }
        let mut raw = ptr::null_mut();
        #[expect(unsafe_code, reason = "N-API's references")]
        // SAFETY: on its thread; the reference is strong, so its value is there.
        let status = unsafe { sys::napi_get_reference_value(scope.raw_env(), self.0.raw, &raw mut raw) };
        if status != sys::Status::napi_ok || raw.is_null() {
            return scope.undefined();
        }
        let value = Value::new(scope, raw);
        if self.0.boxed {
            value.get(HELD).unwrap_or_else(|_| scope.undefined())
        } else {
            value
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.thread.is_current() {
            delete(&self.thread, self.raw);
        } else {
            let raw = self.raw as usize;
            let thread = self.thread.clone();
            self.thread.post(move |_| delete(&thread, raw as sys::napi_ref));
        }
    }
}

/// Left alone once the environment is gone: it takes its references with it.
fn delete(thread: &JsThread, raw: sys::napi_ref) {
    if thread.is_open() {
        #[expect(unsafe_code, reason = "N-API's references")]
        // SAFETY: on its thread, once.
        unsafe {
            sys::napi_delete_reference(thread.env(), raw)
        };
    }
}

/// Finds a JavaScript object again for as long as somebody else keeps it. Stays on its thread.
pub(crate) struct JsWeak(sys::napi_ref);

impl JsWeak {
    /// `None` while the environment is torn down.
    pub(crate) fn new(object: Value<'_>) -> Option<Self> {
        let mut raw = ptr::null_mut();
        #[expect(unsafe_code, reason = "N-API's references")]
        // SAFETY: on the thread of the environment, with an object.
        let status =
            unsafe { sys::napi_create_reference(object.scope().raw_env(), object.raw(), 0, &raw mut raw) };
        (status == sys::Status::napi_ok).then_some(Self(raw))
    }

    pub(crate) fn get<'s>(&self, scope: Scope<'s>) -> Option<Value<'s>> {
        let mut raw = ptr::null_mut();
        #[expect(unsafe_code, reason = "N-API's references")]
        // SAFETY: on its thread, which it cannot leave; a collected object gives null.
        let status = unsafe { sys::napi_get_reference_value(scope.raw_env(), self.0, &raw mut raw) };
        (status == sys::Status::napi_ok && !raw.is_null()).then(|| Value::new(scope, raw))
    }
}

impl Drop for JsWeak {
    fn drop(&mut self) {
        if let Some(thread) = JsThread::current() {
            delete(&thread, self.0);
        }
    }
}
