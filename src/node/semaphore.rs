//! `AsyncSemaphore` and `TabQueue`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use napi::Env;
use napi::bindgen_prelude::{ClassInstance, FromNapiValue, This};
use napi_derive::napi;

use super::abort::{self, AbortListener, CancelState};
use super::js::{Deferred, JsRef, Scope, Thrown, Value, settled, with_scope};
use super::loader::require_new;
use crate::runtime::semaphore::{Acquired, Semaphore, Ticket};

/// A semaphore whose waiters are told on the JavaScript thread, within the call that wakes them.
pub(crate) struct SharedSemaphore {
    state: RefCell<Semaphore>,
    waiters: RefCell<HashMap<u64, Waiter>>,
}

struct Waiter {
    ticket: Ticket,
    granted: Box<dyn FnOnce()>,
}

impl SharedSemaphore {
    pub(crate) fn new(capacity: f64) -> Rc<Self> {
        Rc::new(Self {
            state: RefCell::new(Semaphore::new(capacity)),
            waiters: RefCell::default(),
        })
    }

    /// Takes a permit, or a place in the queue: then `granted` is called when a permit has been handed over.
    pub(crate) fn acquire(&self, priority: f64, granted: impl FnOnce() + 'static) -> Acquired {
        let acquired = self.state.borrow_mut().acquire(priority);
        if let Acquired::Queued(ticket) = acquired {
            let waiter = Waiter {
                ticket,
                granted: Box::new(granted),
            };
            self.waiters.borrow_mut().insert(ticket.arrival(), waiter);
        }
        acquired
    }

    /// Takes a waiter out of the queue; false where it waits no more.
    pub(crate) fn abandon(&self, ticket: Ticket) -> bool {
        let abandoned = self.state.borrow_mut().abandon(ticket);
        let waiter = self.waiters.borrow_mut().remove(&ticket.arrival());
        drop(waiter);
        abandoned
    }

    /// Gives one permit back.
    pub(crate) fn release(&self) {
        self.state.borrow_mut().release();
        self.hand_over();
    }

    pub(crate) fn set_capacity(&self, capacity: f64) {
        self.state.borrow_mut().set_capacity(capacity);
        self.hand_over();
    }

    /// No borrow is held while a waiter is told: it may call anything.
    fn hand_over(&self) {
        loop {
            let granted = self.state.borrow_mut().next_granted();
            let Some(ticket) = granted else { break };
            let waiter = self.waiters.borrow_mut().remove(&ticket.arrival());
            if let Some(waiter) = waiter {
                debug_assert_eq!(waiter.ticket, ticket);
                (waiter.granted)();
            }
        }
    }
}

/// One `acquire()` of JavaScript, until it is settled.
struct Request {
    deferred: Option<Deferred>,
    listener: Option<AbortListener>,
}

impl Request {
    fn take(this: &RefCell<Self>) -> (Option<Deferred>, Option<AbortListener>) {
        let mut request = this.borrow_mut();
        (request.deferred.take(), request.listener.take())
    }

    /// Keeps the listener until the request is settled: which it may be already, by JavaScript that ran meanwhile.
    fn keep(this: &RefCell<Self>, listener: Option<AbortListener>) {
        let mut request = this.borrow_mut();
        if request.deferred.is_some() {
            request.listener = listener;
        } else {
            drop(request);
            drop(listener);
        }
    }
}

