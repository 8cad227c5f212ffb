//! The connection against a Chrome that is the test.

use std::sync::mpsc;
use std::time::Duration;

use serde_json::json;

use super::testing::{Chrome, settle};
use super::{
    CallError, CloseReason, Connection, Deadline, Health, Limits, MESSAGE_DROPPED, MessageDropped, Session,
    io,
};

fn session(chrome: &mut Chrome, connection: &Connection, id: &str) -> Session {
    settle(chrome, connection);
    connection.session(id).expect("an attached session")
}

/// Sends a call, and gives its outcome when there is one.
fn call(session: &Session) -> mpsc::Receiver<Result<String, CallError>> {
    let (sender, receiver) = mpsc::channel();
    session.call(
        "Test.call",
        json!({ "a": 1 }),
        Deadline::Protocol,
        move |answer| {
            sender
                .send(answer.map(|raw| raw.get().to_owned()))
                .expect("a waiter");
        },
    );
    receiver
}

#[test]
fn answers_find_their_calls_in_any_order() {
    let (mut chrome, connection) = Chrome::start();
    let (one, two) = (call(connection.browser()), call(connection.browser()));
    let (first, second) = (chrome.hear(), chrome.hear());
    assert_eq!(
        first,
        json!({ "id": first["id"], "method": "Test.call", "params": { "a": 1 } })
    );
    assert_ne!(first["id"], second["id"], "two calls of one id");
    chrome.say(&json!({ "id": second["id"], "result": { "n": 2 } }).to_string());
    chrome.say(&json!({ "id": first["id"], "result": { "n": 1 } }).to_string());
    assert_eq!(one.recv().expect("an outcome").expect("an answer"), r#"{"n":1}"#);
    assert_eq!(two.recv().expect("an outcome").expect("an answer"), r#"{"n":2}"#);
    connection.close();
}

#[test]
fn what_is_not_understood_is_skipped() {
    let (mut chrome, connection) = Chrome::start();
    for nonsense in [
        "",
        "{",
        "[]",
        r#"{"id":99999,"result":{}}"#,
        r#"{"method":"X.y","sessionId":"none","params":{}}"#,
    ] {
        chrome.say(nonsense);
    }
    settle(&mut chrome, &connection);
    assert!(!connection.is_closed(), "nonsense ended the connection");
    connection.close();
}

/// Sends a command whose outcome is not looked at.
fn tell(session: &Session, method: &'static str) {
    session.call(method, json!({}), Deadline::Protocol, |_| {});
}

fn hear_methods(chrome: &mut Chrome, count: usize) -> Vec<String> {
    let hear = |_| chrome.hear()["method"].as_str().expect("a method").to_owned();
    (0..count).map(hear).collect()
}

#[test]
fn input_waits_until_the_scripts_before_it_have_begun() {
    let (mut chrome, connection) = Chrome::start();
    chrome.attach("page", "P", None);
    chrome.attach("other", "O", None);
    let page = session(&mut chrome, &connection, "page");
    let other = session(&mut chrome, &connection, "other");
    tell(&page, "Runtime.evaluate");
    for method in [
        "Input.dispatchKeyEvent",
        "Runtime.evaluate",
        "DOM.getContentQuads",
        "Input.insertText",
    ] {
        tell(&page, method);
    }
    // What may end the wait, and what is of another page, does not wait.
    tell(&page, "Page.handleJavaScriptDialog");
    tell(&page, "Runtime.terminateExecution");
    tell(&other, "Input.insertText");
    assert_eq!(chrome.hear()["method"], "Runtime.evaluate");
    let barrier = chrome.hear();
    assert_eq!(barrier["method"], "Runtime.releaseObjectGroup");
    assert_eq!(
        hear_methods(&mut chrome, 3),
        [
            "Page.handleJavaScriptDialog",
            "Runtime.terminateExecution",
            "Input.insertText"
        ],
        "what need not wait"
    );
    chrome.say(&json!({ "id": barrier["id"], "result": {}, "sessionId": "page" }).to_string());
    assert_eq!(
        hear_methods(&mut chrome, 4),
        [
            "Input.dispatchKeyEvent",
            "Runtime.evaluate",
            "DOM.getContentQuads",
            "Input.insertText"
        ],
        "the order of what waited"
    );
    connection.close();
}

#[test]
fn input_does_not_wait_again_for_a_script_that_has_begun() {
    let (mut chrome, connection) = Chrome::start();
    chrome.attach("page", "P", None);
    let page = session(&mut chrome, &connection, "page");
    tell(&page, "Input.insertText");
    tell(&page, "Runtime.callFunctionOn");
    tell(&page, "Input.insertText");
    let before = hear_methods(&mut chrome, 2);
    assert_eq!(
        before,
        ["Input.insertText", "Runtime.callFunctionOn"],
        "nothing to wait for"
    );
    let barrier = chrome.hear();
    chrome.say(&json!({ "id": barrier["id"], "result": {}, "sessionId": "page" }).to_string());
    settle(&mut chrome, &connection);
    // The script waits for something of the page's own.
    tell(&page, "Input.insertText");
    assert_eq!(hear_methods(&mut chrome, 1), ["Input.insertText"]);
    connection.close();
}

#[test]
fn input_that_waits_ends_with_its_session() {
    let (mut chrome, connection) = Chrome::start();
    chrome.attach("page", "P", None);
    let page = session(&mut chrome, &connection, "page");
    tell(&page, "Runtime.evaluate");
    let (sender, receiver) = mpsc::channel();
    page.call("Input.insertText", json!({}), Deadline::Protocol, move |answer| {
        sender.send(answer.map(drop)).expect("a waiter");
    });
    chrome.say(r#"{"method":"Target.detachedFromTarget","params":{"sessionId":"page"}}"#);
    let outcome = receiver.recv().expect("an outcome");
    assert!(
        matches!(outcome, Err(CallError::TargetClosed { .. })),
        "{outcome:?}"
    );
    settle(&mut chrome, &connection);
    connection.close();
}

#[test]
fn a_detached_session_ends_its_calls_and_those_attached_through_it() {
    let (mut chrome, connection) = Chrome::start();
    chrome.attach("parent", "P", None);
    chrome.attach("child", "C", Some("parent"));
    chrome.attach("other", "O", None);
    let parent = session(&mut chrome, &connection, "parent");
    let child = session(&mut chrome, &connection, "child");
    let other = session(&mut chrome, &connection, "other");
    let (of_parent, of_child, of_other) = (call(&parent), call(&child), call(&other));
    chrome.say(r#"{"method":"Target.detachedFromTarget","params":{"sessionId":"parent"}}"#);
    for ended in [of_parent, of_child] {
        let error = ended.recv().expect("an outcome").expect_err("no answer");
        assert!(matches!(error, CallError::TargetClosed { .. }), "got {error:?}");
    }
    assert_eq!(child.health(), Health::Closed(CloseReason::TargetClosed));
    assert!(of_other.try_recv().is_err(), "a call of another session ended");
    let late = call(&parent).recv().expect("an outcome").expect_err("no answer");
    assert!(
        matches!(late, CallError::SessionClosed { .. }),
        "a later call got {late:?}"
    );
    connection.close();
    let error = of_other.recv().expect("an outcome").expect_err("no answer");
    assert!(matches!(error, CallError::Disconnected { .. }), "got {error:?}");
}

#[test]
fn a_crashed_target_takes_only_what_can_revive_it() {
    let (mut chrome, connection) = Chrome::start();
    chrome.attach("S", "T", None);
    let page = session(&mut chrome, &connection, "S");
    let pending = call(&page);
    chrome.say(
        r#"{"method":"Target.targetCrashed","params":{"targetId":"T","status":"crashed","errorCode":1}}"#,
    );
    let error = pending.recv().expect("an outcome").expect_err("no answer");
    assert!(matches!(error, CallError::TargetCrashed { .. }), "got {error:?}");
    let refused = call(&page).recv().expect("an outcome").expect_err("no answer");
    assert!(
        matches!(refused, CallError::TargetCrashed { .. }),
        "a later call got {refused:?}"
    );
    let (sender, reloaded) = mpsc::channel();
    page.call("Page.reload", json!({}), Deadline::Protocol, move |answer| {
        let _ = sender.send(answer.map(drop));
    });
    let reload = loop {
        let heard = chrome.hear();
        if heard["method"] == "Page.reload" {
            break heard["id"].clone();
        }
    };
    chrome.say(r#"{"method":"Inspector.targetCrashed","sessionId":"S","params":{}}"#);
    chrome.say(&format!(r#"{{"id":{reload},"sessionId":"S","result":{{}}}}"#));
    let outcome = reloaded.recv().expect("an outcome");
    assert!(
        outcome.is_ok(),
        "the second event of the same crash ended it: {outcome:?}"
    );
    chrome.say(r#"{"method":"Inspector.targetReloadedAfterCrash","sessionId":"S","params":{}}"#);
    settle(&mut chrome, &connection);
    assert_eq!(
        page.health(),
        Health::Alive,
        "a revived target is still taken for crashed"
    );
    connection.close();
}

#[test]
fn a_browser_that_hangs_up_ends_everything() {
    let (mut chrome, connection) = Chrome::start();
    chrome.attach("S", "T", None);
    let page = session(&mut chrome, &connection, "S");
    let (pending, root) = (call(&page), call(connection.browser()));
    drop(chrome);
    for ended in [pending, root] {
        let error = ended.recv().expect("an outcome").expect_err("no answer");
        assert!(matches!(error, CallError::Disconnected { .. }), "got {error:?}");
    }
    io::handle().block_on(connection.closed());
    assert_eq!(io::handle().block_on(page.closed()), CloseReason::Disconnected);
}

#[test]
fn commands_that_the_pipe_cannot_take_yet_keep_their_order() {
    const COMMANDS: u64 = 200;
    let (mut chrome, connection) = Chrome::start();
    let padding = "x".repeat(10_000);
    for number in 0..COMMANDS {
        let params = json!({ "number": number, "padding": padding });
        connection
            .browser()
            .call("Test.number", params, Deadline::Protocol, |_| {});
    }
    for number in 0..COMMANDS {
        let command = chrome.hear();
        assert_eq!(command["params"]["number"], number, "commands out of order");
        assert_eq!(
            command["params"]["padding"].as_str().map(str::len),
            Some(padding.len())
        );
    }
    connection.close();
}

#[test]
fn deadlines_end_the_calls_that_have_them_the_earliest_first() {
    let (mut chrome, connection) = Chrome::start();
    let (sender, ended) = mpsc::channel();
    for (name, deadline) in [("late", Some(80)), ("never", None), ("early", Some(10))] {
        let sender = sender.clone();
        let deadline = deadline.map_or(Deadline::Unbounded, |ms| {
            Deadline::Within(Duration::from_millis(ms))
        });
        connection
            .browser()
            .call("Test.slow", json!({}), deadline, move |answer| {
                sender.send((name, answer.map(|_| ()))).expect("a waiter");
            });
    }
    for expected in ["early", "late"] {
        let (name, outcome) = ended.recv().expect("an outcome");
        assert_eq!(name, expected);
        assert!(
            matches!(outcome, Err(CallError::TimedOut { .. })),
            "{name} got {outcome:?}"
        );
    }
    settle(&mut chrome, &connection);
    assert!(ended.try_recv().is_err(), "a call without a deadline ended");
    connection.close();
}

#[test]
fn the_connection_s_limit_ends_the_calls_without_one_of_their_own() {
    let limits = Limits {
        protocol_timeout: Some(Duration::from_millis(20)),
        ..Limits::default()
    };
    let (mut chrome, connection) = Chrome::start_with(limits);
    // The task that looks for late calls is asleep for the first of these, and must look again for the others.
    for round in 0..3 {
        let error = call(connection.browser())
            .recv()
            .expect("an outcome")
            .expect_err("no answer");
        assert!(
            matches!(error, CallError::ProtocolTimedOut { .. }),
            "round {round}: {error:?}"
        );
        settle(&mut chrome, &connection);
    }
    let (sender, ended) = mpsc::channel();
    connection
        .browser()
        .call("Test.slow", json!({}), Deadline::Unbounded, move |answer| {
            sender.send(answer.map(|_| ())).expect("a waiter");
        });
    let late = call(connection.browser()).recv().expect("an outcome");
    assert!(late.is_err(), "a later call was answered: {late:?}");
    assert!(
        ended.try_recv().is_err(),
        "a call that may take for ever ended with the limit"
    );
    connection.close();
}

#[test]
fn an_answer_without_an_id_is_that_of_the_call_that_cannot_be_read() {
    const UNREAD: &str =
        r#"{"error":{"code":-32700,"message":"JSON: stack limit exceeded at position 369"}}"#;
    let (mut chrome, connection) = Chrome::start();
    let nested = |depth: usize| {
        let (sender, receiver) = mpsc::channel();
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let params = serde_json::value::RawValue::from_string(format!(r#"{{"x":{text}}}"#)).expect("JSON");
        connection
            .browser()
            .call("Test.nested", params, Deadline::Protocol, move |answer| {
                sender.send(answer.map(|_| ())).expect("a waiter");
            });
        receiver
    };
    let wide = {
        let (sender, receiver) = mpsc::channel();
        let brackets = json!({ "text": "[{\"".repeat(400), "flat": vec![json!({}); 400] });
        connection
            .browser()
            .call("Test.wide", brackets, Deadline::Protocol, move |answer| {
                sender.send(answer.map(|_| ())).expect("a waiter");
            });
        receiver
    };
    let (plain, shallow, deep) = (call(connection.browser()), nested(150), nested(400));
    for _ in 0..4 {
        chrome.hear_unread();
    }
    chrome.say(UNREAD);
    let error = deep.recv().expect("an outcome").expect_err("no answer");
    assert_eq!(
        error.to_string(),
        "Protocol error (Test.nested): JSON: stack limit exceeded at position 369"
    );
    // With nobody left whom it could be for but one that Chrome takes: the deepest of what waits.
    chrome.say(UNREAD);
    shallow.recv().expect("an outcome").expect_err("no answer");
    chrome.say(UNREAD);
    settle(&mut chrome, &connection);
    assert!(plain.try_recv().is_err(), "a plain call ended");
    assert!(
        wide.try_recv().is_err(),
        "brackets in a string were taken for nesting"
    );
    connection.close();
}

#[test]
fn a_message_beyond_the_limit_is_dropped_and_told_of() {
    const LIMIT: usize = 300_000;
    let limits = Limits {
        max_message_bytes: LIMIT,
        ..Limits::default()
    };
    let (mut chrome, connection) = Chrome::start_with(limits);
    chrome.attach("page", "P", None);
    chrome.attach("worker", "W", Some("page"));
    let (page, worker) = (
        session(&mut chrome, &connection, "page"),
        session(&mut chrome, &connection, "worker"),
    );
    let (sender, told) = mpsc::channel();
    let _listeners: Vec<_> = [("page", &page), ("worker", &worker)]
        .into_iter()
        .map(|(name, session)| {
            let sender = sender.clone();
            session.on(MESSAGE_DROPPED, move |params| {
                let dropped: MessageDropped = serde_json::from_str(params.get()).expect("its parameters");
                sender.send((name, dropped)).expect("a waiter");
            })
        })
        .collect();
    let _unread = worker.on("Test.said", |params| {
        assert!(params.get().len() < LIMIT, "a message beyond the limit was read");
    });

    let text = |bytes: usize| "x".repeat(bytes);
    let event =
        json!({ "method": "Test.said", "params": { "text": text(3 * LIMIT) }, "sessionId": "worker" });
    chrome.say(&event.to_string());
    for name in ["worker", "page"] {
        let (whose, dropped) = told.recv().expect("it is told of");
        assert_eq!(
            (whose, &*dropped.method, dropped.limit),
            (name, "Test.said", LIMIT)
        );
        assert_eq!(dropped.bytes, event.to_string().len());
    }

    let answered = call(&page);
    let id = loop {
        let heard = chrome.hear();
        if heard["method"] == "Test.call" {
            break heard["id"].clone();
        }
    };
    // Just above the limit, and followed by others in one go.
    chrome.say(&json!({ "id": id, "result": { "text": text(LIMIT) }, "sessionId": "page" }).to_string());
    chrome.say(
        &json!({ "method": "Test.said", "params": { "text": text(10) }, "sessionId": "worker" }).to_string(),
    );
    let error = answered.recv().expect("an outcome").expect_err("no answer");
    assert!(
        matches!(error, CallError::TooLarge { limit: LIMIT, .. }),
        "got {error:?}"
    );
    assert_eq!(told.recv().expect("it is told of").1.method, "Test.call");
    settle(&mut chrome, &connection);
    assert!(told.try_recv().is_err(), "a message within the limit was dropped");
    connection.close();
}

#[test]
fn part_of_a_large_message_is_a_sign_of_life() {
    const PART: usize = 3 * 1024 * 1024;
    let (mut chrome, connection) = Chrome::start();
    settle(&mut chrome, &connection);
    let (heard, held_up) = (connection.last_heard(), connection.last_held_up());
    std::thread::sleep(Duration::from_millis(20));
    chrome.say(r#"{"method":"Test.small","params":{}}"#);
    settle(&mut chrome, &connection);
    assert!(connection.last_heard() > heard, "a message is no sign of life");
    assert_eq!(
        connection.last_held_up(),
        held_up,
        "a small message holds nobody up"
    );
    let heard = connection.last_heard();
    std::thread::sleep(Duration::from_millis(20));
    // All but the last of it has been read when the pipe has taken it.
    chrome.say_part(&format!(
        r#"{{"method":"Test.large","params":{{"text":"{}"#,
        "x".repeat(PART)
    ));
    assert!(
        connection.last_heard() > heard,
        "part of a message is no sign of life"
    );
    assert!(
        connection.last_held_up() > held_up,
        "a large message holds others up"
    );
    chrome.say(r#""}}"#);
    settle(&mut chrome, &connection);
    connection.close();
}
