//! Calls and listeners of one attached target.

use std::borrow::Cow;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll};

use chromiumoxide::cdp::browser_protocol::target::AttachToTargetParams;
use chromiumoxide::types::Command;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::{oneshot, watch};

use super::connection::Shared;
use super::{CallError, CloseReason, Deadline};

/// Names a session within its connection; session ids of Chrome are strings.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct SessionKey(pub u64);

/// One attached target, or the browser itself. Clones are the same session.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    shared: Weak<Shared>,
    key: SessionKey,
    parent: Option<SessionKey>,
    id: Option<Box<str>>,
    target: Option<(Box<str>, Box<str>)>,
    listeners: Mutex<HashMap<Cow<'static, str>, Vec<Arc<Registration>>>>,
    next_listener: AtomicU64,
    /// Counts commands and answers.
    activity: Arc<AtomicU64>,
    health: watch::Sender<Health>,
    /// Why its target is closed, where somebody has said so beforehand.
    reason: OnceLock<Arc<str>>,
    /// Somebody may have frozen the target, and nobody has thawed it.
    frozen: AtomicBool,
    /// Chrome has told that the script of the worker that this is has run.
    script_loaded: AtomicBool,
    /// Chrome has begun all scripts that were sent up to this call.
    begun: AtomicU64,
}

/// The state of a session's target.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Health {
    /// It can be spoken to.
    #[default]
    Alive,
    /// Its renderer died and has not been replaced; only a new document can be asked for.
    Crashed,
    /// It takes no more calls.
    Closed(CloseReason),
}

/// Gets the event's name and its parameters.
type Handler = Box<dyn FnMut(&str, &RawValue) + Send>;

/// Stands for every event in the table of listeners.
const ANY: &str = "*";

struct Registration {
    id: u64,
    live: AtomicBool,
    handler: Mutex<Handler>,
}

/// Calls its handler until it is dropped.
#[must_use = "a listener that is dropped hears nothing"]
pub struct Listener {
    session: Weak<Inner>,
    method: Cow<'static, str>,
    registration: Arc<Registration>,
}

impl Session {
    pub(super) fn root(shared: &Arc<Shared>) -> Self {
        Self::new(Arc::downgrade(shared), SessionKey(0), None, None, None)
    }

    pub(super) fn child(&self, key: SessionKey, id: &str, target_id: &str, kind: &str) -> Self {
        let target = Some((target_id.into(), kind.into()));
        Self::new(
            self.0.shared.clone(),
            key,
            Some(self.0.key),
            Some(id.into()),
            target,
        )
    }

    fn new(
        shared: Weak<Shared>,
        key: SessionKey,
        parent: Option<SessionKey>,
        id: Option<Box<str>>,
        target: Option<(Box<str>, Box<str>)>,
    ) -> Self {
        Self(Arc::new(Inner {
            shared,
            key,
            parent,
            id,
            target,
            listeners: Mutex::default(),
            next_listener: AtomicU64::new(0),
            activity: Arc::default(),
            health: watch::Sender::default(),
            reason: OnceLock::new(),
            frozen: AtomicBool::new(false),
            script_loaded: AtomicBool::new(false),
            begun: AtomicU64::new(0),
        }))
    }

    /// Chrome's id of the session; the browser's own has none.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    /// Chrome's id of the target.
    #[must_use]
    pub fn target_id(&self) -> Option<&str> {
        self.0.target.as_ref().map(|(id, _)| &**id)
    }

    /// Chrome's type of the target, such as `page` or `iframe`.
    #[must_use]
    pub fn target_type(&self) -> Option<&str> {
        self.0.target.as_ref().map(|(_, kind)| &**kind)
    }

    /// Sends a command at once, within the connection's limit; the answer may be awaited later.
    pub fn send<C>(&self, command: C) -> Call<C::Response>
    where
        C: Command,
        C::Response: Send + 'static,
    {
        self.send_within(command, Deadline::Protocol)
    }

    /// Sends a command at once; the answer may be awaited later.
    #[expect(clippy::needless_pass_by_value, reason = "a command is spent when it is sent")]
    pub fn send_within<C>(&self, command: C, deadline: Deadline) -> Call<C::Response>
    where
        C: Command,
        C::Response: Send + 'static,
    {
        let method = command.identifier();
        let name = method.clone();
        self.request(method, &command, deadline, move |raw| {
            serde_json::from_str(raw.get()).map_err(|source| CallError::Decode { method: name, source })
        })
    }

    /// Sends any command at once; the answer may be awaited later.
    pub fn send_raw(
        &self,
        method: impl Into<Cow<'static, str>>,
        params: impl Serialize,
        deadline: Deadline,
    ) -> Call<Box<RawValue>> {
        self.request(method.into(), params, deadline, |raw| Ok(raw.to_owned()))
    }

