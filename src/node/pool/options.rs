//! The constructor's options, checked.

use super::super::check::{self, invalid};
use super::super::js::{Scope, Thrown, Value};
use crate::driver::StandbyPage;
use crate::pool::PoolOptions;

/// Every option of `new PagePool`.
const POOL_OPTIONS: &[&str] = &[
    "acquireTimeoutMs",
    "allowTabMigration",
    "boxelHostURL",
    "browserManager",
    "closeTimeoutMs",
    "contractionTickMs",
    "disableFileAdmission",
    "disableStandbyRefill",
    "initScripts",
    "keepPopups",
    "leaseGraceMs",
    "leaseTimeoutMs",
    "leaseWarnMs",
    "logger",
    "maxPages",
    "maxTabAgeMs",
    "maxTabMemoryMB",
    "maxUsesPerTab",
    "maxWaiting",
    "onAffinityDisposed",
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
const MOST_PAGES: f64 = 10_000.0;

/// What `new PagePool` was given, as far as it is not the machine's.
pub(super) struct Options<'s> {
    pub(super) machine: PoolOptions,
    /// Empty where no manager is to be told of it.
    pub(super) server_url: String,
    pub(super) standby_page: StandbyPage,
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
        let pages = options.get("maxPages")?;
        let max_pages = pages
            .as_f64()
            .filter(|pages| pages.fract() == 0.0 && (1.0..=MOST_PAGES).contains(pages))
            .ok_or_else(|| {
                let expected = format!("an integer ≥ 1, and at most {MOST_PAGES}");
                invalid(pages, "options.maxPages", &expected)
            })?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an integer within the bounds"
        )]
        let mut machine = PoolOptions::new(max_pages as u32);
        machine.standby_timeout_ms = milliseconds(options, "standbyTimeoutMs")?;
        machine.contraction_tick_ms = milliseconds(options, "contractionTickMs")?;
        machine.tab_health_probe_ms = milliseconds(options, "tabHealthProbeMs")?;
        machine.tab_proof_of_life_ms = milliseconds(options, "tabProofOfLifeMs")?;
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
        let render_semaphore = object_with(options, "renderSemaphore", "acquire")?;
        if let Some(semaphore) = &render_semaphore {
            machine.has_semaphore = true;
            machine.semaphore_can_grow = semaphore.get("setCapacity")?.is_function();
        }
        Ok(Self {
            machine,
            server_url,
            standby_page,
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
                ready_selector: None,
                init_scripts: Vec::new(),
            }
        }
    };
    if let Some(value) = given(options, "readySelector")? {
        let selector = value.as_string().filter(|selector| !selector.trim().is_empty());
        let refused = || invalid(value, "options.readySelector", "a CSS selector");
        page.ready_selector = Some(selector.ok_or_else(refused)?);
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
