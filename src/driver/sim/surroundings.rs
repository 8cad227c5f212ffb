//! The pool's surroundings: time, the browser's and the semaphore's answers, and accidents.

use super::chrome::{ContextState, Page, PageState};
use super::operation::{Outcome, Work};
use super::semaphore::Semaphore;
use super::settings::SemaphoreKind;
use super::world::{Notice, Pending, Subject, World};
use crate::pool::{Event, Failure, FailureKind, OperationId, RequestId};

impl World {
    pub(super) fn advance(&mut self, ms: u64) {
        let target = self.now.monotonic_ms + ms;
        let mut spins = 0;
        while let Some(due) = self.pool.poll_timeout().filter(|due| *due <= target) {
            spins = if due > self.now.monotonic_ms { 0 } else { spins + 1 };
            if spins > 100 {
                return self.fail("timer-spins", || {
                    format!("the timeout at {due} is never done with")
                });
            }
            self.move_clock(due);
            let inputs = self.inputs();
            self.pool.handle_timeout(&inputs);
            self.after_event();
            self.drain();
            self.run_microtasks();
            if self.violation.is_some() {
                return;
            }
        }
        self.move_clock(target);
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "differences of virtual milliseconds are small"
    )]
    pub(super) fn move_clock(&mut self, to: u64) {
        let ms = to.saturating_sub(self.now.monotonic_ms);
        self.now.monotonic_ms += ms;
        self.tally.simulated_ms += ms;
        if !self.clock_stopped {
            self.now.wall_ms += ms as f64;
        }
    }

    pub(super) fn distrust_clock(&mut self) {
        for request in self.requests.values_mut() {
            request.clock_was_true = false;
        }
    }

    pub(super) fn crash(&mut self, position: u8) {
        let tab = self
            .chrome
            .pages
            .iter()
            .filter(|(_, page)| page.state == PageState::Open && !page.crashed)
            .map(|(tab, _)| *tab)
            .nth(usize::from(position));
        if let Some(tab) = tab {
            if let Some(page) = self.chrome.pages.get_mut(&tab) {
                page.crashed = true;
            }
            self.handle(Event::TabCrashed { tab });
        }
    }

    pub(super) fn disconnect(&mut self) {
        self.tally.disconnects += 1;
        self.note_death();
        self.chrome.die();
        self.handle(Event::BrowserDisconnected);
    }

    /// The page goes on, but nobody who comes later may have it.
    pub(super) fn spoil(&mut self, position: u8) {
        let fit = |page: &Page| page.state == PageState::Open && !page.crashed;
        let tab = self.chrome.pages.iter().filter(|at| fit(at.1)).map(|at| *at.0);
        let Some(tab) = tab.into_iter().nth(usize::from(position)) else {
            return;
        };
        if let Some(page) = self.chrome.pages.get_mut(&tab) {
            page.doomed.get_or_insert(self.step);
        }
        let why = "is spoilt".to_owned();
        self.handle(Event::TabSpoiled { tab, why });
    }

    pub(super) fn semaphore_fails(&mut self, client: u8) {
        let Some(request) = self.clients[usize::from(client)] else {
            return;
        };
        let Some(semaphore) = self
            .semaphore
            .as_mut()
            .filter(|_| self.settings.semaphore != SemaphoreKind::Prompt)
        else {
            return;
        };
        if semaphore.abandon(request) {
            self.note_lost_tab(request);
            self.handle(Event::SemaphoreFailed {
                request,
                failure: Failure::new(FailureKind::Other, "no"),
            });
        }
    }

    /// Gives free permits to waiters, at once or later.
    pub(super) fn move_permits(&mut self) {
        let prompt = self.settings.semaphore == SemaphoreKind::Prompt;
        while let Some(request) = self.semaphore.as_mut().and_then(Semaphore::grant_next) {
            if prompt {
                let waited = self.semaphore_waits.remove(&request);
                self.handle(Event::SemaphoreAcquired { request, waited });
            } else {
                self.owed.push_back(request);
                self.notices.push(Notice::PermitOwed);
            }
        }
    }

    /// A permit that was on its way is there.
    pub(super) fn permit_arrives(&mut self, request: RequestId) {
        if self.requests.contains_key(&request) {
            self.semaphore_waits.remove(&request);
            self.handle(Event::SemaphoreAcquired {
                request,
                waited: true,
            });
        } else if let Some(semaphore) = &mut self.semaphore
            && semaphore.release(request)
        {
            self.move_permits();
        }
    }

    pub(super) fn end_work(&mut self, kind: Work, pending: Pending, outcome: Outcome) {
        let outcome = self.work_ended(kind, pending, outcome);
        let outer = self.answering.take();
        if matches!(kind, Work::Probe | Work::Page) {
            self.before_answer(pending, outcome);
        }
        let is_asked = !self.unasked.remove(&pending.operation);
        let silent = match pending.subject {
            Subject::Tab(tab) if kind == Work::Ask && is_asked && outcome != Outcome::Done => Some(tab),
            _ => None,
        };
        self.silent.extend(silent);
        self.finished.push_front((kind, pending.operation));
        self.finished.truncate(16);
        let measured = match pending.subject {
            Subject::Tab(tab) if kind == Work::Measure => Some(tab),
            _ => None,
        };
        let wear = measured.and_then(|tab| self.before_wear(tab));
        self.handle(outcome_event(kind, pending.operation, outcome));
        if let Some(wear) = wear {
            self.check_wear(&wear);
        }
        if let Some(answer) = self.answering.take().filter(|answer| answer.failed) {
            self.check_swaps(&answer);
        }
        if let Some(tab) = silent {
            self.silent.pop();
            self.check_silence(tab);
        }
        self.answering = outer;
    }

    /// Brings the fake Chrome up to date; returns how the work really ended.
    pub(super) fn work_ended(&mut self, kind: Work, pending: Pending, outcome: Outcome) -> Outcome {
        match (kind, pending.subject) {
            (Work::Standby, Subject::Standby(context, tab)) => {
                self.failed_standbys += u32::from(outcome != Outcome::Done);
                if let Some(context) = self.chrome.contexts.get_mut(&context) {
                    context.state = ContextState::Open;
                }
                if let Some(page) = self.chrome.pages.get_mut(&tab) {
                    if outcome == Outcome::Done {
                        page.state = PageState::Open;
                        page.opened = self.step;
                    } else {
                        self.chrome.pages.remove(&tab);
                    }
                }
            }
            (Work::Page, Subject::Page(tab)) => match self.chrome.pages.get_mut(&tab) {
                Some(page) if page.state == PageState::Making && outcome == Outcome::Done => {
                    page.state = PageState::Open;
                }
                Some(page) if page.state == PageState::Making => {
                    // Until its context is closed nobody knows whether the page is gone.
                    page.state = PageState::Closing;
                }
                // Chrome died under it: the pool still has to close what it thinks is there.
                _ if outcome == Outcome::Done => return Outcome::BrowserGone,
                _ => {}
            },
            (Work::Probe, Subject::Tab(tab)) => {
                let page = self.chrome.pages.get_mut(&tab);
                let alive = page.is_some_and(|page| {
                    page.probed = true;
                    page.answered = outcome == Outcome::Done;
                    page.state == PageState::Open && !page.crashed
                });
                if outcome != Outcome::Done
                    && let Some(affinity) = self.chrome.pages.get(&tab).and_then(|page| page.affinity.clone())
                {
                    // An unresponsive tab is retired with its context kept.
                    self.retained.insert(affinity);
                }
                if !alive && outcome == Outcome::Done {
                    return Outcome::BrowserGone;
                }
            }
            (Work::Trim, Subject::Tab(tab)) => return self.trim_ended(pending.operation, tab, outcome),
            (Work::Measure, Subject::Tab(tab)) => {
                if let Some(page) = self.chrome.pages.get_mut(&tab) {
                    page.memory_mb = memory_of(outcome);
                }
            }
            (Work::Ask, Subject::Tab(tab)) => {
                let alive = self
                    .chrome
                    .pages
                    .get(&tab)
                    .is_some_and(|page| page.state == PageState::Open && !page.crashed);
                if !alive && outcome == Outcome::Done {
                    return Outcome::BrowserGone;
                }
            }
            (Work::ClosePage, Subject::Tab(tab)) => self.chrome.page_gone(tab, self.step),
            (Work::CloseContext, Subject::Context(context)) => self.chrome.context_gone(context),
            _ => {}
        }
        outcome
    }
}

