//! One JavaScript thread: running closures on it, and keeping its process alive while it is owed an answer.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use napi::sys;

use super::scope::Scope;
use super::{class, error, local, realm};

type Job = Box<dyn FnOnce(Scope<'_>) + Send>;

/// After so long the other function goes on with the jobs. Node would call one and the same up to a thousand times
/// before it looks at timers and sockets again; two take turns in its event loop.
const TURN: Duration = Duration::from_millis(1);

/// The threadsafe functions. Each call of either runs the job that is first then.
type Functions = [sys::napi_threadsafe_function; 2];

/// A handle on one JavaScript thread (the main one, or a worker), usable from any thread.
#[derive(Clone)]
pub(crate) struct JsThread(Arc<Shared>);

struct Shared {
    id: ThreadId,
    env: sys::napi_env,
    /// `None` once the environment is being torn down.
    functions: RwLock<Option<Functions>>,
    jobs: Mutex<Jobs>,
    /// How many [`KeepAlive`]s there are; touched on the JavaScript thread only.
    kept_alive: AtomicUsize,
}

struct Jobs {
    queue: VecDeque<Job>,
    /// A call is on its way.
    called: bool,
    /// Which function is called.
    turn: usize,
    turn_began: Instant,
}

impl Jobs {
    /// The function for the next call.
    fn next(&mut self, functions: &Functions) -> sys::napi_threadsafe_function {
        let now = Instant::now();
        if now.duration_since(self.turn_began) >= TURN {
            self.turn = 1 - self.turn;
            self.turn_began = now;
        }
        functions[self.turn]
    }
}

#[expect(
    unsafe_code,
    reason = "the environment and the functions are used as N-API allows: see each use"
)]
// SAFETY: `env` is only passed to N-API on the thread `id`; a threadsafe function may be called from any.
unsafe impl Send for Shared {}
#[expect(unsafe_code, reason = "as above")]
// SAFETY: as above.
unsafe impl Sync for Shared {}

thread_local! {
    static CURRENT: RefCell<Option<JsThread>> = const { RefCell::new(None) };
}

impl JsThread {
    /// The thread of `env`, which must be the current one.
    ///
    /// # Errors
    /// When N-API refuses to make its threadsafe function, as while the environment is torn down.
    pub(crate) fn of(env: napi::Env) -> napi::Result<Self> {
        if let Some(thread) = Self::current() {
            return Ok(thread);
        }
        let thread = Self::attach(env.raw())?;
        CURRENT.with(|current| *current.borrow_mut() = Some(thread.clone()));
        let closing = thread.clone();
        env.add_env_cleanup_hook(closing, |thread| {
            thread.close();
            local::clear();
            error::clear();
            realm::clear();
            class::clear();
            CURRENT.with(|current| current.borrow_mut().take());
        })?;
        Ok(thread)
    }

    /// The JavaScript thread that this thread is, if it is one.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.with(|current| current.borrow().clone())
    }

    /// Whether the caller runs on this thread.
    pub(crate) fn is_current(&self) -> bool {
        std::thread::current().id() == self.0.id
    }

    /// Runs `job` on this thread, after what was posted before; drops it when the thread is gone.
    /// Microtasks run between one job and the next, as between any two callbacks of Node.
    pub(crate) fn post(&self, job: impl FnOnce(Scope<'_>) + Send + 'static) {
        let job: Job = Box::new(job);
        let functions = self.0.functions.read().unwrap_or_else(PoisonError::into_inner);
        let Some(functions) = &*functions else { return };
        let mut jobs = self.0.lock_jobs();
        jobs.queue.push_back(job);
        if !std::mem::replace(&mut jobs.called, true) {
            let function = jobs.next(functions);
            drop(jobs);
            call(function);
        }
    }

    /// Keeps the process alive until the guard is dropped. On this thread only.
    pub(crate) fn keep_alive(&self) -> KeepAlive {
        if self.0.kept_alive.fetch_add(1, Ordering::Relaxed) == 0 {
            self.with_function(|env, function| {
                #[expect(unsafe_code, reason = "N-API's reference of a threadsafe function")]
                // SAFETY: on the thread of `env`, with a live function.
                unsafe {
                    sys::napi_ref_threadsafe_function(env, function)
                };
            });
        }
        KeepAlive(self.clone())
    }

    /// Whether JavaScript can still be run on this thread.
    pub(super) fn is_open(&self) -> bool {
        self.0
            .functions
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    pub(super) fn env(&self) -> sys::napi_env {
        self.0.env
    }

    fn attach(env: sys::napi_env) -> napi::Result<Self> {
        let shared = Arc::new(Shared {
            id: std::thread::current().id(),
            env,
            functions: RwLock::new(None),
            jobs: Mutex::new(Jobs {
                queue: VecDeque::new(),
                called: false,
                turn: 0,
                turn_began: Instant::now(),
            }),
            kept_alive: AtomicUsize::new(0),
        });
        let functions = [create(env, &shared)?, create(env, &shared)?];
        *shared.functions.write().unwrap_or_else(PoisonError::into_inner) = Some(functions);
        Ok(Self(shared))
    }

    fn close(&self) {
        let functions = self
            .0
            .functions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        for function in functions.into_iter().flatten() {
            #[expect(unsafe_code, reason = "N-API's release of a threadsafe function")]
            // SAFETY: it was taken out, so nobody else uses it; calls still queued get a null environment.
            unsafe {
                sys::napi_release_threadsafe_function(function, sys::ThreadsafeFunctionReleaseMode::abort)
            };
        }
        self.0.drop_jobs();
    }

    fn with_function(&self, use_it: impl FnOnce(sys::napi_env, sys::napi_threadsafe_function)) {
        let functions = self.0.functions.read().unwrap_or_else(PoisonError::into_inner);
        if let Some([function, _]) = *functions {
            use_it(self.0.env, function);
        }
    }

    fn release_keep_alive(&self) {
        if self.0.kept_alive.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.with_function(|env, function| {
                #[expect(unsafe_code, reason = "N-API's reference of a threadsafe function")]
                // SAFETY: on the thread of `env`, with a live function.
                unsafe {
                    sys::napi_unref_threadsafe_function(env, function)
                };
            });
        }
    }
}

