//! The world that a pool acts on, as it is in Node: promises, loggers, callbacks, a browser.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::num::NonZero;
use std::rc::{Rc, Weak};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::super::abort::{self, AbortListener, CancelState};
use super::super::browser_manager::BrowserManager;
use super::super::clock::{date_now, monotonic_ms};
use super::super::js::realm::{self, Realm};
use super::super::js::{
    Deferred, ErrorClass, JsRef, JsThread, JsWeak, Scope, Settled, Thrown, Value, settled, spawn_local,
    with_scope,
};
use super::super::timer::Timer;
use super::chromium::{self, ChromeParts};
use super::errors;
use super::events::Audience;
use super::lease;
use super::liveness::{Liveness, PendingPromise, Work};
use super::log::{LOGGER, Log, POOL_LOG};
use super::manager;
use super::options::{Options, environment};
use super::page_log::PageLog;
use super::registry;
use super::render_semaphore::RenderSemaphore;
use super::tab::TabInfo;
use super::vault::Vault;
use crate::driver::chromium::DriverOptions;
use crate::driver::host::{self, HostParts};
use crate::pool::{
    Action, AffinityKey, BrowserAction, BrowserInfo, Config, Event, Failure, Grant, Inputs, LogLevel, Now,
    OperationId, Pool, RequestId, Revocation, TabId, TicketId,
};
use crate::runtime::{Effects, Runtime};

/// Chrome makes standbys side by side; more at a time than this makes each slower.
const CHROME_STANDBYS_AT_A_TIME: u32 = 4;
/// How long an answer of a page counts where the pool's own driver asked for it, ms.
const PROOF_OF_LIFE_MS: f64 = 1_000.0;
/// After how long a tab that nobody has is trimmed, where that is not said, ms.
const IDLE_TRIM_MS: f64 = 2_000.0;

/// A trim takes a processor and some of another: it goes on beside leases only where they leave half of them.
fn trims_beside_leases() -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    u32::try_from((processors / 2).saturating_sub(1)).unwrap_or(u32::MAX)
}

/// Their names in the vault.
pub(crate) const MANAGER: &str = "browserManager";
pub(crate) const READY_FUNCTION: &str = "readyFunction";
const CALLBACK: &str = "onAffinityDisposed";

/// A pool in Node.
pub(crate) type Core = Runtime<World>;

/// What a pool needs of whoever speaks to its browser.
pub(crate) trait PageDriver {
    /// Starts the action; `tab` is what is known of its tab. Its outcome may be reported before this returns.
    fn perform(&self, action: BrowserAction, tab: Option<Rc<TabInfo>>);

    /// The page that callers get, at the moment when they do: one tab always has the same.
    fn page<'s>(&self, scope: Scope<'s>, tab: TabId) -> Option<Value<'s>>;

    /// The page is about to be handed out, as soon as what this gives has resolved.
    fn lease_begins(&self, _: TabId) -> Option<BoxFuture<'static, ()>> {
        None
    }

    /// The page's lease has ended.
    fn lease_ends(&self, _: TabId) {}

    /// An operation of this driver has ended; told before the pool is.
    fn settled(&self, _: &Event) {}

    /// How the browser has ended, where that is still on its way to the pool.
    fn unheard_ends(&self) -> Vec<Event> {
        Vec::new()
    }

    /// The browser that runs now, where that is known.
    fn running(&self) -> Option<BrowserInfo> {
        None
    }

    /// The page's id, where the driver gave it one of its own.
    fn page_id(&self, _: TabId) -> Option<String> {
        None
    }

    /// The page is about to be closed under whoever uses it, for this reason.
    fn explain_end(&self, _: TabId, _: &str) {}

    /// The tab is gone for good.
    fn forget(&self, tab: TabId);

    /// Removes stale profiles, then calls `ended` with what went wrong, if anything did.
    fn clean_user_data_dirs(&self, ended: Box<dyn FnOnce(Option<Failure>)>);
}

