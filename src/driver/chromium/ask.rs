//! The liveness of a page that is leased.

use std::collections::HashSet;
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::page::{
    SetWebLifecycleStateParams, SetWebLifecycleStateState, StopLoadingParams,
};
use chromiumoxide::cdp::js_protocol::runtime::{EvaluateParams, TerminateExecutionParams};

use super::liveness::STEP;
use super::tab::Tab;
use crate::cdp::{CallError, Deadline};
use crate::pool::OperationId;

/// How long a page has for its answer once nothing keeps it from it: it takes milliseconds.
const HELPED: Duration = Duration::from_millis(500);

/// The questions whose leases go on.
#[derive(Debug, Default)]
pub(super) struct Asked(HashSet<OperationId>);

impl Asked {
    pub(super) fn begin(&mut self, operation: OperationId) {
        self.0.insert(operation);
    }

    /// The lease has ended, or the question has.
    pub(super) fn stop(&mut self, operation: OperationId) {
        self.0.remove(&operation);
    }

    pub(super) fn contains(&self, operation: OperationId) -> bool {
        self.0.contains(&operation)
    }
}

/// Asks the page something trivial. One that does not answer within the budget is rid of what may keep it from
/// that, while that is wanted, and asked once more.
pub(super) async fn answers(
    tab: &Tab,
    budget: Duration,
    is_wanted: impl Fn() -> bool,
) -> Result<(), CallError> {
    match evaluate(tab, budget).await {
        // Whoever has the page by now is not to be helped.
        Err(CallError::TimedOut { .. }) if is_wanted() => {}
        outcome => return outcome,
    }
    let session = tab.session();
    // Sent side by side: a renderer that takes one of them need not take the others.
    drop(session.send_within(TerminateExecutionParams::default(), Deadline::Within(STEP)));
    // A page answers nothing while a navigation waits for its server.
    drop(session.send_within(StopLoadingParams::default(), Deadline::Within(STEP)));
    let active = SetWebLifecycleStateParams::new(SetWebLifecycleStateState::Active);
    drop(session.send_within(active, Deadline::Within(STEP)));
    match evaluate(tab, HELPED).await {
        // It has been silent for the whole budget, too.
        Err(CallError::TimedOut { method, after }) => Err(CallError::TimedOut {
            method,
            after: budget + after,
        }),
        outcome => {
            if outcome.is_ok() && is_wanted() {
                session.reject_scripts();
            }
            outcome
        }
    }
}

async fn evaluate(tab: &Tab, budget: Duration) -> Result<(), CallError> {
    // A page that has stopped in its debugger still evaluates, but settles no promise.
    let mut question = EvaluateParams::new("1");
    question.await_promise = Some(true);
    match tab
        .session()
        .send_within(question, Deadline::Within(budget))
        .await
    {
        // A page that refuses, between two documents or because its script is being ended, is there.
        Ok(_) | Err(CallError::Protocol { .. } | CallError::Decode { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
