//! A browser that JavaScript gave: any object in puppeteer's shape.
//!
//! Methods are looked up at each call and called on their object. They may return plain values, throw, reject,
//! or never settle; what comes after it was given up on is let go of again.

mod attempt;
mod console;
mod session;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use futures_util::future::{Either, select};
use tokio::sync::oneshot;

use crate::capture::{ConsoleErrorEntry, PendingRequests};
use crate::driver::StandbyPage;
use crate::node::js::{JsRef, Scope, Thrown, Value, call_method, settled, spawn_local, with_scope};
use crate::node::loader::definition;
use crate::node::network;
use crate::node::pool::{Liveness, MANAGER, PageDriver, PageLog, TabInfo, Vault, failure_of};
use crate::node::timer::sleep;
use crate::pool::{BrowserAction, ContextId, Event, Failure, FailureKind, OperationId, TabId};

/// The parts of the driver.
pub(crate) struct HostParts {
    /// Holds the browser manager.
    pub(crate) vault: Rc<Vault>,
    /// The page that tabs stand by on.
    pub(crate) standby_page: StandbyPage,
    /// Budget of a standby's navigation, and again of its readiness.
    pub(crate) standby_timeout_ms: u64,
    pub(crate) page_log: Rc<PageLog>,
    pub(crate) liveness: Rc<Liveness>,
    /// Hands an event to the pool.
    pub(crate) report: Box<dyn Fn(Event)>,
}

/// Performs the pool's actions on JavaScript objects.
pub(crate) struct HostDriver {
    parts: HostParts,
    contexts: RefCell<HashMap<ContextId, ContextState>>,
    tabs: RefCell<HashMap<TabId, Rc<HostTab>>>,
}

enum ContextState {
    /// `createBrowserContext()` has not been called, or has failed.
    Absent,
    /// It is under way; once the context is there, it is closed for this operation.
    Creating { close: Option<OperationId> },
    /// It is there.
    Open(JsRef),
}

/// A message that is complete; none that is no news.
type Message = Option<ConsoleErrorEntry>;

struct HostTab {
    info: Rc<TabInfo>,
    context: ContextId,
    page: RefCell<Option<JsRef>>,
    /// Console messages that the log waits for, in the order in which they came.
    messages: RefCell<VecDeque<Rc<RefCell<Option<Message>>>>>,
    network: Rc<RefCell<PendingRequests>>,
    /// True if its listeners were taken off.
    silent: Cell<bool>,
}

impl HostDriver {
    pub(crate) fn new(parts: HostParts) -> Rc<Self> {
        Rc::new(Self {
            parts,
            contexts: RefCell::default(),
            tabs: RefCell::default(),
        })
    }

    /// Calls a method of the browser manager, which is gone only after the pool.
    fn call_manager(&self, method: &str) -> impl Future<Output = Result<JsRef, Thrown>> + use<> {
        let manager = with_scope(|scope| JsRef::new(self.parts.vault.get(scope, MANAGER))).flatten();
        let called = manager.map(|manager| call_method(&manager, method, &[]));
        async move {
            match called {
                Some(called) => called.await,
                None => std::future::pending().await,
            }
        }
    }

    fn report(&self, event: Event) {
        (self.parts.report)(event);
    }

    fn add_tab(&self, tab: TabId, context: ContextId, info: Option<Rc<TabInfo>>) -> Option<Rc<HostTab>> {
        let host_tab = Rc::new(HostTab {
            info: info?,
            context,
            page: RefCell::new(None),
            messages: RefCell::default(),
            network: Rc::default(),
            silent: Cell::new(false),
        });
        self.tabs.borrow_mut().insert(tab, Rc::clone(&host_tab));
        Some(host_tab)
    }

    fn tab(&self, tab: TabId) -> Option<Rc<HostTab>> {
        self.tabs.borrow().get(&tab).cloned()
    }

    fn page_of(&self, tab: TabId) -> Option<JsRef> {
        self.tab(tab).and_then(|tab| tab.page.borrow().clone())
    }

