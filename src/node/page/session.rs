//! `CDPSession`: the connection itself, untyped.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use serde_json::value::RawValue;

use crate::cdp::{CallError, Listener, Session};
use crate::node::js::class::{self, Class, Method, data_of};
use crate::node::js::{Call, ErrorClass, JsRef, JsThread, Scope, Thrown, Value};
use crate::page::{Page, Text};

use super::emitter::Emitter;
use super::error::Rejection;
use super::{options, promise, value};

/// A session that JavaScript asked for.
pub(super) struct SessionData {
    key: u64,
    page: Page,
    session: Session,
    detached: Cell<bool>,
    emitter: Emitter,
    listeners: RefCell<HashMap<String, Listener>>,
}

static NEXT_KEY: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// Sessions with listeners stay, as those of puppeteer do.
    static SESSIONS: RefCell<HashMap<u64, JsRef>> = RefCell::new(HashMap::new());
}

/// `page.createCDPSession()`
pub(super) fn create<'s>(scope: Scope<'s>, page: &Page) -> Result<Value<'s>, Thrown> {
    let browser = page.browser().session().clone();
    let target = page.target_id().to_owned();
    let page = page.clone();
    let attaching = async move { browser.attach(target).await };
    promise::start(scope, attaching, move |scope, session| {
        let data = Rc::new(SessionData {
            key: NEXT_KEY.fetch_add(1, Ordering::Relaxed),
            page,
            session,
            detached: Cell::new(false),
            emitter: Emitter::default(),
            listeners: RefCell::default(),
        });
        class::instantiate::<CdpSession>(scope, data)
    })
}

pub(super) struct CdpSession;

impl Class for CdpSession {
    type Data = SessionData;
    const NAME: &'static str = "CDPSession";
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
            let browser = session.page.browser().session();
            promise::start_void(scope, browser.send_raw("Target.detachFromTarget", params, None))
        }),
        Method::sync("id", |scope, session, _| {
            Ok(scope.string(session.session.id().unwrap_or_default()))
        }),
        Method::getter("detached", |scope, session, _| {
            Ok(scope.boolean(session.is_detached()))
        }),
        Method::sync("on", |scope, session, call| add(scope, session, call, false)),
        Method::sync("addListener", |scope, session, call| {
            add(scope, session, call, false)
        }),
        Method::sync("once", |scope, session, call| add(scope, session, call, true)),
        Method::sync("off", remove),
        Method::sync("removeListener", remove),
        Method::sync("removeAllListeners", |_, session, call| {
            let event = call.argument(0).as_string();
            session.emitter.remove_all(event.as_deref());
            session.prune();
            Ok(call.this)
        }),
        Method::sync("listenerCount", |scope, session, call| {
            let event = call.argument(0).coerce_to_string()?;
            Ok(scope.number(f64::from(
                u32::try_from(session.emitter.count(&event)).unwrap_or(u32::MAX),
            )))
        }),
        Method::sync("emit", |scope, session, call| {
            let event = call.argument(0).coerce_to_string()?;
            Ok(scope.boolean(session.emitter.emit(scope, &event, call.argument(1))))
        }),
    ];
}

impl SessionData {
    fn is_detached(&self) -> bool {
        self.detached.get() || self.session.close_reason().is_some()
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
    let params = match call.argument(1) {
        given if given.is_nullish() => None,
        given => scope
            .global()
            .get("JSON")?
            .call_method("stringify", &[given])?
            .as_string(),
    };
    let params = RawValue::from_string(params.unwrap_or_else(|| "{}".to_owned()))
        .map_err(|error| Thrown::type_error(scope, &error.to_string()))?;
    let deadline = options::timeout(call.argument(2))?
        .filter(|millis| *millis > 0)
        .map(std::time::Duration::from_millis);
    promise::pending(scope, |deferred| {
        session.session.call(method, params, deadline, move |answer| {
            let answer: Result<Text, CallError> = answer.map(|raw| Text::from_utf8(raw.get()));
            promise::settle(deferred, answer, |scope, text| {
                value::parse_json(scope, value::text_to_js(scope, text))
            });
        });
        Ok(())
    })
}

fn add<'s>(
    scope: Scope<'s>,
    session: &Rc<SessionData>,
    call: &Call<'s>,
    once: bool,
) -> Result<Value<'s>, Thrown> {
    let event = call.argument(0).coerce_to_string()?;
    session.emitter.add(scope, &event, call.argument(1), once)?;
    if session.is_detached() || session.listeners.borrow().contains_key(&event) {
        return Ok(call.this);
    }
    if let Some(kept) = JsRef::new(call.this) {
        SESSIONS.with(|sessions| sessions.borrow_mut().insert(session.key, kept));
    }
    let Some(thread) = JsThread::current() else {
        return Ok(call.this);
    };
    let (key, name) = (session.key, event.clone());
    let listener = session.session.on(event.clone(), move |params| {
        let (text, name) = (Text::from_utf8(params.get()), name.clone());
        thread.post(move |scope| deliver(scope, key, &name, text));
    });
    session.listeners.borrow_mut().insert(event, listener);
    Ok(call.this)
}

fn deliver(scope: Scope<'_>, key: u64, event: &str, params: Text) {
    let object = SESSIONS.with(|sessions| sessions.borrow().get(&key).map(|object| object.get(scope)));
    let Some(session) = object.and_then(data_of::<SessionData>) else {
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

fn remove<'s>(scope: Scope<'s>, session: &Rc<SessionData>, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let event = call.argument(0).coerce_to_string()?;
    let function = Some(call.argument(1)).filter(|function| function.is_function());
    session.emitter.remove(scope, &event, function);
    session.prune();
    Ok(call.this)
}
