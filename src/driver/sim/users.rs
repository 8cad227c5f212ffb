//! The pool's users.

use super::chrome::{Context, PageState};
use super::operation::{Call, PARTNERS};
use super::world::{Request, Ticket, World};
use crate::pool::{AffinityKey, DisposeOptions, Event, Priority, QueueKind, RequestId, TabId, TicketId};

/// A standby is attempted so often.
const ATTEMPTS: u32 = 3;

impl World {
    /// The name of an affinity.
    #[must_use]
    pub fn key(affinity: u8) -> AffinityKey {
        AffinityKey::from(format!("realm:{affinity}").as_str())
    }

    pub(super) fn get_page(&mut self, client: u8, affinity: u8, call: Call) {
        if self.is_busy(client) {
            return;
        }
        let Some(priority) = Priority::new(call.priority()) else {
            return;
        };
        let request = RequestId(self.next_request);
        self.next_request += 1;
        self.last_call = self.step;
        self.tally.requests += 1;
        let affinity = Self::key(affinity);
        let terms = call.terms();
        self.clients[usize::from(client)] = Some(request);
        self.last_request_of[usize::from(client)] = Some(request);
        self.requests.insert(
            request,
            Request {
                client,
                affinity: affinity.clone(),
                queue: call.queue(),
                priority,
                called: self.step,
                called_at: self.now,
                clock_was_true: !self.clock_stopped,
                lease: None,
                depends: false,
                to_end: false,
                may_end: false,
                asked_at: None,
                ends_at: None,
                terms,
                is_lost: false,
            },
        );
        self.book.note_priority(priority.get());
        self.note_end_of_trim(&affinity);
        let warm = self.warm_hit(&affinity, call.queue());
        let expands = self.must_expand(&affinity, call.queue(), priority);
        let pages = self.pool.current_max_pages();
        let has_page = self.chrome.pages_of(&affinity).next().is_some();
        self.book.newcomer = (self.depth == 0 && !has_page).then_some((request, pages));
        self.handle(Event::GetPage {
            request,
            affinity,
            queue: call.queue(),
            priority,
            terms,
        });
        self.check_waiting(request);
        if let Some(warm) = warm {
            self.check_warm_hit(request, warm);
        }
        if expands && self.pool.current_max_pages() == pages {
            self.fail("expansion", || {
                format!("the semaphore is full for {request:?}, and {pages} pages stay")
            });
        }
    }

    pub(super) fn abort(&mut self, client: u8) {
        let Some(request) = self.clients[usize::from(client)] else {
            return;
        };
        if self.requests[&request].lease.is_some() {
            return;
        }
        self.tally.cancelled += 1;
        self.forget_request(request);
        self.handle(Event::Cancel { request });
    }

    /// The caller's signal is aborted while it holds its lease, which is to end with that.
    pub(super) fn abort_lease(&mut self, client: u8) {
        let Some(request) = self.clients[usize::from(client)] else {
            return;
        };
        if self.requests[&request].lease.is_none() {
            return;
        }
        self.book.closes_asked = true;
        self.note_leases_to_end(|id, _| id == request);
        self.handle(Event::LeaseAborted { request });
    }

    pub(super) fn release(&mut self, client: u8) {
        let Some(request) = self.clients[usize::from(client)] else {
            return;
        };
        let Some(tab) = self.requests[&request].lease else {
            return;
        };
        // Some pages open others, and some of these come to be known late.
        let popups = request.0 % 4;
        self.close_popups(tab);
        (1..popups).for_each(|_| self.open_popup(tab));
        self.end_lease(request);
        let wear = self.before_wear(tab);
        self.handle(Event::Release { request });
        if let Some(wear) = wear {
            self.check_wear(&wear);
        }
        if popups == 3 {
            self.open_popup(tab);
        }
    }

    fn open_popup(&mut self, tab: TabId) {
        if let Some(page) = self.chrome.pages.get_mut(&tab) {
            page.popups += 1;
            self.handle(Event::PopupOpened { tab });
        }
    }

    /// The popups that the pool wants closed go before others come.
    fn close_popups(&mut self, tab: TabId) {
        while let Some(page) = self.chrome.pages.get_mut(&tab)
            && page.popups_closing > 0
        {
            page.popups_closing -= 1;
            page.popups -= 1;
            self.handle(Event::PopupClosed { tab });
        }
    }

    /// The caller has dropped its lease without releasing it.
    pub(super) fn lose_lease(&mut self, client: u8) {
        let Some(id) = self.clients[usize::from(client)] else {
            return;
        };
        let Some(request) = self
            .requests
            .get_mut(&id)
            .filter(|request| request.lease.is_some())
        else {
            return;
        };
        request.is_lost = true;
        self.book.closes_asked = true;
        self.handle(Event::LeaseLost { request: id });
        if self.requests.contains_key(&id) {
            self.fail("lease-lost", || {
                format!("nobody can release {id:?}, and it goes on")
            });
        }
    }

    pub(super) fn extend_lease(&mut self, client: u8, ms: u64) {
        let Some(id) = self.clients[usize::from(client)] else {
            return;
        };
        let now = self.now.monotonic_ms;
        if let Some(request) = self
            .requests
            .get_mut(&id)
            .filter(|request| request.lease.is_some())
        {
            request.ends_at = request.ends_at.map(|ends| ends.max(now + ms));
            self.handle(Event::ExtendLease { request: id, ms });
        }
    }