fn acquire<'s>(
    semaphore: &Rc<SharedSemaphore>,
    scope: Scope<'s>,
    signal: Value<'s>,
    priority: Value<'s>,
) -> Result<Value<'s>, Thrown> {
    let (deferred, promise) = Deferred::new(scope)?;
    let deferred = deferred.without_keep_alive();
    let priority = match priority_of(scope, signal, priority) {
        Ok(priority) => priority,
        Err(thrown) => {
            deferred.reject(thrown.value(scope));
            return Ok(promise);
        }
    };
    let request = Rc::new(RefCell::new(Request {
        deferred: Some(deferred),
        listener: None,
    }));
    let granting = Rc::clone(&request);
    let granted_by = Rc::clone(semaphore);
    let acquired = semaphore.acquire(priority, move || {
        let (deferred, listener) = Request::take(&granting);
        drop(listener);
        if let Some(deferred) = deferred {
            with_scope(|scope| deferred.resolve(release_function(scope, &granted_by)));
        }
    });
    match acquired {
        Acquired::Granted => {
            if let Some(deferred) = request.borrow_mut().deferred.take() {
                deferred.resolve(release_function(scope, semaphore));
            }
        }
        Acquired::Queued(ticket) => {
            let aborted = Rc::clone(&request);
            let waiting_in = Rc::clone(semaphore);
            let attached = AbortListener::attach(signal, move |signal| {
                if waiting_in.abandon(ticket) {
                    let (deferred, listener) = Request::take(&aborted);
                    drop(listener);
                    if let Some(deferred) = deferred {
                        deferred.reject(abort::cancelled(signal, signal.scope(), CancelState::Queued));
                    }
                }
            });
            match attached {
                Ok(listener) => Request::keep(&request, listener),
                Err(thrown) => {
                    semaphore.abandon(ticket);
                    if let (Some(deferred), _) = Request::take(&request) {
                        deferred.reject(thrown.value(scope));
                    }
                }
            }
        }
    }
    Ok(promise)
}

/// The priority of a request that may wait at all.
fn priority_of(scope: Scope<'_>, signal: Value<'_>, priority: Value<'_>) -> Result<f64, Thrown> {
    let priority = if priority.is_undefined() {
        0.0
    } else {
        priority.coerce_to_number()?
    };
    if abort::is_aborted(signal, "signal")? {
        return Err(Thrown::new(abort::cancelled(signal, scope, CancelState::Queued)));
    }
    Ok(priority)
}

fn release_function<'s>(scope: Scope<'s>, semaphore: &Rc<SharedSemaphore>) -> Value<'s> {
    let semaphore = Rc::clone(semaphore);
    let released = Cell::new(false);
    scope.function("release", move |scope, _| {
        if !released.replace(true) {
            semaphore.release();
        }
        Ok(scope.undefined())
    })
}

/// A `Map` from priority to the number of waiters.
pub(crate) fn priority_map<'s>(scope: Scope<'s>, counts: &[(f64, usize)]) -> Result<Value<'s>, Thrown> {
    let map = scope.global().get("Map")?.construct(&[])?;
    for (priority, count) in counts {
        map.call_method("set", &[scope.number(*priority), scope.number(to_f64(*count))])?;
    }
    Ok(map)
}

#[expect(clippy::cast_precision_loss, reason = "nothing here is counted up to 2^53")]
fn to_f64(count: usize) -> f64 {
    count as f64
}

/// A semaphore with priorities: highest first, first come first served within one.
#[napi]
pub struct AsyncSemaphore {
    shared: Rc<SharedSemaphore>,
}

#[napi]
impl AsyncSemaphore {
    /// `max`: how many permits there are. Not finite, or below 1: 1; fractions are floored.
    #[napi(constructor, catch_unwind, ts_args_type = "max: number")]
    pub fn new(env: Env, this: This<'_>, max: Value<'_>) -> napi::Result<Self> {
        let scope = Scope::of(&env);
        let capacity = require_new(scope, this, "AsyncSemaphore")
            .and_then(|()| max.coerce_to_number())
            .map_err(|thrown| thrown.into_napi(scope))?;
        Ok(Self {
            shared: SharedSemaphore::new(capacity),
        })
    }

