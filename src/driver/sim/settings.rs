//! How a simulated pool is set up: all that its options and environment can say.

use fastrand::Rng;

use crate::pool::{Config, Now, Pool, PoolOptions};

/// Options, environment and surroundings of one pool, as a user gives them.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, each an option of the pool"
)]
pub struct Settings {
    /// The seed that they were drawn from.
    pub seed: u64,
    /// `maxPages`.
    pub max_pages: u32,
    /// `disableStandbyRefill`.
    pub disable_standby_refill: bool,
    /// `disableFileAdmission`.
    pub disable_file_admission: bool,
    /// `allowTabMigration`.
    pub allow_tab_migration: bool,
    /// `contractionTickMs`.
    pub contraction_tick_ms: Option<f64>,
    /// `tabHealthProbeMs`.
    pub tab_health_probe_ms: Option<f64>,
    /// How long an answer counts.
    pub tab_proof_of_life_ms: Option<f64>,
    /// `idleTrimMs`.
    pub idle_trim_ms: Option<f64>,
    /// How many leases may be held while a tab is trimmed.
    pub trims_beside_leases: u32,
    /// `closeTimeoutMs`.
    pub close_timeout_ms: Option<f64>,
    /// `leaseGraceMs`.
    pub lease_grace_ms: Option<f64>,
    /// `leaseTimeoutMs`.
    pub lease_timeout_ms: Option<f64>,
    /// `acquireTimeoutMs`.
    pub acquire_timeout_ms: Option<f64>,
    /// `maxWaiting`.
    pub max_waiting: Option<f64>,
    /// `maxUsesPerTab`.
    pub max_uses_per_tab: Option<f64>,
    /// `maxTabAgeMs`.
    pub max_tab_age_ms: Option<f64>,
    /// `maxTabMemoryMB`.
    pub max_tab_memory_mb: Option<f64>,
    /// How many standbys may be under way at a time: 1 with a browser manager from JavaScript.
    pub standby_concurrency: u32,
    /// True if the driver can close a context whose page does not close.
    pub escalate_page_close: bool,
    /// Variables that are set.
    pub environment: Vec<(&'static str, String)>,
    /// `renderSemaphore`.
    pub semaphore: SemaphoreKind,
}

/// The `renderSemaphore` of the pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SemaphoreKind {
    /// Nothing.
    None,
    /// One of this capacity, without `setCapacity`, which gives its permits later.
    Foreign(u32),
    /// One with `setCapacity` that gives its permits later.
    Late,
    /// One like ours: it gives a permit before `acquire` or `release` returns.
    Prompt,
}

