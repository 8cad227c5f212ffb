//! `Browser`

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use crate::cdp::io;
use crate::driver::chromium;
use crate::node::js::class::{self, Class, Method, data_of};
use crate::node::js::{ErrorClass, JsRef, JsThread, Scope, Thrown, Value};
use crate::page::{Browser, BrowserContext, Page, Target, TargetEvent};

use super::emitter::{self, Emits, Emitter};
use super::error::Message;
use super::identity::{self, Key};
use super::{
    context, cookies, emulation, page as page_class, process, promise, target, value, wait_for_event,
};

/// What a browser's object carries. Keeps the process.
pub(super) struct BrowserData {
    process: Arc<chromium::Browser>,
    emitter: Emitter,
    ends: Rc<Emitter>,
    child: OnceCell<Option<JsRef>>,
}

impl BrowserData {
    pub fn core(&self) -> &Browser {
        self.process.pages()
    }

    /// The process's object: the same each time.
    fn child<'s>(&self, scope: Scope<'s>) -> Result<Value<'s>, Thrown> {
        if let Some(known) = self.child.get() {
            return Ok(known
                .as_ref()
                .map_or_else(|| scope.null(), |child| child.get(scope)));
        }
        let child = process::wrap(scope, &self.process)?;
        let _ = self.child.set(JsRef::new(child).filter(|_| child.is_object()));
        Ok(child)
    }
}

/// The browser's object: one as long as it is connected, and for as long as JavaScript keeps it.
pub(crate) fn wrap<'s>(scope: Scope<'s>, browser: &Arc<chromium::Browser>) -> Result<Value<'s>, Thrown> {
    let key = Key::Browser(browser.pages().key());
    let make = || {
        let data = Rc::new(BrowserData {
            process: Arc::clone(browser),
            emitter: Emitter::default(),
            ends: ends(browser.pages()),
            child: OnceCell::new(),
        });
        class::instantiate::<BrowserClass>(scope, data)
    };
    if browser.is_connected() {
        identity::object_of(scope, key, make)
    } else {
        identity::object_of_gone(scope, &key, make)
    }
}

thread_local! {
    /// The browsers that this thread knows, and who hears of their end before the listeners.
    static ENDS: RefCell<HashMap<usize, Rc<Emitter>>> = RefCell::default();
}

/// Who hears `disconnected` before the listeners do: what waits for something of the browser. From now on the
/// objects of the browser, its contexts and its targets are kept no longer than it is connected.
pub(super) fn ends(browser: &Browser) -> Rc<Emitter> {
    let process = browser.process().filter(|process| process.is_connected());
    let (Some(process), Some(thread)) = (process, JsThread::current()) else {
        return Rc::default();
    };
    ENDS.with(|ends| {
        let mut ends = ends.borrow_mut();
        let emitter = ends.entry(browser.key()).or_insert_with(|| {
            let (ended, browser) = (process.ended(), browser.clone());
            // Ends with the browser.
            io::spawn(async move {
                ended.await;
                thread.post(move |scope| disconnected(scope, &browser));
            });
            Rc::default()
        });
        Rc::clone(emitter)
    })
}

/// Sees to it that what is kept of the browser goes when it is gone.
pub(super) fn follow_end(browser: &Browser) {
    drop(ends(browser));
}

fn disconnected(scope: Scope<'_>, browser: &Browser) {
    let browser = browser.key();
    FOLLOWED.with(|followed| followed.borrow_mut().remove(&browser));
    if let Some(ends) = ENDS.with(|ends| ends.borrow_mut().remove(&browser)) {
        ends.emit(scope, "disconnected", scope.undefined());
    }
    let object = identity::existing(scope, &Key::Browser(browser));
    if let Some(data) = object.and_then(data_of::<BrowserData>) {
        data.emitter.emit(scope, "disconnected", scope.undefined());
    }
    identity::retire_browser(scope, browser);
}

/// The object of a page's browser.
pub(super) fn wrap_of<'s>(scope: Scope<'s>, browser: &Browser) -> Result<Value<'s>, Thrown> {
    if let Some(process) = browser.process() {
        return wrap(scope, &process);
    }
    let message = "Protocol error: Connection closed.";
    let code = Some("BROWSER_DISCONNECTED");
    Err(Thrown::new(scope.error(
        ErrorClass::TargetCloseError,
        message,
        code,
    )))
}

