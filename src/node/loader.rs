//! What `index.js` hands over when it loads the addon.

use napi::Env;
use napi_derive::napi;

use super::js::{JsThread, Scope, Value, register_error_classes};

/// Takes over what only JavaScript can define: called once in each environment, by `index.js`.
#[napi(js_name = "__register", catch_unwind, skip_typescript)]
pub fn register(env: Env, definitions: Value<'_>) -> napi::Result<()> {
    JsThread::of(env)?;
    register_error_classes(definitions).map_err(|thrown| thrown.into_napi(Scope::of(&env)))
}