impl Settings {
    /// Draws settings from a seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let random = &mut Rng::with_seed(seed ^ 0x5e77_1465);
        let mut environment = Vec::new();
        let max_pages = *pick(random, &[1, 1, 2, 2, 2, 3, 3, 4, 5, 8]);
        if random.u8(..100) < 50 {
            let min = random.u32(1..=4);
            let max = min + random.u32(0..=4);
            environment.push(("PRERENDER_PAGE_POOL_MIN", min.to_string()));
            environment.push((
                "PRERENDER_PAGE_POOL_MAX",
                if rarely(random) {
                    noise(random)
                } else {
                    max.to_string()
                },
            ));
            if random.bool() {
                environment.push(("PRERENDER_PAGE_POOL_INITIAL", random.u32(1..=8).to_string()));
            }
            if random.u8(..100) < 40 {
                environment.push((
                    "PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX",
                    (max + random.u32(0..=3)).to_string(),
                ));
                environment.push((
                    "PRERENDER_HIGH_PRIORITY_THRESHOLD",
                    pick(random, &["10", "5", "1"]).to_string(),
                ));
            }
            if random.bool() {
                environment.push((
                    "PRERENDER_POOL_IDLE_CONTRACTION_MS",
                    random.u32(50..20_000).to_string(),
                ));
            }
        }
        if random.u8(..100) < 60 {
            let value = if rarely(random) {
                noise(random)
            } else {
                random.u32(1..=4).to_string()
            };
            environment.push(("PRERENDER_AFFINITY_TAB_MAX", value));
        }
        if random.u8(..100) < 50 {
            let value = if rarely(random) {
                noise(random)
            } else {
                random.u32(1..=4).to_string()
            };
            environment.push(("PRERENDER_SHARED_CONTEXT_CAP", value));
        }
        if random.u8(..100) < 40 {
            let value = if rarely(random) {
                noise(random)
            } else {
                random.u32(1..=3).to_string()
            };
            environment.push(("PRERENDER_AFFINITY_FILE_CONCURRENCY", value));
        }
        if random.u8(..100) < 30 {
            let value = pick(random, &["0", "250", "1000", "", "30000", "7"]);
            environment.push(("PRERENDER_TAB_HEALTH_PROBE_MS", value.to_string()));
        }
        let semaphore = match random.u8(..100) {
            0..15 => SemaphoreKind::None,
            15..25 => SemaphoreKind::Foreign(random.u32(1..=8)),
            25..45 => SemaphoreKind::Late,
            _ => SemaphoreKind::Prompt,
        };
        let trim = &mut Rng::with_seed(seed ^ 0x721b);
        let wear = &mut Rng::with_seed(seed ^ 0x3ea2);
        Self {
            seed,
            max_pages,
            // Drawn apart, too.
            max_uses_per_tab: (wear.u8(..100) < 35).then(|| f64::from(wear.u32(1..=6))),
            max_tab_age_ms: (wear.u8(..100) < 20).then(|| f64::from(wear.u32(50..20_000))),
            max_tab_memory_mb: (wear.u8(..100) < 20).then(|| *pick(wear, &[65.0, 256.0, 1000.0])),
            disable_standby_refill: random.u8(..100) < 8,
            disable_file_admission: random.u8(..100) < 15,
            allow_tab_migration: random.u8(..100) < 12,
            contraction_tick_ms: (random.u8(..100) < 30).then(|| f64::from(random.u32(10..5_000))),
            tab_health_probe_ms: (random.u8(..100) < 40).then(|| *pick(random, &[0.0, 0.0, 250.0, 3000.0])),
            // Drawn apart, so that a seed keeps all else that it has drawn.
            tab_proof_of_life_ms: Some(*pick(
                &mut Rng::with_seed(seed ^ 0x11fe),
                &[0.0, 0.0, 0.0, 1.0, 60_000.0],
            )),
            idle_trim_ms: (trim.u8(..100) < 50).then(|| *pick(trim, &[1.0, 50.0, 400.0, 2000.0])),
            trims_beside_leases: *pick(trim, &[0, 0, 1, 3]),
            close_timeout_ms: (random.u8(..100) < 30).then(|| f64::from(random.u32(100..10_000))),
            lease_grace_ms: (random.u8(..100) < 50).then(|| f64::from(random.u32(50..20_000))),
            lease_timeout_ms: (random.u8(..100) < 20).then(|| f64::from(random.u32(10..10_000))),
            acquire_timeout_ms: (random.u8(..100) < 20).then(|| f64::from(random.u32(10..10_000))),
            max_waiting: (random.u8(..100) < 20).then(|| f64::from(random.u32(1..6))),
            standby_concurrency: *pick(random, &[1, 1, 2, 4]),
            escalate_page_close: random.bool(),
            environment,
            semaphore,
        }
    }

    /// The pool that a user gets.
    #[must_use]
    pub fn build(&self, now: Now) -> Pool {
        let options = PoolOptions {
            disable_standby_refill: self.disable_standby_refill,
            disable_file_admission: self.disable_file_admission,
            allow_tab_migration: self.allow_tab_migration,
            contraction_tick_ms: self.contraction_tick_ms,
            tab_health_probe_ms: self.tab_health_probe_ms,
            tab_proof_of_life_ms: self.tab_proof_of_life_ms,
            idle_trim_ms: self.idle_trim_ms,
            trims_beside_leases: self.trims_beside_leases,
            close_timeout_ms: self.close_timeout_ms,
            lease_grace_ms: self.lease_grace_ms,
            lease_timeout_ms: self.lease_timeout_ms,
            lease_warn_ms: self.lease_timeout_ms.map(|ms| ms / 2.0),
            acquire_timeout_ms: self.acquire_timeout_ms,
            max_waiting: self.max_waiting,
            max_uses_per_tab: self.max_uses_per_tab,
            max_tab_age_ms: self.max_tab_age_ms,
            max_tab_memory_mb: self.max_tab_memory_mb,
            has_semaphore: self.semaphore != SemaphoreKind::None,
            semaphore_can_grow: matches!(self.semaphore, SemaphoreKind::Late | SemaphoreKind::Prompt),
            standby_concurrency: self.standby_concurrency,
            escalate_page_close: self.escalate_page_close,
            ..PoolOptions::new(self.max_pages)
        };
        let environment = |name: &str| self.variable(name).map(str::to_owned);
        Pool::new(Config::resolve(&options, &environment).0, now)
    }

    /// True if a file render may wait for a module render of its own affinity for as long as it takes, without
    /// a deadlock that the contract accepts.
    #[must_use]
    pub fn has_room_for_dependents(&self) -> bool {
        let expected = Expected::of(self);
        // The files of one affinity leave a page: a fixed pool one of its tabs, a dynamic one by growing.
        let room = if expected.is_dynamic() {
            expected.file_cap.is_some_and(|cap| cap < expected.burst)
                && matches!(self.semaphore, SemaphoreKind::Late | SemaphoreKind::Prompt)
        } else {
            expected.tab_cap >= 2
                && expected.file_cap.is_some_and(|cap| cap < expected.tab_cap)
                && !matches!(self.semaphore, SemaphoreKind::Foreign(capacity) if capacity < expected.burst)
        };
        room && !self.disable_standby_refill && !self.allow_tab_migration
    }

    /// The variable's value.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment
            .iter()
            .find(|(set, _)| *set == name)
            .map(|(_, value)| value.as_str())
    }
}

