//! The connection against a real Chrome, over its pipe and over its websocket.
#![expect(
    clippy::expect_used,
    reason = "what is expected and does not come fails the test"
)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::browser::GetVersionParams;
use chromiumoxide::cdp::browser_protocol::page::CrashParams;
use chromiumoxide::cdp::browser_protocol::target::CloseTargetParams;
use chromiumoxide::cdp::js_protocol::runtime::EnableParams;
use pagepool::cdp::{CallError, CloseReason, Connection, Deadline, Limits, io};
use pagepool::driver::chromium::BrowserOptions;
use support::{PATIENCE, evaluate, page, with_browser};

#[test]
fn calls_sent_in_one_batch_are_answered_each_by_its_own() {
    with_browser(BrowserOptions::default(), |browser| async move {
        let page = page(&browser).await;
        let calls: Vec<_> = (0..50)
            .map(|number| page.send(evaluate(&number.to_string())))
            .collect();
        for (number, call) in calls.into_iter().enumerate() {
            let value = call.await.expect("an answer").result.value;
            assert_eq!(value, Some(number.into()), "the answer to call {number}");
        }
    });
}

#[test]
fn messages_larger_than_the_pipe_go_through_both_ways() {
    with_browser(BrowserOptions::default(), |browser| async move {
        let page = page(&browser).await;
        let text = "ж".repeat(2_000_000);
        let call = page.send(evaluate(&format!("'{text}'.length")));
        let small = page.send(evaluate("1"));
        assert_eq!(
            call.await.expect("an answer").result.value,
            Some(2_000_000.into())
        );
        assert_eq!(
            small.await.expect("an answer").result.value,
            Some(1.into()),
            "a call behind a large one"
        );
        let value = page
            .send(evaluate("'ж'.repeat(2000000)"))
            .await
            .expect("an answer")
            .result
            .value;
        assert!(value == Some(text.into()), "the large string came back changed");
    });
}

#[test]
fn an_error_of_chrome_has_its_method_code_and_message() {
    with_browser(BrowserOptions::default(), |browser| async move {
        let call = browser
            .session()
            .send_raw("No.suchMethod", serde_json::json!({}), Deadline::Protocol);
        match call.await {
            Err(CallError::Protocol {
                method,
                code,
                message,
                ..
            }) => {
                assert_eq!((&*method, code), ("No.suchMethod", -32601));
                assert!(message.contains("wasn't found"), "message: {message}");
            }
            other => panic!("expected a protocol error, got {other:?}"),
        }
    });
}

#[test]
fn listeners_hear_events_in_order_until_they_are_dropped() {
    with_browser(BrowserOptions::default(), |browser| async move {
        let page = page(&browser).await;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&heard);
        let listener = page.on("Runtime.consoleAPICalled", move |event| {
            let text = event
                .get()
                .split("\"value\":\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            sink.lock().expect("a lock").push(text.map(str::to_owned));
        });
        page.send(EnableParams::default()).await.expect("an answer");
        page.send(evaluate("for (const x of 'abc') console.log(x)"))
            .await
            .expect("an answer");
        let expected: Vec<_> = ["a", "b", "c"]
            .iter()
            .map(|text| Some((*text).to_owned()))
            .collect();
        assert_eq!(
            *heard.lock().expect("a lock"),
            expected,
            "events that came before the answer"
        );
        drop(listener);
        page.send(evaluate("console.log('d')")).await.expect("an answer");
        assert_eq!(
            heard.lock().expect("a lock").len(),
            3,
            "a dropped listener was called"
        );
    });
}

#[test]
fn pending_calls_end_at_once_when_the_target_closes() {
    with_browser(BrowserOptions::default(), |browser| async move {
        let page = page(&browser).await;
        let stuck = page.send_within(evaluate("while (true);"), Deadline::Protocol);
        let target_id = page.target_id().expect("a target").to_owned();
        let closing = browser.session().send(CloseTargetParams::new(target_id));
        let error = stuck.await.expect_err("a closed target");
        assert!(matches!(error, CallError::TargetClosed { .. }), "got {error:?}");
        assert_eq!(
            error.to_string(),
            "Protocol error (Runtime.evaluate): Target closed"
        );
        closing.await.expect("an answer");
        assert_eq!(page.closed().await, CloseReason::TargetClosed);
        let after = page.send(evaluate("1")).await.expect_err("a closed session");
        assert!(
            matches!(after, CallError::SessionClosed { .. }),
            "a later call got {after:?}"
        );
    });
}

