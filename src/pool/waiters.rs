//! Who waits, highest priority first, then by arrival.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Bound;

use super::defects::{Defect, planted};
use super::{Priority, RequestId};

/// A waiter's place: every queue of the pool orders by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    priority: Reverse<Priority>,
    arrival: u64,
}

impl Place {
    pub(super) fn new(priority: Priority, arrival: u64) -> Self {
        Self {
            priority: Reverse(if planted(Defect::PriorityIgnored) {
                Priority::default()
            } else {
                priority
            }),
            arrival: if planted(Defect::LastComeFirstServed) {
                u64::MAX - arrival
            } else {
                arrival
            },
        }
    }

    pub(super) fn priority(self) -> Priority {
        self.priority.0
    }
}

/// A queue.
#[derive(Debug, Default)]
pub(super) struct Waiters(BTreeMap<Place, RequestId>);

impl Waiters {
    pub(super) fn join(&mut self, place: Place, request: RequestId) {
        self.0.insert(place, request);
    }

    pub(super) fn leave(&mut self, place: Place) {
        self.0.remove(&place);
    }

    pub(super) fn has(&self, place: Place, request: RequestId) -> bool {
        self.0.get(&place) == Some(&request)
    }

    pub(super) fn first(&self) -> Option<(Place, RequestId)> {
        self.0
            .first_key_value()
            .map(|(&place, &request)| (place, request))
    }

    pub(super) fn after(&self, place: Option<Place>) -> Option<(Place, RequestId)> {
        let from = place.map_or(Bound::Unbounded, Bound::Excluded);
        self.0
            .range((from, Bound::Unbounded))
            .next()
            .map(|(&place, &request)| (place, request))
    }

    pub(super) fn nth(&self, index: usize) -> Option<(Place, RequestId)> {
        self.0
            .iter()
            .nth(index)
            .map(|(&place, &request)| (place, request))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, RequestId)> + '_ {
        self.0.iter().map(|(&place, &request)| (place, request))
    }
}
