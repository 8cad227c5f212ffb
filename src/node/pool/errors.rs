//! The machine's errors as JavaScript's.

use std::any::Any;

use super::super::js::{ErrorClass, Scope, Thrown, Value};
use super::super::page::Rejection;
use crate::cdp::CallError;
use crate::driver::chromium::{LaunchError, LoadError};
use crate::pool::{Failure, FailureKind, PoolError, Revocation};

/// What a `getPage` rejects with.
pub(super) fn pool_error<'s>(scope: Scope<'s>, error: &PoolError) -> Value<'s> {
    let message = error.to_string();
    match error {
        PoolError::StandbyUnavailable { cause } => {
            let code = Some("STANDBY_UNAVAILABLE");
            match cause {
                Some(cause) => {
                    let cause = failure(scope, cause);
                    scope.error_with_cause(ErrorClass::Error, &message, code, cause)
                }
                None => scope.error(ErrorClass::Error, &message, code),
            }
        }
        PoolError::Closed => scope.error(ErrorClass::Error, &message, Some("POOL_CLOSED")),
        PoolError::AcquireTimeout { retry_after_ms, .. } => {
            let error = scope.error(ErrorClass::TimeoutError, &message, Some("ACQUIRE_TIMEOUT"));
            with_retry(error, *retry_after_ms)
        }
        PoolError::TooManyWaiting { retry_after_ms, .. } => {
            let error = scope.error(ErrorClass::Error, &message, Some("TOO_MANY_WAITING"));
            with_retry(error, *retry_after_ms)
        }
        PoolError::Semaphore(cause) => failure(scope, cause),
    }
}

#[expect(clippy::cast_precision_loss, reason = "no estimate comes near 2^53 ms")]
fn with_retry(error: Value<'_>, retry_after_ms: u64) -> Value<'_> {
    error.set("retryAfterMs", error.scope().number(retry_after_ms as f64))
}

/// Why a lease was revoked, as its signal has it.
pub(super) fn revocation<'s>(scope: Scope<'s>, reason: &Revocation) -> Value<'s> {
    let code = match reason {
        Revocation::Expired => "LEASE_TIMEOUT",
        Revocation::Unresponsive { .. } | Revocation::GraceOver { .. } | Revocation::Lost => "LEASE_REVOKED",
    };
    let message = format!("the lease was revoked: {reason}");
    scope.error(ErrorClass::Error, &message, Some(code))
}

/// What a failure came from: the very value that JavaScript threw, where it came from there.
pub(super) fn failure<'s>(scope: Scope<'s>, failure: &Failure) -> Value<'s> {
    let thrown = failure
        .cause
        .as_ref()
        .and_then(|cause| cause.downcast_ref::<Thrown>());
    if let Some(thrown) = thrown {
        return thrown.value(scope);
    }
    if let Some(error) = failure
        .cause
        .as_ref()
        .and_then(|cause| chrome_error(scope, cause.as_ref()))
    {
        return error;
    }
    let message = &failure.message;
    match failure.kind {
        FailureKind::TargetNotReady => scope.error(
            ErrorClass::StandbyTargetNotReadyError,
            message,
            Some("STANDBY_NOT_READY"),
        ),
        FailureKind::TimedOut => scope.error(ErrorClass::Error, message, Some("STANDBY_TIMEOUT")),
        FailureKind::Browser | FailureKind::BrowserStopped => {
            scope.error(ErrorClass::Error, message, Some("BROWSER_DISCONNECTED"))
        }
        FailureKind::Gone | FailureKind::Other => {
            scope.error(ErrorClass::Error, message, Some("PROTOCOL_ERROR"))
        }
    }
}

/// An error of our own browser, where it is one.
fn chrome_error<'s>(scope: Scope<'s>, cause: &(dyn Any + Send + Sync)) -> Option<Value<'s>> {
    if let Some(error) = cause.downcast_ref::<LaunchError>() {
        return Some(browser_error(scope, error));
    }
    if let Some(error) = cause.downcast_ref::<CallError>() {
        return Some(error.to_value(scope));
    }
    let error = cause.downcast_ref::<LoadError>()?;
    let message = error.to_string();
    Some(match error {
        LoadError::NotReady { .. } => scope.error(
            ErrorClass::StandbyTargetNotReadyError,
            &message,
            Some("STANDBY_NOT_READY"),
        ),
        LoadError::TimedOut { .. } => scope.error(ErrorClass::Error, &message, Some("STANDBY_TIMEOUT")),
        LoadError::Call(error) => error.to_value(scope),
        LoadError::Navigation { .. } | LoadError::Threw(_) => {
            scope.error(ErrorClass::Error, &message, Some("PROTOCOL_ERROR"))
        }
    })
}

/// Why there is no browser.
pub(crate) fn browser_error<'s>(scope: Scope<'s>, error: &LaunchError) -> Value<'s> {
    let code = match error {
        LaunchError::NotFound(_) => "BROWSER_NOT_FOUND",
        _ => "BROWSER_LAUNCH_FAILED",
    };
    let message = error.to_string();
    match std::error::Error::source(error) {
        Some(source) => {
            let cause = scope.error(ErrorClass::Error, &source.to_string(), Some(code));
            scope.error_with_cause(ErrorClass::Error, &message, Some(code), cause)
        }
        None => scope.error(ErrorClass::Error, &message, Some(code)),
    }
}
