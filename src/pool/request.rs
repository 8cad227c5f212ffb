//! One `getPage`, from the call to the end of its lease: an explicit state, so that ending it in any state is
//! one transition.

use super::affinity::AffinityId;
use super::defects::{Defect, planted};
use super::lease::Bounds;
use super::tab::TabState;
use super::waiters::Place;
use super::{
    Action, AffinityKey, ContextId, Failure, Grant, Occurrence, Operation, OperationId, Pool, PoolError,
    Priority, QueueKind, RejectionCode, RequestId, TabId, Terms, Waits,
};

/// Where a request is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RequestState {
    /// Between two states, within one event.
    Choosing,
    /// Waits for a permit of its affinity's admission.
    Admission,
    /// Waits in the pool's own queue, for a standby or a slot. `yielding`: the standby's context that closes so
    /// that its orphan can be opened.
    Pool { yielding: Option<ContextId> },
    /// Waits for others to leave a tab.
    TabQueue { tab: TabId },
    /// Holds the tab whose page is being opened for it.
    Opening { tab: TabId },
    /// Holds the tab, which is being probed.
    Probing { tab: TabId },
    /// Holds the tab and waits for the render semaphore.
    Semaphore { tab: TabId },
    /// Owns the tab and a permit of the render semaphore, after a wait; its promise settles with the next microtask.
    Settling { tab: TabId, operation: OperationId },
    /// Has the lease.
    Granted { tab: TabId },
}

/// One `getPage`.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about a call beside its state"
)]
pub(super) struct Request {
    pub(super) affinity: AffinityId,
    pub(super) queue: QueueKind,
    pub(super) place: Place,
    pub(super) state: RequestState,
    /// True if it holds a permit of its affinity's admission.
    pub(super) permit: bool,
    /// True if its tab was bound to its affinity before.
    pub(super) reused: bool,
    /// True if it has had a tab or a place in a tab's queue: then it is not turned away for want of one.
    pub(super) placed: bool,
    /// Tabs it has won.
    pub(super) choices: u8,
    /// The pool was expanded for it although its affinity has all the tabs it may have.
    pub(super) beyond_tab_max: bool,
    /// The pool was expanded for it, by one page: that is its own.
    pub(super) expanded: bool,
    /// It was not served by its own call, but by somebody else's or by an outcome.
    pub(super) waited: bool,
    pub(super) clock: WaitClock,
    /// The deadlines of its wait and its lease.
    pub(super) bounds: Bounds,
}

impl Request {
    pub(super) fn priority(&self) -> Priority {
        self.place.priority()
    }

    pub(super) fn waits_in_pool(&self) -> bool {
        matches!(self.state, RequestState::Pool { .. })
    }

    /// The tab it holds.
    pub(super) fn held_tab(&self) -> Option<TabId> {
        match self.state {
            RequestState::Opening { tab }
            | RequestState::Probing { tab }
            | RequestState::Semaphore { tab }
            | RequestState::Settling { tab, .. }
            | RequestState::Granted { tab } => Some(tab),
            _ => None,
        }
    }
}

/// The account of a request's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Semaphore,
    Admission,
    TabQueue,
    Startup,
    Probe,
}

/// Where a request's time goes, on the wall clock.
#[derive(Debug)]
pub(super) struct WaitClock {
    started: f64,
    since: f64,
    phase: Option<Phase>,
    spent: [f64; 5],
}

impl WaitClock {
    fn new(now: f64) -> Self {
        Self {
            started: now,
            since: now,
            phase: None,
            spent: [0.0; 5],
        }
    }

    fn enter(&mut self, phase: Option<Phase>, now: f64) {
        if let Some(ended) = self.phase {
            self.spent[ended as usize] += (now - self.since).max(0.0);
        }
        self.phase = phase;
        self.since = now;
    }

    /// What is waited for now.
    pub(super) fn phase(&self) -> Option<Phase> {
        self.phase
    }

    /// The current phase turned out to be no wait at all.
    fn discard_phase(&mut self) {
        self.phase = None;
    }

