//! Keeping the [`Book`](super::book::Book): what each call and each action means by the contract.

use super::chrome::{Page, PageState};
use super::operation::Outcome;
use super::world::{Pending, Subject, Ticket, World};
use crate::pool::{AffinityKey, ContextId, Event, RequestId, TabId};

/// A probe, or the opening of a page, that is about to end.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) tab: TabId,
    pub(super) affinity: AffinityKey,
    pub(super) opened: bool,
    pub(super) failed: bool,
    /// Warnings until then.
    pub(super) warnings: u64,
}

impl World {
    /// The tab and its affinity are used now.
    pub(super) fn note_use_of(&mut self, tab: TabId) {
        let now = self.now.wall_ms;
        if let Some(page) = self.chrome.pages.get_mut(&tab) {
            page.used = Some(now);
            if let Some(affinity) = &page.affinity {
                self.book.used.insert(affinity.clone(), now);
            }
        }
    }

    /// True if answers count for later calls: then which tab a call has won, and when, shows in no action.
    pub(super) fn asks_at_release(&self) -> bool {
        self.expected.probe_ms > 0 && self.settings.tab_proof_of_life_ms.is_some_and(|ms| ms > 0.0)
    }

    /// The tab may be used now, or has been, or will be without another word.
    pub(super) fn note_unknown_use_of(&mut self, tab: TabId) {
        if let Some(page) = self.chrome.pages.get_mut(&tab) {
            page.used = None;
            if let Some(affinity) = &page.affinity {
                self.book.used.remove(affinity);
            }
        }
    }

    /// The request goes on to the render semaphore: it has won a tab just now, unless that was just probed for it.
    pub(super) fn note_use_by(&mut self, id: RequestId) {
        let Some(affinity) = self.requests.get(&id).map(|request| request.affinity.clone()) else {
            return;
        };
        if let Some(answer) = self
            .answering
            .as_ref()
            .filter(|answer| answer.affinity == affinity)
        {
            if !answer.opened {
                return self.check_warned(answer.failed, answer.warnings);
            }
            // It has won the tab when that was begun to be opened, or just now.
            self.book.used.remove(&affinity);
            return self.note_lost_tab(id);
        }
        if self.asks_at_release() {
            self.book.used.remove(&affinity);
            return self.note_lost_tab(id);
        }
        if self.expected.probe_ms > 0 {
            // Which of those that have not served yet it has won cannot be seen.
            let now = self.now.wall_ms;
            for page in self.chrome.pages.values_mut() {
                if page.affinity.as_ref() == Some(&affinity) && !page.served && page.used != Some(now) {
                    page.used = None;
                }
            }
        }
        self.book.used.insert(affinity, self.now.wall_ms);
    }

    /// The request has used a tab, and which one will not be known any more.
    pub(super) fn note_lost_tab(&mut self, id: RequestId) {
        let key = self.requests.get(&id).map(|request| request.affinity.clone());
        for page in self.chrome.pages.values_mut() {
            if key.is_none() || page.affinity == key {
                page.used = None;
            }
        }
    }

    /// Those who are to be granted have used a tab, and which one is not known before they are.
    pub(super) fn note_withheld(&mut self) {
        let settling: Vec<RequestId> = self.microtasks.iter().map(|at| at.1).collect();
        for id in settling {
            if let Some(request) = self.requests.get(&id) {
                self.book.used.insert(request.affinity.clone(), self.now.wall_ms);
            }
            self.note_lost_tab(id);
        }
    }

    /// Without a semaphore and a probe, a warm tab is used when it is handed out.
    pub(super) fn note_grant(&mut self, tab: TabId, reused: bool) {
        if let Some(answer) = &self.answering {
            self.check_warned(answer.failed, answer.warnings);
        }
        if reused && self.asks_at_release() {
            return self.note_unknown_use_of(tab);
        }
        let probed =
            self.expected.probe_ms > 0 && self.chrome.pages.get(&tab).is_some_and(|page| page.served);
        if reused && !probed && self.semaphore.is_none() {
            self.note_use_of(tab);
        }
    }

