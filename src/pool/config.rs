//! How big the pool may be and how it behaves: options of the constructor and the environment.

use super::LogLevel;

/// The longest duration a JavaScript timer can wait, ms; longer ones would fire at once.
const LONGEST_MS: f64 = 2_147_483_647.0;
/// More pages than this count as this many, so that sums of two such numbers never overflow.
const MOST_PAGES: u32 = u32::MAX / 4;
/// Floor of the liveness budget, ms: less than a busy page needs to answer.
const SHORTEST_PROBE_MS: f64 = 250.0;

/// The constructor's options, as far as the machine is concerned. Numbers are JavaScript's.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, each an option of the constructor"
)]
pub struct PoolOptions {
    /// Pages where nothing else sets an envelope; at least 1.
    pub max_pages: u32,
    /// Contraction never goes below this. Default: `max_pages`. This and what else of the envelope is given here counts
    /// where the environment says nothing of it.
    pub min_pages: Option<u32>,
    /// Pages at the start. Default: the least.
    pub initial_pages: Option<u32>,
    /// Expansion for ordinary priorities ends here. Default: `max_pages`.
    pub burst_pages: Option<u32>,
    /// Where expansion for high priorities ends, and from which priority on they are high. Default: there is no such tier.
    pub high_priority: Option<(u32, f64)>,
    /// How long the pool must be idle before it drops a slot. Default: 60000.
    pub idle_contraction_ms: Option<f64>,
    /// Live tabs an affinity may have, ordinarily. Default: 5.
    pub max_tabs_per_affinity: Option<u32>,
    /// Rows of the ledger of shared contexts. Default: twice as many as there may be pages.
    pub max_shared_contexts: Option<u32>,
    /// Concurrent `file` leases of one affinity. Default: as many tabs as it may have, in a fixed pool one less.
    pub max_file_leases_per_affinity: Option<u32>,
    /// True if a `file` render may wait for others of its affinity, as a boxel host app's does: a pool that cannot
    /// prevent that they wait for each other then warns of it. Default: true.
    pub renders_nest: bool,
    /// True if attempts at standbys that fail alike are told of once, until that changes, and a target that is not ready is
    /// a warning. Default: false.
    pub tells_failures_once: bool,
    /// Budget of a standby's navigation, and again of its readiness. Default: 30000.
    pub standby_timeout_ms: Option<f64>,
    /// No standbys are created while any tab is bound to an affinity. Default: false.
    pub disable_standby_refill: bool,
    /// No admission. Default: false.
    pub disable_file_admission: bool,
    /// How often contraction is considered. Default: the contraction threshold.
    pub contraction_tick_ms: Option<f64>,
    /// Liveness budget, 0 = off. Default: from the environment.
    pub tab_health_probe_ms: Option<f64>,
    /// How long an answer given since the last lease ended counts for the next one, 0 = always ask. Only for a driver
    /// of ours: a browser from JavaScript is asked each time. Default: 0.
    pub tab_proof_of_life_ms: Option<f64>,
    /// After how long a tab that nobody has is trimmed, 0 = never. Only for a driver of ours. Default: 0.
    pub idle_trim_ms: Option<f64>,
    /// How many leases may be held while a tab is trimmed. Default: 0.
    pub trims_beside_leases: u32,
    /// True if tabs may move to another affinity. Default: false.
    pub allow_tab_migration: bool,
    /// How long a page or context may take to close before the next, harder step. Default: 5000.
    pub close_timeout_ms: Option<f64>,
    /// How long a lease may go on when its page is to be closed, while that answers. Default: the render timeout.
    pub lease_grace_ms: Option<f64>,
    /// How long a lease may last. Default: for ever.
    pub lease_timeout_ms: Option<f64>,
    /// After how long a lease that lasts is told of. Default: never.
    pub lease_warn_ms: Option<f64>,
    /// How long a call may wait. Default: for ever.
    pub acquire_timeout_ms: Option<f64>,
    /// How many calls may wait. Default: any number.
    pub max_waiting: Option<f64>,
    /// How many leases a tab gives out before it is replaced. Default: any number.
    pub max_uses_per_tab: Option<f64>,
    /// How long a tab is its tenant's before it is replaced. Default: for ever.
    pub max_tab_age_ms: Option<f64>,
    /// How much memory the renderer of a tab may hold before it is replaced, MB. Default: any amount.
    pub max_tab_memory_mb: Option<f64>,
    /// True if what a leased page opened stays open at its release. Default: false.
    pub keep_popups: bool,
    /// True if there is a render semaphore. Default: false.
    pub has_semaphore: bool,
    /// True if its capacity can be set. Default: false.
    pub semaphore_can_grow: bool,
    /// How many standbys may be under way at a time. Default: 1.
    pub standby_concurrency: u32,
    /// True if a page that does not close takes its orphaned context along: only where closing a context is a
    /// harder step than closing its page. Default: false.
    pub escalate_page_close: bool,
}

