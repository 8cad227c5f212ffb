//! Frames that come, go, and get other documents.

use std::sync::{Arc, MutexGuard};

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::cdp::{Deadline, Session};

use super::super::decode::decode_event;
use super::super::error::EvaluateError;
use super::super::events::Event;
use super::super::frame_tree::{FrameId, FrameState};
use super::super::lifecycle::Lifecycle;
use super::super::page::{Page, State};

impl Page {
    pub(in crate::page) fn on_frame_tree(&self, session: &Session, answer: &RawValue) {
        let Some(answer) = decode_event::<FrameTreeAnswer>(answer) else {
            return;
        };
        let mut open = vec![answer.frame_tree];
        while let Some(node) = open.pop() {
            let id: FrameId = node.frame.id.as_str().into();
            let mut state = self.lock();
            let mut attached = false;
            if state.tree.get(&id).is_none() {
                let parent = node.frame.parent_id.as_deref().map(Into::into);
                state
                    .tree
                    .add(FrameState::new(Arc::clone(&id), parent, session.clone()));
                attached = true;
            }
            if let Some(frame) = state.tree.get_mut(&id) {
                frame.url = node.frame.full_url();
                frame.name = node.frame.name;
                if frame.loader.is_empty() {
                    frame.loader = node.frame.loader_id;
                }
            }
            state.check_watchers();
            drop(state);
            if attached {
                self.emit(&Event::FrameAttached(self.frame_handle(&id)));
            }
            open.extend(node.child_frames.into_iter().rev());
        }
    }

    pub(super) fn on_frame_attached(&self, session: &Session, params: &RawValue) {
        let Some(event) = decode_event::<FrameAttached>(params) else {
            return;
        };
        let id: FrameId = event.frame_id.into();
        let mut state = self.lock();
        if let Some(frame) = state.tree.get_mut(&id) {
            // An out-of-process frame came back into its parent's process.
            frame.move_to(session);
            return;
        }
        let parent = Some(event.parent_frame_id.into());
        state
            .tree
            .add(FrameState::new(Arc::clone(&id), parent, session.clone()));
        drop(state);
        self.emit(&Event::FrameAttached(self.frame_handle(&id)));
    }

    pub(super) fn on_frame_navigated(&self, session: &Session, params: &RawValue) {
        let Some(event) = decode_event::<FrameNavigated>(params) else {
            return;
        };
        let id: FrameId = event.frame.id.as_str().into();
        let is_restored = event.kind.as_deref() == Some("BackForwardCacheRestore");
        let mut state = self.lock();
        let removed = if is_restored {
            state.tree.remove_replaced_children(&id)
        } else {
            state.tree.remove_children(&id)
        };
        let loader = event.frame.loader_id.clone();
        if let Some(frame) = state.tree.get_mut(&id) {
            frame.url = event.frame.full_url();
            frame.name = event.frame.name;
            if is_restored {
                frame.loader = event.frame.loader_id;
                frame.lifecycle = Lifecycle::default();
            }
        }
        self.frames_removed(state, removed);
        if is_restored {
            self.find_restored_frames(session, id, loader);
        } else {
            self.emit(&Event::FrameNavigated(self.frame_handle(&id)));
        }
    }

    /// A document that is back out of the back-forward cache has its frames with it, and Chrome tells of none. Its life
    /// cycle is over, and is not told again.
    fn find_restored_frames(&self, session: &Session, id: FrameId, loader: String) {
        let (weak, asked) = (Arc::downgrade(&self.0), session.clone());
        let method = "Page.getFrameTree";
        session.call(method, json!({}), Deadline::Protocol, move |answer| {
            let Some(inner) = weak.upgrade() else { return };
            let page = Self(inner);
            if let Ok(answer) = answer {
                page.on_frame_tree(&asked, answer);
            }
            let mut state = page.lock();
            if let Some(frame) = state.tree.get_mut(&id).filter(|frame| frame.loader == loader) {
                frame.lifecycle = Lifecycle::complete();
            }
            state.check_watchers();
            drop(state);
            page.emit(&Event::FrameNavigated(page.frame_handle(&id)));
        });
    }

    pub(super) fn on_navigated_within_document(&self, _: &Session, params: &RawValue) {
        let Some(event) = decode_event::<NavigatedWithinDocument>(params) else {
            return;
        };
        let id: FrameId = event.frame_id.into();
        let mut state = self.lock();
        let Some(frame) = state.tree.get_mut(&id) else {
            return;
        };
        frame.url = event.url;
        for watcher in &mut state.watchers {
            watcher.navigated_within_document(&id);
        }
        state.check_watchers();
        drop(state);
        self.emit(&Event::FrameNavigated(self.frame_handle(&id)));
    }

    pub(super) fn on_frame_detached(&self, _: &Session, params: &RawValue) {
        let Some(event) = decode_event::<FrameDetached>(params) else {
            return;
        };
        // `swap`: the frame goes on in another process.
        if event.reason.as_deref().unwrap_or("remove") == "remove" {
            let mut state = self.lock();
            let removed = state.tree.remove(&event.frame_id);
            self.frames_removed(state, removed);
        }
    }

    /// Ends a change of the tree by which these frames have left.
    pub(super) fn frames_removed(&self, mut state: MutexGuard<'_, State>, removed: Vec<FrameState>) {
        state.remember(&removed);
        state.check_watchers();
        drop(state);
        for mut frame in removed {
            for waiter in frame.take_waiters() {
                waiter(Err(EvaluateError::NoContext));
            }
            self.emit(&Event::FrameDetached(self.frame_handle(&frame.id)));
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameTreeAnswer {
    frame_tree: FrameTreeNode,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameTreeNode {
    frame: FramePayload,
    #[serde(default)]
    child_frames: Vec<FrameTreeNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FramePayload {
    id: String,
    parent_id: Option<String>,
    #[serde(default)]
    loader_id: String,
    #[serde(default)]
    name: String,
    url: String,
    url_fragment: Option<String>,
}

impl FramePayload {
    fn full_url(&self) -> String {
        format!("{}{}", self.url, self.url_fragment.as_deref().unwrap_or_default())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameAttached {
    frame_id: String,
    parent_frame_id: String,
}

#[derive(Deserialize)]
struct FrameNavigated {
    frame: FramePayload,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NavigatedWithinDocument {
    frame_id: String,
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameDetached {
    frame_id: String,
    reason: Option<String>,
}
