//! The driver against a real Chrome and a small host app.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "what is expected and does not come fails the test"
)]

#[path = "support/host.rs"]
mod host;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::page::CrashParams;
use chromiumoxide::cdp::browser_protocol::target::GetBrowserContextsParams;
use chromiumoxide::cdp::js_protocol::debugger::EnableParams;
use host::{Host, Standby};
use pagepool::capture::{ConsoleErrorEntry, ConsoleErrors};
use pagepool::cdp::{CallError, Deadline, Session};
use pagepool::driver::chromium::{
    BrowserManager, BrowserOptions, ChromiumDriver, ConsoleLine, ConsoleSink, DriverOptions, Environment,
};
use pagepool::driver::{Driver, Outcomes, StandbyPage};
use pagepool::pool::{BrowserAction, ContextId, Event, Failure, FailureKind, OperationId, TabId};
use rustix::process::{Pid, Signal, kill_process};
use support::{evaluate, on_io};
use tokio::sync::mpsc;

const CONTEXT: ContextId = ContextId(1);
const TAB: TabId = TabId(1);

struct Reports(mpsc::UnboundedSender<Event>);

impl Outcomes for Reports {
    fn report(&self, event: Event) {
        // The test may have ended.
        drop(self.0.send(event));
    }
}

#[derive(Default)]
struct Lines {
    said: Mutex<Vec<ConsoleLine>>,
    /// The pages' errors, and how many of them there were at each line.
    errors: Arc<Mutex<ConsoleErrors>>,
    listed: Mutex<Vec<usize>>,
    page_id: Mutex<String>,
}

impl Lines {
    fn count(&self) {
        let page_id = self.page_id.lock().expect("a lock");
        let listed = self.errors.lock().expect("a lock").peek(&page_id).len();
        self.listed.lock().expect("a lock").push(listed);
    }
}

impl ConsoleSink for Lines {
    fn said(&self, _tab: TabId, page_id: &str, line: ConsoleLine) {
        page_id.clone_into(&mut self.page_id.lock().expect("a lock"));
        self.count();
        self.said.lock().expect("a lock").push(line);
    }

    fn thrown(&self, _tab: TabId, _exception_id: Option<i64>, _entry: ConsoleErrorEntry) {
        self.count();
    }

    fn revoked(&self, _tab: TabId, _exception_id: i64, _reason: &str) {}
}

/// A driver with a browser of its own.
struct World {
    driver: ChromiumDriver,
    manager: Arc<BrowserManager>,
    events: mpsc::UnboundedReceiver<Event>,
    errors: Arc<Mutex<ConsoleErrors>>,
    lines: Arc<Lines>,
    last_operation: u64,
}

impl World {
    fn new(host_url: &str) -> Self {
        Self::with(
            host_url,
            BrowserManager::new(BrowserOptions::default()),
            Duration::from_secs(10),
        )
    }

