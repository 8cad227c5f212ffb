//! Futures on the JavaScript thread.
//!
//! A task is polled right where it is woken: in the `then` callback of the promise that it awaits, so that one
//! `await` here is one microtask there. Woken from another thread, it is polled in a posted job. Never wake one
//! while holding a lock or a borrow that it could want.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::error::Thrown;
use super::realm;
use super::reference::JsRef;
use super::scope::{Scope, with_scope};
use super::thread::JsThread;
use super::value::Value;

type Task = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Default)]
struct Executor {
    tasks: RefCell<HashMap<u64, Option<Task>>>,
    ready: RefCell<VecDeque<u64>>,
    running: Cell<bool>,
    next: Cell<u64>,
}

thread_local! {
    static EXECUTOR: Rc<Executor> = Rc::default();
}

struct TaskWaker {
    task: u64,
    thread: JsThread,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let task = self.task;
        if self.thread.is_current() {
            run(task);
        } else {
            self.thread.post(move |_| run(task));
        }
    }
}

/// A task of this thread. It goes on when this is dropped.
pub(crate) struct LocalTask(u64);

impl LocalTask {
    /// Drops the task, if it has not ended.
    pub(crate) fn cancel(self) {
        let executor = EXECUTOR.with(Rc::clone);
        let task = executor.tasks.borrow_mut().remove(&self.0);
        drop(task);
    }
}

/// Runs `future` on the current JavaScript thread: up to its first wait before this returns, unless another one is
/// running there.
pub(crate) fn spawn_local(future: impl Future<Output = ()> + 'static) {
    spawn_cancellable(future);
}

/// The same for a future that may be given up on.
pub(crate) fn spawn_cancellable(future: impl Future<Output = ()> + 'static) -> LocalTask {
    let executor = EXECUTOR.with(Rc::clone);
    let task = executor.next.get();
    executor.next.set(task + 1);
    let realm = realm::current();
    let mut future = Box::pin(future);
    let future = std::future::poll_fn(move |context| {
        let _realm = realm::enter(realm);
        future.as_mut().poll(context)
    });
    executor.tasks.borrow_mut().insert(task, Some(Box::pin(future)));
    run(task);
    LocalTask(task)
}

fn run(task: u64) {
    let executor = EXECUTOR.with(Rc::clone);
    executor.ready.borrow_mut().push_back(task);
    if executor.running.replace(true) {
        return;
    }
    loop {
        let next = executor.ready.borrow_mut().pop_front();
        let Some(task) = next else { break };
        poll(&executor, task);
    }
    executor.running.set(false);
}

fn poll(executor: &Executor, task: u64) {
    let Some(thread) = JsThread::current() else { return };
    let future = executor.tasks.borrow_mut().get_mut(&task).and_then(Option::take);
    let Some(mut future) = future else { return };
    let waker = Waker::from(Arc::new(TaskWaker { task, thread }));
    let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        future.as_mut().poll(&mut Context::from_waker(&waker))
    }));
    match polled {
        Ok(Poll::Pending) => {
            if let Some(slot) = executor.tasks.borrow_mut().get_mut(&task) {
                *slot = Some(future);
            }
        }
        Ok(Poll::Ready(())) => {
            executor.tasks.borrow_mut().remove(&task);
        }
        Err(panic) => {
            executor.tasks.borrow_mut().remove(&task);
            super::error::log_panic(panic.as_ref());
        }
    }
}

/// Drops every task: the environment is gone.
pub(super) fn clear() {
    let executor = EXECUTOR.with(Rc::clone);
    let tasks = std::mem::take(&mut *executor.tasks.borrow_mut());
    executor.ready.borrow_mut().clear();
    drop(tasks);
}

#[derive(Default)]
struct Settlement {
    outcome: Option<Result<Option<JsRef>, Thrown>>,
    waker: Option<Waker>,
}

/// What becomes of a value that JavaScript gave: itself, or what its promise settles to. `None` stands for a
/// value that could not be kept because the environment is gone.
pub(crate) struct Settled(Rc<RefCell<Settlement>>);

impl Future for Settled {
    type Output = Result<JsRef, Thrown>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut settlement = self.0.borrow_mut();
        match settlement.outcome.take() {
            Some(Ok(Some(value))) => Poll::Ready(Ok(value)),
            Some(Ok(None)) => Poll::Pending,
            Some(Err(thrown)) => Poll::Ready(Err(thrown)),
            None => {
                settlement.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Awaits a value as JavaScript's `await` does, but at once where it is no thenable. Its rejection counts as
/// handled from now on, also when nobody polls this.
pub(crate) fn settled(value: Value<'_>) -> Settled {
    let state = Rc::new(RefCell::new(Settlement::default()));
    let outcome = match then(value, &state) {
        Ok(true) => None,
        Ok(false) => Some(Ok(JsRef::new(value))),
        Err(thrown) => Some(Err(thrown)),
    };
    if let Some(outcome) = outcome {
        state.borrow_mut().outcome = Some(outcome);
    }
    Settled(state)
}

/// Attaches to `value` if it is a thenable; false where it is none.
fn then(value: Value<'_>, state: &Rc<RefCell<Settlement>>) -> Result<bool, Thrown> {
    if !value.is_object() || !value.get("then")?.is_function() {
        return Ok(false);
    }
    let scope = value.scope();
    // Adopts foreign thenables; a real promise comes back as it is.
    let promise = scope.global().get("Promise")?.call_method("resolve", &[value])?;
    let on_fulfilled = settler(scope, state, |value| Ok(JsRef::new(value)));
    let on_rejected = settler(scope, state, |reason| Err(Thrown::new(reason)));
    promise.call_method("then", &[on_fulfilled, on_rejected])?;
    Ok(true)
}

fn settler<'s>(
    scope: Scope<'s>,
    state: &Rc<RefCell<Settlement>>,
    outcome: impl Fn(Value<'_>) -> Result<Option<JsRef>, Thrown> + 'static,
) -> Value<'s> {
    let state = Rc::clone(state);
    scope.function("", move |scope, call| {
        let waker = {
            let mut settlement = state.borrow_mut();
            settlement.outcome = Some(outcome(call.argument(0)));
            settlement.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(scope.undefined())
    })
}

/// `await object[name](...arguments)`: called at once, awaited when the future is.
pub(crate) fn call_method(
    object: &JsRef,
    name: &str,
    arguments: &[JsRef],
) -> impl Future<Output = Result<JsRef, Thrown>> + use<> {
    let called = with_scope(|scope| {
        let arguments: Vec<_> = arguments.iter().map(|argument| argument.get(scope)).collect();
        object.get(scope).call_method(name, &arguments).map(settled)
    });
    async move {
        match called {
            Some(Ok(settled)) => settled.await,
            Some(Err(thrown)) => Err(thrown),
            // The environment is gone: nobody is left to hear of it.
            None => std::future::pending().await,
        }
    }
}
