//! Verdicts on requests, given at once or by several handlers together.
//!
//! The listeners of `request` run one after the other, each once the one before has settled. With a priority a
//! verdict is a vote: when all listeners and enqueued handlers have run, the highest priority wins, and of equals
//! `abort` before `respond` before `continue`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::node::js::class::{Method, data_of};
use crate::node::js::{JsRef, Scope, Thrown, Value, settled, spawn_local, with_scope};
use crate::page::{Overrides, Reply, Request};

use super::http::RequestData;
use super::{options, promise};

/// What the votes have come to so far. What a verdict says is the latest of its kind, as puppeteer has it.
#[derive(Default)]
pub(super) struct Votes {
    leading: Cell<Option<(Action, f64)>>,
    overrides: RefCell<Option<JsRef>>,
    reply: RefCell<Option<JsRef>>,
    reason: Cell<Option<&'static str>>,
    enqueued: RefCell<VecDeque<Handler>>,
}

/// A function that may give a verdict, and what it is called with.
struct Handler {
    function: JsRef,
    argument: Option<JsRef>,
}

/// In the order of their rank among votes of one priority.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Continue,
    Respond,
    Abort,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Respond => "respond",
            Self::Abort => "abort",
        }
    }
}

enum Verdict {
    Continue(Overrides),
    Respond(Reply),
    Abort(&'static str),
}

impl Verdict {
    fn give<'s>(self, scope: Scope<'s>, request: &Arc<Request>) -> Result<Value<'s>, Thrown> {
        let request = Arc::clone(request);
        promise::start_void(scope, async move {
            match self {
                Self::Continue(overrides) => request.proceed(overrides).await,
                Self::Respond(reply) => request.respond(reply).await,
                Self::Abort(reason) => request.abort(reason).await,
            }
        })
    }
}

pub(super) const METHODS: &[Method<RequestData>] = &[
    Method::promise("continue", |scope, request, call| {
        let given = call.argument(0);
        if !may_decide(scope, request)? {
            return resolved(scope);
        }
        let verdict = Verdict::Continue(overrides(given)?);
        match call.argument(1).as_f64() {
            None => verdict.give(scope, &request.core),
            Some(priority) => {
                *request.votes.overrides.borrow_mut() = JsRef::new(given).filter(|_| given.is_object());
                request.votes.vote(Action::Continue, priority);
                resolved(scope)
            }
        }
    }),
    Method::promise("respond", |scope, request, call| {
        let given = call.argument(0);
        if !may_decide(scope, request)? {
            return resolved(scope);
        }
        let verdict = Verdict::Respond(reply(given)?);
        match call.argument(1).as_f64() {
            None => verdict.give(scope, &request.core),
            Some(priority) => {
                *request.votes.reply.borrow_mut() = JsRef::new(given);
                request.votes.vote(Action::Respond, priority);
                resolved(scope)
            }
        }
    }),
    Method::promise("abort", |scope, request, call| {
        if !may_decide(scope, request)? {
            return resolved(scope);
        }
        let code = match call.argument(0) {
            code if code.is_undefined() => "failed".to_owned(),
            code => code.coerce_to_string()?,
        };
        let reason = Request::abort_reason(&code)
            .ok_or_else(|| failure(scope, &format!("Unknown error code: {code}")))?;
        match call.argument(1).as_f64() {
            None => Verdict::Abort(reason).give(scope, &request.core),
            Some(priority) => {
                request.votes.reason.set(Some(reason));
                request.votes.vote(Action::Abort, priority);
                resolved(scope)
            }
        }
    }),
    Method::sync("isInterceptResolutionHandled", |scope, request, _| {
        Ok(scope.boolean(request.core.is_handled()))
    }),
    Method::sync("interceptResolutionState", |scope, request, _| {
        let state = scope.object();
        if !request.core.is_held_back() {
            return Ok(state.set("action", scope.string("disabled")));
        }
        if request.core.is_handled() {
            return Ok(state.set("action", scope.string("already-handled")));
        }
        Ok(match request.votes.leading.get() {
            Some((action, priority)) => state
                .set("action", scope.string(action.name()))
                .set("priority", scope.number(priority)),
            None => state.set("action", scope.string("none")),
        })
    }),
    Method::sync("continueRequestOverrides", |scope, request, _| {
        let overrides = request.votes.overrides.borrow().clone();
        Ok(overrides.map_or_else(|| scope.object(), |overrides| overrides.get(scope)))
    }),
    Method::sync("responseForRequest", |scope, request, _| {
        let reply = request.votes.reply.borrow().clone();
        Ok(reply.map_or_else(|| scope.null(), |reply| reply.get(scope)))
    }),
    Method::sync("abortErrorReason", |scope, request, _| {
        let reason = request.votes.reason.get();
        Ok(reason.map_or_else(|| scope.null(), |reason| scope.string(reason)))
    }),
    Method::sync("enqueueInterceptAction", |scope, request, call| {
        if let Some(function) = JsRef::new(call.argument(0)) {
            request.votes.enqueued.borrow_mut().push_back(Handler {
                function,
                argument: None,
            });
        }
        Ok(scope.undefined())
    }),
    Method::promise("finalizeInterceptions", |scope, request, _| {
        finalize(Rc::clone(request));
        resolved(scope)
    }),
];