/// A `getPage` call that has not ended.
pub(super) struct Request {
    pub(super) deferred: Deferred,
    pub(super) signal: Option<JsRef>,
    pub(super) listener: Option<AbortListener>,
    /// Whether the listener stays when the lease is there.
    pub(super) revoke_on_abort: bool,
    pub(super) pending: PendingPromise,
}

/// A call that a ticket stands for.
pub(super) struct Call {
    pub(super) deferred: Deferred,
    pub(super) pending: PendingPromise,
}

pub(crate) struct World {
    /// On whose behalf it works.
    realm: Realm,
    pub(super) id: u64,
    pub(super) me: Weak<Core>,
    pub(super) thread: JsThread,
    pub(super) liveness: Rc<Liveness>,
    pub(super) log: Rc<Log>,
    pub(super) page_log: Rc<PageLog>,
    pub(super) audience: Audience,
    pub(super) driver: Rc<dyn PageDriver>,
    pub(super) semaphore: Option<Rc<RenderSemaphore>>,
    /// Whether the pool can expand at all, so that the semaphore is asked whether it is full.
    pub(super) dynamic: bool,
    /// Whether the number of waiters is limited for every call.
    pub(super) limits_waiting: bool,
    pub(super) server_url: RefCell<String>,
    pub(super) vault: Rc<Vault>,
    pub(super) requests: RefCell<HashMap<RequestId, Request>>,
    pub(super) leases: RefCell<HashMap<RequestId, Rc<lease::Held>>>,
    pub(super) calls: RefCell<HashMap<TicketId, Call>>,
    pub(super) tabs: RefCell<HashMap<TabId, Rc<TabInfo>>>,
    pub(super) next: Cell<u64>,
    pub(super) timer: RefCell<Option<ArmedTimer>>,
    /// The pool itself, while it owes an answer or has work under way: nobody else may hold it then.
    pub(super) held: RefCell<Option<Rc<Core>>>,
}

pub(super) struct ArmedTimer {
    deadline_ms: u64,
    _timer: Timer,
    _work: Work,
}

impl World {
    /// A number that names a call.
    pub(super) fn next_id(&self) -> u64 {
        let id = self.next.get();
        self.next.set(id + 1);
        id
    }

    pub(super) fn report(&self, event: Event) {
        if let Some(core) = self.me.upgrade() {
            core.handle(event);
        }
    }

    /// Brings the pool what its browser's end is to it, before anybody asks for a page.
    pub(super) fn hear_ends(&self) {
        for end in self.driver.unheard_ends() {
            self.report(end);
        }
    }

    /// The signal of a request was aborted.
    pub(super) fn cancel(&self, request: RequestId, signal: Value<'_>) {
        let taken = self.requests.borrow_mut().remove(&request);
        let Some(taken) = taken else {
            // Only a lease that is to end with its signal still listens to it.
            return self.report(Event::LeaseAborted { request });
        };
        drop(taken.listener);
        let scope = signal.scope();
        taken
            .deferred
            .reject(abort::cancelled(signal, scope, CancelState::Queued));
        self.report(Event::Cancel { request });
    }

    /// The environment ends: whoever else holds the pool has it to the end.
    pub(super) fn let_go(&self) {
        let held = self.held.take();
        drop(held);
    }

    pub(super) fn tab(&self, tab: TabId) -> Option<Rc<TabInfo>> {
        self.tabs.borrow().get(&tab).cloned()
    }

    /// A line of the pool's own, with the id of the page that it is about.
    fn write_line(&self, level: LogLevel, mut message: String, tab: Option<TabId>) {
        if let Some(tab) = tab.and_then(|tab| self.tab(tab)) {
            message = format!("{message} (pageId={})", tab.page_id());
        }
        self.log.write(POOL_LOG, level, &message);
    }

