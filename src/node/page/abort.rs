//! The `signal` among the options of a wait.

use std::cell::Cell;

use tokio::sync::oneshot;

use crate::node::abort::{self, AbortListener};
use crate::node::js::{ErrorClass, JsRef, Scope, Thrown, Value};

use super::options;

/// A signal that may end a wait, listened to until this is dropped.
pub(super) struct Abort {
    signal: Option<JsRef>,
    listener: Option<AbortListener>,
}

impl Abort {
    /// The signal of these options; throws its reason where it is aborted already.
    pub fn of(given: Value<'_>) -> Result<(Self, Option<oneshot::Receiver<()>>), Thrown> {
        let mut abort = Self {
            signal: None,
            listener: None,
        };
        let Some(signal) = options::get(given, "signal")?.filter(|signal| signal.is_object()) else {
            return Ok((abort, None));
        };
        abort.signal = JsRef::new(signal);
        if abort::is_aborted(signal, "options.signal")? {
            return Err(abort.reason(signal.scope()));
        }
        let (sender, receiver) = oneshot::channel();
        let sender = Cell::new(Some(sender));
        abort.listener = AbortListener::attach(signal, move |_| {
            if let Some(sender) = sender.take() {
                // Nobody waits any more where the receiver is gone.
                let _ = sender.send(());
            }
        })?;
        Ok((abort, Some(receiver)))
    }

    /// What the signal was aborted with.
    pub fn reason(&self, scope: Scope<'_>) -> Thrown {
        let reason = self.signal.as_ref().map(|signal| signal.get(scope).get("reason"));
        match reason {
            Some(Ok(reason)) => Thrown::new(reason),
            Some(Err(thrown)) => thrown,
            None => Thrown::new(scope.error(ErrorClass::Error, "aborted", Some("PRERENDER_CANCELLED"))),
        }
    }
}

/// Ends when the signal is aborted, if there is one.
pub(super) async fn aborted(receiver: Option<oneshot::Receiver<()>>) {
    let was_sent = match receiver {
        Some(receiver) => receiver.await.is_ok(),
        None => false,
    };
    if !was_sent {
        std::future::pending::<()>().await;
    }
}