/// The driver's report.
pub(super) fn outcome_event(kind: Work, operation: OperationId, outcome: Outcome) -> Event {
    let failure = match outcome {
        Outcome::Done => None,
        Outcome::NotReady => Some(Failure::new(FailureKind::TargetNotReady, "502")),
        Outcome::TimedOut => Some(Failure::new(FailureKind::TimedOut, "timed out")),
        Outcome::BrowserGone => Some(Failure::new(FailureKind::Browser, "browser gone")),
        Outcome::Failed => Some(Failure::new(FailureKind::Other, "failed")),
    };
    match (kind, failure) {
        (Work::Standby, None) => Event::StandbyReady { operation },
        (Work::Standby, Some(failure)) => Event::StandbyFailed { operation, failure },
        (Work::Page, None) => Event::PageOpened { operation },
        (Work::Page, Some(failure)) => Event::PageOpenFailed { operation, failure },
        (Work::Probe | Work::Ask, None) => Event::ProbeAnswered { operation },
        (Work::Probe | Work::Ask, Some(failure)) => Event::ProbeFailed { operation, failure },
        (Work::Measure, _) => Event::MemoryMeasured {
            operation,
            memory_mb: memory_of(outcome),
        },
        (Work::Trim, failure) => Event::Trimmed {
            operation,
            answered: failure.is_none(),
        },
        (Work::ClosePage, failure) => Event::PageClosed { operation, failure },
        (Work::CloseContext, failure) => Event::ContextClosed { operation, failure },
        (Work::Notify, _) => Event::ManagerNotified { operation },
        (Work::CleanUp, failure) => Event::UserDataDirsCleaned { operation, failure },
    }
}

/// A renderer's memory, MB: little, more or much, or that it cannot be known.
pub(super) fn memory_of(outcome: Outcome) -> Option<u64> {
    match outcome {
        Outcome::Done => Some(64),
        Outcome::NotReady => Some(256),
        Outcome::TimedOut => Some(1024),
        Outcome::BrowserGone | Outcome::Failed => None,
    }
}
