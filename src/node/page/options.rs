//! Reading options as puppeteer's callers give them.

use crate::node::check::invalid;
use crate::node::js::{Kind, Scope, Thrown, Value};
use crate::page::Selector;

use super::query_handlers;

/// `options[name]`, `None` where it is absent.
pub(super) fn get<'s>(options: Value<'s>, name: &str) -> Result<Option<Value<'s>>, Thrown> {
    if !options.is_object() {
        return Ok(None);
    }
    Ok(Some(options.get(name)?).filter(|value| !value.is_undefined()))
}

pub(super) fn string(options: Value<'_>, name: &str) -> Result<Option<String>, Thrown> {
    Ok(get(options, name)?.and_then(Value::as_string))
}

pub(super) fn flag(options: Value<'_>, name: &str) -> Result<bool, Thrown> {
    Ok(get(options, name)?.is_some_and(Value::is_truthy))
}

pub(super) fn number(options: Value<'_>, name: &str) -> Result<Option<f64>, Thrown> {
    Ok(get(options, name)?.and_then(Value::as_f64))
}

/// A timeout in milliseconds: 0 for none, which `Infinity` means as well.
pub(super) fn timeout(options: Value<'_>) -> Result<Option<u64>, Thrown> {
    let timeout = get(options, "timeout")?.filter(|timeout| !timeout.is_nullish());
    timeout
        .map(|timeout| {
            let ms = timeout.as_f64();
            ms.ok_or_else(|| invalid(timeout, "options.timeout", "a number of milliseconds"))
        })
        .transpose()
        .map(|ms| ms.map(millis))
}

/// A default timeout in milliseconds, in the same way.
pub(super) fn default_timeout(timeout: Value<'_>) -> Result<u64, Thrown> {
    if timeout.is_nullish() {
        return Ok(0);
    }
    let ms = timeout.as_f64().map(millis);
    ms.ok_or_else(|| invalid(timeout, "timeout", "a number of milliseconds"))
}

/// Milliseconds as given from JavaScript; what is no length of time means none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked"
)]
pub(super) fn millis(number: f64) -> u64 {
    const LONGEST: f64 = 1e15;
    if number.is_finite() && number > 0.0 {
        number.min(LONGEST).ceil() as u64
    } else {
        0
    }
}

/// A required string argument.
pub(super) fn text(scope: Scope<'_>, value: Value<'_>, what: &str) -> Result<String, Thrown> {
    value.as_string().ok_or_else(|| not_text(scope, value, what))
}

/// The error for what should be a string.
pub(super) fn not_text(scope: Scope<'_>, value: Value<'_>, what: &str) -> Thrown {
    let got = match value.kind() {
        Kind::Object => "an object".to_owned(),
        Kind::Function => "a function".to_owned(),
        _ => value.coerce_to_string().unwrap_or_default(),
    };
    Thrown::invalid_argument(scope, &format!("{what} must be a string, but is {got}"))
}

/// A required selector argument.
pub(super) fn selector(scope: Scope<'_>, value: Value<'_>) -> Result<Selector, Thrown> {
    let text = text(scope, value, "the selector")?;
    Ok(query_handlers::with_all(|handlers| {
        Selector::parse_with(&text, handlers)
    }))
}

/// The own property names of an object.
pub(in crate::node) fn keys(object: Value<'_>) -> Result<Vec<String>, Thrown> {
    let keys = object
        .scope()
        .global()
        .get("Object")?
        .call_method("keys", &[object])?;
    Ok(keys
        .elements()?
        .into_iter()
        .filter_map(Value::as_string)
        .collect())
}
