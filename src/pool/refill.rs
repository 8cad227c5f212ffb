//! Making standbys: how many are wanted, one attempt after another, and what those who wait get of them.

use super::defects::{Defect, planted};
use std::collections::{BTreeMap, BTreeSet};

use super::context::{Context, ContextState, Lateness};
use super::request::{Request, RequestState};
use super::tab::{LastUsed, Tab, TabState};
use super::waiters::Place;
use super::{
    BrowserAction, ContextId, Deadline, Failure, FailureKind, LogLevel, Occurrence, Operation, Pool,
    Priority, QueueKind, RequestId, Rounds, TabId, TicketId,
};

const ATTEMPTS: u32 = 3;
const FIRST_PAUSE_MS: u64 = 500;
const LONGEST_PAUSE_MS: u64 = 4_000;

/// One wanted standby, with its attempts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct JobId(pub(super) u64);

#[derive(Debug)]
struct Job {
    attempts: u32,
    /// When the last attempt began, on the monotonic clock.
    began: u64,
    state: JobState,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum JobState {
    Making,
    /// Waits to be tried again, until then: not being made.
    Paused {
        until: u64,
    },
    Due,
}

/// The refill under way, if any.
#[derive(Debug, Default)]
pub(super) struct Refill {
    /// Somebody asked for the wanted standbys, and they are not all there yet.
    kicked: bool,
    /// The last refill ended for want of a slot.
    blocked: bool,
    jobs: BTreeMap<JobId, Job>,
    pub(super) making: usize,
    /// A standby could not be made with all its attempts: no further one is begun before all others under way have
    /// ended too, so that those who wait hear of it however many more come.
    gave_up: bool,
    /// The priority of a request that has taken a standby in this turn, and for which the pool was not expanded: the
    /// next standby is a reason to expand rather than to close something.
    on_behalf_of: Option<Priority>,
    /// Why the last attempt failed, unless one has gone well since.
    last_failure: Option<Failure>,
    tickets: Vec<TicketId>,
}

impl Refill {
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Who took what in this turn is no reason for anything in the next.
    pub(super) fn end_of_turn(&mut self) {
        self.on_behalf_of = None;
    }

    /// The standbys that an attempt is under way for.
    pub(super) fn jobs_making(&self) -> BTreeSet<JobId> {
        let making = self.jobs.iter().filter(|at| at.1.state == JobState::Making);
        making.map(|at| *at.0).collect()
    }

    /// The standbys that are to be tried again, and when.
    pub(super) fn pauses(&self) -> impl Iterator<Item = (JobId, u64)> + '_ {
        self.jobs.iter().filter_map(|(&id, job)| match job.state {
            JobState::Paused { until } => Some((id, until)),
            _ => None,
        })
    }

    /// While somebody waits for its end or further attempts are held back for it, something of it is left to be done,
    /// or a slot that is on its way lets it go on.
    pub(super) fn is_at_rest_or_goes_on(&self, slot_is_coming: bool) -> bool {
        let at_rest = self.tickets.is_empty() && !self.gave_up;
        self.on_behalf_of.is_none()
            && (at_rest || self.kicked || !self.jobs.is_empty() || slot_is_coming && !self.gave_up)
    }

    pub(super) fn take_tickets(&mut self) -> Vec<TicketId> {
        std::mem::take(&mut self.tickets)
    }
}

impl Pool {
    /// Nothing more is begun; what is being made ends by itself.
    pub(super) fn wind_down_refill(&mut self) {
        self.refill.kicked = false;
        self.refill.blocked = false;
        let deadlines = &mut self.deadlines;
        self.refill.jobs.retain(|&id, job| {
            if let JobState::Paused { until } = job.state {
                deadlines.remove(&(until, Deadline::Retry(id)));
            }
            job.state == JobState::Making
        });
    }

    /// True if somebody waits for a standby, or for all of them.
    pub(super) fn is_refill_awaited(&self) -> bool {
        !self.waiting.is_empty() || !self.refill.tickets.is_empty()
    }

    pub(super) fn kick_refill(&mut self) {
        if self.shutdown.is_none() {
            self.refill.kicked = true;
            self.refill.blocked = false;
            self.dirty = true;
        }
    }

    /// The request has taken a standby, or a slot for its orphan.
    pub(super) fn refill_after(&mut self, id: RequestId) {
        if let Some(request) = self.requests.get(&id).filter(|request| !request.expanded) {
            let priority = Some(request.priority());
            self.refill.on_behalf_of = self.refill.on_behalf_of.max(priority);
        }
        self.kick_refill();
    }

    pub(super) fn warm_standbys(&mut self, ticket: TicketId) {
        self.refill.tickets.push(ticket);
        self.refill.gave_up = false;
        self.kick_refill();
    }

