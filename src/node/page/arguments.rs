//! What evaluations are called with.

use std::fmt::Write as _;

use serde_json::value::RawValue;

use crate::node::js::class::data_of;
use crate::node::js::{CallSite, Kind, Scope, Thrown, Value};
use crate::page::{Argument, Code, CodePlace, Owner};

use super::handle::Handle;

/// The code and arguments of an `evaluate(pageFunction, ...args)`; `method` is what was called.
pub(super) fn code(
    scope: Scope<'_>,
    method: &str,
    owner: &Owner,
    arguments: &[Value<'_>],
) -> Result<Code, Thrown> {
    let Some((function, rest)) = arguments.split_first() else {
        return Err(not_a_function(scope, scope.undefined()));
    };
    if let Some(expression) = code_text(*function) {
        return Ok(Code::Expression(placed(scope, method, expression)));
    }
    Ok(Code::Function {
        declaration: placed(scope, method, source(scope, *function)?),
        arguments: all(scope, owner, rest)?,
    })
}

/// The arguments as their frame or worker takes them.
pub(super) fn all(scope: Scope<'_>, owner: &Owner, values: &[Value<'_>]) -> Result<Vec<Argument>, Thrown> {
    values
        .iter()
        .map(|value| argument(scope, owner, *value))
        .collect()
}

/// One argument as its frame or worker takes it.
pub(super) fn argument(scope: Scope<'_>, owner: &Owner, value: Value<'_>) -> Result<Argument, Thrown> {
    Ok(match value.kind() {
        Kind::Undefined | Kind::Function | Kind::Symbol => Argument::Undefined,
        Kind::Null => Argument::Json(RawValue::NULL.to_owned()),
        Kind::Boolean => Argument::Bool(value.is_truthy()),
        Kind::Number => Argument::Number(value.as_f64().unwrap_or_default()),
        Kind::BigInt => Argument::BigInt(value.coerce_to_string()?),
        Kind::String => string(scope, value)?,
        Kind::Object => match data_of::<Handle>(value) {
            Some(handle) => handle
                .as_argument(owner)
                .map_err(|message| Thrown::refused(scope, message))?,
            None => json(scope, value)?,
        },
    })
}

/// A string.
pub(super) fn string(scope: Scope<'_>, value: Value<'_>) -> Result<Argument, Thrown> {
    match value.as_utf16().map(|units| String::from_utf16(&units)) {
        Some(Ok(text)) => Ok(Argument::String(text)),
        // Lone surrogates: JSON escapes them.
        _ => json(scope, value),
    }
}

/// The text of code. Halves of surrogate pairs, which only its literals can hold, are escaped as there.
fn code_text(value: Value<'_>) -> Option<String> {
    let units = value.as_utf16()?;
    Some(String::from_utf16(&units).unwrap_or_else(|_| {
        let decoded = char::decode_utf16(units.iter().copied());
        decoded.fold(String::with_capacity(units.len()), |mut text, decoded| {
            match decoded {
                Ok(character) => text.push(character),
                // Writing to a string does not fail.
                Err(half) => drop(write!(text, "\\u{:04x}", half.unpaired_surrogate())),
            }
            text
        })
    }))
}

/// A value that comes from outside of any page, where handles mean nothing.
pub(super) fn plain(scope: Scope<'_>, value: Value<'_>) -> Result<Argument, Thrown> {
    Ok(match value.kind() {
        Kind::Undefined | Kind::Function | Kind::Symbol => Argument::Undefined,
        Kind::Null => Argument::Json(RawValue::NULL.to_owned()),
        Kind::Boolean => Argument::Bool(value.is_truthy()),
        Kind::Number => Argument::Number(value.as_f64().unwrap_or_default()),
        Kind::BigInt => Argument::BigInt(value.coerce_to_string()?),
        Kind::String | Kind::Object => json(scope, value)?,
    })
}

