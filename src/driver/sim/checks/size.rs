//! How big the pool is, and how many standbys it makes.

use crate::driver::sim::chrome::PageState;
use crate::driver::sim::operation::Work;
use crate::driver::sim::semaphore::Semaphore;
use crate::driver::sim::world::World;
use crate::pool::{AffinityKey, Priority, QueueKind};

impl World {
    /// True if a call has to expand the pool: the semaphore is full, its tier has room, and nothing holds it up.
    pub(in crate::driver::sim) fn must_expand(
        &self,
        affinity: &AffinityKey,
        queue: QueueKind,
        priority: Priority,
    ) -> bool {
        let full = self.semaphore.as_ref().is_some_and(Semaphore::is_full);
        let ceiling = if priority.get() >= self.expected.high_priority_threshold {
            self.expected.high_priority_max
        } else {
            self.expected.burst
        };
        let files = self
            .requests
            .values()
            .filter(|request| request.queue == QueueKind::File && request.affinity == *affinity)
            .count();
        // The new one is among them.
        let admitted =
            queue != QueueKind::File || self.expected.file_cap.is_none_or(|cap| files <= cap as usize);
        full && admitted
            && self.expected.is_dynamic()
            && self.can_resize_semaphore()
            && self.closing.is_none()
            && self.pool.current_max_pages() < ceiling
    }

    /// After each event: the pool grows for those who may have it grow, and shrinks when nobody has used it for
    /// the whole threshold, one page at a time.
    pub(in crate::driver::sim) fn check_size(&mut self) {
        let (pages, before) = (self.pool.current_max_pages(), self.pages_now);
        if pages == before {
            return;
        }
        self.pages_now = pages;
        let expected = self.expected;
        if pages < expected.min || pages > expected.high_priority_max {
            return self.fail("envelope", || format!("{pages} pages are outside of it"));
        }
        if pages > before {
            if !self.can_resize_semaphore() {
                return self.fail("envelope", || {
                    "the pool grew without a semaphore to go with it".to_owned()
                });
            }
            let highest = self.book.highest;
            if highest.is_none() && !self.book.expansion_asked {
                return self.fail("envelope", || "the pool grew, and nobody waited".to_owned());
            }
            let high = highest.is_some_and(|highest| highest >= expected.high_priority_threshold);
            if pages > expected.burst && !high && !self.book.expansion_asked {
                self.fail("expansion-tier", || {
                    format!("{pages} pages, and nobody above priority {highest:?} waits")
                });
            }
            // Idle time counts from the last expansion.
            self.book.busy_until = self.now.wall_ms;
            self.book.dropping = None;
            return;
        }
        let in_use = self.requests.values().any(|request| {
            request.lease.is_none_or(|tab| self.is_page_open(tab)) && request.called < self.step
        });
        if in_use {
            return self.fail("envelope", || "the pool shrank while it was in use".to_owned());
        }
        if before - pages > 1 {
            return self.fail("contraction", || {
                format!("from {before} to {pages} pages at once")
            });
        }
        let decided = self.book.dropping.take().unwrap_or(self.now.wall_ms);
        let idle = self.now.wall_ms - self.book.busy_until;
        #[expect(clippy::cast_precision_loss, reason = "virtual milliseconds are small")]
        let threshold = expected.contraction_ms as f64;
        if idle < threshold {
            return self.fail("contraction", || {
                format!("from {before} to {pages} pages after {idle} ms, not {threshold}")
            });
        }
        self.book.busy_until = decided;
    }

    /// As many standbys as are wanted, and one for each who waits: not more.
    pub(in crate::driver::sim) fn check_standbys_wanted(&mut self) {
        let there = |page: &&crate::driver::sim::chrome::Page| {
            matches!(page.state, PageState::Open | PageState::Making) && !page.crashed
        };
        let pages = || self.chrome.pages.values().filter(there);
        let standbys = pages().filter(|page| page.affinity.is_none()).count();
        let bound = pages().filter(|page| page.affinity.is_some()).count();
        let waiting = self
            .requests
            .values()
            .filter(|request| request.lease.is_none())
            .count();
        let current = self.pool.current_max_pages() as usize;
        let wanted = current.saturating_sub(bound).max(1).max(waiting);
        if standbys > wanted {
            self.fail("standbys", || {
                format!(
                    "{standbys} standbys, and {wanted} are wanted: {current} pages, {bound} bound, {waiting} wait"
                )
            });
        }
    }

    /// After the call of `closeAll` nobody waits who did before.
    pub(in crate::driver::sim) fn check_all_rejected(&mut self) {
        let waits = self
            .requests
            .iter()
            .find(|(_, request)| request.lease.is_none() && request.called < self.began)
            .map(|at| *at.0);
        if let Some(request) = waits {
            self.fail("closed", || {
                format!("{request:?} waits in a pool that is closing")
            });
        }
    }

    /// `closeAll` ends, whatever hangs, but for pages that are still being made: those have their own budget.
    pub(in crate::driver::sim) fn check_closing_ends(&mut self) {
        let Some((began, _)) = self.closing else { return };
        let making =
            !self.pending[Work::Standby.index()].is_empty() || !self.pending[Work::Page.index()].is_empty();
        if making {
            self.closing_since = self.now.monotonic_ms;
            return;
        }
        let steps = 2 * self.close_timeout_ms();
        let since = (began + self.lease_grace_ms()).max(self.closing_since);
        if self.now.monotonic_ms > since + steps {
            self.fail("closed", || format!("closeAll, called at {began}, does not end"));
        }
    }

    /// A refill that has ended makes nothing.
    pub(in crate::driver::sim) fn check_warm(&mut self) {
        if !self.pending[Work::Standby.index()].is_empty() {
            self.fail("warm", || {
                "warmStandbys has ended, and a standby is being made".to_owned()
            });
        }
    }

    /// `closeTimeoutMs`.
    pub(in crate::driver::sim) fn close_timeout_ms(&self) -> u64 {
        let timeout = self.settings.close_timeout_ms.unwrap_or(5_000.0).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        let timeout = timeout as u64;
        timeout
    }
}