    /// How many standbys there should be, made or in the making.
    pub(super) fn wanted_standbys(&self) -> usize {
        if !self.can_make_standby() {
            return 0;
        }
        // Contexts that do not close hold a slot like bound tabs do.
        let idle = self.standbys.len() + self.refill.making + self.counts.freeing;
        let bound = self.counts.alive.saturating_sub(idle);
        (self.target_pages() as usize)
            .saturating_sub(bound)
            .max(1)
            .max(self.waiting.len())
            + if planted(Defect::TooManyStandbys) { 2 } else { 0 }
    }

    /// Hands out what is there: slots for orphans, and standbys, to those who wait, by place.
    pub(super) fn serve_waiters(&mut self) {
        let mut free = self.free_slots();
        let mut last: Option<Place> = None;
        while let Some((place, id)) = self.waiting.after(last) {
            // Whoever was sent away from this queue meanwhile may have taken a slot.
            free = free.min(self.free_slots());
            if free == 0 && self.standbys.is_empty() {
                return;
            }
            last = Some(place);
            let Some(request) = self.requests.get(&id) else {
                continue;
            };
            let RequestState::Pool { yielding } = request.state else {
                continue;
            };
            let orphan = self
                .openable_orphan(request.affinity)
                .filter(|_| self.may_still_yield(yielding));
            if let Some(orphan) = orphan {
                if free > 0 {
                    free -= 1;
                    self.open_orphan(id, orphan);
                } else if !self.is_freeing(yielding) {
                    self.make_standby_yield(id);
                }
            } else if let Some(standby) = self.next_standby() {
                self.adopt(id, standby);
            } else {
                // The slot is for a standby in the making for this one.
                free -= 1;
            }
        }
    }

    /// True if the standby that gives way for a request has not got stuck on its way out.
    fn may_still_yield(&self, yielding: Option<ContextId>) -> bool {
        yielding
            .and_then(|id| self.contexts.get(&id))
            .is_none_or(|context| context.lateness == Lateness::InTime)
    }

    fn is_freeing(&self, yielding: Option<ContextId>) -> bool {
        yielding.is_some_and(|id| self.contexts.contains_key(&id))
    }

    /// Closes the newest standby so that the request's orphan gets its slot.
    fn make_standby_yield(&mut self, id: RequestId) {
        let Some(&newest) = self.standbys.last() else {
            return;
        };
        let yielding = self.close_standby(newest);
        if let Some(request) = self.requests.get_mut(&id) {
            request.state = RequestState::Pool { yielding };
        }
    }

    /// For how many of those who wait in the pool's own queue something is on its way.
    pub(super) fn coming(&self) -> usize {
        let free = if self.can_make_standby() {
            self.free_slots()
        } else {
            0
        };
        self.refill.making + self.counts.freeing + free + self.standbys.len()
    }

    /// Sees to it that something comes for everybody who waits: by closing idle tabs, by expansion, by
    /// migration; where nothing can come, they are told so.
    pub(super) fn make_room_for_waiters(&mut self) {
        // How many wait for a tab that may move, where none may now.
        let mut patient = 0;
        let mut rounds = Rounds::default();
        loop {
            rounds.begin("making room");
            let can_make = self.can_make_standby();
            let coming = self.coming() + patient;
            if self.waiting.len() <= coming {
                return;
            }
            let Some((place, id)) = self.waiting.nth(coming) else {
                return;
            };
            let room = "every slot is taken and a request waits";
            let migrates = self.config.migration_allowed() && !self.donors.is_empty();
            // Nothing is closed, and nothing moves, where one more page is to be had.
            let orphan = self
                .requests
                .get(&id)
                .and_then(|request| self.openable_orphan(request.affinity));
            if (can_make || orphan.is_some())
                && !planted(Defect::ClosesBeforeExpanding)
                && self.expand_for(id, room)
            {
                if can_make {
                    continue;
                }
                // The slot is its orphan's, which is opened in the next round.
                return;
            }
            // Where tabs may move, an idle one moves instead of being closed.
            if can_make && !migrates && self.evict("to make room") {
                continue;
            }
            if can_make && self.expand(place.priority(), room) {
                continue;
            }
            if migrates || !can_make {
                self.choose_without_standby(id, None);
                patient += usize::from(self.requests.get(&id).is_some_and(Request::waits_in_pool));
                continue;
            }
            self.tell_that_none_is_coming();
            return;
        }
    }

    /// Says once, as long as it lasts, that callers wait for contexts that do not close.
    fn tell_that_none_is_coming(&mut self) {
        if self.counts.stuck > 0 && !self.stuck_warned {
            self.stuck_warned = true;
            let message = format!(
                "{} requests wait for a slot; of the {} contexts alive {} do not close",
                self.waiting.len(),
                self.counts.alive,
                self.counts.stuck
            );
            self.log(LogLevel::Warn, message);
        }
    }

