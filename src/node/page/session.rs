//! `CDPSession`: the connection itself, untyped.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use serde_json::value::RawValue;

use crate::cdp::{CallError, Deadline, Listener, Session, io};
use crate::node::js::class::{self, Class, Method, data_of};
use crate::node::js::{Call, ErrorClass, JsRef, JsThread, Scope, Thrown, Value};
use crate::page::{Browser, Target, Text};

use super::emitter::{self, ANY, Emits, Emitter};
use super::error::Rejection;
use super::identity::WeakObjects;
use super::{connection, options, promise, value};

/// A session that JavaScript asked for.
pub(super) struct SessionData {
    key: u64,
    browser: Browser,
    session: Session,
    detached: Cell<bool>,
    emitter: Emitter,
    listeners: RefCell<HashMap<String, Listener>>,
    /// Those attached through this one since somebody has listened to that.
    children: Children,
}

type Children = Arc<Mutex<HashMap<String, Session>>>;

static NEXT_KEY: AtomicU64 = AtomicU64::new(1);

/// The object of a session with listeners, which stays, as those of puppeteer do, until the session ends.
struct Kept {
    object: JsRef,
    /// Waits for that end.
    _watch: io::Task,
}

thread_local! {
    static SESSIONS: RefCell<HashMap<u64, Kept>> = RefCell::new(HashMap::new());
    static OBJECTS: RefCell<WeakObjects<Name>> = RefCell::default();
}

/// `page.createCDPSession()`
pub(super) fn create(scope: Scope<'_>, target: Target) -> Result<Value<'_>, Thrown> {
    let browser = target.browser().clone();
    let attaching = async move { target.attach().await };
    promise::start(scope, attaching, move |scope, session| {
        wrap(scope, &browser, &session)
    })
}

/// The session's object: one for as long as JavaScript keeps it.
pub(super) fn wrap<'s>(scope: Scope<'s>, browser: &Browser, session: &Session) -> Result<Value<'s>, Thrown> {
    let name = name_of(browser, session.id().unwrap_or_default());
    OBJECTS.with(|objects| {
        WeakObjects::object_of(objects, scope, name, || {
            let data = Rc::new(SessionData {
                key: NEXT_KEY.fetch_add(1, Ordering::Relaxed),
                browser: browser.clone(),
                session: session.clone(),
                detached: Cell::new(false),
                emitter: Emitter::default(),
                listeners: RefCell::default(),
                children: Arc::default(),
            });
            class::instantiate::<CdpSession>(scope, data)
        })
    })
}

/// A browser's key, and the session's id in it.
type Name = (usize, String);

fn name_of(browser: &Browser, id: &str) -> Name {
    (browser.key(), id.to_owned())
}

pub(super) struct CdpSession;

impl Class for CdpSession {
    type Data = SessionData;
    const NAME: &'static str = "CDPSession";
    const MORE: &'static [&'static [Method<SessionData>]] = &[&emitter::methods(), &emitter::disposal()];
    const METHODS: &'static [Method<SessionData>] = &[
        Method::promise("send", send),
        Method::promise("detach", |scope, session, _| {
            if session.is_detached() {
                let message = "Session already detached. Most likely the page has been closed.";
                return Err(Thrown::new(scope.error(
                    ErrorClass::Error,
                    message,
                    Some("PAGE_CLOSED"),
                )));
            }
            session.detached.set(true);
            let params = json!({ "sessionId": session.session.id() });
            session.forget();
            let browser = session.browser.session();
            promise::start_void(
                scope,
                browser.send_raw("Target.detachFromTarget", params, Deadline::Protocol),
            )
        }),
        Method::sync("id", |scope, session, _| {
            Ok(scope.string(session.session.id().unwrap_or_default()))
        }),
        Method::sync("connection", |scope, session, _| {
            if session.is_detached() {
                return Ok(scope.undefined());
            }
            connection::wrap(scope, &session.browser)
        }),
        Method::getter("detached", |scope, session, _| {
            Ok(scope.boolean(session.is_detached()))
        }),
    ];
}

impl SessionData {
    fn is_detached(&self) -> bool {
        self.detached.get() || self.session.close_reason().is_some()
    }

