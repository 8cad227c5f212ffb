//! `waitForRequest`, `waitForResponse`, `waitForFrame` and `waitForNetworkIdle`: waits for events of a page.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::node::abort::{self, AbortListener};
use crate::node::js::class::Method;
use crate::node::js::{
    Call, Deferred, ErrorClass, JsRef, JsThread, Scope, Thrown, Value, settled, spawn_local, with_scope,
};
use crate::node::timer::Timer;
use crate::page::Target;

use super::emitter::Emitter;
use super::page::PageData;
use super::{frame, options, target};

pub(super) const METHODS: &[Method<PageData>] = &[
    Method::promise("waitForRequest", |scope, page, call| {
        for_event(scope, page, &["request"], call)
    }),
    Method::promise("waitForResponse", |scope, page, call| {
        for_event(scope, page, &["response"], call)
    }),
    Method::promise("waitForFrame", |scope, page, call| {
        let (wait, wanted, promise) = begin(scope, page, &["frameattached", "framenavigated"], call)?;
        for frame in page.core.frames() {
            if !wait.is_over() {
                consider(&wait, scope, &wanted, frame::wrap(scope, &frame)?);
            }
        }
        Ok(promise)
    }),
    Method::promise("waitForNetworkIdle", for_network_idle),
];

/// Whose events are waited for.
pub(super) trait Source: 'static {
    fn emitter(&self) -> &Emitter;

    /// Who hears before the listeners, and does not count among them.
    fn observers(&self) -> &Emitter;

    /// Listeners have come or gone.
    fn subscribe(&self);

    /// In milliseconds, 0 for none.
    fn default_timeout(&self) -> u64;

    /// What ends it.
    fn end(&self) -> End;

    /// The event of a crash, after which nothing comes until somebody navigates.
    fn crash(&self) -> Option<&'static str> {
        None
    }

    /// Whether it has ended.
    fn has_ended(&self) -> bool;

    /// What is said where it takes longer than these milliseconds.
    fn too_late(&self, timeout: u64) -> String {
        format!("Timed out after waiting {timeout}ms")
    }
}

/// An event after which nothing comes any more.
pub(super) struct End {
    pub event: &'static str,
    pub hearing: Hearing,
    /// The error of those who still wait.
    pub message: &'static str,
    pub code: &'static str,
}

/// The end of a browser, and of what is in it.
pub(super) const DISCONNECTED: End = End {
    event: "disconnected",
    hearing: Hearing::First,
    message: "Protocol error: Connection closed.",
    code: "BROWSER_DISCONNECTED",
};

/// When an event is heard.
#[derive(Clone, Copy)]
pub(super) enum Hearing {
    /// Before all listeners: none of them can hold this up.
    First,
    /// In the order in which the listeners came.
    InTurn,
}

impl Source for PageData {
    fn emitter(&self) -> &Emitter {
        &self.events.emitter
    }

    fn observers(&self) -> &Emitter {
        &self.events.observers
    }

    fn subscribe(&self) {
        if !self.core.is_closed() {
            self.events.subscribe(&self.core);
        }
    }

    fn default_timeout(&self) -> u64 {
        self.core.default_timeout()
    }

    fn end(&self) -> End {
        End {
            event: "close",
            hearing: Hearing::InTurn,
            message: "Page closed!",
            code: "PAGE_CLOSED",
        }
    }

    fn crash(&self) -> Option<&'static str> {
        Some("error")
    }

    fn has_ended(&self) -> bool {
        self.core.is_closed()
    }
}

/// One wait: settled once, by what comes first.
struct Wait {
    source: Rc<dyn Source>,
    deferred: RefCell<Option<Deferred>>,
    listeners: RefCell<Vec<(Hearing, &'static str, JsRef)>>,
    abort: RefCell<Option<AbortListener>>,
    timers: RefCell<Vec<Timer>>,
}

impl Wait {
    fn begin<'s>(
        scope: Scope<'s>,
        source: Rc<dyn Source>,
        given: Value<'s>,
    ) -> Result<(Rc<Self>, Value<'s>), Thrown> {
        let signal = options::get(given, "signal")?.filter(|signal| signal.is_object());
        if let Some(signal) = signal
            && abort::is_aborted(signal, "options.signal")?
        {
            return Err(Thrown::new(signal.get("reason")?));
        }
        let timeout = options::timeout(given)?.unwrap_or_else(|| source.default_timeout());
        let (deferred, promise) = Deferred::new(scope)?;
        let wait = Rc::new(Self {
            source,
            deferred: RefCell::new(Some(deferred)),
            listeners: RefCell::default(),
            abort: RefCell::default(),
            timers: RefCell::default(),
        });
        if let Err(thrown) = wait.arm(scope, signal, timeout) {
            wait.fail(thrown.value(scope));
        }
        Ok((wait, promise))
    }