    fn with(host_url: &str, manager: BrowserManager, standby_timeout: Duration) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let errors = Arc::<Mutex<ConsoleErrors>>::default();
        let lines = Arc::new(Lines {
            errors: Arc::clone(&errors),
            ..Lines::default()
        });
        let manager = Arc::new(manager);
        let options = DriverOptions {
            standby_page: StandbyPage::of_host_app(host_url),
            standby_timeout,
            close_timeout: Duration::from_millis(1500),
            measures_memory: false,
        };
        let sink: Arc<dyn ConsoleSink> = Arc::<Lines>::clone(&lines);
        let reports = Arc::new(Reports(sender));
        let driver = ChromiumDriver::new(Arc::clone(&manager), options, reports, Arc::clone(&errors), sink);
        Self {
            driver,
            manager,
            events,
            errors,
            lines,
            last_operation: 0,
        }
    }

    fn operation(&mut self) -> OperationId {
        self.last_operation += 1;
        OperationId(self.last_operation)
    }

    /// The next thing that happens; that a browser is given up is no more than why it goes.
    async fn event(&mut self) -> Event {
        loop {
            match self.events.recv().await.expect("an event") {
                Event::BrowserStarted(_) | Event::BrowserGivenUp { .. } => {}
                event => return event,
            }
        }
    }

    /// Makes a standby of which nothing is listed yet; returns its page's id.
    async fn silent_standby(&mut self) -> String {
        self.standby(CONTEXT, TAB).await.expect("a standby");
        let page_id = self.driver.page_id(TAB).expect("a page id");
        self.errors.lock().expect("a lock").reset(&page_id);
        page_id
    }

    async fn standby(&mut self, context: ContextId, tab: TabId) -> Result<(), Failure> {
        let wanted = self.operation();
        self.driver.perform(BrowserAction::CreateStandby {
            operation: wanted,
            context,
            tab,
        });
        loop {
            match self.event().await {
                Event::StandbyReady { operation } if operation == wanted => return Ok(()),
                Event::StandbyFailed { operation, failure } if operation == wanted => return Err(failure),
                other => eprintln!("meanwhile: {other:?}"),
            }
        }
    }

    async fn probe(&mut self, tab: TabId, budget_ms: u64) -> Result<(), Failure> {
        let operation = self.operation();
        self.driver.perform(BrowserAction::Probe {
            operation,
            tab,
            budget_ms,
        });
        match self.event().await {
            Event::ProbeAnswered { .. } => Ok(()),
            Event::ProbeFailed { failure, .. } => Err(failure),
            other => panic!("expected the probe's outcome, got {other:?}"),
        }
    }

    async fn close_page(&mut self, tab: TabId) -> Option<Failure> {
        let operation = self.operation();
        self.driver.perform(BrowserAction::ClosePage {
            operation,
            tab,
            context_follows: false,
        });
        match self.event().await {
            Event::PageClosed { failure, .. } => failure,
            other => panic!("expected the page's end, got {other:?}"),
        }
    }

    async fn close_context(&mut self, context: ContextId) -> Option<Failure> {
        let wanted = self.operation();
        self.driver.perform(BrowserAction::CloseContext {
            operation: wanted,
            context,
        });
        loop {
            match self.event().await {
                Event::ContextClosed { operation, failure } if operation == wanted => return failure,
                Event::BrowserDisconnected => {}
                other => panic!("expected the context's end, got {other:?}"),
            }
        }
    }

    fn session(&self, tab: TabId) -> Session {
        self.driver.tab(tab).expect("a page").session().clone()
    }

    /// Contexts beside the default one.
    async fn contexts_in_chrome(&self) -> usize {
        let browser = self.manager.browser().await.expect("a browser");
        let contexts = browser
            .session()
            .send(GetBrowserContextsParams::default())
            .await
            .expect("an answer");
        contexts.browser_context_ids.len()
    }

    async fn pid(&self) -> Pid {
        let pid = self
            .manager
            .browser()
            .await
            .expect("a browser")
            .pid()
            .expect("a process");
        Pid::from_raw(pid.cast_signed()).expect("a pid")
    }

    async fn end(self) {
        self.manager.stop().await;
    }
}

