//! The lease as callers get it.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use super::super::abort::AbortListener;
use super::super::check::invalid;
use super::super::js::{JsThread, JsWeak, Scope, Thrown, Value};
use super::errors;
use super::registry;
use super::world::Core;
use crate::pool::config::duration;
use crate::pool::{Event, Grant, RequestId, Revocation, TabId, Waits};

/// What is kept of a lease while it is held.
pub(super) struct Held {
    tab: TabId,
    /// Listens to the caller's signal, where the lease is to end with it.
    listener: Cell<Option<AbortListener>>,
    /// Whether it has ended, one way or the other.
    ended: Cell<bool>,
    /// The controller of its signal, once somebody has looked at that. The signal keeps it: what listens to the
    /// signal may hold the lease, which must not live for ever with that.
    controller: RefCell<Option<JsWeak>>,
    revoked: RefCell<Option<Revocation>>,
}

impl Held {
    pub(super) fn new(tab: TabId, listener: Option<AbortListener>) -> Rc<Self> {
        Rc::new(Self {
            tab,
            listener: Cell::new(listener),
            ended: Cell::new(false),
            controller: RefCell::new(None),
            revoked: RefCell::new(None),
        })
    }

    /// The tab whose page it holds.
    pub(super) fn tab(&self) -> TabId {
        self.tab
    }

    /// Ends it; says whether that is news.
    pub(super) fn end(&self) -> bool {
        drop(self.listener.take());
        !self.ended.replace(true)
    }

    /// Ends it under its holder.
    pub(super) fn revoke(&self, scope: Scope<'_>, reason: &Revocation) {
        self.end();
        *self.revoked.borrow_mut() = Some(reason.clone());
        let controller = self.controller.borrow().as_ref().and_then(|kept| kept.get(scope));
        if let Some(controller) = controller {
            abort(controller, reason);
        }
    }

    /// The signal that is aborted when the lease is revoked.
    fn signal<'s>(&self, scope: Scope<'s>) -> Result<Value<'s>, Thrown> {
        let there = self.controller.borrow().as_ref().and_then(|kept| kept.get(scope));
        if let Some(controller) = there {
            return controller.get("signal");
        }
        let controller = scope.global().get("AbortController")?.construct(&[])?;
        let signal = controller.get("signal")?;
        let symbol = scope.global().get("Symbol")?;
        let key = symbol.call(scope.undefined(), &[scope.string("pagepool")])?;
        let descriptor = scope.object().set("value", controller);
        scope
            .global()
            .get("Object")?
            .call_method("defineProperty", &[signal, key, descriptor])?;
        *self.controller.borrow_mut() = JsWeak::new(controller);
        if let Some(reason) = &*self.revoked.borrow() {
            abort(controller, reason);
        }
        Ok(signal)
    }
}

fn abort(controller: Value<'_>, reason: &Revocation) {
    let reason = errors::revocation(controller.scope(), reason);
    // Listeners that throw are told of by whoever called them.
    drop(controller.call_method("abort", &[reason]));
}

/// Gives the lease back: when it is released, or when JavaScript has forgotten how to.
struct Return {
    /// Holds the pool, until it is given back: a lease outlives the last other reference to it.
    pool: RefCell<Option<Rc<Core>>>,
    request: RequestId,
    held: Rc<Held>,
    thread: JsThread,
}

impl Return {
    fn release(&self) {
        let pool = self.pool.take();
        if self.held.end()
            && let Some(pool) = pool
        {
            pool.effects().let_lease_go(self.request);
            pool.handle(Event::Release {
                request: self.request,
            });
        }
    }
}

impl Drop for Return {
    fn drop(&mut self) {
        let Some(pool) = self.pool.take() else { return };
        if self.held.ended.get() {
            return;
        }
        // JavaScript cannot be run while it collects garbage.
        let (id, request) = (pool.effects().id, self.request);
        self.thread.post(move |_| {
            if let Some(pool) = registry::pool(id) {
                pool.handle(Event::LeaseLost { request });
            }
        });
    }
}

