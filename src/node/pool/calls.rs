//! Calls of JavaScript, from their arguments to the machine's events.

use std::rc::Rc;

use super::super::abort::{self, AbortListener, CancelState};
use super::super::check::{self, invalid};
use super::super::js::{Deferred, Scope, Thrown, Value};
use super::options::{DISPOSE_OPTIONS, GET_PAGE_OPTIONS, count, positive};
use super::world::{Call, Core, Request};
use super::{Answer, affinity_of, kept};
use crate::pool::config::{duration, whole};
use crate::pool::{
    AffinityKey, DisposeOptions, Event, Inputs, Priority, QueueKind, RequestId, Terms, TicketId,
};
use crate::runtime::Effects;

pub(super) fn get_page<'s>(
    pool: &Rc<Core>,
    scope: Scope<'s>,
    affinity_key: Value<'s>,
    queue: Value<'s>,
    options: Value<'s>,
) -> Answer<'s> {
    let (deferred, promise) = Deferred::new(scope)?;
    let deferred = deferred.without_keep_alive();
    if let Err((deferred, thrown)) = start(pool, scope, deferred, affinity_key, queue, options) {
        deferred.reject(thrown.value(scope));
    }
    Ok(promise)
}

struct Arguments<'s> {
    event: Event,
    request: RequestId,
    signal: Value<'s>,
    revoke_on_abort: bool,
}

fn start<'s>(
    pool: &Rc<Core>,
    scope: Scope<'s>,
    deferred: Deferred,
    affinity_key: Value<'s>,
    queue: Value<'s>,
    options: Value<'s>,
) -> Result<(), (Deferred, Thrown)> {
    let world = pool.effects();
    let Arguments {
        event,
        request,
        signal,
        revoke_on_abort,
    } = match arguments(pool, scope, affinity_key, queue, options) {
        Ok(arguments) => arguments,
        Err(thrown) => return Err((deferred, thrown)),
    };
    let me = Rc::downgrade(pool);
    let listener = AbortListener::attach(signal, move |signal| {
        if let Some(pool) = me.upgrade() {
            pool.effects().cancel(request, signal);
        }
    });
    // Listening is JavaScript too, which may have aborted it just now.
    let listener = match listener.and_then(|listener| not_aborted(scope, signal).map(|()| listener)) {
        Ok(listener) => listener,
        Err(thrown) => return Err((deferred, thrown)),
    };
    let waiting = Request {
        deferred,
        signal: if listener.is_some() { kept(signal) } else { None },
        listener,
        revoke_on_abort,
        pending: world.liveness.promise(),
    };
    world.requests.borrow_mut().insert(request, waiting);
    world.hear_ends();
    pool.handle(event);
    Ok(())
}

fn arguments<'s>(
    pool: &Rc<Core>,
    scope: Scope<'s>,
    key: Value<'s>,
    queue: Value<'s>,
    options: Value<'s>,
) -> Result<Arguments<'s>, Thrown> {
    let affinity = affinity_of(key)?;
    let kind = queue_kind(queue)?;
    check::options(options, GET_PAGE_OPTIONS)?;
    let signal = options.get("signal")?;
    let priority = options.get("priority")?;
    let priority = if priority.is_undefined() {
        Priority::default()
    } else {
        priority
            .as_f64()
            .and_then(Priority::new)
            .ok_or_else(|| invalid(priority, "options.priority", "a finite number"))?
    };
    let revoke_on_abort = flag(options, "revokeOnAbort", false)?;
    let terms = Terms {
        acquire_timeout_ms: duration(positive(options, "acquireTimeoutMs")?),
        max_waiting: count(options, "maxWaiting")?.map(whole),
        lease_timeout_ms: duration(positive(options, "leaseTimeoutMs")?),
    };
    not_aborted(scope, signal)?;
    let request = RequestId(pool.effects().next_id());
    let event = Event::GetPage {
        request,
        affinity,
        queue: kind,
        priority,
        terms,
    };
    Ok(Arguments {
        event,
        request,
        signal,
        revoke_on_abort,
    })
}

