//! Our own browser, as a pool in Node uses it: outcomes and console lines come back to the JavaScript thread.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use super::super::browser_manager::Managed;
use super::super::js::{JsRef, JsThread, Scope, Value, with_scope};
use super::super::network;
use super::super::page;
use super::liveness::{Liveness, Work};
use super::page_log::PageLog;
use super::registry;
use super::tab::TabInfo;
use super::world::PageDriver;
use crate::capture::{ConsoleErrorEntry, ConsoleLevel};
use crate::cdp::io;
use crate::driver::chromium::{ChromiumDriver, ConsoleLine, ConsoleSink, DriverOptions};
use crate::driver::{Driver, Outcomes};
use crate::pool::{BrowserAction, BrowserInfo, Event, Failure, FailureKind, OperationId, TabId};

pub(super) struct ChromeParts {
    /// The pool's number.
    pub(super) pool: u64,
    pub(super) thread: JsThread,
    pub(super) manager: Managed,
    pub(super) options: DriverOptions,
    pub(super) page_log: Rc<PageLog>,
    pub(super) liveness: Rc<Liveness>,
    /// Whether debug lines are written at all.
    pub(super) debug: bool,
}

/// Brings events to the JavaScript thread.
struct Post {
    pool: u64,
    thread: JsThread,
    debug: bool,
    /// Starts and ends of the browser that the JavaScript thread has not heard of yet.
    ends: Mutex<Vec<Event>>,
}

impl Post {
    fn ends(&self) -> MutexGuard<'_, Vec<Event>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outcomes for Post {
    fn report(&self, event: Event) {
        let pool = self.pool;
        // Its start goes the same way, so that it is heard of first.
        if let Event::BrowserStarted(_)
        | Event::BrowserGivenUp { .. }
        | Event::BrowserStopped
        | Event::BrowserDisconnected = event
        {
            self.ends().push(event);
            return self.thread.post(move |_| {
                if let Some(core) = registry::pool(pool) {
                    core.effects().hear_ends();
                }
            });
        }
        self.thread.post(move |_| {
            if let Some(core) = registry::pool(pool) {
                core.effects().driver.settled(&event);
                core.handle(event);
            }
        });
    }
}

impl ConsoleSink for Post {
    fn said(&self, tab: TabId, _: &str, line: ConsoleLine) {
        if line.level == ConsoleLevel::Debug && !self.debug {
            return;
        }
        let pool = self.pool;
        self.thread.post(move |_| {
            if let Some(core) = registry::pool(pool) {
                core.effects().chrome_said(tab, &line);
            }
        });
    }

    fn thrown(&self, tab: TabId, exception_id: Option<i64>, entry: ConsoleErrorEntry) {
        if !self.debug {
            return;
        }
        let pool = self.pool;
        self.thread.post(move |_| {
            if let Some(core) = registry::pool(pool)
                && let Some(info) = core.effects().tab(tab)
            {
                core.effects().page_log.exception(&info, exception_id, &entry);
            }
        });
    }

    fn revoked(&self, tab: TabId, exception_id: i64, reason: &str) {
        if !self.debug {
            return;
        }
        let (pool, reason) = (self.pool, reason.to_owned());
        self.thread.post(move |_| {
            if let Some(core) = registry::pool(pool)
                && let Some(info) = core.effects().tab(tab)
            {
                core.effects().page_log.revoked(&info, exception_id, &reason);
            }
        });
    }
}

struct Chrome {
    inner: ChromiumDriver,
    post: Arc<Post>,
    manager: Managed,
    pages: RefCell<HashMap<TabId, JsRef>>,
    liveness: Rc<Liveness>,
    /// Operations under way: each will be answered by Chrome, or by its deadline.
    work: RefCell<HashMap<OperationId, Work>>,
}

pub(super) fn driver(parts: ChromeParts) -> Rc<dyn PageDriver> {
    let post = Arc::new(Post {
        pool: parts.pool,
        thread: parts.thread,
        debug: parts.debug,
        ends: Mutex::default(),
    });
    let errors = Arc::clone(parts.page_log.errors());
    let manager = parts.manager;
    let inner = Arc::clone(&manager.inner);
    let sink: Arc<dyn ConsoleSink> = Arc::<Post>::clone(&post);
    let outcomes: Arc<dyn Outcomes> = Arc::<Post>::clone(&post);
    Rc::new(Chrome {
        inner: ChromiumDriver::new(inner, parts.options, outcomes, errors, sink),
        post,
        manager,
        pages: RefCell::default(),
        liveness: parts.liveness,
        work: RefCell::default(),
    })
}

