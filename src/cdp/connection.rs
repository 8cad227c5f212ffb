//! The table of pending calls and sessions, and what an incoming message does to it.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::net::unix::pipe as unix_pipe;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use super::dropped::Dropped;
use super::envelope::{
    AttachedToTarget, DetachedFromTarget, Incoming, Outgoing, TargetGone, nesting, protocol_error,
};
use super::pipe::{self, PipeWriter};
use super::session::{Session, SessionKey};
use super::{
    CallError, CloseReason, ConnectError, Deadline, Limits, MESSAGE_DROPPED, MessageDropped, io, websocket,
};

/// The continuation of a call: takes its answer, on the reader.
pub(super) type Callback = Box<dyn FnOnce(Result<&RawValue, CallError>) + Send>;

/// A connection to one browser. Clones are the same connection.
///
/// It lasts until [`Connection::close`], or until the browser ends it.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
    browser: Session,
}

impl Connection {
    /// Speaks to a Chrome started with `--remote-debugging-pipe`: `receiver` is the reading end of what Chrome
    /// writes, `sender` the writing end of what it reads.
    ///
    /// # Errors
    /// Where the descriptors are not the ends of pipes.
    pub fn over_pipe(receiver: OwnedFd, sender: OwnedFd, limits: Limits) -> Result<Self, ConnectError> {
        let runtime = io::handle();
        let entered = runtime.enter();
        let receiver = unix_pipe::Receiver::from_owned_fd(receiver)?;
        let writer = Arc::new(PipeWriter::new(unix_pipe::Sender::from_owned_fd(sender)?));
        drop(entered);
        let (shared, browser) = Shared::new(Outlet::Pipe(Arc::clone(&writer)), limits);
        let reader = pipe::read(Arc::clone(&shared), receiver);
        shared.run(reader, async move { writer.drain().await });
        Ok(Self { shared, browser })
    }

    /// Speaks to the browser behind a `ws://` endpoint.
    ///
    /// # Errors
    /// Where the endpoint refuses, is none, or does not answer within the deadline.
    pub async fn over_websocket(
        endpoint: &str,
        deadline: Duration,
        limits: Limits,
    ) -> Result<Self, ConnectError> {
        let (sink, stream) = websocket::connect(endpoint, deadline).await?.split();
        let (sender, messages) = mpsc::unbounded_channel();
        let (shared, browser) = Shared::new(Outlet::Channel(sender), limits);
        let reader = websocket::read(Arc::clone(&shared), stream);
        shared.run(reader, websocket::write(messages, sink));
        Ok(Self { shared, browser })
    }

    /// The browser's own session.
    #[must_use]
    pub fn browser(&self) -> &Session {
        &self.browser
    }

    /// The attached session of this id.
    #[must_use]
    pub fn session(&self, id: &str) -> Option<Session> {
        self.shared.session(id)
    }

    /// When Chrome was last heard of, if only in part of a message.
    #[must_use]
    pub fn last_heard(&self) -> Instant {
        self.shared.clock.at(&self.shared.heard)
    }

    /// When part of a message was last read that is so large that it keeps others from being heard; before the
    /// connection, where there has been none.
    #[must_use]
    pub fn last_held_up(&self) -> Instant {
        self.shared.clock.at(&self.shared.held_up)
    }

    /// Ends the connection on purpose; what is pending ends with [`CallError::Disconnected`].
    pub fn close(&self) {
        self.shared.disconnect();
    }

    /// How long calls may take.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// The methods of the calls that have no answer yet, in the order of their sending.
    #[must_use]
    pub fn pending(&self) -> Vec<String> {
        let state = self.shared.lock();
        let mut calls: Vec<_> = state.pending.iter().collect();
        calls.sort_unstable_by_key(|(id, _)| **id);
        calls
            .into_iter()
            .map(|(_, call)| call.method.to_string())
            .collect()
    }

    /// True if the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.browser.close_reason().is_some()
    }

    /// Waits until the connection has ended.
    pub async fn closed(&self) {
        self.browser.closed().await;
    }
}

enum Outlet {
    Pipe(Arc<PipeWriter>),
    Channel(mpsc::UnboundedSender<String>),
}

struct Pending {
    session: SessionKey,
    method: Cow<'static, str>,
    due: Option<Due>,
    /// Where it is deeper than [`DEEP`], else 0.
    nesting: usize,
    activity: Arc<AtomicU64>,
    callback: Callback,
}

/// When a call is late.
#[derive(Clone, Copy)]
struct Due {
    at: Instant,
    after: Duration,
    /// True if the connection's own limit says so.
    of_connection: bool,
}