    fn read(&mut self, now: f64) -> (u64, Waits) {
        self.enter(None, now);
        let of = |phase: Phase| whole_ms(self.spent[phase as usize]);
        let waits = Waits {
            semaphore_ms: of(Phase::Semaphore),
            admission_ms: of(Phase::Admission),
            tab_queue_ms: of(Phase::TabQueue),
            tab_startup_ms: of(Phase::Startup),
            tab_probe_ms: of(Phase::Probe),
        };
        let sum = waits.semaphore_ms
            + waits.admission_ms
            + waits.tab_queue_ms
            + waits.tab_startup_ms
            + waits.tab_probe_ms;
        // A clock that went back must not make the whole less than its parts.
        (whole_ms(now - self.started).max(sum), waits)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast to u64 saturates"
)]
fn whole_ms(value: f64) -> u64 {
    value.max(0.0).floor() as u64
}

impl Pool {
    pub(super) fn get_page(
        &mut self,
        id: RequestId,
        affinity: &AffinityKey,
        queue: QueueKind,
        priority: Priority,
        terms: Terms,
    ) {
        if self.shutdown.is_some() {
            self.refuse(id, affinity.clone(), queue, PoolError::Closed);
            return;
        }
        self.contraction.note_use();
        let place = Place::new(priority, self.fresh());
        let affinity = self.affinity_id(affinity);
        let request = Request {
            affinity,
            queue,
            place,
            state: RequestState::Choosing,
            permit: false,
            reused: false,
            placed: false,
            choices: 0,
            beyond_tab_max: false,
            expanded: false,
            waited: false,
            clock: WaitClock::new(self.now.wall_ms),
            bounds: Bounds::default(),
        };
        self.requests.insert(id, request);
        self.set_terms(id, terms);
        let cap = self.config.file_concurrency.filter(|_| queue == QueueKind::File);
        let Some(entry) = self.affinities.get_mut(&affinity) else {
            return;
        };
        entry.requests += 1;
        match cap {
            Some(cap) if entry.admission.holders >= cap || !entry.admission.waiters.is_empty() => {
                entry.admission.waiters.join(place, id);
                self.set_state(id, RequestState::Admission, Some(Phase::Admission));
            }
            Some(_) => self.admit(id, affinity),
            None => self.enter(id),
        }
    }

    fn admit(&mut self, id: RequestId, affinity: AffinityId) {
        if let Some(affinity) = self.affinities.get_mut(&affinity) {
            affinity.admission.holders += 1;
        }
        if let Some(request) = self.requests.get_mut(&id) {
            request.permit = true;
        }
        self.enter(id);
    }

    fn admit_next(&mut self, affinity: AffinityId) {
        let Some(cap) = self.config.file_concurrency else {
            return;
        };
        while let Some(entry) = self.affinities.get_mut(&affinity)
            && entry.admission.holders < cap + u32::from(planted(Defect::TwoAdmitted))
            && let Some((place, id)) = entry.admission.waiters.first()
        {
            entry.admission.waiters.leave(place);
            self.admit(id, affinity);
        }
    }

    /// The way of every request once it is admitted.
    fn enter(&mut self, id: RequestId) {
        self.set_state(id, RequestState::Choosing, None);
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        let priority = request.priority();
        let expanded = self.expand_under_saturation(priority);
        if let Some(request) = self.requests.get_mut(&id) {
            request.expanded |= expanded;
        }
        self.choose(id);
        self.kick_refill();
    }

    pub(super) fn set_state(&mut self, id: RequestId, state: RequestState, phase: Option<Phase>) {
        let now = self.now.wall_ms;
        if let Some(request) = self.requests.get_mut(&id) {
            request.state = state;
            request.clock.enter(phase, now);
        }
    }

    /// Puts the request in the pool's own queue; `phase` is what it waits for there.
    pub(super) fn wait_in_pool(&mut self, id: RequestId, phase: Phase) {
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        let (place, affinity) = (request.place, request.affinity);
        self.waiting.join(place, id);
        if let Some(affinity) = self.affinities.get_mut(&affinity) {
            affinity.waiting.join(place, id);
        }
        self.set_state(id, RequestState::Pool { yielding: None }, Some(phase));
        self.dirty = true;
    }

