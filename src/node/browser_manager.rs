//! `BrowserManager`.

use std::cell::RefCell;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{ClassInstance, FromNapiValue, This};
use napi_derive::napi;

use super::check::{self, invalid};
use super::js::{Deferred, Scope, Thrown, Value};
use super::launch;
use super::loader::{definition, require_new};
use super::page::{start_with, wrap_browser};
use super::pool::{browser_error, environment};
use crate::cdp::io;
use crate::driver::chromium::{self, BrowserOptions, Environment, Headless};

/// What a launch reads of the environment.
const VARIABLES: [&str; 13] = [
    "PUPPETEER_EXECUTABLE_PATH",
    "PUPPETEER_CHROME_ARGS",
    "CI",
    "PUPPETEER_DISABLE_SANDBOX",
    "BOXEL_SHOW_PRERENDER",
    "REALM_BASE_URL",
    "PRERENDER_V8_PROF",
    "PATH",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "HOME",
    "PUPPETEER_CACHE_DIR",
    "PLAYWRIGHT_BROWSERS_PATH",
];

/// What Chrome needs for its own answers.
const LEAST_MESSAGE_BYTES: f64 = 1_048_576.0;

thread_local! {
    /// The managers of this environment, to be stopped at its end.
    static MANAGERS: RefCell<Vec<Weak<chromium::BrowserManager>>> = const { RefCell::new(Vec::new()) };
}

/// What a manager's object stands for.
#[derive(Clone)]
pub(super) struct Managed {
    pub inner: Arc<chromium::BrowserManager>,
    /// The environment as JavaScript saw it at the last call.
    environment: Arc<RwLock<Environment>>,
}

impl Managed {
    fn new(scope: Scope<'_>, options: BrowserOptions) -> Self {
        let environment = Arc::new(RwLock::new(read_environment(scope)));
        let read = Arc::clone(&environment);
        let inner = Arc::new(chromium::BrowserManager::with_environment(options, move || {
            read.read().unwrap_or_else(PoisonError::into_inner).clone()
        }));
        Self { inner, environment }
    }

    /// Lets the next launch see the environment as it is now.
    pub fn look_at_environment(&self, scope: Scope<'_>) {
        *self.environment.write().unwrap_or_else(PoisonError::into_inner) = read_environment(scope);
    }
}

/// Finds Chrome, starts it when it is first wanted, and shares it.
#[napi]
pub struct BrowserManager {
    managed: Managed,
}

#[napi]
impl BrowserManager {
    /// Starts nothing yet. Throws a `TypeError` with the code `ERR_INVALID_ARG_VALUE` for a wrong option.
    #[napi(constructor, catch_unwind, ts_args_type = "options?: BrowserManagerOptions")]
    pub fn new(env: Env, this: This<'_>, options: Value<'_>) -> napi::Result<Self> {
        let scope = Scope::of(&env);
        let options = require_new(scope, this, "BrowserManager")
            .and_then(|()| browser_options(options))
            .map_err(|thrown| thrown.into_napi(scope))?;
        let managed = Managed::new(scope, options);
        stop_at_end_of(env, &managed.inner)?;
        Ok(Self { managed })
    }