    /// Begins what attempts may begin now, and ends the refill when it has nothing left to do.
    pub(super) fn run_refill(&mut self) {
        let mut rounds = Rounds::default();
        while self.refill.making < self.config.standby_concurrency as usize {
            rounds.begin("a refill");
            if !self.can_make_standby() {
                self.wind_down_refill();
                break;
            }
            let wanted = self.wanted_standbys();
            let there = self.standbys.len() + self.refill.jobs.len();
            let due = self
                .refill
                .jobs
                .iter()
                .find(|(_, job)| job.state == JobState::Due)
                .map(|(&id, _)| id);
            // Without a refill that was asked for, only those who wait need any.
            let needed = if self.refill.kicked {
                wanted
            } else {
                self.waiting.len()
            };
            let more = !self.refill.gave_up && there < needed;
            match due {
                Some(job) if there > wanted => {
                    self.refill.jobs.remove(&job);
                    continue;
                }
                None if !more => break,
                _ => {}
            }
            if self.free_slots() == 0 {
                let freeing = self.counts.freeing > 0;
                let needs_one =
                    self.standbys.is_empty() && self.refill.making == 0 && self.waiting.is_empty();
                if !freeing && needs_one && self.expand_for_refill() {
                    continue;
                }
                let on_its_way = freeing
                    || (needs_one && self.evict("to make room for a standby"))
                    || self.counts.closing > 0;
                if on_its_way {
                    return;
                }
                // Nothing frees a slot now.
                self.refill.blocked = true;
                if let Some(job) = due {
                    self.refill.jobs.remove(&job);
                    continue;
                }
                self.refill.kicked = false;
                break;
            }
            self.start_attempt(due);
        }
        if planted(Defect::WarmTooEarly) {
            self.answer_warm_tickets();
        }
        let over =
            !self.refill.kicked || self.refill.gave_up || self.standbys.len() >= self.wanted_standbys();
        if over && self.refill.jobs.is_empty() {
            self.end_refill();
        }
    }

    /// Every page is bound: a request that has taken the last standby has the pool expanded before anything is closed
    /// for the next.
    fn expand_for_refill(&mut self) -> bool {
        let priority = self.refill.on_behalf_of.take();
        priority.is_some_and(|priority| {
            !planted(Defect::ClosesBeforeExpanding)
                && self.expand(priority, "every page is bound and the last standby was taken")
        })
    }

    /// Nothing is left to do, or no more can be made.
    fn end_refill(&mut self) {
        self.refill.kicked = false;
        // Those who wait on get attempts of their own.
        self.dirty |= std::mem::take(&mut self.refill.gave_up);
        self.answer_warm_tickets();
    }

    pub(super) fn answer_warm_tickets(&mut self) {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let (ready, wanted) = (count(self.standbys.len()), count(self.wanted_standbys()));
        for ticket in self.refill.take_tickets() {
            self.act(super::Action::StandbysWarm {
                ticket,
                ready,
                wanted,
                last_error: self.refill.last_failure.clone(),
            });
        }
    }

    fn start_attempt(&mut self, due: Option<JobId>) {
        let job_id = due.unwrap_or_else(|| JobId(self.fresh()));
        let job = self.refill.jobs.entry(job_id).or_insert(Job {
            attempts: 0,
            began: 0,
            state: JobState::Making,
        });
        job.attempts += 1;
        job.began = self.now.monotonic_ms;
        job.state = JobState::Making;
        self.refill.making += 1;
        let context = ContextId(self.fresh());
        let tab = TabId(self.fresh());
        let now = LastUsed(self.now.wall_ms);
        let mut entry = Context::new(ContextState::Standby { tab }, now);
        entry.tabs.push(tab);
        self.contexts.insert(context, entry);
        self.recount(context);
        self.tabs.insert(tab, Tab::new(context, TabState::Creating, now));
        let operation = self.start(Operation::CreateStandby {
            job: job_id,
            context,
            tab,
        });
        self.browse(BrowserAction::CreateStandby {
            operation,
            context,
            tab,
        });
    }

    pub(super) fn standby_ready(&mut self, job: JobId, tab_id: TabId) {
        self.note_attempt(job, tab_id, None);
        self.refill.making -= 1;
        self.refill.jobs.remove(&job);
        if self.refill.last_failure.take().is_some() && self.config.tells_failures_once {
            self.log(LogLevel::Info, "standby pages are ready again".to_owned());
        }
        let Some(tab) = self.tabs.get_mut(&tab_id) else {
            return;
        };
        tab.state = TabState::Standby;
        self.standbys.insert(tab_id);
        self.dirty = true;
        if self.shutdown.is_some() {
            self.close_standby(tab_id);
        }
    }

