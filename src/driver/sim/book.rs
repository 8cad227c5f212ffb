//! The notes of an attentive observer: a slow and simple account of the contract's rules, from calls and
//! actions alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::pool::{AffinityKey, ContextId, RequestId, TabId};

/// The observer's notes.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// `Date.now()` of the last use of each affinity.
    pub(super) used: BTreeMap<AffinityKey, f64>,
    /// The ledger: which context is the primary of each affinity, closing ones apart.
    pub(super) rows: BTreeMap<AffinityKey, ContextId>,
    /// Affinities of which a callback disposed while it was not certain what they have.
    pub(super) unsure: BTreeSet<AffinityKey>,
    /// Affinities that got a tab since the manager was last told to forget them.
    pub(super) untold: BTreeSet<AffinityKey>,
    /// Affinities of which somebody disposed since then.
    pub(super) torn: BTreeSet<AffinityKey>,
    /// Of these, the ones of which a callback disposed, when the manager may just have been told.
    pub(super) torn_inside: BTreeSet<AffinityKey>,
    /// When, in steps, an affinity was last seen with more than one tab.
    pub(super) crowded: BTreeMap<AffinityKey, u64>,
    /// How often `onAffinityDisposed` was called.
    pub(super) announced: BTreeMap<AffinityKey, u64>,
    /// Retirements of tabs that did not answer, since the last `closeAll`.
    pub(super) swaps: BTreeMap<AffinityKey, u32>,
    /// The page whose lease, or whose measurement, ends in this very event, and how many had been replaced before.
    pub(super) wearing: Option<(TabId, u32)>,
    /// The context of the page that was replaced last, and when, ms, that was.
    pub(super) replaced: Option<(ContextId, u64)>,
    /// Since when a request waits for the render semaphore, on the wall clock.
    pub(super) permit_asked: BTreeMap<RequestId, f64>,
    /// How long a request has waited for it before, ms.
    pub(super) permit_waits: BTreeMap<RequestId, f64>,
    /// `Date.now()` when the last request ended, or the pool last contracted.
    pub(super) busy_until: f64,
    /// `Date.now()` when the first close since then was begun.
    pub(super) dropping: Option<f64>,
    /// The highest priority of those who have waited in this step.
    pub(super) highest: Option<f64>,
    /// Who asks for a page in this step without having any, and how many pages there were before.
    pub(super) newcomer: Option<(RequestId, u32)>,
    /// True if somebody asked for expansion by name in this step.
    pub(super) expansion_asked: bool,
    /// True if callers asked for affinities to be closed in this step, or Chrome died.
    pub(super) closes_asked: bool,
}

impl Book {
    /// A new step begins, in which these wait.
    pub(super) fn turn_page(&mut self, highest: Option<f64>) {
        self.highest = highest;
        self.newcomer = None;
        self.expansion_asked = false;
        self.closes_asked = false;
    }

    /// Somebody asks with this priority.
    pub(super) fn note_priority(&mut self, priority: f64) {
        self.highest = Some(self.highest.map_or(priority, |highest| highest.max(priority)));
    }

    /// The context is no primary any more.
    pub(super) fn strike(&mut self, context: ContextId) {
        self.rows.retain(|_, row| *row != context);
    }

    /// The wait for a permit ends, for now.
    pub(super) fn permit_wait_ends(&mut self, request: RequestId, now: f64) {
        if let Some(since) = self.permit_asked.remove(&request) {
            *self.permit_waits.entry(request).or_default() += (now - since).max(0.0);
        }
    }

    /// `Date.now()` jumped: nothing that was noted before says when the pool may contract.
    pub(super) fn distrust_clock(&mut self) {
        self.busy_until = f64::NEG_INFINITY;
        self.dropping = Some(f64::NEG_INFINITY);
    }

    pub(super) fn forget_request(&mut self, request: RequestId, now: f64) {
        self.permit_asked.remove(&request);
        self.permit_waits.remove(&request);
        self.busy_until = now;
        self.dropping = None;
    }
}
