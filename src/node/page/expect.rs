//! `waitForRequest`, `waitForResponse`, `waitForFrame` and `waitForNetworkIdle`: waits for events of a page.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crate::cdp::io;
use crate::node::abort::{self, AbortListener};
use crate::node::js::class::Method;
use crate::node::js::{
    Call, Deferred, ErrorClass, JsRef, JsThread, Scope, Thrown, Value, settled, spawn_local, with_scope,
};

use super::options;
use super::page::PageData;

pub(super) const METHODS: &[Method<PageData>] = &[
    Method::promise("waitForRequest", |scope, page, call| {
        for_event(scope, page, &["request"], call)
    }),
    Method::promise("waitForResponse", |scope, page, call| {
        for_event(scope, page, &["response"], call)
    }),
    Method::promise("waitForFrame", |scope, page, call| {
        for_event(scope, page, &["frameattached", "framenavigated"], call)
    }),
    Method::promise("waitForNetworkIdle", for_network_idle),
];

/// One wait: settled once, by what comes first.
struct Wait {
    page: Rc<PageData>,
    deferred: RefCell<Option<Deferred>>,
    listeners: RefCell<Vec<(&'static str, JsRef)>>,
    abort: RefCell<Option<AbortListener>>,
    /// Counts the timers of an idle wait: an older one means nothing any more.
    generation: Cell<u32>,
}

impl Wait {
    fn begin<'s>(
        scope: Scope<'s>,
        page: &Rc<PageData>,
        given: Value<'s>,
    ) -> Result<(Rc<Self>, Value<'s>), Thrown> {
        let signal = options::get(given, "signal")?.filter(|signal| signal.is_object());
        if let Some(signal) = signal
            && abort::is_aborted(signal)?
        {
            return Err(Thrown::new(signal.get("reason")?));
        }
        let timeout = options::timeout(given)?.unwrap_or_else(|| page.core.default_timeout());
        let (deferred, promise) = Deferred::new(scope)?;
        let wait = Rc::new(Self {
            page: Rc::clone(page),
            deferred: RefCell::new(Some(deferred)),
            listeners: RefCell::default(),
            abort: RefCell::default(),
            generation: Cell::new(0),
        });
        if let Some(signal) = signal {
            let weak = Rc::downgrade(&wait);
            let listener = AbortListener::attach(signal, move |signal| {
                if let Some(wait) = weak.upgrade() {
                    let reason = signal
                        .get("reason")
                        .unwrap_or_else(|_| signal.scope().undefined());
                    wait.fail(reason);
                }
            })?;
            *wait.abort.borrow_mut() = listener;
        }
        wait.listen(scope, "close", |wait, scope, _| {
            let error = scope.error(ErrorClass::TargetCloseError, "Page closed!", Some("PAGE_CLOSED"));
            wait.fail(error);
        })?;
        if page.core.is_closed() {
            let error = scope.error(ErrorClass::TargetCloseError, "Page closed!", Some("PAGE_CLOSED"));
            wait.fail(error);
        }
        if timeout > 0 {
            wait.after(scope, timeout, move |wait, scope| {
                let message = format!("Timed out after waiting {timeout}ms");
                wait.fail(scope.error(ErrorClass::TimeoutError, &message, Some("TIMEOUT")));
            });
        }
        Ok((wait, promise))
    }

    fn is_over(&self) -> bool {
        self.deferred.borrow().is_none()
    }

    fn listen(
        self: &Rc<Self>,
        scope: Scope<'_>,
        event: &'static str,
        heard: impl for<'c> Fn(&Rc<Self>, Scope<'c>, Value<'c>) + 'static,
    ) -> Result<(), Thrown> {
        let wait = Rc::clone(self);
        let function = scope.function("", move |scope, call| {
            if !wait.is_over() {
                heard(&wait, scope, call.argument(0));
            }
            Ok(scope.undefined())
        });
        self.page.events.emitter.add(scope, event, function, false)?;
        if let Some(kept) = JsRef::new(function) {
            self.listeners.borrow_mut().push((event, kept));
        }
        if !self.page.core.is_closed() {
            self.page.events.subscribe(&self.page.core);
        }
        Ok(())
    }

