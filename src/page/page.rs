//! One page: its set-up, its state, and what Chrome's events do to it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde_json::json;
use tokio::sync::{Semaphore, watch};

use crate::cdp::{CallError, Deadline, Listener, Session, io};

use super::browser::{Browser, TargetInfo};
use super::commands::{Sent, all};
use super::context::BrowserContext;
use super::emulation::Settings;
use super::events::{Event, EventKind, Hub, NETWORK, Subscription};
use super::expose::Bindings;
use super::file_chooser::FileChoosers;
use super::frame::Frame;
use super::frame_tree::{FrameId, FrameState, FrameTree};
use super::input::InputState;
use super::intercept::Interception;
use super::lifecycle::{Milestone, Progress, Watcher};
use super::network::Tracker;
use super::response::Bodies;
use super::viewport::Viewport;
use super::web_worker::WebWorker;

/// A page of Chrome. Clones are the same page.
#[derive(Clone)]
pub struct Page(pub(super) Arc<Inner>);

pub(super) struct Inner {
    id: u64,
    target_id: Arc<str>,
    context_id: Option<Arc<str>>,
    opener: Option<Box<str>>,
    pub(super) session: Session,
    pub(super) browser: Browser,
    state: Mutex<State>,
    pub(super) hub: Arc<Hub>,
    pub(super) closed: AtomicBool,
    pub(super) crashed: watch::Sender<bool>,
    /// Whether the target has a URL: a popup has none until its first navigation is under way.
    located: watch::Sender<bool>,
    pub(super) metrics_enabled: AtomicBool,
    pub(super) issues_enabled: AtomicBool,
    pub(super) device_prompts: AtomicBool,
    pub(super) tracing: AtomicBool,
    /// One permit: a picture's settings are the page's, so pictures are taken one after another.
    pub(super) camera: Semaphore,
    bodies: Mutex<Bodies>,
    pub(super) unheard_messages: AtomicU32,
    pub(super) input: Mutex<InputState>,
    pub(super) settings: Mutex<Settings>,
    pub(super) interception: Interception,
    pub(super) bindings: Mutex<Bindings>,
    pub(super) file_choosers: FileChoosers,
    timeout: Timeouts,
    listeners: Mutex<Listeners>,
}

/// What is heard of each session, for as long as that takes calls.
pub(super) type Listeners = HashMap<Box<str>, (Session, Vec<Listener>)>;

/// A page that it does not keep.
#[derive(Clone)]
pub struct WeakPage(Weak<Inner>);

impl WeakPage {
    /// The page, while somebody keeps it.
    #[must_use]
    pub fn upgrade(&self) -> Option<Page> {
        self.0.upgrade().map(Page)
    }
}

/// In milliseconds; 0 means none.
struct Timeouts {
    default: AtomicU64,
    /// [`UNSET`] where the default is used.
    navigation: AtomicU64,
}

const UNSET: u64 = u64::MAX;
const DEFAULT_TIMEOUT: u64 = 30_000;

#[derive(Default)]
pub(super) struct State {
    pub tree: FrameTree,
    pub watchers: Vec<Watcher>,
    pub tracker: Tracker,
    /// Flushes the tracker when that is due.
    pub(super) flush: Option<io::Task>,
    /// Dedicated workers, theirs included.
    pub(super) workers: Vec<WebWorker>,
    next_watcher: u64,
    /// What runs in new documents, by Chrome's names.
    pub(super) scripts: Vec<(String, String)>,
    /// The latest frames that left, with their URL and name.
    gone: VecDeque<(FrameId, String, String)>,
}

/// How many frames that left are remembered.
const GONE_KEPT: usize = 64;

impl State {
    /// The URL and name of a frame, also of one that left a while ago.
    pub(super) fn url_and_name(&self, id: &str) -> Option<(&str, &str)> {
        let gone = || self.gone.iter().rev().find(|(gone, ..)| &**gone == id);
        match self.tree.get(id) {
            Some(frame) => Some((&frame.url, &frame.name)),
            None => gone().map(|(_, url, name)| (url.as_str(), name.as_str())),
        }
    }