fn pick<'a, T>(random: &mut Rng, choices: &'a [T]) -> &'a T {
    &choices[random.usize(..choices.len())]
}

fn rarely(random: &mut Rng) -> bool {
    random.u8(..100) < 8
}

/// A value to which people set variables by mistake.
fn noise(random: &mut Rng) -> String {
    pick(
        random,
        &[
            "", "0", "-1", "2.5", "NaN", "Infinity", "three", " 3 ", "1e1", "0x2",
        ],
    )
    .to_string()
}

/// The limits that the contract derives from the settings, worked out apart from the pool.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Expected {
    /// Fewest pages.
    pub min: u32,
    /// Pages at the start.
    pub initial: u32,
    /// Most pages.
    pub burst: u32,
    /// Most pages for high priorities.
    pub high_priority_max: u32,
    /// From which priority on that is.
    pub high_priority_threshold: f64,
    /// Most live tabs of an affinity before a caller queues.
    pub tab_cap: u32,
    /// Most orphans.
    pub shared_context_cap: u32,
    /// Most `file` leases of an affinity.
    pub file_cap: Option<u32>,
    /// Budget of a probe, 0 where there is none.
    pub probe_ms: u64,
    /// For how long the pool must be idle before it contracts.
    pub contraction_ms: u64,
}

impl Expected {
    /// From the settings alone.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "numbers are checked to be small integers, or floored by intent"
    )]
    pub fn of(settings: &Settings) -> Self {
        let positive = |name: &str| {
            settings
                .variable(name)
                .and_then(number)
                .filter(|n| *n >= 1.0 && n.fract() == 0.0)
                .map(|n| n as u32)
        };
        let envelope = positive("PRERENDER_PAGE_POOL_MIN")
            .zip(positive("PRERENDER_PAGE_POOL_MAX"))
            .map(|(min, max)| (min, max.max(min)));
        let (min, burst) = envelope.unwrap_or((settings.max_pages, settings.max_pages));
        let initial = if envelope.is_some() {
            positive("PRERENDER_PAGE_POOL_INITIAL")
                .unwrap_or(min)
                .clamp(min, burst)
        } else {
            min
        };
        let dynamic = min < burst;
        let high = positive("PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX")
            .zip(
                settings
                    .variable("PRERENDER_HIGH_PRIORITY_THRESHOLD")
                    .and_then(number),
            )
            .filter(|_| dynamic)
            .map(|(max, threshold)| (max.max(burst), threshold));
        let (high_priority_max, high_priority_threshold) = high.unwrap_or((burst, f64::INFINITY));
        let tab_cap = match settings.variable("PRERENDER_AFFINITY_TAB_MAX") {
            None => 5.0,
            Some(text) => number(text)
                .filter(|n| n.is_finite() && *n > 0.0)
                .unwrap_or(1.0)
                .floor()
                .max(1.0),
        }
        .min(f64::from(burst)) as u32;
        let shared_context_cap = settings
            .variable("PRERENDER_SHARED_CONTEXT_CAP")
            .and_then(number)
            .filter(|n| n.is_finite() && *n > 0.0)
            .map_or(2 * high_priority_max, |n| n as u32);
        let file_default = if dynamic {
            tab_cap
        } else {
            tab_cap.saturating_sub(1).max(1)
        };
        let file_cap = positive("PRERENDER_AFFINITY_FILE_CONCURRENCY")
            .unwrap_or(file_default)
            .min(file_default);
        let probe_ms = settings.tab_health_probe_ms.map_or_else(
            || {
                settings
                    .variable("PRERENDER_TAB_HEALTH_PROBE_MS")
                    .filter(|text| !text.trim().is_empty())
                    .and_then(number)
                    .filter(|n| n.fract() == 0.0 && (*n == 0.0 || (250.0..=60_000.0).contains(n)))
                    .map_or(3_000, |n| n as u64)
            },
            |given| given as u64,
        );
        Self {
            min,
            initial,
            burst,
            high_priority_max,
            high_priority_threshold,
            tab_cap,
            shared_context_cap,
            file_cap: (!settings.disable_file_admission).then_some(file_cap),
            probe_ms,
            contraction_ms: u64::from(positive("PRERENDER_POOL_IDLE_CONTRACTION_MS").unwrap_or(60_000)),
        }
    }

    /// True if the number of pages can change.
    #[must_use]
    pub fn is_dynamic(&self) -> bool {
        self.min < self.burst
    }
}

/// `Number(text)` for the few notations that [`noise`] has.
fn number(text: &str) -> Option<f64> {
    match text.trim() {
        "" => Some(0.0),
        "0x2" => Some(2.0),
        "Infinity" => Some(f64::INFINITY),
        "NaN" => None,
        other => other.parse().ok(),
    }
}
