//! Performs the pool's browser actions on Chrome.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use chromiumoxide::cdp::js_protocol::runtime::EvaluateParams;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::ask;
use super::browser::{Browser, LaunchError};
use super::close;
use super::liveness;
use super::load::{self, Failed, Load, LoadError};
use super::manager::BrowserManager;
use super::memory::{self, Renderer};
use super::popups::{self, Popups};
use super::tab::{Capture, ConsoleSink, Tab};
use crate::capture::ConsoleErrors;
use crate::cdp::{CallError, Deadline, Health, Listener, MESSAGE_DROPPED, MessageDropped, io};
use crate::driver::{Driver, Outcomes, StandbyPage, StandbyReport};
use crate::page::{BrowserContext, Page, PopupHandler};
use crate::pool::{BrowserAction, BrowserInfo, ContextId, Event, Failure, FailureKind, OperationId, TabId};

/// How long Chrome may take over a new context; it answers in milliseconds.
const CREATION_PATIENCE: Duration = Duration::from_secs(30);

/// A browser that is in use is looked after as often as this: pages that answer do not show that nothing can be loaded.
const ROUND: Duration = Duration::from_secs(10);

/// A pool's settings for its browser.
#[derive(Clone, Debug)]
pub struct DriverOptions {
    /// The page that tabs stand by on.
    pub standby_page: StandbyPage,
    /// Budget of a standby's navigation, and again of its readiness.
    pub standby_timeout: Duration,
    /// How long a page or context may take to close before the next, harder step.
    pub close_timeout: Duration,
    /// The pool asks how much memory renderers hold.
    pub measures_memory: bool,
}

/// Why a tab does not stand by, and what is known of it.
#[derive(Debug)]
pub struct FailedStandby {
    /// What went wrong.
    pub error: LoadError,
    /// How far it came.
    pub report: StandbyReport,
}

/// Why a context could not be made.
#[derive(Clone, Debug, thiserror::Error)]
enum OpenError {
    #[error("{0}")]
    Launch(Arc<LaunchError>),
    #[error("{source}")]
    Call {
        source: Arc<CallError>,
        kind: FailureKind,
    },
}

/// A context of Chrome.
#[derive(Clone)]
struct Context {
    browser: Arc<Browser>,
    context: BrowserContext,
}

/// One that is there, or is being made: it is closed even when it comes after its maker gave up.
type Opening = Shared<BoxFuture<'static, Result<Context, OpenError>>>;

#[derive(Default)]
struct Registry {
    contexts: HashMap<ContextId, Opening>,
    tabs: HashMap<TabId, Entry>,
    /// The browser that was used last.
    watched: Option<Watched>,
    asked: ask::Asked,
    popups: Popups,
}

impl Registry {
    /// The tab whose page, or whose popup, has opened this page.
    fn opener_of(&self, popup: &Page, opener: &str) -> Option<TabId> {
        let is_opener = |entry: &Entry| {
            let page = entry.tab.as_ref().map(|(tab, _)| tab.page());
            page.is_some_and(|page| page.target_id() == opener)
        };
        let of_tab = self.tabs.iter().find(|(_, entry)| is_opener(entry));
        if let Some(tab) = of_tab.map(|(&tab, _)| tab).or_else(|| self.popups.tab_of(opener)) {
            return Some(tab);
        }
        // The opener is gone by now, or its load has only begun. There is one tab in a context at a time.
        let is_known = popup.opener().is_some();
        let context = popup.browser_context();
        let is_context =
            |opening: &Opening| matches!(opening.peek(), Some(Ok(at)) if at.context.id() == context.id());
        let (&context, _) = self.contexts.iter().find(|(_, opening)| is_context(opening))?;
        let candidates = self
            .tabs
            .iter()
            .filter(|(_, entry)| entry.context == context && (entry.tab.is_none() || !is_known));
        candidates.map(|(&tab, _)| tab).max()
    }
}

