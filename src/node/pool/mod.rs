//! `PagePool`.

mod calls;
mod chromium;
mod errors;
mod events;
mod lease;
mod liveness;
mod log;
mod manager;
mod options;
mod page_log;
mod registry;
mod render_semaphore;
mod snapshot;
mod stats;
mod tab;
mod vault;
mod world;

use std::rc::Rc;

use napi::bindgen_prelude::This;
use napi::{Env, JsValue};
use napi_derive::napi;

use super::check;
use super::js::{JsRef, Scope, Thrown, Value};
use super::loader::require_new;
use crate::pool::{AffinityKey, Event};
use world::Core;

pub(crate) use errors::browser_error;
pub(crate) use liveness::Liveness;
pub(crate) use options::environment;
pub(crate) use page_log::PageLog;
pub(crate) use registry::let_go as let_go_of_pools;
pub(crate) use render_semaphore::failure_of;
pub(crate) use snapshot::read_location;
pub(crate) use tab::TabInfo;
pub(crate) use vault::Vault;
pub(crate) use world::{MANAGER, PageDriver, READY_FUNCTION};

/// A pool of warm pages.
#[napi]
pub struct PagePool {
    core: Rc<Core>,
}

#[napi]
impl PagePool {
    /// Reads its options and the environment, and starts nothing. Throws a `TypeError` with the code
    /// `ERR_INVALID_ARG_VALUE` for an option that is missing or wrong.
    #[napi(
        constructor,
        catch_unwind,
        ts_args_type = "options: PagePoolOptions | StandbyPagePoolOptions"
    )]
    pub fn new(env: Env, this: This<'_>, options: Value<'_>) -> napi::Result<Self> {
        let scope = Scope::of(&env);
        let owner = Value::from_raw(scope, this.raw());
        let core = require_new(scope, this, "PagePool")
            .and_then(|()| world::build(scope, owner, options))
            .map_err(|thrown| thrown.into_napi(scope))?;
        Ok(Self { core })
    }

    /// Resolves with a lease of a page that is warm for the affinity. `queue`: what it is for. Default: `'file'`.
    ///
    /// Rejects with a `PrerenderCancelledError` when the signal is aborted; with the code `STANDBY_UNAVAILABLE`
    /// when no page can come, `cause` says why; with `POOL_CLOSED` when the pool was closed meanwhile; with
    /// `ERR_INVALID_ARG_VALUE` for a wrong argument; and with whatever a semaphore of the caller's rejects with.
    #[napi(
        catch_unwind,
        ts_args_type = "affinityKey: string, queue?: QueueKind, options?: GetPageOptions",
        ts_return_type = "Promise<Lease<P>>"
    )]
    pub fn get_page<'s>(
        &self,
        env: &'s Env,
        affinity_key: Value<'s>,
        queue: Value<'s>,
        options: Value<'s>,
    ) -> napi::Result<Value<'s>> {
        let scope = Scope::of(env);
        calls::get_page(&self.core, scope, affinity_key, queue, options)
            .map_err(|thrown| thrown.into_napi(scope))
    }

    /// Lets go of everything that is warm for the affinity. Tabs in use are closed after their release, at most
    /// `leaseGraceMs` later, and at once where a page does not answer within `closeTimeoutMs`. Rejects for a wrong
    /// argument only.
    #[napi(
        catch_unwind,
        ts_args_type = "affinityKey: string, options?: DisposeAffinityOptions",
        ts_return_type = "Promise<void>"
    )]
    pub fn dispose_affinity<'s>(
        &self,
        env: &'s Env,
        affinity_key: Value<'s>,
        options: Value<'s>,
    ) -> napi::Result<Value<'s>> {
        let scope = Scope::of(env);
        calls::dispose_affinity(&self.core, scope, affinity_key, options)
            .map_err(|thrown| thrown.into_napi(scope))
    }

    /// Disposes of the affinities whose newest use is older than this many ms, and resolves with their keys. Not
    /// finite, or not above 0: none.
    #[napi(
        catch_unwind,
        ts_args_type = "maxIdleMs: number",
        ts_return_type = "Promise<string[]>"
    )]
    pub fn evict_idle_affinities<'s>(&self, env: &'s Env, max_idle_ms: Value<'s>) -> napi::Result<Value<'s>> {
        let scope = Scope::of(env);
        calls::evict_idle(&self.core, scope, max_idle_ms).map_err(|thrown| thrown.into_napi(scope))
    }

    /// Resolves when there is nothing left to do for the refill, also when no more standbys can be made: with how many there
    /// are, and why the last attempt failed where none has gone well since.
    #[napi(catch_unwind, ts_return_type = "Promise<StandbyWarmth>")]
    pub fn warm_standbys<'s>(&self, env: &'s Env) -> napi::Result<Value<'s>> {
        let scope = Scope::of(env);
        calls::ticket(&self.core, scope, |ticket| Event::WarmStandbys { ticket })
            .map_err(|thrown| thrown.into_napi(scope))
    }

    /// Rejects what waits, waits up to `leaseGraceMs` for held leases whose pages answer, and closes everything. The
    /// pool can be used again afterwards.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn close_all<'s>(&self, env: &'s Env) -> napi::Result<Value<'s>> {
        let scope = Scope::of(env);
        calls::ticket(&self.core, scope, |ticket| Event::CloseAll { ticket })
            .map_err(|thrown| thrown.into_napi(scope))
    }

    /// The pool in numbers: sizes now, totals since it was made, histograms of its leases' waits. A frozen object of its
    /// own each time. It asks nothing of Chrome.
    #[napi(catch_unwind, ts_return_type = "PoolStats")]
    pub fn stats<'s>(&self, env: &'s Env) -> Value<'s> {
        let numbers = self.core.read(crate::pool::Pool::stats);
        let running = self.core.effects().driver.running();
        stats::stats(Scope::of(env), &numbers, running.as_ref())
    }

    /// The `EventEmitter` behind `on` and its like.
    #[napi(js_name = "__emitter", catch_unwind, skip_typescript)]
    pub fn emitter<'s>(&self, env: &'s Env) -> napi::Result<Value<'s>> {
        let scope = Scope::of(env);
        let emitter = self.core.effects().emitter(scope);
        emitter.map_err(|thrown| thrown.into_napi(scope))
    }

    /// The affinities that have a warm tab.
    #[napi(catch_unwind)]
    pub fn get_warm_affinities(&self) -> Vec<String> {
        self.core
            .read(|pool| pool.warm_affinities().iter().map(ToString::to_string).collect())
    }

    /// Which affinities are idle, and how badly others wait.
    #[napi(catch_unwind, ts_return_type = "Record<string, AffinityVacancy>")]
    pub fn get_vacancy_snapshot<'s>(&self, env: &'s Env) -> Value<'s> {
        let vacancies = self.core.read(crate::pool::Pool::vacancy_snapshot);
        snapshot::vacancies(Scope::of(env), &vacancies)
    }

    /// How many hold and wait for what.
    #[napi(catch_unwind, ts_return_type = "QueueDepthSnapshot")]
    pub fn get_queue_depth_snapshot<'s>(&self, env: &'s Env) -> Value<'s> {
        let depths = self.core.read(crate::pool::Pool::queue_depth_snapshot);
        snapshot::queue_depths(Scope::of(env), &depths)
    }

    /// The ledger of shared contexts.
    #[napi(catch_unwind, ts_return_type = "SharedContextSnapshot")]
    pub fn get_shared_context_snapshot<'s>(&self, env: &'s Env) -> Value<'s> {
        let contexts = self.core.read(crate::pool::Pool::shared_context_snapshot);
        snapshot::shared_contexts(Scope::of(env), &contexts)
    }

    /// How many tabs of each affinity were retired because they did not answer.
    #[napi(catch_unwind, ts_return_type = "Record<string, number>")]
    pub fn get_unresponsive_tab_swaps<'s>(&self, env: &'s Env) -> Value<'s> {
        let swaps = self.core.read(crate::pool::Pool::unresponsive_tab_swaps);
        let scope = Scope::of(env);
        let record = scope.object();
        for (affinity, count) in &swaps {
            record.define(affinity.as_str(), scope.number(f64::from(*count)));
        }
        record
    }

    /// How many tabs were replaced because they were worn, by what they were over: `maxUsesPerTab`, `maxTabAgeMs` or
    /// `maxTabMemoryMB`. `closeAll` clears it.
    #[napi(catch_unwind, ts_return_type = "WornTabSwaps")]
    pub fn get_worn_tab_swaps<'s>(&self, env: &'s Env) -> Value<'s> {
        let swaps = self.core.read(crate::pool::Pool::worn_tab_swaps);
        snapshot::worn_tab_swaps(Scope::of(env), swaps)
    }

    /// Forgets what the page said so far.
    #[napi(catch_unwind, ts_args_type = "pageId: string")]
    pub fn reset_console_errors(&self, page_id: Value<'_>) {
        // A page that nobody can name has said nothing.
        let Some(page_id) = page_id.as_string() else {
            return;
        };
        self.core
            .effects()
            .page_log
            .with_errors(|errors| errors.reset(&page_id));
    }

    /// Errors, failed assertions and uncaught exceptions of the page since the reset, at most 50.
    #[napi(
        catch_unwind,
        ts_args_type = "pageId: string",
        ts_return_type = "ConsoleErrorEntry[]"
    )]
    pub fn take_console_errors<'s>(&self, env: &'s Env, page_id: Value<'s>) -> Value<'s> {
        let page_id = page_id.as_string().unwrap_or_default();
        let entries = self
            .core
            .effects()
            .page_log
            .with_errors(|errors| errors.take(&page_id));
        snapshot::console_errors(Scope::of(env), &entries)
    }

    /// Pages that there may be now.
    #[napi(getter, catch_unwind)]
    pub fn current_max_pages(&self) -> u32 {
        self.core.read(crate::pool::Pool::current_max_pages)
    }

    /// Contraction never goes below this.
    #[napi(getter, catch_unwind)]
    pub fn min_pages(&self) -> u32 {
        self.core.read(|pool| pool.config().min_pages)
    }

    /// Expansion for ordinary priorities ends here.
    #[napi(getter, catch_unwind)]
    pub fn max_burst_pages(&self) -> u32 {
        self.core.read(|pool| pool.config().burst_pages)
    }

    /// Expansion for high priorities ends here.
    #[napi(getter, catch_unwind)]
    pub fn high_priority_max_pages(&self) -> u32 {
        self.core.read(|pool| pool.config().high_priority_max_pages)
    }

    /// From this priority on a request is a high one; `Infinity` where there is no such tier.
    #[napi(getter, catch_unwind)]
    pub fn high_priority_threshold(&self) -> f64 {
        self.core.read(|pool| pool.config().high_priority_threshold)
    }

    /// The URL that the prerender manager knows this server by.
    #[napi(getter, js_name = "serverURL", catch_unwind)]
    pub fn server_url(&self) -> String {
        self.core.effects().server_url.borrow().clone()
    }

    /// Changes it for notifications to come.
    #[napi(
        setter,
        js_name = "serverURL",
        catch_unwind,
        ts_args_type = "url: string | URL"
    )]
    pub fn set_server_url(&self, env: Env, url: Value<'_>) -> napi::Result<()> {
        let url = check::url(url, "serverURL").map_err(|thrown| thrown.into_napi(Scope::of(&env)))?;
        *self.core.effects().server_url.borrow_mut() = url;
        Ok(())
    }

    /// For tests: expands by one page if the pool can, for this priority.
    #[napi(
        js_name = "__test_tryExpand",
        catch_unwind,
        ts_args_type = "priority?: number"
    )]
    pub fn test_try_expand(&self, env: Env, priority: Value<'_>) -> napi::Result<bool> {
        let scope = Scope::of(&env);
        calls::try_expand(&self.core, scope, priority, false).map_err(|thrown| thrown.into_napi(scope))
    }

    /// For tests: the same, but only while the render semaphore is full.
    #[napi(
        js_name = "__test_maybeExpandUnderSaturation",
        catch_unwind,
        ts_args_type = "priority?: number"
    )]
    pub fn test_maybe_expand(&self, env: Env, priority: Value<'_>) -> napi::Result<bool> {
        let scope = Scope::of(&env);
        calls::try_expand(&self.core, scope, priority, true).map_err(|thrown| thrown.into_napi(scope))
    }

    /// For tests: keeps a copy of the entry, as an exception of the page that V8 took back.
    #[napi(
        js_name = "__test_seedRevokedException",
        catch_unwind,
        ts_args_type = "pageId: string, entry: ConsoleErrorEntry, exceptionId: number"
    )]
    pub fn test_seed_revoked_exception(&self, page_id: Value<'_>, entry: Value<'_>, exception_id: Value<'_>) {
        if let (Some(page_id), Some(entry)) = (page_id.as_string(), snapshot::read_console_error(entry)) {
            #[expect(clippy::cast_possible_truncation, reason = "V8's ids are small integers")]
            let id = exception_id.as_f64().unwrap_or_default() as i64;
            self.core.effects().page_log.with_errors(|errors| {
                errors.push_exception(&page_id, Some(id), entry);
            });
        }
    }
}

/// A key that JavaScript gave. One with a lone surrogate is none: replaced, it could be another tenant's.
fn affinity_of(value: Value<'_>) -> Result<AffinityKey, Thrown> {
    let key = value.as_utf16().and_then(|units| String::from_utf16(&units).ok());
    key.filter(|key| !key.is_empty())
        .map(|key| AffinityKey::from(key.as_str()))
        .ok_or_else(|| check::invalid(value, "affinityKey", "a well-formed string that is not empty"))
}

fn kept(value: Value<'_>) -> Option<JsRef> {
    JsRef::new(value)
}

type Answer<'s> = Result<Value<'s>, Thrown>;
