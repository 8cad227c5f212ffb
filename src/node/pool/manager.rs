//! Telling the prerender manager, by the global `fetch`, that an affinity has no tab here any more.

use futures_util::future::{Either, select};
use std::fmt::Write as _;

use super::super::js::{JsRef, Scope, Thrown, Value, settled, spawn_local, with_scope};
use super::super::timer::sleep;
use super::log::POOL_LOG;
use super::options::environment;
use super::world::World;
use crate::pool::{AffinityKey, LogLevel};

const DEFAULT_URL: &str = "http://localhost:4222";
/// After which the manager is given up on.
const PATIENCE_MS: u64 = 2_000;

/// Sends the notification; `ended` is called when it was answered, failed, or was given up on.
pub(super) fn notify(world: &World, affinity: &AffinityKey, ended: impl FnOnce() + 'static) {
    let started = with_scope(|scope| {
        let manager = environment(scope, "PRERENDER_MANAGER_URL").unwrap_or_else(|| DEFAULT_URL.to_owned());
        let manager = manager.trim();
        let manager = manager.strip_suffix('/').unwrap_or(manager);
        let server = world.server_url.borrow();
        (!manager.is_empty() && !server.is_empty()).then(|| send(scope, manager, affinity, &server))
    });
    let Some(Some(started)) = started else {
        return ended();
    };
    let log = world.log.clone();
    let affinity = affinity.clone();
    let failed = move |message: &str| {
        let line = format!("the manager could not be told that {affinity} is gone: {message}");
        log.write(POOL_LOG, LogLevel::Debug, &line);
    };
    let (answer, controller) = match started {
        Ok((answer, controller)) => (answer, controller),
        Err(thrown) => {
            failed(&with_scope(|scope| thrown.message(scope)).unwrap_or_default());
            return ended();
        }
    };
    let work = world.liveness.work();
    spawn_local(async move {
        let patience = Box::pin(sleep(PATIENCE_MS));
        match select(answer, patience).await {
            Either::Left((Ok(response), _)) => {
                if let Some(Some(status)) = with_scope(|scope| refusal(response.get(scope))) {
                    failed(&format!("it answered {status}"));
                }
            }
            Either::Left((Err(thrown), _)) => {
                failed(&with_scope(|scope| thrown.message(scope)).unwrap_or_default());
            }
            Either::Right(_) => {
                failed("no answer in time");
                if let Some(controller) = controller {
                    with_scope(|scope| drop(controller.get(scope).call_method("abort", &[])));
                }
            }
        }
        drop(work);
        ended();
    });
}

type Started = (super::super::js::Settled, Option<JsRef>);

fn send(
    scope: Scope<'_>,
    manager: &str,
    affinity: &AffinityKey,
    server_url: &str,
) -> Result<Started, Thrown> {
    let key = scope
        .global()
        .get("encodeURIComponent")?
        .call(scope.undefined(), &[scope.string(affinity.as_str())])?
        .coerce_to_string()?;
    let url = format!(
        "{manager}/prerender-servers/affinities/{key}?url={}",
        query_value(server_url)
    );
    let options = scope.object().set("method", scope.string("DELETE"));
    let controller = scope.global().get("AbortController")?.construct(&[]).ok();
    if let Some(controller) = controller {
        options.set("signal", controller.get("signal")?);
    }
    let response = scope
        .global()
        .get("fetch")?
        .call(scope.undefined(), &[scope.string(&url), options])?;
    Ok((settled(response), controller.and_then(JsRef::new)))
}

/// The URL as it is, but for what would end the value.
fn query_value(url: &str) -> String {
    let mut value = String::with_capacity(url.len());
    for c in url.chars() {
        match c {
            '%' | '&' | '#' | '+' | ' ' | '"' | '<' | '>' => {
                // Writing to a string does not fail.
                let _ = write!(value, "%{:02X}", u32::from(c));
            }
            c => value.push(c),
        }
    }
    value
}

/// The status of an answer that is no success. Its body is let go, and with it the connection.
fn refusal(response: Value<'_>) -> Option<String> {
    if let Ok(body) = response.get("body")
        && body.is_object()
        && let Ok(cancelled) = body.call_method("cancel", &[])
    {
        drop(settled(cancelled));
    }
    let refused = response.is_object() && response.get("ok").ok()?.as_bool() == Some(false);
    refused
        .then(|| response.get("status").ok()?.coerce_to_string().ok())
        .flatten()
}