/// Commands nested less deeply are certain to be understood: Chrome takes 300 levels.
const DEEP: usize = 100;

#[derive(Default)]
struct State {
    last_id: u64,
    last_session: u64,
    pending: HashMap<u64, Pending>,
    /// By time.
    deadlines: BTreeSet<(Instant, u64)>,
    /// When the deadline task looks next. It is not woken for a later deadline, nor when a call ends: of a thousand
    /// calls one after another, one wakes it.
    next_look: Option<Instant>,
    sessions: HashMap<Box<str>, Session>,
    /// Commands that wait until a session's scripts have begun, in their order.
    held: HashMap<SessionKey, Vec<Vec<u8>>>,
    tasks: Vec<AbortHandle>,
    closed: bool,
}

/// Answered by the thread of the page's scripts, behind all that it was sent before.
const BARRIER: &str = "Runtime.releaseObjectGroup";

/// Whether a command runs a script of the page.
fn is_script(method: &str) -> bool {
    matches!(method, "Runtime.evaluate" | "Runtime.callFunctionOn")
}

/// Whether a command keeps its place behind input that waits. What may end the wait does not.
fn keeps_order(method: &str) -> bool {
    let is_ordered = ["Input.", "Runtime.", "DOM."]
        .iter()
        .any(|domain| method.starts_with(domain));
    is_ordered
        && !matches!(
            method,
            BARRIER | "Runtime.terminateExecution" | "Runtime.runIfWaitingForDebugger"
        )
}

impl State {
    /// Whether Chrome may not have begun a script of the session's.
    fn may_overtake(&self, session: &Session) -> bool {
        let begun = session.begun();
        self.pending
            .iter()
            .any(|(id, call)| *id > begun && call.session == session.key() && is_script(&call.method))
    }

    /// Keeps the command back where it has to wait for its turn. `Some(true)`: it is the first to.
    fn hold(&mut self, session: &Session, method: &str, message: &mut Vec<u8>) -> Option<bool> {
        let is_first = !self.held.contains_key(&session.key());
        let holds = if is_first {
            // Chrome's input takes another way to the page than its scripts, and a shorter one.
            session.id().is_some() && method.starts_with("Input.") && self.may_overtake(session)
        } else {
            keeps_order(method)
        };
        if holds {
            let held = self.held.entry(session.key()).or_default();
            held.push(std::mem::take(message));
        }
        holds.then_some(is_first)
    }

    fn take(&mut self, id: u64) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        if let Some(due) = pending.due {
            self.deadlines.remove(&(due.at, id));
        }
        Some(pending)
    }

    /// The call that Chrome could not read. Its answer has no id, but nothing else than deep nesting makes a command
    /// of ours unreadable; where several are too deep, each gets such an answer.
    fn take_unread(&mut self) -> Option<Pending> {
        let deepest = self
            .pending
            .iter()
            .filter(|(_, call)| call.nesting > DEEP)
            .max_by_key(|(_, call)| call.nesting);
        let id = deepest.map(|(id, _)| *id)?;
        self.take(id)
    }

    fn take_all_of(&mut self, session: SessionKey) -> Vec<Pending> {
        self.take_where(|call| call.session == session)
    }

    fn take_where(&mut self, wanted: impl Fn(&Pending) -> bool) -> Vec<Pending> {
        let ids: Vec<u64> = self
            .pending
            .iter()
            .filter(|(_, call)| wanted(call))
            .map(|(id, _)| *id)
            .collect();
        ids.into_iter().filter_map(|id| self.take(id)).collect()
    }
}

/// The state that the connection, its sessions and its tasks share.
pub(super) struct Shared {
    state: Mutex<State>,
    outlet: Outlet,
    limits: Limits,
    earlier_deadline: Notify,
    clock: Clock,
    heard: AtomicU64,
    held_up: AtomicU64,
}

/// A message that is larger keeps others from being heard for a while.
const LARGE: usize = 1024 * 1024;

/// Milliseconds since a moment before the connection.
struct Clock(Instant);

