//! Requests: of all kinds while somebody listens, and else of documents only.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use serde_json::value::RawValue;

use crate::capture::PendingRequest;
use crate::cdp::{Deadline, Session, io};

use super::super::decode::says;
use super::super::events::{Event, NETWORK};
use super::super::network::{NetworkEvent, Tracker};
use super::super::page::{Page, State};

impl Page {
    pub(in crate::page) fn observe_network(&self, session: &Session) {
        self.listen_to(
            session,
            &[
                ("Network.requestWillBeSent", Self::on_request),
                ("Network.requestWillBeSentExtraInfo", |page, session, params| {
                    page.lock().tracker.request_extra_info(session, params);
                }),
                ("Network.requestServedFromCache", |page, _, params| {
                    page.follow(|tracker, now| tracker.served_from_cache(params, now));
                }),
                ("Network.responseReceived", |page, session, params| {
                    page.follow(|tracker, now| tracker.response_received(session, params, now));
                }),
                ("Network.responseReceivedExtraInfo", |page, session, params| {
                    page.follow(|tracker, now| tracker.response_extra_info(session, params, now));
                }),
                ("Network.loadingFinished", |page, session, params| {
                    page.follow(|tracker, now| tracker.loading_ended(session, params, false, now));
                }),
                ("Network.loadingFailed", |page, session, params| {
                    page.follow(|tracker, now| tracker.loading_ended(session, params, true, now));
                }),
            ],
        );
        session.call("Network.enable", json!({}), Deadline::Protocol, |_| {});
        for call in self.lock_settings().apply_network(session, Deadline::Protocol) {
            drop(call);
        }
    }

    /// Waits until at most `concurrency` requests have waited for their answer all through `idle`, counted from now
    /// on. Never, once the page is gone.
    pub fn network_idle(&self, idle: Duration, concurrency: f64) -> impl Future<Output = ()> + use<> {
        let mut busy = self.lock().tracker.gauge(concurrency);
        async move {
            loop {
                let is_busy = *busy.borrow_and_update();
                let quiet = async {
                    if is_busy {
                        std::future::pending::<()>().await;
                    }
                    tokio::time::sleep(idle).await;
                };
                tokio::select! {
                    biased;
                    changed = busy.changed() => if changed.is_err() {
                        std::future::pending::<()>().await;
                    },
                    () = quiet => return,
                }
            }
        }
    }

    /// The requests that have not ended, oldest first, and the time by the clock that they were begun at.
    #[must_use]
    pub fn pending_requests(&self) -> (Vec<PendingRequest>, f64) {
        (self.lock().tracker.pending(), date_now())
    }

    /// Whether every request is followed, or only those of documents.
    fn follows_network(&self) -> bool {
        NETWORK.into_iter().any(|kind| self.wants(kind))
    }

    fn on_request(&self, session: &Session, params: &RawValue) {
        let (by_caller, followed) = (
            self.is_intercepting(),
            self.follows_network() || is_document(params),
        );
        self.follow(|tracker, now| {
            tracker.began(session, params, date_now());
            if by_caller {
                tracker.will_be_intercepted(session, params, now)
            } else if followed {
                tracker.will_be_sent(session, params, now)
            } else {
                Vec::new()
            }
        });
    }

    /// Tells what comes of a change, and sees to what has to wait.
    pub(in crate::page) fn follow(&self, change: impl FnOnce(&mut Tracker, Instant) -> Vec<NetworkEvent>) {
        let mut state = self.lock();
        let events = change(&mut state.tracker, Instant::now());
        self.flush_when_due(&mut state);
        drop(state);
        self.network_events(events);
    }

    fn flush_when_due(&self, state: &mut State) {
        let Some(due) = state.tracker.due().filter(|_| state.flush.is_none()) else {
            return;
        };
        let weak = self.downgrade();
        state.flush = Some(io::spawn_owned(async move {
            tokio::time::sleep_until(due.into()).await;
            if let Some(page) = weak.upgrade() {
                page.lock().flush = None;
                page.follow(Tracker::flush);
            }
        }));
    }

    fn network_events(&self, events: Vec<NetworkEvent>) {
        for event in events {
            if let NetworkEvent::Request(request) = &event {
                request.set_page(self);
            }
            let state = self.lock();
            for watcher in &state.watchers {
                watcher.heard(&event);
            }
            drop(state);
            self.emit(&match event {
                NetworkEvent::Request(request) => Event::Request(request),
                NetworkEvent::ServedFromCache(request) => Event::RequestServedFromCache(request),
                NetworkEvent::Response(response) => Event::Response(response),
                NetworkEvent::Finished(request) => Event::RequestFinished(request),
                NetworkEvent::Failed(request) => Event::RequestFailed(request),
            });
        }
    }
}

fn is_document(params: &RawValue) -> bool {
    says(params, br#""type":"Document""#)
}

/// `Date.now()`, up to a fraction of a millisecond.
fn date_now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| (since.as_secs_f64() * 1000.0).floor())
}