impl PoolOptions {
    /// Defaults for a pool of `max_pages`.
    #[must_use]
    pub fn new(max_pages: u32) -> Self {
        Self {
            max_pages,
            min_pages: None,
            initial_pages: None,
            burst_pages: None,
            high_priority: None,
            idle_contraction_ms: None,
            max_tabs_per_affinity: None,
            max_shared_contexts: None,
            max_file_leases_per_affinity: None,
            renders_nest: true,
            tells_failures_once: false,
            standby_timeout_ms: None,
            disable_standby_refill: false,
            disable_file_admission: false,
            contraction_tick_ms: None,
            tab_health_probe_ms: None,
            tab_proof_of_life_ms: None,
            idle_trim_ms: None,
            trims_beside_leases: 0,
            allow_tab_migration: false,
            close_timeout_ms: None,
            lease_grace_ms: None,
            lease_timeout_ms: None,
            lease_warn_ms: None,
            acquire_timeout_ms: None,
            max_waiting: None,
            max_uses_per_tab: None,
            max_tab_age_ms: None,
            max_tab_memory_mb: None,
            keep_popups: false,
            has_semaphore: false,
            semaphore_can_grow: false,
            standby_concurrency: 1,
            escalate_page_close: false,
        }
    }
}

/// The settled configuration of a pool.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, each an option of the constructor"
)]
pub struct Config {
    /// Contraction never goes below this.
    pub min_pages: u32,
    /// Pages at the start.
    pub initial_pages: u32,
    /// Expansion for ordinary priorities ends here.
    pub burst_pages: u32,
    /// Expansion for high priorities ends here.
    pub high_priority_max_pages: u32,
    /// From this priority on a request is of the high-priority tier; `Infinity` where the tier is dormant.
    pub high_priority_threshold: f64,
    /// How long the pool must be idle before it drops a slot.
    pub contraction_threshold_ms: f64,
    /// How often that is considered.
    pub contraction_tick_ms: u64,
    /// Live tabs an affinity may have, ordinarily.
    pub affinity_tab_max: u32,
    /// Rows that the ledger of shared contexts may have before orphans are closed.
    pub shared_context_cap: u32,
    /// Concurrent `file` leases of one affinity; `None` without admission.
    pub file_concurrency: Option<u32>,
    /// Liveness budget; 0 = off.
    pub tab_health_probe_ms: u64,
    /// How long an answer given since the last lease ended counts, ms; 0 = always ask.
    pub tab_proof_of_life_ms: u64,
    /// After how long a tab that nobody has is trimmed, ms; 0 = never.
    pub idle_trim_ms: u64,
    /// How many leases may be held while a tab is trimmed.
    pub trims_beside_leases: u32,
    /// Budget of a standby's navigation, and again of its readiness. For the driver.
    pub standby_timeout_ms: u64,
    /// How long a page or context may take to close.
    pub close_timeout_ms: u64,
    /// How long a lease may go on when its page is to be closed, while that answers.
    pub lease_grace_ms: u64,
    /// How long a lease may last.
    pub lease_timeout_ms: Option<u64>,
    /// After how long a lease that lasts is told of.
    pub lease_warn_ms: Option<u64>,
    /// How long a call may wait.
    pub acquire_timeout_ms: Option<u64>,
    /// How many calls may wait.
    pub max_waiting: Option<u32>,
    /// How many leases a tab gives out before it is replaced.
    pub max_uses_per_tab: Option<u32>,
    /// How long a tab is its tenant's before it is replaced.
    pub max_tab_age_ms: Option<u64>,
    /// How much memory the renderer of a tab may hold before it is replaced, MB.
    pub max_tab_memory_mb: Option<u64>,
    /// No standbys are created while any tab is bound to an affinity.
    pub disable_standby_refill: bool,
    /// True if the caller asked for migration.
    pub allow_tab_migration: bool,
    /// True if what a leased page opened stays open at its release.
    pub keep_popups: bool,
    /// True if attempts at standbys that fail alike are told of once.
    pub tells_failures_once: bool,
    /// True if there is a render semaphore.
    pub has_semaphore: bool,
    /// True if its capacity can be set.
    pub semaphore_can_grow: bool,
    /// How many standbys may be under way at a time.
    pub standby_concurrency: u32,
    /// True if a page that does not close takes its orphaned context along.
    pub escalate_page_close: bool,
}

