//! What was thrown in a page.

use std::borrow::Cow;
use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::decode::decode_event;
use super::text::{Halves, Text};
use super::value::{RawRemoteObject, RemoteObject, RemoteValue};

/// An exception of the page.
#[derive(Clone, Debug)]
pub struct Exception {
    /// V8's own text, such as `Uncaught`.
    pub text: String,
    /// What stands as U+FFFD in it.
    text_halves: Option<Halves>,
    /// What was thrown, where V8 tells.
    pub thrown: Option<RemoteObject>,
    /// Where, innermost frame first.
    pub frames: Vec<StackFrame>,
}

/// One frame of a stack in the page. Lines and columns count from 0.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StackFrame {
    /// The function's name, empty for an anonymous one.
    #[serde(default)]
    pub function_name: String,
    /// The script.
    #[serde(default)]
    pub url: String,
    /// The line.
    #[serde(default)]
    pub line_number: i64,
    /// The column.
    #[serde(default)]
    pub column_number: i64,
}

/// What `encodeURIComponent` leaves as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Where code for a page came from, which is the address that it has there: `pptr:method;place of its call`, as
/// puppeteer has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodePlace<'a> {
    /// What was called with it, such as `evaluate`.
    pub method: &'a str,
    /// Where that was called: `name (file:line:column)`.
    pub called: Cow<'a, str>,
}

impl<'a> CodePlace<'a> {
    /// The address of code.
    #[must_use]
    pub fn address(method: &str, called: &str) -> String {
        format!("pptr:{method};{}", utf8_percent_encode(called, ENCODED))
    }

    /// Reads such an address.
    #[must_use]
    pub fn parse(address: &'a str) -> Option<Self> {
        let (method, called) = address.strip_prefix("pptr:")?.split_once(';')?;
        let called = percent_decode_str(called).decode_utf8_lossy();
        Some(Self { method, called })
    }
}

/// `Runtime.StackTrace`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StackTrace {
    #[serde(default)]
    pub call_frames: Vec<StackFrame>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDetails<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    exception: Option<RawRemoteObject<'a>>,
    stack_trace: Option<StackTrace>,
}

/// What an exception is for JavaScript callers.
#[derive(Clone, PartialEq, Debug)]
pub enum Rethrown {
    /// A primitive, thrown again as it is.
    Primitive(RemoteValue),
    /// An error.
    Error {
        /// Its class in the page.
        name: String,
        /// Its message.
        message: String,
        /// `name: message`, and the page's frames.
        stack: String,
        /// Message and stack with halves of surrogate pairs, where there are some.
        exact: Option<Box<(Text, Text)>>,
    },
}

const FRAMES_SHOWN: usize = 10;

