//! `WebWorker`

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::cdp::{Listener, io};
use crate::node::js::class::{self, Class, Method, data_of};
use crate::node::js::{JsRef, JsThread, Scope, Thrown, Value};
use crate::page::{ConsoleMessage, Exception, WebWorker};

use super::emitter::{self, Emits, Emitter};
use super::identity::WeakObjects;
use super::{arguments, console, error, frame, promise, session};

/// What a worker's object carries.
pub(super) struct WorkerData {
    core: WebWorker,
    emitter: Emitter,
}

/// The object of a worker that is listened to, which stays until the worker ends.
struct Kept {
    object: JsRef,
    _listeners: [Listener; 2],
    /// Waits for that end.
    _watch: io::Task,
}

thread_local! {
    static WORKERS: RefCell<WeakObjects> = RefCell::default();
    static KEPT: RefCell<HashMap<usize, Kept>> = RefCell::default();
    /// What hears of a worker whose coming is just being told, for whoever listens to it then.
    static HEARD: RefCell<HashMap<usize, [Listener; 2]>> = RefCell::default();
}

/// Hears of a worker before anybody in JavaScript knows of it: it may speak at once.
pub(super) struct NewWorker {
    key: usize,
    listeners: [Listener; 2],
}

impl NewWorker {
    pub fn new(worker: &WebWorker, thread: &JsThread) -> Self {
        Self {
            key: worker.key(),
            listeners: hear(worker, thread),
        }
    }

    /// It is about to be told: who listens to it before the next event is told hears all that it has said.
    pub fn announce(self) {
        let (Some(thread), key) = (JsThread::current(), self.key) else {
            return;
        };
        HEARD.with(|heard| heard.borrow_mut().insert(key, self.listeners));
        thread.post(move |_| {
            let heard = HEARD.with(|heard| heard.borrow_mut().remove(&key));
            drop(heard);
        });
    }
}

/// Passes on what the worker says to whoever listens to it by then.
fn hear(worker: &WebWorker, thread: &JsThread) -> [Listener; 2] {
    let (key, session) = (worker.key(), worker.session());
    let (speaker, to) = (worker.clone(), thread.clone());
    let said = session.on("Runtime.consoleAPICalled", move |params| {
        let Some(mut message) = ConsoleMessage::from_call(params) else {
            return;
        };
        message.worker = Some(speaker.clone());
        let message = Arc::new(message);
        to.post(move |scope| deliver(scope, key, "console", || console::wrap(scope, None, &message)));
    });
    let to = thread.clone();
    let thrown = session.on("Runtime.exceptionThrown", move |params| {
        let Some(exception) = Exception::from_event(params) else {
            return;
        };
        to.post(move |scope| deliver(scope, key, "error", || Ok(error::uncaught(scope, &exception))));
    });
    [said, thrown]
}

/// The worker's object: one for as long as JavaScript keeps it.
pub(super) fn wrap<'s>(scope: Scope<'s>, worker: &WebWorker) -> Result<Value<'s>, Thrown> {
    WORKERS.with(|workers| {
        WeakObjects::object_of(workers, scope, worker.key(), || {
            let data = Rc::new(WorkerData {
                core: worker.clone(),
                emitter: Emitter::default(),
            });
            class::instantiate::<WebWorkerClass>(scope, data)
        })
    })
}

impl Emits for WorkerData {
    fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    fn changed(&self, this: Value<'_>) {
        if self.is_unheard() {
            forget(self.core.key());
        } else {
            self.listen(this);
        }
    }
}

impl WorkerData {
    fn is_unheard(&self) -> bool {
        self.emitter.count("console") == 0 && self.emitter.count("error") == 0
    }

    /// Follows what the worker says, where that is not done already.
    fn listen(&self, this: Value<'_>) {
        let (key, session) = (self.core.key(), self.core.session());
        let is_kept = KEPT.with(|kept| kept.borrow().contains_key(&key));
        let (Some(object), Some(thread)) = (JsRef::new(this), JsThread::current()) else {
            return;
        };
        if is_kept || session.close_reason().is_some() {
            return;
        }
        let heard = HEARD.with(|heard| heard.borrow_mut().remove(&key));
        let listeners = heard.unwrap_or_else(|| hear(&self.core, &thread));
        let ended = session.clone();
        // What the worker said before its end has been posted before this is.
        let watch = io::spawn_owned(async move {
            ended.closed().await;
            thread.post(move |_| forget(key));
        });
        let kept = Kept {
            object,
            _listeners: listeners,
            _watch: watch,
        };
        KEPT.with(|all| all.borrow_mut().insert(key, kept));
        self.core.enable();
    }
}

fn forget(key: usize) {
    let kept = KEPT.with(|kept| kept.borrow_mut().remove(&key));
    drop(kept);
}

fn deliver<'s>(scope: Scope<'s>, key: usize, event: &str, what: impl FnOnce() -> Result<Value<'s>, Thrown>) {
    let object = KEPT.with(|kept| kept.borrow().get(&key).map(|kept| kept.object.get(scope)));
    let Some(worker) = object.and_then(data_of::<WorkerData>) else {
        return;
    };
    match what() {
        Ok(what) => {
            worker.emitter.emit(scope, event, what);
        }
        Err(thrown) => scope.throw_uncaught(&thrown),
    }
    if worker.is_unheard() {
        forget(key);
    }
}

fn close<'s>(scope: Scope<'s>, worker: &WorkerData) -> Result<Value<'s>, Thrown> {
    let worker = worker.core.clone();
    promise::start_void(scope, async move { worker.close().await })
}

pub(super) struct WebWorkerClass;

impl Class for WebWorkerClass {
    type Data = WorkerData;
    const NAME: &'static str = "WebWorker";
    const MORE: &'static [&'static [Method<WorkerData>]] = &[&emitter::methods(), &emitter::disposal()];
    const METHODS: &'static [Method<WorkerData>] = &[
        Method::sync("url", |scope, worker, _| Ok(scope.string(worker.core.url()))),
        Method::getter("client", |scope, worker, _| {
            session::wrap(scope, worker.core.browser(), worker.core.session())
        }),
        Method::promise("evaluate", |scope, worker, call| {
            let owner = (&worker.core).into();
            let code = arguments::code(scope, "evaluate", &owner, call.arguments())?;
            frame::evaluate_code(scope, &owner, code)
        }),
        Method::promise("evaluateHandle", |scope, worker, call| {
            let owner = (&worker.core).into();
            let code = arguments::code(scope, "evaluateHandle", &owner, call.arguments())?;
            frame::evaluate_handle_code(scope, &owner, code)
        }),
        Method::promise("close", |scope, worker, _| close(scope, worker)),
    ];
}