    /// Sees to what may end the wait beside what it is for.
    fn arm(self: &Rc<Self>, scope: Scope<'_>, signal: Option<Value<'_>>, timeout: u64) -> Result<(), Thrown> {
        if let Some(signal) = signal {
            let weak = Rc::downgrade(self);
            let listener = AbortListener::attach(signal, move |signal| {
                if let Some(wait) = weak.upgrade() {
                    let reason = signal
                        .get("reason")
                        .unwrap_or_else(|_| signal.scope().undefined());
                    wait.fail(reason);
                }
            })?;
            *self.abort.borrow_mut() = listener;
        }
        let End {
            event,
            hearing,
            message,
            code,
        } = self.source.end();
        let fail = move |wait: &Rc<Self>, scope: Scope<'_>| {
            wait.fail(scope.error(ErrorClass::TargetCloseError, message, Some(code)));
        };
        self.listen(scope, hearing, event, move |wait, scope, _| fail(wait, scope))?;
        if self.source.has_ended() {
            fail(self, scope);
        }
        if let Some(event) = self.source.crash() {
            self.listen(scope, Hearing::First, event, |wait, _, crash| wait.fail(crash))?;
        }
        if timeout > 0 && !self.is_over() {
            self.after(scope, timeout, move |wait, scope| {
                let message = wait.source.too_late(timeout);
                wait.fail(scope.error(ErrorClass::TimeoutError, &message, Some("TIMEOUT")));
            });
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.deferred.borrow().is_none()
    }

    /// Calls `heard` for each such event until the wait is over.
    fn listen(
        self: &Rc<Self>,
        scope: Scope<'_>,
        hearing: Hearing,
        event: &'static str,
        heard: impl for<'c> Fn(&Rc<Self>, Scope<'c>, Value<'c>) + 'static,
    ) -> Result<(), Thrown> {
        if self.is_over() {
            return Ok(());
        }
        let wait = Rc::clone(self);
        let function = scope.function("", move |scope, call| {
            if !wait.is_over() {
                heard(&wait, scope, call.argument(0));
            }
            Ok(scope.undefined())
        });
        self.emitter(hearing).add(scope, event, function, false)?;
        self.listeners
            .borrow_mut()
            .extend(JsRef::new(function).map(|kept| (hearing, event, kept)));
        self.source.subscribe();
        Ok(())
    }

    fn emitter(&self, hearing: Hearing) -> &Emitter {
        match hearing {
            Hearing::First => self.source.observers(),
            Hearing::InTurn => self.source.emitter(),
        }
    }