    /// An attempt at a standby has ended.
    fn note_attempt(&mut self, job: JobId, tab: TabId, failure: Option<Failure>) {
        // One whose pool was closed meanwhile is no job any more.
        let job = self.refill.jobs.get(&job);
        let (attempt, began) = job.map_or((ATTEMPTS, self.now.monotonic_ms), |job| (job.attempts, job.began));
        self.note(Occurrence::Standby {
            tab,
            attempt,
            took_ms: self.now.monotonic_ms.saturating_sub(began),
            failure,
        });
    }

    pub(super) fn standby_failed(
        &mut self,
        job_id: JobId,
        context: ContextId,
        tab: TabId,
        failure: &Failure,
    ) {
        self.note_attempt(job_id, tab, Some(failure.clone()));
        self.refill.making -= 1;
        self.discard_context(context);
        let attempts = self.refill.jobs.get(&job_id).map_or(ATTEMPTS, |job| job.attempts);
        let level = match failure.kind {
            FailureKind::BrowserStopped => LogLevel::Debug,
            _ if self.config.tells_failures_once => self.level_of_news(failure),
            FailureKind::TargetNotReady => LogLevel::Debug,
            _ => LogLevel::Error,
        };
        self.refill.last_failure = Some(failure.clone());
        let once = if self.config.tells_failures_once && level != LogLevel::Debug {
            "; told once until that changes"
        } else {
            ""
        };
        let message = format!(
            "attempt {attempts} of {ATTEMPTS} at a standby page failed: {}{once}",
            failure.message
        );
        self.log(level, message);
        self.dirty = true;
        if self.shutdown.is_some() {
            self.refill.jobs.remove(&job_id);
        } else if failure.kind == FailureKind::BrowserStopped && !self.is_refill_awaited() {
            self.refill.jobs.remove(&job_id);
            self.wind_down_refill();
        } else if attempts < ATTEMPTS {
            let pause = (FIRST_PAUSE_MS << (attempts - 1)).min(LONGEST_PAUSE_MS);
            self.pause(job_id, attempts, pause);
        } else {
            self.refill.jobs.remove(&job_id);
            self.refill.gave_up = true;
            if self.refill.jobs.is_empty() {
                self.end_refill();
                self.fail_waiters(failure);
            }
        }
    }

    /// What fails as the last attempt did is no news.
    fn level_of_news(&self, failure: &Failure) -> LogLevel {
        let is_known = self.refill.last_failure.as_ref().is_some_and(|last| {
            // That a page was late is told with its id.
            last.kind == failure.kind
                && (failure.kind == FailureKind::TimedOut || last.message == failure.message)
        });
        match failure.kind {
            _ if is_known => LogLevel::Debug,
            FailureKind::TargetNotReady => LogLevel::Warn,
            _ => LogLevel::Error,
        }
    }

    /// The job's next attempt comes after so many ms.
    fn pause(&mut self, id: JobId, attempts: u32, ms: u64) {
        let until = self.now.monotonic_ms.saturating_add(ms);
        let state = JobState::Paused { until };
        self.refill.jobs.insert(
            id,
            Job {
                attempts,
                began: 0,
                state,
            },
        );
        self.deadlines.insert((until, Deadline::Retry(id)));
    }

    pub(super) fn retry_due(&mut self, job: JobId) {
        if let Some(job) = self
            .refill
            .jobs
            .get_mut(&job)
            .filter(|_| !planted(Defect::RetryForgotten))
        {
            job.state = JobState::Due;
            self.dirty = true;
        }
    }

    /// No standby could be made: whoever waits for one goes on with the next possibility. A module or command render
    /// does not queue behind a `file` lease of its own affinity, which may be waiting for it: it waits on, and there
    /// will be more attempts.
    fn fail_waiters(&mut self, failure: &Failure) {
        let waiting: Vec<RequestId> = self.waiting.iter().map(|at| at.1).collect();
        let ready = self.standbys.len();
        let mut someone_stays = false;
        for id in waiting.into_iter().skip(ready) {
            let Some(request) = self.requests.get(&id) else {
                continue;
            };
            if !matches!(request.state, RequestState::Pool { .. }) {
                continue;
            }
            // The slot that frees is for its orphan.
            let orphan = self.openable_orphan(request.affinity).is_some();
            let stays = request.queue != QueueKind::File
                && self
                    .affinity(request.affinity)
                    .is_some_and(|affinity| self.is_behind_a_file(affinity));
            someone_stays |= stays;
            if !orphan && !stays {
                self.choose_without_standby(id, Some(failure));
            }
        }
        if someone_stays {
            let job = JobId(self.fresh());
            self.pause(job, 0, LONGEST_PAUSE_MS);
        }
    }
}
