use crate::pool::config::js_number;
use crate::pool::{Config, LogLevel, Notice, PoolOptions};

fn resolve(env: &[(&str, &str)]) -> (Config, Vec<Notice>) {
    resolve_for(&PoolOptions::new(4), env)
}

fn resolve_for(options: &PoolOptions, env: &[(&str, &str)]) -> (Config, Vec<Notice>) {
    Config::resolve(options, &|name| {
        env.iter().find(|at| at.0 == name).map(|at| at.1.to_owned())
    })
}

const MIN: &str = "PRERENDER_PAGE_POOL_MIN";
const MAX: &str = "PRERENDER_PAGE_POOL_MAX";

#[test]
fn numbers_are_read_as_javascript_reads_them() {
    for (text, number) in [
        ("", 0.0),
        (" 12\n", 12.0),
        ("0x1F", 31.0),
        ("0b101", 5.0),
        ("0o17", 15.0),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-3", -3.0),
        ("+Infinity", f64::INFINITY),
        ("-Infinity", f64::NEG_INFINITY),
        ("\u{feff}7\u{a0}", 7.0),
    ] {
        assert_eq!(js_number(text).to_bits(), number.to_bits(), "Number({text:?})");
    }
    for text in [
        "inf", "nan", "NaN", "infinity", "1_000", "12px", "0x", "-0x1", "1e", "--1", "e5", "0b2", ".",
    ] {
        assert!(js_number(text).is_nan(), "Number({text:?}) is NaN");
    }
}

#[test]
fn without_an_envelope_the_pool_is_fixed_at_max_pages() {
    for env in [
        &[][..],
        &[(MIN, "2")],
        &[(MAX, "9")],
        &[(MIN, "0"), (MAX, "9")],
        &[(MIN, "1.5"), (MAX, "9")],
    ] {
        let (config, _) = resolve(env);
        assert_eq!(
            (config.min_pages, config.initial_pages, config.burst_pages),
            (4, 4, 4),
            "{env:?}"
        );
        assert_eq!(config.high_priority_max_pages, 4);
        assert!(config.high_priority_threshold.is_infinite());
        assert!(!config.is_dynamic());
    }
}

#[test]
fn an_envelope_is_clamped_with_a_warning() {
    let (config, notices) = resolve(&[(MIN, "5"), (MAX, "3")]);
    assert_eq!((config.min_pages, config.burst_pages), (5, 5));
    assert!(
        notices
            .iter()
            .any(|notice| notice.0 == LogLevel::Warn && notice.1.contains(MAX)),
        "{notices:?}"
    );
    let (config, notices) = resolve(&[(MIN, "2"), (MAX, "6"), ("PRERENDER_PAGE_POOL_INITIAL", "99")]);
    assert_eq!(
        (config.min_pages, config.initial_pages, config.burst_pages),
        (2, 6, 6)
    );
    assert!(notices.is_empty(), "{notices:?}");
    let (config, _) = resolve(&[(MIN, "2"), (MAX, "6"), ("PRERENDER_PAGE_POOL_INITIAL", "1")]);
    assert_eq!(config.initial_pages, 2);
}

#[test]
fn the_high_priority_tier_needs_both_numbers_and_a_dynamic_pool() {
    let high = "PRERENDER_PAGE_POOL_HIGH_PRIORITY_MAX";
    let threshold = "PRERENDER_HIGH_PRIORITY_THRESHOLD";
    let (config, _) = resolve(&[(MIN, "1"), (MAX, "3"), (high, "5"), (threshold, "10")]);
    assert_eq!(
        (config.high_priority_max_pages, config.high_priority_threshold),
        (5, 10.0)
    );
    for env in [
        &[(MIN, "1"), (MAX, "3"), (high, "5")][..],
        &[(MIN, "1"), (MAX, "3"), (threshold, "5")],
        &[(MIN, "3"), (MAX, "3"), (high, "5"), (threshold, "10")],
    ] {
        let (config, _) = resolve(env);
        assert_eq!(config.high_priority_max_pages, 3, "{env:?}");
        assert!(config.high_priority_threshold.is_infinite(), "{env:?}");
    }
    let (config, notices) = resolve(&[(MIN, "1"), (MAX, "3"), (high, "2"), (threshold, "10")]);
    assert_eq!(config.high_priority_max_pages, 3);
    assert!(
        notices
            .iter()
            .any(|notice| notice.0 == LogLevel::Warn && notice.1.contains(high)),
        "{notices:?}"
    );
}

