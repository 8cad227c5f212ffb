//! A render semaphore as slow and simple as can be: a list that is searched.

use crate::pool::{Priority, RequestId};

/// Who holds or wants a permit.
#[derive(Debug, Default)]
pub(super) struct Semaphore {
    capacity: u32,
    outsiders: u32,
    holders: Vec<RequestId>,
    waiters: Vec<(Priority, RequestId)>,
}

impl Semaphore {
    pub(super) fn new(capacity: u32) -> Self {
        Self {
            capacity,
            ..Self::default()
        }
    }

    fn in_use(&self) -> usize {
        self.holders.len() + self.outsiders as usize
    }

    pub(super) fn is_full(&self) -> bool {
        self.in_use() >= self.capacity as usize
    }

    pub(super) fn is_busy(&self) -> bool {
        self.in_use() > 0 || !self.waiters.is_empty()
    }

    pub(super) fn set_capacity(&mut self, capacity: u32) {
        self.capacity = capacity;
    }

    pub(super) fn capacity(&self) -> u32 {
        self.capacity
    }

    pub(super) fn holders(&self) -> &[RequestId] {
        &self.holders
    }

    pub(super) fn holds(&self, request: RequestId) -> bool {
        self.holders.contains(&request)
    }

    pub(super) fn waits(&self, request: RequestId) -> bool {
        self.waiters.iter().any(|(_, waiter)| *waiter == request)
    }

    pub(super) fn enqueue(&mut self, request: RequestId, priority: Priority) {
        self.waiters.push((priority, request));
    }

    /// The next waiter to have a permit, which it holds from here on.
    pub(super) fn grant_next(&mut self) -> Option<RequestId> {
        if self.is_full() {
            return None;
        }
        let best = self.waiters.iter().map(|(priority, _)| *priority).max()?;
        let index = self.waiters.iter().position(|(priority, _)| *priority == best)?;
        let (_, request) = self.waiters.remove(index);
        self.holders.push(request);
        Some(request)
    }

    /// Takes the request out of the line; false if it was not in it.
    pub(super) fn abandon(&mut self, request: RequestId) -> bool {
        let before = self.waiters.len();
        self.waiters.retain(|(_, waiter)| *waiter != request);
        self.waiters.len() < before
    }

    /// Gives the request's permit back; false if it held none.
    pub(super) fn release(&mut self, request: RequestId) -> bool {
        let before = self.holders.len();
        self.holders.retain(|holder| *holder != request);
        self.holders.len() < before
    }

    pub(super) fn outsider_takes(&mut self) {
        if !self.is_full() {
            self.outsiders += 1;
        }
    }

    pub(super) fn outsider_releases(&mut self) {
        self.outsiders = self.outsiders.saturating_sub(1);
    }

    pub(super) fn outsiders(&self) -> u32 {
        self.outsiders
    }
}
