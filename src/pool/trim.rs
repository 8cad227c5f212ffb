//! Tabs that idle are trimmed: once for each time, one after another, and while nobody needs anything.

use super::defects::{Defect, planted};
use super::request::RequestState;
use super::tab::{Tab, TabState};
use super::{BrowserAction, Operation, OperationId, Pool, TabId};

/// The pool must have been quiet for this long, ms: visits that follow each other leave pauses between them.
const QUIET_MS: u64 = 100;
/// A trim that takes longer than this, ms, is not waited for: the next visit finds out what is wrong with the page.
const PATIENCE_MS: u64 = 5_000;
/// A tenant whose pauses are no longer than so many times `idleTrimMs` is given twice its usual pause.
const REGULAR: u64 = 5;

/// What is trimmed, and when another look at it is taken.
#[derive(Debug, Default)]
pub(super) struct Trimming {
    /// When to look for a tab, or when the trim under way has had its time.
    pub(super) wake: Option<u64>,
    pub(super) under_way: Option<(OperationId, TabId)>,
    /// True if more went on after the last event than a trim may go on beside.
    in_use: bool,
    /// When the pool was last in use in that sense.
    used_at: u64,
}

/// How a tab idles.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Idling {
    /// Since when nobody has had it or waited for it, on the monotonic clock; not of one that never served.
    pub(super) since: Option<u64>,
    /// How long that lasts of late, ms: an average.
    usual_ms: u64,
    /// It has not been trimmed since its last lease.
    pub(super) untidy: bool,
}

impl Pool {
    /// After the tab's holder, queue or state changed.
    pub(super) fn note_idleness(&mut self, id: TabId, is_idle: bool) {
        let now = self.now.monotonic_ms;
        if self.config.idle_trim_ms == 0 {
            return;
        }
        let Some(tab) = self.tabs.get_mut(&id) else { return };
        match tab.idling.since {
            None if is_idle && tab.served() => {
                tab.idling.since = Some(now);
                self.look_at(id);
            }
            Some(since) if !is_idle => {
                let lasted = now.saturating_sub(since);
                let idling = &mut tab.idling;
                idling.usual_ms = idling.usual_ms / 2 + lasted / 2;
                if !planted(Defect::TrimsInUse) {
                    idling.since = None;
                }
                self.abandon_trim(id);
            }
            _ => {}
        }
    }

    /// Its trim is nobody's business any more, whatever comes of it.
    pub(super) fn abandon_trim(&mut self, id: TabId) {
        if let Some((operation, tab)) = self.trimming.under_way
            && tab == id
        {
            self.trimming.under_way = None;
            self.remove_operation(operation);
            self.trimming.wake = Some(self.now.monotonic_ms.saturating_add(QUIET_MS));
        }
    }

    /// Sees to it that the tab is looked at when its time has come.
    pub(super) fn look_at(&mut self, id: TabId) {
        if self.trimming.under_way.is_some() {
            // They are looked at when that has ended.
            return;
        }
        if let Some(due) = self.tabs.get(&id).and_then(|tab| self.trim_due(tab)) {
            // With the next timeout: an event wakes nobody.
            let due = due.max(self.now.monotonic_ms.saturating_add(1));
            let wake = self.trimming.wake.map_or(due, |wake| wake.min(due));
            self.trimming.wake = Some(wake);
        }
    }

    /// When the tab may be trimmed, where it may. A tenant that comes back again and again after about the same time is
    /// not to find its page at work on itself. A page that has not answered since its lease is left to the next visit.
    pub(super) fn trim_due(&self, tab: &Tab) -> Option<u64> {
        let least = self.config.idle_trim_ms;
        let asks = self.config.tab_proof_of_life_ms > 0 && self.config.tab_health_probe_ms > 0;
        let answers = tab.asked.is_none() && (tab.answered_at.is_some() || !asks);
        let idling = tab.idling;
        if !idling.untidy || !answers || !matches!(tab.state, TabState::Live { .. }) {
            return None;
        }
        let usual = Some(idling.usual_ms).filter(|ms| *ms <= least.saturating_mul(REGULAR));
        let pause = usual.map_or(least, |ms| least.max(2 * ms));
        Some(idling.since?.saturating_add(pause))
    }

    /// Notes after each event whether more went on than a trim may go on beside.
    pub(super) fn note_use(&mut self) {
        let in_use = self.requests.len() > self.config.trims_beside_leases as usize;
        if in_use || self.trimming.in_use {
            self.trimming.used_at = self.now.monotonic_ms;
        }
        self.trimming.in_use = in_use;
        if self.shutdown.is_some() {
            self.trimming.wake = None;
        }
    }

    /// When the pool is quiet enough, if nothing more comes.
    fn quiet_at(&self) -> u64 {
        let waits = |state| !matches!(state, RequestState::Granted { .. });
        let is_waited = self.requests.values().any(|request| waits(request.state));
        let last = if self.trimming.in_use || is_waited {
            self.now.monotonic_ms
        } else {
            self.trimming.used_at
        };
        last.saturating_add(QUIET_MS)
    }

    pub(super) fn trim_tick(&mut self) {
        if self.trimming.wake.is_none_or(|wake| wake > self.now.monotonic_ms) {
            return;
        }
        self.trimming.wake = None;
        if let Some((operation, _)) = self.trimming.under_way {
            if planted(Defect::StuckTrimAwaited) {
                return;
            }
            self.trimming.under_way = None;
            self.remove_operation(operation);
        }
        self.trim_next();
    }

    /// Trims the tab that is due first, or looks again when one is.
    fn trim_next(&mut self) {
        if self.shutdown.is_some() || planted(Defect::NothingTrimmed) {
            return;
        }
        let now = self.now.monotonic_ms;
        let due = self
            .tabs
            .iter()
            .filter_map(|(&id, tab)| Some((self.trim_due(tab)?, id)));
        let Some((due, id)) = due.min() else { return };
        let quiet = if planted(Defect::TrimsInTheRush) {
            due
        } else {
            self.quiet_at()
        };
        let at = due.max(quiet);
        if at > now {
            self.trimming.wake = Some(at);
            return;
        }
        let operation = self.start(Operation::Trim { tab: id });
        if let Some(tab) = self.tabs.get_mut(&id)
            && !planted(Defect::TrimmedAgain)
        {
            tab.idling.untidy = false;
        }
        self.trimming.under_way = Some((operation, id));
        self.trimming.wake = Some(now.saturating_add(PATIENCE_MS));
        self.browse(BrowserAction::Trim {
            operation,
            tab: id,
            budget_ms: PATIENCE_MS,
        });
    }

    /// The trim has ended. What answered it is alive.
    pub(super) fn trimmed(&mut self, id: OperationId, answered: bool) {
        let Some(Operation::Trim { tab }) = self.operations.get(&id).copied() else {
            return;
        };
        self.remove_operation(id);
        self.trimming.under_way = None;
        self.trimming.wake = None;
        if let Some(tab) = self.tabs.get_mut(&tab)
            && tab.holder.is_none()
            && answered
        {
            tab.answered_at = Some(self.now.monotonic_ms);
        }
        self.trim_next();
    }
}
