//! How many pages there are: expansion in both tiers, and contraction of an idle pool.

use super::defects::{Defect, planted};
use super::dispose::TeardownOptions;
use super::{Action, EvictionReason, Inputs, LogLevel, Now, Occurrence, Pool, Priority, RequestId};

/// Contraction under way or under consideration.
#[derive(Debug, Default)]
pub(super) struct Contraction {
    next_tick: Option<u64>,
    /// When the pool was first seen idle, or last expanded or contracted since then, on the wall clock.
    idle_since: Option<f64>,
    /// A slot is being dropped: the number changes when its context has closed, so that there are never more
    /// contexts than pages + 1.
    pub(super) pending: bool,
}

impl Contraction {
    pub(super) fn new(tick: Option<u64>, now: Now) -> Self {
        Self {
            next_tick: tick.map(|tick| now.monotonic_ms.saturating_add(tick)),
            idle_since: None,
            pending: false,
        }
    }

    pub(super) fn note_use(&mut self) {
        self.idle_since = None;
    }

    /// An idle pool that was expanded is not idle for too long before the threshold has passed from then on.
    fn note_expansion(&mut self, wall_ms: f64) {
        self.pending = false;
        if !planted(Defect::ExpansionNotCounted) {
            self.idle_since = self.idle_since.map(|_| wall_ms);
        }
    }

    pub(super) fn next_tick(&self) -> Option<u64> {
        self.next_tick
    }

    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }
}

impl Pool {
    /// Adds one page if the envelope, the semaphore and the priority's tier allow it.
    pub fn try_expand(&mut self, priority: Priority, inputs: &Inputs) -> bool {
        self.observe(inputs);
        let expanded = self.expand(priority, "asked to");
        self.advance();
        expanded
    }

    /// [`Self::try_expand`], only if the render semaphore is full.
    pub fn maybe_expand_under_saturation(&mut self, priority: Priority, inputs: &Inputs) -> bool {
        self.observe(inputs);
        let expanded = self.expand_under_saturation(priority);
        self.advance();
        expanded
    }

    pub(super) fn expand_under_saturation(&mut self, priority: Priority) -> bool {
        self.semaphore_full
            && !planted(Defect::NotExpanded)
            && self.expand(priority, "the render semaphore is full")
    }

    fn is_high_priority(&self, priority: Priority) -> bool {
        priority.get() >= self.config.high_priority_threshold
    }

    /// True if a request of this priority could have the pool expanded.
    pub(super) fn can_expand(&self, priority: Priority) -> bool {
        let ceiling = if self.is_high_priority(priority) || planted(Defect::BurstForEverybody) {
            self.config.high_priority_max_pages
        } else {
            self.config.burst_pages
        };
        self.config.is_dynamic()
            && self.config.semaphore_can_grow
            && self.shutdown.is_none()
            && self.current < ceiling
    }

    pub(super) fn expand(&mut self, priority: Priority, why: &str) -> bool {
        if !self.can_expand(priority) {
            return false;
        }
        let old = self.current;
        self.contraction.note_expansion(self.now.wall_ms);
        self.set_current(old + 1);
        if self.semaphore_waiting == 0 {
            self.semaphore_full = false;
        }
        let tier = if self.is_high_priority(priority) {
            "high-priority"
        } else {
            "burst"
        };
        let message = format!(
            "expanded from {old} to {} pages (tier {tier}, priority {}): {why}",
            old + 1,
            priority.get()
        );
        self.log(LogLevel::Info, message);
        self.note(Occurrence::Expanded {
            from: old,
            priority,
            why: why.to_owned(),
        });
        true
    }

    /// [`Self::expand`] for a request that has no tab, once: one page more is a tab for it.
    pub(super) fn expand_for(&mut self, id: RequestId, why: &str) -> bool {
        let Some(request) = self.requests.get(&id).filter(|request| !request.expanded) else {
            return false;
        };
        let expanded = self.expand(request.priority(), why);
        if let Some(request) = self.requests.get_mut(&id) {
            request.expanded = expanded;
        }
        expanded
    }

    fn set_current(&mut self, pages: u32) {
        self.current = pages;
        self.dirty = true;
        if self.config.semaphore_can_grow && !planted(Defect::SemaphoreNotResized) {
            self.act(Action::SetSemaphoreCapacity { capacity: pages });
        }
    }

    /// The number of pages once the contraction that is under way has ended.
    pub(super) fn target_pages(&self) -> u32 {
        self.current - u32::from(self.contraction.pending)
    }

    /// A use after `closeAll` starts the timer again.
    pub(super) fn arm_contraction(&mut self) {
        if self.config.is_dynamic() && self.contraction.next_tick.is_none() && self.shutdown.is_none() {
            self.contraction = Contraction::new(Some(self.config.contraction_tick_ms), self.now);
        }
    }

    pub(super) fn contraction_tick(&mut self) {
        let Some(tick) = self.contraction.next_tick else {
            return;
        };
        let now = self.now.monotonic_ms;
        if tick > now {
            return;
        }
        let next = tick.saturating_add(self.config.contraction_tick_ms);
        let next = if next > now {
            next
        } else {
            now.saturating_add(self.config.contraction_tick_ms)
        };
        self.contraction.next_tick = Some(next);
        if self.current <= self.config.min_pages || self.is_busy() && !planted(Defect::ContractionInUse) {
            self.contraction.idle_since = None;
            return;
        }
        let wall = self.now.wall_ms;
        match self.contraction.idle_since {
            Some(since) if since <= wall => {
                let early = if planted(Defect::ContractsTooEarly) {
                    2.0
                } else {
                    1.0
                };
                if wall - since >= self.config.contraction_threshold_ms / early
                    && !planted(Defect::NoContraction)
                    && !self.contraction.pending
                {
                    self.contract();
                }
            }
            // First seen idle, or the clock went back.
            _ => self.contraction.idle_since = Some(wall),
        }
    }

    fn is_busy(&self) -> bool {
        !self.requests.is_empty() || self.semaphore_busy || self.shutdown.is_some()
    }

    fn contract(&mut self) {
        let wall = self.now.wall_ms;
        if let Some(&newest) = self.standbys.last() {
            self.contraction.pending = true;
            self.close_standby(newest);
        } else if let Some(&(_, id)) = self.idle_affinities.first() {
            self.contraction.pending = true;
            self.log(
                LogLevel::Info,
                format!(
                    "closing the tabs of {}, least recently used, to contract",
                    self.key_of(id)
                ),
            );
            self.note_eviction(id, EvictionReason::Contraction);
            self.tear_down_unattended(
                id,
                TeardownOptions {
                    refill: false,
                    ..TeardownOptions::EVICT
                },
            );
        } else if self.current as usize > self.counts.alive {
            self.contraction.pending = true;
        } else {
            return;
        }
        self.contraction.idle_since = Some(wall);
    }

    /// Lowers the number once there is no context too many for it; gives up on that when the pool is wanted.
    pub(super) fn finish_contraction(&mut self) {
        if !self.contraction.pending {
            return;
        }
        let old = self.current;
        if self.is_busy() {
            self.contraction.pending = false;
            self.dirty = true;
        } else if self.counts.alive <= old as usize {
            self.contraction.pending = false;
            self.set_current(old - 1);
            self.log(
                LogLevel::Info,
                format!("contracted from {old} to {} pages", old - 1),
            );
            self.note(Occurrence::Contracted { from: old });
        }
    }
}