#[test]
fn options_make_an_envelope_that_the_environment_goes_before() {
    let options = PoolOptions {
        min_pages: Some(2),
        initial_pages: Some(3),
        burst_pages: Some(6),
        high_priority: Some((8, -1.0)),
        idle_contraction_ms: Some(500.0),
        max_tabs_per_affinity: Some(3),
        max_shared_contexts: Some(7),
        max_file_leases_per_affinity: Some(2),
        ..PoolOptions::new(4)
    };
    let sizes = |config: &Config| {
        (
            config.min_pages,
            config.initial_pages,
            config.burst_pages,
            config.high_priority_max_pages,
        )
    };
    let (config, notices) = resolve_for(&options, &[]);
    assert_eq!(sizes(&config), (2, 3, 6, 8));
    assert_eq!(
        (
            config.high_priority_threshold,
            config.contraction_threshold_ms,
            config.contraction_tick_ms
        ),
        (-1.0, 500.0, 500)
    );
    assert_eq!(
        (
            config.affinity_tab_max,
            config.shared_context_cap,
            config.file_concurrency
        ),
        (3, 7, Some(2))
    );
    assert!(notices.is_empty(), "{notices:?}");

    let half = resolve_for(&options, &[(MIN, "1")]).0;
    assert_eq!(sizes(&half), (2, 3, 6, 8), "half an envelope is none");
    let env = [(MIN, "4"), (MAX, "9"), ("PRERENDER_AFFINITY_TAB_MAX", "5")];
    let (config, notices) = resolve_for(&options, &env);
    assert_eq!(sizes(&config), (4, 4, 9, 9));
    assert_eq!(config.affinity_tab_max, 5);
    assert!(
        notices
            .iter()
            .any(|notice| notice.0 == LogLevel::Warn && notice.1.contains("highPriorityMaxPages=8")),
        "the option is what is below: {notices:?}"
    );
}

#[test]
fn one_page_is_no_reason_for_a_warning_where_renders_do_not_nest() {
    let alone = PoolOptions {
        renders_nest: false,
        ..PoolOptions::new(1)
    };
    let (config, notices) = resolve_for(&alone, &[]);
    assert_eq!((config.burst_pages, config.affinity_tab_max), (1, 1));
    assert!(notices.is_empty(), "{notices:?}");
    assert!(
        !resolve_for(&PoolOptions::new(1), &[]).1.is_empty(),
        "they do by default"
    );
}

#[test]
fn the_tab_maximum_is_floored_and_bounded_by_the_burst() {
    let name = "PRERENDER_AFFINITY_TAB_MAX";
    for (value, expected) in [
        ("2.9", 2),
        ("99", 4),
        ("0", 1),
        ("-1", 1),
        ("x", 1),
        ("0.5", 1),
        ("Infinity", 1),
    ] {
        assert_eq!(resolve(&[(name, value)]).0.affinity_tab_max, expected, "{value}");
    }
    assert_eq!(
        resolve(&[]).0.affinity_tab_max,
        4,
        "the default of 5 is bounded by the pages"
    );
    let warned = |env: &[(&str, &str)]| {
        resolve(env)
            .1
            .iter()
            .any(|notice| notice.0 == LogLevel::Warn && notice.1.contains("deadlock"))
    };
    assert!(
        warned(&[(name, "1")]),
        "a fixed pool with one tab per affinity can deadlock"
    );
    assert!(!warned(&[(name, "2")]));
    assert!(
        !warned(&[(name, "1"), (MIN, "1"), (MAX, "4")]),
        "a dynamic pool can expand"
    );
}

