//! Functions of the caller that pages can call.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, MutexGuard, PoisonError};

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::cdp::{CallError, Deadline, Session};

use super::commands::FRAME_PATIENCE;
use super::decode::decode;
use super::evaluate::Code;
use super::frame_tree::Realm;
use super::page::{Page, send};
use super::value::Argument;

/// What Chrome's own binding is called, below the function that pages see.
const PREFIX: &str = "pagepool_";

const INSTALL: &str = "(name, prefix) => {
    if (globalThis[name]) return;
    Object.assign(globalThis, {
        [name](...args) {
            const exposed = globalThis[name];
            exposed.args ??= new Map();
            exposed.callbacks ??= new Map();
            const seq = (exposed.lastSeq ?? 0) + 1;
            exposed.lastSeq = seq;
            globalThis[prefix + name](JSON.stringify({ name, seq, args }));
            return new Promise((resolve, reject) => exposed.callbacks.set(seq, { resolve, reject }));
        },
    });
}";

const RESOLVE: &str = "(name, seq, result) => {
    const { callbacks } = globalThis[name];
    callbacks.get(seq).resolve(result);
    callbacks.delete(seq);
}";

const REJECT: &str = "(name, seq, error) => {
    const { callbacks } = globalThis[name];
    callbacks.get(seq).reject(error);
    callbacks.delete(seq);
}";

const REJECT_WITH_ERROR: &str = "(name, seq, message, stack) => {
    const { callbacks } = globalThis[name];
    const error = new Error(message);
    error.stack = stack;
    callbacks.get(seq).reject(error);
    callbacks.delete(seq);
}";

/// Why a function was not exposed, or not taken back.
#[derive(Debug, thiserror::Error)]
pub enum ExposeError {
    /// The name is taken.
    #[error("Failed to add page binding with name {0}: window['{0}'] already exists!")]
    Exists(String),
    /// Nothing was exposed by this name.
    #[error("Function with name \"{0}\" does not exist")]
    Unknown(String),
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

type Handler = Arc<dyn Fn(BindingCall) + Send + Sync>;

struct Binding {
    handler: Handler,
    script: Option<String>,
}

/// The functions of one page, by name.
#[derive(Default)]
pub(super) struct Bindings {
    by_name: HashMap<String, Binding>,
    sessions: HashSet<Box<str>>,
}

/// One call from a page, to be answered once.
pub struct BindingCall {
    realm: Realm,
    name: String,
    seq: f64,
    /// The arguments as a JSON array.
    pub arguments: Box<RawValue>,
}

impl BindingCall {
    fn answer(&self, code: &str, mut rest: Vec<Argument>) {
        let mut arguments = vec![self.name.as_str().into(), Argument::Number(self.seq)];
        arguments.append(&mut rest);
        // The document may be gone meanwhile, and with it whoever waits for this.
        self.realm.evaluate(&Code::call(code, arguments), drop);
    }

    /// The function has returned.
    pub fn resolve(self, result: Argument) {
        self.answer(RESOLVE, vec![result]);
    }

    /// The function has thrown an error.
    pub fn reject_with_error(self, message: &str, stack: &str) {
        self.answer(REJECT_WITH_ERROR, vec![message.into(), stack.into()]);
    }

