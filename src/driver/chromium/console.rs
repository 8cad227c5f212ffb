//! Console messages and `Log` entries of a page, as entries and lines of the log.

use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::capture::{ConsoleErrorLocation, ConsoleLevel};
use crate::lossy;
use crate::page::{ConsoleMessage, RemoteObject, RemoteValue, StackFrame};

/// One message of a page's console, or of Chrome about the page.
#[derive(Clone, PartialEq, Debug)]
pub struct ConsoleLine {
    /// At which level it is logged.
    pub level: ConsoleLevel,
    /// The kind, as puppeteer names it.
    pub kind: String,
    /// Its arguments as text, joined by a space.
    pub text: String,
    /// Where it came from, counted from 0.
    pub location: Option<ConsoleErrorLocation>,
    /// Who called whom, innermost first.
    pub stack_frames: Vec<ConsoleErrorLocation>,
}

/// A message whose text may still lack what only the page knows.
#[derive(PartialEq, Debug)]
pub(super) struct Message {
    line: ConsoleLine,
    parts: Vec<Part>,
}

/// One argument's text.
#[derive(PartialEq, Debug)]
enum Part {
    Known(String),
    /// An object: its JSON must be asked for; where it cannot be had, this stands for it.
    Object {
        id: Arc<str>,
        fallback: String,
    },
}

impl Message {
    pub fn new(message: &ConsoleMessage) -> Self {
        let stack: Vec<_> = match &message.place {
            // The place is all that puppeteer gives as the stack of a message of Chrome's own.
            Some((url, line)) => vec![ConsoleErrorLocation {
                url: url.clone(),
                line_number: line.and_then(number),
                column_number: None,
            }],
            None => message.stack.iter().map(ConsoleErrorLocation::from).collect(),
        };
        let parts: Vec<_> = message.arguments.iter().map(Part::of).collect();
        let text = if parts.iter().all(Part::is_empty) {
            message.text().to_string_lossy()
        } else {
            String::new()
        };
        Self {
            line: ConsoleLine {
                level: ConsoleLevel::of(message.level()),
                kind: message.level().to_owned(),
                text,
                // A call's own location is where it was called.
                location: stack.first().filter(|place| !place.is_empty()).cloned(),
                stack_frames: stack.into_iter().filter(ConsoleErrorLocation::has_url).collect(),
            },
            parts,
        }
    }

    /// The objects whose JSON is to be asked for, in order.
    pub fn objects(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Known(_) => None,
            Part::Object { id, .. } => Some(&**id),
        })
    }

    /// The finished line, with the JSON of each object of [`Self::objects`] where it could be had.
    pub fn finish(self, mut json: impl Iterator<Item = Option<String>>) -> ConsoleLine {
        let Self { mut line, parts } = self;
        if !parts.iter().all(Part::is_empty) {
            let texts: Vec<String> = parts
                .into_iter()
                .map(|part| match part {
                    Part::Known(text) => text,
                    Part::Object { fallback, .. } => json.next().flatten().unwrap_or(fallback),
                })
                .collect();
            line.text = texts.join(" ");
        }
        line
    }

    /// The finished line, without asking for objects.
    pub fn finish_without_objects(self) -> ConsoleLine {
        self.finish(std::iter::empty())
    }

    /// True if it tells of a `/_standby` that the host app's proxy could not serve yet.
    pub fn is_standby_not_ready(&self) -> bool {
        let unavailable = ["status of 502", "status of 503"]
            .iter()
            .any(|status| self.line.text.contains(status));
        let url = self
            .line
            .location
            .as_ref()
            .and_then(|location| location.url.as_deref())
            .unwrap_or_default();
        let path = url.split(['?', '#']).next().unwrap_or_default();
        unavailable && path.ends_with("/_standby")
    }
}

