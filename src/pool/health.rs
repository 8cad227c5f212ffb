//! Tabs that do not answer, crash, or lose their browser.

use super::context::ContextState;
use super::defects::{Defect, planted};
use super::dispose::TeardownOptions;
use super::request::RequestState;
use super::tab::TabState;
use super::{
    BrowserAction, ContextId, Failure, LogLevel, Occurrence, Operation, Pool, RequestId, RetirementReason,
    TabId,
};

/// How many tabs a request may win in all; the last it gets as it is.
const CHOICES: u8 = 3;

impl Pool {
    /// True if the tab has to answer before it is handed out: it served a render, and has given no answer since, or
    /// not lately.
    pub(super) fn must_answer(&self, id: TabId) -> bool {
        let Some(tab) = self.tabs.get(&id) else {
            return false;
        };
        let is_proven = tab.answered_at.is_some_and(|at| {
            self.now.monotonic_ms.saturating_sub(at) <= self.config.tab_proof_of_life_ms
                && self.config.tab_proof_of_life_ms > 0
        });
        tab.served() && self.config.tab_health_probe_ms > 0 && !is_proven
    }

    /// Asks the tab whether it answers, unless a question is under way.
    pub(super) fn ask(&mut self, id: TabId) {
        if self.tabs.get(&id).is_none_or(|tab| tab.asked.is_some()) {
            return;
        }
        let operation = self.start(Operation::Probe { tab: id });
        if let Some(tab) = self.tabs.get_mut(&id) {
            tab.asked = Some(operation);
            tab.answered_at = None;
        }
        self.browse(BrowserAction::Probe {
            operation,
            tab: id,
            budget_ms: self.config.tab_health_probe_ms,
        });
    }

    /// The caller for whom the tab was asked has gone. Its answer still counts for the next one, where answers do.
    pub(super) fn stop_asking(&mut self, id: TabId) {
        if self.config.tab_proof_of_life_ms == 0
            && let Some(operation) = self.tabs.get_mut(&id).and_then(|tab| tab.asked.take())
        {
            self.remove_operation(operation);
            self.look_at(id);
        }
    }

    /// Asks the tabs whose lease has just ended and that nobody holds again, so that the next caller need not.
    pub(super) fn ask_released_tabs(&mut self) {
        for id in std::mem::take(&mut self.released) {
            self.measure(id);
            let is_free = self
                .tabs
                .get(&id)
                .is_some_and(|tab| tab.holder.is_none() && matches!(tab.state, TabState::Live { .. }));
            if is_free && self.config.tab_proof_of_life_ms > 0 && self.must_answer(id) {
                self.ask(id);
            }
        }
    }

    /// Who holds the tab and waits for its answer.
    fn asked_for(&self, id: TabId) -> Option<RequestId> {
        let holder = self.tabs.get(&id)?.holder?;
        let request = self.requests.get(&holder)?;
        matches!(request.state, RequestState::Probing { .. }).then_some(holder)
    }

    pub(super) fn probe_answered(&mut self, id: TabId) {
        let now = self.now.monotonic_ms;
        let Some(tab) = self.tabs.get_mut(&id) else { return };
        tab.asked = None;
        tab.answered_at = Some(now);
        if let Some(request) = self.asked_for(id) {
            self.take_semaphore(request, id);
        } else {
            self.look_at(id);
        }
    }

    /// Without a caller that waits for the answer this says nothing yet: the next one asks again.
    pub(super) fn probe_failed(&mut self, tab: TabId, failure: &Failure) {
        let Some(entry) = self.tabs.get_mut(&tab) else {
            return;
        };
        entry.asked = None;
        let Some(id) = self.asked_for(tab) else {
            return self.look_at(tab);
        };
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        let affinity_id = request.affinity;
        let last_choice = request.choices >= CHOICES;
        let priority = request.priority();
        let Some(affinity) = self.affinities.get(&affinity_id) else {
            return;
        };
        let alternative =
            affinity.offered.len() > 1 || !self.standbys.is_empty() || self.can_expand(priority);
        let key = affinity.key.clone();
        if last_choice || !alternative {
            self.log_of(
                tab,
                LogLevel::Warn,
                format!(
                    "a tab of {key} does not answer and is handed out for lack of another: {}",
                    failure.message
                ),
            );
            self.take_semaphore(id, tab);
            return;
        }
        self.log_of(
            tab,
            LogLevel::Warn,
            format!(
                "a tab of {key} does not answer and is retired: {}",
                failure.message
            ),
        );
        *self.swaps.entry(key).or_default() += u32::from(!planted(Defect::SwapNotCounted));
        self.note_retirement(tab, RetirementReason::Unresponsive);
        self.retire(tab);
    }