    /// Calls `createBrowserContext()`. A context that comes after it was given up on is closed then.
    fn create_context(
        self: &Rc<Self>,
        id: ContextId,
        browser: &JsRef,
    ) -> oneshot::Receiver<Result<JsRef, Thrown>> {
        let (sender, receiver) = oneshot::channel();
        self.contexts
            .borrow_mut()
            .insert(id, ContextState::Creating { close: None });
        let created = call_method(browser, "createBrowserContext", &[]);
        let this = Rc::clone(self);
        spawn_local(async move {
            let created = created.await;
            let state = match &created {
                Ok(context) => ContextState::Open(context.clone()),
                Err(_) => ContextState::Absent,
            };
            let before = this.contexts.borrow_mut().insert(id, state);
            // Nobody may be left to hear it.
            let _ = sender.send(created);
            if let Some(ContextState::Creating {
                close: Some(operation),
            }) = before
            {
                this.close_context(operation, id);
            }
        });
        receiver
    }

    fn create_standby(self: Rc<Self>, operation: OperationId, context: ContextId, tab: Rc<HostTab>) {
        self.contexts.borrow_mut().insert(context, ContextState::Absent);
        let work = self.parts.liveness.work();
        spawn_local(async move {
            let outcome = self.attempt_in_new_context(&tab).await;
            drop(work);
            self.report(match outcome {
                Ok(()) => Event::StandbyReady { operation },
                Err(failure) => Event::StandbyFailed { operation, failure },
            });
        });
    }

    fn open_page(self: Rc<Self>, operation: OperationId, context: ContextId, tab: Rc<HostTab>) {
        let open = match self.contexts.borrow().get(&context) {
            Some(ContextState::Open(context)) => Some(context.clone()),
            _ => None,
        };
        let work = self.parts.liveness.work();
        spawn_local(async move {
            let outcome = match open {
                Some(context) => self.attempt_in(&tab, context).await,
                None => Err(Failure::new(FailureKind::Other, "the context is gone")),
            };
            drop(work);
            self.report(match outcome {
                Ok(()) => Event::PageOpened { operation },
                Err(failure) => Event::PageOpenFailed { operation, failure },
            });
        });
    }

    fn probe(self: Rc<Self>, operation: OperationId, tab: TabId, budget_ms: u64) {
        let answer = self.page_of(tab).map(|page| {
            let function = with_scope(|scope| JsRef::new(definition(scope, "probe"))).flatten();
            call_method(&page, "evaluate", function.as_slice())
        });
        let Some(answer) = answer else {
            let failure = Failure::new(FailureKind::Other, "there is no page");
            return self.report(Event::ProbeFailed { operation, failure });
        };
        let work = self.parts.liveness.work();
        spawn_local(async move {
            let outcome = match select(Box::pin(answer), Box::pin(sleep(budget_ms))).await {
                Either::Left((Ok(_), _)) => Ok(()),
                Either::Left((Err(thrown), _)) => Err(failure_of(thrown, FailureKind::Other)),
                Either::Right(_) => {
                    let message = format!("no answer within {budget_ms}ms");
                    Err(Failure::new(FailureKind::TimedOut, message))
                }
            };
            drop(work);
            self.report(match outcome {
                Ok(()) => Event::ProbeAnswered { operation },
                Err(failure) => Event::ProbeFailed { operation, failure },
            });
        });
    }

    fn close_page(self: Rc<Self>, operation: OperationId, tab: TabId) {
        let page = self.tab(tab).and_then(|tab| {
            silence(&tab);
            tab.page.borrow().clone()
        });
        let Some(page) = page else {
            return self.report(Event::PageClosed {
                operation,
                failure: None,
            });
        };
        let closed = call_method(&page, "close", &[]);
        spawn_local(async move {
            let failure = closed.await.err().map(|thrown| {
                let kind = if is_gone(&thrown) {
                    FailureKind::Gone
                } else {
                    FailureKind::Other
                };
                failure_of(thrown, kind)
            });
            self.report(Event::PageClosed { operation, failure });
        });
    }

    fn close_context(self: &Rc<Self>, operation: OperationId, id: ContextId) {
        let open = match self.contexts.borrow_mut().get_mut(&id) {
            Some(ContextState::Creating { close }) => {
                *close = Some(operation);
                return;
            }
            Some(ContextState::Open(context)) => Some(context.clone()),
            Some(ContextState::Absent) | None => None,
        };
        self.contexts.borrow_mut().remove(&id);
        let Some(context) = open else {
            return self.report(Event::ContextClosed {
                operation,
                failure: None,
            });
        };
        let inside: Vec<_> = self
            .tabs
            .borrow()
            .values()
            .filter(|tab| tab.context == id)
            .cloned()
            .collect();
        for tab in inside {
            silence(&tab);
        }
        let closed = call_method(&context, "close", &[]);
        let this = Rc::clone(self);
        spawn_local(async move {
            let failure = closed
                .await
                .err()
                .map(|thrown| failure_of(thrown, FailureKind::Other));
            this.report(Event::ContextClosed { operation, failure });
        });
    }
}