impl Clock {
    fn now(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn at(&self, millis: &AtomicU64) -> Instant {
        self.0 + Duration::from_millis(millis.load(Ordering::Acquire))
    }
}

impl Shared {
    fn new(outlet: Outlet, limits: Limits) -> (Arc<Self>, Session) {
        let shared = Arc::new(Self {
            state: Mutex::default(),
            outlet,
            limits,
            earlier_deadline: Notify::new(),
            clock: Clock(Instant::now()),
            heard: AtomicU64::new(0),
            held_up: AtomicU64::new(0),
        });
        let browser = Session::root(&shared);
        shared.lock().sessions.insert("".into(), browser.clone());
        (shared, browser)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(
        self: &Arc<Self>,
        reader: impl Future<Output = ()> + Send + 'static,
        writer: impl Future<Output = ()> + Send + 'static,
    ) {
        let ended = DisconnectOnDrop(Arc::clone(self));
        let reader = async move {
            // Dropped when the reader ends, however it ends.
            let _ended = ended;
            reader.await;
        };
        let deadlines = Arc::clone(self);
        let tasks = [
            io::spawn(reader),
            io::spawn(writer),
            io::spawn(async move { deadlines.watch().await }),
        ];
        let mut state = self.lock();
        state.tasks = tasks.iter().map(tokio::task::JoinHandle::abort_handle).collect();
        if state.closed {
            state.tasks.drain(..).for_each(|task| task.abort());
        }
    }

    /// Waits as long as a message of Chrome's is held up.
    pub async fn hold_up(&self) {
        if let Some(slow_mo) = self.limits.slow_mo {
            tokio::time::sleep(slow_mo).await;
            // What Chrome has said is there and waits for us: that is no silence of its own.
            self.hear(LARGE + 1);
        }
    }

    /// Sends a command. The callback runs once: on the reader, or here where nothing can be sent.
    pub fn call(
        &self,
        session: &Session,
        method: Cow<'static, str>,
        params: impl Serialize,
        deadline: Deadline,
        callback: Callback,
    ) {
        let id = {
            let mut state = self.lock();
            state.last_id += 1;
            state.last_id
        };
        let envelope = Outgoing {
            id,
            method: &method,
            params,
            session_id: session.id(),
        };
        let mut message = match serde_json::to_vec(&envelope) {
            Ok(message) => message,
            Err(source) => return callback(Err(CallError::Encode { method, source })),
        };
        let nesting = nesting(&message, DEEP);
        let mut state = self.lock();
        if let Some(refusal) = session.refusal(&method) {
            drop(state);
            return callback(Err(refusal));
        }
        if method == "Page.setWebLifecycleState" {
            let is_same = |other: &&Session| other.target_id() == session.target_id();
            state
                .sessions
                .values()
                .filter(is_same)
                .for_each(Session::set_frozen);
        }
        let held = state.hold(session, &method, &mut message);
        let due = self.due(deadline);
        if let Some(Due { at, .. }) = due {
            state.deadlines.insert((at, id));
            if state.next_look.is_none_or(|next| at < next) {
                state.next_look = Some(at);
                self.earlier_deadline.notify_one();
            }
        }
        state.pending.insert(
            id,
            Pending {
                session: session.key(),
                method,
                due,
                nesting,
                activity: session.act(),
                callback,
            },
        );
        drop(state);
        match held {
            None => self.send(message),
            Some(true) => self.send_barrier(session, id),
            Some(false) => {}
        }
    }

    /// Lets what is held go when Chrome has begun all scripts that were sent before this call.
    fn send_barrier(&self, session: &Session, before: u64) {
        let held_by = session.clone();
        let answered = move |answer: Result<&RawValue, CallError>| {
            let Some(shared) = held_by.shared() else { return };
            let is_gone = answer.is_err_and(|error| error.is_gone());
            held_by.set_begun(before);
            // Under the lock: whoever sends next comes behind.
            let mut state = shared.lock();
            for message in state.held.remove(&held_by.key()).into_iter().flatten() {
                if !is_gone {
                    shared.send(message);
                }
            }
        };
        let params = serde_json::json!({ "objectGroup": "pagepool" });
        self.call(
            session,
            BARRIER.into(),
            params,
            Deadline::Protocol,
            Box::new(answered),
        );
    }

    fn due(&self, deadline: Deadline) -> Option<Due> {
        let (after, of_connection) = match deadline {
            Deadline::Protocol => (self.limits.protocol_timeout?, true),
            Deadline::Within(after) => (after, false),
            Deadline::Unbounded => return None,
        };
        Some(Due {
            at: Instant::now().checked_add(after)?,
            after,
            of_connection,
        })
    }

    fn send(&self, mut message: Vec<u8>) {
        match &self.outlet {
            Outlet::Pipe(pipe) => {
                message.push(0);
                pipe.write(&message);
            }
            Outlet::Channel(channel) => match String::from_utf8(message) {
                // A closed channel means a broken connection, which rejects the call.
                Ok(text) => drop(channel.send(text)),
                Err(error) => tracing::error!(%error, "serde_json wrote something that is not UTF-8"),
            },
        }
    }

    /// The largest message that is read.
    pub fn max_message_bytes(&self) -> usize {
        self.limits.max_message_bytes
    }

    /// Chrome has said something; so much of the message is there.
    pub fn hear(&self, bytes: usize) {
        let now = self.clock.now();
        self.heard.store(now, Ordering::Release);
        if bytes > LARGE {
            self.held_up.store(now, Ordering::Release);
        }
    }

    /// Takes one message from Chrome apart, and says whether it was for somebody. Runs on the reader only.
    pub fn receive(&self, message: &[u8]) -> bool {
        if message.len() > self.limits.max_message_bytes {
            return self.drop_message(&Dropped::new(message));
        }
        let was_heard = self.read(message);
        if message.len() > LARGE {
            // It took its time.
            self.hear(message.len());
        }
        was_heard
    }

    /// Tells of a message that is not read, and says whether anybody was told. Runs on the reader only.
    pub fn drop_message(&self, message: &Dropped) -> bool {
        io::wait_for_begun();
        let (bytes, limit) = (message.bytes, self.limits.max_message_bytes);
        let call = message.id().and_then(|id| self.lock().take(id));
        let method = match &call {
            Some(call) => call.method.to_string(),
            None => message.method().unwrap_or_default().to_owned(),
        };
        let mut told = call.is_some();
        if let Some(call) = call {
            call.activity.fetch_add(1, Ordering::AcqRel);
            let method = call.method;
            (call.callback)(Err(CallError::TooLarge { method, bytes, limit }));
        }
        let dropped = MessageDropped { method, bytes, limit };
        let mut session = message.session_id().and_then(|id| self.session(id));
        if let Ok(params) = serde_json::value::to_raw_value(&dropped) {
            while let Some(concerned) = session {
                told |= concerned.tell(MESSAGE_DROPPED, MESSAGE_DROPPED, &params);
                session = concerned.parent().and_then(|parent| self.session_of(parent));
            }
        }
        if !told {
            let MessageDropped { method, .. } = &dropped;
            tracing::warn!(
                method,
                bytes,
                limit,
                "a message from Chrome was too large and is dropped"
            );
        }
        told
    }

    fn read(&self, message: &[u8]) -> bool {
        io::wait_for_begun();
        let incoming = match serde_json::from_slice::<Incoming<'_>>(message) {
            Ok(incoming) => incoming,
            Err(error) => {
                tracing::warn!(%error, bytes = message.len(), "a message from Chrome was not understood");
                return false;
            }
        };
        if let Some(id) = incoming.id {
            let Some(call) = self.lock().take(id) else {
                return false;
            };
            call.activity.fetch_add(1, Ordering::AcqRel);
            match (incoming.error, incoming.result) {
                (Some(error), _) => (call.callback)(Err(protocol_error(call.method, error))),
                (None, Some(result)) => (call.callback)(Ok(result)),
                (None, None) => (call.callback)(Ok(RawValue::NULL)),
            }
            true
        } else if let Some(method) = incoming.method {
            let Some(session) = self.session(incoming.session_id.unwrap_or_default()) else {
                return false;
            };
            let params = incoming.params.unwrap_or(RawValue::NULL);
            self.observe(&session, method, params);
            session.dispatch(method, params)
        } else if let Some(error) = incoming.error {
            let Some(call) = self.lock().take_unread() else {
                tracing::warn!(error = error.get(), "Chrome could not read a command");
                return false;
            };
            (call.callback)(Err(protocol_error(call.method, error)));
            true
        } else {
            false
        }
    }