impl PageDriver for Chrome {
    fn perform(&self, action: BrowserAction, _: Option<Rc<TabInfo>>) {
        let operation = match &action {
            BrowserAction::CreateStandby { operation, .. }
            | BrowserAction::OpenPage { operation, .. }
            | BrowserAction::Probe { operation, .. }
            | BrowserAction::Ask { operation, .. }
            | BrowserAction::MeasureMemory { operation, .. }
            | BrowserAction::ClosePage { operation, .. }
            | BrowserAction::CloseContext { operation, .. } => Some(*operation),
            // A trim is not worth keeping the process alive.
            BrowserAction::Trim { .. }
            | BrowserAction::StopAsking { .. }
            | BrowserAction::ClosePopups { .. } => None,
        };
        if let Some(operation) = operation {
            self.work.borrow_mut().insert(operation, self.liveness.work());
        }
        if matches!(action, BrowserAction::CreateStandby { .. }) {
            with_scope(|scope| self.manager.look_at_environment(scope));
        }
        self.inner.perform(action);
    }

    fn settled(&self, event: &Event) {
        let (Event::StandbyReady { operation }
        | Event::StandbyFailed { operation, .. }
        | Event::PageOpened { operation }
        | Event::PageOpenFailed { operation, .. }
        | Event::ProbeAnswered { operation }
        | Event::ProbeFailed { operation, .. }
        | Event::MemoryMeasured { operation, .. }
        | Event::PageClosed { operation, .. }
        | Event::ContextClosed { operation, .. }) = event
        else {
            return;
        };
        let work = self.work.borrow_mut().remove(operation);
        drop(work);
    }

    fn page<'s>(&self, scope: Scope<'s>, tab: TabId) -> Option<Value<'s>> {
        self.inner.thaw(tab);
        if let Some(page) = self.pages.borrow().get(&tab) {
            return Some(page.get(scope));
        }
        let opened = self.inner.tab(tab)?;
        let page = page::wrap(scope, opened.page()).ok()?;
        network::register_tab(page, &opened);
        self.pages.borrow_mut().insert(tab, JsRef::new(page)?);
        Some(page)
    }

    fn lease_begins(&self, tab: TabId) -> Option<BoxFuture<'static, ()>> {
        self.inner.lease_begins(tab)
    }

    fn lease_ends(&self, tab: TabId) {
        self.inner.lease_ends(tab);
    }

    fn unheard_ends(&self) -> Vec<Event> {
        let unreported = self.inner.unreported_end();
        let mut ends = std::mem::take(&mut *self.post.ends());
        ends.extend(unreported);
        ends
    }

    fn running(&self) -> Option<BrowserInfo> {
        let browser = self.manager.inner.running()?;
        Some(BrowserInfo {
            pid: browser.pid(),
            version: browser.product().to_owned(),
        })
    }

    fn page_id(&self, tab: TabId) -> Option<String> {
        self.inner.page_id(tab)
    }

    fn explain_end(&self, tab: TabId, reason: &str) {
        self.inner.explain_end(tab, reason);
    }

    fn forget(&self, tab: TabId) {
        let page = self.pages.borrow_mut().remove(&tab);
        if let Some(page) = page {
            with_scope(|scope| network::forget(page.get(scope)));
        }
        self.inner.forget(tab);
    }

    fn clean_user_data_dirs(&self, ended: Box<dyn FnOnce(Option<Failure>)>) {
        let (done, outcome) = tokio::sync::oneshot::channel();
        with_scope(|scope| self.manager.look_at_environment(scope));
        let manager = Arc::clone(&self.manager.inner);
        io::spawn(async move {
            // The pool may be gone meanwhile.
            let _ = done.send(
                manager
                    .clean_user_data_dirs()
                    .await
                    .err()
                    .map(|error| error.to_string()),
            );
        });
        super::super::js::spawn_local(async move {
            let failed = outcome.await.ok().flatten();
            ended(failed.map(|message| Failure::new(FailureKind::Other, message)));
        });
    }
}

impl super::world::World {
    /// A line of a page's console, on its way to the log.
    fn chrome_said(&self, tab: TabId, line: &ConsoleLine) {
        let Some(info) = self.tab(tab) else { return };
        self.page_log
            .console(&info, &line.kind, line.location.as_ref(), &line.text);
    }
}
