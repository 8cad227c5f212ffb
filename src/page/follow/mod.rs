//! What Chrome's events do to a page. Handlers run on the connection's reader and do not block.

mod console;
mod context;
mod frames;
mod lifecycle;
mod network;
mod target;

use std::collections::hash_map::Entry;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::cdp::Session;

use super::events::Event;
use super::frame::Frame;
use super::frame_tree::FrameId;
use super::page::Page;

/// What an event of Chrome does.
pub(super) type Handle = fn(&Page, &Session, &RawValue);

impl Page {
    fn frame_handle(&self, id: &FrameId) -> Frame {
        Frame::new(self.clone(), Arc::clone(id))
    }

    pub(super) fn observe(&self, session: &Session) {
        let events: [(&'static str, Handle); 19] = [
            ("Page.frameAttached", Self::on_frame_attached),
            ("Page.frameNavigated", Self::on_frame_navigated),
            ("Page.navigatedWithinDocument", Self::on_navigated_within_document),
            ("Page.frameDetached", Self::on_frame_detached),
            ("Page.frameStartedLoading", Self::on_started_loading),
            ("Page.frameStoppedLoading", Self::on_stopped_loading),
            ("Page.lifecycleEvent", Self::on_lifecycle),
            ("Page.domContentEventFired", |page, session, _| {
                page.on_main(session, &Event::DomContentLoaded);
            }),
            ("Page.loadEventFired", |page, session, _| {
                page.on_main(session, &Event::Load);
            }),
            ("Page.javascriptDialogOpening", Self::on_dialog),
            ("Runtime.executionContextCreated", Self::on_context_created),
            ("Runtime.executionContextDestroyed", Self::on_context_destroyed),
            ("Runtime.executionContextsCleared", |page, session, _| {
                page.lock().tree.contexts_cleared(session);
            }),
            ("Runtime.consoleAPICalled", Self::on_console),
            ("Runtime.exceptionThrown", Self::on_exception),
            ("Log.entryAdded", Self::on_log_entry),
            ("Inspector.targetCrashed", |page, session, _| {
                page.on_crashed(session);
            }),
            ("Target.attachedToTarget", Self::on_attached),
            ("Target.detachedFromTarget", Self::on_child_detached),
        ];
        self.listen_to(session, &events);
    }

    pub(super) fn listen_to(&self, session: &Session, events: &[(&'static str, Handle)]) {
        let mut listeners = Vec::with_capacity(events.len());
        for (method, handle) in events {
            let (weak, session_of, handle) = (Arc::downgrade(&self.0), session.clone(), *handle);
            listeners.push(session.on(*method, move |params| {
                if let Some(inner) = weak.upgrade() {
                    handle(&Page(inner), &session_of, params);
                }
            }));
        }
        let id = session.id().unwrap_or_default();
        match self.lock_listeners().entry(id.into()) {
            Entry::Occupied(known) => known.into_mut().1.extend(listeners),
            Entry::Vacant(new) => drop(new.insert((session.clone(), listeners))),
        }
    }

    /// Hears no more of the sessions that have ended, those of frames within a frame included. A listener keeps its
    /// session.
    pub(super) fn forget_closed_sessions(&self) {
        let gone: Vec<_> = self
            .lock_listeners()
            .extract_if(|_, (session, _)| session.close_reason().is_some())
            .collect();
        for (id, _) in &gone {
            self.forget_bindings_of(id);
        }
    }

    fn on_main(&self, session: &Session, event: &Event) {
        if session.id() == self.session().id() {
            self.emit(event);
        }
    }
}