    pub(super) fn remember(&mut self, removed: &[FrameState]) {
        for frame in removed {
            if self.gone.len() == GONE_KEPT {
                self.gone.pop_front();
            }
            let gone = (Arc::clone(&frame.id), frame.url.clone(), frame.name.clone());
            self.gone.push_back(gone);
        }
    }

    pub(super) fn check_watchers(&self) {
        for watcher in &self.watchers {
            watcher.check(&self.tree);
        }
    }
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// The answers to a new page's set-up, all sent together.
pub(super) struct SetUp(Vec<Sent>);

impl SetUp {
    /// Waits for them.
    pub async fn done(self) -> Result<(), CallError> {
        all(self.0).await
    }
}

impl Page {
    /// Takes over a target that waits for its debugger, and lets it run once `prepare` has.
    pub(super) fn attach(
        session: &Session,
        target: &TargetInfo,
        browser: &Browser,
        viewport: Option<Viewport>,
        prepare: impl FnOnce(&Self),
    ) -> (Self, SetUp) {
        let main: FrameId = target.target_id.as_str().into();
        let mut tree = FrameTree::default();
        let mut frame = FrameState::new(Arc::clone(&main), None, session.clone());
        frame.url.clone_from(&target.url);
        tree.add(frame);
        let page = Self(Arc::new(Inner {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            target_id: main,
            context_id: target.browser_context_id.as_deref().map(Into::into),
            session: session.clone(),
            browser: browser.clone(),
            state: Mutex::new(State {
                tree,
                ..State::default()
            }),
            hub: Arc::default(),
            closed: AtomicBool::new(false),
            crashed: watch::Sender::new(false),
            located: watch::Sender::new(!target.url.is_empty()),
            opener: target.opener_id.as_deref().map(Into::into),
            metrics_enabled: AtomicBool::new(false),
            issues_enabled: AtomicBool::new(false),
            device_prompts: AtomicBool::new(false),
            tracing: AtomicBool::new(false),
            camera: Semaphore::new(1),
            bodies: Mutex::default(),
            unheard_messages: AtomicU32::new(0),
            input: Mutex::default(),
            settings: Mutex::new(Settings::new(viewport)),
            interception: Interception::default(),
            bindings: Mutex::default(),
            file_choosers: FileChoosers::default(),
            timeout: Timeouts {
                default: AtomicU64::new(DEFAULT_TIMEOUT),
                navigation: AtomicU64::new(UNSET),
            },
            listeners: Mutex::default(),
        }));
        page.observe(session);
        // Before any document: Chrome keeps no bodies of what it loaded earlier.
        page.observe_network(session);
        page.observe_interception(session);
        page.observe_file_choosers(session);
        let mut calls = page.set_up(session);
        // Enabled later, it would tell again what was said before.
        calls.push(send(session, "Log.enable", json!({})));
        if let Some(viewport) = viewport {
            calls.extend(viewport.apply(session));
        }
        prepare(&page);
        calls.push(send(session, "Runtime.runIfWaitingForDebugger", json!({})));
        (page, SetUp(calls))
    }

    /// What every session of a page or frame needs, in one go.
    pub(super) fn set_up(&self, session: &Session) -> Vec<Sent> {
        let weak = Arc::downgrade(&self.0);
        let tree_session = session.clone();
        session.call("Page.enable", json!({}), Deadline::Protocol, |_| {});
        self.observe_copies(session);
        session.call(
            "Page.getFrameTree",
            json!({}),
            Deadline::Protocol,
            move |answer| {
                if let (Some(inner), Ok(answer)) = (weak.upgrade(), answer) {
                    Page(inner).on_frame_tree(&tree_session, answer);
                }
            },
        );
        vec![
            send(session, "Runtime.enable", json!({})),
            send(
                session,
                "Page.setLifecycleEventsEnabled",
                json!({ "enabled": true }),
            ),
            send(session, "Target.setAutoAttach", auto_attach()),
        ]
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock_bodies(&self) -> MutexGuard<'_, Bodies> {
        self.0.bodies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock_listeners(&self) -> MutexGuard<'_, Listeners> {
        self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names the page within this process.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Chrome's id of the target.
    #[must_use]
    pub fn target_id(&self) -> &str {
        &self.0.target_id
    }

    /// The main frame's URL; empty once the page is gone.
    #[must_use]
    pub fn url(&self) -> String {
        self.main_frame().url()
    }

    /// Finds the page again while somebody else keeps it.
    #[must_use]
    pub fn downgrade(&self) -> WeakPage {
        WeakPage(Arc::downgrade(&self.0))
    }

    /// The page that opened it, while that is there.
    #[must_use]
    pub fn opener(&self) -> Option<Page> {
        self.0.browser.page(self.0.opener.as_deref()?)
    }

    /// Whether another page has opened it.
    pub(super) fn is_popup(&self) -> bool {
        self.0.opener.is_some()
    }

    pub(super) fn set_located(&self) {
        self.0.located.send_replace(true);
    }

    /// Waits until the target has a URL.
    pub(super) async fn located(&self) {
        let mut located = self.0.located.subscribe();
        tokio::select! {
            // The page keeps the sender.
            _ = located.wait_for(|located| *located) => {}
            _ = self.session().closed() => {}
        }
    }

    /// The page's own session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.0.session
    }

