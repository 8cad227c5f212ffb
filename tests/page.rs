//! Pages of a real Chrome through the core, without Node.
#![expect(
    clippy::expect_used,
    reason = "what is expected and does not come fails the test"
)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pagepool::cdp::Deadline;
use pagepool::driver::chromium::{Browser, BrowserOptions};
use pagepool::page::EvaluateError;
use pagepool::page::{
    Argument, Code, ContextOptions, Event, EventKind, Milestone, NavigationError, NavigationOptions, Page,
    Polling, RemoteValue, Rethrown, ScreenshotOptions, Selector, Text, WaitError, WaitOptions, Wanted,
};

use support::server::Server;

fn with_page<F, T>(test: T)
where
    F: Future<Output = ()> + Send + 'static,
    T: FnOnce(Page) -> F + Send + 'static,
{
    support::with_browser(BrowserOptions::default(), |browser: Arc<Browser>| async move {
        let context = browser
            .pages()
            .create_context(&ContextOptions::default())
            .await
            .expect("a context");
        test(context.new_page().await.expect("a page")).await;
        context.close().await.expect("the context closes");
    });
}

async fn value(page: &Page, expression: &str) -> RemoteValue {
    page.main_frame()
        .evaluate(Code::Expression(expression.to_owned()))
        .await
        .expect("the expression has a value")
}

fn string(text: &str) -> RemoteValue {
    RemoteValue::String(Text::from_utf8(text))
}

