//! Targets: those of frames in other processes, and the end of the page's own.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::cdp::{CallError, CloseReason, Deadline, Session};

use super::super::browser::Attached;
use super::super::decode::decode_event;
use super::super::events::Event;
use super::super::frame_tree::{FrameId, FrameState, RealmWaiter};
use super::super::page::{Page, State, auto_attach};
use super::super::web_worker::WebWorker;

impl Page {
    /// The renderer of the page has died, or that of a frame in another process.
    pub(super) fn on_crashed(&self, session: &Session) {
        let is_own = session.id() == self.session().id();
        if is_own {
            self.0.crashed.send_replace(true);
        }
        let mut state = self.lock();
        state.tracker.crashed(session, self.target_id());
        let mut waiters: Vec<RealmWaiter> = Vec::new();
        for frame in state.tree.all_mut() {
            if is_own || frame.session.id() == session.id() {
                frame.forget_contexts();
                waiters.extend(frame.take_waiters());
            }
        }
        drop(state);
        for waiter in waiters {
            let method = "Runtime.evaluate".into();
            waiter(Err(CallError::TargetCrashed { method }.into()));
        }
        if is_own {
            self.emit(&Event::Crash);
        }
    }

    /// A worker, or a frame that lives in another process.
    pub(super) fn on_attached(&self, parent: &Session, params: &RawValue) {
        let Some(event) = decode_event::<Attached>(params) else {
            return;
        };
        let Some(child) = self.0.browser.connection().session(&event.session_id) else {
            return;
        };
        if event.target_info.kind == "worker" {
            return self.on_worker_attached(&child, &event.target_info.url);
        }
        let id: FrameId = event.target_info.target_id.as_str().into();
        let mut state = self.lock();
        let parent_frame = event.target_info.parent_frame_id;
        let was_there =
            state.tree.get(&id).is_none() && !event.waiting_for_debugger && parent_frame.is_some();
        if was_there {
            // Its parent's process does not speak of it.
            let parent_frame = parent_frame.as_deref().map(Into::into);
            let mut frame = FrameState::new(Arc::clone(&id), parent_frame, child.clone());
            frame.comes_with_document = true;
            state.tree.add(frame);
        }
        let Some(frame) = state.tree.get_mut(&id) else {
            drop(state);
            let is_service_worker = event.target_info.kind == "service_worker";
            let (parent, session_id) = (parent.clone(), event.session_id);
            let method = "Runtime.runIfWaitingForDebugger";
            child.call(method, json!({}), Deadline::Protocol, move |_| {
                if is_service_worker {
                    // It would never be let go while somebody is attached to it.
                    let params = json!({ "sessionId": session_id });
                    parent.call("Target.detachFromTarget", params, Deadline::Protocol, |_| {});
                }
            });
            return;
        };
        frame.move_to(&child);
        drop(state);
        if was_there {
            self.emit(&Event::FrameAttached(self.frame_handle(&id)));
        }
        self.observe(&child);
        for call in self.set_up(&child) {
            drop(call);
        }
        self.observe_bindings(&child);
        self.observe_network(&child);
        self.observe_interception(&child);
        self.observe_file_choosers(&child);
        self.add_scripts_to(&child);
        self.follow_issues(&child);
        child.call(
            "Runtime.runIfWaitingForDebugger",
            json!({}),
            Deadline::Protocol,
            |_| {},
        );
    }

    /// A dedicated worker, whose requests are its page's. It may have workers of its own.
    fn on_worker_attached(&self, worker: &Session, url: &str) {
        let of_page = WebWorker::new(worker, &self.0.browser, url);
        self.lock().workers.push(of_page.clone());
        self.listen_to(
            worker,
            &[
                ("Target.attachedToTarget", Self::on_attached),
                ("Target.detachedFromTarget", Self::on_child_detached),
                ("Runtime.consoleAPICalled", Self::on_console),
                ("Runtime.exceptionThrown", Self::on_exception),
            ],
        );
        // Before its script runs: what it says then is heard too.
        of_page.enable();
        self.observe_network(worker);
        worker.call("Target.setAutoAttach", auto_attach(), Deadline::Protocol, |_| {});
        worker.call(
            "Runtime.runIfWaitingForDebugger",
            json!({}),
            Deadline::Protocol,
            |_| {},
        );
        self.emit(&Event::WorkerCreated(of_page));
    }