    /// Keeps the object, where it is not kept already.
    fn keep(&self, this: Value<'_>, thread: &JsThread) {
        if SESSIONS.with(|sessions| sessions.borrow().contains_key(&self.key)) {
            return;
        }
        let Some(object) = JsRef::new(this) else { return };
        let (key, session, thread) = (self.key, self.session.clone(), thread.clone());
        // What the session told before its end has been posted before this is.
        let watch = io::spawn_owned(async move {
            session.closed().await;
            thread.post(move |scope| {
                if let Some(data) = kept(scope, key) {
                    data.forget();
                }
            });
        });
        let kept = Kept {
            object,
            _watch: watch,
        };
        SESSIONS.with(|sessions| sessions.borrow_mut().insert(key, kept));
    }

    fn listen(&self, event: &str, thread: &JsThread) -> Listener {
        let (key, name, thread) = (self.key, event.to_owned(), thread.clone());
        self.session.on(event.to_owned(), move |params| {
            let (text, name) = (Text::from_utf8(params.get()), name.clone());
            thread.post(move |scope| deliver(scope, key, &name, text));
        })
    }

    /// Every event of the protocol.
    fn listen_to_all(&self, thread: &JsThread) -> Listener {
        let (key, thread) = (self.key, thread.clone());
        self.session.on_any(move |method, params| {
            let (text, name) = (Text::from_utf8(params.get()), method.to_owned());
            thread.post(move |scope| deliver_any(scope, key, &name, text));
        })
    }

    /// Sessions that come and go through this one.
    fn listen_to_family(&self, family: Family, thread: &JsThread) -> Listener {
        let (key, thread, browser) = (self.key, thread.clone(), self.browser.clone());
        let children = Arc::clone(&self.children);
        self.session.on(family.method(), move |params| {
            let Some(id) = family.session_id(params) else {
                return;
            };
            let mut children = children.lock().unwrap_or_else(PoisonError::into_inner);
            let child = match family {
                Family::Attached => {
                    let child = browser.connection().session(&id);
                    children.extend(child.clone().map(|child| (id.clone(), child)));
                    child
                }
                Family::Detached => children.remove(&id),
            };
            drop(children);
            let browser = browser.clone();
            thread.post(move |scope| deliver_child(scope, key, family, &browser, &id, child));
        })
    }

    fn forget(&self) {
        drop(self.listeners.take());
        let kept = SESSIONS.with(|sessions| sessions.borrow_mut().remove(&self.key));
        drop(kept);
    }

    /// Stops listening to what nobody listens to any more.
    fn prune(&self) {
        self.listeners
            .borrow_mut()
            .retain(|event, _| self.emitter.count(event) > 0);
        if self.listeners.borrow().is_empty() {
            self.forget();
        }
    }
}

/// Why a command of a detached session fails.
struct Closed(String);

impl Rejection for Closed {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        let message = format!(
            "Protocol error ({}): Session closed. Most likely the page has been closed.",
            self.0
        );
        scope.error(ErrorClass::TargetCloseError, &message, Some("PAGE_CLOSED"))
    }
}

fn send<'s>(scope: Scope<'s>, session: &Rc<SessionData>, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let method = options::text(scope, call.argument(0), "the method")?;
    if session.is_detached() {
        return Err(Thrown::new(Closed(method).to_value(scope)));
    }
    send_on(scope, &session.session, method, call)
}

/// `send(method, params, options)` on this session.
pub(super) fn send_on<'s>(
    scope: Scope<'s>,
    session: &Session,
    method: String,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let params = match call.argument(1) {
        given if given.is_nullish() => None,
        given => scope
            .global()
            .get("JSON")?
            .call_method("stringify", &[given])?
            .as_string(),
    };
    let params = RawValue::from_string(params.unwrap_or_else(|| "{}".to_owned()))
        .map_err(|error| Thrown::invalid_argument(scope, &error.to_string()))?;
    let deadline = match options::timeout(call.argument(2))? {
        None => Deadline::Protocol,
        Some(0) => Deadline::Unbounded,
        Some(millis) => Deadline::Within(Duration::from_millis(millis)),
    };
    promise::pending(scope, |deferred| {
        session.call(method, params, deadline, move |answer| {
            let answer = answer.map(|raw| Text::from_utf8(raw.get()));
            let answer: Result<Text, CallError> = answer.map_err(|error| match error {
                // The caller's own limit takes the place of the connection's.
                CallError::TimedOut { method, .. } => CallError::ProtocolTimedOut { method },
                error => error,
            });
            promise::settle(deferred, answer, |scope, text| {
                value::parse_json(scope, value::text_to_js(scope, text))
            });
        });
        Ok(())
    })
}