    fn perform_in_browser(&self, action: BrowserAction) {
        let mut made = None;
        let tab = match &action {
            BrowserAction::CreateStandby { tab, .. } | BrowserAction::OpenPage { tab, .. } => {
                let info = Rc::new(TabInfo::new());
                self.tabs.borrow_mut().insert(*tab, Rc::clone(&info));
                made = Some(*tab);
                Some(info)
            }
            BrowserAction::Probe { tab, .. }
            | BrowserAction::Ask { tab, .. }
            | BrowserAction::MeasureMemory { tab, .. }
            | BrowserAction::Trim { tab, .. }
            | BrowserAction::ClosePage { tab, .. } => self.tab(*tab),
            BrowserAction::CloseContext { .. }
            | BrowserAction::StopAsking { .. }
            | BrowserAction::ClosePopups { .. } => None,
        };
        self.driver.perform(action, tab);
        if let Some(tab) = made
            && let Some(page_id) = self.driver.page_id(tab)
            && let Some(info) = self.tab(tab)
        {
            info.rename(page_id);
        }
    }

    fn bind(&self, tab: TabId, affinity: AffinityKey) {
        if let Some(tab) = self.tab(tab) {
            *tab.affinity.borrow_mut() = Some(affinity);
        }
    }

    fn forget(&self, tab: TabId, retain_console_errors: bool) {
        let info = self.tabs.borrow_mut().remove(&tab);
        self.driver.forget(tab);
        if let Some(info) = info {
            self.page_log.with_errors(|errors| {
                if retain_console_errors {
                    errors.retire(&info.page_id());
                } else {
                    errors.forget(&info.page_id());
                }
            });
        }
    }

    /// Tells the pool in a microtask that the call which served a waiter has returned.
    fn settle(&self, operation: OperationId) {
        let me = self.me.clone();
        let told = with_scope(microtask).and_then(Result::ok);
        spawn_local(async move {
            if let Some(told) = told {
                // It does not reject.
                let _ = told.await;
            }
            if let Some(core) = me.upgrade() {
                core.handle(Event::Settled { operation });
            }
        });
    }

    fn grant(&self, request: RequestId, grant: Grant) {
        let taken = self.requests.borrow_mut().remove(&request);
        let Some(taken) = taken else {
            // Cancelled while this was on its way.
            return self.report(Event::Release { request });
        };
        let held = lease::Held::new(grant.tab, taken.listener.filter(|_| taken.revoke_on_abort));
        self.leases.borrow_mut().insert(request, Rc::clone(&held));
        let me = self.me.clone();
        let hand_out = move |world: &Self| {
            with_scope(|scope| {
                let page = world
                    .driver
                    .page(scope, grant.tab)
                    .unwrap_or_else(|| scope.undefined());
                let page_id = world.tab(grant.tab).map(|tab| tab.page_id()).unwrap_or_default();
                let lease = lease::lease(scope, &me, request, held, &grant, page, &page_id);
                taken.deferred.resolve(lease);
            });
            drop(taken.pending);
        };
        let Some(ready) = self.driver.lease_begins(grant.tab) else {
            return hand_out(self);
        };
        let core = self.me.upgrade();
        spawn_local(async move {
            ready.await;
            if let Some(core) = core {
                hand_out(core.effects());
            }
        });
    }

    /// Forgets a lease that has ended.
    pub(super) fn let_lease_go(&self, request: RequestId) {
        let held = self.leases.borrow_mut().remove(&request);
        if let Some(held) = held {
            self.driver.lease_ends(held.tab());
        }
    }

    fn revoke(&self, request: RequestId, tab: TabId, reason: &Revocation) {
        let held = self.leases.borrow_mut().remove(&request);
        self.driver
            .explain_end(tab, &format!("the lease was revoked: {reason}"));
        if let Some(held) = held {
            self.driver.lease_ends(tab);
            with_scope(|scope| held.revoke(scope, reason));
        }
    }

    fn reject(&self, request: RequestId, error: &crate::pool::PoolError) {
        let taken = self.requests.borrow_mut().remove(&request);
        let Some(taken) = taken else { return };
        drop(taken.listener);
        with_scope(|scope| taken.deferred.reject(errors::pool_error(scope, error)));
        drop(taken.pending);
    }