    /// Puts the request in the queue of a tab; a tab of another affinity is promised to it.
    pub(super) fn wait_for_tab(&mut self, id: RequestId, tab_id: TabId) {
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        let Some(tab) = self.tabs.get_mut(&tab_id) else {
            return;
        };
        tab.queue.join(request.place, id);
        request.placed = true;
        request.reused = tab.affinity() == Some(request.affinity);
        if !request.reused {
            tab.promised = Some(id);
        }
        self.set_state(id, RequestState::TabQueue { tab: tab_id }, Some(Phase::TabQueue));
        self.reindex(tab_id);
    }

    /// The tab is the request's: probe it if it served a render before, else go on.
    pub(super) fn win(&mut self, id: RequestId, tab_id: TabId, reused: bool) {
        let is_fresh = self.tabs.get(&tab_id).is_some_and(|tab| tab.is_fresh);
        self.take_tab(
            id,
            tab_id,
            reused && (!is_fresh || planted(Defect::FreshCountsAsWarm)),
        );
        if self.must_answer(tab_id) && !planted(Defect::NoProbe) {
            self.set_state(id, RequestState::Probing { tab: tab_id }, Some(Phase::Probe));
            self.ask(tab_id);
        } else {
            self.take_semaphore(id, tab_id);
        }
    }

    pub(super) fn take_tab(&mut self, id: RequestId, tab_id: TabId, reused: bool) {
        if let Some(request) = self.requests.get_mut(&id) {
            request.reused = reused;
            request.placed = true;
            request.choices = request.choices.saturating_add(1);
        }
        if let Some(tab) = self.tabs.get_mut(&tab_id) {
            tab.holder = Some(id);
        }
        self.touch(tab_id);
    }

    pub(super) fn take_semaphore(&mut self, id: RequestId, tab: TabId) {
        if !self.config.has_semaphore {
            self.grant(id, tab);
            return;
        }
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        let priority = request.priority();
        self.semaphore_waiting += 1;
        let phase = if planted(Defect::WaitOnWrongAccount) {
            Phase::TabQueue
        } else {
            Phase::Semaphore
        };
        self.set_state(id, RequestState::Semaphore { tab }, Some(phase));
        self.act(Action::AcquireSemaphore {
            request: id,
            priority,
        });
    }

    pub(super) fn semaphore_acquired(&mut self, id: RequestId, waited: bool) {
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        let RequestState::Semaphore { tab } = request.state else {
            return;
        };
        // A permit for an earlier wait, whose end has not been performed yet, goes back with that.
        let is_stale =
            |action: &Action| matches!(action, Action::AbandonSemaphore { request } if *request == id);
        if self.actions.iter().any(is_stale) {
            return;
        }
        if waited {
            request.waited = true;
        } else {
            request.clock.discard_phase();
        }
        self.semaphore_waiting -= 1;
        self.grant(id, tab);
    }

    pub(super) fn semaphore_failed(&mut self, id: RequestId, failure: Failure) {
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        if !matches!(request.state, RequestState::Semaphore { .. }) {
            return;
        }
        // The semaphore has ended the wait itself: there is nothing to abandon.
        self.semaphore_waiting -= 1;
        self.leave_tab(id);
        self.end_rejected(id, PoolError::Semaphore(failure));
    }

    /// Notes that its own call has not served the request, if so: whatever does is another event.
    pub(super) fn note_wait(&mut self, id: RequestId) {
        if let Some(request) = self.requests.get_mut(&id) {
            request.waited |= matches!(
                request.state,
                RequestState::Admission
                    | RequestState::Pool { .. }
                    | RequestState::TabQueue { .. }
                    | RequestState::Opening { .. }
            );
        }
    }

    /// The request has all that it needs. One that was woken by a call of somebody else is granted a microtask later:
    /// what that caller does on the same line may still take the tab away.
    fn grant(&mut self, id: RequestId, tab: TabId) {
        if self
            .requests
            .get(&id)
            .is_some_and(|request| request.waited && !planted(Defect::SettlesAtOnce))
        {
            let operation = self.start(Operation::Settle { request: id });
            self.set_state(id, RequestState::Settling { tab, operation }, None);
            self.act(Action::Settle {
                operation,
                request: id,
            });
        } else {
            self.hand_over(id, tab);
        }
    }

    /// The microtask has come, and nobody has taken the request off its tab meanwhile.
    pub(super) fn settled(&mut self, id: RequestId) {
        if let Some(RequestState::Settling { tab, .. }) = self.requests.get(&id).map(|request| request.state)
        {
            self.hand_over(id, tab);
        }
    }

