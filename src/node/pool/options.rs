//! The constructor's options, checked.

use super::super::js::{Kind, Scope, Thrown, Value};
use crate::pool::PoolOptions;

/// What `new PagePool` was given, as far as it is not the machine's.
pub(super) struct Options<'s> {
    pub(super) machine: PoolOptions,
    pub(super) server_url: String,
    pub(super) host_url: String,
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
        let pages = options.get("maxPages")?;
        let max_pages = pages
            .as_f64()
            .filter(|pages| pages.is_finite() && pages.fract() == 0.0 && *pages >= 1.0)
            .ok_or_else(|| invalid(pages, "options.maxPages", "an integer ≥ 1"))?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an integer from 1; one beyond the range of u32 becomes the largest"
        )]
        let mut machine = PoolOptions::new(max_pages as u32);
        machine.standby_timeout_ms = number(options, "standbyTimeoutMs")?;
        machine.contraction_tick_ms = number(options, "contractionTickMs")?;
        machine.tab_health_probe_ms = number(options, "tabHealthProbeMs")?;
        machine.close_timeout_ms = number(options, "closeTimeoutMs")?;
        machine.disable_standby_refill = flag(options, "disableStandbyRefill")?;
        machine.disable_file_admission = flag(options, "disableFileAdmission")?;
        machine.allow_tab_migration = flag(options, "allowTabMigration")?;
        let server_url = url(options, "serverURL")?;
        let host_url = url(options, "boxelHostURL")?;
        let manager = options.get("browserManager")?;
        let expected = "a BrowserManager, or an object with getBrowser() and cleanupUserDataDirs()";
        if !manager.is_object() || !manager.get("getBrowser")?.is_function() {
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
            host_url,
            browser_manager: manager,
            render_semaphore,
            on_affinity_disposed: function(options, "onAffinityDisposed")?,
            logger: logger(options)?,
        })
    }
}

/// The same rule for the setter of `serverURL`.
pub(super) fn server_url(value: Value<'_>) -> Result<String, Thrown> {
    value
        .as_string()
        .filter(|url| !url.is_empty())
        .ok_or_else(|| invalid(value, "serverURL", "a URL"))
}

/// The error for an option or argument that is not what it must be.
pub(crate) fn invalid(value: Value<'_>, name: &str, expected: &str) -> Thrown {
    let message = format!("{name} must be {expected}, but is {}", described(value));
    Thrown::invalid_argument(value.scope(), &message)
}

fn described(value: Value<'_>) -> String {
    let text = || value.coerce_to_string().unwrap_or_default();
    match value.kind() {
        Kind::Undefined => "undefined".to_owned(),
        Kind::Null => "null".to_owned(),
        Kind::String => format!("'{}'", text()),
        Kind::Function => "a function".to_owned(),
        Kind::Symbol => "a symbol".to_owned(),
        Kind::Object if value.is_array() => "an array".to_owned(),
        Kind::Object => "an object".to_owned(),
        Kind::Boolean | Kind::Number | Kind::BigInt => text(),
    }
}

/// An option that may be absent, or present and `undefined`.
fn given<'s>(options: Value<'s>, name: &str) -> Result<Option<Value<'s>>, Thrown> {
    Ok(Some(options.get(name)?).filter(|value| !value.is_undefined()))
}

fn number(options: Value<'_>, name: &str) -> Result<Option<f64>, Thrown> {
    given(options, name)?
        .map(|value| {
            value
                .as_f64()
                .ok_or_else(|| invalid(value, &format!("options.{name}"), "a number"))
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

fn url(options: Value<'_>, name: &str) -> Result<String, Thrown> {
    let value = options.get(name)?;
    value
        .as_string()
        .filter(|url| !url.is_empty())
        .ok_or_else(|| invalid(value, &format!("options.{name}"), "a URL"))
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
