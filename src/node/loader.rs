//! What `index.js` hands over when it loads the addon.

use std::cell::RefCell;
use std::collections::HashMap;

use napi::bindgen_prelude::This;
use napi::{Env, JsValue};
use napi_derive::napi;

use super::js::realm::{self, Realm};
use super::js::{JsRef, JsThread, Scope, Thrown, Value, register_error_classes};
use super::network;
use super::pool::let_go_of_pools;

/// What of it is asked for by name.
const KEPT: [&str; 13] = [
    "markStandby",
    "isStandbyReady",
    "isInDocument",
    "probe",
    "locate",
    "locateHandle",
    "root",
    "EventEmitter",
    "channels",
    "AsyncSemaphore",
    "BrowserManager",
    "PagePool",
    "TabQueue",
];
const ACQUIRE: &str = "AsyncSemaphore.prototype.acquire";

thread_local! {
    static DEFINITIONS: RefCell<HashMap<(Realm, &'static str), JsRef>> = RefCell::default();
}

/// Makes the realm known whose `globalThis` this is; its number, or none where it is Node's own. What is called from
/// there is to run between two calls of `__enter`.
#[napi(js_name = "__realm", catch_unwind, skip_typescript)]
pub fn add_realm(env: Env, global: Value<'_>) -> napi::Result<Option<u32>> {
    JsThread::of(env)?;
    let realm = realm::add(global);
    Ok((realm != realm::MAIN).then(|| realm.number()))
}

/// From now on what runs is the realm's of this number; the number of the one that it was before.
#[napi(js_name = "__enter", catch_unwind, skip_typescript)]
#[must_use]
pub fn enter_realm(number: u32) -> u32 {
    realm::switch(Realm::numbered(number)).number()
}

/// Takes over what only JavaScript can define: called once in each realm, by `index.js`.
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
    let realm = realm::current();
    let mut kept = HashMap::new();
    for name in KEPT {
        kept.extend(JsRef::new(definitions.get(name)?).map(|value| ((realm, name), value)));
    }
    let acquire = definitions
        .get("AsyncSemaphore")?
        .get("prototype")?
        .get("acquire")?;
    kept.extend(JsRef::new(acquire).map(|value| ((realm, ACQUIRE), value)));
    DEFINITIONS.with(|definitions| {
        let mut definitions = definitions.borrow_mut();
        definitions.retain(|(realm, _), _| realm::is_known(*realm));
        definitions.extend(kept);
    });
    Ok(())
}

/// A function of the loader's, `undefined` where it was not registered.
pub(crate) fn definition<'s>(scope: Scope<'s>, name: &'static str) -> Value<'s> {
    DEFINITIONS.with(|kept| {
        kept.borrow()
            .get(&(realm::current(), name))
            .map_or_else(|| scope.undefined(), |value| value.get(scope))
    })
}

/// Refuses a class of ours that was called without `new`: N-API then makes an instance of whatever `this` is.
pub(crate) fn require_new(scope: Scope<'_>, this: This<'_>, class: &'static str) -> Result<(), Thrown> {
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
