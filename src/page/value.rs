//! Values of the page: what an evaluation gives back, and what it takes.

use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::lossy;

use super::text::{Halves, Text};

/// A value that was copied out of the page.
#[derive(Clone, PartialEq, Debug)]
pub enum RemoteValue {
    /// `undefined`, and what cannot be copied, such as a symbol.
    Undefined,
    /// `null`
    Null,
    /// A boolean.
    Bool(bool),
    /// A number, `NaN`, `-0` and the infinities included.
    Number(f64),
    /// The decimal digits of a `BigInt`, with its sign.
    BigInt(Box<str>),
    /// A string.
    String(Text),
    /// An object or array, as JSON.
    Json(Text),
}

impl RemoteValue {
    /// Whether it is `true`.
    #[must_use]
    pub fn is_true(&self) -> bool {
        *self == Self::Bool(true)
    }

    /// The string that it is; lone surrogates become U+FFFD.
    #[must_use]
    pub fn into_string(self) -> Option<String> {
        match self {
            Self::String(text) => Some(text.to_string_lossy()),
            _ => None,
        }
    }
}

/// `Runtime.RemoteObject`, borrowed from the message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawRemoteObject<'a> {
    #[serde(rename = "type")]
    pub kind: &'a str,
    pub subtype: Option<&'a str>,
    #[serde(borrow)]
    pub class_name: Option<&'a RawValue>,
    #[serde(borrow)]
    pub value: Option<&'a RawValue>,
    #[serde(borrow)]
    pub unserializable_value: Option<&'a str>,
    #[serde(borrow)]
    pub description: Option<&'a RawValue>,
    pub object_id: Option<&'a str>,
}

impl RawRemoteObject<'_> {
    /// The value itself, of a primitive or of something returned by value.
    pub fn to_value(&self) -> RemoteValue {
        if let Some(text) = self.unserializable_value {
            return match text {
                "-0" => RemoteValue::Number(-0.0),
                "NaN" => RemoteValue::Number(f64::NAN),
                "Infinity" => RemoteValue::Number(f64::INFINITY),
                "-Infinity" => RemoteValue::Number(f64::NEG_INFINITY),
                digits => RemoteValue::BigInt(digits.trim_end_matches('n').into()),
            };
        }
        if self.subtype == Some("null") {
            return RemoteValue::Null;
        }
        let Some(raw) = self.value.map(RawValue::get) else {
            return RemoteValue::Undefined;
        };
        let value = match raw.as_bytes().first() {
            Some(b't') => Some(RemoteValue::Bool(true)),
            Some(b'f') => Some(RemoteValue::Bool(false)),
            Some(b'n') => Some(RemoteValue::Null),
            Some(b'"') => Text::from_json_literal(raw).map(RemoteValue::String),
            Some(b'{' | b'[') => Some(RemoteValue::Json(Text::from_utf8(raw))),
            _ => raw.parse().ok().map(RemoteValue::Number),
        };
        value.unwrap_or(RemoteValue::Undefined)
    }

    pub fn to_object(&self) -> RemoteObject {
        let (description, halves) = self
            .description
            .map(|raw| Text::lossy_from_json_literal(raw.get()))
            .unzip();
        RemoteObject {
            kind: self.kind.into(),
            subtype: self.subtype.map(Into::into),
            class_name: self.class_name.map(|raw| lossy::string(raw.get()).into()),
            description: description.map(Into::into),
            halves: halves.flatten(),
            object_id: self.object_id.map(Into::into),
            value: if self.object_id.is_some() {
                RemoteValue::Undefined
            } else {
                self.to_value()
            },
        }
    }
}

/// A value that stayed in the page, or a primitive.
#[derive(Clone, PartialEq, Debug)]
pub struct RemoteObject {
    /// What `typeof` says.
    pub kind: Box<str>,
    /// `array`, `node`, `error` and so on.
    pub subtype: Option<Box<str>>,
    /// The constructor's name.
    pub class_name: Option<Box<str>>,
    /// V8's description.
    pub description: Option<Box<str>>,
    /// What stands as U+FFFD in the description.
    pub(crate) halves: Option<Halves>,
    /// Chrome's id; primitives have none.
    pub object_id: Option<Arc<str>>,
    /// The value of a primitive.
    pub value: RemoteValue,
}

impl RemoteObject {
    /// A primitive as JavaScript's `String()` writes it.
    pub(crate) fn primitive_text(&self) -> String {
        match &self.value {
            RemoteValue::Undefined => "undefined".to_owned(),
            RemoteValue::Null => "null".to_owned(),
            RemoteValue::Bool(value) => value.to_string(),
            RemoteValue::Number(0.0) => "0".to_owned(),
            // V8 describes a number as JavaScript writes it.
            RemoteValue::Number(number) => match &self.description {
                Some(description) => description.to_string(),
                None => number.to_string(),
            },
            RemoteValue::BigInt(digits) => digits.to_string(),
            RemoteValue::String(text) | RemoteValue::Json(text) => text.to_string_lossy(),
        }
    }

