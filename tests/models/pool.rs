//! A pool of a fixed size in a browser that does at once what it is told.
//!
//! Left out, because the contract leaves the order open or other tests are about it: work in the browser that
//! takes time or fails, the render semaphore, dynamic pools, migration.

use pagepool::pool::QueueKind;
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::ReferenceStateMachine;

/// Rows that the ledger of shared contexts may have: few, so that orphans are closed.
pub const ROWS: usize = 2;
pub const AFFINITIES: usize = 4;

#[derive(Clone, Debug)]
pub struct Call {
    pub id: u64,
    pub affinity: usize,
    pub queue: QueueKind,
    pub priority: i32,
    /// Of admission.
    pub permit: bool,
}

impl Call {
    /// The smallest is served first.
    fn place(&self) -> (i32, u64) {
        (-self.priority, self.id)
    }
}

#[derive(Clone, Debug)]
pub struct Tab {
    /// Counts the tabs in the order in which they were bound.
    pub name: u64,
    /// Counts the pages in the order in which they were made.
    born: u64,
    pub affinity: usize,
    pub used: u64,
    pub holder: Option<Call>,
    pub queue: Vec<Call>,
    /// Disposed of: it closes with its lease.
    pub leaving: bool,
    /// Its context, and whether that is what the row of its affinity is about.
    context: u64,
    row: Row,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Row {
    /// The context is its own.
    None,
    /// The context is the affinity's primary.
    Primary,
    /// It was until a disposal marked it closing.
    Closing,
}

/// A primary without a page.
#[derive(Clone, Debug)]
struct Orphan {
    affinity: usize,
    used: u64,
    context: u64,
}

impl Tab {
    pub fn pending(&self) -> usize {
        self.queue.len() + usize::from(self.holder.is_some())
    }
}

#[derive(Clone, Debug)]
pub struct Model {
    pub pages: usize,
    pub tab_max: usize,
    /// Concurrent `file` leases of an affinity.
    pub file_cap: Option<usize>,
    /// Steps so far, which is also the time.
    pub clock: u64,
    pub tabs: Vec<Tab>,
    /// When each was made.
    standbys: Vec<u64>,
    orphans: Vec<Orphan>,
    used: [u64; AFFINITIES],
    pub admission: Vec<Call>,
    /// The pool's own queue.
    pub waiting: Vec<Call>,
    pub calls: u64,
    born: u64,
    bound: u64,
    /// A refill was asked for in this step.
    kicked: bool,
    /// Of the last step: the call, the tab, whether it was reused.
    pub grants: Vec<(u64, u64, bool)>,
}

#[derive(Clone, Debug)]
pub enum Step {
    Get(usize, QueueKind, i32),
    Cancel(u64),
    Release(u64),
    /// Of which affinity, and whether its primary stays.
    Dispose(usize, bool),
}

/// Takes out whoever is served first of those that `whether` is true of.
fn take_first(calls: &mut Vec<Call>, whether: impl Fn(&Call) -> bool) -> Option<Call> {
    let first = calls.iter().filter(|call| whether(call)).map(Call::place).min()?;
    let index = calls.iter().position(|call| call.place() == first)?;
    Some(calls.remove(index))
}

impl Model {
    fn live(&self, affinity: usize) -> Vec<usize> {
        let is_live = |&index: &usize| self.tabs[index].affinity == affinity && !self.tabs[index].leaving;
        (0..self.tabs.len()).filter(is_live).collect()
    }

    fn free_slots(&self) -> usize {
        self.pages + 1 - self.tabs.len() - self.standbys.len()
    }

    pub fn admitted(&self, affinity: usize) -> usize {
        let on_tabs = self
            .tabs
            .iter()
            .flat_map(|tab| tab.holder.iter().chain(&tab.queue));
        let all = on_tabs.chain(&self.waiting);
        all.filter(|call| call.permit && call.affinity == affinity)
            .count()
    }

    fn get(&mut self, call: Call) {
        let queued = self.admission.iter().any(|other| other.affinity == call.affinity);
        match self.file_cap {
            Some(cap) if call.queue == QueueKind::File => {
                if queued || self.admitted(call.affinity) >= cap {
                    self.admission.push(call);
                } else {
                    self.enter(Call { permit: true, ..call });
                }
            }
            _ => self.enter(call),
        }
    }

    fn enter(&mut self, call: Call) {
        self.kicked = true;
        self.choose(call);
    }