    /// Only where no deadlock can come of it: one affinity, and a pool with room for its modules.
    pub(super) fn depends(&mut self, client: u8) {
        if client >= PARTNERS || !self.settings.has_room_for_dependents() {
            return;
        }
        let Some(id) = self.clients[usize::from(client)] else {
            return;
        };
        let affinity = self.requests[&id].affinity.clone();
        if self
            .requests
            .values()
            .any(|request| request.depends && request.affinity != affinity)
        {
            return;
        }
        if let Some(request) = self
            .requests
            .get_mut(&id)
            .filter(|request| request.lease.is_some())
        {
            request.depends = true;
        }
    }

    /// True if the client keeps its lease until its partner's call has ended, and that waits. Where a standby may have
    /// failed with all its attempts, the module render may have to queue behind the file render, by contract.
    pub(super) fn waits_for_partner(&self, client: u8) -> bool {
        let waits = |client: u8| self.is_busy(client) && !self.has_lease(client);
        client < PARTNERS
            && self.failed_standbys < ATTEMPTS
            && waits(client + PARTNERS)
            && self.clients[usize::from(client)].is_some_and(|request| self.requests[&request].depends)
    }

    pub(super) fn end_lease(&mut self, id: RequestId) {
        let step = self.step;
        let Some(request) = self.forget_request(id) else {
            return;
        };
        let Some(tab) = request.lease else { return };
        let kept = self.is_page_open(tab);
        if request.queue == QueueKind::File && kept {
            self.file_released.insert(request.affinity.clone(), step);
        }
        let (now, at) = (self.now.wall_ms, self.now.monotonic_ms);
        if let Some(page) = self.chrome.pages.get_mut(&tab) {
            page.lease = None;
            page.released = Some(step);
            page.idle_since = Some(at);
            if page.state != PageState::Closing {
                page.used = Some(now);
                self.book.used.insert(request.affinity, now);
            }
            if page.state == PageState::Lost {
                self.chrome.pages.remove(&tab);
            }
        }
    }

    pub(super) fn forget_request(&mut self, request: RequestId) -> Option<Request> {
        let forgotten = self.requests.remove(&request)?;
        self.clients[usize::from(forgotten.client)] = None;
        self.book.forget_request(request, self.now.wall_ms);
        Some(forgotten)
    }

    pub(super) fn dispose(&mut self, affinity: u8, options: u8) {
        let affinity = Self::key(affinity);
        let options = DisposeOptions {
            await_idle: options & 1 != 0,
            retain_console_errors: options & 2 != 0,
            retain_shared_context: options & 4 != 0,
        };
        self.tally.disposals += 1;
        if options.retain_shared_context {
            self.retained.insert(affinity.clone());
        }
        // From within a callback, what was decided already has not all been performed: who has which tab is not
        // known for certain.
        let (mut tabs, mut contexts) = (Vec::new(), Vec::new());
        if self.depth == 0 {
            tabs.extend(self.chrome.pages_of(&affinity).map(|(tab, _)| tab));
            let of_it = |context: &Context| context.tenant.as_ref() == Some(&affinity);
            contexts.extend(
                self.chrome
                    .contexts
                    .iter()
                    .filter(|at| of_it(at.1))
                    .map(|at| *at.0),
            );
        }
        // Those of pages that went with their browser too, and of pages that are granted just now.
        let of_it = self
            .requests
            .values_mut()
            .filter(|request| request.affinity == affinity);
        of_it.for_each(|request| request.may_end = true);
        if self.depth > 0 {
            let key = Some(&affinity);
            self.chrome
                .pages
                .values_mut()
                .filter(|page| page.affinity.as_ref() == key)
                .for_each(|page| {
                    page.suspect = true;
                });
        }
        for tab in &tabs {
            if let Some(page) = self.chrome.pages.get_mut(tab) {
                page.doomed.get_or_insert(self.step);
            }
        }
        self.note_leases_to_end(|_, tab| tabs.contains(&tab));
        let callbacks = self.note_disposal(&affinity, options.retain_shared_context);
        let ticket = self.ticket(Ticket::Dispose {
            affinity: affinity.clone(),
            await_idle: options.await_idle,
            retain: options.retain_shared_context,
            tabs,
            contexts,
            callbacks,
        });
        self.handle(Event::Dispose {
            ticket,
            affinity,
            options,
        });
        if !options.await_idle && self.tickets.contains_key(&ticket) {
            self.fail("dispose-at-once", || {
                format!("{ticket:?} did not resolve at once with awaitIdle: false")
            });
        }
    }

    pub(super) fn ticket(&mut self, call: Ticket) -> TicketId {
        let ticket = TicketId(self.next_ticket);
        self.next_ticket += 1;
        self.tickets.insert(ticket, call);
        ticket
    }

    pub(super) fn try_expand(&mut self, call: Call) {
        if let Some(priority) = Priority::new(call.priority()) {
            self.book.expansion_asked = true;
            let inputs = self.inputs();
            let before = self.pool.current_max_pages();
            self.pool.try_expand(priority, &inputs);
            let after = self.pool.current_max_pages();
            self.after_event();
            if after > before
                && after > self.expected.burst
                && call.priority() < self.expected.high_priority_threshold
            {
                self.fail("expansion-tier", || {
                    format!("priority {} expanded past the burst", call.priority())
                });
            }
            self.drain();
        }
    }
}
