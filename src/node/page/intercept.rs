//! Verdicts on requests, given at once or by several handlers together.
//!
//! With a priority a verdict is a vote: when all listeners and enqueued handlers have run, the highest priority
//! wins, and of equals `abort` before `respond` before `continue`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::node::js::class::{Method, data_of};
use crate::node::js::{ErrorClass, JsRef, Scope, Thrown, Value, settled, spawn_local, with_scope};
use crate::page::{Overrides, Reply, Request};

use super::http::RequestData;
use super::{options, promise};

/// What the votes have come to so far.
#[derive(Default)]
pub(super) struct Votes {
    enabled: Cell<bool>,
    /// Somebody has decided without a vote.
    decided: Cell<bool>,
    leading: RefCell<Option<(f64, Verdict)>>,
    enqueued: RefCell<Vec<JsRef>>,
}

#[derive(Clone)]
enum Verdict {
    Continue(Overrides),
    Respond(Reply),
    Abort(&'static str),
}

impl Verdict {
    fn rank(&self) -> u8 {
        match self {
            Self::Continue(_) => 0,
            Self::Respond(_) => 1,
            Self::Abort(_) => 2,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Continue(_) => "continue",
            Self::Respond(_) => "respond",
            Self::Abort(_) => "abort",
        }
    }

    async fn carry_out(self, request: &Request) -> Result<(), crate::page::InterceptError> {
        match self {
            Self::Continue(overrides) => request.proceed(overrides).await,
            Self::Respond(reply) => request.respond(reply).await,
            Self::Abort(reason) => request.abort(reason).await,
        }
    }
}

pub(super) const METHODS: &[Method<RequestData>] = &[
    Method::promise("continue", |scope, request, call| {
        let overrides = overrides(call.argument(0))?;
        vote(scope, request, Verdict::Continue(overrides), call.argument(1))
    }),
    Method::promise("respond", |scope, request, call| {
        let reply = reply(call.argument(0))?;
        vote(scope, request, Verdict::Respond(reply), call.argument(1))
    }),
    Method::promise("abort", |scope, request, call| {
        let code = call.argument(0);
        let code = if code.is_undefined() {
            "failed".to_owned()
        } else {
            code.coerce_to_string()?
        };
        let reason = Request::abort_reason(&code)
            .ok_or_else(|| failure(scope, &format!("Unknown error code: {code}")))?;
        vote(scope, request, Verdict::Abort(reason), call.argument(1))
    }),
    Method::sync("isInterceptResolutionHandled", |scope, request, _| {
        Ok(scope.boolean(request.core.is_handled()))
    }),
    Method::sync("interceptResolutionState", |scope, request, _| {
        let state = scope.object();
        if !request.votes.enabled.get() {
            return Ok(state.set("action", scope.string("disabled")));
        }
        if request.core.is_handled() || request.votes.decided.get() {
            return Ok(state.set("action", scope.string("already-handled")));
        }
        Ok(match &*request.votes.leading.borrow() {
            Some((priority, verdict)) => state
                .set("action", scope.string(verdict.name()))
                .set("priority", scope.number(*priority)),
            None => state.set("action", scope.string("none")),
        })
    }),
    Method::sync("enqueueInterceptAction", |scope, request, call| {
        if let Some(function) = JsRef::new(call.argument(0)) {
            request.votes.enqueued.borrow_mut().push(function);
        }
        Ok(scope.undefined())
    }),
    Method::promise("finalizeInterceptions", |scope, request, _| {
        finalize(Rc::clone(request));
        scope.global().get("Promise")?.call_method("resolve", &[])
    }),
];

fn failure(scope: Scope<'_>, message: &str) -> Thrown {
    Thrown::new(scope.error(ErrorClass::Error, message, None))
}

fn vote<'s>(
    scope: Scope<'s>,
    request: &Rc<RequestData>,
    verdict: Verdict,
    priority: Value<'s>,
) -> Result<Value<'s>, Thrown> {
    if !request.core.can_be_intercepted() {
        return scope.global().get("Promise")?.call_method("resolve", &[]);
    }
    if request.core.interception().is_none() {
        return Err(failure(scope, "Request Interception is not enabled!"));
    }
    if request.core.is_handled() || request.votes.decided.get() {
        return Err(failure(scope, "Request is already handled!"));
    }
    let Some(priority) = priority.as_f64() else {
        request.votes.decided.set(true);
        let core = Arc::clone(&request.core);
        return promise::start_void(scope, async move { verdict.carry_out(&core).await });
    };
    let mut leading = request.votes.leading.borrow_mut();
    let wins = leading.as_ref().is_none_or(|(leader, led)| {
        priority > *leader || (priority >= *leader && verdict.rank() > led.rank())
    });
    if wins {
        *leading = Some((priority, verdict));
    }
    drop(leading);
    scope.global().get("Promise")?.call_method("resolve", &[])
}

/// The listeners of `request` have run: what they enqueued runs, then the winner of the votes.
pub(super) fn announced(object: Value<'_>, emit: impl FnOnce()) {
    let Some(request) = data_of::<RequestData>(object) else {
        return emit();
    };
    let waits = request.core.interception().is_some() && !request.core.is_handled();
    request.votes.enabled.set(waits);
    emit();
    if waits {
        finalize(request);
    }
}

fn finalize(request: Rc<RequestData>) {
    spawn_local(async move {
        let enqueued = std::mem::take(&mut *request.votes.enqueued.borrow_mut());
        for function in enqueued {
            let called = with_scope(|scope| function.get(scope).call(scope.undefined(), &[]).map(settled));
            if let Some(Ok(settled)) = called {
                // A handler that fails has no vote.
                drop(settled.await);
            }
        }
        if request.core.is_handled() || request.votes.decided.get() {
            return;
        }
        let winner = request.votes.leading.borrow_mut().take();
        if let Some((_, verdict)) = winner {
            request.votes.decided.set(true);
            let core = Arc::clone(&request.core);
            crate::cdp::io::spawn(async move {
                // The request may be gone; nobody waits for this.
                drop(verdict.carry_out(&core).await);
            });
        }
    });
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
