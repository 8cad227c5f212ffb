//! Chrome's answers to commands, taken apart.

use serde::Deserialize;

use crate::cdp::CallError;

use super::value::RemoteObject;

/// Reads what the command was answered with.
pub(super) fn decode<'a, T: Deserialize<'a>>(method: &'static str, answer: &'a str) -> Result<T, CallError> {
    serde_json::from_str(answer).map_err(|source| not_understood(method, source))
}

/// Reads an object of the page from an answer.
pub(super) fn decode_object(method: &'static str, object: &str) -> Result<RemoteObject, CallError> {
    RemoteObject::parse(object).map_err(|source| not_understood(method, source))
}

fn not_understood(method: &'static str, source: serde_json::Error) -> CallError {
    CallError::Decode {
        method: method.into(),
        source,
    }
}
