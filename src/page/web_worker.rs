//! Workers: what runs code without a document.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::timeout;

use crate::cdp::{CallError, Deadline, Listener, Session, io};

use super::browser::Browser;
use super::decode::decode_event;
use super::error::EvaluateError;
use super::evaluate::{self, Code};
use super::frame_tree::{Realm, RealmWaiter};
use super::page::send;
use super::value::{RemoteObject, RemoteValue};

/// How long the script of a service worker that is to be closed has to come to its end.
const STARTING: Duration = Duration::from_secs(2);

/// A dedicated, shared or service worker with a session on it. Clones are the same worker.
#[derive(Clone)]
pub struct WebWorker(Arc<Inner>);

struct Inner {
    session: Session,
    browser: Browser,
    url: Box<str>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether Chrome was asked for its context.
    enabled: bool,
    over: bool,
    context: Option<i64>,
    /// Its script has run, as far as can be known. The renderer may crash of code that runs in a worker before that.
    started: bool,
    waiters: Vec<RealmWaiter>,
    listeners: Vec<Listener>,
    end: Option<io::Task>,
}

#[derive(Deserialize)]
struct ContextCreated {
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    id: i64,
}

impl WebWorker {
    /// Takes over the session on a worker.
    pub(super) fn new(session: &Session, browser: &Browser, url: &str) -> Self {
        let worker = Self(Arc::new(Inner {
            session: session.clone(),
            browser: browser.clone(),
            url: url.into(),
            state: Mutex::default(),
        }));
        let weak = Arc::downgrade(&worker.0);
        let context = session.on("Runtime.executionContextCreated", move |params| {
            if let Some(inner) = weak.upgrade() {
                Self(inner).on_context(params);
            }
        });
        let weak = Arc::downgrade(&worker.0);
        let script = session.on("Inspector.workerScriptLoaded", move |_| {
            if let Some(inner) = weak.upgrade() {
                Self(inner).on_started();
            }
        });
        worker.lock().listeners = vec![context, script];
        if session.is_script_loaded() || !browser.tells_worker_scripts() {
            worker.on_started();
        }
        worker
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.0.session
    }

    /// The browser it lives in.
    #[must_use]
    pub fn browser(&self) -> &Browser {
        &self.0.browser
    }