    /// Keeps the table of sessions in step with Chrome's targets.
    fn observe(&self, session: &Session, method: &str, params: &RawValue) {
        match method {
            "Target.attachedToTarget" => {
                if let Some(event) = parse::<AttachedToTarget<'_>>(method, params) {
                    self.attach(session, &event);
                }
            }
            "Target.detachedFromTarget" => {
                if let Some(event) = parse::<DetachedFromTarget<'_>>(method, params)
                    && let Some(detached) = self.session(event.session_id)
                {
                    self.close_session(&detached);
                }
            }
            "Target.targetDestroyed" => {
                if let Some(event) = parse::<TargetGone<'_>>(method, params) {
                    self.sessions_of(event.target_id)
                        .iter()
                        .for_each(|gone| self.close_session(gone));
                }
            }
            "Target.targetCrashed" => {
                if let Some(event) = parse::<TargetGone<'_>>(method, params) {
                    self.sessions_of(event.target_id)
                        .iter()
                        .for_each(|crashed| self.crash(crashed));
                }
            }
            "Inspector.targetCrashed" => self.crash(session),
            "Inspector.targetReloadedAfterCrash" => {
                session.set_crashed(false);
            }
            "Inspector.workerScriptLoaded" => session.set_script_loaded(),
            _ => {}
        }
    }

    fn attach(&self, parent: &Session, event: &AttachedToTarget<'_>) {
        let mut state = self.lock();
        state.last_session += 1;
        let key = SessionKey(state.last_session);
        let session = parent.child(
            key,
            event.session_id,
            event.target_info.target_id,
            event.target_info.kind,
        );
        state.sessions.insert(event.session_id.into(), session);
    }

    pub fn session(&self, id: &str) -> Option<Session> {
        self.lock().sessions.get(id).cloned()
    }

    fn session_of(&self, key: SessionKey) -> Option<Session> {
        let state = self.lock();
        state
            .sessions
            .values()
            .find(|session| session.key() == key)
            .cloned()
    }

    fn sessions_of(&self, target_id: &str) -> Vec<Session> {
        let state = self.lock();
        state
            .sessions
            .values()
            .filter(|session| session.target_id() == Some(target_id))
            .cloned()
            .collect()
    }

    fn crash(&self, session: &Session) {
        let calls = {
            let mut state = self.lock();
            if !session.set_crashed(true) {
                // Chrome tells of each crash in two events: what was sent between them may bring the page back.
                return;
            }
            state.take_all_of(session.key())
        };
        for call in calls {
            (call.callback)(Err(CallError::TargetCrashed { method: call.method }));
        }
    }

    /// Rejects the session's pending calls of page scripts, as Chrome does with one that it was running.
    pub fn reject_scripts(&self, session: &Session) {
        let calls = self
            .lock()
            .take_where(|call| call.session == session.key() && is_script(&call.method));
        for call in calls {
            (call.callback)(Err(CallError::Protocol {
                method: call.method,
                code: -32_000,
                message: "Execution was terminated".to_owned(),
                data: None,
            }));
        }
    }

    /// Ends the session, and those attached through it.
    fn close_session(&self, session: &Session) {
        let (children, calls) = {
            let mut state = self.lock();
            if let Some(id) = session.id() {
                state.sessions.remove(id);
            }
            session.set_closed(CloseReason::TargetClosed);
            let children: Vec<Session> = state
                .sessions
                .values()
                .filter(|other| other.parent() == Some(session.key()))
                .cloned()
                .collect();
            (children, state.take_all_of(session.key()))
        };
        for call in calls {
            (call.callback)(Err(session.target_closed(call.method)));
        }
        for child in &children {
            self.close_session(child);
        }
    }

    /// Ends everything; only the first call does something.
    fn disconnect(&self) {
        let (calls, tasks) = {
            let mut state = self.lock();
            state.closed = true;
            for session in state.sessions.values() {
                session.set_closed(CloseReason::Disconnected);
            }
            state.sessions.clear();
            state.deadlines.clear();
            state.held.clear();
            (
                std::mem::take(&mut state.pending),
                std::mem::take(&mut state.tasks),
            )
        };
        for call in calls.into_values() {
            (call.callback)(Err(CallError::Disconnected { method: call.method }));
        }
        for task in tasks {
            task.abort();
        }
    }

    /// Ends calls whose deadline has come.
    async fn watch(&self) {
        loop {
            let first = {
                let mut state = self.lock();
                state.next_look = state.deadlines.first().map(|(at, _)| *at);
                state.next_look
            };
            let Some(at) = first else {
                self.earlier_deadline.notified().await;
                continue;
            };
            tokio::select! {
                () = tokio::time::sleep_until(at.into()) => self.expire(Instant::now()),
                () = self.earlier_deadline.notified() => {}
            }
        }
    }

    fn expire(&self, now: Instant) {
        loop {
            let late = {
                let mut state = self.lock();
                match state.deadlines.first().copied() {
                    Some((at, id)) if at <= now => state.take(id),
                    _ => return,
                }
            };
            if let Some(Pending {
                method,
                due: Some(due),
                callback,
                ..
            }) = late
            {
                callback(Err(if due.of_connection {
                    CallError::ProtocolTimedOut { method }
                } else {
                    let after = due.after;
                    CallError::TimedOut { method, after }
                }));
            }
        }
    }
}

struct DisconnectOnDrop(Arc<Shared>);

impl Drop for DisconnectOnDrop {
    fn drop(&mut self) {
        self.0.disconnect();
    }
}

fn parse<'a, T: serde::Deserialize<'a>>(method: &str, params: &'a RawValue) -> Option<T> {
    serde_json::from_str(params.get())
        .inspect_err(|error| tracing::warn!(%error, method, "an event of Chrome was not understood"))
        .ok()
}
