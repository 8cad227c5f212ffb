//! `Browser` and `BrowserContext`, as far as a pool's user meets them.

use std::rc::Rc;
use std::sync::Arc;

use crate::cdp::io;
use crate::driver::chromium;
use crate::node::js::class::{self, Class, Method, data_of};
use crate::node::js::{Call, ErrorClass, JsThread, Scope, Thrown, Value};
use crate::page::{Browser, BrowserContext, Page};

use super::emitter::Emitter;
use super::error::Message;
use super::identity::{self, Key};
use super::{page as page_class, promise, target};

/// What a browser's object carries. Keeps the process.
pub(super) struct BrowserData {
    process: Arc<chromium::Browser>,
    emitter: Emitter,
}

impl BrowserData {
    fn core(&self) -> &Browser {
        self.process.pages()
    }
}

/// The browser's object: one as long as it is connected.
pub(crate) fn wrap<'s>(scope: Scope<'s>, browser: &Arc<chromium::Browser>) -> Result<Value<'s>, Thrown> {
    let key = Key::Browser(browser.pages().key());
    let make = || {
        let data = Rc::new(BrowserData {
            process: Arc::clone(browser),
            emitter: Emitter::default(),
        });
        class::instantiate::<BrowserClass>(scope, data)
    };
    if !browser.is_connected() {
        return match identity::existing(scope, &key) {
            Some(known) => Ok(known),
            None => make(),
        };
    }
    identity::object_of(scope, key.clone(), || {
        if let Some(thread) = JsThread::current() {
            let ending = Arc::clone(browser);
            // Ends with the browser.
            io::spawn(async move {
                ending.ended().await;
                thread.post(move |scope| disconnected(scope, &key));
            });
        }
        make()
    })
}

fn disconnected(scope: Scope<'_>, key: &Key) {
    let object = identity::existing(scope, key);
    identity::forget(key);
    if let Some(data) = object.and_then(data_of::<BrowserData>) {
        data.emitter.emit(scope, "disconnected", scope.undefined());
    }
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

/// The context's object.
pub(crate) fn wrap_context<'s>(scope: Scope<'s>, context: &BrowserContext) -> Result<Value<'s>, Thrown> {
    identity::object_of(scope, context_key(context), || {
        class::instantiate::<ContextClass>(scope, Rc::new(context.clone()))
    })
}

fn context_key(context: &BrowserContext) -> Key {
    Key::Context(context.browser().key(), context.id().map(ToOwned::to_owned))
}

fn pages<'s>(scope: Scope<'s>, pages: &[Page]) -> Result<Value<'s>, Thrown> {
    let objects: Result<Vec<_>, _> = pages.iter().map(|page| page_class::wrap(scope, page)).collect();
    let array = scope.array(objects?);
    scope.global().get("Promise")?.call_method("resolve", &[array])
}

fn new_page(scope: Scope<'_>, context: BrowserContext) -> Result<Value<'_>, Thrown> {
    promise::start(scope, async move { context.new_page().await }, |scope, page| {
        page_class::wrap(scope, &page)
    })
}

/// Enough of a `ChildProcess` to find and end the process.
fn child(scope: Scope<'_>, pid: u32) -> Value<'_> {
    let child = scope.object();
    child.set("pid", scope.number(f64::from(pid)));
    child.set(
        "kill",
        scope.function("kill", move |scope, call| {
            let pid = scope.number(f64::from(pid));
            let process = scope.global().get("process")?;
            process.call_method("kill", &[pid, call.argument(0)])
        }),
    )
}

fn targets<'s>(scope: Scope<'s>, pages: &[Page]) -> Result<Value<'s>, Thrown> {
    let objects: Result<Vec<_>, _> = pages.iter().map(|page| target::wrap(scope, page)).collect();
    Ok(scope.array(objects?))
}

pub(super) struct BrowserClass;