    /// The tab is about to be taken out of use.
    pub(super) fn note_retirement(&mut self, tab: TabId, reason: RetirementReason) {
        let owner = self.tabs.get(&tab).and_then(super::tab::Tab::affinity);
        let affinity = owner.map(|id| self.affinity_key(id));
        self.note(Occurrence::Retired {
            affinity,
            tab,
            reason,
        });
    }

    /// Takes a tab that is no good out of use: alone if the affinity has others, else with all that a disposal
    /// does, except that the context stays. Whoever waited for it or held it without a lease chooses again.
    pub(super) fn retire(&mut self, tab_id: TabId) {
        let Some(affinity_id) = self.tabs.get(&tab_id).and_then(super::tab::Tab::offered_to) else {
            return;
        };
        if self
            .affinity(affinity_id)
            .is_some_and(|affinity| affinity.offered.len() > 1)
        {
            self.retire_alone(tab_id);
        } else {
            self.tear_down_unattended(affinity_id, TeardownOptions::RETIRE);
        }
    }

    pub(super) fn tab_crashed(&mut self, id: TabId) {
        if planted(Defect::CrashIgnored)
            && self
                .tabs
                .get(&id)
                .is_some_and(|tab| matches!(tab.state, TabState::Live { .. }))
        {
            return;
        }
        self.replace(id, "crashed or was closed", RetirementReason::Crashed);
    }

    /// The page did what makes it unfit for others.
    pub(super) fn tab_spoiled(&mut self, id: TabId, why: &str) {
        if !planted(Defect::SpoiltPageKept) {
            self.replace(id, why, RetirementReason::Unfit);
        }
    }

    /// Takes a tab out of use, and sees to it that another comes. A lease on it lasts until its release.
    fn replace(&mut self, id: TabId, why: &str, reason: RetirementReason) {
        let Some(tab) = self.tabs.get(&id) else { return };
        match tab.state {
            TabState::Standby => {
                self.log_of(id, LogLevel::Warn, format!("a standby page {why}"));
                self.note_retirement(id, reason);
                self.close_standby(id);
                self.kick_refill();
            }
            TabState::Live { affinity } => {
                let key = self.key_of(affinity);
                self.log_of(id, LogLevel::Warn, format!("a page of {key} {why}"));
                self.note_retirement(id, reason);
                self.retire(id);
                self.kick_refill();
            }
            // What is under way there reports by itself.
            TabState::Creating
            | TabState::Opening { .. }
            | TabState::Draining { .. }
            | TabState::Closing { .. } => {}
        }
    }

    /// The browser lives, but no context has its cookies any more. None is handed out as if it had: pages and contexts
    /// that nobody holds go at once.
    pub(super) fn network_service_lost(&mut self) {
        let contexts = self.contexts.len();
        self.log(
            LogLevel::Warn,
            format!(
                "the browser's network service died, and the cookies of all {contexts} contexts with it: they are replaced"
            ),
        );
        for standby in self.standbys.clone() {
            self.note_retirement(standby, RetirementReason::NetworkService);
            self.close_standby(standby);
        }
        let affected: Vec<_> = self
            .affinities
            .iter()
            .filter(|_| !planted(Defect::CookielessTabsKept))
            .filter(|(_, affinity)| !affinity.offered.is_empty() || self.has_live_primary(affinity))
            .map(|(&id, _)| id)
            .collect();
        // All leave before anybody chooses again: else one of them might move to whom another was taken from.
        let offered: Vec<TabId> = affected
            .iter()
            .filter_map(|id| self.affinity(*id))
            .flat_map(|affinity| affinity.offered.iter().map(|at| at.2))
            .collect();
        for tab in &offered {
            self.note_retirement(*tab, RetirementReason::NetworkService);
        }
        let displaced: Vec<RequestId> = offered.into_iter().flat_map(|tab| self.drain(tab)).collect();
        for affinity in affected {
            self.tear_down_or_close_orphan(affinity, TeardownOptions::EVICT);
        }
        self.choose_again(displaced);
        self.kick_refill();
    }