/// Takes our listeners off a page that is about to be closed.
fn silence(tab: &HostTab) {
    let page = tab.page.borrow().clone();
    let Some(page) = page.filter(|_| !tab.silent.replace(true)) else {
        return;
    };
    with_scope(|scope| {
        let page = page.get(scope);
        network::forget(page);
        call_where_it_exists(page, "removeAllListeners", &[scope.string("console")]);
    });
}

/// True if puppeteer says that a page cannot be closed because it is there no more.
fn is_gone(thrown: &Thrown) -> bool {
    const SAYINGS: [&str; 5] = [
        "Target closed",
        "Session closed",
        "Connection closed",
        "No target with given id",
        "Session with given id not found",
    ];
    with_scope(|scope| {
        let name = thrown.value(scope).get("name").ok().and_then(Value::as_string);
        let message = thrown.message(scope);
        name.as_deref() == Some("TargetCloseError") || SAYINGS.iter().any(|saying| message.contains(saying))
    })
    .unwrap_or(false)
}

/// Calls a method that may be missing, throw or reject: that costs only what it provides.
fn call_where_it_exists(object: Value<'_>, name: &str, arguments: &[Value<'_>]) {
    if let Ok(method) = object.get(name)
        && method.is_function()
        && let Ok(returned) = method.call(object, arguments)
    {
        drop(settled(returned));
    }
}

struct Driver(Rc<HostDriver>);

/// The driver as the pool holds it.
pub(crate) fn driver(parts: HostParts) -> Rc<dyn PageDriver> {
    Rc::new(Driver(HostDriver::new(parts)))
}

impl PageDriver for Driver {
    fn perform(&self, action: BrowserAction, info: Option<Rc<TabInfo>>) {
        let this = Rc::clone(&self.0);
        match action {
            BrowserAction::CreateStandby {
                operation,
                context,
                tab,
            } => {
                if let Some(tab) = this.add_tab(tab, context, info) {
                    this.create_standby(operation, context, tab);
                }
            }
            BrowserAction::OpenPage {
                operation,
                context,
                tab,
            } => {
                if let Some(tab) = this.add_tab(tab, context, info) {
                    this.open_page(operation, context, tab);
                }
            }
            // Nothing can be done for a page that does not answer: it is closed.
            BrowserAction::Probe {
                operation,
                tab,
                budget_ms,
            }
            | BrowserAction::Ask {
                operation,
                tab,
                budget_ms,
            } => this.probe(operation, tab, budget_ms),
            // Which process renders a page is not known here.
            BrowserAction::MeasureMemory { operation, .. } => this.report(Event::MemoryMeasured {
                operation,
                memory_mb: None,
            }),
            // The contract names nothing by which a page could be: the pool asks for it of our own Chrome only.
            BrowserAction::Trim { operation, .. } => this.report(Event::Trimmed {
                operation,
                answered: false,
            }),
            // The question is all there is; and popups are not known here: only what the contract names is called.
            BrowserAction::StopAsking { .. } | BrowserAction::ClosePopups { .. } => {}
            BrowserAction::ClosePage { operation, tab, .. } => this.close_page(operation, tab),
            BrowserAction::CloseContext { operation, context } => this.close_context(operation, context),
        }
    }

    fn page<'s>(&self, scope: Scope<'s>, tab: TabId) -> Option<Value<'s>> {
        self.0.page_of(tab).map(|page| page.get(scope))
    }

    fn forget(&self, tab: TabId) {
        let tab = self.0.tabs.borrow_mut().remove(&tab);
        if let Some(tab) = tab {
            silence(&tab);
        }
    }

    fn clean_user_data_dirs(&self, ended: Box<dyn FnOnce(Option<Failure>)>) {
        let cleaned = self.0.call_manager("cleanupUserDataDirs");
        spawn_local(async move {
            ended(
                cleaned
                    .await
                    .err()
                    .map(|thrown| failure_of(thrown, FailureKind::Other)),
            );
        });
    }
}
