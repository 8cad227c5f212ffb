//! Which tabs are worn, and what comes in their place.

use crate::driver::sim::checks::whole_of;
use crate::driver::sim::chrome::{Page, PageState};
use crate::driver::sim::world::World;
use crate::pool::{AffinityKey, TabId};

/// A page that may be replaced in the event that is about to be.
#[derive(Clone, Copy, Debug)]
pub(in crate::driver::sim) struct Wearing {
    tab: TabId,
    /// How many had been replaced.
    before: u32,
    is_worn: bool,
    /// Nothing stands in the way.
    must: bool,
    /// An earlier one is still closing, for certain.
    is_busy: bool,
}

impl World {
    fn replacements(&self) -> u32 {
        let swaps = self.pool.worn_tab_swaps();
        swaps.uses + swaps.age + swaps.memory
    }

    fn is_worn(&self, page: &Page) -> bool {
        let settings = &self.settings;
        let age = page.bound_at.map_or(0, |at| self.now.monotonic_ms - at);
        let over = |most: Option<f64>, value: u64| whole_of(most).is_some_and(|most| value >= most);
        over(settings.max_uses_per_tab, page.uses.into())
            || over(settings.max_tab_age_ms, age)
            || page
                .memory_mb
                .is_some_and(|mb| over(settings.max_tab_memory_mb, mb))
    }

    /// The lease of the page has ended, or it was found out how much memory its renderer holds: the pool is told next.
    pub(in crate::driver::sim) fn before_wear(&mut self, tab: TabId) -> Option<Wearing> {
        let page = self.chrome.pages.get(&tab)?;
        let affinity = page.affinity.as_ref()?;
        let now = self.now.monotonic_ms;
        let timeout = self.close_timeout_ms();
        let earlier = self
            .book
            .replaced
            .filter(|(context, _)| self.chrome.contexts.contains_key(context))
            .map(|(_, at)| now - at);
        let is_ready = |page: &Page| {
            page.affinity.is_none()
                && page.state == PageState::Open
                && !page.crashed
                && page.doomed.is_none()
                && page.opened < self.step
        };
        let is_worn = self.is_worn(page);
        let must = is_worn
            && self.depth == 0
            && page.is_live()
            && page.lease.is_none()
            && !self.may_migrate()
            && self.closing.is_none()
            && !self.book.unsure.contains(affinity)
            && self.microtasks.is_empty()
            && self.requests.values().all(|request| request.lease.is_some())
            && self.chrome.pages.values().any(is_ready)
            && earlier.is_none_or(|ago| ago > 2 * timeout + 1);
        let before = self.replacements();
        self.book.wearing = Some((tab, before));
        Some(Wearing {
            tab,
            before,
            is_worn,
            must,
            is_busy: earlier.is_some_and(|ago| ago < timeout),
        })
    }

    /// The page whose place the next binding to the affinity takes: one that was replaced in this event.
    pub(in crate::driver::sim) fn replaced_by(&mut self, affinity: &AffinityKey) -> Option<TabId> {
        let (tab, before) = self.book.wearing?;
        let page = self.chrome.pages.get(&tab)?;
        if self.replacements() == before || page.affinity.as_ref() != Some(affinity) {
            return None;
        }
        self.book.wearing = None;
        self.book.replaced = Some((page.context, self.now.monotonic_ms));
        Some(tab)
    }

    pub(in crate::driver::sim) fn check_wear(&mut self, wearing: &Wearing) {
        let Wearing { tab, before, .. } = *wearing;
        let replaced = self.replacements().saturating_sub(before);
        let is_unbound = self.book.wearing.take().is_some();
        let complaint = if replaced > 1 {
            Some("more than one is replaced at a time")
        } else if replaced == 1 && !wearing.is_worn {
            Some("it is replaced, and is not worn")
        } else if replaced == 1 && wearing.is_busy {
            Some("it is replaced while another still closes")
        } else if replaced == 1 && is_unbound {
            Some("it is replaced, and nothing came in its place")
        } else if replaced == 1 && self.is_page_open(tab) {
            Some("it is replaced, and stays open")
        } else if replaced == 0 && wearing.must {
            Some("it is worn, a standby is ready, and it is not replaced")
        } else {
            None
        };
        if let Some(complaint) = complaint {
            self.fail("wear", || format!("{tab:?}: {complaint}"));
        }
    }

    /// Memory is looked at only where it matters, of a page that is a tenant's.
    pub(in crate::driver::sim) fn check_measured(&mut self, tab: TabId) {
        let is_bound = self
            .chrome
            .pages
            .get(&tab)
            .is_none_or(|page| page.affinity.is_some());
        if self.settings.max_tab_memory_mb.is_none() || !is_bound {
            self.fail("wear", || format!("the memory of {tab:?} is looked at"));
        }
    }
}
