//! Console messages.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::decode::borrow_event;
use super::exception::{StackFrame, StackTrace};
use super::frame_tree::FrameId;
use super::text::Text;
use super::value::{RawRemoteObject, RemoteObject, RemoteValue};
use super::web_worker::WebWorker;

/// Something that the page said on its console, or Chrome about the page.
pub struct ConsoleMessage {
    /// The call's name as V8 has it; for Chrome's own messages their level.
    pub kind: String,
    /// What it was called with.
    pub arguments: Vec<RemoteObject>,
    /// The text of a message of Chrome's own.
    pub text: Option<Text>,
    /// Where it was called, innermost frame first.
    pub stack: Vec<StackFrame>,
    /// The place of a message of Chrome's own.
    pub place: Option<(Option<String>, Option<i64>)>,
    /// The frame that said it; its arguments belong there.
    pub frame: Option<FrameId>,
    /// The dedicated worker that said it, which its arguments belong to.
    pub worker: Option<WebWorker>,
    /// The context that said it.
    pub context: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApiCalled<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(default, borrow)]
    args: Vec<RawRemoteObject<'a>>,
    #[serde(default)]
    execution_context_id: i64,
    stack_trace: Option<StackTrace>,
}

#[derive(Deserialize)]
struct EntryAdded<'a> {
    #[serde(borrow)]
    entry: LogEntry<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogEntry<'a> {
    level: &'a str,
    source: &'a str,
    #[serde(borrow)]
    text: &'a RawValue,
    url: Option<String>,
    line_number: Option<i64>,
    stack_trace: Option<StackTrace>,
}

impl ConsoleMessage {
    /// Reads `Runtime.consoleAPICalled`.
    pub(crate) fn from_call(params: &RawValue) -> Option<Self> {
        let event: ApiCalled<'_> = borrow_event(params)?;
        Some(Self {
            kind: event.kind.to_owned(),
            arguments: event.args.iter().map(RawRemoteObject::to_object).collect(),
            text: None,
            stack: event.stack_trace.unwrap_or_default().call_frames,
            place: None,
            frame: None,
            worker: None,
            context: event.execution_context_id,
        })
    }

    /// Reads `Log.entryAdded`; what it says of workers is left out: their own sessions tell it.
    pub(crate) fn from_log(params: &RawValue) -> Option<Self> {
        let EntryAdded { entry } = borrow_event(params)?;
        if entry.source == "worker" {
            return None;
        }
        Some(Self {
            kind: entry.level.to_owned(),
            arguments: Vec::new(),
            text: Text::from_json_literal(entry.text.get()),
            stack: entry.stack_trace.unwrap_or_default().call_frames,
            place: Some((entry.url, entry.line_number)),
            frame: None,
            worker: None,
            context: 0,
        })
    }

    /// puppeteer's name for the kind.
    #[must_use]
    pub fn level(&self) -> &str {
        match self.kind.as_str() {
            "warning" => "warn",
            kind => kind,
        }
    }

    /// The arguments as text, joined by a space.
    #[must_use]
    pub fn text(&self) -> Text {
        match &self.text {
            Some(text) => text.clone(),
            None => Text::joined(self.arguments.iter().map(argument_text)),
        }
    }
}

fn argument_text(argument: &RemoteObject) -> Text {
    if argument.object_id.is_none() {
        return match &argument.value {
            // As JavaScript's `[value].join()` has it.
            RemoteValue::Undefined | RemoteValue::Null => Text::from_utf8(""),
            RemoteValue::String(text) => text.clone(),
            _ => Text::from_utf8(&argument.primitive_text()),
        };
    }
    let description = argument.description.as_deref().unwrap_or_default();
    if argument.subtype.as_deref() == Some("error") && !description.is_empty() {
        let first = description.lines().next().unwrap_or_default();
        return Text::restored(first, argument.halves.as_deref());
    }
    let kind = argument.subtype.as_deref().unwrap_or(&argument.kind);
    let class = argument.class_name.as_deref().unwrap_or("undefined");
    Text::from_utf8(&format!("[{kind} {class}]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_joins_what_each_argument_reads_as() {
        let message = ConsoleMessage::from_call(
            &RawValue::from_string(
                r#"{"type":"warning","executionContextId":3,"args":[
                {"type":"string","value":"a"},{"type":"number","value":2,"description":"2"},
                {"type":"number","value":1e+21,"description":"1e+21"},{"type":"number","unserializableValue":"-0","description":"-0"},
                {"type":"object","className":"Object","objectId":"7","description":"Object"},
                {"type":"object","subtype":"error","className":"Error","objectId":"8","description":"Error: x\n    at y"}]}"#
                    .to_owned(),
            )
            .unwrap(),
        )
        .unwrap();
        assert_eq!(message.level(), "warn");
        assert_eq!(
            message.text(),
            Text::from_utf8("a 2 1e+21 0 [object Object] Error: x")
        );
    }
}
