//! A counting semaphore with priorities, as plain synchronous state.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;

/// Who holds permits and who waits for one: highest priority first, first come first served within one.
#[derive(Debug)]
pub struct Semaphore {
    capacity: f64,
    in_use: usize,
    waiters: BTreeSet<Ticket>,
    next: u64,
}

/// A waiter's place in the queue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ticket {
    order: Reverse<Order>,
    arrival: u64,
}

impl Ticket {
    /// Names the waiter within its semaphore.
    #[must_use]
    pub fn arrival(self) -> u64 {
        self.arrival
    }
}

/// Any JavaScript number as a priority: `NaN` goes last, and `-0` is `0`.
#[derive(Clone, Copy, Debug)]
struct Order(f64);

impl Ord for Order {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.0.is_nan(), other.0.is_nan()) {
            (false, false) => self.0.total_cmp(&other.0),
            (mine, theirs) => theirs.cmp(&mine),
        }
    }
}

impl PartialOrd for Order {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Order {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Order {}

/// How an [`Semaphore::acquire`] ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acquired {
    /// The caller holds a permit.
    Granted,
    /// The caller waits; [`Semaphore::next_granted`] will return this ticket.
    Queued(Ticket),
}

impl Semaphore {
    /// A semaphore with `capacity` permits: see [`Self::set_capacity`].
    #[must_use]
    pub fn new(capacity: f64) -> Self {
        Self {
            capacity: normalized(capacity),
            in_use: 0,
            waiters: BTreeSet::new(),
            next: 0,
        }
    }

    /// Takes a permit, or a place in the queue.
    pub fn acquire(&mut self, priority: f64) -> Acquired {
        if self.waiters.is_empty() && self.has_room() {
            self.in_use += 1;
            return Acquired::Granted;
        }
        let ticket = Ticket {
            order: Reverse(Order(priority + 0.0)),
            arrival: self.next,
        };
        self.next += 1;
        self.waiters.insert(ticket);
        Acquired::Queued(ticket)
    }

    /// Takes a waiter out of the queue; false where it waits no more.
    pub fn abandon(&mut self, ticket: Ticket) -> bool {
        self.waiters.remove(&ticket)
    }

    /// Gives one permit back. Ask [`Self::next_granted`] afterwards.
    pub fn release(&mut self) {
        self.in_use = self.in_use.saturating_sub(1);
    }

    /// Changes the number of permits; not finite or below 1 is 1, fractions are floored. Holders keep theirs.
    /// Ask [`Self::next_granted`] afterwards.
    pub fn set_capacity(&mut self, capacity: f64) {
        self.capacity = normalized(capacity);
    }

    /// Hands a free permit to the first waiter, if there are both.
    pub fn next_granted(&mut self) -> Option<Ticket> {
        if !self.has_room() {
            return None;
        }
        let ticket = self.waiters.pop_first()?;
        self.in_use += 1;
        Some(ticket)
    }

    /// How many permits there are.
    #[must_use]
    pub fn capacity(&self) -> f64 {
        self.capacity
    }

    /// How many permits are held.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.in_use
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiters.len()
    }

    /// How many wait, by priority, highest first.
    #[must_use]
    pub fn waiting_by_priority(&self) -> Vec<(f64, usize)> {
        let mut counts: Vec<(f64, usize)> = Vec::new();
        for waiter in &self.waiters {
            let priority = waiter.order.0.0;
            match counts.last_mut() {
                Some((last, count)) if Order(*last) == Order(priority) => *count += 1,
                _ => counts.push((priority, 1)),
            }
        }
        counts
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody holds 2^53 permits")]
    fn has_room(&self) -> bool {
        (self.in_use as f64) < self.capacity
    }
}

fn normalized(capacity: f64) -> f64 {
    if capacity.is_finite() && capacity >= 1.0 {
        capacity.floor()
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(semaphore: &mut Semaphore, priority: f64) -> Ticket {
        match semaphore.acquire(priority) {
            Acquired::Queued(ticket) => ticket,
            Acquired::Granted => panic!("granted although no permit was free"),
        }
    }

    #[test]
    fn odd_capacities_are_one_and_fractions_are_floored() {
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -3.0, 0.99] {
            assert!(
                (Semaphore::new(odd).capacity() - 1.0).abs() < f64::EPSILON,
                "{odd} should be 1"
            );
        }
        assert!((Semaphore::new(3.9).capacity() - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn waiters_go_by_priority_then_by_arrival() {
        let mut semaphore = Semaphore::new(1.0);
        assert_eq!(semaphore.acquire(0.0), Acquired::Granted);
        let nan = queued(&mut semaphore, f64::NAN);
        let low = queued(&mut semaphore, f64::NEG_INFINITY);
        let zero = queued(&mut semaphore, 0.0);
        let negative_zero = queued(&mut semaphore, -0.0);
        let high = queued(&mut semaphore, f64::INFINITY);
        let mut order = Vec::new();
        for _ in 0..5 {
            semaphore.release();
            order.extend(semaphore.next_granted());
        }
        assert_eq!(order, [high, zero, negative_zero, low, nan]);
    }

    #[test]
    fn a_release_wakes_one_and_growth_wakes_as_many_as_fit() {
        let mut semaphore = Semaphore::new(1.0);
        semaphore.acquire(0.0);
        let waiters: Vec<_> = (0..4).map(|_| queued(&mut semaphore, 0.0)).collect();
        assert_eq!(semaphore.next_granted(), None, "nothing is free");
        semaphore.release();
        assert_eq!(semaphore.next_granted(), Some(waiters[0]));
        assert_eq!(semaphore.next_granted(), None, "one permit wakes one");
        semaphore.set_capacity(3.0);
        assert_eq!(semaphore.next_granted(), Some(waiters[1]));
        assert_eq!(semaphore.next_granted(), Some(waiters[2]));
        assert_eq!(semaphore.next_granted(), None);
        assert_eq!((semaphore.in_use(), semaphore.waiting()), (3, 1));
    }

    #[test]
    fn shrinking_takes_nothing_from_holders() {
        let mut semaphore = Semaphore::new(2.0);
        semaphore.acquire(0.0);
        semaphore.acquire(0.0);
        semaphore.set_capacity(1.0);
        let waiter = queued(&mut semaphore, 0.0);
        assert_eq!(semaphore.in_use(), 2);
        semaphore.release();
        assert_eq!(semaphore.next_granted(), None, "still at the new capacity");
        semaphore.release();
        assert_eq!(semaphore.next_granted(), Some(waiter));
    }

    #[test]
    fn an_abandoned_waiter_is_passed_over() {
        let mut semaphore = Semaphore::new(1.0);
        semaphore.acquire(0.0);
        let first = queued(&mut semaphore, 0.0);
        let second = queued(&mut semaphore, 0.0);
        assert!(semaphore.abandon(first));
        assert!(!semaphore.abandon(first), "only once");
        semaphore.release();
        assert_eq!(semaphore.next_granted(), Some(second));
        assert!(!semaphore.abandon(second), "a holder waits no more");
    }

    #[test]
    fn counts_by_priority_are_of_waiters_only() {
        let mut semaphore = Semaphore::new(1.0);
        for priority in [5.0, 1.5, 0.0, 1.5, -2.0] {
            semaphore.acquire(priority);
        }
        assert_eq!(semaphore.waiting_by_priority(), [(1.5, 2), (0.0, 1), (-2.0, 1)]);
    }
}