    /// The first tab's context becomes the primary; a tab that moves takes its own row along.
    pub(super) fn note_binding(&mut self, tab: TabId, affinity: &AffinityKey, replaced: Option<TabId>) {
        let Some(page) = self.chrome.pages.get(&tab) else {
            return;
        };
        let context = page.context;
        if page.affinity.as_ref().is_some_and(|before| before != affinity) {
            self.book.strike(context);
        }
        let worn = replaced.and_then(|worn| self.chrome.pages.get_mut(&worn));
        if let Some(worn) = worn {
            worn.doomed.get_or_insert(self.step);
            let (old, used) = (worn.context, worn.used);
            self.book.strike(old);
            self.book.rows.entry(affinity.clone()).or_insert(context);
            if let Some(page) = self.chrome.pages.get_mut(&tab) {
                page.used = used;
            }
            return;
        }
        // Whether an eviction has condemned what a disposal kept, while a page of it was on its way, shows in no action.
        let is_undecided = |row: &ContextId| {
            let mut pages = self.chrome.pages_in(*row);
            pages.any(|(_, page)| page.doomed.is_some() && page.is_being_opened())
        };
        if self.book.rows.get(affinity).is_some_and(is_undecided) {
            self.book.unsure.insert(affinity.clone());
        }
        self.book.rows.entry(affinity.clone()).or_insert(context);
        self.book.untold.insert(affinity.clone());
        self.book.used.insert(affinity.clone(), self.now.wall_ms);
        if let Some(page) = self.chrome.pages.get_mut(&tab) {
            page.used = Some(self.now.wall_ms);
        }
    }

    /// `disposeAffinity` is called. Returns how often its callback was called before, if it must be once more.
    pub(super) fn note_disposal(&mut self, affinity: &AffinityKey, retain: bool) -> Option<u64> {
        self.book.closes_asked = true;
        self.book.torn.insert(affinity.clone());
        let sure = self.depth == 0 && !self.book.unsure.contains(affinity);
        if self.depth > 0 {
            self.book.unsure.insert(affinity.clone());
            self.book.torn_inside.insert(affinity.clone());
        }
        // A page of it that had been disposed of before is doomed since an earlier step.
        let live = self.chrome.pages_of(affinity).any(|(_, page)| {
            page.state == PageState::Open && !page.crashed && !page.suspect && page.doomed == Some(self.step)
        });
        let row = if retain {
            None
        } else {
            self.book.rows.remove(affinity)
        };
        // One with a doomed page on its way may have been condemned by an eviction: that shows when the page has come.
        let row = row.filter(|context| {
            let mut pages = self.chrome.pages.values();
            !pages.any(|page| page.context == *context && page.is_being_opened() && page.doomed.is_some())
        });
        (sure && self.closing.is_none() && (live || row.is_some()))
            .then(|| self.book.announced.get(affinity).copied().unwrap_or(0))
    }

    /// `evictIdleAffinities` is called: which affinities it must take, and which it must not.
    pub(super) fn evict_idle(&mut self, max_idle_ms: f64) {
        self.book.closes_asked = true;
        let (mut due, mut spared) = (Vec::new(), Vec::new());
        for (affinity, used) in &self.book.used {
            let pages = || self.chrome.pages_of(affinity).map(|at| at.1);
            let live = pages().any(Page::is_live);
            if self.book.unsure.contains(affinity) || !live {
                continue;
            }
            let requests = || {
                self.requests
                    .values()
                    .filter(|request| request.affinity == *affinity)
            };
            // A lease whose page went does not count any more, if the pool has given up on it.
            let waits = requests().any(|request| request.lease.is_none_or(|tab| self.is_page_open(tab)));
            if !waits && requests().next().is_some() {
                self.book.unsure.insert(affinity.clone());
                continue;
            }
            // A page that is being opened for nobody any more may be lost without the pool knowing.
            let is_opening = self
                .chrome
                .pages
                .values()
                .any(|page| page.affinity.as_ref() == Some(affinity) && page.is_being_opened());
            if waits || self.now.wall_ms - used <= max_idle_ms || max_idle_ms <= 0.0 {
                spared.push(affinity.clone());
            } else if pages().all(Page::is_live) && !is_opening {
                due.push(affinity.clone());
            } else {
                self.book.unsure.insert(affinity.clone());
            }
        }
        for affinity in &due {
            self.book.rows.remove(affinity);
        }
        let ticket = self.ticket(Ticket::Evict { due, spared });
        self.handle(Event::EvictIdle { ticket, max_idle_ms });
    }

