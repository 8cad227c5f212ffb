//! Pages of a Chrome that is the test, for what a real one does not do when it is wanted.

use std::sync::{Weak, mpsc};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cdp::testing::{Chrome, settle};
use crate::cdp::{CallError, Connection, io};

use super::error::EvaluateError;
use super::evaluate::Code;
use super::events::{Event, EventKind};
use super::expose::ExposeError;
use super::page::Page;
use super::{Browser, Frame, PageDefaults};

/// A page with the session `P`.
struct Fixture {
    chrome: Chrome,
    connection: Connection,
    page: Page,
}

impl Fixture {
    fn start() -> Self {
        let (mut chrome, connection) = Chrome::start();
        let defaults = PageDefaults::default();
        let browser = Browser::over(connection.clone(), Weak::new(), true, defaults);
        chrome.attach("P", "main", None);
        settle(&mut chrome, &connection);
        let page = browser.pages().pop().expect("a page");
        Self {
            chrome,
            connection,
            page,
        }
    }

    /// Chrome tells the page's session something, and the page has heard it.
    fn tell(&mut self, session: &str, method: &str, params: &Value) {
        let event = json!({ "sessionId": session, "method": method, "params": params });
        self.chrome.say(&event.to_string());
        settle(&mut self.chrome, &self.connection);
    }

    /// A frame in another process, with the session `F`.
    fn add_far_frame(&mut self) -> Frame {
        let attached = json!({ "frameId": "far", "parentFrameId": "main" });
        self.tell("P", "Page.frameAttached", &attached);
        let target = json!({ "targetId": "far", "type": "iframe" });
        let attached = json!({ "sessionId": "F", "targetInfo": target });
        self.tell("P", "Target.attachedToTarget", &attached);
        self.page.frame("far").expect("the frame")
    }

    fn remove_far_frame(&mut self) {
        self.tell("P", "Target.detachedFromTarget", &json!({ "sessionId": "F" }));
    }

    /// The next such command to the session; other commands stay without an answer.
    fn hear(&mut self, session: &str, method: &str) -> Value {
        loop {
            let command = self.chrome.hear();
            if command["sessionId"] == session && command["method"] == method {
                return command;
            }
        }
    }

    fn answer(&mut self, command: &Value, outcome: &str, value: &Value) {
        let answer = json!({ "id": command["id"], "sessionId": command["sessionId"], outcome: value });
        self.chrome.say(&answer.to_string());
    }
}

/// Runs a call of a page; its outcome comes by the channel.
fn begin<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) -> mpsc::Receiver<T> {
    let (sender, receiver) = mpsc::channel();
    io::spawn(async move { sender.send(call.await) });
    receiver
}

#[test]
fn nothing_is_kept_of_a_frame_in_another_process_that_has_left() {
    let mut given = Fixture::start();
    let exposed = given.page.clone();
    let _exposing = begin(async move { exposed.expose_function("exposed", drop).await });
    given.hear("P", "Runtime.addBinding");
    let before = given.page.lock_listeners().len();
    for _ in 0..3 {
        given.add_far_frame();
        assert_eq!(given.page.lock_listeners().len(), before + 1, "it is heard");
        assert_eq!(given.page.sessions_with_bindings(), 2);
        given.remove_far_frame();
        assert_eq!(
            given.page.lock_listeners().len(),
            before,
            "its listeners go with it"
        );
        assert_eq!(given.page.sessions_with_bindings(), 1);
    }
    given.connection.close();
}

#[test]
fn nothing_is_kept_of_a_frame_within_a_frame_that_has_left() {
    let mut given = Fixture::start();
    let before = given.page.lock_listeners().len();
    given.add_far_frame();
    let attached = json!({ "frameId": "inner", "parentFrameId": "far" });
    given.tell("F", "Page.frameAttached", &attached);
    let target = json!({ "targetId": "inner", "type": "iframe" });
    given.tell(
        "F",
        "Target.attachedToTarget",
        &json!({ "sessionId": "I", "targetInfo": target }),
    );
    assert_eq!(given.page.lock_listeners().len(), before + 2);
    given.remove_far_frame();
    assert_eq!(given.page.lock_listeners().len(), before);
    given.connection.close();
}

