//! Promises of what the core's futures end in.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use crate::cdp::io;
use crate::node::js::{Deferred, Scope, Thrown, Value};

use super::error::Rejection;

/// A promise of the future's outcome. The future is polled once before this returns, and then on the connection's
/// thread; `convert` runs on this one.
pub(super) fn start<T, E, F, C>(scope: Scope<'_>, future: F, convert: C) -> Result<Value<'_>, Thrown>
where
    T: Send + 'static,
    E: Rejection + Send + 'static,
    F: Future<Output = Result<T, E>> + Send + 'static,
    C: for<'c> FnOnce(Scope<'c>, T) -> Result<Value<'c>, Thrown> + Send + 'static,
{
    start_with(scope, future, move |scope, outcome| match outcome {
        Ok(value) => convert(scope, value),
        Err(error) => Err(Thrown::new(error.to_value(scope))),
    })
}

/// The same for what resolves with nothing.
pub(super) fn start_void<T, E, F>(scope: Scope<'_>, future: F) -> Result<Value<'_>, Thrown>
where
    T: Send + 'static,
    E: Rejection + Send + 'static,
    F: Future<Output = Result<T, E>> + Send + 'static,
{
    start(scope, future, |scope, _| Ok(scope.undefined()))
}

/// The same with a conversion of failures too. What `convert` holds is dropped on the JavaScript thread.
pub(in crate::node) fn start_with<T, F, C>(
    scope: Scope<'_>,
    future: F,
    convert: C,
) -> Result<Value<'_>, Thrown>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
    C: for<'c> FnOnce(Scope<'c>, T) -> Result<Value<'c>, Thrown> + Send + 'static,
{
    let (deferred, promise) = Deferred::new(scope)?;
    let mut future = Box::pin(future);
    let begun = io::begin();
    // Timers need the runtime.
    let entered = io::handle().enter();
    let first = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    drop(entered);
    // Settled from the connection's thread even where it is ready at once: else the promise would overtake events
    // that came before its outcome and are still on their way to this thread.
    // The task ends with its operation: every wait in the core ends with its page at the latest.
    io::spawn(async move {
        let outcome = match first {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => future.await,
        };
        deferred.settle(move |scope| convert(scope, outcome));
    });
    drop(begun);
    Ok(promise)
}

/// A promise that `then` settles from any thread, through [`settle`].
pub(super) fn pending(
    scope: Scope<'_>,
    then: impl FnOnce(Deferred) -> Result<(), Thrown>,
) -> Result<Value<'_>, Thrown> {
    let (deferred, promise) = Deferred::new(scope)?;
    then(deferred)?;
    Ok(promise)
}

/// Settles a promise from any thread.
pub(super) fn settle<T, E, C>(deferred: Deferred, outcome: Result<T, E>, convert: C)
where
    T: Send + 'static,
    E: Rejection + Send + 'static,
    C: for<'c> FnOnce(Scope<'c>, T) -> Result<Value<'c>, Thrown> + Send + 'static,
{
    deferred.settle(move |scope| match outcome {
        Ok(value) => convert(scope, value),
        Err(error) => Err(Thrown::new(error.to_value(scope))),
    });
}
