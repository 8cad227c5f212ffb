//! The fake Chrome: what is alive in it, told by the actions alone.

use std::collections::BTreeMap;

use super::world::Subject;
use crate::pool::{AffinityKey, ContextId, RequestId, TabId};

/// A context that Chrome has not let go of.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) state: ContextState,
    /// True if it counts against current pages + 1: a page is, or may still be, in it.
    pub(super) takes_slot: bool,
    /// When, in steps, its last page went.
    pub(super) emptied: u64,
    /// When, in steps, its own close began.
    pub(super) closing_since: Option<u64>,
    /// Whom its storage belongs to.
    pub(super) tenant: Option<AffinityKey>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ContextState {
    /// A standby is being made in it.
    Making,
    /// Nothing is under way.
    Open,
    /// Its close was asked for.
    Closing,
}

/// A page that is not closed.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a page")]
pub(super) struct Page {
    pub(super) context: ContextId,
    pub(super) state: PageState,
    pub(super) affinity: Option<AffinityKey>,
    pub(super) lease: Option<RequestId>,
    /// True if a lease of it was given out, ever.
    pub(super) served: bool,
    /// True if it was probed since then.
    pub(super) probed: bool,
    /// True if it has answered since then.
    pub(super) answered: bool,
    /// True if it was trimmed since then.
    pub(super) is_trimmed: bool,
    /// When, ms, its last lease ended.
    pub(super) idle_since: Option<u64>,
    pub(super) crashed: bool,
    /// Its popups.
    pub(super) popups: u32,
    /// How many of them the pool wants closed.
    pub(super) popups_closing: u32,
    /// True if its context is closed after it.
    pub(super) context_follows: bool,
    /// Since when, in steps, it may not be given to new callers.
    pub(super) doomed: Option<u64>,
    /// A callback disposed of its tenant at a moment when it was not certain which tabs that has.
    pub(super) suspect: bool,
    /// When, in steps, its last lease ended.
    pub(super) released: Option<u64>,
    /// `Date.now()` of its last use, where that is certain.
    pub(super) used: Option<f64>,
    /// When, in steps, it stood.
    pub(super) opened: u64,
    /// When, in steps, it was bound to its tenant.
    pub(super) bound: u64,
    /// When, ms, it was first bound to any.
    pub(super) bound_at: Option<u64>,
    /// Leases of it.
    pub(super) uses: u32,
    /// The resident memory of its renderer when last measured, MB.
    pub(super) memory_mb: Option<u64>,
    /// It came in the place of a worn page, and nobody has had it.
    pub(super) is_fresh: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PageState {
    Making,
    Open,
    Closing,
    /// It went with its browser, and only its lease is left, or the report of its opening.
    Lost,
}

impl Page {
    pub(super) fn new(context: ContextId) -> Self {
        Self {
            context,
            state: PageState::Making,
            affinity: None,
            lease: None,
            served: false,
            probed: false,
            answered: false,
            is_trimmed: false,
            idle_since: None,
            crashed: false,
            popups: 0,
            popups_closing: 0,
            context_follows: false,
            doomed: None,
            suspect: false,
            released: None,
            used: None,
            opened: 0,
            bound: 0,
            bound_at: None,
            uses: 0,
            memory_mb: None,
            is_fresh: false,
        }
    }

    /// True if its opening has not been reported: Chrome may have died meanwhile.
    pub(super) fn is_being_opened(&self) -> bool {
        self.state == PageState::Making || self.state == PageState::Lost && self.lease.is_none()
    }

    /// True if a caller may be given it.
    pub(super) fn is_live(&self) -> bool {
        self.state == PageState::Open && !self.crashed && self.doomed.is_none() && !self.suspect
    }
}

/// Everything that is alive.
#[derive(Debug, Default)]
pub(super) struct Chrome {
    pub(super) contexts: BTreeMap<ContextId, Context>,
    pub(super) pages: BTreeMap<TabId, Page>,
    /// Contexts that went with their browser and that the pool may still close, once.
    pub(super) lost: Vec<ContextId>,
    last_context: Option<ContextId>,
    last_tab: Option<TabId>,
}

impl Chrome {
    /// Contexts that count against current pages + 1.
    pub(super) fn slots_taken(&self) -> usize {
        self.contexts
            .values()
            .filter(|context| context.takes_slot)
            .count()
    }

    /// True if it is a context or a page that did not go with its browser.
    pub(super) fn has(&self, subject: Subject) -> bool {
        match subject {
            Subject::Context(context) => self.contexts.contains_key(&context),
            Subject::Tab(tab) => self
                .pages
                .get(&tab)
                .is_some_and(|page| page.state != PageState::Lost),
            _ => false,
        }
    }

    /// True if the names are new; they are taken from here on.
    pub(super) fn take_names(&mut self, context: Option<ContextId>, tab: TabId) -> bool {
        let fresh = context.is_none_or(|context| self.last_context.is_none_or(|last| context > last))
            && self.last_tab.is_none_or(|last| tab > last);
        self.last_context = context.or(self.last_context);
        self.last_tab = Some(tab);
        fresh
    }

    pub(super) fn pages_in(&self, context: ContextId) -> impl Iterator<Item = (TabId, &Page)> {
        self.pages
            .iter()
            .filter(move |(_, page)| page.context == context)
            .map(|(tab, page)| (*tab, page))
    }

    /// Pages bound to the affinity and not closed, whatever else is true of them.
    pub(super) fn pages_of<'a>(&'a self, key: &'a AffinityKey) -> impl Iterator<Item = (TabId, &'a Page)> {
        self.pages
            .iter()
            .filter(move |(_, page)| page.affinity.as_ref() == Some(key) && page.state != PageState::Lost)
            .map(|(tab, page)| (*tab, page))
    }

    /// The page is no more.
    pub(super) fn page_gone(&mut self, tab: TabId, step: u64) {
        if let Some(page) = self.pages.remove(&tab)
            && !self.pages.values().any(|other| other.context == page.context)
            && let Some(context) = self.contexts.get_mut(&page.context)
            && context.state != ContextState::Closing
            && !page.context_follows
        {
            context.emptied = step;
            context.takes_slot = false;
        }
    }

    /// The context and its pages are no more.
    pub(super) fn context_gone(&mut self, context: ContextId) {
        self.contexts.remove(&context);
        self.pages.retain(|_, page| {
            page.context != context || page.lease.is_some() || page.state == PageState::Making
        });
        for page in self.pages.values_mut().filter(|page| page.context == context) {
            page.state = PageState::Lost;
        }
    }

    /// Chrome died: all that is not being made is gone.
    pub(super) fn die(&mut self) {
        let gone: Vec<_> = self
            .contexts
            .iter()
            .filter(|(_, context)| context.state != ContextState::Making)
            .map(|(id, _)| *id)
            .collect();
        for context in gone {
            self.context_gone(context);
            self.lost.push(context);
        }
    }
}