    /// The address of its script.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Names the worker within this process, while it is kept.
    #[must_use]
    pub fn key(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    fn on_context(&self, params: &RawValue) {
        let Some(ContextCreated { context }) = decode_event::<ContextCreated>(params) else {
            return;
        };
        self.lock().context = Some(context.id);
        self.serve_waiters();
    }

    fn on_started(&self) {
        self.lock().started = true;
        self.serve_waiters();
    }

    /// Lets those run who waited for its context and its script, once both are there.
    fn serve_waiters(&self) {
        let mut state = self.lock();
        let Some(realm) = self.realm(&state) else { return };
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        for waiter in waiters {
            waiter(Ok(realm.clone()));
        }
    }

    /// Where code can run, once it can.
    fn realm(&self, state: &State) -> Option<Realm> {
        let context = state.context.filter(|_| state.started)?;
        Some(Realm {
            session: self.0.session.clone(),
            context,
        })
    }

    fn on_end(&self) {
        let mut state = self.lock();
        state.over = true;
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        for waiter in waiters {
            waiter(Err(EvaluateError::NoContext));
        }
    }

    /// It has not answered: nobody waits for its context any longer, and whoever comes next asks again.
    fn on_refusal(&self, error: &CallError) {
        let mut state = self.lock();
        state.enabled = false;
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        for waiter in waiters {
            waiter(Err(match error {
                CallError::ProtocolTimedOut { method } => CallError::ProtocolTimedOut {
                    method: method.clone(),
                }
                .into(),
                _ => EvaluateError::NoContext,
            }));
        }
    }

    /// Asks for its context and for what it says, the first time.
    pub fn enable(&self) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.enabled, true) {
            return;
        }
        let (weak, session) = (Arc::downgrade(&self.0), self.0.session.clone());
        state.end = Some(io::spawn_owned(async move {
            session.closed().await;
            if let Some(inner) = weak.upgrade() {
                Self(inner).on_end();
            }
        }));
        drop(state);
        let deadline = Deadline::Protocol;
        let weak = Arc::downgrade(&self.0);
        self.0
            .session
            .call("Runtime.enable", json!({}), deadline, move |answer| {
                if let (Err(error), Some(inner)) = (answer, weak.upgrade()) {
                    Self(inner).on_refusal(&error);
                }
            });
    }

    /// Runs `then` with its context: at once where that is known and its script has run, else when that is so.
    fn with_realm(&self, then: impl FnOnce(Result<Realm, EvaluateError>) + Send + 'static) {
        self.enable();
        let mut state = self.lock();
        let realm = match self.realm(&state) {
            // What was on its way to it may not be known to have failed yet.
            _ if self.0.session.close_reason().is_some() => Err(EvaluateError::NoContext),
            Some(realm) => Ok(realm),
            None if state.over => Err(EvaluateError::NoContext),
            None => {
                state.waiters.push(Box::new(then));
                return;
            }
        };
        drop(state);
        then(realm);
    }

    /// Runs the code; `then` gets a copy of what comes of it, on the connection's reader or within this call.
    pub fn evaluate_with(
        &self,
        code: Code,
        then: impl FnOnce(Result<RemoteValue, EvaluateError>) + Send + 'static,
    ) {
        self.with_realm(move |realm| match realm {
            Ok(realm) => realm.evaluate(&code, then),
            Err(error) => then(Err(error)),
        });
    }

    /// Runs the code; `then` gets what comes of it, which stays in the worker.
    pub fn evaluate_handle_with(
        &self,
        code: Code,
        then: impl FnOnce(Result<RemoteObject, EvaluateError>) + Send + 'static,
    ) {
        self.with_realm(move |realm| match realm {
            Ok(realm) => realm.evaluate_handle(&code, then),
            Err(error) => then(Err(error)),
        });
    }

    /// Runs the code and copies what comes of it.
    ///
    /// # Errors
    /// Where it throws, or the worker goes away.
    pub async fn evaluate(&self, code: Code) -> Result<RemoteValue, EvaluateError> {
        evaluate::called(&self.0.session, |then| self.evaluate_with(code, then)).await
    }

    /// Ends it: a dedicated worker closes itself, one of several pages is closed by Chrome.
    ///
    /// # Errors
    /// As any evaluation or command.
    pub async fn close(&self) -> Result<(), EvaluateError> {
        let session = &self.0.session;
        let is_shared = session.target_type() != Some("worker");
        let Some(target) = session.target_id().filter(|_| is_shared) else {
            return match self.evaluate(Code::call("() => self.close()", [])).await {
                // It was faster than its answer.
                Err(EvaluateError::Call(error)) if error.is_gone() => Ok(()),
                outcome => outcome.map(drop),
            };
        };
        // Chrome forgets to close a service worker that is still starting.
        if session.target_type() == Some("service_worker") {
            let started = evaluate::called(session, |then| self.with_realm(|realm| then(realm.map(drop))));
            // One whose script does not come to its end is closed as well as may be.
            let _ = timeout(STARTING, started).await;
        }
        let root = self.0.browser.session();
        send(root, "Target.closeTarget", json!({ "targetId": target })).await?;
        if session.target_type() == Some("shared_worker") {
            // Chrome tells nothing of its end.
            self.0.browser.worker_gone(target);
        }
        // Chrome stops no service worker that somebody is attached to.
        if session.target_type() == Some("service_worker") {
            match send(
                root,
                "Target.detachFromTarget",
                json!({ "sessionId": session.id() }),
            )
            .await
            {
                Err(CallError::Protocol { .. }) | Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