/// A line for the log that settling the configuration brought up.
pub type Notice = (LogLevel, String);

impl Config {
    /// Settles options and environment, and says what of it the operator should know.
    #[must_use]
    pub fn resolve(options: &PoolOptions, env: &dyn Fn(&str) -> Option<String>) -> (Self, Vec<Notice>) {
        let mut notices = Vec::new();
        warn_of_unusable(env, &mut notices);
        let envelope = Envelope::resolve(options, env, &mut notices);
        let dynamic = envelope.is_dynamic();
        let contraction_threshold_ms = positive_integer(env, "PRERENDER_POOL_IDLE_CONTRACTION_MS")
            .or(options.idle_contraction_ms)
            .unwrap_or(60_000.0);
        let affinity_tab_max = affinity_tab_max(options, env, &envelope, &mut notices);
        let default_cap = options
            .max_shared_contexts
            .unwrap_or(envelope.high_priority_max.saturating_mul(2));
        let shared_context_cap = match env("PRERENDER_SHARED_CONTEXT_CAP").map(|text| js_number(&text)) {
            Some(cap) if cap.is_finite() && cap > 0.0 => whole(cap).max(1),
            _ => default_cap,
        };
        let file_concurrency = file_concurrency(options, env, affinity_tab_max, dynamic, &mut notices);
        let config = Self {
            min_pages: envelope.min,
            initial_pages: envelope.initial,
            burst_pages: envelope.burst,
            high_priority_max_pages: envelope.high_priority_max,
            high_priority_threshold: envelope.threshold,
            contraction_threshold_ms,
            contraction_tick_ms: duration(options.contraction_tick_ms.filter(|&ms| ms > 0.0))
                .unwrap_or_else(|| milliseconds(contraction_threshold_ms))
                .max(1),
            affinity_tab_max,
            shared_context_cap,
            file_concurrency: (!options.disable_file_admission).then_some(file_concurrency),
            tab_health_probe_ms: duration(options.tab_health_probe_ms)
                .unwrap_or_else(|| tab_health_probe_ms(env, &mut notices)),
            tab_proof_of_life_ms: duration(options.tab_proof_of_life_ms).unwrap_or(0),
            idle_trim_ms: duration(options.idle_trim_ms).unwrap_or(0),
            trims_beside_leases: options.trims_beside_leases,
            standby_timeout_ms: duration(options.standby_timeout_ms).unwrap_or(30_000),
            close_timeout_ms: duration(options.close_timeout_ms).unwrap_or(5_000),
            lease_grace_ms: duration(options.lease_grace_ms)
                .unwrap_or_else(|| milliseconds(render_timeout_ms(env))),
            lease_timeout_ms: duration(options.lease_timeout_ms),
            lease_warn_ms: duration(options.lease_warn_ms),
            acquire_timeout_ms: duration(options.acquire_timeout_ms),
            max_waiting: options.max_waiting.map(whole),
            max_uses_per_tab: options.max_uses_per_tab.map(whole),
            max_tab_age_ms: duration(options.max_tab_age_ms),
            max_tab_memory_mb: duration(options.max_tab_memory_mb),
            disable_standby_refill: options.disable_standby_refill,
            allow_tab_migration: options.allow_tab_migration,
            keep_popups: options.keep_popups,
            tells_failures_once: options.tells_failures_once,
            has_semaphore: options.has_semaphore,
            semaphore_can_grow: options.has_semaphore && options.semaphore_can_grow,
            standby_concurrency: options.standby_concurrency.max(1),
            escalate_page_close: options.escalate_page_close,
        };
        (config, notices)
    }

    /// True if the number of pages can change at all.
    #[must_use]
    pub fn is_dynamic(&self) -> bool {
        self.min_pages < self.burst_pages
    }

    /// True if a tab may ever move to another affinity.
    #[must_use]
    pub fn migration_allowed(&self) -> bool {
        self.disable_standby_refill || self.allow_tab_migration
    }
}

