//! `exposeFunction`: functions of this JavaScript that pages call.

use std::rc::Rc;

use crate::node::js::class::Method;
use crate::node::js::{Call, JsRef, JsThread, Scope, Thrown, Value, settled, spawn_local, with_scope};
use crate::page::BindingCall;

use super::page::PageData;
use super::{arguments, options, promise, value};

pub(super) const METHODS: &[Method<PageData>] = &[
    Method::promise("exposeFunction", expose),
    Method::promise("removeExposedFunction", |scope, page, call| {
        let name = options::text(scope, call.argument(0), "the name")?;
        let page = page.core.clone();
        promise::start_void(scope, async move { page.remove_exposed_function(&name).await })
    }),
];

fn expose<'s>(scope: Scope<'s>, page: &Rc<PageData>, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let name = options::text(scope, call.argument(0), "the name")?;
    let given = call.argument(1);
    // A module is its default export.
    let function = if given.is_function() {
        given
    } else {
        given.get("default")?
    };
    if !function.is_function() {
        let message = format!("what is exposed as {name} must be a function");
        return Err(Thrown::invalid_argument(scope, &message));
    }
    let (Some(function), Some(thread)) = (JsRef::new(function), JsThread::current()) else {
        return Err(Thrown::invalid_argument(scope, "the function cannot be kept"));
    };
    let page = page.core.clone();
    promise::start_void(scope, async move {
        let handler = move |call: BindingCall| {
            let function = function.clone();
            thread.post(move |_| spawn_local(answer(function, call)));
        };
        page.expose_function(&name, handler).await
    })
}

async fn answer(function: JsRef, call: BindingCall) {
    let called = with_scope(|scope| {
        let list = value::from_json(scope, call.arguments.get())?.elements()?;
        function.get(scope).call(scope.undefined(), &list).map(settled)
    });
    let outcome = match called {
        Some(Ok(settled)) => settled.await,
        Some(Err(thrown)) => Err(thrown),
        // The environment is gone, and with it whoever could answer.
        None => return,
    };
    with_scope(|scope| {
        let outcome = match outcome {
            Ok(result) => arguments::plain(scope, result.get(scope)),
            Err(thrown) => Err(thrown),
        };
        let thrown = match outcome {
            Ok(result) => return call.resolve(result),
            Err(thrown) => thrown,
        };
        let reason = thrown.value(scope);
        if reason.is_error() {
            let text = |name| {
                reason
                    .get(name)
                    .and_then(Value::coerce_to_string)
                    .unwrap_or_default()
            };
            call.reject_with_error(&text("message"), &text("stack"));
        } else {
            call.reject(arguments::plain(scope, reason).unwrap_or(crate::page::Argument::Undefined));
        }
    });
}