impl Class for BrowserClass {
    type Data = BrowserData;
    const NAME: &'static str = "Browser";
    const METHODS: &'static [Method<BrowserData>] = &[
        Method::promise("createBrowserContext", |scope, browser, _| {
            let core = browser.core().clone();
            promise::start(
                scope,
                async move { core.create_context().await },
                |scope, context| wrap_context(scope, &context),
            )
        }),
        Method::sync("defaultBrowserContext", |scope, browser, _| {
            wrap_context(scope, &browser.core().default_context())
        }),
        Method::sync("browserContexts", |scope, browser, _| {
            let core = browser.core();
            let all = std::iter::once(core.default_context()).chain(core.contexts());
            let objects: Result<Vec<_>, _> = all.map(|context| wrap_context(scope, &context)).collect();
            Ok(scope.array(objects?))
        }),
        Method::promise("newPage", |scope, browser, _| {
            new_page(scope, browser.core().default_context())
        }),
        Method::promise("pages", |scope, browser, _| pages(scope, &browser.core().pages())),
        Method::sync("targets", |scope, browser, _| {
            targets(scope, &browser.core().pages())
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
        Method::sync("process", |scope, browser, _| {
            Ok(match browser.process.pid() {
                Some(pid) => child(scope, pid),
                None => scope.null(),
            })
        }),
        Method::sync("isConnected", |scope, browser, _| {
            Ok(scope.boolean(browser.process.is_connected()))
        }),
        Method::getter("connected", |scope, browser, _| {
            Ok(scope.boolean(browser.process.is_connected()))
        }),
        Method::promise("close", |scope, browser, _| {
            let process = Arc::clone(&browser.process);
            promise::start_void(scope, async move {
                process.close().await;
                Ok::<_, Message>(())
            })
        }),
        Method::sync("on", |scope, browser, call| listen(scope, browser, call, false)),
        Method::sync("once", |scope, browser, call| listen(scope, browser, call, true)),
        Method::sync("off", |scope, browser, call| {
            let event = call.argument(0).coerce_to_string()?;
            let function = Some(call.argument(1)).filter(|function| function.is_function());
            browser.emitter.remove(scope, &event, function);
            Ok(call.this)
        }),
        Method::sync("removeAllListeners", |_, browser, call| {
            browser
                .emitter
                .remove_all(call.argument(0).as_string().as_deref());
            Ok(call.this)
        }),
        Method::sync("listenerCount", |scope, browser, call| {
            let event = call.argument(0).coerce_to_string()?;
            let count = u32::try_from(browser.emitter.count(&event)).unwrap_or(u32::MAX);
            Ok(scope.number(f64::from(count)))
        }),
    ];
}

fn listen<'s>(
    scope: Scope<'s>,
    browser: &Rc<BrowserData>,
    call: &Call<'s>,
    once: bool,
) -> Result<Value<'s>, Thrown> {
    let event = call.argument(0).coerce_to_string()?;
    browser.emitter.add(scope, &event, call.argument(1), once)?;
    Ok(call.this)
}

pub(super) struct ContextClass;

impl Class for ContextClass {
    type Data = BrowserContext;
    const NAME: &'static str = "BrowserContext";
    const METHODS: &'static [Method<BrowserContext>] = &[
        Method::getter("id", |scope, context, _| {
            Ok(context
                .id()
                .map_or_else(|| scope.undefined(), |id| scope.string(id)))
        }),
        Method::getter("closed", |scope, context, _| {
            Ok(scope.boolean(context.is_closed()))
        }),
        Method::promise("newPage", |scope, context, _| {
            new_page(scope, Rc::unwrap_or_clone(Rc::clone(context)))
        }),
        Method::promise("pages", |scope, context, _| pages(scope, &context.pages())),
        Method::sync("targets", |scope, context, _| targets(scope, &context.pages())),
        Method::sync("browser", |scope, context, _| wrap_of(scope, context.browser())),
        Method::promise("close", |scope, context, _| {
            let context = Rc::unwrap_or_clone(Rc::clone(context));
            if context.id().is_none() {
                let message = "Default BrowserContext cannot be closed!";
                return Err(Thrown::new(scope.error(ErrorClass::Error, message, None)));
            }
            let key = context_key(&context);
            promise::start(scope, async move { context.close().await }, move |scope, ()| {
                identity::forget(&key);
                Ok(scope.undefined())
            })
        }),
    ];
}
