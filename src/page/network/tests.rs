//! Orders of events that Chrome brings about rarely, or not on purpose.

use std::io::{PipeReader, PipeWriter, Write, pipe};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use crate::cdp::{Connection, Limits, Session};

use super::super::frame_tree::{FrameState, FrameTree};
use super::super::lifecycle::{Milestone, Watcher};
use super::exchange::EXTRA_PATIENCE;
use super::*;

const MAIN: &str = "MAIN";

/// Sessions of no Chrome, and the time that the tracker is told.
struct World {
    connection: Connection,
    says: PipeWriter,
    _hears: PipeReader,
    page: Session,
    tracker: Tracker,
    now: Instant,
    told: Vec<String>,
}

impl World {
    fn new() -> Self {
        let (receiver, says) = pipe().expect("a pipe");
        let (hears, sender) = pipe().expect("a pipe");
        let connection =
            Connection::over_pipe(receiver.into(), sender.into(), Limits::default()).expect("a connection");
        let mut world = Self {
            page: connection.browser().clone(),
            connection,
            says,
            _hears: hears,
            tracker: Tracker::default(),
            now: Instant::now(),
            told: Vec::new(),
        };
        world.page = world.session("page");
        world
    }

    fn session(&mut self, id: &str) -> Session {
        let (sender, attached) = mpsc::channel();
        let listener = self.connection.browser().on("Target.attachedToTarget", move |_| {
            sender.send(()).expect("a waiter");
        });
        let event = json!({ "method": "Target.attachedToTarget", "params": {
            "sessionId": id, "targetInfo": { "targetId": id, "type": "page" } } });
        self.says
            .write_all(format!("{event}\0").as_bytes())
            .expect("a reader");
        attached.recv().expect("an event");
        drop(listener);
        self.connection.session(id).expect("an attached session")
    }

    fn tell(&mut self, events: Vec<NetworkEvent>) {
        for event in events {
            self.told.push(match event {
                NetworkEvent::Request(request) => format!("request {}", request.url()),
                NetworkEvent::ServedFromCache(request) => format!("cached {}", request.url()),
                NetworkEvent::Response(response) => {
                    format!("response {} {}", response.status(), response.request().url())
                }
                NetworkEvent::Finished(request) => format!("finished {}", request.url()),
                NetworkEvent::Failed(request) => format!("failed {}", request.url()),
            });
        }
    }

    fn told(&mut self) -> Vec<String> {
        mem::take(&mut self.told)
    }

    /// `Network.requestWillBeSent`, `from` a redirect of this status.
    fn sent(&mut self, url: &str, more: Value) {
        let params = sent(url, more);
        self.tracker.began(&self.page, &params, 1.0);
        let events = self.tracker.will_be_sent(&self.page, &params, self.now);
        self.tell(events);
    }

    fn unfollowed(&mut self, url: &str, more: Value) {
        self.tracker.began(&self.page, &sent(url, more), 1.0);
    }

    fn intercepted(&mut self, url: &str, more: Value) {
        let params = sent(url, more);
        self.tracker.began(&self.page, &params, 1.0);
        let events = self.tracker.will_be_intercepted(&self.page, &params, self.now);
        self.tell(events);
    }

    fn paused(&mut self, url: &str, interception: &str) {
        let event = json!({ "requestId": interception, "networkId": "1",
            "request": { "url": url, "method": "GET", "headers": {} } })
        .to_string();
        let event: RequestPaused<'_> = serde_json::from_str(&event).expect("an event");
        let events = self.tracker.paused(&self.page, &event, self.now);
        self.tell(events);
    }

    fn response(&mut self, status: i64) {
        let params =
            raw(&json!({ "requestId": "1", "hasExtraInfo": true, "response": { "status": status } }));
        let events = self.tracker.response_received(&self.page, &params, self.now);
        self.tell(events);
    }

    fn extra(&mut self, id: &str, status: i64) {
        let params = raw(&json!({ "requestId": id, "statusCode": status, "headers": { "a": "b" } }));
        let events = self.tracker.response_extra_info(&self.page, &params, self.now);
        self.tell(events);
    }