    fn choose(&mut self, call: Call) {
        let live = self.live(call.affinity);
        let key = |&index: &usize| {
            let tab = &self.tabs[index];
            (tab.pending(), tab.used, tab.born)
        };
        let Some(best) = live.iter().copied().min_by_key(key) else {
            self.waiting.push(call);
            return;
        };
        if self.tabs[best].pending() == 0 {
            self.grant(best, call, true);
        } else if live.len() < self.tab_max && (call.queue != QueueKind::File || self.has_one_ready(&call)) {
            self.waiting.push(call);
        } else {
            self.tabs[best].queue.push(call);
        }
    }

    /// Whether a `file` caller with a tab that is busy gets another one at once.
    fn has_one_ready(&self, call: &Call) -> bool {
        let first = self.waiting.iter().all(|other| call.place() < other.place());
        let orphan = self.orphans.iter().any(|orphan| orphan.affinity == call.affinity);
        first && (!self.standbys.is_empty() || orphan && self.free_slots() > 0)
    }

    fn grant(&mut self, index: usize, call: Call, reused: bool) {
        let tab = &mut self.tabs[index];
        tab.used = self.clock;
        self.used[tab.affinity] = self.clock;
        self.grants.push((call.id, tab.name, reused));
        tab.holder = Some(call);
    }

    fn bind(&mut self, call: Call, born: u64, context: u64) {
        let affinity = call.affinity;
        let own = |tab: &&mut Tab| tab.affinity == affinity;
        let row = if self
            .tabs
            .iter_mut()
            .filter(own)
            .any(|tab| tab.row == Row::Primary)
        {
            Row::None
        } else {
            // A row that is closing is replaced.
            for tab in self.tabs.iter_mut().filter(own) {
                tab.row = Row::None;
            }
            Row::Primary
        };
        self.tabs.push(Tab {
            name: self.bound,
            born,
            affinity,
            used: self.clock,
            holder: None,
            queue: Vec::new(),
            leaving: false,
            context,
            row,
        });
        self.bound += 1;
        self.enforce_cap();
        self.grant(self.tabs.len() - 1, call, false);
        if self.live(affinity).len() >= self.tab_max {
            while let Some(other) = take_first(&mut self.waiting, |other| other.affinity == affinity) {
                self.kicked = true;
                self.choose(other);
            }
        }
    }

    fn make_standby(&mut self) {
        self.standbys.push(self.born);
        self.born += 1;
    }

    /// The pool's own queue gets what there is, and the standbys that are wanted are made.
    fn settle(&mut self) {
        while let Some(call) = take_first(&mut self.waiting, |_| true) {
            let own = |orphan: &Orphan| orphan.affinity == call.affinity;
            let orphan = self.orphans.iter().position(own);
            if self.free_slots() == 0 && self.standbys.is_empty() {
                self.waiting.push(call);
                if !self.evict() {
                    break;
                }
            } else if let Some(orphan) = orphan {
                if self.free_slots() == 0 {
                    self.standbys.pop();
                }
                let orphan = self.orphans.remove(orphan);
                let born = self.born;
                self.born += 1;
                self.kicked = true;
                self.bind(call, born, orphan.context);
            } else {
                if self.standbys.is_empty() {
                    self.make_standby();
                }
                let standby = self.standbys.remove(0);
                self.kicked = true;
                self.bind(call, standby, standby);
            }
        }
        while self.kicked && self.standbys.len() < self.pages.saturating_sub(self.tabs.len()).max(1) {
            if self.free_slots() > 0 {
                self.make_standby();
            } else if !(self.standbys.is_empty() && self.waiting.is_empty() && self.evict()) {
                break;
            }
        }
        self.kicked = false;
    }

    /// While there are more rows than there may be, those in use included, the oldest orphan goes.
    fn enforce_cap(&mut self) {
        let has_row = |affinity: &usize| {
            let tabs = self.tabs.iter().filter(|tab| tab.affinity == *affinity);
            tabs.into_iter().any(|tab| tab.row != Row::None)
        };
        let rows = (0..AFFINITIES).filter(has_row).count();
        self.orphans.sort_by_key(|orphan| (orphan.used, orphan.context));
        let excess = (rows + self.orphans.len()).saturating_sub(ROWS);
        self.orphans.drain(..excess.min(self.orphans.len()));
    }

    /// The page of a tab is closed: a primary that was not marked closing stays as an orphan.
    fn close_page(&mut self, tab: &Tab) {
        if tab.row == Row::Primary {
            self.orphans.push(Orphan {
                affinity: tab.affinity,
                used: tab.used,
                context: tab.context,
            });
            self.enforce_cap();
        }
    }

