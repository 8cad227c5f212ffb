//! The constructor's options, checked.

use super::super::check::{self, invalid};
use super::super::js::{Scope, Thrown, Value};
use super::super::loader::definition;
use super::super::page;
use crate::driver::StandbyPage;
use crate::pool::PoolOptions;
use crate::pool::config::whole;

/// Every option of `new PagePool`.
const POOL_OPTIONS: &[&str] = &[
    "acquireTimeoutMs",
    "allowTabMigration",
    "boxelHostURL",
    "browserManager",
    "burstPages",
    "closeTimeoutMs",
    "contractionTickMs",
    "disableFileAdmission",
    "disableStandbyRefill",
    "highPriorityMaxPages",
    "highPriorityThreshold",
    "idleContractionMs",
    "idleTrimMs",
    "initScripts",
    "initialPages",
    "keepPopups",
    "leaseGraceMs",
    "leaseTimeoutMs",
    "leaseWarnMs",
    "logger",
    "maxFileLeasesPerAffinity",
    "maxPages",
    "maxSharedContexts",
    "maxTabAgeMs",
    "maxTabMemoryMB",
    "maxTabsPerAffinity",
    "maxUsesPerTab",
    "maxWaiting",
    "minPages",
    "onAffinityDisposed",
    "readyFunction",
    "readySelector",
    "renderSemaphore",
    "serverURL",
    "standbyTimeoutMs",
    "standbyURL",
    "tabHealthProbeMs",
    "tabProofOfLifeMs",
];
/// Every option of `getPage`.
pub(super) const GET_PAGE_OPTIONS: &[&str] = &[
    "acquireTimeoutMs",
    "leaseTimeoutMs",
    "maxWaiting",
    "priority",
    "revokeOnAbort",
    "signal",
];
/// Every option of `disposeAffinity`.
pub(super) const DISPOSE_OPTIONS: &[&str] = &["awaitIdle", "retainConsoleErrors", "retainSharedContext"];

/// More pages than this are nobody's intention: each takes some 50 MB.
const MOST_PAGES: u32 = 10_000;

/// What `new PagePool` was given, as far as it is not the machine's.
pub(super) struct Options<'s> {
    pub(super) machine: PoolOptions,
    /// Empty where no manager is to be told of it.
    pub(super) server_url: String,
    pub(super) standby_page: StandbyPage,
    /// Of the page that tabs stand by on, as it was given.
    pub(super) ready_function: Option<Value<'s>>,
    pub(super) browser_manager: Value<'s>,
    pub(super) render_semaphore: Option<Value<'s>>,
    pub(super) on_affinity_disposed: Option<Value<'s>>,
    pub(super) logger: Option<Value<'s>>,
}

impl<'s> Options<'s> {
    pub(super) fn read(options: Value<'s>) -> Result<Self, Thrown> {
        if !options.is_object() {
            return Err(invalid(options, "options", "an object"));
        }
        check::options(options, POOL_OPTIONS)?;
        let mut machine = envelope(options)?;
        machine.standby_timeout_ms = milliseconds(options, "standbyTimeoutMs")?;
        machine.contraction_tick_ms = milliseconds(options, "contractionTickMs")?;
        machine.tab_health_probe_ms = milliseconds(options, "tabHealthProbeMs")?;
        machine.tab_proof_of_life_ms = milliseconds(options, "tabProofOfLifeMs")?;
        machine.idle_trim_ms = milliseconds(options, "idleTrimMs")?;
        machine.close_timeout_ms = milliseconds(options, "closeTimeoutMs")?;
        machine.lease_grace_ms = positive(options, "leaseGraceMs")?;
        machine.lease_timeout_ms = positive(options, "leaseTimeoutMs")?;
        machine.lease_warn_ms = positive(options, "leaseWarnMs")?;
        machine.acquire_timeout_ms = positive(options, "acquireTimeoutMs")?;
        machine.max_waiting = count(options, "maxWaiting")?;
        machine.max_uses_per_tab = count(options, "maxUsesPerTab")?;
        machine.max_tab_age_ms = positive(options, "maxTabAgeMs")?;
        machine.max_tab_memory_mb = positive(options, "maxTabMemoryMB")?;
        machine.disable_standby_refill = flag(options, "disableStandbyRefill")?;
        machine.disable_file_admission = flag(options, "disableFileAdmission")?;
        machine.keep_popups = flag(options, "keepPopups")?;
        machine.allow_tab_migration = flag(options, "allowTabMigration")?;
        machine.renders_nest = given(options, "standbyURL")?.is_none();
        machine.tells_failures_once = !machine.renders_nest;
        let standby_page = standby_page(options)?;
        let server_url = match given(options, "serverURL")? {
            None if given(options, "standbyURL")?.is_some() => String::new(),
            _ => check::url(options.get("serverURL")?, "options.serverURL")?,
        };
        let manager = options.get("browserManager")?;
        let expected = "a BrowserManager, or an object with getBrowser() and cleanupUserDataDirs()";
        let can = |method| Ok::<_, Thrown>(manager.is_object() && manager.get(method)?.is_function());
        if !can("getBrowser")? || !can("cleanupUserDataDirs")? {
            return Err(invalid(manager, "options.browserManager", expected));
        }
        let mut render_semaphore = object_with(options, "renderSemaphore", "acquire")?;
        let is_own = !machine.renders_nest || machine.min_pages.is_some() || machine.burst_pages.is_some();
        if render_semaphore.is_none() && is_own {
            // Without one the pool could not grow.
            render_semaphore = Some(definition(options.scope(), "AsyncSemaphore").construct(&[])?);
        }
        if let Some(semaphore) = &render_semaphore {
            machine.has_semaphore = true;
            machine.semaphore_can_grow = semaphore.get("setCapacity")?.is_function();
        }
        Ok(Self {
            machine,
            server_url,
            standby_page,
            ready_function: given(options, "readyFunction")?,
            browser_manager: manager,
            render_semaphore,
            on_affinity_disposed: function(options, "onAffinityDisposed")?,
            logger: logger(options)?,
        })
    }
}