/// Where a request's time went.
pub(super) fn waits<'s>(scope: Scope<'s>, waits: &Waits) -> Value<'s> {
    scope
        .object()
        .set("semaphoreMs", milliseconds(scope, waits.semaphore_ms))
        .set("admissionMs", milliseconds(scope, waits.admission_ms))
        .set("tabQueueMs", milliseconds(scope, waits.tab_queue_ms))
        .set("tabStartupMs", milliseconds(scope, waits.tab_startup_ms))
        .set("tabProbeMs", milliseconds(scope, waits.tab_probe_ms))
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
    let back = pool.upgrade().map(|pool| {
        let thread = pool.effects().thread.clone();
        Rc::new(Return {
            pool: RefCell::new(Some(pool)),
            request,
            held: Rc::clone(&held),
            thread,
        })
    });
    let for_release = back.clone();
    let release = scope.function("release", move |scope, _| {
        if let Some(back) = &for_release {
            back.release();
        }
        Ok(scope.undefined())
    });
    let (weak, of_extend) = (pool.clone(), Rc::clone(&held));
    let extend = scope.function("extend", move |scope, call| {
        let ms = call.argument(0);
        let ms = ms
            .as_f64()
            .filter(|ms| *ms > 0.0)
            .ok_or_else(|| invalid(ms, "ms", "a number above 0"))?;
        let pool = weak.upgrade().filter(|_| !of_extend.ended.get());
        if let (Some(pool), Some(ms)) = (&pool, duration(Some(ms))) {
            pool.handle(Event::ExtendLease { request, ms });
        }
        Ok(scope.boolean(pool.is_some()))
    });
    let lease = scope
        .object()
        .set("page", page)
        .set("pageId", scope.string(page_id))
        .set("reused", scope.boolean(grant.reused))
        .set("launchMs", milliseconds(scope, grant.launch_ms))
        .set("waits", waits(scope, &grant.waits))
        .set("release", release);
    // Hidden: to whoever lists its properties, a lease has those of the class that this one replaces.
    lease.define_hidden("extend", extend);
    define_signal(scope, lease, held);
    set_async_dispose(scope, lease, back);
    lease
}

/// A property of its own that is worked out when it is first read: hardly any lease is asked for its signal.
fn define_signal<'s>(scope: Scope<'s>, lease: Value<'s>, held: Rc<Held>) {
    let get = scope.function("signal", move |scope, call| {
        let signal = held.signal(scope)?;
        // From now on one like any other, which keeps the signal for as long as the lease is there.
        if call.this.is_object() {
            call.this.define_hidden("signal", signal);
        }
        Ok(signal)
    });
    let descriptor = scope
        .object()
        .set("get", get)
        .set("configurable", scope.boolean(true));
    let defined = scope.global().get("Object").and_then(|object| {
        object.call_method("defineProperty", &[lease, scope.string("signal"), descriptor])
    });
    // It cannot fail on an object that was made just now.
    drop(defined);
}

/// `await using lease` releases. A spread copies it along, and it may be called detached.
fn set_async_dispose<'s>(scope: Scope<'s>, lease: Value<'s>, back: Option<Rc<Return>>) {
    let symbol = scope
        .global()
        .get("Symbol")
        .and_then(|symbol| symbol.get("asyncDispose"));
    if let Ok(symbol) = symbol
        && !symbol.is_undefined()
    {
        let dispose = scope.function("[Symbol.asyncDispose]", move |scope, _| {
            if let Some(back) = &back {
                back.release();
            }
            scope.global().get("Promise")?.call_method("resolve", &[])
        });
        lease.set_key(symbol, dispose);
    }
}

#[expect(clippy::cast_precision_loss, reason = "no wait lasts 2^53 ms")]
pub(super) fn milliseconds(scope: Scope<'_>, ms: u64) -> Value<'_> {
    scope.number(ms as f64)
}