    fn ended(&mut self, failed: bool) {
        let params = raw(&json!({ "requestId": "1", "errorText": "net::ERR_FAILED" }));
        let events = self.tracker.loading_ended(&self.page, &params, failed, self.now);
        self.tell(events);
    }

    /// Lets so much time pass, and flushes when that is due.
    fn pass(&mut self, time: Duration) {
        self.now += time;
        if self.tracker.due().is_some_and(|due| due <= self.now) {
            let events = self.tracker.flush(self.now);
            self.tell(events);
        }
    }

    fn urls(&self) -> Vec<String> {
        let pending = self.tracker.pending();
        pending.into_iter().map(|request| request.url).collect()
    }
}

fn raw(value: &Value) -> Box<RawValue> {
    to_raw_value(value).expect("JSON")
}

fn sent(url: &str, more: Value) -> Box<RawValue> {
    let mut params = json!({ "requestId": "1", "loaderId": "L", "type": "Fetch", "frameId": MAIN,
        "request": { "url": url, "method": "GET", "headers": {} } });
    if let (Value::Object(params), Value::Object(more)) = (&mut params, more) {
        params.extend(more);
    }
    raw(&params)
}

fn redirect(status: i64) -> Value {
    json!({ "redirectHasExtraInfo": true, "redirectResponse": { "status": status } })
}

#[test]
fn an_answer_waits_for_its_extra_information_and_what_follows_waits_behind_it() {
    let mut world = World::new();
    world.sent("a", json!({}));
    world.response(200);
    world.ended(false);
    assert_eq!(world.told(), ["request a"]);
    world.extra("1", 201);
    assert_eq!(world.told(), ["response 201 a", "finished a"]);
    assert!(world.tracker.exchanges.is_empty(), "nothing is kept of it");
}

#[test]
fn an_answer_that_ended_goes_on_without_extra_information_in_the_end() {
    let mut world = World::new();
    world.sent("a", json!({}));
    world.response(200);
    world.pass(EXTRA_PATIENCE * 2);
    assert_eq!(world.told(), ["request a"], "it has not ended");
    world.ended(true);
    world.pass(EXTRA_PATIENCE / 2);
    assert_eq!(world.told(), [""; 0]);
    world.pass(EXTRA_PATIENCE / 2);
    assert_eq!(world.told(), ["response 200 a", "failed a"]);
    assert!(world.tracker.due().is_none(), "nothing else is waited for");
}

#[test]
fn a_redirect_goes_on_without_extra_information_in_the_end() {
    let mut world = World::new();
    world.sent("a", json!({}));
    world.sent("b", redirect(302));
    assert_eq!(world.told(), ["request a"]);
    world.pass(EXTRA_PATIENCE);
    assert_eq!(world.told(), ["response 302 a", "finished a", "request b"]);
    // What comes late does not belong to the answer of `b`.
    world.extra("1", 302);
    world.response(200);
    world.extra("1", 200);
    assert_eq!(world.told(), ["response 200 b"]);
}

#[test]
fn a_held_redirect_is_told_to_who_intercepts_in_the_end() {
    let mut world = World::new();
    world.intercepted("a", json!({}));
    world.paused("a", "job-1");
    world.intercepted("b", redirect(302));
    world.paused("b", "job-2");
    assert_eq!(world.told(), ["request a"]);
    world.pass(EXTRA_PATIENCE);
    assert_eq!(world.told(), ["response 302 a", "finished a", "request b"]);
}

#[test]
fn redirects_wait_in_a_row_each_for_its_own_extra_information() {
    let mut world = World::new();
    world.sent("a", json!({}));
    world.sent("b", redirect(301));
    world.sent("c", redirect(302));
    world.response(200);
    world.ended(false);
    for status in [301, 302, 200] {
        world.extra("1", status);
    }
    assert_eq!(
        world.told(),
        [
            "request a",
            "response 301 a",
            "finished a",
            "request b",
            "response 302 b",
            "finished b",
            "request c",
            "response 200 c",
            "finished c",
        ]
    );
}

