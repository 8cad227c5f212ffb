//! Closing pages and contexts, each once and each bounded: what takes too long is given up on, and goes on
//! counting as alive until the driver reports its end.

use super::affinity::AffinityId;
use super::context::{ContextState, Lateness};
use super::defects::{Defect, planted};
use super::tab::TabState;
use super::{
    Action, BrowserAction, ContextId, Deadline, Failure, FailureKind, LogLevel, Operation, OperationId, Pool,
    TabId,
};

/// How long those who wait for a slot count on a close that is under way, ms. Most take a tenth of it.
const PATIENCE_MS: u64 = 250;

impl Pool {
    /// Closes a tab that is no longer offered and that nobody holds.
    pub(super) fn begin_close(&mut self, tab_id: TabId) {
        let Some(tab) = self.tabs.get_mut(&tab_id) else {
            return;
        };
        tab.state = TabState::Closing {
            affinity: tab.affinity(),
        };
        let context_id = tab.context;
        self.reindex(tab_id);
        let Some(context) = self.contexts.get_mut(&context_id) else {
            // Chrome died under it.
            self.tab_gone(tab_id);
            return;
        };
        match context.state {
            ContextState::Primary { affinity, .. } => {
                context.closing_pages += 1;
                context.lateness = Lateness::InTime;
                self.set_context_state(context_id, ContextState::Orphan { affinity });
                self.close_page(tab_id, context_id, false);
                self.enforce_shared_context_cap();
            }
            ContextState::Condemned { .. } => {
                context.closing_pages += 1;
                self.recount(context_id);
                self.close_page(tab_id, context_id, true);
            }
            ContextState::Standby { .. } | ContextState::Supplementary { .. } => {
                self.close_context(context_id);
            }
            ContextState::Orphan { .. } | ContextState::Closing { .. } => {}
        }
    }

    /// Closes a standby that is ready.
    pub(super) fn close_standby(&mut self, tab_id: TabId) -> Option<ContextId> {
        self.standbys.remove(&tab_id);
        let context = self.tabs.get(&tab_id)?.context;
        self.begin_close(tab_id);
        Some(context)
    }

    /// Closes a context without a live page. `row_goes`: at once, and not with the end of the close.
    pub(super) fn close_orphan(&mut self, id: ContextId, row_goes: bool) {
        let Some(ContextState::Orphan { affinity }) = self.contexts.get(&id).map(|context| context.state)
        else {
            return;
        };
        if row_goes {
            self.drop_row(affinity, id);
        }
        self.close_context(id);
        if row_goes {
            self.remove_affinity_if_unused(affinity);
        }
    }

    /// Closes a context in which no page came to be.
    pub(super) fn discard_context(&mut self, id: ContextId) {
        let owner = match self.contexts.get(&id).map(|context| context.state) {
            Some(ContextState::Primary { affinity, .. } | ContextState::Condemned { affinity, .. }) => {
                Some(affinity)
            }
            _ => None,
        };
        if let Some(affinity) = owner {
            self.drop_row(affinity, id);
        }
        self.close_context(id);
        if let Some(affinity) = owner {
            self.report_loss(affinity);
            self.remove_affinity_if_unused(affinity);
        }
    }

    fn close_page(&mut self, tab: TabId, context: ContextId, context_follows: bool) {
        let operation = self.start_close(Operation::ClosePage { tab, context });
        self.browse(BrowserAction::ClosePage {
            operation,
            tab,
            context_follows,
        });
    }