#[test]
fn what_waits_for_the_document_of_a_frame_ends_when_its_renderer_dies() {
    let mut given = Fixture::start();
    let frame = given.add_far_frame();
    let evaluate = |frame: &Frame| {
        let (sender, receiver) = mpsc::channel();
        // Nobody waits any more where the test is over.
        frame.evaluate_with(Code::Expression("1".into()), move |outcome| {
            drop(sender.send(outcome));
        });
        receiver
    };
    let (of_frame, of_page) = (evaluate(&frame), evaluate(&given.page.main_frame()));
    given.tell("F", "Inspector.targetCrashed", &json!({}));
    let outcome = of_frame.try_recv().expect("an outcome");
    assert!(
        matches!(
            &outcome,
            Err(EvaluateError::Call(CallError::TargetCrashed { .. }))
        ),
        "{outcome:?}"
    );
    assert!(
        of_page.try_recv().is_err(),
        "the page's own document is waited for still"
    );
    assert!(!given.page.is_crashed(), "the page lives");
    given.connection.close();
}

#[test]
fn a_setting_holds_although_a_frame_leaves_before_it_answers() {
    let mut given = Fixture::start();
    given.add_far_frame();
    let page = given.page.clone();
    let headers = vec![("X-One".to_owned(), "1".to_owned())];
    let outcome = begin(async move { page.set_extra_headers(headers).await });
    let command = given.hear("P", "Network.setExtraHTTPHeaders");
    given.hear("F", "Network.setExtraHTTPHeaders");
    given.remove_far_frame();
    given.answer(&command, "result", &json!({}));
    outcome.recv().expect("an outcome").expect("the headers are set");
    given.connection.close();
}

#[test]
fn a_setting_that_a_frame_refuses_fails() {
    let mut given = Fixture::start();
    given.add_far_frame();
    let page = given.page.clone();
    let outcome = begin(async move { page.set_cache_enabled(false).await });
    let own = given.hear("P", "Network.setCacheDisabled");
    let of_frame = given.hear("F", "Network.setCacheDisabled");
    given.answer(&own, "result", &json!({}));
    let refusal = json!({ "code": -32000, "message": "no" });
    given.answer(&of_frame, "error", &refusal);
    let outcome = outcome.recv().expect("an outcome");
    assert!(
        matches!(&outcome, Err(CallError::Protocol { message, .. }) if message == "no"),
        "{outcome:?}"
    );
    given.connection.close();
}

#[test]
fn a_function_that_could_not_be_exposed_can_be_exposed_later() {
    let mut given = Fixture::start();
    let context = json!({ "id": 1, "auxData": { "frameId": "main", "isDefault": true } });
    given.tell(
        "P",
        "Runtime.executionContextCreated",
        &json!({ "context": context }),
    );
    let mut expose = |outcome: &str, value: &Value| {
        let page = given.page.clone();
        let exposed = begin(async move { page.expose_function("exposed", drop).await });
        let bound = given.hear("P", "Runtime.addBinding");
        let added = given.hear("P", "Page.addScriptToEvaluateOnNewDocument");
        let installed = given.hear("P", "Runtime.evaluate");
        given.answer(&bound, outcome, value);
        given.answer(&added, "result", &json!({ "identifier": "1" }));
        given.answer(
            &installed,
            "result",
            &json!({ "result": { "type": "undefined" } }),
        );
        exposed.recv().expect("an outcome")
    };
    let refused = expose("error", &json!({ "code": -32000, "message": "no" }));
    assert!(matches!(refused, Err(ExposeError::Call(_))), "{refused:?}");
    expose("result", &json!({})).expect("the name is free");
    let page = given.page.clone();
    let again = begin(async move { page.expose_function("exposed", drop).await });
    let again = again.recv().expect("an outcome");
    assert!(matches!(again, Err(ExposeError::Exists(_))), "{again:?}");
    given.connection.close();
}

#[test]
fn what_waits_for_extra_information_is_told_by_a_timer_of_the_page() {
    /// As long as a busy machine may need.
    const PATIENCE: Duration = Duration::from_secs(30);

    let mut given = Fixture::start();
    let (answered, told) = mpsc::channel();
    let subscriptions = [EventKind::Response, EventKind::RequestFinished].map(|kind| {
        let answered = answered.clone();
        given.page.listen(kind, move |event| {
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
        given.tell("P", method, &params);
    }
    assert_eq!(told.recv_timeout(PATIENCE).expect("an event"), "response 200");
    assert_eq!(told.recv_timeout(PATIENCE).expect("an event"), "finished");
    drop(subscriptions);
    given.connection.close();
}
