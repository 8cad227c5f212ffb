//! Execution contexts: where evaluations go.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::cdp::{CallError, Deadline, Session};

use super::super::decode::decode_event;
use super::super::error::EvaluateError;
use super::super::frame_tree::{FrameState, Realm};
use super::super::page::Page;

/// The name of our helpers' world.
const HELPERS: &str = "pagepool";

impl Page {
    pub(super) fn on_context_created(&self, session: &Session, params: &RawValue) {
        let Some(ContextCreated { context }) = decode_event::<ContextCreated>(params) else {
            return;
        };
        let Some(data) = context.aux_data else { return };
        let Some(frame) = data.frame_id else { return };
        let is_helpers = !data.is_default && context.name == HELPERS;
        if !data.is_default && !is_helpers {
            return;
        }
        let mut state = self.lock();
        let waiters = if is_helpers {
            state.tree.helpers_created(session, &frame, context.id)
        } else {
            state.tree.context_created(session, &frame, context.id)
        };
        let wants_helpers = state.tree.get_mut(&frame).is_some_and(FrameState::wants_helpers);
        drop(state);
        if wants_helpers {
            self.make_helpers(session, &frame);
        }
        self.0.crashed.send_if_modified(std::mem::take);
        let realm = Realm {
            session: session.clone(),
            context: context.id,
        };
        for waiter in waiters {
            waiter(Ok(realm.clone()));
        }
    }

    /// Asks for the world of our helpers in the frame's document. It comes as an event.
    pub(in crate::page) fn make_helpers(&self, session: &Session, frame: &str) {
        let params = json!({ "frameId": frame, "worldName": HELPERS });
        let (weak, id, asked) = (Arc::downgrade(&self.0), frame.to_owned(), session.clone());
        session.call(
            "Page.createIsolatedWorld",
            params,
            Deadline::Protocol,
            move |answer| {
                let Some(inner) = weak.upgrade() else { return };
                let page = Page(inner);
                let mut state = page.lock();
                let Some(frame) = state.tree.get_mut(&id) else {
                    return;
                };
                if frame.session.id() != asked.id() {
                    return;
                }
                frame.helpers.is_coming = false;
                let mut failed = Vec::new();
                let mut wants = false;
                let is_late = matches!(answer, Err(CallError::ProtocolTimedOut { .. }));
                match answer {
                    // The world may have gone with its document already.
                    Ok(_) => wants = frame.wants_helpers(),
                    Err(_) if frame.context.is_none() && !is_late => {}
                    Err(_) => failed = std::mem::take(&mut frame.helpers.waiters),
                }
                drop(state);
                if wants {
                    page.make_helpers(&asked, &id);
                }
                for waiter in failed {
                    // What it was wanted for is what the caller knows of.
                    let method = "Runtime.callFunctionOn".into();
                    waiter(Err(if is_late {
                        CallError::ProtocolTimedOut { method }.into()
                    } else {
                        EvaluateError::NoContext
                    }));
                }
            },
        );
    }

    pub(super) fn on_context_destroyed(&self, session: &Session, params: &RawValue) {
        if let Some(event) = decode_event::<ContextDestroyed>(params) {
            self.lock()
                .tree
                .context_destroyed(session, event.execution_context_id);
        }
    }
}

#[derive(Deserialize)]
struct ContextCreated {
    context: ContextPayload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContextPayload {
    id: i64,
    #[serde(default)]
    name: String,
    aux_data: Option<AuxData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuxData {
    frame_id: Option<String>,
    #[serde(default)]
    is_default: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContextDestroyed {
    execution_context_id: i64,
}