/// The pages' objects.
pub(super) fn pages<'s>(scope: Scope<'s>, pages: &[Page]) -> Result<Value<'s>, Thrown> {
    let objects: Result<Vec<_>, _> = pages.iter().map(|page| page_class::wrap(scope, page)).collect();
    let array = scope.array(objects?);
    scope.global().get("Promise")?.call_method("resolve", &[array])
}

/// `newPage()`
pub(super) fn new_page(scope: Scope<'_>, context: BrowserContext) -> Result<Value<'_>, Thrown> {
    promise::start(scope, async move { context.new_page().await }, |scope, page| {
        page_class::wrap(scope, &page)
    })
}

/// The targets' objects.
pub(super) fn targets<'s>(scope: Scope<'s>, targets: &[Target]) -> Result<Value<'s>, Thrown> {
    let objects: Result<Vec<_>, _> = targets.iter().map(|target| target::wrap(scope, target)).collect();
    Ok(scope.array(objects?))
}

thread_local! {
    /// The browsers whose targets this thread hears of.
    static FOLLOWED: RefCell<HashSet<usize>> = RefCell::default();
}

/// Emits what happens to targets from now on, on the browser's object and the context's.
pub(super) fn follow_targets(browser: &Browser) {
    let key = browser.key();
    let is_new = FOLLOWED.with(|followed| followed.borrow_mut().insert(key));
    let Some(thread) = JsThread::current().filter(|_| is_new) else {
        return;
    };
    browser.follow_targets(move |event| {
        let event = event.clone();
        thread.post(move |scope| {
            if let Err(thrown) = deliver(scope, key, &event) {
                scope.throw_uncaught(&thrown);
            }
        });
    });
}

fn deliver(scope: Scope<'_>, browser: usize, event: &TargetEvent) -> Result<(), Thrown> {
    let (name, target) = match event {
        TargetEvent::Created(target) => ("targetcreated", target),
        TargetEvent::Changed(target) => ("targetchanged", target),
        TargetEvent::Destroyed(target) => ("targetdestroyed", target),
    };
    let object = identity::existing(scope, &Key::Browser(browser));
    let of_browser = object.and_then(data_of::<BrowserData>);
    let of_context = context::existing(scope, &target.browser_context());
    let emitters = [
        of_browser.as_ref().map(|data| &data.emitter),
        of_context.as_ref().map(|data| &data.emitter),
    ];
    for emitter in emitters.into_iter().flatten() {
        if emitter.count(name) > 0 {
            emitter.emit(scope, name, target::wrap(scope, target)?);
        }
    }
    if let TargetEvent::Destroyed(Target::Worker(_)) = event {
        identity::retire(scope, &target::key(target));
    }
    Ok(())
}

impl Emits for BrowserData {
    fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    fn changed(&self, _: Value<'_>) {
        if ["targetcreated", "targetchanged", "targetdestroyed"]
            .into_iter()
            .any(|event| self.emitter.count(event) > 0)
        {
            follow_targets(self.core());
        }
    }
}

impl wait_for_event::Source for BrowserData {
    fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    fn observers(&self) -> &Emitter {
        &self.ends
    }

    fn end(&self) -> wait_for_event::End {
        wait_for_event::DISCONNECTED
    }

    fn has_ended(&self) -> bool {
        !self.process.is_connected()
    }

    fn subscribe(&self) {
        follow_targets(self.core());
    }

    fn default_timeout(&self) -> u64 {
        TARGET_TIMEOUT
    }
}

/// How long a target is waited for where nothing is said, in milliseconds.
pub(super) const TARGET_TIMEOUT: u64 = 30_000;

/// Windows are named by text, as pages name them.
fn window_id(given: Value<'_>) -> Result<i64, Thrown> {
    let text = given.coerce_to_string()?;
    text.parse().map_err(|_| {
        let message = format!("the window's id must be a number, but is {text}");
        Thrown::invalid_argument(given.scope(), &message)
    })
}

/// Leaves it; one that was started here ends.
fn leave<'s>(scope: Scope<'s>, browser: &BrowserData) -> Result<Value<'s>, Thrown> {
    let process = Arc::clone(&browser.process);
    promise::start_void(scope, async move {
        process.close().await;
        Ok::<_, Message>(())
    })
}

pub(super) struct BrowserClass;

