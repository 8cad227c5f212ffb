//! What `index.js` hands over when it loads the addon.

use std::cell::RefCell;
use std::collections::HashMap;

use napi::bindgen_prelude::This;
use napi::{Env, JsValue};
use napi_derive::napi;

use super::js::{JsRef, JsThread, Scope, Thrown, Value, register_error_classes};
use super::network;
use super::pool::let_go_of_pools;

/// What of it is asked for by name.
const KEPT: [&str; 10] = [
    "markStandby",
    "isStandbyReady",
    "probe",
    "locate",
    "locateHandle",
    "root",
    "AsyncSemaphore",
    "BrowserManager",
    "PagePool",
    "TabQueue",
];
const ACQUIRE: &str = "AsyncSemaphore.prototype.acquire";

thread_local! {
    static DEFINITIONS: RefCell<HashMap<&'static str, JsRef>> = RefCell::default();
}

/// Takes over what only JavaScript can define: called once in each environment, by `index.js`.
#[napi(js_name = "__register", catch_unwind, skip_typescript)]
pub fn register(env: Env, definitions: Value<'_>) -> napi::Result<()> {
    // Hooks run last in, first out: this one when no JavaScript can be run any more.
    env.add_env_cleanup_hook((), |()| let_go_of_pools())?;
    JsThread::of(env)?;
    // Runs before the thread's own hook, while references can still be deleted.
    env.add_env_cleanup_hook((), |()| {
        DEFINITIONS.with(|kept| kept.borrow_mut().clear());
        network::clear();
    })?;
    take(definitions).map_err(|thrown| thrown.into_napi(Scope::of(&env)))
}

fn take(definitions: Value<'_>) -> Result<(), Thrown> {
    register_error_classes(definitions)?;
    let mut kept = HashMap::new();
    for name in KEPT {
        kept.extend(JsRef::new(definitions.get(name)?).map(|value| (name, value)));
    }
    let acquire = definitions
        .get("AsyncSemaphore")?
        .get("prototype")?
        .get("acquire")?;
    kept.extend(JsRef::new(acquire).map(|value| (ACQUIRE, value)));
    DEFINITIONS.with(|definitions| *definitions.borrow_mut() = kept);
    Ok(())
}

/// A function of the loader's, `undefined` where it was not registered.
pub(crate) fn definition<'s>(scope: Scope<'s>, name: &str) -> Value<'s> {
    DEFINITIONS.with(|kept| {
        kept.borrow()
            .get(name)
            .map_or_else(|| scope.undefined(), |value| value.get(scope))
    })
}

/// Refuses a class of ours that was called without `new`: N-API then makes an instance of whatever `this` is.
pub(crate) fn require_new(scope: Scope<'_>, this: This<'_>, class: &str) -> Result<(), Thrown> {
    if Value::from_raw(scope, this.raw()).instance_of(definition(scope, class)) {
        return Ok(());
    }
    let message = format!("Class constructor {class} cannot be invoked without 'new'");
    Err(Thrown::invalid_argument(scope, &message))
}

/// Whether `method` is `AsyncSemaphore.prototype.acquire` as it was made, neither patched nor overridden.
pub(crate) fn is_original_acquire(method: Value<'_>) -> bool {
    method.strict_equals(definition(method.scope(), ACQUIRE))
}