/// An option that may be absent, or present and `undefined`.
fn given<'s>(options: Value<'s>, name: &str) -> Result<Option<Value<'s>>, Thrown> {
    Ok(Some(options.get(name)?).filter(|value| !value.is_undefined()))
}

fn milliseconds(options: Value<'_>, name: &str) -> Result<Option<f64>, Thrown> {
    given(options, name)?
        .map(|value| check::milliseconds(value, &format!("options.{name}")))
        .transpose()
}

/// How many pages there may be, and what goes by that. What contradicts itself is refused; only the environment is clamped.
fn envelope(options: Value<'_>) -> Result<PoolOptions, Thrown> {
    let max_pages = pages(options, "maxPages", 1, MOST_PAGES, "")?;
    let required = max_pages.ok_or_else(|| {
        let expected = format!("an integer ≥ 1, and at most {MOST_PAGES}");
        invalid(options.scope().undefined(), "options.maxPages", &expected)
    })?;
    let mut machine = PoolOptions::new(required);
    machine.min_pages = pages(options, "minPages", 1, required, ", options.maxPages")?;
    machine.burst_pages = pages(options, "burstPages", required, MOST_PAGES, "")?;
    let (min, burst) = (
        machine.min_pages.unwrap_or(required),
        machine.burst_pages.unwrap_or(required),
    );
    machine.initial_pages = pages(options, "initialPages", min, burst, "")?;
    let high = pages(options, "highPriorityMaxPages", burst, MOST_PAGES, "")?;
    let threshold = options.get("highPriorityThreshold")?;
    let wrong = |expected| Err(invalid(threshold, "options.highPriorityThreshold", expected));
    machine.high_priority = match (high, threshold.as_f64().filter(|threshold| threshold.is_finite())) {
        (Some(_), _) if min == burst => {
            let expected = "left out where the pool is of one size: options.minPages or options.burstPages makes it grow";
            let high = options.get("highPriorityMaxPages")?;
            return Err(invalid(high, "options.highPriorityMaxPages", expected));
        }
        (Some(high), Some(threshold)) => Some((high, threshold)),
        (Some(_), None) => return wrong("a finite number beside options.highPriorityMaxPages"),
        (None, _) if !threshold.is_undefined() => {
            return wrong("left out without options.highPriorityMaxPages");
        }
        (None, _) => None,
    };
    machine.idle_contraction_ms = positive(options, "idleContractionMs")?;
    machine.max_tabs_per_affinity = count(options, "maxTabsPerAffinity")?.map(whole);
    machine.max_shared_contexts = count(options, "maxSharedContexts")?.map(whole);
    machine.max_file_leases_per_affinity = count(options, "maxFileLeasesPerAffinity")?.map(whole);
    Ok(machine)
}

/// A number of pages within bounds.
fn pages(options: Value<'_>, name: &str, least: u32, most: u32, of: &str) -> Result<Option<u32>, Thrown> {
    given(options, name)?
        .map(|value| {
            value
                .as_f64()
                .filter(|pages| pages.fract() == 0.0)
                .map(whole)
                .filter(|pages| (least..=most).contains(pages))
                .ok_or_else(|| {
                    let expected = format!("an integer ≥ {least}, and at most {most}{of}");
                    invalid(value, &format!("options.{name}"), &expected)
                })
        })
        .transpose()
}

/// A number of things, at least one.
pub(super) fn count(options: Value<'_>, name: &str) -> Result<Option<f64>, Thrown> {
    given(options, name)?
        .map(|value| {
            value
                .as_f64()
                .filter(|number| *number >= 1.0 && number.fract() == 0.0)
                .ok_or_else(|| invalid(value, &format!("options.{name}"), "an integer ≥ 1"))
        })
        .transpose()
}