struct Envelope {
    min: u32,
    initial: u32,
    burst: u32,
    high_priority_max: u32,
    threshold: f64,
}

impl Envelope {
    fn resolve(
        options: &PoolOptions,
        env: &dyn Fn(&str) -> Option<String>,
        notices: &mut Vec<Notice>,
    ) -> Self {
        let pages = |given: Option<u32>| given.unwrap_or(options.max_pages).clamp(1, MOST_PAGES);
        let bounds = (
            positive_integer(env, "PRERENDER_PAGE_POOL_MIN").map(whole),
            positive_integer(env, "PRERENDER_PAGE_POOL_MAX").map(whole),
        );
        let (min, max) = match bounds {
            (Some(min), Some(max)) => (min, max),
            _ => (pages(options.min_pages), pages(options.burst_pages)),
        };
        if max < min {
            warn(
                notices,
                format!("PRERENDER_PAGE_POOL_MAX={max} is below PRERENDER_PAGE_POOL_MIN={min}: using {min}"),
            );
        }
        let burst = max.max(min);
        let initial = positive_integer(env, "PRERENDER_PAGE_POOL_INITIAL")
            .map(whole)
            .or(options.initial_pages)
            .unwrap_or(min)
            .clamp(min, burst);
        let tier = (
            positive_integer(env, "PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX"),
            positive_integer(env, "PRERENDER_HIGH_PRIORITY_THRESHOLD"),
        );
        let (name, tier) = match tier {
            (Some(high), Some(threshold)) => (
                "PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX",
                Some((whole(high), threshold)),
            ),
            _ => ("highPriorityMaxPages", options.high_priority),
        };
        let (high_priority_max, threshold) = match tier {
            Some((high, threshold)) if burst > min => {
                if high < burst {
                    // Options are held against each other before: the burst is the environment's.
                    let message =
                        format!("{name}={high} is below PRERENDER_PAGE_POOL_MAX={burst}: using {burst}");
                    warn(notices, message);
                }
                (high.max(burst), threshold)
            }
            _ => (burst, f64::INFINITY),
        };
        Self {
            min,
            initial,
            burst,
            high_priority_max,
            threshold,
        }
    }

    fn is_dynamic(&self) -> bool {
        self.min < self.burst
    }
}

fn affinity_tab_max(
    options: &PoolOptions,
    env: &dyn Fn(&str) -> Option<String>,
    envelope: &Envelope,
    notices: &mut Vec<Notice>,
) -> u32 {
    let burst = envelope.burst;
    let asked = match env("PRERENDER_AFFINITY_TAB_MAX").map(|text| js_number(&text)) {
        None => options.max_tabs_per_affinity.unwrap_or(5).max(1),
        Some(value) if value.is_finite() && value > 0.0 => whole(value).max(1),
        Some(_) => 1,
    };
    let tab_max = asked.min(burst);
    if options.renders_nest && !envelope.is_dynamic() && tab_max < 2 {
        warn(
            notices,
            format!(
                "a fixed pool with {tab_max} tab per affinity (PRERENDER_AFFINITY_TAB_MAX={asked}, {burst} pages) \
                 does not prevent the self-referential deadlock: a file render that waits for a module or command \
                 render of its own affinity waits for the tab that it holds itself"
            ),
        );
    }
    tab_max
}

fn file_concurrency(
    options: &PoolOptions,
    env: &dyn Fn(&str) -> Option<String>,
    tab_max: u32,
    dynamic: bool,
    notices: &mut Vec<Notice>,
) -> u32 {
    const NAME: &str = "PRERENDER_AFFINITY_FILE_CONCURRENCY";
    let most = if dynamic {
        tab_max
    } else {
        tab_max.saturating_sub(1).max(1)
    };
    let given = options
        .max_file_leases_per_affinity
        .map_or(most, |given| given.clamp(1, most));
    let Some(text) = env(NAME).filter(|text| !js_trim(text).is_empty()) else {
        return given;
    };
    let value = js_number(&text);
    if !is_integer(value) || value < 1.0 {
        warn(notices, format!("{NAME}={text} is no integer ≥ 1: using {given}"));
        return given;
    }
    let asked = whole(value);
    if asked < most {
        notices.push((
            LogLevel::Info,
            format!("{NAME} lowers the concurrent file renders of one affinity from {most} to {asked}"),
        ));
    }
    asked.min(most)
}