impl Exception {
    /// Reads `Runtime.exceptionThrown`.
    pub(crate) fn from_event(params: &RawValue) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Thrown {
            exception_details: Box<RawValue>,
        }
        let event: Thrown = decode_event(params)?;
        Some(Self::parse(&event.exception_details))
    }

    /// Reads `Runtime.ExceptionDetails`.
    #[must_use]
    pub fn parse(details: &RawValue) -> Self {
        match serde_json::from_str::<RawDetails<'_>>(details.get()) {
            Ok(details) => {
                let text = details.text.map(|raw| Text::lossy_from_json_literal(raw.get()));
                let (text, text_halves) = text.unwrap_or_default();
                Self {
                    text,
                    text_halves,
                    thrown: details.exception.map(|raw| raw.to_object()),
                    frames: details.stack_trace.unwrap_or_default().call_frames,
                }
            }
            Err(error) => Self {
                text: format!("an exception that was not understood: {error}"),
                text_halves: None,
                thrown: None,
                frames: Vec::new(),
            },
        }
    }

    /// The message, for a log or a Rust caller.
    #[must_use]
    pub fn message(&self) -> String {
        match self.rethrown() {
            Rethrown::Error { message, .. } => message,
            Rethrown::Primitive(RemoteValue::String(text) | RemoteValue::Json(text)) => {
                text.to_string_lossy()
            }
            Rethrown::Primitive(RemoteValue::Number(number)) => number.to_string(),
            Rethrown::Primitive(RemoteValue::Bool(value)) => value.to_string(),
            Rethrown::Primitive(RemoteValue::BigInt(digits)) => digits.to_string(),
            Rethrown::Primitive(RemoteValue::Null) => "null".to_owned(),
            Rethrown::Primitive(RemoteValue::Undefined) => "undefined".to_owned(),
        }
    }

    /// What a caller of an evaluation gets: the innermost frame first.
    #[must_use]
    pub fn rethrown(&self) -> Rethrown {
        self.described(true)
    }

    /// What a listener for uncaught exceptions gets: places count from 1, innermost frame first.
    #[must_use]
    pub fn uncaught(&self) -> Rethrown {
        self.described(false)
    }

    fn described(&self, is_rethrown: bool) -> Rethrown {
        let origin = i64::from(!is_rethrown);
        let (name, message) = match &self.thrown {
            None => ("Error".to_owned(), self.text.clone()),
            Some(thrown) if thrown.object_id.is_none() && thrown.subtype.as_deref() != Some("error") => {
                return Rethrown::Primitive(thrown.value.clone());
            }
            Some(thrown) => self.name_and_message(thrown),
        };
        let mut stack = format!("{name}: {message}");
        for frame in self.frames.iter().take(FRAMES_SHOWN) {
            let (line, column) = (frame.line_number + origin, frame.column_number + origin);
            let place = CodePlace::parse(&frame.url).filter(|_| is_rethrown);
            let function = match (frame.function_name.as_str(), &place) {
                ("", Some(place)) => place.method,
                ("", None) => "<anonymous>",
                (name, _) => name,
            };
            // Writing to a string does not fail.
            let _ = match &place {
                Some(place) => write!(
                    stack,
                    "\n    at {function} ({} at {}, <anonymous>:{line}:{column})",
                    place.method, place.called
                ),
                None => write!(stack, "\n    at {function} ({}:{line}:{column})", frame.url),
            };
        }
        let halves = match &self.thrown {
            Some(thrown) => &thrown.halves,
            None => &self.text_halves,
        };
        let halves = halves.as_deref();
        let exact = halves.map(|halves| {
            let message = Text::restored(&message, Some(halves));
            Box::new((message, Text::restored(&stack, Some(halves))))
        });
        Rethrown::Error {
            name,
            message,
            stack,
            exact,
        }
    }

    /// The description carries the message, of any number of lines, and then the stack.
    fn name_and_message(&self, thrown: &RemoteObject) -> (String, String) {
        let mut lines: Vec<&str> = thrown
            .description
            .as_deref()
            .unwrap_or_default()
            .split("\n    at ")
            .collect();
        lines.truncate(lines.len() - self.frames.len().min(lines.len() - 1));
        let message = lines.join("\n");
        let name = thrown.class_name.as_deref().unwrap_or_default();
        let message = match message
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(": "))
        {
            Some(rest) if !name.is_empty() => rest.to_owned(),
            _ => message,
        };
        (name.to_owned(), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Exception {
        Exception::parse(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn an_error_keeps_its_name_message_and_frames() {
        let exception = parse(
            r#"{"text":"Uncaught","exception":{"type":"object","subtype":"error","className":"TypeError",
            "description":"TypeError: two\nlines\n    at f (a.js:1:2)","objectId":"1"},
            "stackTrace":{"callFrames":[{"functionName":"f","url":"a.js","lineNumber":0,"columnNumber":1}]}}"#,
        );
        assert_eq!(
            exception.rethrown(),
            Rethrown::Error {
                name: "TypeError".into(),
                message: "two\nlines".into(),
                stack: "TypeError: two\nlines\n    at f (a.js:0:1)".into(),
                exact: None
            }
        );
    }

    #[test]
    fn a_frame_of_the_callers_code_shows_where_it_was_called() {
        let address = CodePlace::address("evaluate", "render (/srv/a b.js:3:9)");
        assert_eq!(address, "pptr:evaluate;render%20(%2Fsrv%2Fa%20b.js%3A3%3A9)");
        let exception = parse(&format!(
            r#"{{"text":"Uncaught","exception":{{"type":"object","subtype":"error","className":"Error",
            "description":"Error: no\n    at {address}:1:2","objectId":"1"}},
            "stackTrace":{{"callFrames":[{{"functionName":"","url":"{address}","lineNumber":0,"columnNumber":1}}]}}}}"#
        ));
        let stack = |rethrown| match rethrown {
            Rethrown::Error { stack, .. } => stack,
            primitive @ Rethrown::Primitive(_) => panic!("{primitive:?}"),
        };
        assert_eq!(
            stack(exception.rethrown()),
            "Error: no\n    at evaluate (evaluate at render (/srv/a b.js:3:9), <anonymous>:0:1)"
        );
        assert_eq!(
            stack(exception.uncaught()),
            format!("Error: no\n    at <anonymous> ({address}:1:2)")
        );
    }

    #[test]
    fn a_thrown_primitive_is_thrown_again() {
        let exception = parse(r#"{"text":"Uncaught","exception":{"type":"number","value":7}}"#);
        assert_eq!(
            exception.rethrown(),
            Rethrown::Primitive(RemoteValue::Number(7.0))
        );
    }
}