    /// Which affinities have more than one tab, where one is what they may have.
    pub(super) fn note_crowds(&mut self) {
        if self.expected.tab_cap > 1 {
            return;
        }
        for (tab, page) in &self.chrome.pages {
            let Some(affinity) = &page.affinity else { continue };
            if self.chrome.pages_of(affinity).any(|(other, _)| other != *tab) {
                self.book.crowded.insert(affinity.clone(), self.step);
            }
        }
    }

    /// Something is closed: if nobody uses the pool, that may be a contraction, which ends with the close.
    pub(super) fn note_drop(&mut self) {
        if self.requests.is_empty() {
            self.book.dropping.get_or_insert(self.now.wall_ms);
        }
    }

    /// `closeAll` is called.
    pub(super) fn note_close_all(&mut self) {
        self.book.closes_asked = true;
        let known = self
            .chrome
            .pages
            .values()
            .filter_map(|page| page.affinity.clone());
        self.book.torn.extend(known);
        self.book.torn.extend(self.book.rows.keys().cloned());
        self.book.rows.clear();
        self.book.swaps.clear();
    }

    /// Chrome dies: only what is being made in an orphan keeps its row until that is reported, unless the affinity has
    /// a page to lose.
    pub(super) fn note_death(&mut self) {
        self.book.closes_asked = true;
        let chrome = &self.chrome;
        let unsure = &mut self.book.unsure;
        self.book.rows.retain(|affinity, context| {
            let is_opening = chrome.pages_in(*context).any(|(_, page)| page.is_being_opened());
            // Whether one of which a callback may have disposed is such a page is not known.
            if is_opening && chrome.pages_of(affinity).any(|(_, page)| page.suspect) {
                unsure.insert(affinity.clone());
            }
            is_opening && !chrome.pages_of(affinity).any(|(_, page)| page.is_live())
        });
        self.book.torn.extend(
            self.chrome
                .pages
                .values()
                .filter_map(|page| page.affinity.clone()),
        );
    }

    /// The network service dies: every page is replaced with its context, a leased one after its lease.
    pub(super) fn note_network_loss(&mut self) {
        self.book.closes_asked = true;
        self.book.rows.clear();
        let step = self.step;
        for page in self.chrome.pages.values_mut() {
            let is_making = page.state == PageState::Making && page.affinity.is_none();
            if !is_making {
                page.doomed.get_or_insert(step);
            }
            self.book.torn.extend(page.affinity.clone());
        }
    }

    /// A probe or an opening ends, of a page that somebody may be offered.
    pub(super) fn before_answer(&mut self, pending: Pending, outcome: Outcome) {
        let (tab, opened) = match pending.subject {
            Subject::Tab(tab) => (tab, false),
            Subject::Page(tab) => (tab, true),
            _ => return,
        };
        self.answering = self.chrome.pages.get(&tab).and_then(|page| {
            Some(Answer {
                tab,
                affinity: page.affinity.clone()?,
                opened,
                failed: !opened && outcome != Outcome::Done && page.state == PageState::Open,
                warnings: self.warnings,
            })
        });
    }
}