    /// Closes the affinity least recently used of all that are idle, else the idle tab least recently used, with
    /// their contexts.
    fn evict(&mut self) -> bool {
        let idle = |affinity: &usize| {
            let live = self.live(*affinity);
            let tabs = self.tabs.iter().filter(|tab| tab.affinity == *affinity);
            !live.is_empty() && tabs.into_iter().all(|tab| tab.pending() == 0)
        };
        let affinity = (0..AFFINITIES)
            .filter(idle)
            .min_by_key(|&affinity| self.used[affinity]);
        let tabs = self.tabs.iter().filter(|tab| tab.pending() == 0);
        let lone = tabs.min_by_key(|tab| tab.used).map(|tab| tab.name);
        let goes = |tab: &Tab| match affinity {
            Some(affinity) => tab.affinity == affinity && !tab.leaving,
            None => Some(tab.name) == lone,
        };
        let gone: Vec<Tab> = self.tabs.iter().filter(|tab| goes(tab)).cloned().collect();
        self.tabs
            .retain(|tab| gone.iter().all(|other| other.name != tab.name));
        if let Some(affinity) = affinity {
            self.condemn(affinity);
            self.torn_down(affinity);
        }
        !gone.is_empty()
    }

    /// The affinity's primary is marked closing, and closed where no page is in it.
    fn condemn(&mut self, affinity: usize) {
        self.orphans.retain(|orphan| orphan.affinity != affinity);
        let own = self.tabs.iter_mut().filter(|tab| tab.affinity == affinity);
        for tab in own.filter(|tab| tab.row == Row::Primary) {
            tab.row = Row::Closing;
        }
    }

    /// The end of a teardown, once the last lease on what is leaving has ended, is a reason to refill.
    fn torn_down(&mut self, affinity: usize) {
        self.kicked |= !self
            .tabs
            .iter()
            .any(|tab| tab.affinity == affinity && tab.leaving);
    }

    fn admit_next(&mut self, ended: &Call) {
        if ended.permit
            && let Some(next) = take_first(&mut self.admission, |other| other.affinity == ended.affinity)
        {
            self.enter(Call { permit: true, ..next });
        }
    }

    fn release(&mut self, id: u64) {
        let holds = |tab: &Tab| tab.holder.as_ref().is_some_and(|call| call.id == id);
        let index = self.tabs.iter().position(holds).expect("a lease");
        let ended = self.tabs[index].holder.take().expect("a lease");
        let affinity = self.tabs[index].affinity;
        self.tabs[index].used = self.clock;
        self.used[affinity] = self.clock;
        if self.tabs[index].leaving {
            let tab = self.tabs.remove(index);
            self.close_page(&tab);
            self.torn_down(affinity);
        } else if let Some(next) = self.next_for(index) {
            self.grant(index, next, true);
        }
        self.admit_next(&ended);
    }

    /// Who waits for the tab or for any tab of the affinity, by place; else who waits for another tab of it.
    fn next_for(&mut self, index: usize) -> Option<Call> {
        let affinity = self.tabs[index].affinity;
        let own = self.tabs[index].queue.iter().map(Call::place).min();
        let of_affinity = |call: &&Call| call.affinity == affinity;
        let pool = self.waiting.iter().filter(of_affinity).map(Call::place).min();
        if own.is_none() && pool.is_none() {
            let live = self.live(affinity).into_iter();
            let first = |&index: &usize| self.tabs[index].queue.iter().map(Call::place).min();
            let busy = live.filter(|index| first(index).is_some()).min_by_key(first)?;
            return take_first(&mut self.tabs[busy].queue, |_| true);
        }
        if own.is_some_and(|own| pool.is_none_or(|pool| own < pool)) {
            take_first(&mut self.tabs[index].queue, |_| true)
        } else {
            take_first(&mut self.waiting, |call| call.affinity == affinity)
        }
    }

    fn cancel(&mut self, id: u64) {
        let queues = self.tabs.iter_mut().map(|tab| &mut tab.queue);
        let queues = queues.chain([&mut self.admission, &mut self.waiting]);
        let ended: Vec<Call> = queues
            .filter_map(|queue| take_first(queue, |call| call.id == id))
            .collect();
        self.admit_next(&ended[0]);
    }