    fn request<T: Send + 'static>(
        &self,
        method: Cow<'static, str>,
        params: impl Serialize,
        deadline: Deadline,
        decode: impl FnOnce(&RawValue) -> Result<T, CallError> + Send + 'static,
    ) -> Call<T> {
        let (sender, receiver) = oneshot::channel();
        let name = method.clone();
        self.call(method, params, deadline, move |answer| {
            // Nobody waits any more where the receiver is gone.
            drop(sender.send(answer.and_then(decode)));
        });
        Call {
            receiver,
            method: name,
        }
    }

    /// Sends a command. The callback runs once: on the reader, before anything that Chrome said later; or
    /// within this call where the session takes no more calls.
    pub fn call(
        &self,
        method: impl Into<Cow<'static, str>>,
        params: impl Serialize,
        deadline: Deadline,
        callback: impl FnOnce(Result<&RawValue, CallError>) + Send + 'static,
    ) {
        let method = method.into();
        match self.0.shared.upgrade() {
            Some(shared) => shared.call(self, method, params, deadline, Box::new(callback)),
            None => callback(Err(CallError::Disconnected { method })),
        }
    }

    /// Calls the handler with the parameters of each such event, on the reader, in order.
    pub fn on(
        &self,
        method: impl Into<Cow<'static, str>>,
        mut handler: impl FnMut(&RawValue) + Send + 'static,
    ) -> Listener {
        self.register(method.into(), Box::new(move |_, params| handler(params)))
    }

    /// Calls the handler with the name and the parameters of every event, after those who listen to that one alone.
    pub fn on_any(&self, handler: impl FnMut(&str, &RawValue) + Send + 'static) -> Listener {
        self.register(ANY.into(), Box::new(handler))
    }

    fn register(&self, method: Cow<'static, str>, handler: Handler) -> Listener {
        let registration = Arc::new(Registration {
            id: self.0.next_listener.fetch_add(1, Ordering::Relaxed),
            live: AtomicBool::new(true),
            handler: Mutex::new(handler),
        });
        self.0
            .lock_listeners()
            .entry(method.clone())
            .or_default()
            .push(Arc::clone(&registration));
        Listener {
            session: Arc::downgrade(&self.0),
            method,
            registration,
        }
    }

    /// Opens one more session on the target.
    ///
    /// # Errors
    /// As any call.
    pub async fn attach(&self, target_id: impl Into<String>) -> Result<Session, CallError> {
        let command = AttachToTargetParams::builder()
            .target_id(target_id.into())
            .flatten(true)
            .build();
        let method = Cow::Borrowed("Target.attachToTarget");
        let command = command.map_err(|message| CallError::Encode {
            method: method.clone(),
            source: serde::ser::Error::custom(message),
        })?;
        let id = self.send(command).await?.session_id;
        // `Target.attachedToTarget` comes before the answer; the target may have gone since.
        let shared = self.0.shared.upgrade();
        shared
            .and_then(|shared| shared.session(id.as_ref()))
            .ok_or(CallError::TargetClosed { method })
    }

    /// How many commands have been sent and answered: while it stays the same, nobody has done anything here.
    #[must_use]
    pub fn activity(&self) -> u64 {
        self.0.activity.load(Ordering::Acquire)
    }

    /// True if somebody, through any session, has changed the target's lifecycle since this was last asked.
    #[must_use]
    pub fn take_frozen(&self) -> bool {
        self.0.frozen.swap(false, Ordering::AcqRel)
    }

    pub(super) fn set_frozen(&self) {
        self.0.frozen.store(true, Ordering::Release);
    }

    /// Whether `Inspector.workerScriptLoaded` has come: it may before anybody can listen.
    #[must_use]
    pub fn is_script_loaded(&self) -> bool {
        self.0.script_loaded.load(Ordering::Acquire)
    }

    pub(super) fn set_script_loaded(&self) {
        self.0.script_loaded.store(true, Ordering::Release);
    }

    /// The last call up to which Chrome has begun all scripts, as far as is known.
    pub(super) fn begun(&self) -> u64 {
        self.0.begun.load(Ordering::Acquire)
    }

    pub(super) fn set_begun(&self, call: u64) {
        self.0.begun.fetch_max(call, Ordering::AcqRel);
    }

    /// Counts one more; gives whoever will count the answer.
    pub(super) fn act(&self) -> Arc<AtomicU64> {
        self.0.activity.fetch_add(1, Ordering::AcqRel);
        Arc::clone(&self.0.activity)
    }

    /// The state of the target.
    #[must_use]
    pub fn health(&self) -> Health {
        *self.0.health.borrow()
    }

    /// Why the session takes no more calls, once it does not.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        match self.health() {
            Health::Closed(reason) => Some(reason),
            Health::Alive | Health::Crashed => None,
        }
    }

    /// The page's scripts were ended: rejects the calls that wait for one. Chrome does so with the one that ran; what
    /// others wait for will not come either where it was a promise.
    pub fn reject_scripts(&self) {
        if let Some(shared) = self.0.shared.upgrade() {
            shared.reject_scripts(self);
        }
    }

    /// Says why the target is about to be closed: for the errors of the calls that are pending then. The first
    /// reason counts.
    pub fn explain_end(&self, reason: impl Into<Arc<str>>) {
        // There may be one already.
        let _ = self.0.reason.set(reason.into());
    }

    /// The error of a call that was pending when the target closed.
    pub(super) fn target_closed(&self, method: Cow<'static, str>) -> CallError {
        match self.0.reason.get() {
            Some(reason) => CallError::TargetEnded {
                method,
                reason: Arc::clone(reason),
            },
            None => CallError::TargetClosed { method },
        }
    }

    /// True if the renderer died and has not been replaced.
    #[must_use]
    pub fn is_crashed(&self) -> bool {
        self.health() == Health::Crashed
    }

    /// Waits until the session takes no more calls.
    pub async fn closed(&self) -> CloseReason {
        match self.wait(|health| matches!(health, Health::Closed(_))).await {
            Health::Closed(reason) => reason,
            Health::Alive | Health::Crashed => CloseReason::Disconnected,
        }
    }

    /// Waits until the renderer has died, or the session takes no more calls.
    pub async fn unhealthy(&self) -> Health {
        self.wait(|health| *health != Health::Alive).await
    }

    async fn wait(&self, wanted: impl FnMut(&Health) -> bool) -> Health {
        let mut health = self.0.health.subscribe();
        // This session holds the sender.
        health
            .wait_for(wanted)
            .await
            .map_or(Health::Closed(CloseReason::Disconnected), |health| *health)
    }

    pub(super) fn shared(&self) -> Option<Arc<Shared>> {
        self.0.shared.upgrade()
    }

    pub(super) fn key(&self) -> SessionKey {
        self.0.key
    }

    pub(super) fn parent(&self) -> Option<SessionKey> {
        self.0.parent
    }

    pub(super) fn set_closed(&self, reason: CloseReason) {
        self.0.health.send_if_modified(|health| {
            let open = !matches!(health, Health::Closed(_));
            if open {
                *health = Health::Closed(reason);
            }
            open
        });
    }

    /// Returns whether that is news.
    pub(super) fn set_crashed(&self, crashed: bool) -> bool {
        let (from, to) = if crashed {
            (Health::Alive, Health::Crashed)
        } else {
            (Health::Crashed, Health::Alive)
        };
        self.0.health.send_if_modified(|health| {
            let changes = *health == from;
            if changes {
                *health = to;
            }
            changes
        })
    }

    /// Why this command cannot be sent. Only a new document brings a crashed page back, so that much is let
    /// through.
    pub(super) fn refusal(&self, method: &str) -> Option<CallError> {
        match self.close_reason() {
            Some(CloseReason::TargetClosed) => {
                return Some(CallError::SessionClosed {
                    method: method.to_owned().into(),
                    target: self.target_type().unwrap_or("page").to_owned(),
                });
            }
            Some(CloseReason::Disconnected) => {
                let method = method.to_owned().into();
                return Some(CallError::Disconnected { method });
            }
            None => {}
        }
        let revives = matches!(method, "Page.navigate" | "Page.reload" | "Page.close")
            || method.starts_with("Target.")
            || method.starts_with("Inspector.");
        if self.is_crashed() && !revives {
            let method = method.to_owned().into();
            Some(CallError::TargetCrashed { method })
        } else {
            None
        }
    }

    /// Calls the listeners; says whether there were any.
    pub(super) fn dispatch(&self, method: &str, params: &RawValue) -> bool {
        let told = self.tell(method, method, params);
        self.tell(ANY, method, params) || told
    }

    /// Calls those who listen to this name; says whether there were any.
    pub(super) fn tell(&self, listened: &str, method: &str, params: &RawValue) -> bool {
        let registrations = match self.0.lock_listeners().get(listened) {
            Some(registrations) => registrations.clone(),
            None => return false,
        };
        for registration in &registrations {
            if registration.live.load(Ordering::Acquire) {
                (registration
                    .handler
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner))(method, params);
            }
        }
        !registrations.is_empty()
    }
}

impl Inner {
    fn lock_listeners(&self) -> MutexGuard<'_, HashMap<Cow<'static, str>, Vec<Arc<Registration>>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.registration.live.store(false, Ordering::Release);
        let Some(session) = self.session.upgrade() else {
            return;
        };
        let mut listeners = session.lock_listeners();
        if let Some(registrations) = listeners.get_mut(&self.method) {
            registrations.retain(|other| other.id != self.registration.id);
            if registrations.is_empty() {
                listeners.remove(&self.method);
            }
        }
    }
}

/// The answer to a command that is already on its way.
#[must_use = "the command is sent, but its failure would go unnoticed"]
pub struct Call<T> {
    receiver: oneshot::Receiver<Result<T, CallError>>,
    method: Cow<'static, str>,
}

impl<T> Future for Call<T> {
    type Output = Result<T, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(cx).map(|answer| match answer {
            Ok(answer) => answer,
            // The connection was dropped with the call in it.
            Err(_) => Err(CallError::Disconnected {
                method: self.method.clone(),
            }),
        })
    }
}