fn json(scope: Scope<'_>, value: Value<'_>) -> Result<Argument, Thrown> {
    let text = scope
        .global()
        .get("JSON")?
        .call_method("stringify", &[value])
        .map_err(|thrown| explain_circle(scope, thrown))?;
    let Some(text) = text.as_string() else {
        return Ok(Argument::Undefined);
    };
    RawValue::from_string(text)
        .map(Argument::Json)
        .map_err(|error| Thrown::invalid_argument(scope, &error.to_string()))
}

fn explain_circle(scope: Scope<'_>, thrown: Thrown) -> Thrown {
    let message = thrown.message(scope);
    if message.starts_with("Converting circular structure to JSON") {
        let message = format!("{message} Recursive objects are not allowed.");
        let error = thrown.value(scope).set("message", scope.string(&message));
        error.set("code", scope.string("ERR_INVALID_ARG_VALUE"));
    }
    thrown
}

/// The code with the place of the call as its address, unless it says itself where it is from: what it logs and throws,
/// and profiles, have a place then.
pub(super) fn placed(scope: Scope<'_>, method: &str, mut code: String) -> String {
    let is_placed = ["//# sourceURL=", "//@ sourceURL="]
        .iter()
        .any(|mark| code.contains(mark));
    if !is_placed && let Some(place) = CallSite::text(scope) {
        code.push_str("\n//# sourceURL=");
        code.push_str(&CodePlace::address(method, &place));
        code.push('\n');
    }
    code
}

/// The source of a function, such that it is an expression.
pub(crate) fn source(scope: Scope<'_>, function: Value<'_>) -> Result<String, Thrown> {
    if !function.is_function() {
        return Err(not_a_function(scope, function));
    }
    let source = function.call_method("toString", &[])?;
    let source = code_text(source).ok_or_else(|| unserializable(scope))?;
    if is_expression(&source) || compiles(scope, &source).is_ok() {
        return Ok(source);
    }
    // A method of an object literal or class lacks the keyword.
    let source = match source.strip_prefix("async ") {
        Some(rest) => format!("async function {rest}"),
        None => format!("function {source}"),
    };
    compiles(scope, &source).map(|()| source)
}

/// Whether the beginning says enough.
fn is_expression(source: &str) -> bool {
    if source.ends_with("[native code] }") {
        return false;
    }
    let rest = source.strip_prefix("async ").map_or(source, str::trim_start);
    if rest.starts_with('(') || rest.starts_with("function(") || rest.starts_with("function (") {
        return true;
    }
    let name_end = rest
        .find(|character: char| !(character.is_alphanumeric() || matches!(character, '_' | '$')))
        .unwrap_or(rest.len());
    name_end > 0 && rest[name_end..].trim_start().starts_with("=>")
}

pub(crate) fn compiles(scope: Scope<'_>, source: &str) -> Result<(), Thrown> {
    let text = scope.string(&format!("({source})"));
    scope.global().get("Function")?.construct(&[text]).map(drop)
}

fn unserializable(scope: Scope<'_>) -> Thrown {
    Thrown::refused(scope, "Passed function cannot be serialized!")
}

fn not_a_function(scope: Scope<'_>, value: Value<'_>) -> Thrown {
    let what = value.coerce_to_string().unwrap_or_default();
    Thrown::invalid_argument(
        scope,
        &format!("expected a function or a string of code, but got {what}"),
    )
}

#[cfg(test)]
mod tests {
    use super::is_expression;

    #[test]
    fn functions_are_told_from_method_shorthand() {
        for source in [
            "() => 1",
            "x => x",
            "async x => x",
            "function () {}",
            "async function(a) {}",
            "async (a) => a",
        ] {
            assert!(is_expression(source), "{source}");
        }
        for source in [
            "method() {}",
            "async method() {}",
            "get x() {}",
            "function () { [native code] }",
            "class {}",
        ] {
            assert!(!is_expression(source), "{source}");
        }
    }
}
