//! Query handlers that callers register, by name: `name/...` and `::-p-name(...)` in selectors.

use std::cell::RefCell;
use std::sync::Arc;

use napi::Env;
use napi_derive::napi;

use crate::node::js::{Scope, Thrown, Value};
use crate::page::QueryHandlers;

use super::{arguments, options};

thread_local! {
    /// In the order of their registration.
    static HANDLERS: RefCell<Vec<(String, Arc<str>)>> = const { RefCell::new(Vec::new()) };
}

/// Calls `read` with the handlers of this thread.
pub(super) fn with_all<T>(read: impl FnOnce(&QueryHandlers) -> T) -> T {
    HANDLERS.with(|handlers| read(&handlers.borrow()))
}

/// Lets selectors name a handler: `name/...` and `::-p-name(...)`. The handler's functions run in pages, with a node
/// to begin at and what the selector says behind the name. Throws where the name is taken or has anything but ASCII
/// letters.
#[napi(
    catch_unwind,
    ts_args_type = "name: string, handler: CustomQueryHandler",
    ts_return_type = "void"
)]
pub fn register_custom_query_handler(env: Env, name: Value<'_>, handler: Value<'_>) -> napi::Result<()> {
    let scope = Scope::of(&env);
    register(scope, name, handler).map_err(|thrown| thrown.into_napi(scope))
}

fn register(scope: Scope<'_>, name: Value<'_>, handler: Value<'_>) -> Result<(), Thrown> {
    let name = options::text(scope, name, "the name")?;
    if with_all(|handlers| handlers.iter().any(|(known, _)| *known == name)) {
        let message = format!("Cannot register over existing handler: {name}");
        return Err(Thrown::refused(scope, &message));
    }
    if name.is_empty() || !name.chars().all(|character| character.is_ascii_alphabetic()) {
        let message = "Custom query handler names may only contain [a-zA-Z]";
        return Err(Thrown::refused(scope, message));
    }
    let mut functions = Vec::new();
    for method in ["queryOne", "queryAll"] {
        if let Some(function) = options::get(handler, method)? {
            functions.push(format!("{method}: ({})", arguments::source(scope, function)?));
        }
    }
    if functions.is_empty() {
        let message = "At least one query method must be implemented.";
        return Err(Thrown::refused(scope, message));
    }
    let source = format!("{{ {} }}", functions.join(", "));
    HANDLERS.with(|handlers| handlers.borrow_mut().push((name, source.into())));
    Ok(())
}

/// Takes a handler off. Throws where there is none of this name.
#[napi(catch_unwind, ts_args_type = "name: string", ts_return_type = "void")]
pub fn unregister_custom_query_handler(env: Env, name: Value<'_>) -> napi::Result<()> {
    let scope = Scope::of(&env);
    unregister(scope, name).map_err(|thrown| thrown.into_napi(scope))
}

fn unregister(scope: Scope<'_>, name: Value<'_>) -> Result<(), Thrown> {
    let name = options::text(scope, name, "the name")?;
    let removed = HANDLERS.with(|handlers| {
        let mut handlers = handlers.borrow_mut();
        let before = handlers.len();
        handlers.retain(|(known, _)| *known != name);
        handlers.len() < before
    });
    if removed {
        return Ok(());
    }
    let message = format!("Cannot unregister unknown handler: {name}");
    Err(Thrown::refused(scope, &message))
}

/// The names of the handlers that are registered, in the order of their registration.
#[napi(catch_unwind)]
pub fn custom_query_handler_names() -> Vec<String> {
    with_all(|handlers| handlers.iter().map(|(name, _)| name.clone()).collect())
}

/// Takes all handlers off.
#[napi(catch_unwind)]
pub fn clear_custom_query_handlers() {
    HANDLERS.with(|handlers| handlers.borrow_mut().clear());
}