impl Part {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Known(text) if text.is_empty())
    }

    fn of(argument: &RemoteObject) -> Self {
        if let Some(id) = &argument.object_id {
            let fallback = format!(
                "JSHandle@{}",
                argument.subtype.as_deref().unwrap_or(&argument.kind)
            );
            return Self::Object {
                id: Arc::clone(id),
                fallback,
            };
        }
        Self::Known(match &argument.value {
            RemoteValue::Undefined => format!("JSHandle:{}", argument.kind),
            RemoteValue::BigInt(digits) => format!("JSHandle:{digits}"),
            RemoteValue::Null => "null".to_owned(),
            // JSON has no NaN and no infinities.
            RemoteValue::Number(number) if !number.is_finite() => "null".to_owned(),
            _ => argument.primitive_text(),
        })
    }
}

impl From<&StackFrame> for ConsoleErrorLocation {
    fn from(frame: &StackFrame) -> Self {
        Self {
            url: Some(frame.url.clone()).filter(|url| !url.is_empty()),
            line_number: number(frame.line_number),
            column_number: number(frame.column_number),
        }
    }
}

/// Of a line or column, which are 32 bits wide in the protocol.
fn number(position: i64) -> Option<f64> {
    i32::try_from(position).ok().map(f64::from)
}

/// A string as it is, anything else as JSON.
pub(super) fn value_text(value: &RawValue) -> Option<String> {
    match lossy::from_str::<Value>(value.get()) {
        Ok(Value::String(text)) => Some(text),
        // Chrome's own text keeps the order of keys; it escapes like JSON.stringify does, but for what is not
        // ASCII.
        Ok(_) => Some(value.get().to_owned()),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).expect("JSON")
    }

    fn call(kind: &str, args: &str) -> Message {
        let frame = r#"{"url":"http://x/a.js","lineNumber":4,"columnNumber":2,"functionName":"f"}"#;
        let event = format!(r#"{{"type":"{kind}","args":[{args}],"stackTrace":{{"callFrames":[{frame}]}}}}"#);
        Message::new(&ConsoleMessage::from_call(&raw(&event)).expect("a message"))
    }

    #[test]
    fn arguments_are_joined_as_json_and_strings_as_they_are() {
        let args = r#"{"type":"string","value":"a b"},{"type":"number","value":1.5},{"type":"object","subtype":"null","value":null},
            {"type":"undefined"},{"type":"number","unserializableValue":"NaN"},{"type":"number","unserializableValue":"-0"},
            {"type":"bigint","unserializableValue":"10n"}"#;
        let line = call("log", args).finish_without_objects();
        assert_eq!(line.text, "a b 1.5 null JSHandle:undefined null 0 JSHandle:10");
    }

    #[test]
    fn objects_are_asked_for_and_stand_for_themselves_where_they_cannot_be_had() {
        let args = r#"{"type":"object","objectId":"1"},{"type":"string","value":"and"},{"type":"object","subtype":"node","objectId":"2"}"#;
        let message = call("error", args);
        assert_eq!(message.objects().collect::<Vec<_>>(), ["1", "2"]);
        let line = message.finish([Some(r#"{"b":1,"a":2}"#.to_owned()), None].into_iter());
        assert_eq!(line.text, r#"{"b":1,"a":2} and JSHandle@node"#);
    }

    #[test]
    fn a_call_has_puppeteers_kind_and_the_place_of_its_first_frame() {
        let line = call("warning", "").finish_without_objects();
        assert_eq!((line.kind.as_str(), line.level), ("warn", ConsoleLevel::Warn));
        let place = line.location.expect("a place");
        assert_eq!(
            (place.url.as_deref(), place.line_number),
            (Some("http://x/a.js"), Some(4.0))
        );
    }

    #[test]
    fn a_503_of_the_standby_route_is_recognised() {
        let entry = |url: &str, status: u16| {
            let text = format!("Failed to load resource: the server responded with a status of {status} (x)");
            let event = format!(
                r#"{{"entry":{{"source":"network","level":"error","text":"{text}","url":"{url}"}}}}"#
            );
            Message::new(&ConsoleMessage::from_log(&raw(&event)).expect("a message")).is_standby_not_ready()
        };
        assert!(entry("http://host/_standby", 503), "503 of /_standby");
        assert!(!entry("http://host/_standby", 404), "404 of /_standby");
        assert!(!entry("http://host/other", 503), "503 of another page");
    }
}