fn resolved(scope: Scope<'_>) -> Result<Value<'_>, Thrown> {
    scope.global().get("Promise")?.call_method("resolve", &[])
}

fn failure(scope: Scope<'_>, message: &str) -> Thrown {
    Thrown::refused(scope, message)
}

/// Whether a verdict would do anything; throws where none can be given.
fn may_decide(scope: Scope<'_>, request: &RequestData) -> Result<bool, Thrown> {
    if !request.core.is_held_back() {
        return Err(failure(scope, "Request Interception is not enabled!"));
    }
    if request.core.is_handled() {
        return Err(failure(scope, "Request is already handled!"));
    }
    Ok(request.core.can_be_intercepted())
}

impl Votes {
    fn vote(&self, action: Action, priority: f64) {
        let wins = self
            .leading
            .get()
            .is_none_or(|(leader, led)| priority > led || priority >= led && action > leader);
        if wins {
            self.leading.set(Some((action, priority)));
        }
    }

    fn winner(&self, scope: Scope<'_>) -> Result<Option<Verdict>, Thrown> {
        let given = |slot: &RefCell<Option<JsRef>>| {
            let given = slot.borrow().clone();
            given.map_or_else(|| scope.undefined(), |given| given.get(scope))
        };
        Ok(match self.leading.take() {
            None => None,
            Some((Action::Continue, _)) => Some(Verdict::Continue(overrides(given(&self.overrides))?)),
            Some((Action::Respond, _)) => Some(Verdict::Respond(reply(given(&self.reply))?)),
            Some((Action::Abort, _)) => self.reason.get().map(Verdict::Abort),
        })
    }
}

/// A request is there: calls its listeners, then what they enqueued, and then carries out the winner of the votes.
pub(super) fn announce(object: Value<'_>, listeners: Vec<JsRef>) {
    let Some(request) = data_of::<RequestData>(object) else {
        return;
    };
    let argument = JsRef::new(object);
    let handlers = listeners.into_iter().map(|function| Handler {
        function,
        argument: argument.clone(),
    });
    request.votes.enqueued.borrow_mut().extend(handlers);
    finalize(request);
}

fn finalize(request: Rc<RequestData>) {
    spawn_local(async move {
        loop {
            let next = request.votes.enqueued.borrow_mut().pop_front();
            let Some(handler) = next else { break };
            let called = with_scope(|scope| {
                let argument = handler.argument.as_ref().map(|argument| argument.get(scope));
                let arguments = argument.as_slice();
                handler
                    .function
                    .get(scope)
                    .call(scope.undefined(), arguments)
                    .map(settled)
            });
            let outcome = match called {
                Some(Ok(settled)) => settled.await,
                Some(Err(thrown)) => Err(thrown),
                // The environment is gone, and the request with it.
                None => return,
            };
            if let Err(thrown) = outcome {
                // One that fails leaves the request to whoever finds the rejection that nobody handled.
                request.votes.enqueued.borrow_mut().clear();
                with_scope(|scope| reject_unhandled(scope, &thrown));
                return;
            }
        }
        if request.core.is_handled() {
            return;
        }
        with_scope(|scope| {
            let given = match request.votes.winner(scope) {
                Ok(Some(verdict)) => verdict.give(scope, &request.core).map(drop),
                Ok(None) => Ok(()),
                Err(thrown) => Err(thrown),
            };
            if let Err(thrown) = given {
                reject_unhandled(scope, &thrown);
            }
        });
    });
}

/// As a promise that was rejected and that nobody awaits.
fn reject_unhandled(scope: Scope<'_>, thrown: &Thrown) {
    let rejected = scope
        .global()
        .get("Promise")
        .and_then(|promise| promise.call_method("reject", &[thrown.value(scope)]));
    if let Err(thrown) = rejected {
        scope.throw_uncaught(&thrown);
    }
}

fn bytes(value: Value<'_>) -> Result<Option<Vec<u8>>, Thrown> {
    if value.is_nullish() {
        return Ok(None);
    }
    if let Some(text) = value.as_string() {
        return Ok(Some(text.into_bytes()));
    }
    let scope = value.scope();
    let base64 = scope
        .global()
        .get("Buffer")?
        .call_method("from", &[value])?
        .call_method("toString", &[scope.string("base64")])?
        .as_string()
        .unwrap_or_default();
    Ok(BASE64.decode(base64).ok())
}

fn header_list(given: Value<'_>) -> Result<Vec<(String, String)>, Thrown> {
    let mut headers = Vec::new();
    for name in options::keys(given)? {
        let value = given.get(&name)?;
        if value.is_undefined() {
            continue;
        }
        if value.is_array() {
            for each in value.elements()? {
                headers.push((name.clone(), each.coerce_to_string()?));
            }
        } else {
            headers.push((name, value.coerce_to_string()?));
        }
    }
    Ok(headers)
}

fn overrides(given: Value<'_>) -> Result<Overrides, Thrown> {
    Ok(Overrides {
        url: options::string(given, "url")?,
        method: options::string(given, "method")?,
        post_data: options::get(given, "postData")?.map_or(Ok(None), bytes)?,
        headers: options::get(given, "headers")?
            .filter(|headers| headers.is_object())
            .map(header_list)
            .transpose()?,
    })
}

fn reply(given: Value<'_>) -> Result<Reply, Thrown> {
    #[expect(clippy::cast_possible_truncation, reason = "such casts saturate")]
    let status = options::number(given, "status")?.map(|status| status as i64);
    Ok(Reply {
        status,
        headers: options::get(given, "headers")?
            .filter(|headers| headers.is_object())
            .map_or(Ok(Vec::new()), header_list)?,
        content_type: options::string(given, "contentType")?,
        body: options::get(given, "body")?.map_or(Ok(None), bytes)?,
    })
}
