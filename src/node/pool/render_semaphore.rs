//! The render semaphore: ours without a detour, or any object with `acquire()`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use super::super::js::{JsRef, Scope, Thrown, Value, settled, spawn_local, with_scope};
use super::super::loader;
use super::super::semaphore::{AsyncSemaphore, ForeignPermit, SharedSemaphore};
use super::vault::Vault;
use crate::pool::{Event, Failure, FailureKind, Priority, RequestId};
use crate::runtime::semaphore::{Acquired, Ticket};

/// Its name in the vault.
const SEMAPHORE: &str = "renderSemaphore";

/// Takes permits for requests and gives them back.
pub(super) struct RenderSemaphore {
    vault: Rc<Vault>,
    /// The core of `object` where that is one of ours.
    ours: Option<Rc<SharedSemaphore>>,
    waiting: RefCell<HashMap<RequestId, Option<Ticket>>>,
    held: RefCell<HashMap<RequestId, Permit>>,
    report: Box<dyn Fn(Event)>,
}

enum Permit {
    Ours(Rc<SharedSemaphore>),
    Foreign(ForeignPermit),
}

impl Permit {
    fn release(self) {
        match self {
            Self::Ours(semaphore) => semaphore.release(),
            Self::Foreign(permit) => {
                with_scope(|scope| permit.release(scope));
            }
        }
    }
}

impl RenderSemaphore {
    /// `report` hands outcomes to the pool.
    pub(super) fn new(object: Value<'_>, vault: Rc<Vault>, report: impl Fn(Event) + 'static) -> Rc<Self> {
        vault.put(SEMAPHORE, object);
        Rc::new(Self {
            vault,
            ours: AsyncSemaphore::of(object),
            waiting: RefCell::default(),
            held: RefCell::default(),
            report: Box::new(report),
        })
    }

    /// Whether it says that no permit is free; false where it does not say.
    pub(super) fn is_full(&self, scope: Scope<'_>) -> bool {
        self.has_no_permit(scope).unwrap_or_else(|| {
            self.number(scope, "pendingCount")
                .is_some_and(|pending| pending > 0.0)
        })
    }

    /// Whether it says that anybody holds a permit or waits for one.
    pub(super) fn is_busy(&self, scope: Scope<'_>) -> bool {
        ["inUseCount", "pendingCount"]
            .into_iter()
            .any(|name| self.number(scope, name).is_some_and(|count| count > 0.0))
    }

    fn has_no_permit(&self, scope: Scope<'_>) -> Option<bool> {
        Some(self.number(scope, "inUseCount")? >= self.number(scope, "capacity")?)
    }

    fn number(&self, scope: Scope<'_>, name: &str) -> Option<f64> {
        self.vault
            .get(scope, SEMAPHORE)
            .get(name)
            .ok()
            .and_then(Value::as_f64)
    }

    /// Calls `setCapacity`, where there is one.
    pub(super) fn set_capacity(&self, scope: Scope<'_>, capacity: u32) -> Result<(), Thrown> {
        let object = self.vault.get(scope, SEMAPHORE);
        if object.get("setCapacity")?.is_function() {
            object.call_method("setCapacity", &[scope.number(f64::from(capacity))])?;
        }
        Ok(())
    }

    /// Takes a permit for the request; reports `SemaphoreAcquired` or `SemaphoreFailed`.
    pub(super) fn acquire(
        self: &Rc<Self>,
        scope: Scope<'_>,
        request: RequestId,
        priority: Priority,
        signal: Option<&JsRef>,
    ) {
        let object = self.vault.get(scope, SEMAPHORE);
        let method = match object.get("acquire") {
            Ok(method) => method,
            Err(thrown) => return self.fail(request, thrown),
        };
        if let Some(ours) = self.ours.as_ref().filter(|_| loader::is_original_acquire(method)) {
            return self.acquire_ours(ours, request, priority);
        }
        let signal = signal.map_or_else(|| scope.undefined(), |signal| signal.get(scope));
        // Where it says that a permit is free, its promise is no wait.
        let waited = self.has_no_permit(scope).unwrap_or(true);
        self.waiting.borrow_mut().insert(request, None);
        let called = method
            .call(object, &[signal, scope.number(priority.get())])
            .map(settled);
        let this = Rc::clone(self);
        spawn_local(async move {
            let outcome = match called {
                Ok(settled) => settled.await,
                Err(thrown) => Err(thrown),
            };
            let is_wanted = this.waiting.borrow_mut().remove(&request).is_some();
            match outcome {
                Ok(release) => {
                    let permit = Permit::Foreign(ForeignPermit::new(release));
                    if is_wanted {
                        this.grant(request, permit, waited);
                    } else {
                        permit.release();
                    }
                }
                Err(thrown) if is_wanted => this.fail(request, thrown),
                Err(_) => {}
            }
        });
    }

    /// The request waits no more: what still comes for it is given back, and what came after it had stopped
    /// waiting, as when a callback ended the wait before the permit was asked for.
    pub(super) fn abandon(&self, request: RequestId) {
        let waiting = self.waiting.borrow_mut().remove(&request);
        if let (Some(Some(ticket)), Some(ours)) = (waiting, &self.ours) {
            ours.abandon(ticket);
        }
        self.release(request);
    }

    /// Gives the request's permit back.
    pub(super) fn release(&self, request: RequestId) {
        let permit = self.held.borrow_mut().remove(&request);
        if let Some(permit) = permit {
            permit.release();
        }
    }

    fn acquire_ours(self: &Rc<Self>, ours: &Rc<SharedSemaphore>, request: RequestId, priority: Priority) {
        let this: Weak<Self> = Rc::downgrade(self);
        let permit_of = Rc::clone(ours);
        let acquired = ours.acquire(priority.get(), move || match this.upgrade() {
            Some(this) => {
                this.waiting.borrow_mut().remove(&request);
                this.grant(request, Permit::Ours(permit_of), true);
            }
            None => permit_of.release(),
        });
        match acquired {
            Acquired::Granted => self.grant(request, Permit::Ours(Rc::clone(ours)), false),
            Acquired::Queued(ticket) => {
                self.waiting.borrow_mut().insert(request, Some(ticket));
            }
        }
    }

    fn grant(&self, request: RequestId, permit: Permit, waited: bool) {
        self.held.borrow_mut().insert(request, permit);
        (self.report)(Event::SemaphoreAcquired { request, waited });
    }

    fn fail(&self, request: RequestId, thrown: Thrown) {
        let failure = failure_of(thrown, FailureKind::Other);
        (self.report)(Event::SemaphoreFailed { request, failure });
    }
}

/// What JavaScript threw, as the machine carries it.
pub(crate) fn failure_of(thrown: Thrown, kind: FailureKind) -> Failure {
    let message = with_scope(|scope| thrown.message(scope)).unwrap_or_default();
    Failure {
        kind,
        message,
        cause: Some(std::sync::Arc::new(thrown)),
    }
}
