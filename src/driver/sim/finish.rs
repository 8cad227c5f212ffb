//! The end of every simulation: nothing fails any more, so everything that waits must end, an idle pool must
//! contract, and after `closeAll` nothing may be alive.

use super::chrome::{Page, PageState};
use super::operation::{Call, Operation, Outcome, Work};
use super::world::{Pending, Violation, World};
use crate::pool::QueueKind;

/// In this much virtual time all that waits must have ended: many times the longest chain of retries.
const PATIENCE_MS: u64 = 300_000;

/// Less than a trim may take.
const SOON_MS: u64 = 1_000;

/// The client that comes when all others have gone.
const LATECOMER: u8 = 255;

impl World {
    /// Lets everything end, contracts, closes, and uses the pool once more.
    ///
    /// # Errors
    ///
    /// The rule that was violated.
    pub fn finish(&mut self) -> Result<(), Violation> {
        self.in_callback = None;
        self.apply(Operation::Instant { kinds: 0 })?;
        self.apply(Operation::ClockStops { stopped: false })?;
        self.settle_around_hung_closes()?;
        self.settle(&[])?;
        self.expect_all_told()?;
        self.expect_trims()?;
        self.apply(Operation::Warm)?;
        self.settle(&[])?;
        self.expect_standbys()?;
        self.expect_contraction()?;
        self.close_and_expect_nothing()?;
        self.expect_use_after_close()?;
        self.close_and_expect_nothing()
    }

    /// Closes that hang take slots. While one slot is left, nobody waits for ever; and disposals end in any case.
    /// What went with its browser has nobody left whose answer could be waited for: its close ends.
    fn settle_around_hung_closes(&mut self) -> Result<(), Violation> {
        let hung: Vec<Pending> = [Work::ClosePage, Work::CloseContext]
            .into_iter()
            .flat_map(|kind| self.pending[kind.index()].iter().copied())
            .filter(|pending| self.chrome.has(pending.subject))
            .collect();
        let mut slots = 0;
        for pending in &hung {
            slots += usize::from(self.may_take_slot(pending.subject));
        }
        if hung.is_empty() {
            return Ok(());
        }
        self.requests_may_wait = slots > self.pool.current_max_pages() as usize;
        self.settle(&hung)
    }

    /// Ends all work and all leases, but not what is in `hung`, until nobody waits any more.
    fn settle(&mut self, hung: &[Pending]) -> Result<(), Violation> {
        let deadline = self.elapsed_ms() + PATIENCE_MS;
        loop {
            if self.settle_once(hung)? {
                continue;
            }
            let waits = if hung.is_empty() {
                self.is_anyone_waiting()
            } else {
                !self.requests_may_wait && self.is_any_request_waiting() || self.is_any_teardown_waiting()
            };
            if !waits {
                return Ok(());
            }
            let Some(due) = self.next_timeout().filter(|due| *due < deadline) else {
                let state = self.describe();
                self.fail("liveness", || format!("somebody waits for ever: {state}"));
                return self.take_violation().map_or(Ok(()), Err);
            };
            self.advance_to(due)?;
        }
    }

    /// One round; whether there was anything to do.
    fn settle_once(&mut self, hung: &[Pending]) -> Result<bool, Violation> {
        let mut busy = false;
        // A trim that hangs is in nobody's way.
        for kind in Work::ALL.into_iter().filter(|kind| *kind != Work::Trim) {
            let mut position = 0;
            while let Some(pending) = self.pending[kind.index()].get(usize::from(position)) {
                if hung.iter().any(|hung| hung.operation == pending.operation) {
                    position += 1;
                    continue;
                }
                busy = true;
                self.apply(Operation::Complete {
                    kind,
                    position,
                    outcome: Outcome::Done,
                })?;
            }
        }
        while self.owes_permits() {
            busy = true;
            self.apply(Operation::SemaphoreGrants)?;
        }
        while self
            .semaphore
            .as_ref()
            .is_some_and(|semaphore| semaphore.outsiders() > 0)
        {
            busy = true;
            self.apply(Operation::OutsiderReleases)?;
        }
        for client in 0..=u8::MAX {
            if self.has_lease(client) && !(hung.is_empty() && self.waits_for_partner(client)) {
                busy = true;
                self.apply(Operation::Release { client })?;
            }
        }
        Ok(busy)
    }

    fn advance_to(&mut self, moment: u64) -> Result<(), Violation> {
        loop {
            let ms = moment.saturating_sub(self.elapsed_ms());
            self.apply(Operation::Advance {
                ms: u16::try_from(ms).unwrap_or(u16::MAX),
            })?;
            if self.elapsed_ms() >= moment {
                return Ok(());
            }
        }
    }

