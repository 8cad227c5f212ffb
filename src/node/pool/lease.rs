//! The lease as callers get it.

use std::cell::Cell;
use std::rc::{Rc, Weak};

use super::super::abort::AbortListener;
use super::super::js::{JsRef, Scope, Value};
use super::world::Core;
use crate::pool::{Event, Grant, RequestId};

/// What is kept of a lease while it is held.
pub(super) struct Held {
    /// Listens to the caller's signal, where the lease is to end with it.
    listener: Cell<Option<AbortListener>>,
    /// Whether it has ended, one way or the other.
    ended: Cell<bool>,
}

impl Held {
    pub(super) fn new(listener: Option<AbortListener>) -> Rc<Self> {
        Rc::new(Self {
            listener: Cell::new(listener),
            ended: Cell::new(false),
        })
    }

    /// Ends it; says whether that is news.
    pub(super) fn end(&self) -> bool {
        drop(self.listener.take());
        !self.ended.replace(true)
    }
}

/// A plain object with properties of its own: callers spread it, and call `release` detached.
pub(super) fn lease<'s>(
    scope: Scope<'s>,
    pool: &Weak<Core>,
    request: RequestId,
    held: Rc<Held>,
    grant: &Grant,
    page: Value<'_>,
    page_id: &str,
) -> Value<'s> {
    let waits = scope
        .object()
        .set("semaphoreMs", milliseconds(scope, grant.waits.semaphore_ms))
        .set("admissionMs", milliseconds(scope, grant.waits.admission_ms))
        .set("tabQueueMs", milliseconds(scope, grant.waits.tab_queue_ms))
        .set("tabStartupMs", milliseconds(scope, grant.waits.tab_startup_ms))
        .set("tabProbeMs", milliseconds(scope, grant.waits.tab_probe_ms));
    // Holds the pool: a lease outlives the last other reference to it.
    let pool = pool.upgrade();
    let release = scope.function("release", move |scope, _| {
        if held.end()
            && let Some(pool) = &pool
        {
            pool.effects().let_lease_go(request);
            pool.handle(Event::Release { request });
        }
        Ok(scope.undefined())
    });
    let lease = scope
        .object()
        .set("page", page)
        .set("pageId", scope.string(page_id))
        .set("reused", scope.boolean(grant.reused))
        .set("launchMs", milliseconds(scope, grant.launch_ms))
        .set("waits", waits)
        .set("release", release);
    set_async_dispose(scope, lease, release);
    lease
}

/// `await using lease` releases. A spread copies it along, and it may be called detached.
fn set_async_dispose<'s>(scope: Scope<'s>, lease: Value<'s>, release: Value<'s>) {
    let symbol = scope
        .global()
        .get("Symbol")
        .and_then(|symbol| symbol.get("asyncDispose"));
    if let Ok(symbol) = symbol
        && !symbol.is_undefined()
    {
        let Some(release) = JsRef::new(release) else {
            return;
        };
        let dispose = scope.function("[Symbol.asyncDispose]", move |scope, _| {
            release.get(scope).call(scope.undefined(), &[])?;
            scope.global().get("Promise")?.call_method("resolve", &[])
        });
        lease.set_key(symbol, dispose);
    }
}

#[expect(clippy::cast_precision_loss, reason = "no wait lasts 2^53 ms")]
fn milliseconds(scope: Scope<'_>, ms: u64) -> Value<'_> {
    scope.number(ms as f64)
}