#[test]
fn values_come_back_as_what_they_were() {
    with_page(|page| async move {
        assert_eq!(value(&page, "1 + 1").await, RemoteValue::Number(2.0));
        assert_eq!(value(&page, "undefined").await, RemoteValue::Undefined);
        assert_eq!(value(&page, "null").await, RemoteValue::Null);
        assert_eq!(
            value(&page, "12n ** 20n").await,
            RemoteValue::BigInt("3833759992447475122176".into())
        );
        assert_eq!(value(&page, "Symbol('x')").await, RemoteValue::Undefined);
        assert_eq!(value(&page, "'Жé'").await, string("Жé"));
        assert_eq!(
            value(&page, "'\\ud800'").await,
            RemoteValue::String(Text::Utf16(vec![0xd800]))
        );
        assert_eq!(
            value(&page, "({ a: [1, 'x'] })").await,
            RemoteValue::Json(Text::from_utf8(r#"{"a":[1,"x"]}"#))
        );
        let zero = value(&page, "-0").await;
        assert!(matches!(zero, RemoteValue::Number(number) if number == 0.0 && number.is_sign_negative()));
    });
}

#[test]
fn a_function_gets_its_arguments_and_handles() {
    with_page(|page| async move {
        let frame = page.main_frame();
        let object = frame
            .evaluate_handle(Code::Expression("window.thing = { n: 40 }; thing".into()))
            .await
            .expect("a handle");
        let arguments = [
            Argument::Object(object.object_id.expect("an object")),
            Argument::Number(f64::NAN),
            Argument::BigInt("2".into()),
            Argument::Undefined,
        ];
        let code = Code::call(
            "(thing, nan, big, none) => thing === window.thing && nan !== nan && none === undefined
                ? thing.n + Number(big) : 'wrong'",
            arguments,
        );
        assert_eq!(
            frame.evaluate(code).await.expect("a sum"),
            RemoteValue::Number(42.0)
        );
    });
}

#[test]
fn what_the_page_throws_is_told_with_name_and_message() {
    with_page(|page| async move {
        let code = Code::call("() => { throw new TypeError('no\\nway'); }", []);
        let Err(EvaluateError::Exception(exception)) = page.main_frame().evaluate(code).await else {
            panic!("the exception should arrive as one");
        };
        let Rethrown::Error {
            name, message, stack, ..
        } = exception.rethrown()
        else {
            panic!("an error should stay one");
        };
        assert_eq!((name.as_str(), message.as_str()), ("TypeError", "no\nway"));
        assert!(
            stack.starts_with("TypeError: no\nway\n    at "),
            "the stack is {stack}"
        );
        let code = Code::call("() => Promise.reject(7)", []);
        let Err(EvaluateError::Exception(exception)) = page.main_frame().evaluate(code).await else {
            panic!("the rejection should arrive as an exception");
        };
        assert_eq!(
            exception.rethrown(),
            Rethrown::Primitive(RemoteValue::Number(7.0))
        );
    });
}

#[test]
fn a_navigation_brings_its_response() {
    with_page(|page| async move {
        let server = Server::start().await;
        let options = NavigationOptions::default();
        let response = page
            .main_frame()
            .goto(&server.url("/page"), &options)
            .await
            .expect("it loads")
            .expect("it has a response");
        assert_eq!(response.status(), 200);
        assert!(
            response
                .headers()
                .iter()
                .any(|(name, value)| name == "x-test" && value == "yes")
        );
        let body = response.body().await.expect("a body");
        assert!(String::from_utf8_lossy(&body).contains("<title>Page</title>"));
        assert_eq!(page.main_frame().url(), server.url("/page"));
        assert_eq!(page.main_frame().title().await.expect("a title"), string("Page"));
        let missing = page.main_frame().goto(&server.url("/missing"), &options).await;
        assert_eq!(missing.expect("it loads").expect("a response").status(), 404);
        let redirected = page.main_frame().goto(&server.url("/redirect"), &options).await;
        let redirected = redirected.expect("it loads").expect("a response");
        assert_eq!(redirected.request().url(), server.url("/page"));
        assert_eq!(redirected.request().redirects().len(), 1);
        let hash = page
            .main_frame()
            .goto(&server.url("/page#there"), &options)
            .await
            .expect("it moves");
        assert!(hash.is_none(), "a move within the document has no response");
        let back = page.go(-1, &options).await.expect("it goes back");
        assert!(back.is_none());
        page.reload(false, &options)
            .await
            .expect("it reloads")
            .expect("a response");
    });
}

#[test]
fn a_navigation_that_fails_says_why() {
    with_page(|page| async move {
        let frame = page.main_frame();
        let options = NavigationOptions::default();
        let error = frame
            .goto("http://127.0.0.1:1/", &options)
            .await
            .err()
            .expect("nobody answers");
        assert_eq!(error.to_string(), "net::ERR_UNSAFE_PORT at http://127.0.0.1:1/");
        let server = Server::start().await;
        let hasty = NavigationOptions {
            timeout: Some(50),
            ..NavigationOptions::default()
        };
        let error = frame
            .goto(&server.url("/hang"), &hasty)
            .await
            .err()
            .expect("it hangs");
        assert!(matches!(error, NavigationError::TimedOut(50)), "{error}");
        let options = NavigationOptions {
            wait_until: vec![Milestone::NetworkIdle],
            ..NavigationOptions::default()
        };
        frame
            .goto(&server.url("/page"), &options)
            .await
            .expect("it loads after a failure");
        assert!(matches!(
            page.go(1, &options).await,
            Err(NavigationError::NoHistoryEntry)
        ));
    });
}

#[test]
fn content_is_set_and_read() {
    with_page(|page| async move {
        let options = NavigationOptions::default();
        let html = "<!DOCTYPE html><html><head></head><body><p>hi</p></body></html>";
        page.main_frame()
            .set_content(html, &options)
            .await
            .expect("it loads");
        assert_eq!(page.main_frame().content().await.expect("content"), string(html));
    });
}

#[test]
fn waits_end_when_their_time_has_come() {
    with_page(|page| async move {
        let frame = page.main_frame();
        let late = Selector::parse("#late");
        let waiting = frame.wait_for_selector(&late, Wanted::Visible, WaitOptions::default());
        let adding = value(
            &page,
            "setTimeout(() => document.body.innerHTML = '<p id=late>x</p>', 20), 0",
        );
        let (found, _) = tokio::join!(waiting, adding);
        assert!(found.expect("it comes").expect("an element").is_node());
        for polling in [Polling::AnimationFrame, Polling::Mutation, Polling::Interval(5.0)] {
            let options = WaitOptions {
                polling,
                ..WaitOptions::default()
            };
            value(
                &page,
                "window.n = 0, setInterval(() => document.body.className = ++n, 5), 0",
            )
            .await;
            let result = frame
                .wait_for_function("x => n > x", vec![Argument::Number(2.0)], options)
                .await;
            assert_eq!(
                result.expect("it comes").value,
                RemoteValue::Bool(true),
                "{polling:?}"
            );
        }
        let hasty = WaitOptions {
            timeout: Some(30),
            ..WaitOptions::default()
        };
        let error = frame.wait_for_function("() => false", Vec::new(), hasty).await;
        assert!(matches!(error, Err(WaitError::TimedOut(30))));
        assert_eq!(
            value(&page, "globalThis[Symbol.for('pagepool.waits')].size").await,
            RemoteValue::Number(0.0),
            "a wait that timed out polls on"
        );
    });
}

#[test]
fn a_wait_goes_on_in_the_next_document() {
    with_page(|page| async move {
        let server = Server::start().await;
        let frame = page.main_frame();
        let heading = Selector::parse("h1");
        let waiting = frame.wait_for_selector(&heading, Wanted::Present, WaitOptions::default());
        let url = server.url("/page");
        let options = NavigationOptions::default();
        let going = frame.goto(&url, &options);
        let (found, went) = tokio::join!(waiting, going);
        went.expect("it loads");
        assert!(found.expect("it comes").is_some());
    });
}

#[test]
fn events_come_in_order_and_only_when_wanted() {
    with_page(|page| async move {
        let server = Server::start().await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut subscriptions = Vec::new();
        for kind in [
            EventKind::Console,
            EventKind::Load,
            EventKind::DomContentLoaded,
            EventKind::PageError,
            EventKind::FrameNavigated,
            EventKind::Request,
            EventKind::Response,
            EventKind::RequestFinished,
        ] {
            let seen = Arc::clone(&seen);
            subscriptions.push(page.listen(kind, move |event| {
                let text = match event {
                    Event::Console(message) => format!("console {}", message.text().to_string_lossy()),
                    Event::Request(request) => format!("request {}", request.method()),
                    event => event.kind().name().to_owned(),
                };
                seen.lock().unwrap().push(text);
            }));
        }
        page.main_frame()
            .goto(&server.url("/events"), &NavigationOptions::default())
            .await
            .expect("it loads");
        value(&page, "new Promise(done => setTimeout(done, 50))").await;
        let seen = seen.lock().unwrap().clone();
        let position = |what: &str| {
            seen.iter()
                .position(|event| event == what)
                .unwrap_or_else(|| panic!("{what}: {seen:?}"))
        };
        assert!(position("request GET") < position("response"));
        assert!(position("response") < position("framenavigated"));
        assert!(position("framenavigated") < position("console hello 1"));
        assert!(position("console hello 1") < position("domcontentloaded"));
        assert!(position("domcontentloaded") < position("load"));
        assert!(seen.iter().any(|event| event == "pageerror"));
        assert!(seen.iter().any(|event| event == "requestfinished"));
        drop(subscriptions);
        assert!(!page.has_listeners(EventKind::Console));
    });
}

#[test]
fn what_waits_for_a_dying_page_hears_of_it_at_once() {
    with_page(|page| async move {
        let frame = page.main_frame();
        let pending = frame.evaluate(Code::Expression("new Promise(() => {})".into()));
        let crash = page.session().send_raw(
            "Page.crash",
            serde_json::json!({}),
            Deadline::Within(Duration::from_secs(20)),
        );
        let (pending, crash) = tokio::join!(pending, crash);
        assert!(crash.is_err());
        let error = pending.expect_err("the page died");
        assert_eq!(
            error.to_string(),
            "Protocol error (Runtime.evaluate): Target crashed"
        );
        assert!(page.is_crashed());
        let other = page.browser_context().new_page().await.expect("another page");
        let frame = other.main_frame();
        let pending = frame.evaluate(Code::Expression("new Promise(() => {})".into()));
        let (pending, closed) = tokio::join!(pending, other.close(false));
        closed.expect("it closes");
        assert_eq!(
            pending.expect_err("the page closed").to_string(),
            "Protocol error (Runtime.evaluate): Target closed"
        );
        assert!(other.is_closed());
    });
}

#[test]
fn a_screenshot_is_a_picture() {
    with_page(|page| async move {
        let picture = page
            .screenshot(&ScreenshotOptions::default())
            .await
            .expect("a picture");
        assert!(picture.starts_with(b"\x89PNG"));
        assert_eq!(&picture[16..24], &[0, 0, 3, 32, 0, 0, 2, 88], "800 by 600");
    });
}

#[test]
fn frames_are_followed() {
    with_page(|page| async move {
        let server = Server::start().await;
        page.main_frame()
            .goto(&server.url("/frames"), &NavigationOptions::default())
            .await
            .expect("it loads");
        let frames = page.frames();
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[1].name(), "inner");
        assert_eq!(frames[1].url(), server.url("/page"));
        let title = frames[1].evaluate(Code::call("() => document.title", [])).await;
        assert_eq!(title.expect("a title"), string("Page"));
        value(&page, "document.querySelector('iframe').remove()").await;
        assert_eq!(page.frames().len(), 1);
        assert!(frames[1].is_detached());
    });
}
