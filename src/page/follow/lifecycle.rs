//! How far the documents of frames have come.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cdp::Session;

use super::super::decode::decode_event;
use super::super::frame_tree::FrameState;
use super::super::lifecycle::{Lifecycle, Milestone};
use super::super::page::Page;

impl Page {
    pub(super) fn on_started_loading(&self, _: &Session, params: &RawValue) {
        let Some(event) = decode_event::<OfFrame>(params) else {
            return;
        };
        let mut state = self.lock();
        if event.frame_id == self.target_id() {
            // What is there now is of the document that is left.
            for frame in state.tree.all_mut() {
                frame.comes_with_document = false;
            }
        }
        if let Some(frame) = state.tree.get_mut(&event.frame_id) {
            frame.started_loading = true;
        }
    }

    pub(super) fn on_stopped_loading(&self, _: &Session, params: &RawValue) {
        let Some(event) = decode_event::<OfFrame>(params) else {
            return;
        };
        let mut state = self.lock();
        if let Some(frame) = state.tree.get_mut(&event.frame_id) {
            frame.lifecycle.passed(Milestone::DomContentLoaded);
            frame.lifecycle.passed(Milestone::Load);
        }
        state.check_watchers();
    }

    pub(super) fn on_lifecycle(&self, _: &Session, params: &RawValue) {
        let Some(event) = decode_event::<LifecycleEvent>(params) else {
            return;
        };
        let mut state = self.lock();
        let is_main = event.frame_id == self.target_id();
        let is_same = |frame: &FrameState| frame.loader == event.loader_id;
        // Writing into a document begins its life cycle anew.
        if event.name == "init" && is_main && !state.tree.get(&event.frame_id).is_some_and(is_same) {
            let replaced: Vec<String> = state.tree.all().map(|frame| frame.loader.clone()).collect();
            state
                .tracker
                .document_replaced(&event.frame_id, &event.loader_id, &replaced);
        }
        let Some(frame) = state.tree.get_mut(&event.frame_id) else {
            return;
        };
        if event.name == "init" {
            frame.loader = event.loader_id;
            frame.lifecycle = Lifecycle::default();
        }
        frame.lifecycle.passed_event(&event.name);
        state.check_watchers();
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfFrame {
    frame_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LifecycleEvent {
    frame_id: String,
    loader_id: String,
    name: String,
}
