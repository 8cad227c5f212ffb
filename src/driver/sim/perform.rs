//! Performing the pool's actions, as a runtime does.

use super::checks::whole_of;
use super::chrome::{Context, ContextState, Page, PageState};
use super::operation::{Call, Operation, Outcome, Work};
use super::semaphore::Semaphore;
use super::settings::SemaphoreKind;
use super::world::{Notice, Pending, Subject, World};
use crate::pool::{
    Action, AffinityKey, BrowserAction, ContextId, Event, Grant, Inputs, LogLevel, OperationId, PoolError,
    Priority, QueueKind, RequestId, TabId, TicketId,
};

/// More than this cannot follow from one step.
const MOST_ACTIONS: u32 = 20_000;

impl World {
    pub(super) fn inputs(&self) -> Inputs {
        Inputs {
            now: self.now,
            semaphore_full: self.semaphore.as_ref().is_some_and(Semaphore::is_full),
            semaphore_busy: self.semaphore.as_ref().is_some_and(Semaphore::is_busy),
        }
    }

    pub(super) fn handle(&mut self, event: Event) {
        if self.violation.is_some() {
            return;
        }
        self.note(|| format!("  > {event:?}"));
        let inputs = self.inputs();
        self.pool.handle(event, &inputs);
        self.after_event();
        self.drain();
    }

    pub(super) fn after_event(&mut self) {
        self.tally.events += 1;
        self.tally.checks += 1;
        self.check_size();
        if let Err(broken) = self.pool.check_invariants() {
            self.fail("own-invariants", || broken.to_string());
        }
    }

    /// Performs what the pool wants done, as a runtime does: one by one, and whatever follows comes between.
    pub(super) fn drain(&mut self) {
        self.depth += 1;
        while self.violation.is_none()
            && let Some(action) = self.pool.poll_action()
        {
            self.note(|| format!("  < {action:?}"));
            self.performed += 1;
            if self.performed > MOST_ACTIONS {
                self.fail("spins", || format!("a step does not come to an end: {action:?}"));
            }
            self.perform(action);
        }
        self.depth -= 1;
    }

    pub(super) fn perform(&mut self, action: Action) {
        match action {
            Action::Browser(action) => self.perform_in_browser(&action),
            Action::BindTab { tab, affinity } => self.bind(tab, affinity),
            Action::ForgetTab { tab, .. } => self.check_forgotten(tab),
            Action::AcquireSemaphore { request, priority } => {
                self.note_use_by(request);
                self.acquire_semaphore(request, priority);
            }
            Action::AbandonSemaphore { request } => self.abandon_semaphore(request),
            Action::ReleaseSemaphore { request } => self.release_semaphore(request),
            Action::SetSemaphoreCapacity { capacity } => self.set_capacity(capacity),
            Action::Settle { operation, request } => {
                // It has its permit, and may lose it again before it is granted.
                self.book.permit_wait_ends(request, self.now.wall_ms);
                self.microtasks.push_back((operation, request));
            }
            Action::Grant { request, grant } => self.granted(request, grant),
            Action::LeaseRevoked { request, reason, .. } => self.lease_revoked(request, &reason),
            Action::Reject { request, error } => self.rejected(request, &error),
            Action::DisposalEnded { ticket }
            | Action::StandbysWarm { ticket, .. }
            | Action::PoolClosed { ticket } => {
                self.ticket_ended(ticket, &[]);
            }
            Action::Evicted { ticket, affinities } => self.ticket_ended(ticket, &affinities),
            Action::AffinityDisposed { affinity } => {
                *self.book.announced.entry(affinity).or_default() += 1;
                self.callback();
            }
            Action::NotifyManager { operation, affinity } => {
                self.check_notification(&affinity);
                self.check_told_once(&affinity);
                self.start(Work::Notify, operation, Subject::Nothing);
            }
            Action::CleanUserDataDirs { operation } => self.start(Work::CleanUp, operation, Subject::Nothing),
            // The totals are checked against what was done.
            Action::Tell(_) => {}
            Action::Log { level, .. } => {
                if level == LogLevel::Warn {
                    self.warnings += 1;
                }
                self.callback();
            }
        }
    }