impl Class for BrowserClass {
    type Data = BrowserData;
    const NAME: &'static str = "Browser";
    const MORE: &'static [&'static [Method<BrowserData>]] = &[cookies::BROWSER_METHODS, &emitter::methods()];
    const METHODS: &'static [Method<BrowserData>] = &[
        Method::promise("createBrowserContext", |scope, browser, call| {
            let options = context::read_options(call.argument(0))?;
            let core = browser.core().clone();
            let making = async move { core.create_context(&options).await };
            promise::start(scope, making, |scope, context| context::wrap(scope, &context))
        }),
        Method::sync("defaultBrowserContext", |scope, browser, _| {
            context::wrap(scope, &browser.core().default_context())
        }),
        Method::sync("browserContexts", |scope, browser, _| {
            let core = browser.core();
            let all = std::iter::once(core.default_context()).chain(core.contexts());
            let objects: Result<Vec<_>, _> = all.map(|context| context::wrap(scope, &context)).collect();
            Ok(scope.array(objects?))
        }),
        Method::promise("newPage", |scope, browser, _| {
            new_page(scope, browser.core().default_context())
        }),
        Method::promise("pages", |scope, browser, _| pages(scope, &browser.core().pages())),
        Method::sync("targets", |scope, browser, _| {
            targets(scope, &browser.core().targets())
        }),
        Method::sync("target", |scope, browser, _| {
            target::wrap(scope, &Target::Browser(browser.core().clone()))
        }),
        Method::promise("waitForTarget", |scope, browser, call| {
            wait_for_event::for_target(
                scope,
                Rc::<BrowserData>::clone(browser),
                &browser.core().targets(),
                call,
            )
        }),
        Method::promise("setPermission", |scope, browser, call| {
            context::set_permission(scope, browser.core().default_context(), call)
        }),
        Method::promise("version", |scope, browser, _| {
            let version = scope.string(browser.process.product());
            scope.global().get("Promise")?.call_method("resolve", &[version])
        }),
        Method::promise("userAgent", |scope, browser, _| {
            let core = browser.core().clone();
            let asking = async move { core.user_agent().await };
            promise::start(scope, asking, |scope, agent| Ok(scope.string(&agent)))
        }),
        Method::sync("wsEndpoint", |scope, browser, _| {
            Ok(scope.string(browser.process.ws_endpoint().unwrap_or_default()))
        }),
        Method::sync("process", |scope, browser, _| browser.child(scope)),
        Method::sync("isConnected", |scope, browser, _| {
            Ok(scope.boolean(browser.process.is_connected()))
        }),
        Method::getter("connected", |scope, browser, _| {
            Ok(scope.boolean(browser.process.is_connected()))
        }),
        Method::promise("getWindowBounds", |scope, browser, call| {
            let window = window_id(call.argument(0))?;
            let core = browser.core().clone();
            let asking = async move { core.window_bounds(window).await };
            promise::start(scope, asking, |scope, bounds| {
                value::from_json(scope, bounds.get())
            })
        }),
        Method::promise("setWindowBounds", |scope, browser, call| {
            let window = window_id(call.argument(0))?;
            let bounds = emulation::from_js(scope, call.argument(1))?.unwrap_or_default();
            let core = browser.core().clone();
            promise::start_void(scope, async move { core.set_window_bounds(window, bounds).await })
        }),
        Method::getter("debugInfo", |scope, browser, _| {
            let pending = browser.core().connection().pending();
            let errors = pending.iter().map(|method| {
                let message = format!("Protocol error ({method}): there is no answer yet");
                scope.error(ErrorClass::ProtocolError, &message, Some("PROTOCOL_ERROR"))
            });
            Ok(scope.object().set("pendingProtocolErrors", scope.array(errors)))
        }),
        Method::promise("close", |scope, browser, _| {
            let process = Arc::clone(&browser.process);
            promise::start_void(scope, async move {
                process.close_for_all().await;
                Ok::<_, Message>(())
            })
        }),
        // Whoever starts a Chrome is its only client: it ends with its connection.
        Method::promise("disconnect", |scope, browser, _| leave(scope, browser)),
        Method::promise("@@asyncDispose", |scope, browser, _| leave(scope, browser)),
        Method::sync("@@dispose", |scope, browser, _| {
            let process = Arc::clone(&browser.process);
            // Nobody waits for it.
            io::spawn(async move { process.close().await });
            Ok(scope.undefined())
        }),
    ];
}
