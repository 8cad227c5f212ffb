//! Who gets which tab.

use crate::driver::sim::chrome::PageState;
use crate::driver::sim::world::{Request, World};
use crate::pool::{AffinityKey, QueueKind, TabId};

impl World {
    /// A tab gets a tenant, or another one where migration is allowed.
    pub(in crate::driver::sim) fn check_binding(
        &mut self,
        tab: TabId,
        affinity: &AffinityKey,
        replaces: bool,
    ) {
        let Some(page) = self.chrome.pages.get(&tab) else {
            return self.fail("binding", || format!("{tab:?} is bound, but it is gone"));
        };
        // A page that is being opened in an orphan is its tenant's from the start.
        let opening = page.state == PageState::Making && page.affinity.as_ref() == Some(affinity);
        if page.state != PageState::Open && !opening || page.lease.is_some() {
            let page = format!("{page:?}");
            return self.fail("binding", || {
                format!("{tab:?} is bound to {affinity} as it is {page}")
            });
        }
        match &page.affinity {
            Some(before) if before != affinity => {
                let before = before.clone();
                if !self.may_migrate() {
                    self.fail("migration", || {
                        format!("{tab:?} moves from {before} to {affinity}")
                    });
                }
                if page_is_doomed(self, tab) {
                    self.fail("migration", || {
                        format!("{tab:?} moves to {affinity} while it is closing")
                    });
                }
            }
            Some(_) => {}
            None => {
                self.check_adoption(tab, affinity, replaces);
                self.check_standby_order(tab, affinity);
            }
        }
        if !replaces {
            self.check_standby_cap(tab, affinity);
        }
    }

    fn check_standby_cap(&mut self, tab: TabId, affinity: &AffinityKey) {
        let waits = self
            .requests
            .values()
            .any(|request| request.lease.is_none() && request.affinity == *affinity);
        if !waits {
            self.fail("binding", || {
                format!("{tab:?} is bound to {affinity}, for which nobody waits")
            });
        }
    }

    /// A standby goes to the highest priority among those who can have nothing else.
    fn check_standby_order(&mut self, tab: TabId, affinity: &AffinityKey) {
        if self.may_migrate() {
            return;
        }
        let waiting = || self.requests.values().filter(|request| request.lease.is_none());
        let Some(best) = waiting()
            .filter(|r| r.affinity == *affinity)
            .map(|r| r.priority)
            .max()
        else {
            return;
        };
        let passed_over = waiting().find(|request| {
            request.priority > best
                && request.called < self.step
                && self.is_without_anything(request)
                && !self.waits_for_admission(request)
        });
        if let Some(request) = passed_over {
            let passed = format!("{request:?}");
            self.fail("priority", || {
                format!("{tab:?} goes to {affinity}, and not to {passed}")
            });
        }
    }

    fn is_without_anything(&self, request: &Request) -> bool {
        let key = Some(&request.affinity);
        !self
            .chrome
            .pages
            .values()
            .any(|page| page.affinity.as_ref() == key)
            && !self
                .chrome
                .contexts
                .values()
                .any(|context| context.tenant.as_ref() == key)
    }

    /// True if the request may still be waiting for admission, as far as one can see from outside.
    fn waits_for_admission(&self, request: &Request) -> bool {
        request.queue == QueueKind::File
            && self.expected.file_cap.is_some_and(|cap| {
                let files = self
                    .requests
                    .values()
                    .filter(|other| other.queue == QueueKind::File && other.affinity == request.affinity);
                files.count() > cap as usize
            })
    }
}

fn page_is_doomed(world: &World, tab: TabId) -> bool {
    world
        .chrome
        .pages
        .get(&tab)
        .is_some_and(|page| page.doomed.is_some())
}
