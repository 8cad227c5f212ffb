//! Performing what the pool decided.

pub mod semaphore;

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::pool::{Action, Event, Inputs, Pool};

/// The world that a pool acts on.
pub trait Effects {
    /// What the pool may know when it handles `event`, or its timeout where that is `None`.
    fn inputs(&self, event: Option<&Event>) -> Inputs;

    /// Performs one action. May call the runtime again.
    fn perform(&self, action: Action);

    /// Arranges for [`Runtime::handle_timeout`] at this time (`monotonic_ms`), or never. A call that comes too
    /// early does no harm.
    fn wake_at(&self, deadline_ms: Option<u64>);
}

/// A pool and the world it acts on.
///
/// The lock is held while the pool decides, never while its decisions are performed: an action may call back
/// into the runtime, which then performs what is still queued, so that every call is complete when it returns.
pub struct Runtime<E> {
    pool: Mutex<Pool>,
    effects: E,
}

impl<E: Effects> Runtime<E> {
    /// To be started with [`Self::start`].
    pub fn new(pool: Pool, effects: E) -> Self {
        Self {
            pool: Mutex::new(pool),
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
        self.lock().handle(event, &inputs);
        self.perform_all();
    }

    /// To be called when the time of [`Effects::wake_at`] has come.
    pub fn handle_timeout(&self) {
        let inputs = self.effects.inputs(None);
        self.lock().handle_timeout(&inputs);
        self.perform_all();
    }

    /// Looks at the pool. `read` must not call the runtime.
    pub fn read<T>(&self, read: impl FnOnce(&Pool) -> T) -> T {
        read(&self.lock())
    }

    /// Changes the pool by other means than an event, and performs what it decided.
    pub fn with<T>(&self, inputs: &Inputs, change: impl FnOnce(&mut Pool, &Inputs) -> T) -> T {
        let result = change(&mut self.lock(), inputs);
        self.perform_all();
        result
    }

    /// Starts the pool's timer, where it has one from the beginning.
    pub fn start(&self) {
        self.perform_all();
    }

    fn perform_all(&self) {
        loop {
            // Bound first: a guard in the scrutinee would live as long as the loop's body.
            let next = self.lock().poll_action();
            let Some(action) = next else { break };
            self.effects.perform(action);
        }
        let deadline = self.lock().poll_timeout();
        self.effects.wake_at(deadline);
    }

    /// A panic while the lock was held leaves the pool as it was decided so far: going on is the best there is.
    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