#[test]
fn a_standby_is_marked_before_its_document_and_ready() {
    on_io(async {
        let host = Host::start(Standby::Ready).await;
        let mut world = World::new(&host.url);
        world.standby(CONTEXT, TAB).await.expect("a standby");
        let facts =
            "[globalThis.markedBefore, !!document.querySelector('#standby-ready'), location.pathname]";
        let answer = world.session(TAB).send(evaluate(facts)).await.expect("an answer");
        assert_eq!(
            answer.result.value,
            Some(serde_json::json!([true, true, "/_standby"]))
        );
        let page_id = world.driver.page_id(TAB).expect("a page id");
        assert_eq!(page_id.len(), 36, "the page id is a UUID: {page_id}");
        assert!(
            world.probe(TAB, 10_000).await.is_ok(),
            "an idle page answers its probe"
        );
        let page = world.driver.tab(TAB).expect("a page");
        let idle = async {
            // Full Chrome asks for an icon in its own time.
            while !page.pending_requests().0.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let idle = tokio::time::timeout(Duration::from_secs(20), idle).await;
        assert!(
            idle.is_ok(),
            "nothing stays in flight: {:?}",
            page.pending_requests().0
        );
        assert!(world.close_page(TAB).await.is_none(), "the page closes");
        assert!(world.close_context(CONTEXT).await.is_none(), "the context closes");
        assert_eq!(
            world.contexts_in_chrome().await,
            0,
            "Chrome still has the context"
        );
        world.end().await;
    });
}

#[test]
fn a_page_opens_in_an_orphans_context_with_its_storage() {
    on_io(async {
        let host = Host::start(Standby::Ready).await;
        let mut world = World::new(&host.url);
        world.standby(CONTEXT, TAB).await.expect("a standby");
        world
            .session(TAB)
            .send(evaluate("localStorage.setItem('key', 'kept')"))
            .await
            .expect("an answer");
        assert!(world.close_page(TAB).await.is_none(), "the page closes");
        let operation = world.operation();
        let second = TabId(2);
        world.driver.perform(BrowserAction::OpenPage {
            operation,
            context: CONTEXT,
            tab: second,
        });
        assert!(
            matches!(world.event().await, Event::PageOpened { .. }),
            "the page opens in the orphan"
        );
        let kept = world
            .session(second)
            .send(evaluate("localStorage.getItem('key')"))
            .await
            .expect("an answer");
        assert_eq!(kept.result.value, Some("kept".into()));
        world.end().await;
    });
}

#[test]
fn a_host_app_that_is_down_or_answers_502_or_503_is_not_ready() {
    on_io(async {
        for status in [502, 503] {
            let host = Host::start(Standby::Status(status)).await;
            let mut world = World::new(&host.url);
            let failure = world.standby(CONTEXT, TAB).await.expect_err("no standby");
            assert_eq!(
                failure.kind,
                FailureKind::TargetNotReady,
                "HTTP {status}: {failure:?}"
            );
            assert!(
                world.lines.said.lock().expect("a lock").is_empty(),
                "a {status} of /_standby was logged"
            );
            assert!(
                world.close_context(CONTEXT).await.is_none(),
                "the failed attempt's context closes"
            );
            world.end().await;
        }
        let down = Host::start(Standby::Ready).await.stop().await;
        let mut world = World::new(&down);
        let failure = world.standby(CONTEXT, TAB).await.expect_err("no standby");
        assert_eq!(failure.kind, FailureKind::TargetNotReady, "{failure:?}");
        world.end().await;
    });
}

#[test]
fn a_standby_that_does_not_get_ready_times_out_with_its_page_id() {
    on_io(async {
        for standby in [Standby::Never, Standby::Silence] {
            let host = Host::start(standby).await;
            let budget = Duration::from_millis(700);
            let mut world = World::with(&host.url, BrowserManager::new(BrowserOptions::default()), budget);
            let failure = world.standby(CONTEXT, TAB).await.expect_err("no standby");
            let page_id = world.driver.page_id(TAB).expect("a page id");
            assert_eq!(failure.kind, FailureKind::TimedOut, "{failure:?}");
            assert_eq!(
                failure.message,
                format!("Standby page {page_id} timed out after 700ms")
            );
            assert!(
                world.close_context(CONTEXT).await.is_none(),
                "the failed attempt's context closes"
            );
            assert_eq!(
                world.contexts_in_chrome().await,
                0,
                "Chrome still has the context"
            );
            world.end().await;
        }
    });
}

#[test]
fn a_page_in_an_endless_loop_fails_its_probe_and_closes() {
    on_io(async {
        let host = Host::start(Standby::Ready).await;
        let mut world = World::new(&host.url);
        let (other_context, other) = (ContextId(2), TabId(2));
        world.standby(CONTEXT, TAB).await.expect("a standby");
        world.standby(other_context, other).await.expect("a standby");
        for (context, tab) in [(CONTEXT, TAB), (other_context, other)] {
            let stuck = world
                .session(tab)
                .send_within(evaluate("while (true);"), Deadline::Protocol);
            let failure = world.probe(tab, 250).await.expect_err("a stuck page");
            assert_eq!(failure.kind, FailureKind::TimedOut, "{failure:?}");
            if tab == TAB {
                assert!(world.close_page(tab).await.is_none(), "the stuck page closes");
            }
            assert!(
                world.close_context(context).await.is_none(),
                "the stuck page's context closes"
            );
            assert!(stuck.await.is_err(), "the endless loop returned");
        }
        assert_eq!(world.contexts_in_chrome().await, 0, "Chrome still has a context");
        world.end().await;
    });
}

#[test]
fn a_renderers_death_is_reported_for_its_tab() {
    on_io(async {
        let host = Host::start(Standby::Ready).await;
        let mut world = World::new(&host.url);
        world.standby(CONTEXT, TAB).await.expect("a standby");
        let crash = world
            .session(TAB)
            .send_within(CrashParams::default(), Deadline::Protocol);
        assert!(
            matches!(world.event().await, Event::TabCrashed { tab: TAB }),
            "the crash is reported"
        );
        assert!(crash.await.is_err(), "Chrome does not answer Page.crash");
        assert!(world.close_page(TAB).await.is_none(), "a crashed page closes");
        assert!(world.close_context(CONTEXT).await.is_none(), "its context closes");
        world.end().await;
    });
}

#[test]
fn chromes_death_is_reported_and_the_next_standby_gets_a_new_one() {
    on_io(async {
        let host = Host::start(Standby::Ready).await;
        let mut world = World::new(&host.url);
        world.standby(CONTEXT, TAB).await.expect("a standby");
        let (session, pid) = (world.session(TAB), world.pid().await);
        let pending = session.send_within(evaluate("new Promise(() => {})"), Deadline::Protocol);
        kill_process(pid, Signal::KILL).expect("a process to kill");
        assert!(pending.await.is_err(), "what was pending ends");
        assert!(
            matches!(world.event().await, Event::BrowserDisconnected),
            "the death is reported"
        );
        assert!(
            world.close_context(CONTEXT).await.is_none(),
            "a context that died with its browser is closed"
        );
        world
            .standby(ContextId(2), TabId(2))
            .await
            .expect("a standby in a new browser");
        assert_ne!(world.pid().await, pid, "the same browser");
        world.end().await;
    });
}

#[test]
fn a_browser_that_is_stopped_is_reported_as_such_before_what_fails_with_it() {
    on_io(async {
        let host = Host::start(Standby::Ready).await;
        let mut world = World::new(&host.url);
        world.standby(CONTEXT, TAB).await.expect("a standby");
        let session = world.session(TAB);
        let pending = session.send_within(evaluate("new Promise(() => {})"), Deadline::Protocol);
        world.manager.stop().await;
        assert!(
            matches!(world.event().await, Event::BrowserStopped),
            "the pages are not reported one by one"
        );
        let error = pending.await.expect_err("no answer");
        assert!(matches!(error, CallError::Disconnected { .. }), "{error}");
    });
}

#[test]
fn a_standby_under_way_when_the_browser_is_stopped_fails_as_that() {
    on_io(async {
        let host = Host::start(Standby::Never).await;
        let mut world = World::new(&host.url);
        let manager = Arc::clone(&world.manager);
        let browser = manager.browser().await.expect("a browser");
        let mut loading = Box::pin(world.standby(CONTEXT, TAB));
        let failure = tokio::select! {
            early = &mut loading => early.expect_err("the host app is never ready"),
            () = async {
                while browser.pages().pages().is_empty() {
                    tokio::task::yield_now().await;
                }
                manager.stop().await;
            } => loading.await.expect_err("no browser"),
        };
        assert_eq!(failure.kind, FailureKind::BrowserStopped, "{failure:?}");
    });
}

#[test]
fn a_probe_that_the_browsers_death_ends_is_reported_after_the_death() {
    on_io(async {
        let host = Host::start(Standby::Ready).await;
        let mut world = World::new(&host.url);
        world.standby(CONTEXT, TAB).await.expect("a standby");
        let group = world.pid().await;
        // So that it cannot answer before it dies.
        rustix::process::kill_process_group(group, Signal::STOP).expect("a group to stop");
        let operation = world.operation();
        world.driver.perform(BrowserAction::Probe {
            operation,
            tab: TAB,
            budget_ms: 20_000,
        });
        rustix::process::kill_process_group(group, Signal::KILL).expect("a group to kill");
        assert!(
            matches!(world.event().await, Event::BrowserDisconnected),
            "another page of the same browser may be offered meanwhile"
        );
        assert!(matches!(world.event().await, Event::ProbeFailed { .. }));
    });
}

#[test]
fn a_page_that_has_stopped_in_its_debugger_fails_its_probe() {
    on_io(async {
        let host = Host::start(Standby::Ready).await;
        let mut world = World::new(&host.url);
        world.standby(CONTEXT, TAB).await.expect("a standby");
        let session = world.session(TAB);
        session.send(EnableParams::default()).await.expect("a debugger");
        let (sender, mut pauses) = mpsc::unbounded_channel();
        let _listener = session.on("Debugger.paused", move |_| sender.send(()).expect("a test"));
        let stopped = session.send_within(evaluate("debugger"), Deadline::Protocol);
        pauses.recv().await.expect("a pause");
        let failure = world.probe(TAB, 300).await.expect_err("a stopped page");
        assert_eq!(failure.kind, FailureKind::TimedOut, "{failure:?}");
        assert!(world.close_context(CONTEXT).await.is_none(), "its context closes");
        assert!(stopped.await.is_err(), "the statement returned");
        world.end().await;
    });
}

#[test]
fn a_browser_that_hangs_is_restarted_when_a_probe_finds_it() {
    on_io(async {
        let host = Host::start(Standby::Ready).await;
        let mut world = World::new(&host.url);
        world.standby(CONTEXT, TAB).await.expect("a standby");
        let group = world.pid().await;
        rustix::process::kill_process_group(group, Signal::STOP).expect("a group to stop");
        let failure = world.probe(TAB, 250).await.expect_err("a hanging browser");
        assert_eq!(failure.kind, FailureKind::TimedOut, "{failure:?}");
        assert!(matches!(world.event().await, Event::BrowserDisconnected));
        assert_ne!(world.pid().await, group, "the hanging browser is still in use");
        world.end().await;
    });
}

#[test]
fn a_browser_that_hangs_is_restarted_to_close_a_context() {
    on_io(async {
        let host = Host::start(Standby::Ready).await;
        let mut world = World::new(&host.url);
        world.standby(CONTEXT, TAB).await.expect("a standby");
        let group = world.pid().await;
        rustix::process::kill_process_group(group, Signal::STOP).expect("a group to stop");
        assert!(
            world.close_context(CONTEXT).await.is_none(),
            "the context is gone with its browser"
        );
        assert_ne!(world.pid().await, group, "the hanging browser is still in use");
        world.end().await;
    });
}

#[test]
fn a_browser_that_makes_no_contexts_is_restarted() {
    on_io(async {
        let host = Host::start(Standby::Ready).await;
        let budget = Duration::from_secs(25);
        let mut world = World::with(&host.url, BrowserManager::new(BrowserOptions::default()), budget);
        let group = world.pid().await;
        rustix::process::kill_process_group(group, Signal::STOP).expect("a group to stop");
        let failure = world.standby(CONTEXT, TAB).await.expect_err("a hanging browser");
        // Long before the standby's budget is over.
        assert_eq!(failure.kind, FailureKind::Browser, "{failure:?}");
        assert!(
            world.close_context(CONTEXT).await.is_none(),
            "a context that never came is closed"
        );
        world
            .standby(ContextId(2), TabId(2))
            .await
            .expect("a standby in a new browser");
        assert_ne!(world.pid().await, group, "the hanging browser is still in use");
        world.end().await;
    });
}

#[test]
fn console_errors_and_exceptions_are_there_when_the_answer_is() {
    on_io(async {
        let host = Host::start(Standby::Ready).await;
        let mut world = World::new(&host.url);
        let page_id = world.silent_standby().await;
        let session = world.session(TAB);
        let code = "console.error('plain', 1); console.error('plain', 1); console.assert(false, 'asserted');
            console.log('not kept');
            Promise.resolve().then(() => { throw new Error('thrown') });
            new Promise(resolve => setTimeout(resolve, 20))
            //# sourceURL=card.js";
        session.send(evaluate(code)).await.expect("an answer");
        let entries = world.errors.lock().expect("a lock").take(&page_id);
        let said: Vec<_> = entries
            .iter()
            .map(|entry| (entry.kind.as_str(), entry.text.as_str()))
            .collect();
        // Each call has a place of its own.
        let plain = ("error", "plain 1");
        assert_eq!(
            said,
            [plain, plain, ("assert", "asserted"), ("error", "Error: thrown")]
        );
        assert!(
            world
                .lines
                .said
                .lock()
                .expect("a lock")
                .iter()
                .any(|line| line.text == "not kept"),
            "logged only"
        );

        session
            .send(evaluate("console.error({ b: 1, a: ['x'] }, document.body)"))
            .await
            .expect("an answer");
        // The objects were asked for before this, on the same session.
        session.send(evaluate("1")).await.expect("an answer");
        let texts = || {
            world
                .lines
                .said
                .lock()
                .expect("a lock")
                .iter()
                .map(|line| line.text.clone())
                .collect::<Vec<_>>()
        };
        while !texts().iter().any(|text| text.contains("\"b\"")) {
            tokio::task::yield_now().await;
        }
        let entries = world.errors.lock().expect("a lock").take(&page_id);
        assert!(
            entries[0].text.starts_with(r#"{"b":1,"a":["x"]} "#),
            "objects as JSON: {}",
            entries[0].text
        );
        world.end().await;
    });
}

#[test]
fn an_error_is_listed_before_it_is_logged() {
    on_io(async {
        let host = Host::start(Standby::Ready).await;
        let mut world = World::new(&host.url);
        world.silent_standby().await;
        world.lines.listed.lock().expect("a lock").clear();
        let code = "console.error('plain'); console.warn('not listed');
            Promise.resolve().then(() => { throw new Error('thrown') });
            new Promise(resolve => setTimeout(resolve, 20))";
        let session = world.session(TAB);
        session.send(evaluate(code)).await.expect("an answer");
        let listed = world.lines.listed.lock().expect("a lock").clone();
        assert_eq!(listed, [1, 1, 2], "entries that were there at each line");
        world.end().await;
    });
}

#[test]
fn an_exception_that_is_handled_late_is_revoked() {
    on_io(async {
        let host = Host::start(Standby::Ready).await;
        let mut world = World::new(&host.url);
        world.standby(CONTEXT, TAB).await.expect("a standby");
        let page_id = world.driver.page_id(TAB).expect("a page id");
        let code = "globalThis.late = Promise.reject(new Error('late'));
            new Promise(resolve => setTimeout(resolve, 20))
            //# sourceURL=card.js";
        world.session(TAB).send(evaluate(code)).await.expect("an answer");
        let handle = "late.catch(() => {}); new Promise(resolve => setTimeout(resolve, 20))";
        world
            .session(TAB)
            .send(evaluate(handle))
            .await
            .expect("an answer");
        let entries = world.errors.lock().expect("a lock").take(&page_id);
        let said: Vec<_> = entries
            .iter()
            .map(|entry| (entry.text.as_str(), entry.revoked))
            .collect();
        assert_eq!(said, [("Error: late", true)]);
        world.end().await;
    });
}

#[test]
fn a_foreign_browser_is_connected_to_and_left_running_without_our_contexts() {
    on_io(async {
        let host = Host::start(Standby::Ready).await;
        let owner = BrowserManager::new(BrowserOptions {
            debugging_port: true,
            ..BrowserOptions::default()
        });
        let browser = owner.browser().await.expect("a browser");
        let endpoint = browser.ws_endpoint().map(str::to_owned);
        let options = BrowserOptions {
            ws_endpoint: endpoint,
            ..BrowserOptions::default()
        };
        let mut world = World::with(&host.url, BrowserManager::new(options), Duration::from_secs(10));
        world.standby(CONTEXT, TAB).await.expect("a standby");
        assert_eq!(world.contexts_in_chrome().await, 1, "the standby's context");
        world.end().await;
        assert!(browser.is_connected(), "the foreign browser was ended");
        loop {
            let answer = browser
                .session()
                .send(GetBrowserContextsParams::default())
                .await
                .expect("an answer");
            // Chrome lets go of them when it notices that the connection is gone.
            if answer.browser_context_ids.is_empty() {
                break;
            }
        }
        owner.stop().await;
    });
}

#[test]
fn no_chrome_is_a_failure_that_says_where_it_looked() {
    on_io(async {
        let options = BrowserOptions {
            executable: Some("/nowhere/chrome".into()),
            ..BrowserOptions::default()
        };
        let manager = BrowserManager::with_environment(options, Environment::default);
        let mut world = World::with("http://127.0.0.1:1", manager, Duration::from_secs(5));
        let failure = world.standby(CONTEXT, TAB).await.expect_err("no browser");
        assert_eq!(failure.kind, FailureKind::Browser, "{failure:?}");
        assert!(failure.message.contains("/nowhere/chrome"), "{failure:?}");
        assert!(
            world.close_context(CONTEXT).await.is_none(),
            "a context that never came is closed"
        );
    });
}

#[test]
fn a_chrome_that_exits_at_once_is_a_failure_with_its_stderr() {
    let directory = tempfile::tempdir().expect("a directory");
    let executable = directory.path().join("chrome");
    fs::write(&executable, "#!/bin/sh\necho 'no display today' >&2\nexit 3\n").expect("a file");
    fs::set_permissions(&executable, fs::Permissions::from_mode(0o755)).expect("permissions");
    let profiles = directory.path().to_owned();
    on_io(async move {
        let options = BrowserOptions {
            executable: Some(executable),
            profile_parent: Some(profiles.clone()),
            ..BrowserOptions::default()
        };
        let mut world = World::with(
            "http://127.0.0.1:1",
            BrowserManager::new(options),
            Duration::from_secs(5),
        );
        let failure = world.standby(CONTEXT, TAB).await.expect_err("no browser");
        assert_eq!(failure.kind, FailureKind::Browser, "{failure:?}");
        for part in ["exited with code 3", "no display today"] {
            assert!(failure.message.contains(part), "{part:?} is not in {failure:?}");
        }
        let left: Vec<_> = fs::read_dir(&profiles)
            .expect("a directory")
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        assert_eq!(left, ["chrome"], "a profile is left");
    });
}
