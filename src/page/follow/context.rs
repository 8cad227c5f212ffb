//! Execution contexts: where evaluations go.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cdp::Session;

use super::super::decode::decode_event;
use super::super::frame_tree::Realm;
use super::super::page::Page;

impl Page {
    pub(super) fn on_context_created(&self, session: &Session, params: &RawValue) {
        let Some(ContextCreated { context }) = decode_event::<ContextCreated>(params) else {
            return;
        };
        let Some(frame) = context.aux_data.and_then(AuxData::frame_of_default) else {
            return;
        };
        let mut state = self.lock();
        let waiters = state.tree.context_created(session, &frame, context.id);
        drop(state);
        self.0.crashed.send_if_modified(std::mem::take);
        let realm = Realm {
            session: session.clone(),
            context: context.id,
        };
        for waiter in waiters {
            waiter(Ok(realm.clone()));
        }
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
    aux_data: Option<AuxData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuxData {
    frame_id: Option<String>,
    #[serde(default)]
    is_default: bool,
}

impl AuxData {
    fn frame_of_default(self) -> Option<String> {
        self.frame_id.filter(|_| self.is_default)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContextDestroyed {
    execution_context_id: i64,
}