    /// The pool has as many standbys as it wants.
    fn expect_standbys(&mut self) -> Result<(), Violation> {
        let open = || {
            self.chrome
                .pages
                .values()
                .filter(|page| page.state == PageState::Open && !page.crashed)
        };
        let standbys = open().filter(|page| page.affinity.is_none()).count();
        let bound = open().filter(|page| page.affinity.is_some()).count();
        let current = self.pool.current_max_pages() as usize;
        let wanted = match current.saturating_sub(bound) {
            _ if self.settings.disable_standby_refill && bound > 0 => return Ok(()),
            0 => 1,
            missing => missing,
        };
        // More than wanted are kept once they are made: a page may have come to stand in an orphan meanwhile.
        if standbys < wanted {
            let state = self.describe();
            self.fail("standbys", || {
                format!("{standbys} standbys, and {wanted} are wanted: {state}")
            });
        }
        self.take_violation().map_or(Ok(()), Err)
    }

    /// Every tab that idles is trimmed, whatever trims hang, and then nothing is left to be done about it.
    fn expect_trims(&mut self) -> Result<(), Violation> {
        let Some(least) = self.idle_trim_ms() else {
            return Ok(());
        };
        let pages = self.chrome.pages.len() as u64;
        // The longest pause of a tenant that comes regularly, and what a trim may take, for each of them.
        let deadline = self.elapsed_ms() + 10 * least + (pages + 1) * 6_000;
        while self.next_timeout().is_some() && self.elapsed_ms() < deadline {
            let before = self.trim.map(|trim| trim.operation);
            self.advance_to(self.elapsed_ms() + SOON_MS)?;
            self.settle(&[])?;
            // Those that hung before stay so.
            while let Some(trim) = self.trim.filter(|trim| Some(trim.operation) != before)
                && let Some(step) = self.complete(Work::Trim, trim.operation, Outcome::Done)
            {
                self.apply(step)?;
            }
        }
        let asks = self.asks_at_release();
        let is_left = |page: &Page| {
            page.is_live() && page.idle_since.is_some() && !page.is_trimmed && (page.answered || !asks)
        };
        if let Some(tab) = self.chrome.pages.iter().find(|at| is_left(at.1)).map(|at| *at.0) {
            let state = self.describe();
            self.fail("trim", || format!("{tab:?} idles and is not trimmed: {state}"));
        }
        self.take_violation().map_or(Ok(()), Err)
    }

    /// An idle pool goes back to its fewest pages; a fixed one has no timer.
    fn expect_contraction(&mut self) -> Result<(), Violation> {
        if !self.expected.is_dynamic() {
            if let Some(due) = self.next_timeout() {
                self.fail("timers", || {
                    format!("an idle fixed pool wants to be woken at {due}")
                });
            }
            return self.take_violation().map_or(Ok(()), Err);
        }
        let tick = self.settings.contraction_tick_ms.unwrap_or(0.0).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        let round = self.expected.contraction_ms + 2 * (tick as u64).max(self.expected.contraction_ms);
        for _ in 0..=self.expected.high_priority_max - self.expected.min {
            self.advance_to(self.elapsed_ms() + round)?;
            self.settle(&[])?;
        }
        let pages = self.pool.current_max_pages();
        if pages != self.expected.min {
            let state = self.describe();
            self.fail("contraction", || {
                format!("the idle pool stays at {pages} pages: {state}")
            });
        }
        self.take_violation().map_or(Ok(()), Err)
    }

    fn close_and_expect_nothing(&mut self) -> Result<(), Violation> {
        self.apply(Operation::CloseAll)?;
        self.settle(&[])?;
        let timeout = self.next_timeout();
        let rows = self.pool.queue_depth_snapshot().affinities.len()
            + self.pool.shared_context_snapshot().entries.len()
            + self.pool.warm_affinities().len();
        if !self.chrome.contexts.is_empty() || !self.chrome.pages.is_empty() || timeout.is_some() || rows > 0
        {
            let state = self.describe();
            self.fail("closed", || {
                format!("after closeAll something is left; timeout {timeout:?}, {rows} rows: {state}")
            });
        }
        self.check_all_told();
        self.take_violation().map_or(Ok(()), Err)
    }

    fn expect_all_told(&mut self) -> Result<(), Violation> {
        self.check_all_told();
        self.take_violation().map_or(Ok(()), Err)
    }

    fn expect_use_after_close(&mut self) -> Result<(), Violation> {
        let before = self.tally().granted_fresh;
        let call = Call::new(QueueKind::File, 0);
        self.apply(Operation::GetPage {
            client: LATECOMER,
            affinity: 0,
            call,
        })?;
        self.settle(&[])?;
        if self.tally().granted_fresh != before + 1 {
            let state = self.describe();
            self.fail("closed", || {
                format!("the pool cannot be used after closeAll: {state}")
            });
        }
        self.take_violation().map_or(Ok(()), Err)
    }

    /// The state of everything, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let current = self.pool.current_max_pages();
        format!(
            "{current} pages; requests {:?}; tickets {:?}; contexts {:?}; pages {:?}; work {:?}; semaphore {:?}; \
             next timeout {:?}; pool {:#?}",
            self.requests,
            self.tickets,
            self.chrome.contexts,
            self.chrome.pages,
            self.pending,
            self.semaphore,
            self.next_timeout(),
            self.pool,
        )
    }
}
