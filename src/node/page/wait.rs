//! `waitForFunction` and `waitForSelector`.

use tokio::sync::oneshot;

use crate::node::abort::{self, AbortListener};
use crate::node::js::{Call, JsRef, Kind, Scope, Thrown, Value};
use crate::page::{Argument, Frame, Polling, WaitError, WaitOptions, Wanted};

use super::error::Rejection as _;
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
    let arguments = arguments::all(scope, frame, call.arguments().get(2..).unwrap_or_default())?;
    let (mut options, abort) = read(scope, given)?;
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
    root: Option<Argument>,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let selector = options::text(scope, call.argument(0), "the selector")?;
    let given = call.argument(1);
    let wanted = if options::flag(given, "visible")? {
        Wanted::Visible
    } else if options::flag(given, "hidden")? {
        Wanted::Hidden
    } else {
        Wanted::Present
    };
    let (mut options, abort) = read(scope, given)?;
    options.root = root;
    if wanted == Wanted::Present {
        options.polling = Polling::Mutation;
    }
    let frame = frame.clone();
    let of_handle = frame.clone();
    let waiting = async move { frame.wait_for_selector(&selector, wanted, options).await };
    promise::start_with(scope, waiting, move |scope, outcome| match outcome {
        Ok(Some(object)) => handle::wrap(scope, &of_handle, object),
        Ok(None) => Ok(scope.null()),
        Err(error) if matches!(error.source, WaitError::Aborted) => Err(abort.reason(scope)),
        Err(error) => Err(Thrown::new(error.to_value(scope))),
    })
}

fn polling(scope: Scope<'_>, given: Value<'_>) -> Result<Option<Polling>, Thrown> {
    let Some(polling) = options::get(given, "polling")? else {
        return Ok(None);
    };
    if polling.kind() == Kind::Number {
        let millis = polling.as_f64().unwrap_or_default();
        if millis < 0.0 {
            return Err(Thrown::type_error(
                scope,
                "Cannot poll with non-positive interval",
            ));
        }
        return Ok(Some(Polling::Interval(millis)));
    }
    match polling.as_string().as_deref() {
        Some("raf") => Ok(Some(Polling::AnimationFrame)),
        Some("mutation") => Ok(Some(Polling::Mutation)),
        _ => Err(Thrown::invalid_argument(
            scope,
            "polling must be 'raf', 'mutation' or a number of milliseconds",
        )),
    }
}

/// A signal that may end a wait, and its listener.
struct Abort {
    signal: Option<JsRef>,
    _listener: Option<AbortListener>,
}

impl Abort {
    fn reason(&self, scope: Scope<'_>) -> Thrown {
        let reason = self.signal.as_ref().map(|signal| signal.get(scope).get("reason"));
        match reason {
            Some(Ok(reason)) => Thrown::new(reason),
            Some(Err(thrown)) => thrown,
            None => Thrown::new(WaitError::Aborted.to_value(scope)),
        }
    }
}

fn read(_: Scope<'_>, given: Value<'_>) -> Result<(WaitOptions, Abort), Thrown> {
    let mut wait = WaitOptions {
        timeout: options::timeout(given)?,
        ..WaitOptions::default()
    };
    let mut abort = Abort {
        signal: None,
        _listener: None,
    };
    if let Some(signal) = options::get(given, "signal")?.filter(|signal| signal.is_object()) {
        let (sender, receiver) = oneshot::channel();
        wait.abort = Some(receiver);
        abort.signal = JsRef::new(signal);
        if abort::is_aborted(signal)? {
            return Err(abort.reason(signal.scope()));
        }
        let sender = std::cell::Cell::new(Some(sender));
        abort._listener = AbortListener::attach(signal, move |_| {
            if let Some(sender) = sender.take() {
                // Nobody waits any more where the receiver is gone.
                let _ = sender.send(());
            }
        })?;
    }
    Ok((wait, abort))
}