    /// Resolves with the browser, starting it where there is none. Calls at the same time share one launch.
    /// Rejects with the code `BROWSER_NOT_FOUND` or `BROWSER_LAUNCH_FAILED`.
    #[napi(catch_unwind, ts_return_type = "Promise<Browser>")]
    pub fn get_browser<'s>(&self, env: &'s Env) -> napi::Result<Value<'s>> {
        let scope = Scope::of(env);
        self.managed.look_at_environment(scope);
        let manager = Arc::clone(&self.managed.inner);
        promise(scope, async move { manager.browser().await })
    }

    /// Resolves with the path of the Chrome that a launch would start now, and starts nothing. Unpacks the embedded one where
    /// that is it, which takes seconds. Rejects with the code `BROWSER_NOT_FOUND`.
    #[napi(catch_unwind, ts_return_type = "Promise<string>")]
    pub fn executable_path<'s>(&self, env: &'s Env) -> napi::Result<Value<'s>> {
        let scope = Scope::of(env);
        self.managed.look_at_environment(scope);
        let manager = Arc::clone(&self.managed.inner);
        let found = async move { manager.executable().await };
        let promise = start_with(scope, found, |scope, found| match found {
            Ok(found) => Ok(scope.string(&found.path.to_string_lossy())),
            Err(error) => Err(Thrown::new(browser_error(scope, &error))),
        });
        promise.map_err(|thrown| thrown.into_napi(scope))
    }

    /// Ends the browser and starts another. Rejects as `getBrowser()` does.
    #[napi(catch_unwind, ts_return_type = "Promise<Browser>")]
    pub fn restart_browser<'s>(&self, env: &'s Env) -> napi::Result<Value<'s>> {
        let scope = Scope::of(env);
        self.managed.look_at_environment(scope);
        let manager = Arc::clone(&self.managed.inner);
        promise(scope, async move { manager.restart().await })
    }

    /// Ends the browser, and leaves nothing of it behind.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn stop<'s>(&self, env: &'s Env) -> napi::Result<Value<'s>> {
        let scope = Scope::of(env);
        let (deferred, promise) = Deferred::new(scope).map_err(|thrown| thrown.into_napi(scope))?;
        let manager = Arc::clone(&self.managed.inner);
        io::spawn(async move {
            manager.stop().await;
            deferred.settle(|scope| Ok(scope.undefined()));
        });
        Ok(promise)
    }

    /// Removes profiles that died owners left behind, and ends Chromes that still run on them.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn cleanup_user_data_dirs<'s>(&self, env: &'s Env) -> napi::Result<Value<'s>> {
        let scope = Scope::of(env);
        self.managed.look_at_environment(scope);
        let (deferred, promise) = Deferred::new(scope).map_err(|thrown| thrown.into_napi(scope))?;
        let manager = Arc::clone(&self.managed.inner);
        io::spawn(async move {
            let outcome = manager.clean_user_data_dirs().await;
            deferred.settle(move |scope| match outcome {
                Ok(_) => Ok(scope.undefined()),
                Err(error) => {
                    let class = super::js::ErrorClass::Error;
                    Err(Thrown::new(scope.error(
                        class,
                        &error.to_string(),
                        Some("BROWSER_LAUNCH_FAILED"),
                    )))
                }
            });
        });
        Ok(promise)
    }

    /// The manager in `object`, if that is one of these.
    pub(super) fn of(object: Value<'_>) -> Option<Managed> {
        #[expect(unsafe_code, reason = "napi's conversion, which checks the object's type tag")]
        // SAFETY: the value belongs to the environment that it is read with.
        let instance =
            unsafe { ClassInstance::<Self>::from_napi_value(object.scope().raw_env(), object.raw()) };
        instance.ok().map(|manager| manager.managed.clone())
    }
}

type Opened = Result<Arc<chromium::Browser>, Arc<chromium::LaunchError>>;

fn promise(
    scope: Scope<'_>,
    browser: impl Future<Output = Opened> + Send + 'static,
) -> napi::Result<Value<'_>> {
    let (deferred, promise) = Deferred::new(scope).map_err(|thrown| thrown.into_napi(scope))?;
    io::spawn(async move {
        let browser = browser.await;
        if let Ok(shared) = browser.as_ref()
            && shared.is_foreign()
        {
            shared.pages().is_known().await;
        }
        deferred.settle(move |scope| match browser {
            Ok(browser) => wrap_browser(scope, &browser),
            Err(error) => Err(Thrown::new(browser_error(scope, error.as_ref()))),
        });
    });
    Ok(promise)
}

fn read_environment(scope: Scope<'_>) -> Environment {
    let variables: Vec<_> = VARIABLES
        .iter()
        .filter_map(|name| Some((*name, environment(scope, name)?)))
        .collect();
    Environment::from(|name| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| OsString::from(value))
    })
}

/// The browsers of an environment end with it: at the end of a worker, and of the process.
fn stop_at_end_of(env: Env, manager: &Arc<chromium::BrowserManager>) -> napi::Result<()> {
    let first = MANAGERS.with(|managers| {
        let mut managers = managers.borrow_mut();
        managers.retain(|manager| manager.strong_count() > 0);
        managers.push(Arc::downgrade(manager));
        managers.len() == 1
    });
    if first {
        env.add_env_cleanup_hook((), |()| stop_all())?;
    }
    Ok(())
}

fn stop_all() {
    let managers = MANAGERS.with(|managers| std::mem::take(&mut *managers.borrow_mut()));
    let (ended, end) = std::sync::mpsc::channel::<()>();
    for manager in managers.iter().filter_map(Weak::upgrade) {
        let ended = ended.clone();
        io::spawn(async move {
            manager.stop().await;
            drop(ended);
        });
    }
    drop(ended);
    // Ends when every sender is gone; Chrome is killed before that where it does not end by itself.
    let _ = end.recv_timeout(Duration::from_secs(5));
}

