//! A simulated pool's life, drawn from a seed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fastrand::Rng;

use super::operation::{Call, Operation, Outcome, PARTNERS, Work};
use super::settings::Settings;
use super::tally::Tally;
use super::world::{Notice, Violation, World};
use crate::pool::{OperationId, QueueKind};

/// A life, from the first call to the last close.
#[derive(Debug)]
pub struct Scenario {
    random: Rng,
    profile: Profile,
    world: World,
    plans: BinaryHeap<Reverse<(u64, u64, Plan)>>,
    planned: u64,
    /// Begun, and never to end by itself.
    hung: Vec<(Work, OperationId)>,
    clients: Vec<Client>,
    faults: bool,
    record: Option<Vec<Operation>>,
}

/// A client's intentions.
#[derive(Clone, Copy, Debug, Default)]
struct Client {
    /// Its last affinity.
    affinity: u8,
    queue: QueueKind,
    /// Counts its calls, so that a plan for an earlier one is recognised.
    call: u32,
    /// The client whose file render waits for this one.
    awaited_by: Option<u8>,
}

/// Something to do later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Plan {
    Call {
        client: u8,
    },
    /// The module render that a file render waits for.
    Partner {
        client: u8,
    },
    Abort {
        client: u8,
        call: u32,
    },
    Release {
        client: u8,
        call: u32,
    },
    End {
        kind: Work,
        operation: OperationId,
        outcome: u8,
    },
    /// It has forgotten its lease, and that is noticed.
    Lose {
        client: u8,
        call: u32,
    },
    Permit,
    Incident,
}

/// How rough a life is. All in percent or ms.
#[derive(Clone, Debug)]
struct Profile {
    clients: u8,
    affinities: u8,
    calls: u32,
    pause_ms: u32,
    hold_ms: u32,
    work_ms: u32,
    files: u8,
    dependents: u8,
    /// True if dependent files wait as long as it takes, because no deadlock is possible.
    patient: bool,
    priorities: u8,
    aborts: u8,
    failures: u8,
    hangs: u8,
    repeats: u8,
    incidents: u8,
    close_all: u8,
    instant: u8,
    /// Calls with terms of their own.
    terms: u8,
    /// Leases that nobody releases.
    forgotten: u8,
}

impl Profile {
    fn draw(random: &mut Rng, settings: &Settings) -> Self {
        let calm = random.u8(..100) < 25;
        let fault = |random: &mut Rng, most: u8| if calm { 0 } else { random.u8(..=most) };
        let single = random.u8(..100) < 15;
        let patient = single && settings.has_room_for_dependents();
        Self {
            clients: random.u8(1..=24),
            affinities: if single {
                1
            } else {
                *random.choice(&[2, 3, 4, 6, 12, 40]).unwrap_or(&4)
            },
            calls: random.u32(10..150),
            pause_ms: *random.choice(&[1, 10, 100, 1_000, 5_000]).unwrap_or(&10),
            hold_ms: *random.choice(&[1, 20, 200, 3_000]).unwrap_or(&20),
            work_ms: *random.choice(&[1, 5, 50, 500]).unwrap_or(&5),
            files: random.u8(20..=100),
            dependents: if random.bool() { random.u8(..60) } else { 0 },
            patient,
            priorities: if random.bool() { random.u8(..=100) } else { 0 },
            aborts: if random.bool() { random.u8(..40) } else { 0 },
            failures: fault(random, 35),
            hangs: if patient { 0 } else { fault(random, 8) },
            repeats: fault(random, 5),
            incidents: if patient { 0 } else { random.u8(..=12) },
            close_all: fault(random, 10),
            instant: if random.u8(..100) < 20 { random.u8(..) } else { 0 },
            terms: if patient || random.bool() {
                0
            } else {
                random.u8(..30)
            },
            forgotten: if patient || random.u8(..100) < 60 {
                0
            } else {
                random.u8(..20)
            },
        }
    }
}