    pub(super) fn perform_in_browser(&mut self, action: &BrowserAction) {
        match *action {
            BrowserAction::CreateStandby {
                operation,
                context,
                tab,
            } => {
                self.check_standby_wanted();
                if !self.chrome.take_names(Some(context), tab) {
                    self.fail("names-are-new", || {
                        format!("{context:?} or {tab:?} was used before")
                    });
                }
                self.tally.contexts += 1;
                self.chrome.contexts.insert(
                    context,
                    Context {
                        state: ContextState::Making,
                        takes_slot: true,
                        emptied: 0,
                        closing_since: None,
                        tenant: None,
                    },
                );
                self.chrome.pages.insert(tab, Page::new(context));
                self.check_slots();
                self.check_standbys_wanted();
                self.start(Work::Standby, operation, Subject::Standby(context, tab));
            }
            BrowserAction::OpenPage {
                operation,
                context: id,
                tab,
            } => {
                if !self.chrome.take_names(None, tab) {
                    self.fail("names-are-new", || format!("{tab:?} was used before"));
                }
                self.check_orphan(id);
                if let Some(context) = self.chrome.contexts.get_mut(&id) {
                    context.takes_slot = true;
                    let tenant = context.tenant.clone();
                    let page = self.chrome.pages.entry(tab).or_insert(Page::new(id));
                    page.affinity = tenant;
                }
                self.note_use_of(tab);
                self.check_slots();
                self.start(Work::Page, operation, Subject::Page(tab));
            }
            BrowserAction::Probe {
                operation,
                tab,
                budget_ms,
            } => {
                self.check_probe(tab, budget_ms);
                if let Some(page) = self.chrome.pages.get_mut(&tab) {
                    page.answered = false;
                }
                if self.asks_at_release() {
                    self.note_unknown_use_of(tab);
                } else {
                    self.note_use_of(tab);
                }
                self.start(Work::Probe, operation, Subject::Tab(tab));
            }
            BrowserAction::Ask {
                operation,
                tab,
                budget_ms,
            } => {
                self.check_ask(tab, budget_ms);
                self.start(Work::Ask, operation, Subject::Tab(tab));
            }
            BrowserAction::MeasureMemory { operation, tab } => {
                self.check_measured(tab);
                self.start(Work::Measure, operation, Subject::Tab(tab));
            }
            BrowserAction::Trim {
                operation,
                tab,
                budget_ms,
            } => {
                self.check_trim(operation, tab, budget_ms);
                self.start(Work::Trim, operation, Subject::Tab(tab));
            }
            BrowserAction::StopAsking { operation } => {
                self.unasked.insert(operation);
            }
            BrowserAction::ClosePopups { tab } => {
                if let Some(page) = self.chrome.pages.get_mut(&tab) {
                    page.popups_closing = page.popups;
                }
            }
            BrowserAction::ClosePage {
                operation,
                tab,
                context_follows,
            } => {
                self.close_page(operation, tab, context_follows);
            }
            BrowserAction::CloseContext { operation, context } => self.close_context(operation, context),
        }
    }

    fn close_page(&mut self, operation: OperationId, tab: TabId, context_follows: bool) {
        self.check_page_close(tab);
        self.check_choice_to_close(tab, context_follows);
        self.note_drop();
        if context_follows && let Some(page) = self.chrome.pages.get(&tab) {
            self.book.strike(page.context);
        }
        if let Some(page) = self.chrome.pages.get_mut(&tab) {
            page.context_follows = context_follows;
            if page.state == PageState::Open {
                page.state = PageState::Closing;
            }
        }
        self.start(Work::ClosePage, operation, Subject::Tab(tab));
    }

    fn close_context(&mut self, operation: OperationId, context: ContextId) {
        self.check_context_close(context);
        let pages: Vec<TabId> = self.chrome.pages_in(context).map(|at| at.0).collect();
        for tab in pages {
            self.check_choice_to_close(tab, true);
        }
        self.note_drop();
        self.book.strike(context);
        if let Some(context) = self.chrome.contexts.get_mut(&context) {
            context.state = ContextState::Closing;
            context.closing_since = Some(self.step);
        }
        for page in self
            .chrome
            .pages
            .values_mut()
            .filter(|page| page.context == context && page.state != PageState::Lost)
        {
            page.state = PageState::Closing;
        }
        self.start(Work::CloseContext, operation, Subject::Context(context));
    }

    pub(super) fn start(&mut self, kind: Work, operation: OperationId, subject: Subject) {
        let pending = Pending {
            operation,
            subject,
            since: self.now.monotonic_ms,
        };
        if u16::from(self.instant) >> kind.index() & 1 == 1 {
            self.end_work(kind, pending, Outcome::Done);
        } else {
            self.pending[kind.index()].push(pending);
            self.notices.push(Notice::Started { kind, operation });
        }
    }

    pub(super) fn bind(&mut self, tab: TabId, affinity: AffinityKey) {
        let replaced = self.replaced_by(&affinity);
        self.check_binding(tab, &affinity, replaced.is_some());
        self.note_binding(tab, &affinity, replaced);
        let step = self.step;
        let unsure = self.book.unsure.contains(&affinity);
        let Some(page) = self.chrome.pages.get_mut(&tab) else {
            return;
        };
        if page.affinity.as_ref().is_some_and(|before| *before != affinity) {
            self.tally.migrations += 1;
        }
        page.affinity = Some(affinity.clone());
        page.bound = step;
        page.is_fresh = replaced.is_some();
        page.bound_at.get_or_insert(self.now.monotonic_ms);
        page.suspect = unsure;
        page.released = None;
        if let Some(context) = self.chrome.contexts.get_mut(&page.context) {
            context.tenant = Some(affinity);
        }
    }

