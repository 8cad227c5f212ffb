//! What options and environment mean: the contract's table, row by row.

use std::collections::BTreeMap;

use pagepool::pool::{Config, LogLevel, PoolOptions};
use proptest::prelude::*;
use proptest::sample::select;

/// What a variable may be set to, with its value in JavaScript.
const TEXTS: [(&str, f64); 20] = [
    ("", 0.0),
    ("  ", 0.0),
    ("0", 0.0),
    ("-1", -1.0),
    ("1", 1.0),
    ("2", 2.0),
    ("3", 3.0),
    (" 5 ", 5.0),
    ("\t8\n", 8.0),
    ("0x10", 16.0),
    ("1e2", 100.0),
    ("249", 249.0),
    ("250", 250.0),
    ("900", 900.0),
    ("2000", 2_000.0),
    ("5.5", 5.5),
    ("abc", f64::NAN),
    ("NaN", f64::NAN),
    ("Infinity", f64::INFINITY),
    ("-Infinity", f64::NEG_INFINITY),
];

const NAMES: [&str; 11] = [
    "PRERENDER_PAGE_POOL_MIN",
    "PRERENDER_PAGE_POOL_MAX",
    "PRERENDER_PAGE_POOL_INITIAL",
    "PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX",
    "PRERENDER_HIGH_PRIORITY_THRESHOLD",
    "PRERENDER_POOL_IDLE_CONTRACTION_MS",
    "PRERENDER_AFFINITY_TAB_MAX",
    "PRERENDER_SHARED_CONTEXT_CAP",
    "PRERENDER_AFFINITY_FILE_CONCURRENCY",
    "PRERENDER_TAB_HEALTH_PROBE_MS",
    "RENDER_TIMEOUT_MS",
];

type Environment = BTreeMap<&'static str, (&'static str, f64)>;

#[derive(Debug, PartialEq)]
struct Settled {
    min: f64,
    initial: f64,
    burst: f64,
    high_priority_max: f64,
    threshold: f64,
    contraction_threshold_ms: f64,
    tab_max: f64,
    context_cap: f64,
    file_concurrency: f64,
    probe_ms: f64,
    warnings: usize,
    infos: usize,
}

/// What options say of the envelope, in the contract's numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Given {
    min: Option<u32>,
    initial: Option<u32>,
    burst: Option<u32>,
    high_priority: Option<(u32, f64)>,
    contraction_threshold_ms: Option<f64>,
    tab_max: Option<u32>,
    context_cap: Option<u32>,
    file_concurrency: Option<u32>,
    alone: bool,
}

