//! Trims: of whom, when, and how many.

use crate::driver::sim::checks::whole_of;
use crate::driver::sim::chrome::PageState;
use crate::driver::sim::operation::Outcome;
use crate::driver::sim::world::{Trim, World};
use crate::pool::{AffinityKey, OperationId, TabId};

impl World {
    /// `idleTrimMs`, where tabs are trimmed at all.
    pub(in crate::driver::sim) fn idle_trim_ms(&self) -> Option<u64> {
        whole_of(self.settings.idle_trim_ms).filter(|ms| *ms > 0)
    }

    /// A tab is trimmed that nobody has had for long enough, once, while nobody waits and few have leases; and no other is
    /// being trimmed.
    pub(in crate::driver::sim) fn check_trim(&mut self, operation: OperationId, tab: TabId, budget_ms: u64) {
        let now = self.now.monotonic_ms;
        let leases = self
            .requests
            .values()
            .filter(|request| request.lease.is_some())
            .count();
        let waits = self.requests.len() - leases;
        let most = self.settings.trims_beside_leases as usize;
        let Some(page) = self.chrome.pages.get(&tab) else {
            return self.fail("trim", || format!("{tab:?} is trimmed, and is not there"));
        };
        let Some(least) = self.idle_trim_ms() else {
            return self.fail("trim", || format!("{tab:?} is trimmed, and none is to be"));
        };
        let idled = page.idle_since.map(|since| now - since);
        let other = self.trim.filter(|other| now < other.until && !other.may_be_over);
        let why = if page.lease.is_some() || page.state != PageState::Open {
            Some("is leased, or closes")
        } else if idled.is_none_or(|idled| idled < least) {
            Some("has not idled for long enough")
        } else if page.is_trimmed {
            Some("has been trimmed since its last lease")
        } else if waits > 0 || leases > most {
            Some("is trimmed while others need the processor")
        } else if self.closing.is_some() {
            Some("is trimmed in a pool that closes")
        } else if other.is_some_and(|other| self.is_page_open(other.tab)) {
            Some("is trimmed beside another")
        } else {
            None
        };
        if let Some(why) = why {
            return self.fail("trim", || {
                format!("{tab:?} {why}: idle for {idled:?}, {leases} leases, {waits} wait")
            });
        }
        self.tally.trims += 1;
        if let Some(page) = self.chrome.pages.get_mut(&tab) {
            page.is_trimmed = true;
        }
        self.trim = Some(Trim {
            operation,
            tab,
            until: now + budget_ms,
            may_be_over: false,
        });
    }

    /// A call of this affinity may take the tab that is being trimmed; where tabs may move, so may any other.
    pub(in crate::driver::sim) fn note_end_of_trim(&mut self, affinity: &AffinityKey) {
        let moves = self.may_migrate();
        if let Some(trim) = &mut self.trim {
            let page = self.chrome.pages.get(&trim.tab);
            trim.may_be_over |= moves || page.is_none_or(|page| page.affinity.as_ref() == Some(affinity));
        }
    }

    /// Returns how it really ended: a page that died does not answer.
    pub(in crate::driver::sim) fn trim_ended(
        &mut self,
        operation: OperationId,
        tab: TabId,
        outcome: Outcome,
    ) -> Outcome {
        let is_latest = self.trim.is_some_and(|trim| trim.operation == operation);
        self.trim = self.trim.filter(|_| !is_latest);
        let page = self.chrome.pages.get_mut(&tab);
        let Some(page) = page.filter(|page| page.state == PageState::Open && !page.crashed) else {
            return Outcome::BrowserGone;
        };
        // What comes of a trim that a lease has followed says nothing of what the page is like after that.
        if outcome == Outcome::Done && is_latest && page.is_trimmed {
            page.probed = true;
            page.answered = true;
        }
        outcome
    }
}