    /// Runs `then` on this thread in so many milliseconds, where the wait goes on until then.
    fn after(
        self: &Rc<Self>,
        scope: Scope<'_>,
        millis: u64,
        then: impl for<'c> Fn(&Rc<Self>, Scope<'c>) + 'static,
    ) {
        let weak = Rc::downgrade(self);
        let function = scope.function("", move |scope, _| {
            if let Some(wait) = weak.upgrade().filter(|wait| !wait.is_over()) {
                then(&wait, scope);
            }
            Ok(scope.undefined())
        });
        let (Some(function), Some(thread)) = (JsRef::new(function), JsThread::current()) else {
            return;
        };
        // Ends by itself; an ended wait hears nothing of it.
        io::spawn(async move {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            thread.post(move |scope| drop(function.get(scope).call(scope.undefined(), &[])));
        });
    }

    fn end(&self, scope: Scope<'_>) -> Option<Deferred> {
        let deferred = self.deferred.borrow_mut().take()?;
        for (event, function) in self.listeners.take() {
            self.page
                .events
                .emitter
                .remove(scope, event, Some(function.get(scope)));
        }
        if !self.page.core.is_closed() {
            self.page.events.subscribe(&self.page.core);
        }
        let abort = self.abort.take();
        drop(abort);
        Some(deferred)
    }

    fn succeed(&self, value: Value<'_>) {
        if let Some(deferred) = self.end(value.scope()) {
            deferred.resolve(value);
        }
    }

    fn fail(&self, reason: Value<'_>) {
        if let Some(deferred) = self.end(reason.scope()) {
            deferred.reject(reason);
        }
    }
}

fn for_event<'s>(
    scope: Scope<'s>,
    page: &Rc<PageData>,
    events: &[&'static str],
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let wanted = call.argument(0);
    let text = wanted.as_string();
    if text.is_none() && !wanted.is_function() {
        return Err(Thrown::invalid_argument(
            scope,
            "expected an address or a function to wait for",
        ));
    }
    let wanted = JsRef::new(wanted).map(Rc::new);
    let (wait, promise) = Wait::begin(scope, page, call.argument(1))?;
    for event in events {
        let (text, wanted) = (text.clone(), wanted.clone());
        wait.listen(scope, event, move |wait, scope, argument| {
            match (&text, &wanted) {
                (Some(text), _) => {
                    let url = argument.call_method("url", &[]).ok().and_then(Value::as_string);
                    if url.as_deref() == Some(text) {
                        wait.succeed(argument);
                    }
                }
                (None, Some(predicate)) => ask(wait, scope, predicate, argument),
                (None, None) => {}
            }
        })?;
    }
    Ok(promise)
}

/// Asks the predicate, which may take its time to answer.
fn ask(wait: &Rc<Wait>, scope: Scope<'_>, predicate: &JsRef, argument: Value<'_>) {
    let answer = predicate.get(scope).call(scope.undefined(), &[argument]);
    match answer {
        Ok(answer) if !answer.is_object() => {
            if answer.is_truthy() {
                wait.succeed(argument);
            }
        }
        Ok(answer) => {
            let Some(argument) = JsRef::new(argument) else {
                return;
            };
            let (wait, answer) = (Rc::clone(wait), settled(answer));
            spawn_local(async move {
                let answer = answer.await;
                with_scope(|scope| match answer {
                    Ok(answer) if answer.get(scope).is_truthy() => wait.succeed(argument.get(scope)),
                    Ok(_) => {}
                    Err(thrown) => wait.fail(thrown.value(scope)),
                });
            });
        }
        Err(thrown) => wait.fail(thrown.value(scope)),
    }
}

fn for_network_idle<'s>(scope: Scope<'s>, page: &Rc<PageData>, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let given = call.argument(0);
    let idle = options::number(given, "idleTime")?.map_or(500, options::millis);
    let concurrency = options::number(given, "concurrency")?.unwrap_or_default();
    let (wait, promise) = Wait::begin(scope, page, given)?;
    let idle_now = Rc::new(Cell::new(false));
    let look =
        move |wait: &Rc<Wait>, scope: Scope<'_>| look_for_idle(wait, scope, concurrency, idle, &idle_now);
    for event in ["request", "requestfinished", "requestfailed"] {
        let look = look.clone();
        wait.listen(scope, event, move |wait, scope, _| look(wait, scope))?;
    }
    look(&wait, scope);
    Ok(promise)
}

fn look_for_idle(wait: &Rc<Wait>, scope: Scope<'_>, concurrency: f64, idle: u64, idle_now: &Rc<Cell<bool>>) {
    /// Requests that began before anybody followed them end without an event.
    const LOOK_AGAIN: u64 = 20;
    let in_flight = u32::try_from(wait.page.core.requests_in_flight()).unwrap_or(u32::MAX);
    let is_idle = f64::from(in_flight) <= concurrency;
    let was_idle = idle_now.replace(is_idle);
    if is_idle && was_idle {
        return;
    }
    let generation = wait.generation.get() + 1;
    wait.generation.set(generation);
    let idle_now = Rc::clone(idle_now);
    let pause = if is_idle { idle } else { LOOK_AGAIN };
    wait.after(scope, pause, move |wait, scope| {
        if wait.generation.get() != generation {
            return;
        }
        if is_idle {
            wait.succeed(scope.undefined());
        } else {
            look_for_idle(wait, scope, concurrency, idle, &idle_now);
        }
    });
}