    fn dispose(&mut self, affinity: usize, retain: bool) {
        let mut known = self.orphans.iter().any(|orphan| orphan.affinity == affinity);
        if !retain {
            self.condemn(affinity);
        }
        let mut displaced = Vec::new();
        for tab in self.tabs.iter_mut().filter(|tab| tab.affinity == affinity) {
            known = true;
            tab.leaving = true;
            displaced.append(&mut tab.queue);
        }
        let closes = |tab: &&Tab| tab.affinity == affinity && tab.holder.is_none();
        for tab in self.tabs.iter().filter(closes).cloned().collect::<Vec<_>>() {
            self.tabs.retain(|other| other.name != tab.name);
            self.close_page(&tab);
        }
        if known {
            self.torn_down(affinity);
        }
        while let Some(call) = take_first(&mut displaced, |_| true) {
            self.enter(call);
        }
    }

    /// The ledger: affinity, pages, and whether a disposal is closing it.
    pub fn ledger(&self) -> Vec<(usize, u32, bool)> {
        let tabs = self.tabs.iter().filter(|tab| tab.row != Row::None);
        let tabs = tabs.map(|tab| (tab.affinity, 1, tab.row == Row::Closing));
        let orphans = self.orphans.iter().map(|orphan| (orphan.affinity, 0, false));
        let mut rows: Vec<_> = tabs.chain(orphans).collect();
        rows.sort_unstable();
        rows
    }

    /// Who has a lease.
    fn holders(&self) -> Vec<u64> {
        self.tabs
            .iter()
            .filter_map(|tab| Some(tab.holder.as_ref()?.id))
            .collect()
    }

    /// Who waits, wherever it is.
    fn queued(&self) -> Vec<u64> {
        let on_tabs = self.tabs.iter().flat_map(|tab| &tab.queue);
        on_tabs
            .chain(&self.admission)
            .chain(&self.waiting)
            .map(|call| call.id)
            .collect()
    }
}

pub struct Reference;

impl ReferenceStateMachine for Reference {
    type State = Model;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Model> {
        let model = |(pages, tab_max, admission): (usize, usize, bool)| {
            let tab_max = tab_max.min(pages);
            Model {
                pages,
                tab_max,
                file_cap: admission.then_some((tab_max - 1).max(1)),
                clock: 0,
                tabs: Vec::new(),
                standbys: Vec::new(),
                orphans: Vec::new(),
                used: [0; AFFINITIES],
                admission: Vec::new(),
                waiting: Vec::new(),
                calls: 0,
                born: 0,
                bound: 0,
                kicked: false,
                grants: Vec::new(),
            }
        };
        (1..5_usize, 1..5_usize, any::<bool>()).prop_map(model).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Step> {
        let queues = [
            QueueKind::File,
            QueueKind::File,
            QueueKind::Module,
            QueueKind::Command,
        ];
        let get = (
            0..AFFINITIES,
            select(queues.to_vec()),
            select(vec![0, 0, 0, 1, -1, 7]),
        );
        let mut steps = vec![
            (
                8,
                get.prop_map(|(affinity, queue, priority)| Step::Get(affinity, queue, priority))
                    .boxed(),
            ),
            (
                1,
                (0..AFFINITIES, any::<bool>())
                    .prop_map(|(affinity, retain)| Step::Dispose(affinity, retain))
                    .boxed(),
            ),
        ];
        if !model.holders().is_empty() {
            steps.push((7, select(model.holders()).prop_map(Step::Release).boxed()));
        }
        if !model.queued().is_empty() {
            steps.push((2, select(model.queued()).prop_map(Step::Cancel).boxed()));
        }
        proptest::strategy::Union::new_weighted(steps).boxed()
    }

    fn preconditions(model: &Model, step: &Step) -> bool {
        match step {
            Step::Release(id) => model.holders().contains(id),
            Step::Cancel(id) => model.queued().contains(id),
            Step::Get(..) => true,
            // A context retained under a lease becomes an orphan only at the release, beside whatever its affinity has
            // by then: what becomes of its row is left to the simulator.
            Step::Dispose(affinity, retain) => {
                let is_held = |tab: &Tab| tab.affinity == *affinity && tab.holder.is_some();
                !retain || !model.tabs.iter().any(is_held)
            }
        }
    }

    fn apply(mut model: Model, step: &Step) -> Model {
        model.clock += 1;
        model.grants.clear();
        match *step {
            Step::Get(affinity, queue, priority) => {
                let id = model.calls;
                model.calls += 1;
                model.get(Call {
                    id,
                    affinity,
                    queue,
                    priority,
                    permit: false,
                });
            }
            Step::Release(id) => model.release(id),
            Step::Cancel(id) => model.cancel(id),
            Step::Dispose(affinity, retain) => model.dispose(affinity, retain),
        }
        model.settle();
        model.grants.sort_unstable();
        model
    }
}