/// What tabs stand by on: the page that is named, else the boxel host app's.
fn standby_page(options: Value<'_>) -> Result<StandbyPage, Thrown> {
    let mut page = match given(options, "standbyURL")? {
        None => {
            let origin = check::url(options.get("boxelHostURL")?, "options.boxelHostURL")?;
            StandbyPage::of_host_app(&origin)
        }
        Some(url) => {
            if given(options, "boxelHostURL")?.is_some() {
                let expected = "left out where options.boxelHostURL is given";
                return Err(invalid(url, "options.standbyURL", expected));
            }
            StandbyPage {
                url: check::any_url(url, "options.standbyURL")?,
                is_host_app: false,
                origin: check::origin(url)?,
                ready_selector: None,
                ready_function: None,
                init_scripts: Vec::new(),
            }
        }
    };
    if let Some(value) = given(options, "readySelector")? {
        let selector = value.as_string().filter(|selector| !selector.trim().is_empty());
        let refused = || invalid(value, "options.readySelector", "a CSS selector");
        page.ready_selector = Some(selector.ok_or_else(refused)?);
    }
    if let Some(value) = given(options, "readyFunction")? {
        page.ready_function = Some(ready_function(value)?);
    }
    if let Some(value) = given(options, "initScripts")? {
        let refused = || invalid(value, "options.initScripts", "an array of strings of code");
        if !value.is_array() {
            return Err(refused());
        }
        let sources: Option<Vec<_>> = value.elements()?.into_iter().map(Value::as_string).collect();
        page.init_scripts = sources.ok_or_else(refused)?;
    }
    Ok(page)
}

/// The source of a function, of a function itself or of one that gives what an expression is.
fn ready_function(value: Value<'_>) -> Result<String, Thrown> {
    let scope = value.scope();
    if value.is_function() {
        return page::function_source(scope, value);
    }
    let refused = || {
        invalid(
            value,
            "options.readyFunction",
            "a function, or a string with an expression",
        )
    };
    let expression = value
        .as_string()
        .filter(|expression| !expression.trim().is_empty())
        .ok_or_else(refused)?;
    let source = format!("() => (\n{expression}\n)");
    match page::compiles(scope, &source) {
        Err(thrown) if thrown.value(scope).get("name")?.as_string().as_deref() == Some("SyntaxError") => {
            Err(refused())
        }
        // Where Node compiles no strings, the page will tell.
        _ => Ok(source),
    }
}

/// A time that must be more than nothing.
pub(super) fn positive(options: Value<'_>, name: &str) -> Result<Option<f64>, Thrown> {
    given(options, name)?
        .map(|value| {
            value
                .as_f64()
                .filter(|number| *number > 0.0)
                .ok_or_else(|| invalid(value, &format!("options.{name}"), "a number above 0"))
        })
        .transpose()
}

fn flag(options: Value<'_>, name: &str) -> Result<bool, Thrown> {
    given(options, name)?.map_or(Ok(false), |value| {
        value
            .as_bool()
            .ok_or_else(|| invalid(value, &format!("options.{name}"), "a boolean"))
    })
}

fn function<'s>(options: Value<'s>, name: &str) -> Result<Option<Value<'s>>, Thrown> {
    let Some(value) = given(options, name)? else {
        return Ok(None);
    };
    if value.is_function() {
        Ok(Some(value))
    } else {
        Err(invalid(value, &format!("options.{name}"), "a function"))
    }
}

fn object_with<'s>(options: Value<'s>, name: &str, method: &str) -> Result<Option<Value<'s>>, Thrown> {
    let Some(value) = given(options, name)? else {
        return Ok(None);
    };
    if value.is_object() && value.get(method)?.is_function() {
        Ok(Some(value))
    } else {
        Err(invalid(
            value,
            &format!("options.{name}"),
            &format!("an object with {method}()"),
        ))
    }
}

/// `undefined` and the console itself stand for the console as it is at each line.
fn logger(options: Value<'_>) -> Result<Option<Value<'_>>, Thrown> {
    let Some(value) = given(options, "logger")? else {
        return Ok(None);
    };
    if value.is_function() {
        return Ok(Some(value));
    }
    if value.strict_equals(options.scope().global().get("console")?) {
        return Ok(None);
    }
    Err(invalid(
        value,
        "options.logger",
        "a function from a name to { debug, info, warn, error }",
    ))
}

/// `process.env[name]` as JavaScript sees it.
pub(crate) fn environment(scope: Scope<'_>, name: &str) -> Option<String> {
    let env = scope
        .global()
        .get("process")
        .and_then(|process| process.get("env"))
        .ok()?;
    env.get(name).ok()?.as_string()
}