    /// The browser it lives in.
    #[must_use]
    pub fn browser(&self) -> &Browser {
        &self.0.browser
    }

    /// The context it lives in.
    #[must_use]
    pub fn browser_context(&self) -> BrowserContext {
        BrowserContext::new(self.0.browser.clone(), self.0.context_id.clone())
    }

    /// The main frame, which stays the same for the page's life.
    #[must_use]
    pub fn main_frame(&self) -> Frame {
        Frame::new(self.clone(), Arc::clone(&self.0.target_id))
    }

    /// All frames, the main one first.
    #[must_use]
    pub fn frames(&self) -> Vec<Frame> {
        let state = self.lock();
        state
            .tree
            .all()
            .map(|frame| Frame::new(self.clone(), Arc::clone(&frame.id)))
            .collect()
    }

    /// The frame of this id, while it is in the page.
    #[must_use]
    pub fn frame(&self, id: &str) -> Option<Frame> {
        let id = Arc::clone(&self.lock().tree.get(id)?.id);
        Some(Frame::new(self.clone(), id))
    }

    /// Whether the page is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// Whether the renderer has died under it.
    #[must_use]
    pub fn is_crashed(&self) -> bool {
        *self.0.crashed.borrow()
    }

    /// Waits until the renderer dies; one that is dead already does not count.
    pub(super) fn crash(&self) -> impl Future<Output = ()> + use<> {
        let mut crashed = self.0.crashed.subscribe();
        crashed.mark_unchanged();
        async move {
            while crashed.changed().await.is_ok() {
                if *crashed.borrow() {
                    return;
                }
            }
            std::future::pending::<()>().await;
        }
    }

    /// Calls the handler for each such event, on the connection's reader, until the subscription is dropped.
    pub fn listen(&self, kind: EventKind, handler: impl Fn(&Event) + Send + Sync + 'static) -> Subscription {
        if kind == EventKind::Metrics {
            drop(self.enable_metrics());
        }
        if kind == EventKind::DevicePrompt {
            self.follow_device_prompts();
        }
        if kind == EventKind::Issue {
            self.enable_issues();
        }
        self.0.hub.listen(kind, Arc::new(handler))
    }

    /// Whether anybody listens to such events.
    #[must_use]
    pub fn has_listeners(&self, kind: EventKind) -> bool {
        self.0.hub.is_heard(kind)
    }

    /// Calls the handler for events that nobody listens to, as long as a listener may be on its way: one may be
    /// added right after the command that brings the event about, on a thread that is slower than this. The
    /// handler gets the page's activity at the event, for [`Self::set_quiet`].
    pub fn stand_by(&self, handler: impl Fn(&Event, u64) + Send + Sync + 'static) {
        self.0.hub.add_bystander(Arc::new(handler));
    }

    /// Nobody came to listen to such events: bystanders hear no more of them until the page is spoken to again.
    pub fn set_quiet(&self, kind: EventKind, activity: u64) {
        if !kind.is_network() {
            return self.0.hub.set_quiet(kind, activity);
        }
        // They are followed together.
        if !NETWORK.into_iter().any(|kind| self.0.hub.is_heard(kind)) {
            for kind in NETWORK {
                self.0.hub.set_quiet(kind, activity);
            }
        }
    }

    /// Whether such an event is to be told.
    pub(super) fn wants(&self, kind: EventKind) -> bool {
        self.0.hub.wants(kind, self.session().activity())
    }