impl Emits for SessionData {
    fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    /// Listens to what somebody listens to, and to nothing else.
    fn changed(&self, this: Value<'_>) {
        let wanted = self.emitter.events();
        let missing: Vec<String> = {
            let listeners = self.listeners.borrow();
            let is_new = |event: &String| !listeners.contains_key(event);
            wanted.into_iter().filter(is_new).collect()
        };
        if let Some(thread) = JsThread::current().filter(|_| !missing.is_empty() && !self.is_detached()) {
            self.keep(this, &thread);
            for event in missing {
                let listener = match Family::of(&event) {
                    Some(family) => self.listen_to_family(family, &thread),
                    None if event == ANY => self.listen_to_all(&thread),
                    None => self.listen(&event, &thread),
                };
                self.listeners.borrow_mut().insert(event, listener);
            }
        }
        self.prune();
    }
}

/// What the object of this key carries, while that is kept.
fn kept(scope: Scope<'_>, key: u64) -> Option<Rc<SessionData>> {
    let object = SESSIONS.with(|sessions| sessions.borrow().get(&key).map(|kept| kept.object.get(scope)));
    object.and_then(data_of::<SessionData>)
}

/// What happens to sessions that were attached through another.
#[derive(Clone, Copy)]
enum Family {
    Attached,
    Detached,
}

impl Family {
    fn of(event: &str) -> Option<Self> {
        match event {
            "sessionattached" => Some(Self::Attached),
            "sessiondetached" => Some(Self::Detached),
            _ => None,
        }
    }

    fn event(self) -> &'static str {
        match self {
            Self::Attached => "sessionattached",
            Self::Detached => "sessiondetached",
        }
    }

    fn method(self) -> &'static str {
        match self {
            Self::Attached => "Target.attachedToTarget",
            Self::Detached => "Target.detachedFromTarget",
        }
    }

    fn session_id(self, params: &RawValue) -> Option<String> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct OfSession {
            session_id: String,
        }
        let event: OfSession = serde_json::from_str(params.get())
            .inspect_err(
                |error| ::tracing::warn!(%error, method = self.method(), "an event was not understood"),
            )
            .ok()?;
        Some(event.session_id)
    }
}

fn deliver_child(
    scope: Scope<'_>,
    key: u64,
    family: Family,
    browser: &Browser,
    id: &str,
    child: Option<Session>,
) {
    let Some(session) = kept(scope, key) else {
        return;
    };
    let object = if let Some(child) = child {
        wrap(scope, browser, &child)
    } else {
        // It was there before somebody listened: it has an object where it was asked for.
        let name = name_of(browser, id);
        let Some(object) = OBJECTS.with(|objects| objects.borrow().get(scope, &name)) else {
            return;
        };
        Ok(object)
    };
    match object {
        Ok(object) => {
            session.emitter.emit(scope, family.event(), object);
            session.prune();
        }
        Err(thrown) => scope.throw_uncaught(&thrown),
    }
}

fn deliver(scope: Scope<'_>, key: u64, event: &str, params: Text) {
    let Some(session) = kept(scope, key) else {
        return;
    };
    if session.emitter.count(event) == 0 {
        return;
    }
    match value::parse_json(scope, value::text_to_js(scope, params)) {
        Ok(params) => {
            session.emitter.emit(scope, event, params);
            session.prune();
        }
        Err(thrown) => scope.throw_uncaught(&thrown),
    }
}

/// Calls those who listen to every event, with its name first.
fn deliver_any(scope: Scope<'_>, key: u64, event: &str, params: Text) {
    let Some(session) = kept(scope, key) else {
        return;
    };
    if session.emitter.count(ANY) == 0 {
        return;
    }
    match value::parse_json(scope, value::text_to_js(scope, params)) {
        Ok(params) => {
            session
                .emitter
                .emit_all(scope, ANY, &[scope.string(event), params]);
            session.prune();
        }
        Err(thrown) => scope.throw_uncaught(&thrown),
    }
}
