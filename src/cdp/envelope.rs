//! The outermost layer of a message, borrowed from the read buffer.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::CallError;

/// A message from Chrome: an answer has an `id`, an event a `method`.
#[derive(Deserialize)]
pub(super) struct Incoming<'a> {
    pub id: Option<u64>,
    pub method: Option<&'a str>,
    #[serde(borrow)]
    pub params: Option<&'a RawValue>,
    #[serde(borrow)]
    pub result: Option<&'a RawValue>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
    #[serde(rename = "sessionId")]
    pub session_id: Option<&'a str>,
}

/// A command to Chrome.
#[derive(Serialize)]
pub(super) struct Outgoing<'a, P> {
    pub id: u64,
    pub method: &'a str,
    pub params: P,
    #[serde(rename = "sessionId", skip_serializing_if = "Option::is_none")]
    pub session_id: Option<&'a str>,
}

#[derive(Deserialize)]
struct ProtocolError<'a> {
    #[serde(default)]
    code: i64,
    #[serde(default, borrow)]
    message: Cow<'a, str>,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
}

/// The `error` of an answer.
pub(super) fn protocol_error(method: Cow<'static, str>, raw: &RawValue) -> CallError {
    match serde_json::from_str::<ProtocolError>(raw.get()) {
        Ok(error) => CallError::Protocol {
            method,
            code: error.code,
            message: error.message.into_owned(),
            data: error.data.map(|data| {
                serde_json::from_str::<String>(data.get()).unwrap_or_else(|_| data.get().to_owned())
            }),
        },
        Err(source) => CallError::Decode { method, source },
    }
}

#[derive(Deserialize)]
pub(super) struct AttachedToTarget<'a> {
    #[serde(rename = "sessionId")]
    pub session_id: &'a str,
    #[serde(rename = "targetInfo", borrow)]
    pub target_info: AttachedTargetInfo<'a>,
}

#[derive(Deserialize)]
pub(super) struct AttachedTargetInfo<'a> {
    #[serde(rename = "targetId")]
    pub target_id: &'a str,
    #[serde(rename = "type")]
    pub kind: &'a str,
}

#[derive(Deserialize)]
pub(super) struct DetachedFromTarget<'a> {
    #[serde(rename = "sessionId")]
    pub session_id: &'a str,
}

#[derive(Deserialize)]
pub(super) struct TargetGone<'a> {
    #[serde(rename = "targetId")]
    pub target_id: &'a str,
}

/// How deeply the JSON is nested; 0 where that is at most `floor` for certain.
pub(super) fn nesting(json: &[u8], floor: usize) -> usize {
    // Hardly any message gets past this, and it costs next to nothing.
    if memchr::memchr2_iter(b'{', b'[', json).nth(floor).is_none() {
        return 0;
    }
    let (mut depth, mut deepest, mut at) = (0_usize, 0, 0);
    while let Some(byte) = json.get(at) {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => at = end_of_string(json, at + 1),
            _ => {}
        }
        at += 1;
    }
    deepest
}

/// Where the string that begins at `at` has its closing quote.
fn end_of_string(json: &[u8], mut at: usize) -> usize {
    while let Some(ahead) = json.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += ahead;
        if json[at] == b'"' {
            return at;
        }
        at += 2;
    }
    json.len()
}

/// Milliseconds for messages, without a fraction.
pub(super) fn millis(duration: Duration) -> u128 {
    duration.as_millis()
}