    pub(super) fn on_child_detached(&self, _: &Session, params: &RawValue) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Detached {
            session_id: String,
        }
        let Some(event) = decode_event::<Detached>(params) else {
            return;
        };
        let mut state = self.lock();
        let workers: Vec<WebWorker> = state
            .workers
            .extract_if(.., |worker| {
                worker.session().id() == Some(event.session_id.as_str())
            })
            .collect();
        let lost: Vec<FrameId> = state
            .tree
            .all()
            .filter(|frame| frame.session.id() == Some(event.session_id.as_str()))
            .map(|frame| Arc::clone(&frame.id))
            .collect();
        let mut removed = Vec::new();
        let mut moving = Vec::new();
        for id in &lost {
            match state.parent_of_moving(id) {
                Some(parent) => {
                    removed.extend(state.tree.remove_children(id));
                    if let Some(frame) = state.tree.get_mut(id) {
                        frame.forget_contexts();
                    }
                    moving.push((Arc::clone(id), parent));
                }
                None => removed.extend(state.tree.remove(id)),
            }
        }
        state.tracker.detached(&event.session_id, &moving);
        state.tree.forget_closed_sessions();
        self.frames_removed(state, removed);
        for worker in workers {
            self.emit(&Event::WorkerDestroyed(worker));
        }
        self.forget_closed_sessions();
        for (id, parent) in moving {
            self.remove_unless_held(id, &parent);
        }
    }

    /// Chrome says in the same way that a frame in a process of its own is gone, and that its next document will
    /// live in another process: its parent's document knows whether it still holds the frame.
    fn remove_unless_held(&self, id: FrameId, parent: &Session) {
        let weak = Arc::downgrade(&self.0);
        let params = json!({ "frameId": &*id });
        parent.call("DOM.getFrameOwner", params, Deadline::Protocol, move |answer| {
            let (Err(_), Some(inner)) = (answer, weak.upgrade()) else {
                return;
            };
            let page = Page(inner);
            let mut state = page.lock();
            let is_nowhere = |frame: &FrameState| frame.session.close_reason().is_some();
            if state.tree.get(&id).is_some_and(is_nowhere) {
                state.tracker.frame_gone(&id);
                let removed = state.tree.remove(&id);
                page.frames_removed(state, removed);
            }
        });
    }

    /// The target is gone, or the browser is.
    pub(in crate::page) fn on_closed(&self) {
        if self.0.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut state = self.lock();
        let removed = state.tree.clear();
        state.remember(&removed);
        state.check_watchers();
        state.tracker.clear();
        state.flush = None;
        let workers = std::mem::take(&mut state.workers);
        drop(state);
        for worker in workers {
            self.emit(&Event::WorkerDestroyed(worker));
        }
        for mut frame in removed {
            for waiter in frame.take_waiters() {
                let method = "Runtime.evaluate".into();
                waiter(Err(match self.session().close_reason() {
                    Some(CloseReason::Disconnected) => CallError::Disconnected { method },
                    _ => CallError::TargetClosed { method },
                }
                .into()));
            }
        }
        self.emit(&Event::Close);
        drop(std::mem::take(&mut *self.lock_listeners()));
    }
}

impl State {
    /// The session of the parent of a frame that may go on elsewhere although its own session has ended.
    fn parent_of_moving(&self, id: &str) -> Option<Session> {
        let frame = self.tree.get(id)?;
        let parent = self.tree.get(frame.parent.as_deref()?)?;
        let may_move = parent.session.id() != frame.session.id() && !frame.session.is_crashed();
        may_move.then(|| parent.session.clone())
    }
}
