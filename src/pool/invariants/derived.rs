//! Every counter and index is what a count of the entries themselves gives.

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};

use super::{Check, ensure};
use crate::pool::Pool;
use crate::pool::affinity::Affinity;
use crate::pool::context::{ContextState, Counts};
use crate::pool::request::RequestState;
use crate::pool::tab::{Tab, TabState};
use crate::pool::waiters::Waiters;
use crate::pool::{RequestId, TabId};

/// `kept` is what the machine goes by, `counted` what there is.
pub(super) fn same<T: PartialEq + Debug>(name: impl Display, kept: &T, counted: &T) -> Check {
    ensure(kept == counted, || {
        format!("{name}: kept {kept:?}, counted {counted:?}")
    })
}

/// [`same`] for a set, without another set: none of what is counted comes twice.
pub(super) fn same_set<T: Ord + Debug>(
    name: impl Display,
    kept: &BTreeSet<T>,
    counted: impl Iterator<Item = T>,
) -> Check {
    let mut length = 0;
    for entry in counted {
        length += 1;
        ensure(kept.contains(&entry), || {
            format!("{name}: {entry:?} is not in {kept:?}")
        })?;
    }
    ensure(length == kept.len(), || {
        format!("{name}: {length} counted, kept {kept:?}")
    })
}

impl Pool {
    pub(super) fn check_derived(&self) -> Check {
        self.check_tab_indices()?;
        self.check_affinity_indices()?;
        self.check_context_indices()?;
        self.check_queues()?;
        let states = self.requests.values().map(|request| request.state);
        let waiting = states.filter(|state| matches!(state, RequestState::Semaphore { .. }));
        same(
            "requests that wait for the semaphore",
            &self.semaphore_waiting,
            &waiting.count(),
        )?;
        ensure(!self.dirty && self.released.is_empty(), || {
            "something is left to be decided after an event".to_owned()
        })?;
        ensure(
            !self.stuck_warned || self.counts.stuck > 0 && !self.waiting.is_empty(),
            || "told of contexts that do not close, for which nobody waits".to_owned(),
        )?;
        ensure(
            !self.contraction.pending || self.counts.alive > self.current as usize,
            || "a contraction waits for nothing".to_owned(),
        )?;
        ensure(
            self.shutdown.is_none() || !self.requests.is_empty() || self.counts.unsettled > 0,
            || "a shutdown waits for nothing".to_owned(),
        )
    }

    fn check_tab_indices(&self) -> Check {
        for (id, tab) in &self.tabs {
            same(format_args!("index entry of {id:?}"), &tab.indexed, &tab.index())?;
        }
        let offered = || self.tabs.iter().filter(|at| at.1.offered_to().is_some());
        same("live tabs", &self.live_tabs, &offered().count())?;
        let standbys = self.tabs.iter().filter(|at| at.1.state == TabState::Standby);
        same_set("standbys", &self.standbys, standbys.map(|at| *at.0))?;
        let idle = offered().filter(|at| at.1.load() == 0);
        same_set(
            "idle tabs",
            &self.idle_tabs,
            idle.map(|(&id, tab)| (tab.last_used, id)),
        )?;
        let may_move = |tab: &Tab| {
            self.config.migration_allowed() && tab.load() <= 1 && tab.promised.is_none() && !tab.is_opening()
        };
        let donors = offered().filter(|at| may_move(at.1));
        same_set(
            "donors",
            &self.donors,
            donors.map(|(&id, tab)| (tab.load(), tab.last_used, id)),
        )
    }

