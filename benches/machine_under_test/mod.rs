//! A state machine with many warm tabs and many waiters, in a browser in which everything succeeds at once.

use pagepool::pool::{
    Action, AffinityKey, BrowserAction, Config, Event, Inputs, Now, Pool, PoolOptions, Priority, QueueKind,
    RequestId, Terms,
};

/// The pool and what its caller keeps.
pub struct MachineUnderTest {
    pool: Pool,
    affinities: Vec<AffinityKey>,
    next_request: u64,
    granted: u64,
    now_ms: u64,
}

impl MachineUnderTest {
    /// A pool in which each affinity has so many idle tabs, and so many calls wait for the tabs of another.
    pub fn new(affinities: u32, tabs_each: u32, waiters: u32) -> Self {
        let pages = affinities * tabs_each + 1;
        let options = PoolOptions {
            tab_health_probe_ms: Some(0.0),
            standby_concurrency: 64,
            ..PoolOptions::new(pages)
        };
        let environment = |name: &str| (name == "PRERENDER_AFFINITY_TAB_MAX").then(|| tabs_each.to_string());
        let mut machine = Self {
            pool: Pool::new(Config::resolve(&options, &environment).0, Now::default()),
            affinities: (0..affinities)
                .map(|n| AffinityKey::from(format!("realm:{n}").as_str()))
                .collect(),
            next_request: 0,
            granted: 0,
            now_ms: 0,
        };
        machine.drain();
        for index in 0..machine.affinities.len() {
            let leases: Vec<RequestId> = (0..tabs_each)
                .map(|_| machine.get_page(machine.affinities[index].clone()))
                .collect();
            for request in leases {
                machine.handle(Event::Release { request });
            }
        }
        let busy = AffinityKey::from("realm:busy");
        for _ in 0..=waiters {
            machine.get_page(busy.clone());
        }
        assert_eq!(machine.granted, u64::from(pages), "a warm tab is missing");
        machine
    }

    /// One visit of one affinity, a different one each time.
    pub fn acquire_and_release(&mut self) {
        self.now_ms += 1;
        // A large step, so that neighbours in memory are not visited one after another.
        let request = usize::try_from(self.next_request).unwrap_or_default();
        let index = request.wrapping_mul(7_919) % self.affinities.len();
        let granted = self.granted;
        let request = self.get_page(self.affinities[index].clone());
        assert!(self.granted > granted, "a warm tab was not granted at once");
        self.handle(Event::Release { request });
    }

    fn get_page(&mut self, affinity: AffinityKey) -> RequestId {
        let request = RequestId(self.next_request);
        self.next_request += 1;
        self.handle(Event::GetPage {
            request,
            affinity,
            queue: QueueKind::Module,
            priority: Priority::default(),
            terms: Terms::default(),
        });
        request
    }

    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    fn handle(&mut self, event: Event) {
        let now = Now {
            monotonic_ms: self.now_ms,
            wall_ms: self.now_ms as f64,
        };
        self.pool.handle(
            event,
            &Inputs {
                now,
                ..Inputs::default()
            },
        );
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.pool.poll_action() {
            let outcome = match action {
                Action::Grant { .. } => {
                    self.granted += 1;
                    continue;
                }
                Action::Settle { operation, .. } => Event::Settled { operation },
                Action::Browser(BrowserAction::CreateStandby { operation, .. }) => {
                    Event::StandbyReady { operation }
                }
                Action::Browser(BrowserAction::OpenPage { operation, .. }) => Event::PageOpened { operation },
                Action::Browser(BrowserAction::ClosePage { operation, .. }) => Event::PageClosed {
                    operation,
                    failure: None,
                },
                Action::Browser(BrowserAction::CloseContext { operation, .. }) => Event::ContextClosed {
                    operation,
                    failure: None,
                },
                _ => continue,
            };
            self.pool.handle(outcome, &Inputs::default());
        }
    }
}