    /// Resolves with a function that gives the permit back. Rejects with a `PrerenderCancelledError` when the signal
    /// is aborted before that. `priority`: highest first. Default: 0.
    #[napi(
        catch_unwind,
        ts_args_type = "signal?: AbortSignal, priority?: number",
        ts_return_type = "Promise<() => void>"
    )]
    pub fn acquire<'s>(
        &self,
        env: &'s Env,
        signal: Value<'s>,
        priority: Value<'s>,
    ) -> napi::Result<Value<'s>> {
        let scope = Scope::of(env);
        acquire(&self.shared, scope, signal, priority).map_err(|thrown| thrown.into_napi(scope))
    }

    /// Changes the number of permits. Growing wakes waiters; shrinking takes nothing from holders.
    #[napi(catch_unwind, ts_args_type = "capacity: number")]
    pub fn set_capacity(&self, env: Env, capacity: Value<'_>) -> napi::Result<()> {
        let capacity = capacity
            .coerce_to_number()
            .map_err(|thrown| thrown.into_napi(Scope::of(&env)))?;
        self.shared.set_capacity(capacity);
        Ok(())
    }

    /// How many permits there are.
    #[napi(getter, catch_unwind)]
    pub fn capacity(&self) -> f64 {
        self.shared.state.borrow().capacity()
    }

    /// How many permits are held.
    #[napi(getter, catch_unwind)]
    pub fn in_use_count(&self) -> f64 {
        to_f64(self.shared.state.borrow().in_use())
    }

    /// How many wait for one.
    #[napi(getter, catch_unwind)]
    pub fn pending_count(&self) -> f64 {
        to_f64(self.shared.state.borrow().waiting())
    }

    /// How many wait, by priority.
    #[napi(catch_unwind, ts_return_type = "Map<number, number>")]
    pub fn pending_by_priority<'s>(&self, env: &'s Env) -> napi::Result<Value<'s>> {
        let counts = self.shared.state.borrow().waiting_by_priority();
        let scope = Scope::of(env);
        priority_map(scope, &counts).map_err(|thrown| thrown.into_napi(scope))
    }

    /// The core of `object` if it is one of these.
    pub(crate) fn of(object: Value<'_>) -> Option<Rc<SharedSemaphore>> {
        #[expect(unsafe_code, reason = "napi's conversion, which checks the object's type tag")]
        // SAFETY: the value belongs to the environment that it is read with.
        let instance =
            unsafe { ClassInstance::<Self>::from_napi_value(object.scope().raw_env(), object.raw()) };
        instance.ok().map(|semaphore| Rc::clone(&semaphore.shared))
    }
}

/// The queue of one tab: one holder, waiters by priority.
#[napi]
pub struct TabQueue {
    shared: Rc<SharedSemaphore>,
}

#[napi]
impl TabQueue {
    /// A queue that nobody is in.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, this: This<'_>) -> napi::Result<Self> {
        let scope = Scope::of(&env);
        require_new(scope, this, "TabQueue").map_err(|thrown| thrown.into_napi(scope))?;
        Ok(Self {
            shared: SharedSemaphore::new(1.0),
        })
    }

    /// Resolves with a function that lets the next one in. Rejects with a `PrerenderCancelledError` when the signal
    /// is aborted before that. `priority`: highest first. Default: 0.
    #[napi(
        catch_unwind,
        ts_args_type = "signal?: AbortSignal, priority?: number",
        ts_return_type = "Promise<() => void>"
    )]
    pub fn acquire<'s>(
        &self,
        env: &'s Env,
        signal: Value<'s>,
        priority: Value<'s>,
    ) -> napi::Result<Value<'s>> {
        let scope = Scope::of(env);
        acquire(&self.shared, scope, signal, priority).map_err(|thrown| thrown.into_napi(scope))
    }

    /// How many hold it or wait.
    #[napi(getter, catch_unwind)]
    pub fn pending_count(&self) -> f64 {
        let state = self.shared.state.borrow();
        to_f64(state.in_use() + state.waiting())
    }

    /// How many wait, by priority.
    #[napi(catch_unwind, ts_return_type = "Map<number, number>")]
    pub fn pending_by_priority<'s>(&self, env: &'s Env) -> napi::Result<Value<'s>> {
        let counts = self.shared.state.borrow().waiting_by_priority();
        let scope = Scope::of(env);
        priority_map(scope, &counts).map_err(|thrown| thrown.into_napi(scope))
    }
}

/// The released-once half of a permit that JavaScript's semaphore gave: keeps the function it gave it with.
pub(crate) struct ForeignPermit(JsRef);

impl ForeignPermit {
    pub(crate) fn new(release: JsRef) -> Self {
        Self(release)
    }

    /// Calls it. What it throws or rejects with is nobody's concern.
    pub(crate) fn release(self, scope: Scope<'_>) {
        let release = self.0.get(scope);
        if release.is_function()
            && let Ok(returned) = release.call(scope.undefined(), &[])
        {
            drop(settled(returned));
        }
    }
}
