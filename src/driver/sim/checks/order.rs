//! Who goes first, and what is closed first.

use crate::driver::sim::chrome::{ContextState, Page, PageState};
use crate::driver::sim::operation::Work;
use crate::driver::sim::world::{Subject, World};
use crate::pool::{AffinityKey, TabId};

/// After this long, ms, nobody counts on the slot of a standby that gives way.
const YIELDING_MS: u64 = 250;

impl World {
    /// The standby that was there first is adopted first, and by nobody who has a context that waits for him.
    pub(in crate::driver::sim) fn check_adoption(
        &mut self,
        tab: TabId,
        affinity: &AffinityKey,
        replaces: bool,
    ) {
        let older = self.chrome.pages.iter().find(|(other, page)| {
            **other < tab
                && page.affinity.is_none()
                && page.state == PageState::Open
                && !page.crashed
                && page.doomed.is_none()
                && page.opened < self.began
        });
        if let Some((older, _)) = older {
            let older = *older;
            return self.fail("standby-order", || {
                format!("{tab:?} is adopted, and {older:?} was there before")
            });
        }
        if replaces || self.book.unsure.contains(affinity) || self.is_a_standby_slow_to_yield() {
            return;
        }
        let orphan = self.book.rows.get(affinity).copied().filter(|context| {
            self.chrome.pages_in(*context).next().is_none()
                && self.chrome.contexts.get(context).is_some_and(|context| {
                    context.state == ContextState::Open && context.emptied < self.began
                })
        });
        if let Some(orphan) = orphan {
            self.fail("orphan-first", || {
                format!("{affinity} gets the standby {tab:?}, and not a page in its own {orphan:?}")
            });
        }
    }

    fn is_a_standby_slow_to_yield(&self) -> bool {
        let patience = YIELDING_MS.min(self.close_timeout_ms());
        self.pending[Work::CloseContext.index()]
            .iter()
            .any(|pending| match pending.subject {
                Subject::Context(context) => {
                    self.now.monotonic_ms >= pending.since + patience
                        && self
                            .chrome
                            .contexts
                            .get(&context)
                            .is_some_and(|context| context.tenant.is_none())
                }
                _ => false,
            })
    }

    /// Whatever the pool closes by its own choice is of the affinity least recently used of all that are idle, page and
    /// context, and nothing is closed for a newcomer for whom the pool may grow.
    pub(in crate::driver::sim) fn check_choice_to_close(&mut self, tab: TabId, context_follows: bool) {
        let Some(page) = self.chrome.pages.get(&tab) else {
            return;
        };
        let forced = !page.is_live() || self.answering.is_some();
        let Some(victim) = page.affinity.as_ref().filter(|_| !forced) else {
            return;
        };
        if self.closing.is_some()
            || self.book.closes_asked
            || self.may_migrate()
            || self.book.unsure.contains(victim)
        {
            return;
        }
        if !context_follows {
            return self.fail("eviction", || {
                format!("{tab:?} makes room, and its context is kept")
            });
        }
        if let Some(newcomer) = self.book.newcomer.filter(|_| self.may_grow_for_newcomer()) {
            return self.fail("expand-first", || {
                format!("{tab:?} is closed for {newcomer:?}, and the pool could grow")
            });
        }
        let Some(used) = self.book.used.get(victim) else {
            return;
        };
        let of_it = || {
            self.requests
                .values()
                .filter(|request| request.affinity == *victim)
        };
        if of_it().any(|request| request.lease.is_none()) {
            // It may wait for admission, and for no tab.
            return;
        }
        let in_use = |tab| self.chrome.pages.get(&tab).is_some_and(Page::is_live);
        let whole = !of_it().filter_map(|request| request.lease).any(in_use);
        let better = self.book.used.iter().find(|(other, at)| {
            *other != victim
                && !self.book.unsure.contains(*other)
                && self.is_wholly_idle(other)
                && (!whole || *at < used)
        });
        if let Some((better, at)) = better {
            let shown = format!(
                "{tab:?} of {victim}, used at {used}, is closed, and not those of {better}, used at {at}"
            );
            self.fail("least-recently-used", || shown);
        }
    }

    /// True if the newcomer is the only one who waits, and its tier has room in a pool that has not grown for it.
    fn may_grow_for_newcomer(&self) -> bool {
        let Some((id, pages)) = self.book.newcomer else {
            return false;
        };
        let Some(request) = self.requests.get(&id) else {
            return false;
        };
        let ceiling = if request.priority.get() >= self.expected.high_priority_threshold {
            self.expected.high_priority_max
        } else {
            self.expected.burst
        };
        let mut others = self.requests.iter().filter(|(other, _)| **other != id);
        self.expected.is_dynamic()
            && self.can_resize_semaphore()
            && pages < ceiling
            && self.pool.current_max_pages() == pages
            && others.all(|(_, other)| other.lease.is_some())
    }

    fn is_wholly_idle(&self, affinity: &AffinityKey) -> bool {
        let pages = || self.chrome.pages_of(affinity).map(|at| at.1);
        pages().any(Page::is_live)
            && !self
                .chrome
                .pages
                .values()
                .any(|page| page.affinity.as_ref() == Some(affinity) && page.is_being_opened())
            && !self
                .requests
                .values()
                .any(|request| request.affinity == *affinity)
    }

    /// The idle page of the affinity that was not used for longest, the older of two; `None` where that cannot be
    /// known.
    pub(in crate::driver::sim) fn least_recently_used(&self, affinity: &AffinityKey) -> Option<TabId> {
        if self.chrome.pages_of(affinity).any(|(_, page)| page.suspect) {
            return None;
        }
        let mut idle: Vec<(TabId, &Page)> = self
            .chrome
            .pages_of(affinity)
            .filter(|(_, page)| page.is_live())
            .collect();
        if idle.len() > 1 {
            if idle.iter().any(|(_, page)| page.used.is_none()) {
                return None;
            }
            // Stable: of two the older one stays first.
            idle.sort_by(|(_, a), (_, b)| a.used.partial_cmp(&b.used).unwrap_or(std::cmp::Ordering::Equal));
        }
        idle.first().map(|at| at.0)
    }
}
