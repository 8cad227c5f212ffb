//! One JavaScript thread: running closures on it, and keeping its process alive while it is owed an answer.

use std::cell::RefCell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::ThreadId;

use napi::sys;

use super::scope::Scope;
use super::{class, error, local};

type Job = Box<dyn FnOnce(Scope<'_>) + Send>;

/// A handle on one JavaScript thread (the main one, or a worker), usable from any thread.
#[derive(Clone)]
pub(crate) struct JsThread(Arc<Shared>);

struct Shared {
    id: ThreadId,
    env: sys::napi_env,
    /// `None` once the environment is being torn down.
    function: RwLock<Option<sys::napi_threadsafe_function>>,
    /// How many [`KeepAlive`]s there are; touched on the JavaScript thread only.
    kept_alive: AtomicUsize,
}

#[expect(
    unsafe_code,
    reason = "the environment and the function are used as N-API allows: see each use"
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
        let job: Box<Job> = Box::new(Box::new(job));
        let function = self.0.function.read().unwrap_or_else(PoisonError::into_inner);
        let Some(function) = *function else { return };
        let data = Box::into_raw(job);
        #[expect(unsafe_code, reason = "N-API's threadsafe call")]
        // SAFETY: the lock keeps the function from being finalized meanwhile.
        let status = unsafe {
            sys::napi_call_threadsafe_function(
                function,
                data.cast(),
                sys::ThreadsafeFunctionCallMode::nonblocking,
            )
        };
        if status != sys::Status::napi_ok {
            #[expect(unsafe_code, reason = "takes back what was not handed over")]
            // SAFETY: a call that failed did not take the data.
            drop(unsafe { Box::from_raw(data) });
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
            .function
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    pub(super) fn env(&self) -> sys::napi_env {
        self.0.env
    }

    fn attach(env: sys::napi_env) -> napi::Result<Self> {
        let mut name = ptr::null_mut();
        let text = "pagepool";
        let mut function = ptr::null_mut();
        let shared = Arc::new(Shared {
            id: std::thread::current().id(),
            env,
            function: RwLock::new(None),
            kept_alive: AtomicUsize::new(0),
        });
        let finalize_data = Arc::into_raw(Arc::clone(&shared));
        #[expect(unsafe_code, reason = "N-API's threadsafe function")]
        // SAFETY: called on the thread of `env`; the finalizer takes back the reference that it is given.
        let status = unsafe {
            sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len().cast_signed(), &raw mut name);
            sys::napi_create_threadsafe_function(
                env,
                ptr::null_mut(),
                ptr::null_mut(),
                name,
                0,
                1,
                finalize_data.cast_mut().cast(),
                Some(finalized),
                ptr::null_mut(),
                Some(run_job),
                &raw mut function,
            )
        };
        if status != sys::Status::napi_ok {
            #[expect(unsafe_code, reason = "takes back what was not handed over")]
            // SAFETY: the finalizer will not run.
            drop(unsafe { Arc::from_raw(finalize_data) });
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
        *shared.function.write().unwrap_or_else(PoisonError::into_inner) = Some(function);
        Ok(Self(shared))
    }

    fn close(&self) {
        let function = self
            .0
            .function
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(function) = function {
            #[expect(unsafe_code, reason = "N-API's release of a threadsafe function")]
            // SAFETY: it was taken out, so nobody else uses it; jobs still queued get a null environment.
            unsafe {
                sys::napi_release_threadsafe_function(function, sys::ThreadsafeFunctionReleaseMode::abort)
            };
        }
    }

    fn with_function(&self, use_it: impl FnOnce(sys::napi_env, sys::napi_threadsafe_function)) {
        let function = self.0.function.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = *function {
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

#[expect(unsafe_code, reason = "called by N-API")]
unsafe extern "C" fn finalized(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: this is the reference that `attach` gave away.
    let shared = unsafe { Arc::from_raw(data.cast::<Shared>()) };
    shared
        .function
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
}

#[expect(unsafe_code, reason = "called by N-API")]
unsafe extern "C" fn run_job(env: sys::napi_env, _: sys::napi_value, _: *mut c_void, data: *mut c_void) {
    // SAFETY: this is the job that `post` gave away.
    let job = unsafe { Box::from_raw(data.cast::<Job>()) };
    if env.is_null() {
        drop(job);
        return;
    }
    let scope = Scope::new(env);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| job(scope))) {
        error::log_panic(panic.as_ref());
    }
    scope.report_uncaught();
}