#[test]
fn file_concurrency_leaves_room_in_a_fixed_pool_and_only_ever_lowers() {
    let name = "PRERENDER_AFFINITY_FILE_CONCURRENCY";
    assert_eq!(resolve(&[]).0.file_concurrency, Some(3));
    assert_eq!(resolve(&[(MIN, "1"), (MAX, "4")]).0.file_concurrency, Some(4));
    assert_eq!(
        resolve(&[("PRERENDER_AFFINITY_TAB_MAX", "1")]).0.file_concurrency,
        Some(1)
    );
    let (config, notices) = resolve(&[(name, "2")]);
    assert_eq!(config.file_concurrency, Some(2));
    assert!(
        notices
            .iter()
            .any(|notice| notice.0 == LogLevel::Info && notice.1.contains(name)),
        "{notices:?}"
    );
    assert_eq!(resolve(&[(name, "50")]).0.file_concurrency, Some(3));
    for value in ["0", "1.5", "many"] {
        let (config, notices) = resolve(&[(name, value)]);
        assert_eq!(config.file_concurrency, Some(3), "{value}");
        assert!(
            notices.iter().any(|notice| notice.0 == LogLevel::Warn),
            "{value}: {notices:?}"
        );
    }
    assert!(resolve(&[(name, " ")]).1.is_empty(), "empty counts as unset");
    let options = PoolOptions {
        disable_file_admission: true,
        ..PoolOptions::new(4)
    };
    assert_eq!(resolve_for(&options, &[]).0.file_concurrency, None);
}

#[test]
fn the_probe_budget_is_an_integer_within_the_render_timeout() {
    let name = "PRERENDER_TAB_HEALTH_PROBE_MS";
    for (value, expected, warns) in [
        (" ", 3000, false),
        ("0", 0, false),
        ("250", 250, false),
        ("249", 3000, true),
        ("59999", 59_999, false),
        ("60000", 3000, true),
        ("-1", 3000, true),
        ("1000.5", 3000, true),
    ] {
        let (config, notices) = resolve(&[(name, value)]);
        assert_eq!(config.tab_health_probe_ms, expected, "{value:?}");
        assert_eq!(!notices.is_empty(), warns, "{value:?}: {notices:?}");
    }
    assert_eq!(
        resolve(&[(name, "1500"), ("RENDER_TIMEOUT_MS", "10")])
            .0
            .tab_health_probe_ms,
        3000
    );
    assert_eq!(
        resolve(&[(name, "999"), ("RENDER_TIMEOUT_MS", "10")])
            .0
            .tab_health_probe_ms,
        999
    );
    let options = PoolOptions {
        tab_health_probe_ms: Some(20.0),
        ..PoolOptions::new(4)
    };
    assert_eq!(
        resolve_for(&options, &[(name, "0")]).0.tab_health_probe_ms,
        20,
        "the option goes first"
    );
}

#[test]
fn options_may_be_any_number_of_javascript() {
    for value in [f64::NAN, -1.0, f64::NEG_INFINITY] {
        let options = PoolOptions {
            close_timeout_ms: Some(value),
            contraction_tick_ms: Some(value),
            standby_timeout_ms: Some(value),
            ..PoolOptions::new(1)
        };
        let (config, _) = resolve_for(&options, &[]);
        assert_eq!(
            (
                config.close_timeout_ms,
                config.contraction_tick_ms,
                config.standby_timeout_ms
            ),
            (5_000, 60_000, 30_000),
            "{value}"
        );
    }
    let options = PoolOptions {
        close_timeout_ms: Some(f64::INFINITY),
        contraction_tick_ms: Some(0.4),
        ..PoolOptions::new(1)
    };
    let (config, _) = resolve_for(&options, &[]);
    assert_eq!(
        (config.close_timeout_ms, config.contraction_tick_ms),
        (2_147_483_647, 1)
    );
}

#[test]
fn the_context_cap_defaults_to_twice_the_most_pages() {
    let name = "PRERENDER_SHARED_CONTEXT_CAP";
    for (value, expected) in [
        ("3", 3),
        ("0", 8),
        ("-2", 8),
        ("x", 8),
        ("Infinity", 8),
        ("2.7", 2),
    ] {
        assert_eq!(
            resolve(&[(name, value)]).0.shared_context_cap,
            expected,
            "{value}"
        );
    }
    assert_eq!(resolve(&[]).0.shared_context_cap, 8);
}
