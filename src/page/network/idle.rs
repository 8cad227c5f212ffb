//! Whether a page waits for the network.

use std::mem;

use tokio::sync::watch;

use super::Tracker;

/// Tells when more than so many requests are in flight, and when no more than that.
pub(super) struct Gauge {
    concurrency: f64,
    is_busy: watch::Sender<bool>,
}

impl Tracker {
    /// How many requests wait for an answer.
    pub(super) fn in_flight(&self) -> f64 {
        let in_flight = self.exchanges.values().filter(|exchange| exchange.is_in_flight());
        u32::try_from(in_flight.count()).map_or(f64::INFINITY, f64::from)
    }

    /// Whether more than so many requests are in flight. Each change is a change of the receiver, also one that did
    /// not last.
    pub fn gauge(&mut self, concurrency: f64) -> watch::Receiver<bool> {
        let (is_busy, receiver) = watch::channel(self.in_flight() > concurrency);
        self.gauges.push(Gauge { concurrency, is_busy });
        receiver
    }

    /// Tells the gauges what has changed.
    pub(super) fn measure(&mut self) {
        if self.gauges.is_empty() {
            return;
        }
        let in_flight = self.in_flight();
        self.gauges.retain(|gauge| {
            let is_busy = in_flight > gauge.concurrency;
            gauge
                .is_busy
                .send_if_modified(|was_busy| mem::replace(was_busy, is_busy) != is_busy);
            !gauge.is_busy.is_closed()
        });
    }
}