    fn check_affinity_indices(&self) -> Check {
        let ids = |id, affinity: &Affinity| self.affinity_ids.get(&affinity.key) == Some(id);
        ensure(
            self.affinity_ids.len() == self.affinities.len()
                && self.affinities.iter().all(|at| ids(at.0, at.1)),
            || format!("affinities by key: {:?}", self.affinity_ids),
        )?;
        for (id, tab) in &self.tabs {
            let Some(affinity) = tab.affinity() else { continue };
            let is_listed = self.affinity(affinity).is_some_and(|affinity| {
                if tab.offered_to().is_some() {
                    affinity.offered.contains(&(tab.load(), tab.last_used, *id))
                } else {
                    affinity.draining.contains(id)
                }
            });
            ensure(is_listed, || format!("{id:?} is not listed: {tab:?}"))?;
        }
        for (id, context) in &self.contexts {
            if let ContextState::Closing {
                affinity: Some(affinity),
                ..
            } = context.state
            {
                let is_listed = self.affinity(affinity).is_some_and(|at| at.closing.contains(id));
                ensure(is_listed, || {
                    format!("{id:?} closes, and is not listed: {context:?}")
                })?;
            }
        }
        let sum = |count: fn(&Affinity) -> usize| self.affinities.values().map(count).sum::<usize>();
        let bound = self.tabs.values().filter(|tab| tab.affinity().is_some()).count();
        same(
            "tabs of affinities",
            &sum(|at| at.offered.len() + at.draining.len()),
            &bound,
        )?;
        let closing = self.contexts.values().filter(|context| {
            let state = context.state;
            matches!(state, ContextState::Closing { affinity, .. } if affinity.is_some())
        });
        same("closing contexts", &sum(|at| at.closing.len()), &closing.count())?;
        let idle = self.affinities.iter().filter(|at| self.is_idle(at.1));
        same_set(
            "idle affinities",
            &self.idle_affinities,
            idle.map(|(&id, affinity)| (affinity.last_used, id)),
        )
    }

    /// It has tabs on offer, and nobody holds or waits for any of its tabs.
    fn is_idle(&self, affinity: &Affinity) -> bool {
        let is_held = |tab: &TabId| self.tabs.get(tab).is_some_and(|tab| tab.holder.is_some());
        !affinity.offered.is_empty()
            && affinity.offered.iter().all(|at| at.0 == 0)
            && !affinity.draining.iter().any(is_held)
    }

    fn check_context_indices(&self) -> Check {
        let mut sum = Counts::default();
        for (id, context) in &self.contexts {
            let counts = context.counts();
            same(format_args!("counts of {id:?}"), &context.counted, &counts)?;
            sum.alive += counts.alive;
            sum.freeing += counts.freeing;
            sum.closing += counts.closing;
            sum.unsettled += counts.unsettled;
            sum.stuck += counts.stuck;
        }
        same("counts of contexts", &self.counts, &sum)?;
        let orphans = self.contexts.iter().filter(|at| {
            let state = at.1.state;
            matches!(state, ContextState::Orphan { .. })
        });
        same_set(
            "orphans",
            &self.orphans,
            orphans.map(|(&id, context)| (context.last_used, id)),
        )?;
        let with_row = |affinity: &&Affinity| affinity.primary.is_some();
        let rows = self.affinities.values().filter(with_row).count();
        same("rows of the ledger", &self.rows, &rows)?;
        let cap = self.config.shared_context_cap as usize;
        ensure(rows <= cap || self.orphans.is_empty(), || {
            format!("orphans are kept with {rows} rows, of {cap} that there may be")
        })
    }

    fn check_queues(&self) -> Check {
        let mut pooled = 0;
        let mut admitting = 0;
        for (&id, request) in &self.requests {
            let affinity = self.affinity(request.affinity);
            let queues: [Option<&Waiters>; 2] = match request.state {
                RequestState::Pool { .. } => {
                    pooled += 1;
                    [Some(&self.waiting), affinity.map(|affinity| &affinity.waiting)]
                }
                RequestState::Admission => {
                    admitting += 1;
                    let admission = affinity.map(|affinity| &affinity.admission.waiters);
                    [admission; 2]
                }
                _ => continue,
            };
            let waits = |queue: Option<&Waiters>| queue.is_some_and(|queue| queue.has(request.place, id));
            ensure(queues.into_iter().all(waits), || {
                format!("{id:?} waits nowhere: {request:?}")
            })?;
        }
        let sum = |count: fn(&Affinity) -> usize| self.affinities.values().map(count).sum::<usize>();
        same("the pool's queue", &self.waiting.len(), &pooled)?;
        same("queues of affinities", &sum(|at| at.waiting.len()), &pooled)?;
        same(
            "queues of admissions",
            &sum(|at| at.admission.waiters.len()),
            &admitting,
        )?;
        for (&id, tab) in &self.tabs {
            self.check_promise(id, tab)?;
        }
        Ok(())
    }

    /// A tab is promised to the waiter of another affinity in its queue, if there is one.
    fn check_promise(&self, id: TabId, tab: &Tab) -> Check {
        let of_another = |waiter: &RequestId| {
            let request = self.requests.get(waiter);
            request.map(|request| request.affinity) != tab.affinity()
        };
        let waiter = tab.queue.iter().map(|at| at.1).find(of_another);
        same(format_args!("promise of {id:?}"), &tab.promised, &waiter)
    }
}