#[test]
fn a_load_that_fails_under_a_held_redirect_leaves_nothing_that_never_ends() {
    let mut world = World::new();
    world.sent("a", json!({}));
    world.sent("b", redirect(302));
    world.ended(true);
    world.extra("1", 302);
    assert_eq!(
        world.told(),
        [
            "request a",
            "response 302 a",
            "finished a",
            "request b",
            "failed b"
        ]
    );
    assert!(world.tracker.exchanges.is_empty(), "nothing is kept of it");
}

#[test]
fn a_request_that_is_paused_again_keeps_its_redirects() {
    let mut world = World::new();
    world.intercepted("a", json!({}));
    world.paused("a", "job-1");
    world.intercepted("b", redirect(302));
    world.extra("1", 302);
    world.paused("b", "job-2");
    world.paused("b", "job-3");
    assert_eq!(
        world.told(),
        [
            "request a",
            "response 302 a",
            "finished a",
            "request b",
            "request b"
        ]
    );
    let request = world.tracker.exchanges["1"].request.clone().expect("a request");
    assert_eq!(request.redirects().len(), 1);
    assert_eq!(request.held().map(|held| &*held.id), Some("job-3"));
}

#[test]
fn credentials_are_tried_once_for_each_interception() {
    let mut world = World::new();
    world.intercepted("a", json!({}));
    world.paused("a", "job-1");
    assert!(world.tracker.may_authenticate(&world.page, "job-1"));
    assert!(!world.tracker.may_authenticate(&world.page, "job-1"), "refused");
    world.paused("b", "job-2");
    assert!(world.tracker.may_authenticate(&world.page, "job-2"));
    world.ended(false);
    assert!(world.tracker.exchanges.is_empty(), "nothing is kept of it");
    assert!(world.tracker.may_authenticate(&world.page, "unheard of"));
    assert!(
        !world.tracker.may_authenticate(&world.page, "unheard of"),
        "refused"
    );
}