#[test]
fn pending_calls_end_at_once_when_the_renderer_dies() {
    with_browser(BrowserOptions::default(), |browser| async move {
        let page = page(&browser).await;
        let stuck = page.send_within(evaluate("while (true);"), Deadline::Protocol);
        let crash = page.send_within(CrashParams::default(), Deadline::Protocol);
        let error = stuck.await.expect_err("a dead renderer");
        assert!(matches!(error, CallError::TargetCrashed { .. }), "got {error:?}");
        assert!(crash.await.is_err(), "Chrome does not answer Page.crash");
        assert!(page.is_crashed(), "the session does not know that it crashed");
        let after = page.send(evaluate("1")).await.expect_err("a crashed page");
        assert!(
            matches!(after, CallError::TargetCrashed { .. }),
            "a later call got {after:?}"
        );
    });
}

#[test]
fn a_call_ends_at_its_deadline_and_the_page_goes_on() {
    with_browser(BrowserOptions::default(), |browser| async move {
        let page = page(&browser).await;
        let after = Duration::from_millis(50);
        let late = page.send_within(evaluate("new Promise(() => {})"), Deadline::Within(after));
        match late.await {
            Err(CallError::TimedOut { method, after: told }) => {
                assert_eq!((&*method, told), ("Runtime.evaluate", after));
            }
            other => panic!("expected a timeout, got {other:?}"),
        }
        assert_eq!(
            page.send(evaluate("2")).await.expect("an answer").result.value,
            Some(2.into())
        );
    });
}

#[test]
fn everything_pending_ends_when_the_browser_dies() {
    with_browser(BrowserOptions::default(), |browser| async move {
        let page = page(&browser).await;
        let stuck = page.send_within(evaluate("new Promise(() => {})"), Deadline::Protocol);
        browser.kill().await;
        let error = stuck.await.expect_err("a dead browser");
        assert!(matches!(error, CallError::Disconnected { .. }), "got {error:?}");
        assert_eq!(page.closed().await, CloseReason::Disconnected);
        let after = page.send(evaluate("1")).await.expect_err("a dead browser");
        assert!(
            matches!(after, CallError::Disconnected { .. }),
            "a later call got {after:?}"
        );
    });
}

#[test]
fn a_websocket_carries_the_same_conversation() {
    let options = BrowserOptions {
        debugging_port: true,
        ..BrowserOptions::default()
    };
    with_browser(options, |browser| async move {
        let endpoint = browser.ws_endpoint().expect("an endpoint");
        let connection = Connection::over_websocket(endpoint, PATIENCE, Limits::default())
            .await
            .expect("a connection");
        let version = connection
            .browser()
            .send(GetVersionParams::default())
            .await
            .expect("an answer");
        assert_eq!(version.product, browser.product());
        let page = support::page_of(connection.browser()).await;
        let text = page
            .send(evaluate("'x'.repeat(3000000)"))
            .await
            .expect("an answer")
            .result
            .value;
        assert_eq!(text.and_then(|text| text.as_str().map(str::len)), Some(3_000_000));
        connection.close();
        connection.closed().await;
        assert!(browser.is_connected(), "closing one connection ended the other");
    });
}

#[test]
fn an_endpoint_where_nobody_listens_is_an_error_that_names_it() {
    let endpoint = "ws://127.0.0.1:1/devtools/browser/none";
    let connecting =
        io::spawn(async move { Connection::over_websocket(endpoint, PATIENCE, Limits::default()).await });
    let error = io::handle()
        .block_on(connecting)
        .expect("the task ended")
        .err()
        .expect("no connection");
    assert_eq!(error.to_string(), format!("cannot connect to {endpoint}"));
}
