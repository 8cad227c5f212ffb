//! `WebWorker`

use std::cell::RefCell;
use std::rc::Rc;

use crate::node::js::class::{self, Class, Method};
use crate::node::js::{Scope, Thrown, Value};
use crate::page::WebWorker;

use super::emitter::{self, Emits, Emitter};
use super::identity::WeakObjects;
use super::{arguments, frame, promise, session};

/// What a worker's object carries.
pub(super) struct WorkerData {
    core: WebWorker,
    emitter: Emitter,
}

thread_local! {
    static WORKERS: RefCell<WeakObjects> = RefCell::default();
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

    fn changed(&self, _: Value<'_>) {}
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