#[test]
fn nothing_is_kept_of_requests_that_nobody_follows_but_that_they_are_there() {
    let mut world = World::new();
    world.unfollowed("a", json!({}));
    world.extra("1", 200);
    assert!(world.tracker.exchanges["1"].response_extra.is_empty());
    assert_eq!(
        (world.tracker.in_flight(), world.urls()),
        (1.0, vec!["a".to_owned()])
    );
    world.response(200);
    assert_eq!(
        (world.tracker.in_flight(), world.urls()),
        (0.0, vec!["a".to_owned()])
    );
    world.ended(false);
    assert!(world.tracker.exchanges.is_empty());
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn what_comes_after_the_end_is_bounded_and_displaces_nothing_that_is_held_back() {
    let mut world = World::new();
    world.paused("a", "job-1");
    for n in 0..1000 {
        world.extra(&format!("late {n}"), 200);
    }
    assert_eq!(world.tracker.exchanges.len(), EARLY_KEPT + 1);
    assert!(
        world.tracker.exchanges.contains_key("late 999"),
        "the latest are kept"
    );
    world.intercepted("a", json!({}));
    assert_eq!(world.told(), ["request a"]);
}

#[test]
fn a_new_document_takes_what_the_old_ones_loaded_out_of_flight() {
    let mut world = World::new();
    let request = |id: &str, loader: &str, kind: &str, frame: &str| json!({ "requestId": id, "loaderId": loader, "type": kind, "frameId": frame });
    world.unfollowed("old", request("1", "OLD", "Fetch", MAIN));
    world.unfollowed("worker", request("2", "", "Script", MAIN));
    world.unfollowed("document", request("NEW", "NEW", "Document", MAIN));
    world.unfollowed("last", request("3", "OLD", "Fetch", MAIN));
    world.unfollowed("frame", request("CHILD", "CHILD", "Document", "CHILD"));
    world.unfollowed("next", request("NEXT", "NEXT", "Document", MAIN));
    world.tracker.document_replaced(MAIN, "NEW", &["OLD".to_owned()]);
    assert_eq!(world.urls(), ["document", "frame", "next"]);
    world.ended(true);
    assert_eq!(world.tracker.exchanges.len(), 5, "an end may still be told");
    world
        .tracker
        .document_replaced(MAIN, "NEXT", &["NEW".to_owned(), "CHILD".to_owned()]);
    assert_eq!(world.urls(), ["next"]);
}

#[test]
fn a_session_takes_along_what_went_over_to_it() {
    let mut world = World::new();
    let worker = world.session("worker");
    world.unfollowed("page's", json!({ "requestId": "2" }));
    world.unfollowed("script", json!({}));
    let params = raw(&json!({ "requestId": "1", "response": { "status": 200 } }));
    let _ = world.tracker.response_received(&worker, &params, world.now);
    world.tracker.detached("worker", &[]);
    assert_eq!(world.urls(), ["page's"]);
    world.tracker.crashed(&world.page, MAIN);
    assert_eq!(world.urls(), [""; 0]);
}

#[test]
fn a_document_that_is_under_way_outlives_the_renderer_that_it_replaces() {
    let mut world = World::new();
    world.unfollowed(
        "next",
        json!({ "requestId": "N", "loaderId": "N", "type": "Document" }),
    );
    world.tracker.crashed(&world.page, MAIN);
    assert_eq!(world.urls(), ["next"]);
}

#[test]
fn a_document_that_finishes_without_an_answer_settles_its_navigation() {
    let mut world = World::new();
    let mut tree = FrameTree::default();
    tree.add(FrameState::new(MAIN.into(), None, world.page.clone()));
    let (watcher, progress) = Watcher::new(1, &tree, &MAIN.into(), &[Milestone::Load]);
    let params = sent("a", json!({ "loaderId": "1", "type": "Document" }));
    world.tracker.began(&world.page, &params, 1.0);
    for event in world.tracker.will_be_sent(&world.page, &params, world.now) {
        watcher.heard(&event);
    }
    assert!(progress.borrow().request.is_some(), "it is the navigation's");
    assert!(!progress.borrow().answered);
    let params = raw(&json!({ "requestId": "1" }));
    for event in world
        .tracker
        .loading_ended(&world.page, &params, false, world.now)
    {
        watcher.heard(&event);
    }
    assert!(progress.borrow().answered);
}

#[test]
fn requests_are_in_flight_until_they_are_answered() {
    let mut world = World::new();
    let busy = world.tracker.gauge(0.0);
    world.unfollowed("a", json!({}));
    assert!(*busy.borrow());
    world.response(200);
    assert!(
        !*busy.borrow(),
        "its body may still come, for as long as it likes"
    );
    world.unfollowed("b", json!({}));
    world.ended(true);
    assert!(!*busy.borrow(), "it has failed");
}

#[test]
fn a_request_that_is_over_at_once_has_been_in_flight() {
    let mut world = World::new();
    let mut busy = world.tracker.gauge(0.0);
    world.unfollowed("a", json!({}));
    world.response(200);
    assert!(
        busy.has_changed().expect("a sender"),
        "so a wait for quiet begins anew"
    );
    assert!(!*busy.borrow_and_update());
    let mut few = world.tracker.gauge(1.0);
    world.unfollowed("b", json!({ "requestId": "2" }));
    assert!(!few.has_changed().expect("a sender"), "one is not too many");
    world.unfollowed("c", json!({ "requestId": "3" }));
    assert!(*few.borrow_and_update());
    drop(busy);
    world.ended(false);
    assert_eq!(world.tracker.gauges.len(), 1, "who waits no more is forgotten");
}

#[test]
fn what_a_session_takes_along_is_in_flight_no_more() {
    let mut world = World::new();
    let busy = world.tracker.gauge(0.0);
    for abandon in [
        (|tracker, _| tracker.detached("page", &[])) as fn(&mut Tracker, &Session),
        |tracker, page| tracker.crashed(page, MAIN),
        |tracker, _| tracker.document_replaced(MAIN, "M", &["L".to_owned()]),
    ] {
        world.unfollowed("a", json!({}));
        assert!(*busy.borrow());
        abandon(&mut world.tracker, &world.page);
        assert!(!*busy.borrow());
    }
}