    /// Takes over Chrome's description of an object.
    ///
    /// # Errors
    /// Where it is not one.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<RawRemoteObject<'_>>(json).map(|raw| raw.to_object())
    }

    /// The object as an argument.
    #[must_use]
    pub fn to_argument(&self) -> Argument {
        match &self.object_id {
            Some(id) => Argument::Object(id.clone()),
            None => Argument::from_value(&self.value),
        }
    }

    /// Whether it is a DOM node.
    #[must_use]
    pub fn is_node(&self) -> bool {
        self.subtype.as_deref() == Some("node")
    }
}

/// What a function in the page is called with.
#[derive(Clone, Debug)]
pub enum Argument {
    /// `undefined`
    Undefined,
    /// A boolean.
    Bool(bool),
    /// Any number.
    Number(f64),
    /// The decimal digits of a `BigInt`, with its sign.
    BigInt(String),
    /// A string.
    String(String),
    /// Anything that JSON can say.
    Json(Box<RawValue>),
    /// An object of the page.
    Object(Arc<str>),
}

impl Argument {
    /// `null`
    #[must_use]
    pub fn null() -> Self {
        Self::Json(RawValue::NULL.to_owned())
    }

    /// The argument that is this value.
    #[must_use]
    pub fn from_value(value: &RemoteValue) -> Self {
        match value {
            RemoteValue::Undefined => Self::Undefined,
            RemoteValue::Null => Self::Json(RawValue::NULL.to_owned()),
            RemoteValue::Bool(value) => Self::Bool(*value),
            RemoteValue::Number(number) => Self::Number(*number),
            RemoteValue::BigInt(digits) => Self::BigInt(digits.to_string()),
            RemoteValue::String(text) => Self::String(text.to_string_lossy()),
            RemoteValue::Json(text) => {
                RawValue::from_string(text.to_string_lossy()).map_or(Self::Undefined, Self::Json)
            }
        }
    }
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl Serialize for Argument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Undefined => {}
            Self::Bool(value) => map.serialize_entry("value", value)?,
            Self::Number(number) => match unserializable(*number) {
                Some(text) => map.serialize_entry("unserializableValue", text)?,
                None => map.serialize_entry("value", number)?,
            },
            Self::BigInt(digits) => map.serialize_entry("unserializableValue", &format!("{digits}n"))?,
            Self::String(text) => map.serialize_entry("value", text)?,
            Self::Json(json) => map.serialize_entry("value", json)?,
            Self::Object(id) => map.serialize_entry("objectId", &**id)?,
        }
        map.end()
    }
}

fn unserializable(number: f64) -> Option<&'static str> {
    if number.is_nan() {
        Some("NaN")
    } else if number == f64::INFINITY {
        Some("Infinity")
    } else if number == f64::NEG_INFINITY {
        Some("-Infinity")
    } else if number == 0.0 && number.is_sign_negative() {
        Some("-0")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> RemoteValue {
        serde_json::from_str::<RawRemoteObject<'_>>(json)
            .unwrap()
            .to_value()
    }

    #[test]
    fn primitives_arrive_as_what_they_were() {
        assert_eq!(value(r#"{"type":"undefined"}"#), RemoteValue::Undefined);
        assert_eq!(
            value(r#"{"type":"object","subtype":"null","value":null}"#),
            RemoteValue::Null
        );
        assert_eq!(
            value(r#"{"type":"number","value":1.5,"description":"1.5"}"#),
            RemoteValue::Number(1.5)
        );
        assert_eq!(
            value(r#"{"type":"bigint","unserializableValue":"-12n"}"#),
            RemoteValue::BigInt("-12".into())
        );
        let zero = value(r#"{"type":"number","unserializableValue":"-0"}"#);
        assert!(matches!(zero, RemoteValue::Number(number) if number == 0.0 && number.is_sign_negative()));
        let nan = value(r#"{"type":"number","unserializableValue":"NaN"}"#);
        assert!(matches!(nan, RemoteValue::Number(number) if number.is_nan()));
    }

    #[test]
    fn objects_stay_json() {
        let object = value(r#"{"type":"object","value":{"a":[1,"\ud800"]}}"#);
        assert_eq!(
            object,
            RemoteValue::Json(Text::from_utf8(r#"{"a":[1,"\ud800"]}"#))
        );
    }

    #[test]
    fn arguments_are_written_as_chrome_wants_them() {
        let written = |argument: Argument| serde_json::to_string(&argument).unwrap();
        assert_eq!(written(Argument::Undefined), "{}");
        assert_eq!(written(Argument::Number(-0.0)), r#"{"unserializableValue":"-0"}"#);
        assert_eq!(
            written(Argument::Number(f64::NAN)),
            r#"{"unserializableValue":"NaN"}"#
        );
        assert_eq!(
            written(Argument::BigInt("7".into())),
            r#"{"unserializableValue":"7n"}"#
        );
        assert_eq!(written("a\"".into()), r#"{"value":"a\""}"#);
        assert_eq!(written(Argument::Object("o".into())), r#"{"objectId":"o"}"#);
    }
}
