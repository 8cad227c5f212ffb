//! What Chrome says, taken apart: answers to commands, and events.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::cdp::CallError;
use crate::lossy;

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

/// Reads an event that may hold half a character.
pub(super) fn decode_event<T: DeserializeOwned>(params: &RawValue) -> Option<T> {
    understood(lossy::from_str(params.get()))
}

/// Reads an event without copying it.
pub(super) fn borrow_event<'a, T: Deserialize<'a>>(params: &'a RawValue) -> Option<T> {
    understood(serde_json::from_str(params.get()))
}

fn understood<T>(event: serde_json::Result<T>) -> Option<T> {
    event
        .inspect_err(
            |error| tracing::warn!(%error, event = std::any::type_name::<T>(), "an event was not understood"),
        )
        .ok()
}

/// Whether the event has this field, which nobody can write into one of its strings: quotes are escaped there.
pub(super) fn says(params: &RawValue, field: &[u8]) -> bool {
    memchr::memmem::find(params.get().as_bytes(), field).is_some()
}