    fn close_context(&mut self, id: ContextId) {
        let Some(context) = self.contexts.get_mut(&id) else {
            return;
        };
        let affinity = match context.state {
            ContextState::Closing { .. } => return,
            ContextState::Standby { .. } => None,
            ContextState::Primary { affinity, .. }
            | ContextState::Orphan { affinity }
            | ContextState::Supplementary { affinity, .. }
            | ContextState::Condemned { affinity, .. } => Some(affinity),
        };
        let slot = context.takes_slot();
        let tabs = context.tabs.clone();
        context.lateness = Lateness::InTime;
        for tab_id in tabs {
            let Some(tab) = self.tabs.get_mut(&tab_id) else {
                continue;
            };
            tab.state = match tab.state {
                TabState::Closing { affinity } => TabState::Closing { affinity },
                TabState::Draining { affinity }
                | TabState::Opening {
                    affinity,
                    draining: true,
                } => TabState::Closing {
                    affinity: Some(affinity),
                },
                _ => TabState::Closing { affinity: None },
            };
            self.reindex(tab_id);
        }
        self.set_context_state(id, ContextState::Closing { affinity, slot });
        let operation = self.start_close(Operation::CloseContext { context: id });
        self.browse(BrowserAction::CloseContext {
            operation,
            context: id,
        });
    }

    fn start_close(&mut self, operation: Operation) -> OperationId {
        let id = self.start(operation);
        let now = self.now.monotonic_ms;
        let due = now.saturating_add(self.config.close_timeout_ms);
        self.deadlines.insert((due, Deadline::Close(id)));
        let slow = now.saturating_add(PATIENCE_MS);
        if slow < due {
            self.deadlines.insert((slow, Deadline::SlowClose(id)));
        }
        self.close_due.insert(id, (slow, due));
        id
    }

    /// A close takes long: whoever counts on its slot gets another.
    pub(super) fn close_is_slow(&mut self, operation: OperationId) {
        let Some(&(Operation::ClosePage { context, .. } | Operation::CloseContext { context })) =
            self.operations.get(&operation)
        else {
            return;
        };
        if let Some(entry) = self.contexts.get_mut(&context) {
            entry.lateness = entry.lateness.max(Lateness::Slow);
            self.recount(context);
        }
    }

    pub(super) fn page_closed(&mut self, tab_id: TabId, context_id: ContextId, failure: Option<&Failure>) {
        if let Some(failure) = failure {
            let level = match failure.kind {
                FailureKind::Gone => LogLevel::Debug,
                _ => LogLevel::Warn,
            };
            let owner = self.tabs.get(&tab_id).and_then(super::tab::Tab::affinity);
            let of = owner.map_or_else(String::new, |id| format!(" of {}", self.key_of(id)));
            let message = format!("closing a page{of} failed: {}", failure.message);
            self.log_of(tab_id, level, message);
        }
        let Some(context) = self.contexts.get_mut(&context_id) else {
            self.tab_gone(tab_id);
            return;
        };
        context.closing_pages = context.closing_pages.saturating_sub(1);
        if context.closing_pages == 0 && matches!(context.state, ContextState::Orphan { .. }) {
            context.lateness = Lateness::InTime;
        }
        let condemned = matches!(context.state, ContextState::Condemned { .. });
        self.recount(context_id);
        if condemned {
            self.close_context(context_id);
        }
        self.tab_gone(tab_id);
    }

    pub(super) fn context_closed(&mut self, id: ContextId, failure: Option<&Failure>) {
        if let Some(failure) = failure {
            self.log(
                LogLevel::Warn,
                format!("closing a browser context failed: {}", failure.message),
            );
        }
        self.context_gone(id);
    }

    /// The context is gone, and its pages with it.
    pub(super) fn context_gone(&mut self, id: ContextId) {
        let Some(context) = self.remove_context(id) else {
            return;
        };
        if context.lateness == Lateness::Overdue && self.refill.is_blocked() {
            // Nobody waits for its end any more, so nobody else would use its slot.
            self.kick_refill();
        }
        for tab in context.tabs {
            let closing = self
                .tabs
                .get(&tab)
                .is_some_and(|tab| matches!(tab.state, TabState::Closing { .. }));
            if closing {
                self.tab_gone(tab);
            }
        }
        let owner = match context.state {
            ContextState::Standby { .. } => None,
            ContextState::Primary { affinity, .. }
            | ContextState::Orphan { affinity }
            | ContextState::Supplementary { affinity, .. }
            | ContextState::Condemned { affinity, .. } => Some(affinity),
            ContextState::Closing { affinity, .. } => affinity,
        };
        if let Some(affinity) = owner {
            self.drop_row(affinity, id);
            self.context_left(affinity, id);
            self.remove_affinity_if_unused(affinity);
        }
    }