    /// Runs `then` on this thread in so many milliseconds, where the wait goes on and the timer is kept until then.
    fn after(
        self: &Rc<Self>,
        scope: Scope<'_>,
        millis: u64,
        then: impl for<'c> Fn(&Rc<Self>, Scope<'c>) + 'static,
    ) {
        let sleep = async move { tokio::time::sleep(Duration::from_millis(millis)).await };
        self.when(scope, sleep, then);
    }

    /// Runs `then` on this thread once the future has ended, where the wait goes on until then.
    fn when(
        self: &Rc<Self>,
        scope: Scope<'_>,
        event: impl Future<Output = ()> + Send + 'static,
        then: impl for<'c> Fn(&Rc<Self>, Scope<'c>) + 'static,
    ) {
        let weak = Rc::downgrade(self);
        let function = scope.function("", move |scope, _| {
            if let Some(wait) = weak.upgrade().filter(|wait| !wait.is_over()) {
                then(&wait, scope);
            }
            Ok(scope.undefined())
        });
        if let (Some(function), Some(thread)) = (JsRef::new(function), JsThread::current()) {
            let timer = Timer::when(thread, event, move |scope| {
                drop(function.get(scope).call(scope.undefined(), &[]));
            });
            self.timers.borrow_mut().push(timer);
        }
    }

    fn end(&self, scope: Scope<'_>) -> Option<Deferred> {
        let deferred = self.deferred.borrow_mut().take()?;
        for (hearing, event, function) in self.listeners.take() {
            let function = function.get(scope);
            self.emitter(hearing).remove(scope, event, Some(function));
        }
        self.source.subscribe();
        drop((self.abort.take(), self.timers.take()));
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

/// What is waited for.
#[derive(Clone)]
enum Wanted {
    Url(Rc<str>),
    Accepted(JsRef),
}

fn for_event<'s>(
    scope: Scope<'s>,
    page: &Rc<PageData>,
    events: &[&'static str],
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let (_, _, promise) = begin(scope, page, events, call)?;
    Ok(promise)
}

/// Begins to wait for what such an event brings.
fn begin<'s>(
    scope: Scope<'s>,
    page: &Rc<PageData>,
    events: &[&'static str],
    call: &Call<'s>,
) -> Result<(Rc<Wait>, Wanted, Value<'s>), Thrown> {
    let given = call.argument(0);
    let by_url = given.as_string().map(|url| Wanted::Url(url.into()));
    let by_function = || {
        JsRef::new(given)
            .filter(|_| given.is_function())
            .map(Wanted::Accepted)
    };
    let Some(wanted) = by_url.or_else(by_function) else {
        return Err(Thrown::invalid_argument(
            scope,
            "expected an address or a function to wait for",
        ));
    };
    let source: Rc<dyn Source> = Rc::clone(page) as _;
    let (wait, promise) = Wait::begin(scope, source, call.argument(1))?;
    for event in events {
        let wanted = wanted.clone();
        wait.listen(scope, Hearing::InTurn, event, move |wait, scope, argument| {
            consider(wait, scope, &wanted, argument);
        })?;
    }
    Ok((wait, wanted, promise))
}

/// Ends the wait where this is what it is for.
fn consider(wait: &Rc<Wait>, scope: Scope<'_>, wanted: &Wanted, argument: Value<'_>) {
    match wanted {
        Wanted::Url(wanted) => {
            let url = argument.call_method("url", &[]).ok().and_then(Value::as_string);
            if url.as_deref() == Some(wanted) {
                wait.succeed(argument);
            }
        }
        Wanted::Accepted(predicate) => ask(wait, scope, predicate, argument),
    }
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

/// Waits for the next such event, whatever it brings.
pub(super) fn for_any<'s>(
    scope: Scope<'s>,
    source: Rc<dyn Source>,
    hearing: Hearing,
    event: &'static str,
    given: Value<'s>,
) -> Result<Value<'s>, Thrown> {
    let (wait, promise) = Wait::begin(scope, source, given)?;
    wait.listen(scope, hearing, event, |wait, _, argument| wait.succeed(argument))?;
    Ok(promise)
}

/// Waits for one that the function accepts: of those that there are, or of those that such events bring.
pub(super) fn for_one<'s>(
    scope: Scope<'s>,
    source: Rc<dyn Source>,
    event: &'static str,
    there: &[Value<'s>],
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let Some(predicate) = JsRef::new(call.argument(0)).filter(|_| call.argument(0).is_function()) else {
        let message = "expected a function that knows what is waited for";
        return Err(Thrown::invalid_argument(scope, message));
    };
    let (wait, promise) = Wait::begin(scope, source, call.argument(1))?;
    let heard = predicate.clone();
    wait.listen(scope, Hearing::InTurn, event, move |wait, scope, argument| {
        ask(wait, scope, &heard, argument);
    })?;
    for one in there {
        if !wait.is_over() {
            ask(&wait, scope, &predicate, *one);
        }
    }
    Ok(promise)
}

fn for_network_idle<'s>(scope: Scope<'s>, page: &Rc<PageData>, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let given = call.argument(0);
    let idle = options::number(given, "idleTime")?.map_or(500, options::millis);
    let concurrency = options::number(given, "concurrency")?.unwrap_or_default();
    let source: Rc<dyn Source> = Rc::clone(page) as _;
    let (wait, promise) = Wait::begin(scope, source, given)?;
    if !wait.is_over() {
        let is_idle = page.core.network_idle(Duration::from_millis(idle), concurrency);
        wait.when(scope, is_idle, |wait, scope| wait.succeed(scope.undefined()));
    }
    Ok(promise)
}

/// `waitForTarget(predicate)`: of those that there are, or of those that come or change.
pub(super) fn for_target<'s>(
    scope: Scope<'s>,
    source: Rc<dyn Source>,
    there: &[Target],
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let Some(predicate) = JsRef::new(call.argument(0)).filter(|_| call.argument(0).is_function()) else {
        return Err(Thrown::invalid_argument(
            scope,
            "expected a function that knows the target",
        ));
    };
    let (wait, promise) = Wait::begin(scope, source, call.argument(1))?;
    for event in ["targetcreated", "targetchanged"] {
        let predicate = predicate.clone();
        wait.listen(scope, Hearing::InTurn, event, move |wait, scope, target| {
            ask(wait, scope, &predicate, target);
        })?;
    }
    for target in there {
        if !wait.is_over() {
            ask(&wait, scope, &predicate, target::wrap(scope, target)?);
        }
    }
    Ok(promise)
}