    fn answer(&self, ticket: TicketId, make: impl for<'s> FnOnce(Scope<'s>) -> Value<'s>) {
        let call = self.calls.borrow_mut().remove(&ticket);
        if let Some(call) = call {
            with_scope(|scope| call.deferred.resolve(make(scope)));
            drop(call.pending);
        }
    }

    fn affinity_disposed(&self, affinity: &AffinityKey) {
        let returned = with_scope(|scope| {
            let callback = self.vault.get(scope, CALLBACK);
            (!callback.is_undefined()).then(|| {
                callback
                    .call(scope.undefined(), &[scope.string(affinity.as_str())])
                    .map(settled)
            })
        });
        let Some(Some(returned)) = returned else { return };
        let log = Rc::clone(&self.log);
        let affinity = affinity.clone();
        let failed = move |thrown: &Thrown| {
            let message = with_scope(|scope| thrown.message(scope)).unwrap_or_default();
            let line = format!("onAffinityDisposed threw for {affinity}: {message}");
            log.write(POOL_LOG, LogLevel::Error, &line);
        };
        match returned {
            // Nobody waits for an async callback, but what it rejects with is told.
            Ok(settled) => spawn_local(async move {
                if let Err(thrown) = settled.await {
                    failed(&thrown);
                }
            }),
            Err(thrown) => failed(&thrown),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        registry::remove(self.id);
    }
}

/// `new PagePool(options)`.
#[expect(
    clippy::too_many_lines,
    reason = "most of them are the fields of what is built"
)]
pub(super) fn build(scope: Scope<'_>, owner: Value<'_>, options: Value<'_>) -> Result<Rc<Core>, Thrown> {
    let mut options = Options::read(options)?;
    let native = BrowserManager::of(options.browser_manager);
    if native.is_some() {
        options.machine.standby_concurrency = CHROME_STANDBYS_AT_A_TIME;
        options.machine.escalate_page_close = true;
        options
            .machine
            .tab_proof_of_life_ms
            .get_or_insert(PROOF_OF_LIFE_MS);
        options.machine.idle_trim_ms.get_or_insert(IDLE_TRIM_MS);
        options.machine.trims_beside_leases = trims_beside_leases();
    } else {
        options.machine.tab_proof_of_life_ms = None;
        options.machine.idle_trim_ms = None;
        // Which process renders a page is not known there.
        options.machine.max_tab_memory_mb = None;
    }
    let thread = JsThread::of(scope.napi_env())
        .map_err(|error| Thrown::new(scope.error(ErrorClass::Error, &error.reason, None)))?;
    let (config, notices) = Config::resolve(&options.machine, &|name| environment(scope, name));
    // A logger decides itself what it drops.
    let debug = options.logger.is_some() || environment(scope, "PAGEPOOL_LOG").as_deref() == Some("debug");
    let vault = Vault::of(owner)?;
    vault.put(MANAGER, options.browser_manager);
    for (name, object) in [
        (LOGGER, options.logger),
        (CALLBACK, options.on_affinity_disposed),
        (READY_FUNCTION, options.ready_function),
    ] {
        if let Some(object) = object {
            vault.put(name, object);
        }
    }
    let log = Rc::new(Log::new(Rc::clone(&vault), options.logger.is_some(), debug));
    for (level, message) in &notices {
        log.write(POOL_LOG, *level, message);
    }
    let pages = config.initial_pages;
    let now = Now {
        monotonic_ms: monotonic_ms(),
        wall_ms: date_now(scope),
    };
    let id = registry::next_id();
    let standby_page = options.standby_page;
    let page_log = Rc::new(PageLog::new(Rc::clone(&log), &standby_page));
    let liveness = Liveness::new(thread.clone());
    let standby_timeout_ms = config.standby_timeout_ms;
    let close_timeout_ms = config.close_timeout_ms;
    let measures_memory = config.max_tab_memory_mb.is_some();
    let dynamic = config.burst_pages > config.min_pages;
    let limits_waiting = config.max_waiting.is_some();
    let core = Rc::new_cyclic(|me: &Weak<Core>| {
        let report = |me: &Weak<Core>| {
            let me = me.clone();
            move |event| {
                if let Some(core) = me.upgrade() {
                    core.handle(event);
                }
            }
        };
        let semaphore = options
            .render_semaphore
            .map(|object| RenderSemaphore::new(object, Rc::clone(&vault), report(me)));
        let driver = match native {
            Some(manager) => chromium::driver(ChromeParts {
                pool: id,
                thread: thread.clone(),
                manager,
                options: DriverOptions {
                    standby_page,
                    standby_timeout: Duration::from_millis(standby_timeout_ms),
                    close_timeout: Duration::from_millis(close_timeout_ms),
                    measures_memory,
                },
                page_log: Rc::clone(&page_log),
                liveness: Rc::clone(&liveness),
                debug,
            }),
            None => host::driver(HostParts {
                vault: Rc::clone(&vault),
                standby_page,
                standby_timeout_ms,
                page_log: Rc::clone(&page_log),
                liveness: Rc::clone(&liveness),
                report: Box::new(report(me)),
            }),
        };
        let world = World {
            id,
            realm: realm::current(),
            me: me.clone(),
            thread,
            liveness,
            log,
            page_log,
            audience: Audience {
                pool: JsWeak::new(owner),
                is_listened_to: Cell::new(false),
            },
            driver,
            semaphore,
            dynamic,
            limits_waiting,
            server_url: RefCell::new(options.server_url),
            vault,
            requests: RefCell::default(),
            leases: RefCell::default(),
            calls: RefCell::default(),
            tabs: RefCell::default(),
            next: Cell::new(1),
            timer: RefCell::default(),
            held: RefCell::default(),
        };
        Runtime::new(Pool::new(config, now), world)
    });
    registry::add(id, &core);
    core.effects()
        .perform(Action::SetSemaphoreCapacity { capacity: pages });
    core.start();
    Ok(core)
}