    /// Tells the event; says whether anybody has taken it.
    pub(super) fn emit(&self, event: &Event) -> bool {
        self.0.hub.emit(event, self.session().activity())
    }

    /// How long a wait may take, in milliseconds; 0 means as long as it takes.
    #[must_use]
    pub fn default_timeout(&self) -> u64 {
        self.0.timeout.default.load(Ordering::Relaxed)
    }

    /// How long a navigation may take, in milliseconds; 0 means as long as it takes.
    #[must_use]
    pub fn default_navigation_timeout(&self) -> u64 {
        match self.0.timeout.navigation.load(Ordering::Relaxed) {
            UNSET => self.default_timeout(),
            timeout => timeout,
        }
    }

    /// Sets the default of all waits, and of navigations that have none of their own.
    pub fn set_default_timeout(&self, millis: u64) {
        self.0.timeout.default.store(millis, Ordering::Relaxed);
    }

    /// Sets the default of navigations.
    pub fn set_default_navigation_timeout(&self, millis: u64) {
        self.0.timeout.navigation.store(millis, Ordering::Relaxed);
    }

    /// Closes the page and waits until it is gone.
    ///
    /// # Errors
    /// Where Chrome refuses.
    pub async fn close(&self, run_before_unload: bool) -> Result<(), CallError> {
        if self.is_closed() {
            return Ok(());
        }
        if run_before_unload {
            return send(self.session(), "Page.close", json!({})).await.map(drop);
        }
        let target = json!({ "targetId": self.target_id() });
        match send(self.0.browser.session(), "Target.closeTarget", target).await {
            Ok(_) => drop(self.session().closed().await),
            Err(CallError::Protocol { message, .. }) if message.contains("No target with given id") => {}
            Err(
                CallError::TargetClosed { .. }
                | CallError::TargetEnded { .. }
                | CallError::Disconnected { .. },
            ) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Makes the page the one in front of its window.
    ///
    /// # Errors
    /// As any command.
    pub async fn bring_to_front(&self) -> Result<(), CallError> {
        send(self.session(), "Page.bringToFront", json!({}))
            .await
            .map(drop)
    }

    /// The page's session, and those of its out-of-process frames.
    pub(super) fn sessions(&self) -> Vec<Session> {
        let state = self.lock();
        let mut sessions = vec![self.session().clone()];
        for frame in state.tree.all() {
            if !sessions.iter().any(|known| known.id() == frame.session.id()) {
                sessions.push(frame.session.clone());
            }
        }
        sessions
    }

    /// Its dedicated workers, in the order in which they came.
    #[must_use]
    pub fn workers(&self) -> Vec<WebWorker> {
        self.lock().workers.clone()
    }

    /// The sessions of its dedicated workers.
    pub(super) fn worker_sessions(&self) -> Vec<Session> {
        let state = self.lock();
        state
            .workers
            .iter()
            .map(|worker| worker.session().clone())
            .collect()
    }

    /// Begins to watch a frame for the end of a navigation.
    pub(super) fn watch(&self, frame: &FrameId, milestones: &[Milestone]) -> Option<Watch> {
        let mut state = self.lock();
        state.tree.get(frame)?;
        state.next_watcher += 1;
        let id = state.next_watcher;
        let (watcher, progress) = Watcher::new(id, &state.tree, frame, milestones);
        state.watchers.push(watcher);
        Some(Watch {
            page: Arc::downgrade(&self.0),
            id,
            progress,
        })
    }
}

/// A watched navigation, until it is dropped.
pub(super) struct Watch {
    page: Weak<Inner>,
    id: u64,
    pub progress: watch::Receiver<Progress>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(inner) = self.page.upgrade() {
            Page(inner)
                .lock()
                .watchers
                .retain(|watcher| watcher.id != self.id);
        }
    }
}

/// Without a filter: Chrome lets workers wait as well, also those that a filter keeps from being attached.
pub(super) fn auto_attach() -> serde_json::Value {
    json!({ "autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true })
}

/// Sends a command at once, with the usual deadline.
pub(super) fn send(session: &Session, method: &'static str, params: serde_json::Value) -> Sent {
    session.send_raw(method, params, Deadline::Protocol)
}