fn tab_health_probe_ms(env: &dyn Fn(&str) -> Option<String>, notices: &mut Vec<Notice>) -> u64 {
    const NAME: &str = "PRERENDER_TAB_HEALTH_PROBE_MS";
    const DEFAULT: u64 = 3_000;
    let Some(text) = env(NAME).filter(|text| !js_trim(text).is_empty()) else {
        return DEFAULT;
    };
    let render_timeout = render_timeout_ms(env);
    let value = js_number(&text);
    if value == 0.0 {
        return 0;
    }
    if is_integer(value) && (SHORTEST_PROBE_MS..render_timeout).contains(&value) {
        return milliseconds(value);
    }
    warn(
        notices,
        format!(
            "{NAME}={text} is neither 0 nor an integer from {SHORTEST_PROBE_MS} to below the render timeout of \
             {render_timeout} ms: using {DEFAULT}"
        ),
    );
    DEFAULT
}

/// `RENDER_TIMEOUT_MS`: how long a render may take.
fn render_timeout_ms(env: &dyn Fn(&str) -> Option<String>) -> f64 {
    match env("RENDER_TIMEOUT_MS").map(|text| (js_trim(&text).is_empty(), js_number(&text))) {
        Some((false, value)) if value.is_finite() => value.max(1_000.0),
        _ => 60_000.0,
    }
}

fn warn(notices: &mut Vec<Notice>, message: String) {
    notices.push((LogLevel::Warn, message));
}

fn positive_integer(env: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<f64> {
    env(name)
        .map(|text| js_number(&text))
        .filter(|&value| is_integer(value) && value >= 1.0)
}

/// Says of each variable that should be a positive integer, and is none, that it counts as unset.
fn warn_of_unusable(env: &dyn Fn(&str) -> Option<String>, notices: &mut Vec<Notice>) {
    const NAMES: [&str; 6] = [
        "PRERENDER_PAGE_POOL_MIN",
        "PRERENDER_PAGE_POOL_MAX",
        "PRERENDER_PAGE_POOL_INITIAL",
        "PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX",
        "PRERENDER_HIGH_PRIORITY_THRESHOLD",
        "PRERENDER_POOL_IDLE_CONTRACTION_MS",
    ];
    for name in NAMES {
        let set = env(name).filter(|text| !js_trim(text).is_empty());
        if let Some(text) = set
            && positive_integer(env, name).is_none()
        {
            warn(
                notices,
                format!("{name}={text} is no integer ≥ 1: as if it were not set"),
            );
        }
    }
}

fn is_integer(value: f64) -> bool {
    value.is_finite() && value.fract() == 0.0
}

/// A number of milliseconds from an option: `NaN` and negatives count as not given, a fraction is rounded up
/// (so that only 0 is 0), and what a timer cannot wait is cut to what it can.
pub(crate) fn duration(option: Option<f64>) -> Option<u64> {
    option.filter(|&ms| ms >= 0.0).map(milliseconds)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a range that fits"
)]
fn milliseconds(value: f64) -> u64 {
    value.clamp(0.0, LONGEST_MS).ceil() as u64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a range that fits"
)]
pub(crate) fn whole(value: f64) -> u32 {
    value.clamp(0.0, f64::from(MOST_PAGES)).floor() as u32
}

/// White space and line ends as JavaScript's `trim` sees them.
fn js_trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() && c != '\u{85}' || c == '\u{feff}')
}

/// JavaScript's `Number(text)`.
#[must_use]
pub fn js_number(text: &str) -> f64 {
    let text = js_trim(text);
    if text.is_empty() {
        return 0.0;
    }
    for (prefixes, radix) in [(["0x", "0X"], 16), (["0o", "0O"], 8), (["0b", "0B"], 2)] {
        if let Some(digits) = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)) {
            return radix_number(digits, radix);
        }
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "Infinity" {
        return if text.starts_with('-') {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        };
    }
    // Rust reads more than JavaScript does ("inf", "nan"): only the characters of a decimal literal pass.
    if unsigned.is_empty()
        || !unsigned
            .chars()
            .all(|c| matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-'))
    {
        return f64::NAN;
    }
    text.parse().unwrap_or(f64::NAN)
}

fn radix_number(digits: &str, radix: u32) -> f64 {
    if digits.is_empty() {
        return f64::NAN;
    }
    digits
        .chars()
        .try_fold(0.0, |sum, c| {
            c.to_digit(radix)
                .map(|digit| sum * f64::from(radix) + f64::from(digit))
        })
        .unwrap_or(f64::NAN)
}