    fn hand_over(&mut self, id: RequestId, tab_id: TabId) {
        let now = self.now.wall_ms;
        let Some(request) = self.requests.get_mut(&id) else {
            return;
        };
        let (launch_ms, waits) = request.clock.read(now);
        request.state = RequestState::Granted { tab: tab_id };
        let grant = Grant {
            tab: tab_id,
            reused: request.reused != planted(Defect::AlwaysReused),
            launch_ms,
            waits,
        };
        if let Some(tab) = self.tabs.get_mut(&tab_id) {
            tab.is_fresh = false;
            tab.uses = tab.uses.saturating_add(1);
            tab.answered_at = None;
            tab.idling.untidy = true;
        }
        self.lease_begins(id);
        if planted(Defect::GrantedTwice) {
            self.act(Action::Grant { request: id, grant });
        }
        self.act(Action::Grant { request: id, grant });
        self.note_lease(id, grant);
    }

    fn note_lease(&mut self, id: RequestId, grant: Grant) {
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        self.note(Occurrence::Leased {
            affinity: self.affinity_key(request.affinity),
            queue: request.queue,
            priority: request.priority(),
            grant,
        });
    }

    pub(super) fn release(&mut self, id: RequestId) {
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        let RequestState::Granted { tab } = request.state else {
            return;
        };
        self.note_lease_length(id);
        self.note_release(id, None);
        self.release_semaphore(id);
        self.touch(tab);
        // Before the tab is given to anybody, or asked.
        self.end_popups(tab);
        self.released.push(tab);
        self.replace_if_worn(tab);
        self.leave_tab(id);
        self.end(id);
    }

    fn release_semaphore(&mut self, id: RequestId) {
        if self.config.has_semaphore {
            // Somebody of ours who waits for a permit gets this one.
            if self.semaphore_waiting == 0 {
                self.semaphore_full = false;
            }
            if !planted(Defect::SemaphorePermitKept) {
                self.act(Action::ReleaseSemaphore { request: id });
            }
        }
    }

    pub(super) fn cancel(&mut self, id: RequestId) {
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        if matches!(request.state, RequestState::Granted { .. }) {
            return;
        }
        let (affinity, queue) = (self.affinity_key(request.affinity), request.queue);
        self.detach(id);
        self.end(id);
        self.note(Occurrence::Rejected {
            affinity,
            queue,
            code: RejectionCode::Cancelled,
        });
    }

    pub(super) fn reject(&mut self, id: RequestId, error: PoolError) {
        self.detach(id);
        self.end_rejected(id, error);
    }

    /// The request, which holds nothing any more but its permit, ends without a lease.
    fn end_rejected(&mut self, id: RequestId, error: PoolError) {
        let known = self.requests.get(&id);
        let Some((affinity, queue)) = known.map(|request| (request.affinity, request.queue)) else {
            return;
        };
        let affinity = self.affinity_key(affinity);
        self.end(id);
        self.refuse(id, affinity, queue, error);
    }

    fn refuse(&mut self, request: RequestId, affinity: AffinityKey, queue: QueueKind, error: PoolError) {
        let code = error.code();
        self.act(Action::Reject { request, error });
        self.note(Occurrence::Rejected {
            affinity,
            queue,
            code,
        });
    }

    /// Takes the request off wherever it waits and whatever it holds, except its permit. A tab that it held goes
    /// to whoever is next.
    pub(super) fn detach(&mut self, id: RequestId) {
        let Some(request) = self.requests.get(&id) else {
            return;
        };
        let (place, affinity) = (request.place, request.affinity);
        match request.state {
            RequestState::Choosing => {}
            RequestState::Admission => {
                if let Some(affinity) = self.affinities.get_mut(&affinity) {
                    affinity.admission.waiters.leave(place);
                }
            }
            RequestState::Pool { .. } => {
                self.waiting.leave(place);
                if let Some(affinity) = self.affinities.get_mut(&affinity) {
                    affinity.waiting.leave(place);
                }
                self.dirty = true;
            }
            RequestState::TabQueue { tab: tab_id } => {
                if let Some(tab) = self.tabs.get_mut(&tab_id) {
                    tab.queue.leave(place);
                    if tab.promised == Some(id) {
                        tab.promised = None;
                    }
                }
                self.reindex(tab_id);
            }
            RequestState::Opening { .. } | RequestState::Granted { .. } => self.leave_tab(id),
            RequestState::Probing { tab } => {
                self.stop_asking(tab);
                self.leave_tab(id);
            }
            RequestState::Semaphore { .. } => {
                self.semaphore_waiting -= 1;
                if !planted(Defect::SemaphoreNotAbandoned) {
                    self.act(Action::AbandonSemaphore { request: id });
                }
                self.leave_tab(id);
            }
            RequestState::Settling { operation, .. } => {
                self.remove_operation(operation);
                self.release_semaphore(id);
                self.leave_tab(id);
            }
        }
        self.set_state(id, RequestState::Choosing, None);
    }

