//! Checks of closes: what is closed, and when.

use crate::driver::sim::chrome::PageState;
use crate::driver::sim::operation::Work;
use crate::driver::sim::world::{Subject, Ticket, World};
use crate::pool::{AffinityKey, ContextId, TabId};

impl World {
    pub(in crate::driver::sim) fn check_notification(&mut self, affinity: &AffinityKey) {
        let live = self
            .chrome
            .pages_of(affinity)
            .find(|(_, page)| page.is_live())
            .map(|(tab, _)| tab);
        if let Some(tab) = live {
            self.fail("manager", || {
                format!("it is told to forget {affinity}, which has {tab:?}")
            });
        }
    }

    pub(in crate::driver::sim) fn check_ticket(&mut self, ticket: &Ticket, evicted: &[AffinityKey]) {
        match ticket {
            Ticket::Dispose {
                affinity,
                await_idle: true,
                retain,
                tabs,
                contexts,
                callbacks,
            } => {
                self.check_called_back(affinity, *callbacks);
                self.check_disposed(affinity, *retain, tabs, contexts);
            }
            Ticket::Dispose {
                affinity, callbacks, ..
            } => self.check_called_back(affinity, *callbacks),
            Ticket::Warm => self.check_warm(),
            Ticket::Evict { due, spared } => self.check_evicted(evicted, due, spared),
            Ticket::Close => self.check_closed(),
        }
    }

    /// `onAffinityDisposed` was called before the disposal resolved.
    fn check_called_back(&mut self, affinity: &AffinityKey, before: Option<u64>) {
        let now = self.book.announced.get(affinity).copied().unwrap_or(0);
        if before.is_some_and(|before| now <= before) {
            self.fail("callback", || {
                format!("{affinity} is disposed of, and nobody was called")
            });
        }
    }

    /// Nobody who held a lease of it before may find it evicted.
    fn check_evicted(&mut self, evicted: &[AffinityKey], due: &[AffinityKey], spared: &[AffinityKey]) {
        if let Some(key) = due.iter().find(|key| !evicted.contains(key)) {
            self.fail("evict", || format!("{key} was idle for too long, and stays"));
        }
        if let Some(key) = evicted.iter().find(|key| spared.contains(key)) {
            self.fail("evict", || format!("{key} was evicted before its time"));
        }
        let held = evicted.iter().find(|key| {
            self.requests.values().any(|request| {
                request.affinity == **key
                    && request
                        .lease
                        .is_some_and(|tab| !self.chrome.pages.contains_key(&tab))
            })
        });
        if let Some(key) = held {
            let key = key.clone();
            self.fail("evict", || format!("{key} was evicted under a lease"));
        }
    }

    /// Nothing is alive but what came after the call, and what does not close.
    fn check_closed(&mut self) {
        let Some((_, called)) = self.closing else { return };
        if !self
            .tickets
            .values()
            .any(|ticket| matches!(ticket, Ticket::Close))
        {
            self.closing = None;
        }
        if self.last_call >= called {
            return;
        }
        let alive = self
            .chrome
            .contexts
            .keys()
            .copied()
            .find(|context| !self.close_is_late(*context));
        if let Some(context) = alive {
            self.fail("closed", || {
                format!("closeAll has ended, but {context:?} is alive")
            });
        }
    }

    /// True if a close of the context, or of a page in it, takes longer than the pool waits.
    fn close_is_late(&self, id: ContextId) -> bool {
        let timeout = self.settings.close_timeout_ms.unwrap_or(5_000.0).ceil();
        [Work::ClosePage, Work::CloseContext]
            .into_iter()
            .flat_map(|kind| &self.pending[kind.index()])
            .any(|pending| {
                let here = match pending.subject {
                    Subject::Context(context) => context == id,
                    Subject::Tab(tab) => self.chrome.pages.get(&tab).is_some_and(|page| page.context == id),
                    _ => false,
                };
                #[expect(clippy::cast_precision_loss, reason = "virtual milliseconds are small")]
                let late = (self.now.monotonic_ms - pending.since) as f64 >= timeout;
                here && late
            })
    }

    /// True if the context of what is closing counts, or may count: the last page in it went in the step in which its
    /// own close began, so that this may have been decided before.
    pub(in crate::driver::sim) fn may_take_slot(&self, subject: Subject) -> bool {
        let context = match subject {
            Subject::Context(context) => Some(context),
            Subject::Tab(tab) => self.chrome.pages.get(&tab).map(|page| page.context),
            _ => None,
        };
        context
            .and_then(|context| self.chrome.contexts.get(&context))
            .is_some_and(|context| context.takes_slot || context.closing_since == Some(context.emptied))
    }

    fn check_disposed(
        &mut self,
        affinity: &AffinityKey,
        retain: bool,
        tabs: &[TabId],
        contexts: &[ContextId],
    ) {
        let page = tabs.iter().find(|tab| {
            self.chrome
                .pages
                .get(tab)
                .is_some_and(|page| page.state != PageState::Lost && !self.close_is_late(page.context))
        });
        if let Some(tab) = page {
            self.fail("disposal", || {
                format!("{affinity} is said to be disposed of, but {tab:?} is there")
            });
        }
        let retained = retain || self.retained.contains(affinity);
        let context = contexts
            .iter()
            .find(|context| self.chrome.contexts.contains_key(context) && !self.close_is_late(**context));
        if let Some(context) = context
            && !retained
        {
            self.fail("disposal", || {
                format!("{affinity} is said to be disposed of, but {context:?} is there")
            });
        }
    }
}