    /// The browser died. Standbys are made anew, and with the first of them a new browser, if it had served anybody:
    /// one that dies before it is of use is not started again and again without need.
    pub(super) fn browser_disconnected(&mut self) {
        let contexts = self.contexts.len();
        // One that goes when nothing is left in it is no news.
        let level = if contexts == 0 {
            LogLevel::Debug
        } else {
            LogLevel::Warn
        };
        self.log(
            level,
            format!("the browser is gone, and {contexts} contexts with it"),
        );
        self.note_end_of_browser(false, contexts);
        if self.lose_browser() {
            self.kick_refill();
        }
    }

    /// The browser was stopped on purpose. The next call starts another; until then nothing does.
    pub(super) fn browser_stopped(&mut self) {
        let contexts = self.contexts.len();
        self.log(
            LogLevel::Debug,
            format!("the browser was stopped, and {contexts} contexts are gone with it"),
        );
        self.note_end_of_browser(true, contexts);
        if !self.is_refill_awaited() {
            self.wind_down_refill();
        }
        self.lose_browser();
    }

    fn note_end_of_browser(&mut self, on_purpose: bool, contexts: usize) {
        let browser = self.tally.browser().cloned();
        self.note(Occurrence::BrowserGone {
            browser,
            on_purpose,
            contexts,
        });
    }

    /// Every context and page is gone. Leases on them last until their release; everybody else chooses again. Says
    /// whether any page was an affinity's.
    fn lose_browser(&mut self) -> bool {
        let lost: Vec<ContextId> = self
            .contexts
            .iter()
            .filter(|(_, context)| !self.is_being_made(context.state))
            .map(|(&id, _)| id)
            .collect();
        self.standbys.clear();
        let mut displaced = Vec::new();
        let mut bound = Vec::new();
        for id in lost {
            let Some(context) = self.contexts.get(&id) else {
                continue;
            };
            for tab_id in context.tabs.clone() {
                match self.tabs.get(&tab_id).map(|tab| tab.state) {
                    Some(TabState::Standby) => {
                        self.set_closing(tab_id);
                    }
                    Some(TabState::Live { affinity }) => {
                        bound.push(affinity);
                        displaced.extend(self.drain(tab_id));
                    }
                    _ => {}
                }
            }
            self.context_gone(id);
        }
        // Their contexts are gone already: what is not leased closes at once, without a word to the driver.
        bound.sort_unstable();
        bound.dedup();
        let served = !bound.is_empty();
        for affinity in bound {
            let options = TeardownOptions {
                refill: false,
                ..TeardownOptions::EVICT
            };
            self.tear_down_unattended(affinity, options);
        }
        self.choose_again(displaced);
        served
    }

    fn is_being_made(&self, state: ContextState) -> bool {
        let tab = match state {
            ContextState::Standby { tab }
            | ContextState::Primary { tab, .. }
            | ContextState::Supplementary { tab, .. }
            | ContextState::Condemned { tab, .. } => tab,
            ContextState::Orphan { .. } | ContextState::Closing { .. } => return false,
        };
        self.tabs
            .get(&tab)
            .is_some_and(|tab| matches!(tab.state, TabState::Creating | TabState::Opening { .. }))
    }

    fn set_closing(&mut self, id: TabId) {
        if let Some(tab) = self.tabs.get_mut(&id) {
            tab.state = TabState::Closing { affinity: None };
        }
    }
}
