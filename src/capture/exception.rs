//! Entries of `Runtime.exceptionThrown`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{ConsoleErrorEntry, ConsoleErrorLocation, Source};
use crate::lossy;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Details {
    #[serde(deserialize_with = "lenient")]
    exception_id: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    text: Option<String>,
    #[serde(deserialize_with = "lenient")]
    url: Option<String>,
    #[serde(deserialize_with = "lenient")]
    line_number: Option<f64>,
    #[serde(deserialize_with = "lenient")]
    column_number: Option<f64>,
    #[serde(deserialize_with = "lenient")]
    stack_trace: Stack,
    #[serde(deserialize_with = "lenient")]
    exception: Remote,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Stack {
    #[serde(deserialize_with = "lenient")]
    call_frames: Vec<Frame>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Frame {
    url: Option<String>,
    line_number: Option<f64>,
    column_number: Option<f64>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Remote {
    #[serde(deserialize_with = "present")]
    value: Option<Value>,
    unserializable_value: Option<String>,
    description: Option<String>,
}

/// A value that is not of the expected shape costs itself only.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// `null` is a value that can be thrown; a missing one is none.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl From<Frame> for ConsoleErrorLocation {
    fn from(frame: Frame) -> Self {
        Self {
            url: frame.url.filter(|url| !url.is_empty()),
            line_number: frame.line_number,
            column_number: frame.column_number,
        }
    }
}

/// The entry of an event's `exceptionDetails`, given as JSON, and V8's id of the exception, where it has one.
#[must_use]
pub fn exception_entry(exception_details: &str) -> Option<(Option<i64>, ConsoleErrorEntry)> {
    let details: Details = lossy::from_str(exception_details).ok()?;
    let frames = details.stack_trace.call_frames;
    let frames = frames.into_iter().map(ConsoleErrorLocation::from);
    let stack_frames: Vec<_> = frames.filter(ConsoleErrorLocation::has_url).collect();
    let text = text(details.exception, details.text, !stack_frames.is_empty());
    let place = Frame {
        url: details.url,
        line_number: details.line_number,
        column_number: details.column_number,
    };
    let location = Some(ConsoleErrorLocation::from(place)).filter(|location| !location.is_empty());
    let entry = ConsoleErrorEntry {
        kind: "error".to_owned(),
        text,
        location,
        stack_frames,
        source: Some(Source::Exception),
        revoked: false,
    };
    Some((details.exception_id, entry))
}

fn text(exception: Remote, text: Option<String>, has_frames: bool) -> String {
    let description = exception
        .description
        .filter(|description| !description.is_empty())
        .map(|description| {
            if has_frames {
                // The rest of it is the stack, which the frames carry.
                description.lines().next().unwrap_or_default().to_owned()
            } else {
                description
            }
        });
    let value = || match exception.value? {
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    description
        .or_else(value)
        .or(exception.unserializable_value)
        .or(text.filter(|text| !text.is_empty()))
        .unwrap_or_else(|| "Uncaught exception".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(details: &str) -> String {
        exception_entry(details)
            .map(|(_, entry)| entry.text)
            .unwrap_or_default()
    }

    #[test]
    fn an_error_is_its_first_line_where_frames_carry_the_rest() {
        let description = r#""exception":{"description":"Error: no\n    at f (x.js:1:2)"}"#;
        assert_eq!(
            text_of(&format!(
                r#"{{"exceptionId":1,{description},"stackTrace":{{"callFrames":[{{"url":"x.js"}}]}}}}"#
            )),
            "Error: no"
        );
        assert_eq!(
            text_of(&format!(
                r#"{{"exceptionId":1,{description},"stackTrace":{{"callFrames":[{{"url":"","lineNumber":0}}]}}}}"#
            )),
            "Error: no\n    at f (x.js:1:2)",
            "a frame without an address carries nothing"
        );
        assert_eq!(
            text_of(&format!(r#"{{"exceptionId":1,{description}}}"#)),
            "Error: no\n    at f (x.js:1:2)"
        );
    }

    #[test]
    fn without_a_description_it_is_the_value_then_the_text_then_a_phrase() {
        let cases = [
            (
                r#"{"exceptionId":1,"text":"Uncaught","exception":{"value":"boo"}}"#,
                "boo",
            ),
            (
                r#"{"exceptionId":1,"text":"Uncaught","exception":{"value":{"a":1}}}"#,
                r#"{"a":1}"#,
            ),
            (
                r#"{"exceptionId":1,"text":"Uncaught","exception":{"value":null}}"#,
                "null",
            ),
            (
                r#"{"exceptionId":1,"text":"Uncaught","exception":{"type":"undefined"}}"#,
                "Uncaught",
            ),
            (r#"{"exceptionId":1}"#, "Uncaught exception"),
        ];
        for (details, expected) in cases {
            assert_eq!(text_of(details), expected, "of {details}");
        }
    }

    #[test]
    fn what_is_malformed_costs_itself_only() {
        let details = r#"{"exceptionId":"one","text":"Uncaught","lineNumber":"x","url":"a.js","stackTrace":{"callFrames":null}}"#;
        let (id, entry) = exception_entry(details).expect("an entry");
        assert_eq!(id, None);
        assert_eq!(entry.text, "Uncaught");
        assert_eq!(
            entry.location.and_then(|place| place.url).as_deref(),
            Some("a.js")
        );
    }

    #[test]
    fn a_location_is_never_made_from_a_frame() {
        let frames = r#""stackTrace":{"callFrames":[{"url":"a.js","lineNumber":3,"columnNumber":4}]}"#;
        let (id, entry) = exception_entry(&format!(r#"{{"exceptionId":7,{frames}}}"#)).expect("an entry");
        assert_eq!(id, Some(7));
        assert_eq!(entry.location, None);
        assert_eq!(
            entry.place().map(ConsoleErrorLocation::in_brackets).as_deref(),
            Some(" (a.js:4:5)")
        );
    }
}