fn model(max_pages: f64, given: &Given, environment: &Environment) -> Settled {
    let mut warnings = 0;
    let mut infos = 0;
    let number = |name: &str| environment.get(name).map(|at: &(&str, f64)| at.1);
    let filled = |name: &str| {
        environment
            .get(name)
            .filter(|at| !at.0.trim().is_empty())
            .map(|at| at.1)
    };
    let whole = |value: f64| value.is_finite() && value.floor().total_cmp(&value).is_eq();
    let positive = |name: &str| number(name).filter(|&value| whole(value) && value >= 1.0);

    // Those that are to be positive integers, and are none, count as unset, which is said.
    warnings += NAMES[..6]
        .iter()
        .filter(|&&name| filled(name).is_some() && positive(name).is_none())
        .count();

    // The environment goes before options, where it says all of what belongs together.
    let (mut min, mut burst) = (
        given.min.map_or(max_pages, f64::from),
        given.burst.map_or(max_pages, f64::from),
    );
    if let (Some(low), Some(high)) = (positive(NAMES[0]), positive(NAMES[1])) {
        warnings += usize::from(high < low);
        min = low;
        burst = high.max(low);
    }
    let initial = positive(NAMES[2])
        .or(given.initial.map(f64::from))
        .unwrap_or(min)
        .max(min)
        .min(burst);
    let dynamic = min < burst;
    let (mut high_priority_max, mut threshold) = (burst, f64::INFINITY);
    let tier = match (positive(NAMES[3]), positive(NAMES[4])) {
        (Some(high), Some(from)) => Some((high, from)),
        _ => given.high_priority.map(|(high, from)| (f64::from(high), from)),
    };
    if let (Some((high, from)), true) = (tier, dynamic) {
        warnings += usize::from(high < burst);
        high_priority_max = high.max(burst);
        threshold = from;
    }
    let asked_tabs = match number(NAMES[6]) {
        None => given.tab_max.map_or(5.0, f64::from),
        Some(value) if value.is_finite() && value > 0.0 => value.floor(),
        Some(_) => 1.0,
    };
    let tab_max = asked_tabs.min(burst);
    warnings += usize::from(!given.alone && !dynamic && tab_max < 2.0);
    let context_cap = number(NAMES[7])
        .filter(|value| value.is_finite() && *value > 0.0)
        .map(f64::floor)
        .or(given.context_cap.map(f64::from))
        .unwrap_or(2.0 * high_priority_max);
    let most_files = if dynamic {
        tab_max
    } else {
        (tab_max - 1.0).max(1.0)
    };
    let mut file_concurrency = given
        .file_concurrency
        .map_or(most_files, |files| most_files.min(f64::from(files)));
    if let Some(asked) = filled(NAMES[8]) {
        if whole(asked) && asked >= 1.0 {
            infos += usize::from(asked < most_files);
            file_concurrency = asked.min(most_files);
        } else {
            warnings += 1;
        }
    }
    let render_timeout = filled(NAMES[10])
        .filter(|value| value.is_finite())
        .unwrap_or(60_000.0)
        .max(1_000.0);
    let mut probe_ms = 3_000.0;
    if let Some(asked) = filled(NAMES[9]) {
        if asked.abs() < f64::EPSILON || whole(asked) && asked >= 250.0 && asked < render_timeout {
            probe_ms = asked;
        } else {
            warnings += 1;
        }
    }
    Settled {
        min,
        initial,
        burst,
        high_priority_max,
        threshold,
        contraction_threshold_ms: positive(NAMES[5])
            .or(given.contraction_threshold_ms)
            .unwrap_or(60_000.0),
        tab_max,
        context_cap,
        file_concurrency,
        probe_ms,
        warnings,
        infos,
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn resolved(max_pages: u32, given: &Given, environment: &Environment) -> Settled {
    let find = |name: &str| environment.get(name).map(|at| at.0.to_owned());
    let options = PoolOptions {
        min_pages: given.min,
        initial_pages: given.initial,
        burst_pages: given.burst,
        high_priority: given.high_priority,
        idle_contraction_ms: given.contraction_threshold_ms,
        max_tabs_per_affinity: given.tab_max,
        max_shared_contexts: given.context_cap,
        max_file_leases_per_affinity: given.file_concurrency,
        renders_nest: !given.alone,
        ..PoolOptions::new(max_pages)
    };
    let (config, notices) = Config::resolve(&options, &find);
    let lines = |level| notices.iter().filter(|notice| notice.0 == level).count();
    Settled {
        min: config.min_pages.into(),
        initial: config.initial_pages.into(),
        burst: config.burst_pages.into(),
        high_priority_max: config.high_priority_max_pages.into(),
        threshold: config.high_priority_threshold,
        contraction_threshold_ms: config.contraction_threshold_ms,
        tab_max: config.affinity_tab_max.into(),
        context_cap: config.shared_context_cap.into(),
        file_concurrency: config.file_concurrency.expect("admission is on").into(),
        probe_ms: config.tab_health_probe_ms as f64,
        warnings: lines(LogLevel::Warn),
        infos: lines(LogLevel::Info),
    }
}

/// Options that do not contradict themselves: those that do are refused before they come here.
fn given_to(max_pages: u32) -> impl Strategy<Value = Given> {
    let sizes = (
        proptest::option::of(1..=max_pages),
        proptest::option::of(max_pages..12),
        proptest::option::of((0..4_u32, select(&[-1.5, 0.0, 7.0][..]))),
        proptest::option::of(0..12_u32),
    );
    let others = (
        proptest::option::of(select(&[0.5, 250.0, 9_000.0][..])),
        proptest::option::of(1..9_u32),
        proptest::option::of(1..40_u32),
        proptest::option::of(1..9_u32),
        any::<bool>(),
    );
    (sizes, others).prop_map(move |((min, burst, tier, initial), others)| {
        let (least, most) = (min.unwrap_or(max_pages), burst.unwrap_or(max_pages));
        Given {
            min,
            initial: initial.map(|pages| pages.clamp(least, most)),
            burst,
            high_priority: tier
                .filter(|_| least < most)
                .map(|(more, from)| (most + more, from)),
            contraction_threshold_ms: others.0,
            tab_max: others.1,
            context_cap: others.2,
            file_concurrency: others.3,
            alone: others.4,
        }
    })
}

proptest! {
    #![proptest_config(crate::cases(256))]

    /// Left out: what a fraction below 1 means where the contract says both "floored" and "above 0".
    #[test]
    fn the_environment_means_what_the_table_says(
        (max_pages, given) in (1..9_u32).prop_flat_map(|pages| (Just(pages), proptest::option::of(given_to(pages)))),
        set in proptest::collection::btree_map(select(&NAMES[..]), select(&TEXTS[..]), 0..12),
        // Most random environments set no envelope.
        envelope in proptest::option::of((1..5_usize, 1..7_usize)),
    ) {
        let mut environment = set;
        if let Some((min, max)) = envelope {
            environment.insert(NAMES[0], TEXTS[3 + min]);
            environment.insert(NAMES[1], TEXTS[3 + max]);
        }
        let given = given.unwrap_or_default();
        prop_assert_eq!(
            resolved(max_pages, &given, &environment),
            model(max_pages.into(), &given, &environment)
        );
    }
}