/// Comes with the next microtasks.
fn microtask(scope: Scope<'_>) -> Result<Settled, Thrown> {
    let (deferred, promise) = Deferred::new(scope)?;
    deferred.without_keep_alive().resolve(scope.undefined());
    Ok(settled(promise))
}

impl Effects for World {
    fn inputs(&self, event: Option<&Event>) -> Inputs {
        with_scope(|scope| {
            // Asked only where the answer matters: where a request can pass admission, which is wherever one can
            // end, when contraction is considered, and where waiters are counted.
            let counts = self.limits_waiting
                || matches!(event, Some(Event::GetPage { terms, .. }) if terms.max_waiting.is_some());
            let semaphore = self.semaphore.as_ref().filter(|_| self.dynamic || counts);
            Inputs {
                now: Now {
                    monotonic_ms: monotonic_ms(),
                    wall_ms: date_now(scope),
                },
                semaphore_full: event.is_some()
                    && semaphore.is_some_and(|semaphore| semaphore.is_full(scope)),
                semaphore_busy: event.is_none()
                    && semaphore.is_some_and(|semaphore| semaphore.is_busy(scope)),
            }
        })
        .unwrap_or_default()
    }

    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is not general over lifetimes"
    )]
    fn perform(&self, action: Action) {
        let _realm = realm::enter(self.realm);
        match action {
            Action::Browser(action) => self.perform_in_browser(action),
            Action::BindTab { tab, affinity } => self.bind(tab, affinity),
            Action::ForgetTab {
                tab,
                retain_console_errors,
            } => self.forget(tab, retain_console_errors),
            Action::AcquireSemaphore { request, priority } => {
                let signal = self
                    .requests
                    .borrow()
                    .get(&request)
                    .and_then(|request| request.signal.clone());
                match &self.semaphore {
                    Some(semaphore) => {
                        with_scope(|scope| semaphore.acquire(scope, request, priority, signal.as_ref()));
                    }
                    None => self.report(Event::SemaphoreAcquired {
                        request,
                        waited: false,
                    }),
                }
            }
            Action::AbandonSemaphore { request } => {
                if let Some(semaphore) = &self.semaphore {
                    semaphore.abandon(request);
                }
            }
            Action::ReleaseSemaphore { request } => {
                if let Some(semaphore) = &self.semaphore {
                    semaphore.release(request);
                }
            }
            Action::SetSemaphoreCapacity { capacity } => {
                if let Some(semaphore) = &self.semaphore {
                    let result = with_scope(|scope| {
                        semaphore
                            .set_capacity(scope, capacity)
                            .map_err(|thrown| thrown.message(scope))
                    });
                    if let Some(Err(message)) = result {
                        let line = format!("the render semaphore's setCapacity({capacity}) threw: {message}");
                        self.log.write(POOL_LOG, LogLevel::Error, &line);
                    }
                }
            }
            Action::Settle { operation, .. } => self.settle(operation),
            Action::Grant { request, grant } => self.grant(request, grant),
            Action::LeaseRevoked { request, tab, reason } => self.revoke(request, tab, &reason),
            Action::Reject { request, error } => self.reject(request, &error),
            Action::DisposalEnded { ticket } | Action::PoolClosed { ticket } => {
                self.answer(ticket, |scope| scope.undefined());
            }
            Action::StandbysWarm {
                ticket,
                ready,
                wanted,
                last_error,
            } => self.answer(ticket, |scope| {
                let warmth = scope.object();
                for (name, count) in [("ready", ready), ("wanted", wanted)] {
                    warmth.set(name, scope.number(f64::from(count)));
                }
                if let Some(failure) = &last_error {
                    warmth.set("lastError", errors::failure(scope, failure));
                }
                warmth
            }),
            Action::Evicted { ticket, affinities } => self.answer(ticket, |scope| {
                scope.array(affinities.iter().map(|affinity| scope.string(affinity.as_str())))
            }),
            Action::AffinityDisposed { affinity } => self.affinity_disposed(&affinity),
            Action::NotifyManager { operation, affinity } => {
                manager::notify(self, &affinity, {
                    let me = self.me.clone();
                    move || {
                        if let Some(core) = me.upgrade() {
                            core.handle(Event::ManagerNotified { operation });
                        }
                    }
                });
            }
            Action::CleanUserDataDirs { operation } => {
                let me = self.me.clone();
                self.driver.clean_user_data_dirs(Box::new(move |failure| {
                    if let Some(core) = me.upgrade() {
                        core.handle(Event::UserDataDirsCleaned { operation, failure });
                    }
                }));
            }
            Action::Tell(occurrence) => self.tell(&occurrence),
            Action::Log { level, message, tab } => self.write_line(level, message, tab),
        }
    }

    fn wake_at(&self, deadline_ms: Option<u64>) {
        let core = self.me.upgrade();
        let busy = !self.requests.borrow().is_empty()
            || !self.calls.borrow().is_empty()
            || core.as_ref().is_some_and(|core| core.read(Pool::is_working));
        let keeps_pages = !self.tabs.borrow().is_empty();
        with_scope(|scope| self.vault.hold(scope, busy || keeps_pages));
        let before = self.held.replace(core.filter(|_| busy));
        drop(before);
        let mut timer = self.timer.borrow_mut();
        let Some(deadline_ms) = deadline_ms else {
            timer.take();
            return;
        };
        if timer
            .as_ref()
            .is_some_and(|armed| armed.deadline_ms <= deadline_ms)
        {
            // It comes early at worst, and is armed anew then.
            return;
        }
        let id = self.id;
        let delay = deadline_ms.saturating_sub(monotonic_ms());
        let fire = move |_: Scope<'_>| {
            if let Some(core) = registry::pool(id) {
                core.effects().timer.borrow_mut().take();
                core.handle_timeout();
            }
        };
        *timer = Some(ArmedTimer {
            deadline_ms,
            _timer: Timer::start(self.thread.clone(), delay, fire),
            _work: self.liveness.work(),
        });
    }
}