    pub(super) fn acquire_semaphore(&mut self, id: RequestId, priority: Priority) {
        let asked = self.requests.get(&id).map(|request| request.priority);
        let Some(semaphore) = &mut self.semaphore else {
            return self.fail("semaphore", || {
                format!("{id:?} wants a permit of a semaphore that is not there")
            });
        };
        if semaphore.holds(id) || semaphore.waits(id) {
            return self.fail("semaphore", || format!("{id:?} asks for a second permit"));
        }
        semaphore.enqueue(id, priority);
        let at_once = !semaphore.is_full();
        if asked.is_some_and(|asked| asked != priority) {
            self.fail("semaphore", || {
                format!("{id:?} asks with priority {priority:?} instead of its own")
            });
        }
        if !at_once {
            self.semaphore_waits.insert(id);
        }
        if !at_once || self.settings.semaphore != SemaphoreKind::Prompt {
            self.book.permit_asked.insert(id, self.now.wall_ms);
        }
        self.move_permits();
    }

    pub(super) fn abandon_semaphore(&mut self, id: RequestId) {
        // A permit that has come already, to a request that a callback took off it meanwhile, goes back too.
        self.owed.retain(|owed| *owed != id);
        self.book.permit_wait_ends(id, self.now.wall_ms);
        self.note_lost_tab(id);
        if let Some(semaphore) = &mut self.semaphore
            && !semaphore.abandon(id)
        {
            semaphore.release(id);
        }
        self.move_permits();
    }

    pub(super) fn release_semaphore(&mut self, id: RequestId) {
        if !self
            .semaphore
            .as_mut()
            .is_some_and(|semaphore| semaphore.release(id))
        {
            self.fail("semaphore", || {
                format!("{id:?} gives back a permit that it does not hold")
            });
        }
        self.move_permits();
    }

    pub(super) fn set_capacity(&mut self, capacity: u32) {
        match &mut self.semaphore {
            Some(semaphore) if !matches!(self.settings.semaphore, SemaphoreKind::Foreign(_)) => {
                semaphore.set_capacity(capacity);
            }
            _ => self.fail("semaphore", || {
                "setCapacity was called where there is none".to_owned()
            }),
        }
        self.move_permits();
    }

    pub(super) fn granted(&mut self, id: RequestId, grant: Grant) {
        self.book.permit_wait_ends(id, self.now.wall_ms);
        self.check_grant(id, &grant);
        let is_fresh = self
            .chrome
            .pages
            .get(&grant.tab)
            .is_some_and(|page| page.is_fresh);
        self.note_grant(grant.tab, grant.reused || is_fresh);
        if let Some(page) = self.chrome.pages.get_mut(&grant.tab) {
            page.lease = Some(id);
            page.served = true;
            page.probed = false;
            page.answered = false;
            page.is_trimmed = false;
            page.idle_since = None;
            page.uses += 1;
            page.is_fresh = false;
        }
        if let Some(request) = self.requests.get_mut(&id) {
            request.lease = Some(grant.tab);
            let timeout = request
                .terms
                .lease_timeout_ms
                .or(whole_of(self.settings.lease_timeout_ms));
            request.ends_at = timeout.map(|timeout| self.now.monotonic_ms + timeout);
            let client = request.client;
            self.notices.push(Notice::Granted { client });
        }
        if grant.reused {
            self.tally.granted_warm += 1;
        } else {
            self.tally.granted_fresh += 1;
        }
    }

    pub(super) fn rejected(&mut self, id: RequestId, error: &PoolError) {
        match self.requests.get(&id) {
            Some(request) if request.lease.is_none() => {}
            _ => return self.fail("ends-once", || format!("{id:?} is rejected, but it has ended")),
        }
        self.check_rejection(error);
        self.check_turned_away(id, error);
        match error {
            PoolError::StandbyUnavailable { .. } => self.tally.unavailable += 1,
            PoolError::Closed => self.tally.closed += 1,
            PoolError::Semaphore(_) => self.tally.semaphore_failed += 1,
            PoolError::AcquireTimeout { .. } | PoolError::TooManyWaiting { .. } => {
                self.tally.turned_away += 1;
            }
        }
        if let Some(request) = self.forget_request(id) {
            self.notices.push(Notice::Rejected {
                client: request.client,
            });
        }
    }

    pub(super) fn ticket_ended(&mut self, id: TicketId, evicted: &[AffinityKey]) {
        match self.tickets.remove(&id) {
            None => self.fail("ends-once", || format!("{id:?} resolves a second time")),
            Some(ticket) => self.check_ticket(&ticket, evicted),
        }
    }

    /// JavaScript runs, and may call the pool.
    pub(super) fn callback(&mut self) {
        if let Some(operation) = self.in_callback.take() {
            self.note(|| format!("  callback: {operation:?}"));
            self.step += 1;
            match operation {
                Operation::CallbackGetsPage { client, affinity } => {
                    self.get_page(client, affinity, Call::new(QueueKind::Module, 0));
                }
                Operation::CallbackDisposes { affinity } => self.dispose(affinity, 1),
                _ => {}
            }
        }
    }
}