    /// The page is gone for good.
    pub(super) fn tab_gone(&mut self, id: TabId) {
        let Some(tab) = self.remove_tab(id) else { return };
        if let Some(context) = self.contexts.get_mut(&tab.context) {
            context.tabs.retain(|&other| other != id);
        }
        self.act(Action::ForgetTab {
            tab: id,
            retain_console_errors: tab.retain_console_errors,
        });
        if let Some(affinity) = tab.affinity() {
            self.tab_left(id, affinity);
        }
    }

    /// Nobody waits for the end of the tab any more.
    fn give_up_tab(&mut self, id: TabId) {
        let Some(tab) = self.tabs.get_mut(&id) else { return };
        let TabState::Closing {
            affinity: Some(affinity),
        } = tab.state
        else {
            return;
        };
        tab.state = TabState::Closing { affinity: None };
        self.tab_left(id, affinity);
    }

    fn tab_left(&mut self, id: TabId, affinity_id: AffinityId) {
        let Some(affinity) = self.affinities.get_mut(&affinity_id) else {
            return;
        };
        affinity.draining.remove(&id);
        if let Some(teardown) = &mut affinity.teardown {
            teardown.tabs.remove(&id);
            self.end_teardown(affinity_id);
        } else {
            self.report_loss(affinity_id);
        }
        self.remove_affinity_if_unused(affinity_id);
    }

    /// A close has taken longer than it may: whoever waits goes on, by a harder step where there is one.
    pub(super) fn close_overdue(&mut self, operation: OperationId) {
        self.close_due.remove(&operation);
        if planted(Defect::HungCloseAwaited) {
            return;
        }
        match self.operations.get(&operation) {
            Some(&Operation::ClosePage { tab, context }) => self.page_overdue(tab, context),
            Some(&Operation::CloseContext { context }) => self.context_overdue(context),
            _ => {}
        }
    }

    fn page_overdue(&mut self, tab: TabId, context_id: ContextId) {
        let owner = self.tabs.get(&tab).and_then(super::tab::Tab::affinity);
        let Some(context) = self.contexts.get_mut(&context_id) else {
            return;
        };
        let state = context.state;
        if !matches!(
            state,
            ContextState::Condemned { .. } | ContextState::Orphan { .. }
        ) {
            return;
        }
        context.lateness = Lateness::Overdue;
        self.recount(context_id);
        self.warn_of_stuck("a page", owner);
        // The context is listed with its affinity before that loses the page, which may be all that is left of it.
        if matches!(state, ContextState::Condemned { .. }) {
            self.close_context(context_id);
        }
        self.give_up_tab(tab);
        if matches!(state, ContextState::Orphan { .. }) && self.config.escalate_page_close {
            self.close_orphan(context_id, true);
        }
    }

    fn context_overdue(&mut self, id: ContextId) {
        let Some(context) = self.contexts.get_mut(&id) else {
            return;
        };
        let ContextState::Closing { affinity, slot } = context.state else {
            return;
        };
        context.lateness = Lateness::Overdue;
        let tabs = context.tabs.clone();
        self.set_context_state(id, ContextState::Closing { affinity: None, slot });
        self.warn_of_stuck("a browser context", affinity);
        for tab in tabs {
            self.give_up_tab(tab);
        }
        if let Some(affinity) = affinity {
            self.drop_row(affinity, id);
            self.context_left(affinity, id);
            self.remove_affinity_if_unused(affinity);
        }
    }

    fn warn_of_stuck(&mut self, what: &str, owner: Option<AffinityId>) {
        let of = owner.map_or_else(String::new, |id| format!(" of {}", self.key_of(id)));
        let message = format!(
            "{what}{of} has not closed after {} ms; contexts that do not close and still count as alive: {}",
            self.config.close_timeout_ms, self.counts.stuck
        );
        self.log(LogLevel::Warn, message);
    }
}