/// While one exists, the process does not end by itself. May be dropped on any thread.
pub(crate) struct KeepAlive(JsThread);

impl Drop for KeepAlive {
    fn drop(&mut self) {
        if self.0.is_current() {
            self.0.release_keep_alive();
        } else {
            let thread = self.0.clone();
            self.0.post(move |_| thread.release_keep_alive());
        }
    }
}

impl Shared {
    fn lock_jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Dropped without the lock: a job may own what posts another.
    fn drop_jobs(&self) {
        let jobs = std::mem::take(&mut self.lock_jobs().queue);
        drop(jobs);
    }

    /// Runs the first job, and has the next one called for.
    fn run_first(&self, scope: Scope<'_>) {
        let job = self.lock_jobs().queue.pop_front();
        if let Some(job) = job
            && let Err(panic) = catch_unwind(AssertUnwindSafe(|| job(scope)))
        {
            error::log_panic(panic.as_ref());
        }
        let functions = self.functions.read().unwrap_or_else(PoisonError::into_inner);
        let mut jobs = self.lock_jobs();
        match &*functions {
            Some(functions) if !jobs.queue.is_empty() => {
                let function = jobs.next(functions);
                drop(jobs);
                call(function);
            }
            _ => jobs.called = false,
        }
    }
}

/// A threadsafe function that lets the process end.
fn create(env: sys::napi_env, shared: &Arc<Shared>) -> napi::Result<sys::napi_threadsafe_function> {
    let mut name = ptr::null_mut();
    let text = "pagepool";
    let mut function = ptr::null_mut();
    let kept = Arc::into_raw(Arc::clone(shared));
    #[expect(unsafe_code, reason = "N-API's threadsafe function")]
    // SAFETY: called on the thread of `env`; the finalizer takes back the reference that keeps the context.
    let status = unsafe {
        sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len().cast_signed(), &raw mut name);
        sys::napi_create_threadsafe_function(
            env,
            ptr::null_mut(),
            ptr::null_mut(),
            name,
            0,
            1,
            kept.cast_mut().cast(),
            Some(finalized),
            kept.cast_mut().cast(),
            Some(called),
            &raw mut function,
        )
    };
    if status != sys::Status::napi_ok {
        #[expect(unsafe_code, reason = "takes back what was not handed over")]
        // SAFETY: the finalizer will not run.
        drop(unsafe { Arc::from_raw(kept) });
        return Err(napi::Error::new(
            status.into(),
            "cannot attach to the JavaScript thread",
        ));
    }
    #[expect(unsafe_code, reason = "N-API's reference of a threadsafe function")]
    // SAFETY: on the thread of `env`, with a live function.
    unsafe {
        sys::napi_unref_threadsafe_function(env, function)
    };
    Ok(function)
}

/// Only with the functions locked, which keeps them from being finalized meanwhile. Fails only for a function that is
/// closing, and then so is the thread.
fn call(function: sys::napi_threadsafe_function) {
    #[expect(unsafe_code, reason = "N-API's threadsafe call")]
    // SAFETY: as above.
    unsafe {
        sys::napi_call_threadsafe_function(
            function,
            ptr::null_mut(),
            sys::ThreadsafeFunctionCallMode::nonblocking,
        )
    };
}

#[expect(unsafe_code, reason = "called by N-API")]
unsafe extern "C" fn finalized(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: this is the reference that `create` gave away.
    let shared = unsafe { Arc::from_raw(data.cast::<Shared>()) };
    shared
        .functions
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    shared.drop_jobs();
}

#[expect(unsafe_code, reason = "called by N-API")]
unsafe extern "C" fn called(env: sys::napi_env, _: sys::napi_value, context: *mut c_void, _: *mut c_void) {
    if env.is_null() {
        return;
    }
    // SAFETY: the function keeps it until it is finalized, which is not while it is called.
    let shared = unsafe { &*context.cast_const().cast::<Shared>() };
    let scope = Scope::new(env);
    shared.run_first(scope);
    scope.report_uncaught();
}
