//! Contexts and pages.

use crate::driver::sim::chrome::{ContextState, PageState};
use crate::driver::sim::world::World;
use crate::pool::{ContextId, TabId};

impl World {
    /// Contexts alive never exceed current pages + 1.
    pub(in crate::driver::sim) fn check_slots(&mut self) {
        let taken = self.chrome.slots_taken();
        self.tally.peak_contexts = self.tally.peak_contexts.max(taken as u64);
        let current = self.pool.current_max_pages();
        if taken > current as usize + 1 {
            self.fail("slots", || {
                format!("{taken} contexts are alive with {current} pages")
            });
        }
    }

    /// No standby is made while refill is disabled and a tab is bound. One that was bound in this very step may have
    /// been disposed of by a callback before its binding was told.
    pub(in crate::driver::sim) fn check_standby_wanted(&mut self) {
        if self.settings.disable_standby_refill
            && self
                .chrome
                .pages
                .values()
                .any(|page| page.affinity.is_some() && page.is_live() && page.bound < self.step)
        {
            self.fail("refill-disabled", || {
                "a standby is made while a tab is bound".to_owned()
            });
        }
    }

    /// A page is opened only in an open context that has none.
    pub(in crate::driver::sim) fn check_orphan(&mut self, id: ContextId) {
        let open = self
            .chrome
            .contexts
            .get(&id)
            .is_some_and(|context| context.state == ContextState::Open && context.tenant.is_some());
        if !open {
            self.fail("orphan", || {
                format!("a page is opened in {id:?}, which is no open context of a tenant")
            });
        }
        if self.chrome.pages_in(id).next().is_some() {
            self.fail("orphan", || format!("a page is opened in {id:?}, which has one"));
        }
    }

    /// Only a page without a lease is probed, with the configured budget.
    pub(in crate::driver::sim) fn check_probe(&mut self, tab: TabId, budget_ms: u64) {
        if budget_ms != self.expected.probe_ms || budget_ms == 0 {
            self.fail("probe", || format!("{tab:?} is probed for {budget_ms} ms"));
        }
        match self.chrome.pages.get(&tab) {
            Some(page) if page.state == PageState::Open && page.lease.is_none() => {}
            page => {
                let page = format!("{page:?}");
                self.fail("probe", || format!("{tab:?} is probed: {page}"));
            }
        }
    }

    pub(in crate::driver::sim) fn check_page_close(&mut self, tab: TabId) {
        match self.chrome.pages.get(&tab) {
            Some(page) if page.state == PageState::Open => {
                if page.lease.is_some() && !page.crashed {
                    self.fail("close-under-lease", || {
                        format!("{tab:?} is closed under its lease")
                    });
                }
            }
            Some(page) => {
                let state = page.state;
                self.fail("closed-once", || {
                    format!("{tab:?} is closed although it is {state:?}")
                });
            }
            None => self.fail("closed-once", || format!("{tab:?} is closed, but it is gone")),
        }
    }

    pub(in crate::driver::sim) fn check_context_close(&mut self, id: ContextId) {
        let Some(context) = self.chrome.contexts.get(&id) else {
            if let Some(index) = self.chrome.lost.iter().position(|lost| *lost == id) {
                self.chrome.lost.remove(index);
            } else {
                self.fail("closed-once", || format!("{id:?} is closed, but it is gone"));
            }
            return;
        };
        if context.state != ContextState::Open {
            let state = context.state;
            return self.fail("closed-once", || {
                format!("{id:?} is closed although it is {state:?}")
            });
        }
        let leased = self
            .chrome
            .pages_in(id)
            .find(|(_, page)| page.lease.is_some() && !page.crashed);
        if let Some((tab, _)) = leased {
            self.fail("close-under-lease", || {
                format!("{id:?} is closed under the lease of {tab:?}")
            });
        }
    }

    /// Only a page that is gone is forgotten.
    pub(in crate::driver::sim) fn check_forgotten(&mut self, tab: TabId) {
        if let Some(page) = self.chrome.pages.get(&tab)
            && page.state == PageState::Open
        {
            self.fail("forgotten", || format!("{tab:?} is forgotten while it is open"));
        }
    }
}
