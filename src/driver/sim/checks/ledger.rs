//! The ledger of shared contexts, and who is told what when an affinity is lost.

use crate::driver::sim::chrome::{Page, PageState};
use crate::driver::sim::notes::Answer;
use crate::driver::sim::world::World;
use crate::pool::AffinityKey;

impl World {
    /// The ledger says what follows from all that was bound and closed.
    pub(in crate::driver::sim) fn check_ledger(&mut self) {
        if self.closing.is_some() {
            return;
        }
        let snapshot = self.pool.shared_context_snapshot();
        let open: Vec<_> = snapshot.entries.iter().filter(|entry| !entry.closing).collect();
        let told = |key: &AffinityKey| open.iter().find(|entry| entry.affinity == *key);
        let lapsed: Vec<AffinityKey> = self
            .book
            .unsure
            .iter()
            .filter(|key| told(key).is_none())
            .cloned()
            .collect();
        for key in lapsed {
            self.book.unsure.remove(&key);
            self.book.rows.remove(&key);
        }
        for entry in &open {
            let key = &entry.affinity;
            if self.book.unsure.contains(key) {
                continue;
            }
            let Some(context) = self.book.rows.get(key).copied() else {
                let key = key.clone();
                return self.fail("ledger", || format!("{key} has a row, and should have none"));
            };
            let pages = self
                .chrome
                .pages_in(context)
                .filter(|(_, page)| page.state == PageState::Open || page.is_being_opened())
                .count();
            if entry.page_count as usize != pages {
                let count = entry.page_count;
                let key = key.clone();
                return self.fail("ledger", || {
                    format!("{key} has {pages} pages in {context:?}, and its row says {count}")
                });
            }
        }
        // An eviction takes along what a disposal kept of the affinity, while the page in it has yet to leave, or to
        // be reported as lost with its browser.
        let is_leaving = |page: &Page| {
            page.doomed.is_some_and(|doomed| doomed < self.began) || page.state == PageState::Lost
        };
        let missing = self
            .book
            .rows
            .iter()
            .filter(|(key, _)| told(key).is_none() && !self.book.unsure.contains(*key))
            .find(|(_, context)| !self.chrome.pages_in(**context).any(|at| is_leaving(at.1)))
            .map(|at| at.0.clone());
        if let Some(key) = missing {
            return self.fail("ledger", || format!("{key} has lost its row"));
        }
        // The cap bounds all rows, those in use included.
        let (rows, cap) = (snapshot.entries.len(), snapshot.cap as usize);
        let orphan = open.iter().find(|entry| entry.page_count == 0);
        if rows > cap
            && let Some(orphan) = orphan
        {
            let shown = format!("{orphan:?} is kept with {rows} rows, of {cap} that there may be");
            self.fail("ledger", || shown);
        }
    }

    /// The manager forgets an affinity once for each time it was lost.
    pub(in crate::driver::sim) fn check_told_once(&mut self, affinity: &AffinityKey) {
        let lost = self.book.untold.remove(affinity);
        let torn = self.book.torn.remove(affinity);
        if !lost && !torn && !self.book.torn_inside.remove(affinity) {
            self.fail("manager", || {
                format!("it is told again to forget {affinity}, which had no tab meanwhile")
            });
        }
    }

    /// Whatever has lost its last tab, the manager knows it.
    pub(in crate::driver::sim) fn check_all_told(&mut self) {
        let untold = self.book.untold.iter().find(|key| {
            self.chrome.pages_of(key).next().is_none()
                && !self.requests.values().any(|request| request.affinity == **key)
        });
        if let Some(key) = untold.cloned() {
            self.fail("manager", || format!("it was not told that {key} is lost"));
        }
    }

    /// A tab that did not answer is counted if it was retired.
    pub(in crate::driver::sim) fn check_swaps(&mut self, answer: &Answer) {
        let affinity = answer.affinity.clone();
        let stays = self
            .chrome
            .pages
            .get(&answer.tab)
            .is_some_and(|page| page.state == PageState::Open);
        if !stays {
            *self.book.swaps.entry(affinity.clone()).or_default() += 1;
        }
        let swaps = self.pool.unresponsive_tab_swaps();
        let counted = swaps
            .iter()
            .find(|(key, _)| *key == affinity)
            .map_or(0, |at| at.1);
        if self.book.unsure.contains(&affinity) {
            self.book.swaps.insert(affinity, counted);
            return;
        }
        let expected = self.book.swaps.get(&affinity).copied().unwrap_or(0);
        if counted != expected {
            self.fail("swaps", || {
                format!("{affinity} had {expected} tabs retired, and {counted} are counted")
            });
        }
    }

    /// Whoever goes on with a tab that did not answer does so with a warning.
    pub(in crate::driver::sim) fn check_warned(&mut self, failed: bool, before: u64) {
        if failed && self.warnings == before {
            self.fail("probe", || {
                "a tab that does not answer is handed over, and nobody is warned".to_owned()
            });
        }
    }
}
