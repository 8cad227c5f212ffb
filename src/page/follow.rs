//! What Chrome's events do to a page. Handlers run on the connection's reader and do not block.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::cdp::{CallError, CloseReason, DEFAULT_DEADLINE, Session, io};

use super::browser::Attached;
use super::console::ConsoleMessage;
use super::dialog::Dialog;
use super::error::EvaluateError;
use super::events::{Event, EventKind, NETWORK};
use super::exception::Exception;
use super::frame::Frame;
use super::frame_tree::{FrameId, FrameState, Realm, RealmWaiter};
use super::lifecycle::{Lifecycle, Milestone};
use super::network::NetworkEvent;
use super::page::Page;

/// What an event of Chrome does.
pub(super) type Handle = fn(&Page, &Session, &RawValue);

/// Nobody hears the console: how many messages before their objects are let go.
const UNHEARD_BATCH: u32 = 256;

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
        self.lock_listeners().extend(listeners);
    }

    pub(super) fn observe_network(&self, session: &Session) {
        self.listen_to(
            session,
            &[
                ("Network.requestWillBeSent", |page, session, params| {
                    page.lock().tracker.began(params);
                    if page.is_intercepting() {
                        let events = page.lock().tracker.will_be_intercepted(session, params);
                        page.network_events(events);
                    } else if page.follows_network() || is_document(params) {
                        let events = page.lock().tracker.will_be_sent(session, params, None);
                        page.network_events(events);
                    }
                }),
                ("Network.requestWillBeSentExtraInfo", |page, _, params| {
                    page.lock().tracker.request_extra_info(params);
                }),
                ("Network.requestServedFromCache", |page, session, params| {
                    let events = page.lock().tracker.served_from_cache(session, params);
                    page.network_events(events);
                }),
                ("Network.responseReceived", |page, _, params| {
                    let events = page.lock().tracker.response_received(params);
                    page.network_events(events);
                }),
                ("Network.responseReceivedExtraInfo", |page, session, params| {
                    let events = page.lock().tracker.response_extra_info(session, params);
                    page.network_events(events);
                }),
                ("Network.loadingFinished", |page, _, params| {
                    let mut state = page.lock();
                    state.tracker.ended(params);
                    let events = state.tracker.loading_ended(params, false);
                    drop(state);
                    page.network_events(events);
                }),
                ("Network.loadingFailed", |page, _, params| {
                    let mut state = page.lock();
                    state.tracker.ended(params);
                    let events = state.tracker.loading_ended(params, true);
                    drop(state);
                    page.network_events(events);
                }),
            ],
        );
        session.call("Network.enable", json!({}), Some(DEFAULT_DEADLINE), |_| {});
        self.observe_interception(session);
        for call in self.lock_settings().apply_network(session) {
            drop(call);
        }
    }

    /// How many requests have not ended, as far as the network domain was on when they began.
    #[must_use]
    pub fn requests_in_flight(&self) -> usize {
        self.lock().tracker.in_flight()
    }

    /// Whether every request is followed, or only those of documents.
    fn follows_network(&self) -> bool {
        NETWORK.into_iter().any(|kind| self.wants(kind))
    }

    pub(super) fn network_events(&self, events: Vec<NetworkEvent>) {
        for event in events {
            if let NetworkEvent::Request(request) = &event {
                request.set_page(self);
            }
            let state = self.lock();
            for watcher in &state.watchers {
                match &event {
                    NetworkEvent::Request(request) => watcher.requested(request),
                    NetworkEvent::Response(response) => watcher.settled(response.request()),
                    NetworkEvent::Failed(request) => watcher.settled(request),
                    NetworkEvent::Finished(_) | NetworkEvent::ServedFromCache(_) => {}
                }
            }
            drop(state);
            self.emit(&match event {
                NetworkEvent::Request(request) => Event::Request(request),
                NetworkEvent::ServedFromCache(request) => Event::RequestServedFromCache(request),
                NetworkEvent::Response(response) => Event::Response(response),
                NetworkEvent::Finished(request) => Event::RequestFinished(request),
                NetworkEvent::Failed(request) => Event::RequestFailed(request),
            });
        }
    }

    fn on_main(&self, session: &Session, event: &Event) {
        if session.id() == self.session().id() {
            self.emit(event);
        }
    }

    pub(super) fn on_frame_tree(&self, session: &Session, answer: &RawValue) {
        let Some(answer) = parse::<FrameTreeAnswer>(answer) else {
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

    fn on_frame_attached(&self, session: &Session, params: &RawValue) {
        let Some(event) = parse::<FrameAttached>(params) else {
            return;
        };
        let id: FrameId = event.frame_id.into();
        let mut state = self.lock();
        if let Some(frame) = state.tree.get_mut(&id) {
            // An out-of-process frame came back into its parent's process.
            frame.session = session.clone();
            frame.context = None;
            return;
        }
        let parent = Some(event.parent_frame_id.into());
        state
            .tree
            .add(FrameState::new(Arc::clone(&id), parent, session.clone()));
        drop(state);
        self.emit(&Event::FrameAttached(self.frame_handle(&id)));
    }

    fn on_frame_navigated(&self, _: &Session, params: &RawValue) {
        let Some(event) = parse::<FrameNavigated>(params) else {
            return;
        };
        let id: FrameId = event.frame.id.as_str().into();
        let mut state = self.lock();
        let removed = state.tree.remove_children(&id);
        if let Some(frame) = state.tree.get_mut(&id) {
            frame.url = event.frame.full_url();
            frame.name = event.frame.name;
        }
        state.check_watchers();
        drop(state);
        self.frames_removed(removed);
        self.emit(&Event::FrameNavigated(self.frame_handle(&id)));
    }

    fn on_navigated_within_document(&self, _: &Session, params: &RawValue) {
        let Some(event) = parse::<NavigatedWithinDocument>(params) else {
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

    fn on_frame_detached(&self, _: &Session, params: &RawValue) {
        let Some(event) = parse::<FrameDetached>(params) else {
            return;
        };
        // `swap`: the frame goes on in another process.
        if event.reason.as_deref().unwrap_or("remove") == "remove" {
            let removed = self.lock().tree.remove(&event.frame_id);
            self.lock().check_watchers();
            self.frames_removed(removed);
        }
    }

    fn frames_removed(&self, removed: Vec<FrameState>) {
        self.lock().remember(&removed);
        for frame in removed {
            for waiter in frame.waiters {
                waiter(Err(EvaluateError::NoContext));
            }
            self.emit(&Event::FrameDetached(self.frame_handle(&frame.id)));
        }
    }

    fn on_started_loading(&self, _: &Session, params: &RawValue) {
        let Some(event) = parse::<OfFrame>(params) else {
            return;
        };
        if let Some(frame) = self.lock().tree.get_mut(&event.frame_id) {
            frame.started_loading = true;
        }
    }

    fn on_stopped_loading(&self, _: &Session, params: &RawValue) {
        let Some(event) = parse::<OfFrame>(params) else {
            return;
        };
        let mut state = self.lock();
        if let Some(frame) = state.tree.get_mut(&event.frame_id) {
            frame.lifecycle.passed(Milestone::DomContentLoaded);
            frame.lifecycle.passed(Milestone::Load);
        }
        state.check_watchers();
    }

    fn on_lifecycle(&self, _: &Session, params: &RawValue) {
        let Some(event) = parse::<LifecycleEvent>(params) else {
            return;
        };
        let mut state = self.lock();
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

    fn on_context_created(&self, session: &Session, params: &RawValue) {
        let Some(ContextCreated { context }) = parse::<ContextCreated>(params) else {
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

    fn on_context_destroyed(&self, session: &Session, params: &RawValue) {
        if let Some(event) = parse::<ContextDestroyed>(params) {
            self.lock()
                .tree
                .context_destroyed(session, event.execution_context_id);
        }
    }

    fn on_console(&self, session: &Session, params: &RawValue) {
        if !self.0.hub.is_heard(EventKind::Console) {
            let unheard = self.0.unheard_messages.fetch_add(1, Ordering::Relaxed) + 1;
            if unheard >= UNHEARD_BATCH {
                self.0.unheard_messages.store(0, Ordering::Relaxed);
                // V8 keeps the arguments of all console calls in this group.
                let group = json!({ "objectGroup": "console" });
                let session = session.clone();
                // After whoever else hears this message has asked for its objects.
                io::spawn(async move { session.call("Runtime.releaseObjectGroup", group, None, |_| {}) });
            }
        }
        if !self.wants(EventKind::Console) {
            return;
        }
        let Some(mut message) = ConsoleMessage::from_call(params) else {
            return;
        };
        let state = self.lock();
        message.frame = state
            .tree
            .frame_of_context(session, message.context)
            .map(|frame| Arc::clone(&frame.id));
        drop(state);
        self.emit(&Event::Console(Arc::new(message)));
    }

    fn on_log_entry(&self, _: &Session, params: &RawValue) {
        if self.wants(EventKind::Console)
            && let Some(message) = ConsoleMessage::from_log(params)
        {
            self.emit(&Event::Console(Arc::new(message)));
        }
    }

    fn on_exception(&self, _: &Session, params: &RawValue) {
        if self.wants(EventKind::PageError)
            && let Some(event) = parse_raw::<ExceptionThrown<'_>>(params)
        {
            self.emit(&Event::PageError(Arc::new(Exception::parse(
                event.exception_details,
            ))));
        }
    }

    /// A dialog that nobody could answer would hold up the page for ever.
    fn on_dialog(&self, session: &Session, params: &RawValue) {
        let Some(dialog) = Dialog::parse(session, params) else {
            return;
        };
        if self.wants(EventKind::Dialog) {
            self.emit(&Event::Dialog(Arc::new(dialog)));
        } else {
            dialog.answer_for_nobody();
        }
    }

    fn on_crashed(&self, session: &Session) {
        if session.id() != self.session().id() {
            return;
        }
        self.0.crashed.send_replace(true);
        let mut state = self.lock();
        let mut waiters: Vec<RealmWaiter> = Vec::new();
        for frame in state.tree.all_mut() {
            frame.context = None;
            waiters.append(&mut frame.waiters);
        }
        drop(state);
        for waiter in waiters {
            let method = "Runtime.evaluate".into();
            waiter(Err(CallError::TargetCrashed { method }.into()));
        }
        self.emit(&Event::Crash);
    }

    /// A frame that lives in another process.
    fn on_attached(&self, _: &Session, params: &RawValue) {
        let Some(event) = parse::<Attached>(params) else {
            return;
        };
        let Some(child) = self.0.browser.connection().session(&event.session_id) else {
            return;
        };
        let id: FrameId = event.target_info.target_id.as_str().into();
        let mut state = self.lock();
        let Some(frame) = state.tree.get_mut(&id) else {
            drop(state);
            child.call("Runtime.runIfWaitingForDebugger", json!({}), None, |_| {});
            return;
        };
        frame.session = child.clone();
        frame.context = None;
        drop(state);
        self.observe(&child);
        for call in self.set_up(&child) {
            drop(call);
        }
        self.observe_bindings(&child);
        if self.0.network_enabled.load(Ordering::Acquire) {
            self.observe_network(&child);
        }
        self.add_scripts_to(&child);
        child.call("Runtime.runIfWaitingForDebugger", json!({}), None, |_| {});
    }

    fn on_child_detached(&self, _: &Session, params: &RawValue) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Detached {
            session_id: String,
        }
        let Some(event) = parse::<Detached>(params) else {
            return;
        };
        let mut state = self.lock();
        let gone: Vec<FrameId> = state
            .tree
            .all()
            .filter(|frame| frame.session.id() == Some(event.session_id.as_str()))
            .map(|frame| Arc::clone(&frame.id))
            .collect();
        let removed: Vec<FrameState> = gone.iter().flat_map(|id| state.tree.remove(id)).collect();
        state.check_watchers();
        drop(state);
        self.frames_removed(removed);
    }

    /// The target is gone, or the browser is.
    pub(super) fn on_closed(&self) {
        if self.0.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut state = self.lock();
        let removed = state.tree.clear();
        state.remember(&removed);
        state.check_watchers();
        state.tracker.clear();
        drop(state);
        for frame in removed {
            for waiter in frame.waiters {
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

fn is_document(params: &RawValue) -> bool {
    memchr::memmem::find(params.get().as_bytes(), br#""type":"Document""#).is_some()
}

fn parse<T: serde::de::DeserializeOwned>(params: &RawValue) -> Option<T> {
    parse_raw(params)
}

fn parse_raw<'a, T: Deserialize<'a>>(params: &'a RawValue) -> Option<T> {
    serde_json::from_str(params.get())
        .inspect_err(|error| tracing::warn!(%error, "an event of a page was not understood"))
        .ok()
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExceptionThrown<'a> {
    #[serde(borrow)]
    exception_details: &'a RawValue,
}
