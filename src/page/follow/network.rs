//! Requests: of all kinds while somebody listens, and else of documents only.

use serde_json::json;
use serde_json::value::RawValue;

use crate::cdp::{DEFAULT_DEADLINE, Session};

use super::super::events::{Event, NETWORK};
use super::super::network::NetworkEvent;
use super::super::page::Page;

impl Page {
    pub(in crate::page) fn observe_network(&self, session: &Session) {
        self.listen_to(
            session,
            &[
                ("Network.requestWillBeSent", |page, session, params| {
                    page.lock().tracker.began(params);
                    if page.is_intercepting() {
                        let events = page.lock().tracker.will_be_intercepted(session, params);
                        page.network_events(events);
                    } else if page.follows_network() || is_document(params) {
                        let events = page.lock().tracker.will_be_sent(session, params, None);
                        page.network_events(events);
                    }
                }),
                ("Network.requestWillBeSentExtraInfo", |page, _, params| {
                    page.lock().tracker.request_extra_info(params);
                }),
                ("Network.requestServedFromCache", |page, session, params| {
                    let events = page.lock().tracker.served_from_cache(session, params);
                    page.network_events(events);
                }),
                ("Network.responseReceived", |page, _, params| {
                    let events = page.lock().tracker.response_received(params);
                    page.network_events(events);
                }),
                ("Network.responseReceivedExtraInfo", |page, session, params| {
                    let events = page.lock().tracker.response_extra_info(session, params);
                    page.network_events(events);
                }),
                ("Network.loadingFinished", |page, _, params| {
                    let mut state = page.lock();
                    state.tracker.ended(params);
                    let events = state.tracker.loading_ended(params, false);
                    drop(state);
                    page.network_events(events);
                }),
                ("Network.loadingFailed", |page, _, params| {
                    let mut state = page.lock();
                    state.tracker.ended(params);
                    let events = state.tracker.loading_ended(params, true);
                    drop(state);
                    page.network_events(events);
                }),
            ],
        );
        session.call("Network.enable", json!({}), Some(DEFAULT_DEADLINE), |_| {});
        self.observe_interception(session);
        for call in self.lock_settings().apply_network(session) {
            drop(call);
        }
    }

    /// How many requests have not ended.
    #[must_use]
    pub fn requests_in_flight(&self) -> usize {
        self.lock().tracker.in_flight()
    }

    /// Whether every request is followed, or only those of documents.
    fn follows_network(&self) -> bool {
        NETWORK.into_iter().any(|kind| self.wants(kind))
    }

    pub(in crate::page) fn network_events(&self, events: Vec<NetworkEvent>) {
        for event in events {
            if let NetworkEvent::Request(request) = &event {
                request.set_page(self);
            }
            let state = self.lock();
            for watcher in &state.watchers {
                match &event {
                    NetworkEvent::Request(request) => watcher.requested(request),
                    NetworkEvent::Response(response) => watcher.settled(response.request()),
                    NetworkEvent::Failed(request) => watcher.settled(request),
                    NetworkEvent::Finished(_) | NetworkEvent::ServedFromCache(_) => {}
                }
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
    memchr::memmem::find(params.get().as_bytes(), br#""type":"Document""#).is_some()
}
