//! Keeping the process alive while a call of ours will be answered by something of ours.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::super::js::{JsThread, KeepAlive};

/// The process stays alive while a promise is pending *and* work is under way that ends without JavaScript: a
/// timer, or an operation of our own browser. A promise that only JavaScript can settle keeps nothing alive.
pub(crate) struct Liveness {
    thread: JsThread,
    promises: Cell<usize>,
    work: Cell<usize>,
    guard: RefCell<Option<KeepAlive>>,
}

impl Liveness {
    pub(crate) fn new(thread: JsThread) -> Rc<Self> {
        Rc::new(Self {
            thread,
            promises: Cell::new(0),
            work: Cell::new(0),
            guard: RefCell::new(None),
        })
    }

    /// A promise is pending for as long as this is held.
    pub(crate) fn promise(self: &Rc<Self>) -> PendingPromise {
        self.promises.set(self.promises.get() + 1);
        self.update();
        PendingPromise(Rc::clone(self))
    }

    /// Work is under way for as long as this is held.
    pub(crate) fn work(self: &Rc<Self>) -> Work {
        self.work.set(self.work.get() + 1);
        self.update();
        Work(Rc::clone(self))
    }

    fn update(&self) {
        let needed = self.promises.get() > 0 && self.work.get() > 0;
        let held = self.guard.borrow().is_some();
        if needed && !held {
            *self.guard.borrow_mut() = Some(self.thread.keep_alive());
        } else if held && !needed {
            self.guard.borrow_mut().take();
        }
    }
}

/// See [`Liveness::promise`].
pub(crate) struct PendingPromise(Rc<Liveness>);

impl Drop for PendingPromise {
    fn drop(&mut self) {
        self.0.promises.set(self.0.promises.get() - 1);
        self.0.update();
    }
}

/// See [`Liveness::work`].
pub(crate) struct Work(Rc<Liveness>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.work.set(self.0.work.get() - 1);
        self.0.update();
    }
}