fn not_aborted(scope: Scope<'_>, signal: Value<'_>) -> Result<(), Thrown> {
    if abort::is_aborted(signal, "options.signal")? {
        return Err(Thrown::new(abort::cancelled(signal, scope, CancelState::Queued)));
    }
    Ok(())
}

fn queue_kind(queue: Value<'_>) -> Result<QueueKind, Thrown> {
    if queue.is_undefined() {
        return Ok(QueueKind::File);
    }
    match queue.as_string().as_deref() {
        Some("file") => Ok(QueueKind::File),
        Some("module") => Ok(QueueKind::Module),
        Some("command") => Ok(QueueKind::Command),
        _ => Err(invalid(queue, "queue", "'file', 'module' or 'command'")),
    }
}

pub(super) fn dispose_affinity<'s>(
    pool: &Rc<Core>,
    scope: Scope<'s>,
    key: Value<'s>,
    options: Value<'s>,
) -> Answer<'s> {
    match disposal(key, options) {
        Ok((affinity, options)) => ticket(pool, scope, |ticket| Event::Dispose {
            ticket,
            affinity,
            options,
        }),
        Err(thrown) => {
            let (deferred, promise) = Deferred::new(scope)?;
            deferred.reject(thrown.value(scope));
            Ok(promise)
        }
    }
}

fn disposal(key: Value<'_>, options: Value<'_>) -> Result<(AffinityKey, DisposeOptions), Thrown> {
    let affinity = affinity_of(key)?;
    check::options(options, DISPOSE_OPTIONS)?;
    let default = DisposeOptions::default();
    let options = DisposeOptions {
        await_idle: flag(options, "awaitIdle", default.await_idle)?,
        retain_console_errors: flag(options, "retainConsoleErrors", default.retain_console_errors)?,
        retain_shared_context: flag(options, "retainSharedContext", default.retain_shared_context)?,
    };
    Ok((affinity, options))
}

fn flag(options: Value<'_>, name: &str, default: bool) -> Result<bool, Thrown> {
    let value = options.get(name)?;
    Ok(if value.is_undefined() {
        default
    } else {
        value.is_truthy()
    })
}

pub(super) fn evict_idle<'s>(pool: &Rc<Core>, scope: Scope<'s>, max_idle_ms: Value<'s>) -> Answer<'s> {
    let max_idle_ms = max_idle_ms.as_f64().unwrap_or(f64::NAN);
    ticket(pool, scope, |ticket| Event::EvictIdle { ticket, max_idle_ms })
}

/// A call that the machine answers by its ticket.
pub(super) fn ticket<'s>(
    pool: &Rc<Core>,
    scope: Scope<'s>,
    event: impl FnOnce(TicketId) -> Event,
) -> Answer<'s> {
    let world = pool.effects();
    let (deferred, promise) = Deferred::new(scope)?;
    let ticket = TicketId(world.next_id());
    let call = Call {
        deferred: deferred.without_keep_alive(),
        pending: world.liveness.promise(),
    };
    world.calls.borrow_mut().insert(ticket, call);
    pool.handle(event(ticket));
    Ok(promise)
}

pub(super) fn try_expand(
    pool: &Rc<Core>,
    scope: Scope<'_>,
    priority: Value<'_>,
    only_when_full: bool,
) -> Result<bool, Thrown> {
    let priority = if priority.is_undefined() {
        0.0
    } else {
        priority.coerce_to_number()?
    };
    let priority = Priority::new(priority).unwrap_or_default();
    let full = || {
        pool.effects()
            .semaphore
            .as_ref()
            .is_some_and(|semaphore| semaphore.is_full(scope))
    };
    let inputs = Inputs {
        semaphore_full: only_when_full && full(),
        ..pool.effects().inputs(None)
    };
    Ok(pool.with(&inputs, |machine, inputs| {
        if only_when_full {
            machine.maybe_expand_under_saturation(priority, inputs)
        } else {
            machine.try_expand(priority, inputs)
        }
    }))
}
