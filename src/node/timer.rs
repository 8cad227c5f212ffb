//! Timers of the I/O thread, and what else it waits for, that come back to the JavaScript thread. None keeps the
//! process alive.

use std::time::Duration;

use tokio::sync::oneshot;

use super::js::{JsThread, Scope};
use crate::cdp::io;

/// A running timer; stops when it is dropped.
pub(crate) struct Timer {
    _task: io::Task,
}

impl Timer {
    /// Runs `fire` on `thread` after `ms`.
    pub(crate) fn start(thread: JsThread, ms: u64, fire: impl FnOnce(Scope<'_>) + Send + 'static) -> Self {
        let sleep = async move { tokio::time::sleep(Duration::from_millis(ms)).await };
        Self::when(thread, sleep, fire)
    }

    /// Runs `fire` on `thread` once the future has ended.
    pub(crate) fn when(
        thread: JsThread,
        event: impl Future<Output = ()> + Send + 'static,
        fire: impl FnOnce(Scope<'_>) + Send + 'static,
    ) -> Self {
        let task = io::spawn_owned(async move {
            event.await;
            thread.post(fire);
        });
        Self { _task: task }
    }
}

/// Waits, in a future on the JavaScript thread.
pub(crate) async fn sleep(ms: u64) {
    let (done, ended) = oneshot::channel();
    let _stopped_on_drop = io::spawn_owned(async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        // Nobody may be left to hear it.
        let _ = done.send(());
    });
    // The sender is dropped only with the I/O thread, at the end of the process.
    let _ = ended.await;
}
