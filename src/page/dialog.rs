//! `alert`, `confirm`, `prompt` and `beforeunload`.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cdp::{Call, Deadline, Session};

use super::decode::decode_event;

/// A dialog that holds up its page until it is answered.
pub struct Dialog {
    session: Session,
    /// `alert`, `confirm`, `prompt` or `beforeunload`.
    pub kind: String,
    /// What it says.
    pub message: String,
    /// What a prompt proposes.
    pub default_value: String,
    handled: AtomicBool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opening {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    default_prompt: String,
}

impl Dialog {
    pub(super) fn parse(session: &Session, params: &RawValue) -> Option<Self> {
        let opening: Opening = decode_event(params)?;
        Some(Self {
            session: session.clone(),
            kind: opening.kind,
            message: opening.message,
            default_value: opening.default_prompt,
            handled: AtomicBool::new(false),
        })
    }

    /// Whether it has been answered.
    #[must_use]
    pub fn is_handled(&self) -> bool {
        self.handled.load(Ordering::Acquire)
    }

    /// Lets the page go on where nobody listens: it may leave, and gets no other consent.
    pub fn answer_for_nobody(&self) {
        drop(self.answer(self.kind == "beforeunload", None));
    }

    /// Answers it, and sends the answer at once; `None` where it has been answered already.
    #[must_use]
    pub fn answer(&self, accept: bool, text: Option<&str>) -> Option<Call<Box<RawValue>>> {
        if self.handled.swap(true, Ordering::AcqRel) {
            return None;
        }
        let mut params = serde_json::json!({ "accept": accept });
        if let Some(text) = text {
            params["promptText"] = text.into();
        }
        Some(
            self.session
                .send_raw("Page.handleJavaScriptDialog", params, Deadline::Protocol),
        )
    }
}
