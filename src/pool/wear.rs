//! Tabs that have served enough: which those are, and their replacement when a lease of them ends.

use super::context::Lateness;
use super::defects::{Defect, planted};
use super::tab::TabState;
use super::{BrowserAction, LogLevel, Operation, Pool, RetirementReason, TabId};

/// Why a tab was replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wear {
    /// It has given out as many leases as it may.
    Uses(u32),
    /// It has been its tenant's for as long as it may, ms.
    Age(u64),
    /// Its renderer holds as much memory as it may, MB.
    Memory(u64),
}

impl Pool {
    fn wear_of(&self, id: TabId) -> Option<Wear> {
        let tab = self.tabs.get(&id)?;
        let age = self.now.monotonic_ms.saturating_sub(tab.bound_at?);
        let early = u32::from(planted(Defect::ReplacedTooEarly));
        let uses = self
            .config
            .max_uses_per_tab
            .filter(|most| tab.uses + early >= *most);
        let aged = self.config.max_tab_age_ms.filter(|most| age >= *most);
        let memory = tab
            .memory_mb
            .filter(|mb| self.config.max_tab_memory_mb.is_some_and(|most| *mb >= most));
        uses.map(|_| Wear::Uses(tab.uses))
            .or(aged.map(|_| Wear::Age(age)))
            .or(memory.map(Wear::Memory))
            .filter(|_| !planted(Defect::WornTabKept))
    }

    /// True if a tab may give way to a standby now: one is ready and nobody waits for it, another can be made, and no
    /// earlier replacement is under way. Else a worn tab serves on.
    fn can_replace(&self) -> bool {
        let under_way = self
            .replacing
            .and_then(|context| self.contexts.get(&context))
            .is_some_and(|context| context.lateness != Lateness::Overdue);
        !self.standbys.is_empty()
            && self.waiting.is_empty()
            && self.can_make_standby()
            && (!under_way || planted(Defect::ReplacedSideBySide))
    }

    /// Puts a standby in the place of a worn tab whose lease ends, or that nobody holds: its tenant's next lease is of
    /// that, and so are those of who waits for the worn one. The worn tab closes with its context, as it does where a
    /// page makes room: a page opened in the old context would have to be waited for.
    pub(super) fn replace_if_worn(&mut self, worn: TabId) {
        let Some(tab) = self.tabs.get(&worn) else { return };
        let TabState::Live { affinity } = tab.state else {
            return;
        };
        let (context, last_used) = (tab.context, tab.last_used);
        if tab.promised.is_some() || !self.can_replace() {
            return;
        }
        let (Some(wear), Some(fresh)) = (self.wear_of(worn), self.next_standby()) else {
            return;
        };
        self.count_replacement(worn, wear);
        self.replacing = Some(context);
        if planted(Defect::WornContextKept) {
            // Its tenant's next page is opened in it, and waited for.
            self.retire(worn);
            return;
        }
        let waiters: Vec<_> = self
            .tabs
            .get(&worn)
            .map(|tab| tab.queue.iter().map(|at| at.1).collect())
            .unwrap_or_default();
        self.condemn(context, false);
        self.bind_standby(affinity, fresh, last_used);
        for waiter in waiters {
            self.detach(waiter);
            self.wait_for_tab(waiter, fresh);
        }
        let displaced = self.drain(worn);
        self.close_if_unused(worn);
        self.tab_freed(fresh);
        self.choose_again(displaced);
        self.kick_refill();
    }

    fn count_replacement(&mut self, worn: TabId, wear: Wear) {
        let reason = match wear {
            Wear::Uses(_) => RetirementReason::Uses,
            Wear::Age(_) => RetirementReason::Age,
            Wear::Memory(_) => RetirementReason::Memory,
        };
        self.note_retirement(worn, reason);
        let counts = &mut self.worn;
        let (count, why) = match wear {
            Wear::Uses(uses) => (&mut counts.uses, format!("it has served {uses} leases")),
            Wear::Age(ms) => (&mut counts.age, format!("it has been in use for {ms} ms")),
            Wear::Memory(mb) => (&mut counts.memory, format!("its renderer holds {mb} MB")),
        };
        *count += u32::from(!planted(Defect::ReplacementNotCounted));
        let owner = self.tabs.get(&worn).and_then(super::tab::Tab::affinity);
        let key = owner.map_or("", |id| self.key_of(id));
        let message = format!("a page of {key} is worn and is replaced: {why}");
        self.log_of(worn, LogLevel::Info, message);
    }

    /// Asks how much memory the tab's renderer holds, where that matters and is not being asked already.
    pub(super) fn measure(&mut self, id: TabId) {
        let wanted = self.config.max_tab_memory_mb.is_some()
            && self
                .tabs
                .get(&id)
                .is_some_and(|tab| tab.measuring.is_none() && matches!(tab.state, TabState::Live { .. }));
        if !wanted {
            return;
        }
        let operation = self.start(Operation::MeasureMemory { tab: id });
        if let Some(tab) = self.tabs.get_mut(&id) {
            tab.measuring = Some(operation);
        }
        self.browse(BrowserAction::MeasureMemory { operation, tab: id });
    }

    /// It counts at once where nobody has the tab, else when its lease ends.
    pub(super) fn memory_measured(&mut self, id: TabId, memory_mb: Option<u64>) {
        let Some(tab) = self.tabs.get_mut(&id) else { return };
        tab.measuring = None;
        tab.memory_mb = memory_mb;
        if tab.holder.is_none() {
            self.replace_if_worn(id);
        }
    }
}