    /// The function has thrown something else.
    pub fn reject(self, reason: Argument) {
        self.answer(REJECT, vec![reason]);
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Page {
    fn lock_bindings(&self) -> MutexGuard<'_, Bindings> {
        self.0.bindings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets every document of the page, this one included, call the handler by this name.
    ///
    /// # Errors
    /// Where the name is taken.
    pub async fn expose_function(
        &self,
        name: &str,
        handler: impl Fn(BindingCall) + Send + Sync + 'static,
    ) -> Result<(), ExposeError> {
        {
            let mut bindings = self.lock_bindings();
            if bindings.by_name.contains_key(name) {
                return Err(ExposeError::Exists(name.to_owned()));
            }
            let binding = Binding {
                handler: Arc::new(handler),
                script: None,
            };
            bindings.by_name.insert(name.to_owned(), binding);
        }
        let install = format!("({INSTALL})({}, {})", quoted(name), quoted(PREFIX));
        let sessions = self.sessions();
        for session in &sessions {
            self.observe_bindings(session);
        }
        let added = self.install(name, &install, &sessions).await;
        let mut bindings = self.lock_bindings();
        match added {
            Ok(identifier) => {
                if let Some(binding) = bindings.by_name.get_mut(name) {
                    binding.script = Some(identifier);
                }
                Ok(())
            }
            Err(error) => {
                let failed = bindings.by_name.remove(name);
                drop(bindings);
                drop(failed);
                Err(error.into())
            }
        }
    }

    /// Adds the binding to these sessions, and the function to every document; gives back the script's name.
    async fn install(&self, name: &str, install: &str, sessions: &[Session]) -> Result<String, CallError> {
        #[derive(Deserialize)]
        struct Added {
            identifier: String,
        }
        let binding = json!({ "name": format!("{PREFIX}{name}") });
        let bound = self.send_to(sessions, "Runtime.addBinding", &binding);
        let params = json!({ "source": install });
        let method = "Page.addScriptToEvaluateOnNewDocument";
        let script = send(self.session(), method, params.clone());
        let elsewhere = self.send_to(sessions.get(1..).unwrap_or_default(), method, &params);
        let (near, far) = self.realms();
        let install_in = |realm: Realm| {
            let (sender, installed) = oneshot::channel();
            let code = Code::Expression(install.to_owned());
            // Its document may go, or not let the function in.
            realm.evaluate(&code, move |_| {
                let _ = sender.send(());
            });
            async move { drop(installed.await) }
        };
        let near = join_all(near.into_iter().map(install_in));
        let far = timeout(FRAME_PATIENCE, join_all(far.into_iter().map(install_in)));
        let (script, ..) = tokio::join!(script, near, far);
        bound.done().await?;
        elsewhere.done().await?;
        let added: Added = decode(method, script?.get())?;
        Ok(added.identifier)
    }

    /// Where the frames' scripts run, in the page's own process and elsewhere. One that has not begun to load has no
    /// such place yet.
    fn realms(&self) -> (Vec<Realm>, Vec<Realm>) {
        let own = self.session().id();
        let state = self.lock();
        let realms = state.tree.all().filter_map(|frame| {
            let (session, context) = (frame.session.clone(), frame.context?);
            Some(Realm { session, context })
        });
        realms.partition(|realm| realm.session.id() == own)
    }

    /// Takes a function away again.
    ///
    /// # Errors
    /// Where there is none of this name.
    pub async fn remove_exposed_function(&self, name: &str) -> Result<(), ExposeError> {
        let removed = self.lock_bindings().by_name.remove(name);
        let binding = removed.ok_or_else(|| ExposeError::Unknown(name.to_owned()))?;
        let script = binding.script.map(|identifier| {
            let params = json!({ "identifier": identifier });
            send(self.session(), "Page.removeScriptToEvaluateOnNewDocument", params)
        });
        let params = json!({ "name": format!("{PREFIX}{name}") });
        let unbound = self.send_to_all("Runtime.removeBinding", &params);
        let forget = Code::call("name => { globalThis[name] = undefined; }", [name.into()]);
        let (near, far) = self.realms();
        for realm in near.into_iter().chain(far) {
            realm.evaluate(&forget, drop);
        }
        if let Some(script) = script {
            script.await?;
        }
        unbound.done().await?;
        Ok(())
    }

    /// Hears the calls of one session, and gives it the functions that there are.
    pub(super) fn observe_bindings(&self, session: &Session) {
        let Some(id) = session.id() else { return };
        let mut bindings = self.lock_bindings();
        if bindings.by_name.is_empty() || !bindings.sessions.insert(id.into()) {
            return;
        }
        let names: Vec<String> = bindings.by_name.keys().cloned().collect();
        drop(bindings);
        self.listen_to(session, &[("Runtime.bindingCalled", Self::on_binding_called)]);
        if session.id() == self.session().id() {
            return;
        }
        for name in names {
            let add = json!({ "name": format!("{PREFIX}{name}") });
            session.call("Runtime.addBinding", add, Deadline::Protocol, |_| {});
            let install = format!("({INSTALL})({}, {})", quoted(&name), quoted(PREFIX));
            let method = "Page.addScriptToEvaluateOnNewDocument";
            session.call(method, json!({ "source": install }), Deadline::Protocol, |_| {});
        }
    }

    /// The session has ended.
    pub(super) fn forget_bindings_of(&self, session: &str) {
        self.lock_bindings().sessions.remove(session);
    }

    #[cfg(test)]
    pub(super) fn sessions_with_bindings(&self) -> usize {
        self.lock_bindings().sessions.len()
    }

    fn on_binding_called(&self, session: &Session, params: &RawValue) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct BindingCalled {
            payload: String,
            execution_context_id: i64,
        }
        #[derive(Deserialize)]
        struct Payload {
            name: String,
            seq: f64,
            args: Box<RawValue>,
        }
        let Ok(event) = serde_json::from_str::<BindingCalled>(params.get()) else {
            return;
        };
        // Anything in the page may call the binding with anything.
        let Ok(payload) = serde_json::from_str::<Payload>(&event.payload) else {
            return;
        };
        let handler = self
            .lock_bindings()
            .by_name
            .get(&payload.name)
            .map(|binding| Arc::clone(&binding.handler));
        if let Some(handler) = handler {
            handler(BindingCall {
                realm: Realm {
                    session: session.clone(),
                    context: event.execution_context_id,
                },
                name: payload.name,
                seq: payload.seq,
                arguments: payload.args,
            });
        }
    }
}
