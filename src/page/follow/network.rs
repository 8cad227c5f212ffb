//! Requests: of all kinds while somebody listens, and else of documents only.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use serde_json::value::RawValue;

use crate::capture::PendingRequest;
use crate::cdp::{DEFAULT_DEADLINE, Session, io};

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
        session.call("Network.enable", json!({}), Some(DEFAULT_DEADLINE), |_| {});
        for call in self.lock_settings().apply_network(session, DEFAULT_DEADLINE) {
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

    /// The requests that have not ended, oldest first.
    #[must_use]
    pub fn pending_requests(&self) -> Vec<PendingRequest> {
        self.lock().tracker.pending()
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
    memchr::memmem::find(params.get().as_bytes(), br#""type":"Document""#).is_some()
}

/// `Date.now()`, up to a fraction of a millisecond.
fn date_now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| (since.as_secs_f64() * 1000.0).floor())
}

#[cfg(test)]
mod tests {
    use std::io::{Write as _, pipe};
    use std::sync::{Weak, mpsc};
    use std::time::Duration;

    use serde_json::{Value, json};

    use crate::cdp::Connection;

    use super::super::super::browser::Browser;
    use super::super::super::events::{Event, EventKind};

    /// As long as a busy machine may need.
    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn what_waits_for_extra_information_is_told_by_a_timer_of_the_page() {
        let (receiver, mut says) = pipe().expect("a pipe");
        let (_hears, sender) = pipe().expect("a pipe");
        let mut say = |event: Value| {
            says.write_all(format!("{event}\0").as_bytes()).expect("a reader");
        };
        let connection = Connection::over_pipe(receiver.into(), sender.into()).expect("a connection");
        let browser = Browser::over(connection.clone(), Weak::new());
        let (attached, there) = mpsc::channel();
        let listener = connection.browser().on("Target.attachedToTarget", move |_| {
            attached.send(()).expect("a waiter");
        });
        say(
            json!({ "method": "Target.attachedToTarget", "params": { "sessionId": "S",
            "targetInfo": { "targetId": "MAIN", "type": "page", "url": "about:blank" } } }),
        );
        there.recv().expect("an event");
        drop(listener);
        let page = browser.page("MAIN").expect("a page");
        let (answered, told) = mpsc::channel();
        let subscriptions = [EventKind::Response, EventKind::RequestFinished].map(|kind| {
            let answered = answered.clone();
            page.listen(kind, move |event| {
                let told = match event {
                    Event::Response(response) => format!("response {}", response.status()),
                    _ => "finished".to_owned(),
                };
                answered.send(told).expect("a waiter");
            })
        });
        for (method, params) in [
            (
                "Network.requestWillBeSent",
                json!({ "requestId": "1", "request": { "url": "http://host.test/", "method": "GET" } }),
            ),
            (
                "Network.responseReceived",
                json!({ "requestId": "1", "hasExtraInfo": true, "response": { "status": 200 } }),
            ),
            ("Network.loadingFinished", json!({ "requestId": "1" })),
        ] {
            say(json!({ "sessionId": "S", "method": method, "params": params }));
        }
        assert_eq!(told.recv_timeout(PATIENCE).expect("an event"), "response 200");
        assert_eq!(told.recv_timeout(PATIENCE).expect("an event"), "finished");
        drop(subscriptions);
        connection.close();
    }
}