struct Watched {
    browser: Weak<Browser>,
    /// Reports its end.
    _task: io::Task,
    /// Hears of pages that pages open.
    _popups: Arc<PopupHandler>,
    reported: bool,
    /// When it was last looked after.
    asked: Instant,
}

struct Entry {
    context: ContextId,
    page_id: String,
    tab: Option<(Arc<Tab>, Arc<Browser>)>,
    /// Hears of messages that are too large.
    oversized: Option<Listener>,
    /// The process that renders the page, where its memory matters.
    renderer: Option<Renderer>,
}

/// The pool's hands on Chrome. Its work is done on the I/O thread.
pub struct ChromiumDriver {
    inner: Arc<Inner>,
}

struct Inner {
    manager: Arc<BrowserManager>,
    options: DriverOptions,
    outcomes: Arc<dyn Outcomes>,
    capture: Capture,
    registry: Mutex<Registry>,
}

impl ChromiumDriver {
    /// A driver that has asked for no browser yet. Console errors are kept in `errors` by page id.
    pub fn new(
        manager: Arc<BrowserManager>,
        options: DriverOptions,
        outcomes: Arc<dyn Outcomes>,
        errors: Arc<Mutex<ConsoleErrors>>,
        sink: Arc<dyn ConsoleSink>,
    ) -> Self {
        let capture = Capture { errors, sink };
        Self {
            inner: Arc::new(Inner {
                manager,
                options,
                outcomes,
                capture,
                registry: Mutex::default(),
            }),
        }
    }

    /// The page of the tab, from its creation until it is forgotten.
    #[must_use]
    pub fn tab(&self, tab: TabId) -> Option<Arc<Tab>> {
        self.inner.tab(tab)
    }

    /// The end of the browser, where it has ended and this has not been reported yet; the caller reports it then. Who
    /// knows that Chrome is gone, from whatever failed with it, shall find a pool that knows it, too.
    #[must_use]
    pub fn unreported_end(&self) -> Vec<Event> {
        let mut registry = self.inner.lock();
        let watched = registry.watched.as_ref();
        match watched.and_then(|watched| watched.browser.upgrade()) {
            Some(browser) if !browser.is_connected() => end_of(&mut registry, &browser),
            _ => Vec::new(),
        }
    }

    /// The tab's page is about to be handed out: one that was frozen since it answered last goes on.
    pub fn thaw(&self, tab: TabId) {
        if let Some(tab) = self.tab(tab) {
            thaw(&tab);
        }
    }

    /// The tab's page is about to be handed out. Where this gives something, that is to be waited for first: what
    /// another tenant has copied is still being cleared, and this page could read it.
    #[must_use]
    pub fn lease_begins(&self, tab: TabId) -> Option<BoxFuture<'static, ()>> {
        let tab = self.tab(tab)?;
        let context = tab.page().browser_context();
        Some(context.browser().lease_begins(context.id()?)?.boxed())
    }

    /// The lease of the tab's page has ended: what it has copied is cleared.
    pub fn lease_ends(&self, tab: TabId) {
        let Some(tab) = self.tab(tab) else { return };
        let context = tab.page().browser_context();
        if let Some(id) = context.id() {
            context.browser().lease_ends(id);
        }
    }

    /// The UUID of the tab's page.
    #[must_use]
    pub fn page_id(&self, tab: TabId) -> Option<String> {
        Some(self.inner.lock().tabs.get(&tab)?.page_id.clone())
    }

    /// The tab's page is about to be closed under whoever uses it, for this reason.
    pub fn explain_end(&self, tab: TabId, reason: &str) {
        if let Some(tab) = self.tab(tab) {
            tab.session().explain_end(reason);
        }
    }

    /// Forgets a tab that is gone for good.
    pub fn forget(&self, tab: TabId) {
        let mut registry = self.inner.lock();
        registry.popups.forget_tab(tab);
        let entry = registry.tabs.remove(&tab);
        drop(registry);
        drop(entry);
    }
}

