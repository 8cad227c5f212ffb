//! The machine's errors as JavaScript's.

use std::any::Any;
use std::io::ErrorKind;

use super::super::js::{ErrorClass, Scope, Thrown, Value};
use super::super::page::Rejection;
use crate::cdp::CallError;
use crate::driver::StandbyReport;
use crate::driver::chromium::{FailedStandby, LaunchError, LoadError};
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
    let code = revocation_code(reason);
    let message = format!("the lease was revoked: {reason}");
    scope.error(ErrorClass::Error, &message, Some(code))
}

pub(super) fn revocation_code(reason: &Revocation) -> &'static str {
    match reason {
        Revocation::Expired => "LEASE_TIMEOUT",
        Revocation::Unresponsive { .. } | Revocation::GraceOver { .. } | Revocation::Lost => "LEASE_REVOKED",
    }
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
    if let Some(FailedStandby { error, report }) = cause.downcast_ref::<FailedStandby>() {
        return Some(with_report(load_error(scope, error), report));
    }
    Some(load_error(scope, cause.downcast_ref::<LoadError>()?))
}

/// What is known of a standby page, on its error.
pub(crate) fn with_report<'s>(error: Value<'s>, report: &StandbyReport) -> Value<'s> {
    let scope = error.scope();
    error.set("url", scope.string(&report.url));
    error.set("phase", scope.string(report.phase.name()));
    if let Some(url) = &report.final_url {
        error.set("finalUrl", scope.string(url));
    }
    if let Some(status) = report.status {
        #[expect(clippy::cast_precision_loss, reason = "an HTTP status has three digits")]
        error.set("status", scope.number(status as f64));
    }
    if let Some(thrown) = report.last_exception() {
        error.set("lastException", scope.string(thrown));
    }
    error.set("console", super::snapshot::console_errors(scope, &report.console))
}

fn load_error<'s>(scope: Scope<'s>, error: &LoadError) -> Value<'s> {
    let message = error.to_string();
    match error {
        LoadError::NotReady { .. } => scope.error(
            ErrorClass::StandbyTargetNotReadyError,
            &message,
            Some("STANDBY_NOT_READY"),
        ),
        LoadError::TimedOut { .. } => scope.error(ErrorClass::Error, &message, Some("STANDBY_TIMEOUT")),
        LoadError::Call(error) => error.to_value(scope),
        LoadError::Useless { .. } => scope.error(ErrorClass::Error, &message, Some("STANDBY_FAILED")),
        LoadError::Navigation { .. } | LoadError::Threw(_) => {
            scope.error(ErrorClass::Error, &message, Some("PROTOCOL_ERROR"))
        }
    }
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
            let cause = scope.error(
                ErrorClass::Error,
                &source.to_string(),
                Some(errno(source).unwrap_or(code)),
            );
            scope.error_with_cause(ErrorClass::Error, &message, Some(code), cause)
        }
        None => scope.error(ErrorClass::Error, &message, Some(code)),
    }
}

/// The system's name of an error that it is, or that is behind it.
fn errno(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let found = std::iter::successors(Some(error), |error| error.source())
        .find_map(|error| error.downcast_ref::<std::io::Error>())?;
    let Some(number) = found.raw_os_error() else {
        // One with a path to it has only its kind left.
        return match found.kind() {
            ErrorKind::NotFound => Some("ENOENT"),
            ErrorKind::PermissionDenied => Some("EACCES"),
            ErrorKind::NotADirectory => Some("ENOTDIR"),
            ErrorKind::StorageFull => Some("ENOSPC"),
            ErrorKind::QuotaExceeded => Some("EDQUOT"),
            ErrorKind::ReadOnlyFilesystem => Some("EROFS"),
            _ => None,
        };
    };
    #[cfg(unix)]
    let names = [
        (libc::ENOENT, "ENOENT"),
        (libc::EACCES, "EACCES"),
        (libc::EPERM, "EPERM"),
        (libc::ENOSPC, "ENOSPC"),
        (libc::EDQUOT, "EDQUOT"),
        (libc::EROFS, "EROFS"),
        (libc::ENOTDIR, "ENOTDIR"),
        (libc::EISDIR, "EISDIR"),
        (libc::EEXIST, "EEXIST"),
        (libc::ELOOP, "ELOOP"),
        (libc::ENAMETOOLONG, "ENAMETOOLONG"),
        (libc::EMFILE, "EMFILE"),
        (libc::ENFILE, "ENFILE"),
        (libc::EAGAIN, "EAGAIN"),
        (libc::ENOMEM, "ENOMEM"),
        (libc::ENOEXEC, "ENOEXEC"),
        (libc::ETXTBSY, "ETXTBSY"),
        (libc::EIO, "EIO"),
    ];
    #[cfg(not(unix))]
    let names: [(i32, &str); 0] = [];
    names.iter().find(|name| name.0 == number).map(|name| name.1)
}
