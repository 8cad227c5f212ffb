//! Performing what the pool decided.

pub mod semaphore;

use std::cell::RefCell;

use crate::pool::{Action, Event, Inputs, Pool};

/// The world that a pool acts on.
pub trait Effects {
    /// The inputs for `event`, or for the timeout where that is `None`.
    fn inputs(&self, event: Option<&Event>) -> Inputs;

    /// Performs one action. May call the runtime again.
    fn perform(&self, action: Action);

    /// Arranges for [`Runtime::handle_timeout`] at this time (`monotonic_ms`), or never. A call that comes too
    /// early does no harm.
    fn wake_at(&self, deadline_ms: Option<u64>);
}

/// A pool and the world it acts on.
///
/// It belongs to one thread. The pool is borrowed while it decides, never while its decisions are performed: an action
/// may call back into the runtime, which then performs what is still queued, so that every call is complete when it
/// returns.
pub struct Runtime<E> {
    pool: RefCell<Pool>,
    effects: E,
}

impl<E: Effects> Runtime<E> {
    /// To be started with [`Self::start`].
    pub fn new(pool: Pool, effects: E) -> Self {
        Self {
            pool: RefCell::new(pool),
            effects,
        }
    }

    /// The world.
    pub fn effects(&self) -> &E {
        &self.effects
    }

    /// Lets the pool decide, and performs what it decided.
    pub fn handle(&self, event: Event) {
        let inputs = self.effects.inputs(Some(&event));
        self.pool.borrow_mut().handle(event, &inputs);
        self.perform_all();
    }

    /// To be called when the time of [`Effects::wake_at`] has come.
    pub fn handle_timeout(&self) {
        let inputs = self.effects.inputs(None);
        self.pool.borrow_mut().handle_timeout(&inputs);
        self.perform_all();
    }

    /// Looks at the pool. `read` must not call the runtime.
    pub fn read<T>(&self, read: impl FnOnce(&Pool) -> T) -> T {
        read(&self.pool.borrow())
    }

    /// Changes the pool by other means than an event, and performs what it decided.
    pub fn with<T>(&self, inputs: &Inputs, change: impl FnOnce(&mut Pool, &Inputs) -> T) -> T {
        let result = change(&mut self.pool.borrow_mut(), inputs);
        self.perform_all();
        result
    }

    /// Starts the pool's timer, where it has one from the beginning.
    pub fn start(&self) {
        self.perform_all();
    }

    fn perform_all(&self) {
        loop {
            // Bound first: a borrow in the scrutinee would live as long as the loop's body.
            let next = self.pool.borrow_mut().poll_action();
            let Some(action) = next else { break };
            self.effects.perform(action);
        }
        let deadline = self.pool.borrow_mut().poll_timeout();
        self.effects.wake_at(deadline);
    }
}