    /// Gives the tab that the request holds to whoever is next.
    fn leave_tab(&mut self, id: RequestId) {
        let Some(tab_id) = self.requests.get(&id).and_then(Request::held_tab) else {
            return;
        };
        self.set_state(id, RequestState::Choosing, None);
        if let Some(tab) = self.tabs.get_mut(&tab_id)
            && tab.holder == Some(id)
        {
            tab.holder = None;
            let affinity = tab.affinity();
            self.reindex(tab_id);
            if let Some(affinity) = affinity {
                self.reindex_affinity(affinity);
            }
            self.tab_freed(tab_id);
        }
    }

    /// The request is over: gives its permit to whoever is next.
    fn end(&mut self, id: RequestId) {
        let Some(request) = self.requests.remove(&id) else {
            return;
        };
        self.lift_bounds(id, &request);
        if let Some(affinity) = self.affinities.get_mut(&request.affinity) {
            affinity.requests -= 1;
            if request.permit && !planted(Defect::AdmissionPermitLost) {
                affinity.admission.holders -= 1;
            }
        }
        if request.permit && !planted(Defect::AdmissionNotHandedOn) {
            self.admit_next(request.affinity);
        }
        self.remove_affinity_if_unused(request.affinity);
    }

    /// Ends a lease under its holder: its page is being closed by force.
    pub(super) fn revoke(&mut self, id: RequestId) {
        self.release_semaphore(id);
        self.leave_tab(id);
        self.end(id);
    }

    /// The tab may be free: it goes to whoever is next, or closes if it is draining.
    pub(super) fn tab_freed(&mut self, id: TabId) {
        let Some(tab) = self.tabs.get(&id) else { return };
        if tab.holder.is_some() {
            return;
        }
        match tab.state {
            TabState::Draining { .. } if planted(Defect::DrainingStaysOpen) => {}
            TabState::Draining { .. } => self.begin_close(id),
            TabState::Live { affinity } => {
                if let Some(next) = self
                    .next_for(id, affinity)
                    .filter(|_| !planted(Defect::LostWakeUp))
                {
                    let foreign = self.requests.get(&next).map(|request| request.affinity);
                    self.detach(next);
                    match foreign {
                        Some(to) if to != affinity => self.migrate(next, id, affinity, to),
                        _ => self.win(next, id, true),
                    }
                }
            }
            _ => {}
        }
    }

    /// Who gets the free tab: its own queue and those of the affinity who wait in the pool's queue, by place;
    /// else somebody who waits for a busier tab of the affinity.
    fn next_for(&self, id: TabId, affinity: AffinityId) -> Option<RequestId> {
        let own = self.tabs.get(&id)?.queue.first();
        let affinity = self.affinities.get(&affinity)?;
        let first = [own, affinity.waiting.first()]
            .into_iter()
            .flatten()
            .min_by_key(|at| at.0);
        if let Some((_, request)) = first {
            return Some(request);
        }
        // The most loaded comes last: with nobody but a holder there, nobody waits anywhere.
        if affinity.offered.last().is_none_or(|at| at.0 <= 1) {
            return None;
        }
        let heads = affinity
            .offered
            .iter()
            .rev()
            .take_while(|at| at.0 > 1)
            .filter_map(|at| {
                let tab = self.tabs.get(&at.2)?;
                tab.queue.iter().find(|waiter| tab.promised != Some(waiter.1))
            });
        heads.min_by_key(|at| at.0).map(|at| at.1)
    }
}
