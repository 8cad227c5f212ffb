//! `isPrerenderCancellation`, `throwIfAborted`, `abortable`.

use std::cell::RefCell;
use std::rc::Rc;

use napi::Env;
use napi_derive::napi;

use super::abort::{self, AbortListener};
use super::check::invalid;
use super::js::{
    Deferred, ErrorClass, LocalTask, Scope, Thrown, Value, settled, spawn_cancellable, with_scope,
};

/// Whether `error` says that a render was cancelled.
#[napi(
    catch_unwind,
    ts_args_type = "error: unknown",
    ts_return_type = "error is PrerenderCancelledError"
)]
pub fn is_prerender_cancellation(env: Env, error: Value<'_>) -> bool {
    if !error.is_object() {
        return false;
    }
    let class = ErrorClass::PrerenderCancelledError.constructor(Scope::of(&env));
    class.is_some_and(|class| error.instance_of(class))
        || error
            .get("name")
            .is_ok_and(|name| name.as_string().as_deref() == Some("PrerenderCancelledError"))
}

/// Throws a `PrerenderCancelledError` if the signal is aborted. `state`: where the render is. Default: `'queued'`.
#[napi(
    catch_unwind,
    ts_args_type = "signal: AbortSignal | undefined, state?: PrerenderCancelledState"
)]
pub fn throw_if_aborted(env: Env, signal: Value<'_>, state: Value<'_>) -> napi::Result<()> {
    let scope = Scope::of(&env);
    check(scope, signal, state, "queued").map_err(|thrown| thrown.into_napi(scope))
}

fn check(scope: Scope<'_>, signal: Value<'_>, state: Value<'_>, default: &str) -> Result<(), Thrown> {
    if abort::is_aborted(signal, "signal")? {
        let state = state_or(scope, state, default);
        return Err(Thrown::new(abort::cancelled_in(signal, scope, state)));
    }
    Ok(())
}

fn state_or<'s>(scope: Scope<'s>, state: Value<'s>, default: &str) -> Value<'s> {
    if state.is_nullish() {
        scope.string(default)
    } else {
        state
    }
}

/// What `run()` returns, or a `PrerenderCancelledError` as soon as the signal is aborted. `state`: where the render
/// is. Default: `'rendering'`.
#[napi(
    catch_unwind,
    ts_generic_types = "T",
    ts_args_type = "signal: AbortSignal | undefined, run: () => Promise<T> | T, state?: PrerenderCancelledState",
    ts_return_type = "Promise<T>"
)]
pub fn abortable<'s>(
    env: &'s Env,
    signal: Value<'s>,
    run: Value<'s>,
    state: Value<'s>,
) -> napi::Result<Value<'s>> {
    let scope = Scope::of(env);
    race(scope, signal, run, state).map_err(|thrown| thrown.into_napi(scope))
}

struct Race {
    deferred: Option<Deferred>,
    listener: Option<AbortListener>,
    /// Waits for `run()`, which may never settle.
    run: Option<LocalTask>,
}

fn race<'s>(
    scope: Scope<'s>,
    signal: Value<'s>,
    run: Value<'s>,
    state: Value<'s>,
) -> Result<Value<'s>, Thrown> {
    let (deferred, promise) = Deferred::new(scope)?;
    let deferred = deferred.without_keep_alive();
    let state = state_or(scope, state, "rendering");
    let checked = check(scope, signal, state, "rendering").and_then(|()| {
        let expected = || invalid(run, "run", "a function");
        run.is_function().then_some(()).ok_or_else(expected)
    });
    if let Err(thrown) = checked {
        deferred.reject(thrown.value(scope));
        return Ok(promise);
    }
    let race = Rc::new(RefCell::new(Race {
        deferred: Some(deferred),
        listener: None,
        run: None,
    }));
    let on_abort = Rc::clone(&race);
    let state = super::js::JsRef::new(state);
    let attached = AbortListener::attach(signal, move |signal| {
        let (deferred, listener, run) = {
            let mut race = on_abort.borrow_mut();
            (race.deferred.take(), race.listener.take(), race.run.take())
        };
        drop(listener);
        if let Some(run) = run {
            run.cancel();
        }
        if let (Some(deferred), Some(state)) = (deferred, &state) {
            let scope = signal.scope();
            deferred.reject(abort::cancelled_in(signal, scope, state.get(scope)));
        }
    });
    match attached {
        Ok(listener) if race.borrow().deferred.is_none() => {
            // Aborted while it was listened to.
            drop(listener);
            return Ok(promise);
        }
        Ok(listener) => race.borrow_mut().listener = listener,
        Err(thrown) => {
            let deferred = race.borrow_mut().deferred.take();
            if let Some(deferred) = deferred {
                deferred.reject(thrown.value(scope));
            }
            return Ok(promise);
        }
    }
    let outcome = run.call(scope.undefined(), &[]).map(settled);
    if race.borrow().deferred.is_none() {
        // Aborted by `run` itself.
        return Ok(promise);
    }
    let ended = Rc::clone(&race);
    let task = spawn_cancellable(async move {
        let outcome = match outcome {
            Ok(settled) => settled.await,
            Err(thrown) => Err(thrown),
        };
        let listener = ended.borrow_mut().listener.take();
        drop(listener);
        let deferred = ended.borrow_mut().deferred.take();
        if let Some(deferred) = deferred {
            with_scope(|scope| match outcome {
                Ok(value) => deferred.resolve(value.get(scope)),
                Err(thrown) => deferred.reject(thrown.value(scope)),
            });
        }
    });
    let mut race = race.borrow_mut();
    if race.deferred.is_some() {
        race.run = Some(task);
    }
    Ok(promise)
}