impl Driver for ChromiumDriver {
    fn perform(&self, action: BrowserAction) {
        let inner = Arc::clone(&self.inner);
        match action {
            BrowserAction::CreateStandby {
                operation,
                context,
                tab,
            } => {
                let opening = inner.open_context();
                inner.lock().contexts.insert(context, opening.clone());
                inner.register(context, tab);
                // So that it comes, or fails, whether or not the attempt waits for it.
                io::spawn(opening);
                io::spawn(async move {
                    let event = match inner.load(context, tab).await {
                        Ok(()) => Event::StandbyReady { operation },
                        Err(failure) => Event::StandbyFailed { operation, failure },
                    };
                    inner.outcomes.report(event);
                });
            }
            BrowserAction::OpenPage {
                operation,
                context,
                tab,
            } => {
                inner.register(context, tab);
                io::spawn(async move {
                    let event = match inner.load(context, tab).await {
                        Ok(()) => Event::PageOpened { operation },
                        Err(failure) => Event::PageOpenFailed { operation, failure },
                    };
                    inner.outcomes.report(event);
                });
            }
            BrowserAction::Probe {
                operation,
                tab,
                budget_ms,
            } => inner.probe(operation, tab, budget_ms),
            BrowserAction::Ask {
                operation,
                tab,
                budget_ms,
            } => inner.ask(operation, tab, budget_ms),
            BrowserAction::MeasureMemory { operation, tab } => inner.measure(operation, tab),
            BrowserAction::Trim {
                operation,
                tab,
                budget_ms,
            } => inner.trim(operation, tab, budget_ms),
            BrowserAction::StopAsking { operation } => inner.lock().asked.stop(operation),
            BrowserAction::ClosePopups { tab } => inner.close_popups(tab),
            BrowserAction::ClosePage {
                operation,
                tab,
                context_follows,
            } => {
                inner.close_page(operation, tab, context_follows);
            }
            BrowserAction::CloseContext { operation, context } => {
                io::spawn(async move {
                    let failure = inner.close_context(context).await;
                    inner.outcomes.report(Event::ContextClosed { operation, failure });
                });
            }
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tab(&self, tab: TabId) -> Option<Arc<Tab>> {
        let registry = self.lock();
        let (tab, _) = registry.tabs.get(&tab)?.tab.as_ref()?;
        Some(Arc::clone(tab))
    }

    fn register(&self, context: ContextId, tab: TabId) {
        let page_id = uuid::Uuid::new_v4().to_string();
        self.lock().tabs.insert(
            tab,
            Entry {
                context,
                page_id,
                tab: None,
                oversized: None,
                renderer: None,
            },
        );
    }

    fn open_context(self: &Arc<Self>) -> Opening {
        let inner = Arc::clone(self);
        let opening = async move {
            let browser = inner.manager.browser().await.map_err(OpenError::Launch)?;
            inner.watch(&browser);
            let creating =
                timeout(CREATION_PATIENCE, browser.pages().create_bound_context()).map(|created| {
                    created.unwrap_or_else(|_| {
                        Err(CallError::TimedOut {
                            method: "Target.createBrowserContext".into(),
                            after: CREATION_PATIENCE,
                        })
                    })
                });
            match liveness::watched(&browser, inner.options.close_timeout, creating).await {
                Ok(context) => Ok(Context { browser, context }),
                Err(error) => Err(OpenError::Call {
                    kind: if error.is_gone() {
                        loss_of(&browser)
                    } else {
                        FailureKind::Other
                    },
                    source: Arc::new(error),
                }),
            }
        };
        opening.boxed().shared()
    }

    /// Asks the browser now and then whether it can still load anything.
    fn look_after(self: &Arc<Self>, browser: &Arc<Browser>) {
        let due = match &mut self.lock().watched {
            Some(watched) if watched.asked.elapsed() > ROUND => {
                watched.asked = Instant::now();
                watched.browser.ptr_eq(&Arc::downgrade(browser))
            }
            _ => false,
        };
        if due {
            let (browser, patience) = (Arc::clone(browser), self.options.close_timeout.max(ROUND));
            // Ends with its patience.
            io::spawn(async move { liveness::restart_unless_it_answers(&browser, patience).await });
        }
    }

    /// Reports the end of the browser, once.
    fn watch(self: &Arc<Self>, browser: &Arc<Browser>) {
        let mut registry = self.lock();
        let watched = registry.watched.as_ref();
        if watched.is_some_and(|watched| watched.browser.ptr_eq(&Arc::downgrade(browser))) {
            return;
        }
        // Whoever watched the browser before it ends with this, and may not have come to tell.
        if let Some(before) = watched.and_then(|watched| watched.browser.upgrade()) {
            for event in end_of(&mut registry, &before) {
                self.outcomes.report(event);
            }
        }
        let (inner, watched) = (Arc::downgrade(self), Arc::clone(browser));
        let task = io::spawn_owned(async move {
            let (ended, mut losses) = (watched.ended(), watched.network_losses());
            tokio::pin!(ended);
            loop {
                let has_ended = tokio::select! {
                    _ = &mut ended => true,
                    // The browser that is held keeps the sender.
                    _ = losses.changed() => false,
                };
                let Some(inner) = inner.upgrade() else { return };
                if has_ended {
                    return inner.report_end(&watched);
                }
                inner.outcomes.report(Event::NetworkServiceLost);
            }
        });
        let (inner, of) = (Arc::downgrade(self), Arc::downgrade(browser));
        let popups: Arc<PopupHandler> = Arc::new(move |page: &Page, opener: &str| {
            if let (Some(inner), Some(browser)) = (inner.upgrade(), of.upgrade()) {
                inner.popup_opened(&browser, page, opener);
            }
        });
        browser.pages().follow_popups(&popups);
        registry.watched = Some(Watched {
            browser: Arc::downgrade(browser),
            _task: task,
            _popups: popups,
            reported: false,
            asked: Instant::now(),
        });
        // Under the lock, as its end is.
        self.outcomes.report(Event::BrowserStarted(BrowserInfo {
            pid: browser.pid(),
            version: browser.product().to_owned(),
        }));
    }

    fn report_end(&self, browser: &Arc<Browser>) {
        let mut registry = self.lock();
        // Under the lock, so that who looks for an end that is on its way finds it at one of two places.
        for event in end_of(&mut registry, browser) {
            self.outcomes.report(event);
        }
    }

    async fn load(self: &Arc<Self>, context: ContextId, tab: TabId) -> Result<(), Failure> {
        let (opening, page_id) = {
            let registry = self.lock();
            let page_id = registry.tabs.get(&tab).map(|entry| entry.page_id.clone());
            (registry.contexts.get(&context).cloned(), page_id)
        };
        let (Some(opening), Some(page_id)) = (opening, page_id) else {
            return Err(Failure::new(FailureKind::Other, "the context is closed"));
        };
        let budget = self.options.standby_timeout;
        // The launch has a timeout of its own.
        self.manager
            .browser()
            .await
            .map_err(|error| launch_failure(&error))?;
        let late = || {
            failure(LoadError::TimedOut {
                page_id: page_id.clone(),
                budget,
            })
        };
        let opened = tokio::time::timeout(budget, opening).await.map_err(|_| late())?;
        let Context { browser, context } = opened.map_err(|error| open_failure(&error))?;
        let load = Load {
            page: self.options.standby_page.clone(),
            budget,
        };
        let opened = |page: &Arc<Tab>| self.adopt(tab, page, Arc::clone(&browser));
        let loading = load::open(&context, tab, &page_id, &self.capture, &load, opened);
        let loaded = liveness::watched(&browser, self.options.close_timeout, loading).await;
        if loaded.is_ok() {
            browser.knows_network_service().await;
            self.find_renderer(tab).await;
        }
        loaded.map_err(|failed| {
            let mut failure = self.standby_failure(&page_id, failed);
            if failure.kind == FailureKind::Browser {
                failure.kind = loss_of(&browser);
            }
            failure
        })
    }

    /// With what the page has said until now: soon it is forgotten.
    fn standby_failure(&self, page_id: &str, Failed { error, report }: Failed) -> Failure {
        let errors = &self.capture.errors;
        let console = errors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .peek(page_id);
        let report = StandbyReport {
            url: self.options.standby_page.url.clone(),
            console,
            ..report
        };
        // A boxel host app's log has the words of the contract alone.
        let more = (!self.options.standby_page.is_host_app).then(|| report.summary());
        let message = format!("{error}{}", more.unwrap_or_default());
        with_cause(error.kind(), message, Arc::new(FailedStandby { error, report }))
    }

    /// Keeps the page, and tells of its renderer's end.
    fn adopt(self: &Arc<Self>, id: TabId, page: &Arc<Tab>, browser: Arc<Browser>) {
        let inner = Arc::downgrade(self);
        let listener = page.session().on(MESSAGE_DROPPED, move |params| {
            if let (Some(inner), Ok(dropped)) = (
                inner.upgrade(),
                serde_json::from_str::<MessageDropped>(params.get()),
            ) {
                let why = format!(
                    "sent a message of {} bytes ({}), more than maxMessageBytes ({}), which is dropped",
                    dropped.bytes, dropped.method, dropped.limit
                );
                inner.outcomes.report(Event::TabSpoiled { tab: id, why });
            }
        });
        if let Some(entry) = self.lock().tabs.get_mut(&id) {
            entry.tab = Some((Arc::clone(page), Arc::clone(&browser)));
            entry.oversized = Some(listener);
            entry.renderer = self.options.measures_memory.then(|| Renderer::of(page.session()));
        }
        let (inner, tab, session) = (Arc::downgrade(self), Arc::downgrade(page), page.session().clone());
        // Ends with the session.
        io::spawn(async move {
            let health = session.unhealthy().await;
            let (Some(inner), Some(tab)) = (inner.upgrade(), tab.upgrade()) else {
                return;
            };
            let expected = tab.closing.load(Ordering::Acquire) || !browser.is_connected();
            if !expected {
                tracing::warn!(
                    page_id = tab.page_id(),
                    "{}",
                    if health == Health::Crashed {
                        "the renderer of a page died"
                    } else {
                        "a page was closed by somebody else"
                    }
                );
                inner.outcomes.report(Event::TabCrashed { tab: id });
            }
        });
    }

    /// So that the renderer of a page is known that loads nothing but its document.
    async fn find_renderer(&self, id: TabId) {
        let found = self.lock().tabs.get(&id).and_then(|entry| {
            let session = entry.tab.as_ref()?.0.session().clone();
            Some((entry.renderer.as_ref()?.pid(), session))
        });
        if let Some((known, session)) = found {
            Renderer::provoke(&known, &session).await;
        }
    }

    fn measure(self: Arc<Self>, operation: OperationId, tab: TabId) {
        let found = self.lock().tabs.get(&tab).and_then(|entry| {
            let pid = entry.renderer.as_ref()?.pid().load(Ordering::Relaxed);
            Some((pid, entry.tab.as_ref()?.1.pid()?))
        });
        io::spawn(async move {
            let memory_mb = match found {
                Some((pid, browser)) => {
                    let reading = tokio::task::spawn_blocking(move || memory::resident_mb(pid, browser));
                    reading.await.ok().flatten()
                }
                None => None,
            };
            self.outcomes
                .report(Event::MemoryMeasured { operation, memory_mb });
        });
    }

    /// Chrome does it in one go, and nothing stops it: all that is sent is sent at once, so that nothing comes to a page
    /// that has been leased meanwhile.
    fn trim(self: Arc<Self>, operation: OperationId, tab: TabId, budget_ms: u64) {
        let Some(page) = self.tab(tab) else {
            return self.outcomes.report(Event::Trimmed {
                operation,
                answered: false,
            });
        };
        page.page().forget_console();
        page.session().call(
            "HeapProfiler.collectGarbage",
            json!({}),
            Deadline::Within(Duration::from_millis(budget_ms)),
            move |answer| {
                let answered = answer.is_ok();
                self.outcomes.report(Event::Trimmed { operation, answered });
            },
        );
    }

    /// Runs on the connection's reader.
    fn popup_opened(self: &Arc<Self>, browser: &Arc<Browser>, page: &Page, opener: &str) {
        let mut registry = self.lock();
        let Some(tab) = registry.opener_of(page, opener) else {
            return;
        };
        registry.popups.add(tab, page);
        let opener = registry.tabs.get(&tab).and_then(|entry| entry.tab.clone());
        drop(registry);
        self.outcomes.report(Event::PopupOpened { tab });
        if opener.is_some_and(|(opener, _)| opener.closing.load(Ordering::Acquire)) {
            popups::close_target(browser, page, self.options.close_timeout);
        }
        let (inner, page) = (Arc::downgrade(self), page.clone());
        // Ends with the session.
        io::spawn(async move {
            page.session().closed().await;
            if let Some(inner) = inner.upgrade() {
                inner.lock().popups.remove(page.target_id());
                inner.outcomes.report(Event::PopupClosed { tab });
            }
        });
    }

    fn close_popups(self: Arc<Self>, tab: TabId) {
        let mut registry = self.lock();
        let browser = registry
            .tabs
            .get(&tab)
            .and_then(|entry| Some(Arc::clone(&entry.tab.as_ref()?.1)));
        let Some(browser) = browser.or_else(|| registry.watched.as_ref()?.browser.upgrade()) else {
            return;
        };
        let popups = registry.popups.take(tab);
        drop(registry);
        // Ends with its patience.
        io::spawn(async move {
            let patience = self.options.close_timeout.max(liveness::STEP);
            if !popups::close(&browser, &popups, patience).await {
                let why = "has a popup that does not close".to_owned();
                self.outcomes.report(Event::TabSpoiled { tab, why });
            }
        });
    }

    fn probe(self: Arc<Self>, operation: OperationId, tab: TabId, budget_ms: u64) {
        let (page, is_doubtful) = {
            let mut registry = self.lock();
            let page = registry.tabs.get(&tab).and_then(|entry| entry.tab.clone());
            (page, registry.popups.take_doubt(tab))
        };
        let Some((page, browser)) = page else {
            let failure = Failure::new(FailureKind::Other, "the page is gone");
            self.outcomes.report(Event::ProbeFailed { operation, failure });
            return;
        };
        self.look_after(&browser);
        if !is_doubtful {
            return self.probe_page(operation, page, browser, budget_ms);
        }
        // Ends with its deadlines.
        io::spawn(async move {
            popups::free_thread(&page).await;
            self.probe_page(operation, page, browser, budget_ms);
        });
    }

    fn probe_page(
        self: Arc<Self>,
        operation: OperationId,
        page: Arc<Tab>,
        browser: Arc<Browser>,
        budget_ms: u64,
    ) {
        thaw(&page);
        let budget = Duration::from_millis(budget_ms);
        let (question, half, asked) = (question(), budget / 2, Instant::now());
        let session = page.session().clone();
        session.call(
            "Runtime.evaluate",
            question,
            Deadline::Within(half),
            move |answer| {
                let Err(error) = answer else {
                    return self.outcomes.report(Event::ProbeAnswered { operation });
                };
                // Ends with the browser, or with its deadlines.
                io::spawn(async move {
                    let outcome = match error {
                        CallError::TimedOut { .. } => self.ask_again(&page, &browser, half, asked).await,
                        error => Err(error),
                    };
                    let Err(error) = outcome else {
                        return self.outcomes.report(Event::ProbeAnswered { operation });
                    };
                    let (hangs, is_lost) = (
                        matches!(error, CallError::TimedOut { .. }),
                        matches!(error, CallError::Disconnected { .. }),
                    );
                    if is_lost {
                        // Told first, so that nothing else of the same browser is offered in its place.
                        browser.ended().await;
                        self.report_end(&browser);
                    }
                    let failure = call_failure(error);
                    self.outcomes.report(Event::ProbeFailed { operation, failure });
                    if hangs {
                        // Perhaps it is not the page.
                        let patience = self.options.close_timeout;
                        liveness::restart_unless_it_answers(&browser, patience).await;
                    }
                });
            },
        );
    }

    /// Asks a page that is in use.
    fn ask(self: Arc<Self>, operation: OperationId, tab: TabId, budget_ms: u64) {
        let page = self.lock().tabs.get(&tab).and_then(|entry| entry.tab.clone());
        let Some((page, browser)) = page else {
            let failure = Failure::new(FailureKind::Other, "the page is gone");
            self.outcomes.report(Event::ProbeFailed { operation, failure });
            return;
        };
        let budget = Duration::from_millis(budget_ms);
        self.lock().asked.begin(operation);
        // Ends with the page, or with its deadlines.
        io::spawn(async move {
            let asked = Instant::now();
            let is_wanted = || self.lock().asked.contains(operation);
            let mut outcome = ask::answers(&page, budget, is_wanted).await;
            if matches!(outcome, Err(CallError::TimedOut { .. })) && is_wanted() {
                let patience = self.options.close_timeout;
                // The browser's own silence is told of where it is noticed.
                if let Ok(true) = liveness::was_held_up(&browser, asked, patience).await {
                    outcome = ask::answers(&page, budget, is_wanted).await;
                }
            }
            self.lock().asked.stop(operation);
            self.outcomes.report(match outcome {
                Ok(()) => Event::ProbeAnswered { operation },
                Err(error) => Event::ProbeFailed {
                    operation,
                    failure: call_failure(error),
                },
            });
        });
    }

    /// Asks a page that has not answered for half of its time. Chrome lets nobody speak to a page that waits for its
    /// navigation's server, so that is given up first; and where the connection was busy, the time begins anew.
    async fn ask_again(
        &self,
        page: &Tab,
        browser: &Browser,
        half: Duration,
        since: Instant,
    ) -> Result<(), CallError> {
        let session = page.session();
        session.call("Page.stopLoading", json!({}), Deadline::Protocol, |_| {});
        match session.send_within(question(), Deadline::Within(half)).await {
            Err(late @ CallError::TimedOut { .. }) => {
                let patience = self.options.close_timeout;
                if !liveness::was_held_up(browser, since, patience).await? {
                    return Err(late);
                }
                session
                    .send_within(question(), Deadline::Within(2 * half))
                    .await
                    .map(drop)
            }
            outcome => outcome.map(drop),
        }
    }

    fn close_page(self: Arc<Self>, operation: OperationId, tab: TabId, context_follows: bool) {
        let (page, popups) = {
            let registry = self.lock();
            let page = registry.tabs.get(&tab).and_then(|entry| entry.tab.clone());
            (page, registry.popups.of(tab))
        };
        let Some((page, browser)) = page else {
            self.outcomes.report(Event::PageClosed {
                operation,
                failure: None,
            });
            return;
        };
        if context_follows {
            page.closing.store(true, Ordering::Release);
            self.outcomes.report(Event::PageClosed {
                operation,
                failure: None,
            });
            return;
        }
        io::spawn(async move {
            let outcome = close::page(&browser, &page, &popups, self.options.close_timeout).await;
            self.outcomes.report(Event::PageClosed {
                operation,
                failure: outcome.err().map(close_failure),
            });
        });
    }

    async fn close_context(&self, id: ContextId) -> Option<Failure> {
        let opening = self.lock().contexts.get(&id).cloned()?;
        let patience = self.options.close_timeout;
        if tokio::time::timeout(patience, opening.clone()).await.is_err()
            && let Some(browser) = self.manager.running()
        {
            // Perhaps it is just slow; its maker's deadline bounds the wait.
            liveness::restart_unless_it_answers(&browser, liveness::STEP).await;
        }
        let outcome = match opening.await {
            // It never came.
            Err(_) => Ok(()),
            Ok(Context { browser, context }) => {
                let pages = self.pages_in(id);
                close::context(&browser, &context, &pages, patience).await
            }
        };
        self.lock().contexts.remove(&id);
        outcome.err().map(close_failure)
    }

    /// The pages of a context that is about to be closed, popups included.
    fn pages_in(&self, context: ContextId) -> Vec<Page> {
        let registry = self.lock();
        let of_it = registry.tabs.iter().filter(|(_, entry)| entry.context == context);
        let mut pages = Vec::new();
        for (&id, entry) in of_it {
            if let Some((tab, _)) = &entry.tab {
                tab.closing.store(true, Ordering::Release);
                pages.push(tab.page().clone());
            }
            pages.extend(registry.popups.of(id));
        }
        pages
    }
}

/// A question that every page can answer, at once. A page that has stopped in its debugger still evaluates, but settles
/// no promise.
pub(super) fn question() -> EvaluateParams {
    let mut question = EvaluateParams::new("1");
    question.await_promise = Some(true);
    question
}

/// A page that was frozen answers, but does nothing else.
fn thaw(tab: &Tab) {
    let session = tab.session();
    if session.take_frozen() {
        let active = json!({ "state": "active" });
        session.call("Page.setWebLifecycleState", active, Deadline::Protocol, |_| {});
        // That was our own doing.
        let _ = session.take_frozen();
    }
}

/// What the end of the browser is to the pool; nothing from the second time on.
fn end_of(registry: &mut Registry, browser: &Arc<Browser>) -> Vec<Event> {
    match &mut registry.watched {
        Some(watched) if watched.browser.ptr_eq(&Arc::downgrade(browser)) && !watched.reported => {
            watched.reported = true;
        }
        _ => return Vec::new(),
    }
    registry.contexts.retain(|_, opening| !is_in(opening, browser));
    let given_up = browser.given_up().map(|why| Event::BrowserGivenUp { why });
    let end = if browser.is_stopped() {
        Event::BrowserStopped
    } else {
        Event::BrowserDisconnected
    };
    given_up.into_iter().chain([end]).collect()
}

/// True if the context is there, and in this browser.
fn is_in(opening: &Opening, browser: &Arc<Browser>) -> bool {
    matches!(opening.peek(), Some(Ok(context)) if Arc::ptr_eq(&context.browser, browser))
}

fn with_cause(kind: FailureKind, message: String, cause: Arc<dyn Any + Send + Sync>) -> Failure {
    Failure {
        kind,
        message,
        cause: Some(cause),
    }
}

fn failure(error: LoadError) -> Failure {
    with_cause(error.kind(), error.to_string(), Arc::new(error))
}

fn call_failure(error: CallError) -> Failure {
    failure(LoadError::Call(error))
}

fn close_failure(error: close::CloseError) -> Failure {
    with_cause(FailureKind::Other, error.to_string(), Arc::new(error))
}

fn launch_failure(error: &Arc<LaunchError>) -> Failure {
    let kind = match **error {
        LaunchError::Stopped => FailureKind::BrowserStopped,
        _ => FailureKind::Browser,
    };
    with_cause(kind, error.to_string(), Arc::<LaunchError>::clone(error))
}

/// The kind of a browser's end.
fn loss_of(browser: &Browser) -> FailureKind {
    if browser.is_stopped() {
        FailureKind::BrowserStopped
    } else {
        FailureKind::Browser
    }
}

fn open_failure(error: &OpenError) -> Failure {
    match error {
        OpenError::Launch(error) => launch_failure(error),
        OpenError::Call { source, kind } => {
            with_cause(*kind, source.to_string(), Arc::<CallError>::clone(source))
        }
    }
}
