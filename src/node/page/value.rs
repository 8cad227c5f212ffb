//! Values of a page as JavaScript's.

use crate::node::js::{Scope, Thrown, Value};
use crate::page::{RemoteValue, Text};

/// The value in this JavaScript.
pub(super) fn to_js(scope: Scope<'_>, value: RemoteValue) -> Result<Value<'_>, Thrown> {
    Ok(match value {
        RemoteValue::Undefined => scope.undefined(),
        RemoteValue::Null => scope.null(),
        RemoteValue::Bool(value) => scope.boolean(value),
        RemoteValue::Number(number) => scope.number(number),
        RemoteValue::BigInt(digits) => {
            let text = scope.string(&digits);
            scope.global().get("BigInt")?.call(scope.undefined(), &[text])?
        }
        RemoteValue::String(text) => text_to_js(scope, text),
        RemoteValue::Json(text) => parse_json(scope, text_to_js(scope, text))?,
    })
}

pub(super) fn text_to_js(scope: Scope<'_>, text: Text) -> Value<'_> {
    match text {
        Text::Latin1(bytes) => scope.string_from_latin1(bytes),
        Text::Utf16(units) => scope.string_from_utf16(units),
    }
}

/// `JSON.parse(text)`
pub(super) fn parse_json<'s>(scope: Scope<'s>, text: Value<'s>) -> Result<Value<'s>, Thrown> {
    scope.global().get("JSON")?.call_method("parse", &[text])
}

/// The object that this JSON describes.
pub(super) fn from_json<'s>(scope: Scope<'s>, json: &str) -> Result<Value<'s>, Thrown> {
    parse_json(scope, text_to_js(scope, Text::from_utf8(json)))
}
