//! `waitForFunction` and `waitForSelector`.

use crate::node::js::{Call, Kind, Scope, Thrown, Value};
use crate::page::{Frame, Polling, RemoteObject, WaitError, WaitOptions, Wanted};

use super::abort::Abort;
use super::error::{Rejection as _, follows_from};
use super::{arguments, handle, options, promise};

pub(super) fn for_function<'s>(
    scope: Scope<'s>,
    frame: &Frame,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let function = match call.argument(0).as_string() {
        Some(expression) => format!("() => {{ return ({expression}); }}"),
        None => arguments::source(scope, call.argument(0))?,
    };
    let given = call.argument(1);
    let arguments = arguments::all(
        scope,
        &frame.into(),
        call.arguments().get(2..).unwrap_or_default(),
    )?;
    let (mut options, abort) = read(given)?;
    options.polling = polling(scope, given)?.unwrap_or_default();
    let frame = frame.clone();
    let of_handle = frame.clone();
    let waiting = async move { frame.wait_for_function(&function, arguments, options).await };
    promise::start_with(scope, waiting, move |scope, outcome| match outcome {
        Ok(object) => handle::wrap(scope, &of_handle, object),
        Err(WaitError::Aborted) => Err(abort.reason(scope)),
        Err(error) => Err(Thrown::new(error.to_value(scope))),
    })
}

pub(super) fn for_selector<'s>(
    scope: Scope<'s>,
    frame: &Frame,
    root: Option<RemoteObject>,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let selector = options::selector(scope, call.argument(0))?;
    let given = call.argument(1);
    let wanted = if options::flag(given, "visible")? {
        Wanted::Visible
    } else if options::flag(given, "hidden")? {
        Wanted::Hidden
    } else {
        Wanted::Present
    };
    let (mut options, abort) = read(given)?;
    options.root = root;
    if wanted == Wanted::Present && !selector.needs_frames() {
        options.polling = Polling::Mutation;
    }
    let frame = frame.clone();
    let of_handle = frame.clone();
    let waiting = async move { frame.wait_for_selector(&selector, wanted, options).await };
    promise::start_with(scope, waiting, move |scope, outcome| match outcome {
        Ok(Some(object)) => handle::wrap(scope, &of_handle, object),
        Ok(None) => Ok(scope.null()),
        Err(error) if matches!(error.source, WaitError::Aborted) => {
            let reason = abort.reason(scope);
            if is_abort_error(reason.value(scope)) {
                return Err(reason);
            }
            let (message, cause) = (error.to_string(), reason.value(scope));
            Err(Thrown::new(follows_from(
                scope,
                &message,
                "PRERENDER_CANCELLED",
                cause,
            )))
        }
        Err(error) => Err(Thrown::new(error.to_value(scope))),
    })
}

fn is_abort_error(reason: Value<'_>) -> bool {
    reason.is_object()
        && reason
            .get("name")
            .is_ok_and(|name| name.as_string().as_deref() == Some("AbortError"))
}

fn polling(scope: Scope<'_>, given: Value<'_>) -> Result<Option<Polling>, Thrown> {
    let Some(polling) = options::get(given, "polling")? else {
        return Ok(None);
    };
    if polling.kind() == Kind::Number {
        let millis = polling.as_f64().unwrap_or_default();
        if millis < 0.0 {
            let message = "Cannot poll with non-positive interval";
            return Err(Thrown::refused(scope, message));
        }
        return Ok(Some(Polling::Interval(millis)));
    }
    match polling.as_string().as_deref() {
        Some("raf") => Ok(Some(Polling::AnimationFrame)),
        Some("mutation") => Ok(Some(Polling::Mutation)),
        // As puppeteer's timer takes it.
        _ => Ok(Some(Polling::Interval(0.0))),
    }
}

fn read(given: Value<'_>) -> Result<(WaitOptions, Abort), Thrown> {
    let (abort, receiver) = Abort::of(given)?;
    let wait = WaitOptions {
        timeout: options::timeout(given)?,
        abort: receiver,
        ..WaitOptions::default()
    };
    Ok((wait, abort))
}