/// Every option of `new BrowserManager`.
const OPTIONS: &[&str] = &[
    "acceptInsecureCerts",
    "args",
    "browserWSEndpoint",
    "debuggingPort",
    "defaultViewport",
    "downloadBehavior",
    "dumpio",
    "env",
    "executablePath",
    "headless",
    "ignoreDefaultArgs",
    "launchTimeoutMs",
    "maxKeptBodyBytes",
    "maxMessageBytes",
    "noSandbox",
    "profileParent",
    "protocolTimeout",
    "slowMo",
    "userDataDir",
];

fn browser_options(options: Value<'_>) -> Result<BrowserOptions, Thrown> {
    let root = definition(options.scope(), "root").as_string();
    let mut read = BrowserOptions {
        package_roots: root.map(PathBuf::from).into_iter().collect(),
        ..BrowserOptions::default()
    };
    check::options(options, OPTIONS)?;
    if options.is_undefined() {
        return Ok(read);
    }
    read.executable = text(options, "executablePath")?.map(PathBuf::from);
    read.profile_parent = text(options, "profileParent")?.map(PathBuf::from);
    read.ws_endpoint = text(options, "browserWSEndpoint")?;
    read.debugging_port = flag(options, "debuggingPort")?.unwrap_or(false);
    read.no_sandbox = flag(options, "noSandbox")?;
    let headless = options.get("headless")?;
    read.headless = match (headless.as_string().as_deref(), headless.as_bool()) {
        (Some("shell"), _) | (_, Some(true)) => Headless::Shell,
        (Some("new"), _) => Headless::New,
        (_, Some(false)) => Headless::Off,
        _ if headless.is_undefined() => Headless::Shell,
        _ => {
            return Err(invalid(
                headless,
                "options.headless",
                "'shell', 'new', true or false",
            ));
        }
    };
    let args = options.get("args")?;
    if !args.is_undefined() {
        let texts: Option<Vec<OsString>> = args
            .elements()?
            .into_iter()
            .map(|arg| arg.as_string().map(OsString::from))
            .collect();
        let texts = texts.filter(|_| args.is_array());
        read.args = texts.ok_or_else(|| invalid(args, "options.args", "an array of strings"))?;
    }
    let timeout = options.get("launchTimeoutMs")?;
    if !timeout.is_undefined() {
        let ms = timeout.as_f64().filter(|ms| ms.is_finite() && *ms > 0.0);
        let ms = ms.ok_or_else(|| invalid(timeout, "options.launchTimeoutMs", "a number above 0"))?;
        read.launch_timeout = Duration::from_secs_f64(ms.min(86_400_000.0) / 1_000.0);
    }
    if let Some(bytes) = bytes(options, "maxKeptBodyBytes", 0.0, "a number of 0 or more")? {
        read.pages.max_kept_body_bytes = bytes;
    }
    let most = bytes(
        options,
        "maxMessageBytes",
        LEAST_MESSAGE_BYTES,
        "a number of at least 1048576",
    )?;
    if let Some(bytes) = most {
        read.limits.max_message_bytes = bytes;
    }
    let timeout = options.get("protocolTimeout")?;
    if !timeout.is_undefined() {
        let ms = timeout.as_f64().filter(|ms| *ms >= 0.0);
        let ms = ms.ok_or_else(|| invalid(timeout, "options.protocolTimeout", "a number of 0 or more"))?;
        // What does not fit is as good as for ever.
        read.limits.protocol_timeout = Duration::try_from_secs_f64(ms / 1_000.0)
            .ok()
            .filter(|timeout| !timeout.is_zero());
    }
    launch::read(options, &mut read)?;
    Ok(read)
}

/// A number of bytes, where it is given.
fn bytes(options: Value<'_>, name: &str, least: f64, expected: &str) -> Result<Option<usize>, Thrown> {
    let value = options.get(name)?;
    if value.is_undefined() {
        return Ok(None);
    }
    let bytes = value.as_f64().filter(|bytes| *bytes >= least);
    let bytes = bytes.ok_or_else(|| invalid(value, &format!("options.{name}"), expected))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number is not negative, and the cast saturates"
    )]
    Ok(Some(bytes as usize))
}

pub(super) fn text(options: Value<'_>, name: &str) -> Result<Option<String>, Thrown> {
    let value = options.get(name)?;
    if value.is_undefined() {
        return Ok(None);
    }
    let text = value.as_string().filter(|text| !text.is_empty());
    text.map(Some)
        .ok_or_else(|| invalid(value, &format!("options.{name}"), "a string that is not empty"))
}

pub(super) fn flag(options: Value<'_>, name: &str) -> Result<Option<bool>, Thrown> {
    let value = options.get(name)?;
    if value.is_undefined() {
        return Ok(None);
    }
    let flag = value.as_bool();
    flag.map(Some)
        .ok_or_else(|| invalid(value, &format!("options.{name}"), "a boolean"))
}