impl Scenario {
    /// The life that the seed describes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let settings = Settings::draw(seed);
        let mut random = Rng::with_seed(seed);
        let world = World::new(&settings);
        let profile = Profile::draw(&mut random, &settings);
        Self {
            random,
            profile,
            world,
            plans: BinaryHeap::new(),
            planned: 0,
            hung: Vec::new(),
            clients: vec![Client::default(); 256],
            faults: true,
            record: None,
        }
    }

    /// Keeps every operation from here on.
    #[must_use]
    pub fn recording(mut self) -> Self {
        self.record = Some(Vec::new());
        self
    }

    /// The recording.
    #[must_use]
    pub fn into_record(self) -> Vec<Operation> {
        self.record.unwrap_or_default()
    }

    /// The counts.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.world.tally()
    }

    /// Lives it to the end.
    ///
    /// # Errors
    ///
    /// The rule that was violated.
    pub fn run(&mut self) -> Result<(), Violation> {
        if self.profile.instant > 0 {
            self.apply(Operation::Instant {
                kinds: self.profile.instant,
            })?;
        }
        if self.random.bool() {
            self.apply(Operation::Warm)?;
        }
        for client in 0..self.profile.clients {
            let pause = self.soon(self.profile.pause_ms);
            self.plan(pause, Plan::Call { client });
        }
        let pause = self.soon(self.profile.pause_ms * 4);
        self.plan(pause, Plan::Incident);
        // Everybody may come to wait for what hangs: then the faults have done what they can.
        let mut plans = 40 * self.profile.calls;
        while self.world.tally().requests < u64::from(self.profile.calls) && plans > 0 {
            plans -= 1;
            if !self.next()? {
                break;
            }
        }
        self.faults = false;
        self.end_peacefully()?;
        self.world.finish()
    }

    /// No more calls and no more faults: what is under way ends in its own time.
    fn end_peacefully(&mut self) -> Result<(), Violation> {
        // Half of the time what hangs stays so for the world's last checks; else it ends late.
        if self.random.bool() {
            for (kind, operation) in std::mem::take(&mut self.hung) {
                let delay = self.soon(self.profile.work_ms * 20);
                self.plan(
                    delay,
                    Plan::End {
                        kind,
                        operation,
                        outcome: 0,
                    },
                );
            }
        } else {
            for (kind, operation) in std::mem::take(&mut self.hung) {
                if !matches!(kind, Work::ClosePage | Work::CloseContext) {
                    let delay = self.soon(self.profile.work_ms * 20);
                    self.plan(
                        delay,
                        Plan::End {
                            kind,
                            operation,
                            outcome: 0,
                        },
                    );
                }
            }
        }
        let deadline = self.world.elapsed_ms() + 120_000;
        while self.world.is_anyone_waiting() && self.world.elapsed_ms() < deadline {
            if !self.next()? {
                break;
            }
        }
        Ok(())
    }

    fn soon(&mut self, mean_ms: u32) -> u64 {
        // Mostly short, sometimes long, often not at all.
        let factor = [0.0, 0.1, 0.5, 1.0, 1.0, 2.0, 6.0][self.random.usize(..7)];
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        let ms = (f64::from(mean_ms) * factor * self.random.f64() * 2.0) as u64;
        ms
    }

    fn plan(&mut self, delay: u64, plan: Plan) {
        self.planned += 1;
        self.plans
            .push(Reverse((self.world.elapsed_ms() + delay, self.planned, plan)));
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.random.u8(..100) < percent
    }

    /// Does what comes next: a plan, or the pool's own timeout. False when nothing will ever happen.
    fn next(&mut self) -> Result<bool, Violation> {
        let timeout = self.world.next_timeout();
        let Some(Reverse((at, _, plan))) = self.plans.peek().copied() else {
            let Some(due) = timeout else { return Ok(false) };
            self.advance_to(due)?;
            return Ok(true);
        };
        self.plans.pop();
        self.advance_to(at)?;
        match plan {
            Plan::Call { client } => self.call(client)?,
            Plan::Partner { client } => {
                let queue = if self.random.bool() {
                    QueueKind::Module
                } else {
                    QueueKind::Command
                };
                let affinity = self.clients[usize::from(client)].affinity;
                self.call_for(client, affinity, queue)?;
            }
            Plan::Abort { client, call } => {
                if self.clients[usize::from(client)].call == call {
                    self.apply(Operation::Abort { client })?;
                    self.client_is_free(client);
                }
            }
            Plan::Release { client, call } => self.release(client, call)?,
            Plan::End {
                kind,
                operation,
                outcome,
            } => {
                let outcome = [
                    Outcome::Done,
                    Outcome::NotReady,
                    Outcome::TimedOut,
                    Outcome::BrowserGone,
                    Outcome::Failed,
                ][usize::from(outcome)];
                if let Some(step) = self.world.complete(kind, operation, outcome) {
                    self.apply(step)?;
                    if self.faults && self.chance(self.profile.repeats) {
                        let outcome = if self.random.bool() {
                            Outcome::Done
                        } else {
                            Outcome::Failed
                        };
                        let position = self.random.u8(..4);
                        self.apply(Operation::Repeat { position, outcome })?;
                    }
                }
            }
            Plan::Lose { client, call } => {
                if self.clients[usize::from(client)].call == call {
                    self.apply(Operation::LoseLease { client })?;
                }
            }
            Plan::Permit => self.apply(Operation::SemaphoreGrants)?,
            Plan::Incident => self.incident()?,
        }
        Ok(true)
    }

    fn advance_to(&mut self, at: u64) -> Result<(), Violation> {
        while self.world.elapsed_ms() < at {
            let ms = u16::try_from(at - self.world.elapsed_ms()).unwrap_or(u16::MAX);
            self.apply(Operation::Advance { ms })?;
        }
        Ok(())
    }

    fn apply(&mut self, operation: Operation) -> Result<(), Violation> {
        if let Some(record) = &mut self.record {
            record.push(operation);
        }
        self.world.apply(operation)?;
        for notice in self.world.take_notices() {
            match notice {
                Notice::Started { kind, operation } => self.started(kind, operation),
                Notice::PermitOwed => {
                    let delay = self.soon(3);
                    self.plan(delay, Plan::Permit);
                }
                Notice::Granted { client } => self.granted(client)?,
                Notice::Rejected { client } => self.client_is_free(client),
            }
        }
        Ok(())
    }

    /// Decides the fate of work that was begun.
    fn started(&mut self, kind: Work, operation: OperationId) {
        if self.faults && self.chance(self.profile.hangs) {
            self.hung.push((kind, operation));
            return;
        }
        let fails = self.faults && self.chance(self.profile.failures);
        let outcome = if fails { self.random.u8(1..5) } else { 0 };
        let mean = match kind {
            Work::Standby => self.profile.work_ms * 10,
            Work::Page => self.profile.work_ms * 5,
            Work::CloseContext | Work::ClosePage => self.profile.work_ms * 2,
            Work::Probe | Work::Ask | Work::Measure | Work::Trim | Work::Notify | Work::CleanUp => {
                self.profile.work_ms
            }
        };
        let delay = self.soon(mean);
        self.plan(
            delay,
            Plan::End {
                kind,
                operation,
                outcome,
            },
        );
    }

    // ---- clients

    fn call(&mut self, client: u8) -> Result<(), Violation> {
        if !self.faults || self.world.is_busy(client) {
            return Ok(());
        }
        let affinity = self.some_affinity();
        let queue = if self.chance(self.profile.files) {
            QueueKind::File
        } else if self.random.bool() {
            QueueKind::Module
        } else {
            QueueKind::Command
        };
        self.call_for(client, affinity, queue)
    }

    fn call_for(&mut self, client: u8, affinity: u8, queue: QueueKind) -> Result<(), Violation> {
        let priority = if self.chance(self.profile.priorities) {
            self.random.u8(..8)
        } else {
            0
        };
        let entry = &mut self.clients[usize::from(client)];
        entry.affinity = affinity;
        entry.queue = queue;
        entry.call += 1;
        let call = entry.call;
        if self.faults && self.chance(self.profile.aborts) {
            let delay = self.soon(self.profile.hold_ms + self.profile.work_ms);
            self.plan(delay, Plan::Abort { client, call });
        }
        let terms = if self.faults && self.chance(self.profile.terms) {
            self.random.u8(1..8)
        } else {
            0
        };
        self.apply(Operation::GetPage {
            client,
            affinity,
            call: Call::new(queue, priority).on_terms(terms),
        })
    }

    /// A few hot tenants and a long tail.
    fn some_affinity(&mut self) -> u8 {
        let most = f64::from(self.profile.affinities);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below 256"
        )]
        let affinity = (self.random.f64().powi(3) * most) as u8;
        affinity
    }

    fn granted(&mut self, client: u8) -> Result<(), Violation> {
        let entry = self.clients[usize::from(client)];
        let hold = self.soon(self.profile.hold_ms);
        let depends = client < PARTNERS
            && entry.queue == QueueKind::File
            && self.faults
            && self.chance(self.profile.dependents)
            && !self.world.is_busy(client + PARTNERS);
        if self.faults && self.chance(self.profile.forgotten) {
            // Half of them for ever.
            if self.random.bool() {
                let call = entry.call;
                self.plan(hold, Plan::Lose { client, call });
            }
            return Ok(());
        }
        if depends {
            let partner = client + PARTNERS;
            self.clients[usize::from(partner)].awaited_by = Some(client);
            self.clients[usize::from(partner)].affinity = entry.affinity;
            self.plan(hold, Plan::Partner { client: partner });
            if self.profile.patient {
                return self.apply(Operation::Depends { client });
            }
            self.plan(
                hold + 60_000,
                Plan::Release {
                    client,
                    call: entry.call,
                },
            );
        } else {
            self.plan(
                hold,
                Plan::Release {
                    client,
                    call: entry.call,
                },
            );
        }
        Ok(())
    }

    fn release(&mut self, client: u8, call: u32) -> Result<(), Violation> {
        if self.clients[usize::from(client)].call != call || !self.world.has_lease(client) {
            return Ok(());
        }
        let disposes = self.faults && self.chance(2);
        if disposes {
            self.apply(Operation::SameLine)?;
        }
        self.apply(Operation::Release { client })?;
        if disposes {
            let affinity = self.clients[usize::from(client)].affinity;
            let options = self.random.u8(..8);
            self.apply(Operation::Dispose { affinity, options })?;
        }
        if self.chance(self.profile.repeats) {
            self.apply(Operation::ReleaseAgain { client })?;
        }
        self.client_is_free(client);
        Ok(())
    }

    /// Its call or its lease has ended.
    fn client_is_free(&mut self, client: u8) {
        if let Some(file) = self.clients[usize::from(client)].awaited_by.take() {
            let call = self.clients[usize::from(file)].call;
            let hold = self.soon(self.profile.hold_ms);
            self.plan(hold, Plan::Release { client: file, call });
        }
        if client < PARTNERS {
            let pause = self.soon(self.profile.pause_ms);
            self.plan(pause, Plan::Call { client });
        }
    }

    // ---- the rest of the world

    fn incident(&mut self) -> Result<(), Violation> {
        if !self.faults {
            return Ok(());
        }
        let pause = 1 + self.soon(self.profile.pause_ms);
        self.plan(pause, Plan::Incident);
        if !self.chance(self.profile.incidents * 4) {
            return Ok(());
        }
        let affinity = self.some_affinity();
        let operation = match self.random.u8(..32) {
            0..6 => Operation::Dispose {
                affinity,
                options: self.random.u8(..8),
            },
            6..8 => Operation::EvictIdle {
                max_idle_ms: self.random.u16(..5_000),
            },
            8 => Operation::Warm,
            9 if self.chance(self.profile.close_all * 5) => Operation::CloseAll,
            10 | 11 if self.profile.failures > 0 => Operation::Crash {
                position: self.random.u8(..6),
            },
            12 if self.profile.failures > 0 => Operation::Disconnect,
            13 => Operation::OutsiderTakes,
            14 | 15 => Operation::OutsiderReleases,
            16 => Operation::ClockJumps {
                ms: self.random.i16(..),
            },
            17 => Operation::ClockStops {
                stopped: self.random.bool(),
            },
            18 => Operation::CallbackGetsPage {
                client: 127,
                affinity,
            },
            19 => Operation::CallbackDisposes { affinity },
            20 => Operation::TryExpand {
                call: Call::new(QueueKind::File, self.random.u8(..8)),
            },
            21 => Operation::SemaphoreFails {
                client: self.random.u8(..self.profile.clients),
            },
            22 => Operation::Advance {
                ms: self.random.u16(..),
            },
            25 if self.profile.failures > 0 => Operation::NetworkLost,
            26 if self.profile.failures > 0 => Operation::GiveUp,
            27 | 28 if self.profile.failures > 0 => Operation::Spoil {
                position: self.random.u8(..6),
            },
            29 if !self.profile.patient => Operation::LoseLease {
                client: self.random.u8(..self.profile.clients),
            },
            30 => Operation::Extend {
                client: self.random.u8(..self.profile.clients),
                ms: self.random.u16(..5_000),
            },
            23 | 24 => Operation::AbortLease {
                client: self.random.u8(..self.profile.clients),
            },
            _ => Operation::Instant {
                kinds: if self.random.bool() { 0 } else { self.random.u8(..) },
            },
        };
        self.apply(operation)
    }
}
