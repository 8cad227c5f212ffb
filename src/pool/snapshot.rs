//! Snapshots of the machine for operators.

use super::affinity::Affinity;
use super::context::ContextState;
use super::tab::{Tab, TabState};
use super::waiters::Waiters;
use super::{
    AdmissionDepth, AffinityKey, AffinityQueueDepth, ByQueue, Pool, Priority, QueueDepthSnapshot, QueueKind,
    SharedContextEntry, SharedContextSnapshot, TabId, Vacancy, WornTabSwaps,
};

impl Pool {
    /// `getWarmAffinities`.
    #[must_use]
    pub fn warm_affinities(&self) -> Vec<AffinityKey> {
        let warm = |affinity: &&Affinity| {
            !affinity.offered.is_empty()
                || affinity
                    .teardown
                    .as_ref()
                    .is_some_and(super::dispose::Teardown::is_listed)
        };
        self.affinities
            .values()
            .filter(warm)
            .map(|affinity| affinity.key.clone())
            .collect()
    }

    /// `getSharedContextSnapshot`.
    #[must_use]
    pub fn shared_context_snapshot(&self) -> SharedContextSnapshot {
        let entries = self.affinities.values().filter_map(|affinity| {
            let context = self.contexts.get(&affinity.primary?)?;
            let (page_count, closing) = match context.state {
                ContextState::Primary { .. } => (1, false),
                ContextState::Condemned { tab, .. } => {
                    let closes = self
                        .tabs
                        .get(&tab)
                        .is_none_or(|tab| matches!(tab.state, TabState::Closing { .. }));
                    (u32::from(!closes), true)
                }
                ContextState::Closing { .. } => (0, true),
                _ => (0, false),
            };
            let affinity = affinity.key.clone();
            let tabs = context.tabs.iter().filter_map(|tab| self.tabs.get(tab));
            Some(SharedContextEntry {
                affinity,
                page_count,
                last_used_at: context.last_used.0,
                closing,
                popup_count: tabs.map(|tab| tab.popups).sum(),
            })
        });
        SharedContextSnapshot {
            cap: self.config.shared_context_cap,
            entries: entries.collect(),
        }
    }

    /// `getVacancySnapshot`.
    #[must_use]
    pub fn vacancy_snapshot(&self) -> Vec<Vacancy> {
        let known = self
            .affinities
            .values()
            .filter(|affinity| affinity.has_tabs() || !affinity.admission.waiters.is_empty());
        known
            .map(|affinity| {
                let tabs = self.tabs_of(affinity);
                let queues = tabs.iter().map(|tab| &tab.1.queue);
                let waiting = queues.chain([&affinity.admission.waiters, &affinity.waiting]);
                Vacancy {
                    affinity: affinity.key.clone(),
                    idle: is_idle(affinity, &tabs),
                    tab_count: count(tabs.len()),
                    max_pending_priority: waiting.filter_map(Waiters::first).map(|at| at.0.priority()).max(),
                }
            })
            .collect()
    }

    /// `getQueueDepthSnapshot`.
    #[must_use]
    pub fn queue_depth_snapshot(&self) -> QueueDepthSnapshot {
        let mut snapshot = QueueDepthSnapshot::default();
        for affinity in self.affinities.values() {
            let tabs = self.tabs_of(affinity);
            let admission = &affinity.admission;
            let admitting = admission.holders > 0 || !admission.waiters.is_empty();
            if tabs.is_empty() && !admitting {
                continue;
            }
            let depth = self.queue_depth(affinity, &tabs);
            snapshot.total_tabs += depth.tab_count;
            snapshot.total_pending += depth.pending_total;
            snapshot.affinities.push(depth);
        }
        snapshot
    }

    fn queue_depth(&self, affinity: &Affinity, tabs: &[(TabId, &Tab)]) -> AffinityQueueDepth {
        let admission = &affinity.admission;
        let waiting = count(admission.waiters.len());
        let mut by_queue = ByQueue::default();
        let holders = tabs.iter().filter_map(|tab| tab.1.holder);
        for request in holders.filter_map(|id| self.requests.get(&id)) {
            match request.queue {
                QueueKind::File => by_queue.file += 1,
                QueueKind::Module => by_queue.module += 1,
                QueueKind::Command => by_queue.command += 1,
            }
        }
        AffinityQueueDepth {
            affinity: affinity.key.clone(),
            tab_count: count(tabs.len()),
            popup_count: tabs.iter().map(|tab| tab.1.popups).sum(),
            pending_total: tabs.iter().map(|tab| pending_of(tab.1)).sum(),
            max_pending: tabs.iter().map(|tab| pending_of(tab.1)).max().unwrap_or(0),
            idle: is_idle(affinity, tabs),
            by_queue,
            admission: match self.config.file_concurrency {
                Some(cap) if admission.holders + waiting > 0 => AdmissionDepth {
                    pending: waiting,
                    cap,
                },
                _ => AdmissionDepth::default(),
            },
            tab_queued_by_priority: by_priority(tabs.iter().map(|tab| &tab.1.queue)),
            admission_queued_by_priority: by_priority([&admission.waiters]),
        }
    }

    /// `getUnresponsiveTabSwaps`.
    #[must_use]
    pub fn unresponsive_tab_swaps(&self) -> Vec<(AffinityKey, u32)> {
        self.swaps
            .iter()
            .map(|(key, &count)| (key.clone(), count))
            .collect()
    }

    /// `getWornTabSwaps`.
    #[must_use]
    pub fn worn_tab_swaps(&self) -> WornTabSwaps {
        self.worn
    }

    fn tabs_of(&self, affinity: &Affinity) -> Vec<(TabId, &Tab)> {
        let mut ids: Vec<TabId> = affinity
            .offered
            .iter()
            .map(|at| at.2)
            .chain(affinity.draining.iter().copied())
            .collect();
        ids.sort_unstable();
        ids.into_iter()
            .filter_map(|id| Some((id, self.tabs.get(&id)?)))
            .collect()
    }
}

fn pending_of(tab: &Tab) -> u32 {
    count(tab.queue.len()) + u32::from(tab.holder.is_some())
}

fn is_idle(affinity: &Affinity, tabs: &[(TabId, &Tab)]) -> bool {
    affinity.admission.waiters.is_empty() && tabs.iter().all(|tab| pending_of(tab.1) == 0)
}

fn by_priority<'a>(queues: impl IntoIterator<Item = &'a Waiters>) -> Vec<(Priority, u32)> {
    let mut counts = std::collections::BTreeMap::<Priority, u32>::new();
    for (place, _) in queues.into_iter().flat_map(Waiters::iter) {
        *counts.entry(place.priority()).or_default() += 1;
    }
    counts.into_iter().rev().collect()
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
