//! Popups: pages that pages open. They end with the lease in which they came.

use super::defects::{Defect, planted};
use super::request::RequestState;
use super::tab::{Tab, TabState};
use super::{BrowserAction, Pool, TabId};

impl Pool {
    /// The page of the tab has opened another. Between leases nobody wants that.
    pub(super) fn popup_opened(&mut self, id: TabId) {
        let Some(tab) = self.tabs.get_mut(&id) else { return };
        tab.popups += 1;
        tab.popups_end = false;
        if !self.is_leased(id) {
            self.end_popups(id);
        }
    }

    /// A popup of the tab is gone.
    pub(super) fn popup_closed(&mut self, id: TabId) {
        if let Some(tab) = self.tabs.get_mut(&id) {
            tab.popups = tab.popups.saturating_sub(1);
            tab.popups_end &= tab.popups > 0;
        }
    }

    /// Closes the popups of a tab that stays; one that is closed takes them along.
    pub(super) fn end_popups(&mut self, id: TabId) {
        if self.config.keep_popups || planted(Defect::PopupsStay) {
            return;
        }
        if let Some(tab) = self.tabs.get_mut(&id).filter(|tab| has_stray_popups(tab)) {
            tab.popups_end = true;
            self.browse(BrowserAction::ClosePopups { tab: id });
        }
    }

    /// True if the tab has popups although nobody has a lease of it, and nothing is done about them.
    pub(super) fn forgets_popups(&self, id: TabId, tab: &Tab) -> bool {
        !self.config.keep_popups && has_stray_popups(tab) && !self.is_leased(id)
    }

    pub(super) fn is_leased(&self, id: TabId) -> bool {
        let holder = self.tabs.get(&id).and_then(|tab| tab.holder);
        holder
            .and_then(|holder| self.requests.get(&holder))
            .is_some_and(|request| matches!(request.state, RequestState::Granted { .. }))
    }
}

fn has_stray_popups(tab: &Tab) -> bool {
    let goes = matches!(tab.state, TabState::Draining { .. } | TabState::Closing { .. });
    tab.popups > 0 && !tab.popups_end && !goes
}
