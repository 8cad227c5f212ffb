//! `Page`

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use crate::cdp::io;
use crate::node::js::class::{self, Class, Method};
use crate::node::js::{Call, JsRef, Scope, Thrown, Value};
use crate::page::{Page, Target};

use super::emitter::{Emits, Emitter};
use super::events::PageEvents;
use super::handle::Handle;
use super::identity::{self, Key};
use super::input::Devices;
use super::tracing::{Tracing, TracingData};
use super::{
    accessibility, arguments, browser, context, cookies, coverage, device_prompt, emitter, emulation, expose,
    file_chooser, frame, handle, input, locator, navigation, options, pdf, promise, screenshot, session,
    target, wait, wait_for_event, web_worker,
};

/// What a page's object carries.
pub(super) struct PageData {
    pub core: Page,
    pub events: PageEvents,
    pub devices: Devices,
    /// The viewport as it was given.
    pub viewport: RefCell<Option<JsRef>>,
    tracing: OnceCell<JsRef>,
    coverage: OnceCell<JsRef>,
    accessibility: OnceCell<JsRef>,
}

/// The page's object: one for the page's life, and for as long as JavaScript keeps it.
pub(crate) fn wrap<'s>(scope: Scope<'s>, page: &Page) -> Result<Value<'s>, Thrown> {
    let make = || {
        let data = Rc::new(PageData {
            core: page.clone(),
            events: PageEvents::default(),
            devices: Devices::default(),
            viewport: RefCell::default(),
            tracing: OnceCell::new(),
            coverage: OnceCell::new(),
            accessibility: OnceCell::new(),
        });
        class::instantiate::<PageClass>(scope, data)
    };
    if page.is_closed() {
        return identity::object_of_gone(scope, &Key::Page(page.id()), make);
    }
    identity::object_of(scope, Key::Page(page.id()), || {
        let object = make()?;
        if let Some(data) = class::data_of::<PageData>(object) {
            data.events.subscribe(page);
            PageEvents::stand_by(page);
        }
        Ok(object)
    })
}

macro_rules! of_main_frame {
    ($name:literal, $function:path) => {
        Method::promise($name, |scope, page: &Rc<PageData>, call| {
            $function(scope, &page.core.main_frame(), call)
        })
    };
    ($name:literal, $function:path, $root:expr) => {
        Method::promise($name, |scope, page: &Rc<PageData>, call| {
            $function(scope, &page.core.main_frame(), $root, call)
        })
    };
}

pub(super) struct PageClass;

impl Class for PageClass {
    type Data = PageData;
    const NAME: &'static str = "Page";
    const MORE: &'static [&'static [Method<PageData>]] = &[
        emulation::METHODS,
        cookies::PAGE_METHODS,
        &emitter::methods(),
        pdf::METHODS,
        input::PAGE_METHODS,
        input::PAGE_DRAG_METHODS,
        expose::METHODS,
        wait_for_event::METHODS,
    ];
    const METHODS: &'static [Method<PageData>] = &[
        of_main_frame!("evaluate", frame::evaluate),
        of_main_frame!("evaluateHandle", frame::evaluate_handle),
        of_main_frame!("$", frame::query_one, None),
        of_main_frame!("$$", frame::query_all, None),
        of_main_frame!("$eval", frame::eval_one, None),
        of_main_frame!("$$eval", frame::eval_all, None),
        of_main_frame!("goto", navigation::goto),
        of_main_frame!("setContent", navigation::set_content),
        of_main_frame!("waitForNavigation", navigation::wait_for_navigation),
        of_main_frame!("waitForFunction", wait::for_function),
        of_main_frame!("waitForSelector", wait::for_selector, None),
        Method::promise("waitForDevicePrompt", device_prompt::wait_for),
        Method::sync("locator", |scope, _, call| locator::locate(scope, call)),
        Method::promise("content", |scope, page, _| {
            frame::content(scope, &page.core.main_frame())
        }),
        Method::promise("title", |scope, page, _| {
            frame::title(scope, &page.core.main_frame())
        }),
        Method::promise("reload", |scope, page, call| {
            navigation::reload(scope, &page.core, call)
        }),
        Method::promise("goBack", |scope, page, call| {
            navigation::go(scope, &page.core, -1, call)
        }),
        Method::promise("goForward", |scope, page, call| {
            navigation::go(scope, &page.core, 1, call)
        }),
        Method::promise("evaluateOnNewDocument", evaluate_on_new_document),
        Method::promise("removeScriptToEvaluateOnNewDocument", |scope, page, call| {
            let identifier = options::text(scope, call.argument(0), "the identifier")?;
            let page = page.core.clone();
            promise::start_void(scope, async move {
                page.remove_script_on_new_document(&identifier).await
            })
        }),
        Method::promise("screenshot", |scope, page, call| {
            screenshot::of_page(scope, &page.core, call)
        }),
        Method::promise("queryObjects", query_objects),
        Method::promise("createCDPSession", |scope, page, _| {
            session::create(scope, Target::Page(page.core.clone()))
        }),
        Method::promise("waitForFileChooser", file_chooser::wait_for),
        Method::promise("captureHeapSnapshot", |scope, page, call| {
            let path = match options::get(call.argument(0), "path")? {
                Some(path) => options::text(scope, path, "options.path")?,
                None => return Err(Thrown::invalid_argument(scope, "options.path must be a string")),
            };
            let page = page.core.clone();
            promise::start_void(
                scope,
                async move { page.capture_heap_snapshot(path.as_ref()).await },
            )
        }),
        Method::promise("bringToFront", |scope, page, _| {
            let page = page.core.clone();
            promise::start_void(scope, async move { page.bring_to_front().await })
        }),
        Method::promise("close", |scope, page, call| {
            let run_before_unload = options::flag(call.argument(0), "runBeforeUnload")?;
            let page = page.core.clone();
            promise::start_void(scope, async move { page.close(run_before_unload).await })
        }),
        Method::sync("isClosed", |scope, page, _| {
            Ok(scope.boolean(page.core.is_closed()))
        }),
        Method::promise("windowId", |scope, page, _| {
            let page = page.core.clone();
            promise::start(scope, async move { page.window_id().await }, |scope, id| {
                Ok(scope.string(&id.to_string()))
            })
        }),
        Method::promise("hasDevTools", |scope, page, _| {
            let page = page.core.clone();
            promise::start(scope, async move { page.has_dev_tools().await }, |scope, open| {
                Ok(scope.boolean(open))
            })
        }),
        Method::promise("resize", |scope, page, call| {
            let size = call.argument(0);
            let width = options::number(size, "contentWidth")?.unwrap_or(f64::NAN);
            let height = options::number(size, "contentHeight")?.unwrap_or(f64::NAN);
            if !(width.is_finite() && height.is_finite()) {
                let message = "contentWidth and contentHeight must be numbers of pixels";
                return Err(Thrown::invalid_argument(scope, message));
            }
            let page = page.core.clone();
            promise::start_void(scope, async move { page.resize(width, height).await })
        }),
        Method::sync("url", |scope, page, _| Ok(scope.string(&page.core.url()))),
        Method::sync("mainFrame", |scope, page, _| {
            frame::wrap(scope, &page.core.main_frame())
        }),
        Method::sync("frames", |scope, page, _| {
            let frames: Result<Vec<_>, _> = page
                .core
                .frames()
                .iter()
                .map(|frame| frame::wrap(scope, frame))
                .collect();
            Ok(scope.array(frames?))
        }),
        Method::sync("workers", |scope, page, _| {
            let workers: Result<Vec<_>, _> = page
                .core
                .workers()
                .iter()
                .map(|worker| web_worker::wrap(scope, worker))
                .collect();
            Ok(scope.array(workers?))
        }),
        Method::sync("browser", |scope, page, _| {
            browser::wrap_of(scope, page.core.browser())
        }),
        Method::sync("browserContext", |scope, page, _| {
            context::wrap(scope, &page.core.browser_context())
        }),
        Method::sync("target", |scope, page, _| {
            target::wrap(scope, &Target::Page(page.core.clone()))
        }),
        Method::sync("setDefaultTimeout", |scope, page, call| {
            let millis = options::default_timeout(call.argument(0))?;
            page.core.set_default_timeout(millis);
            Ok(scope.undefined())
        }),
        Method::sync("setDefaultNavigationTimeout", |scope, page, call| {
            let millis = options::default_timeout(call.argument(0))?;
            page.core.set_default_navigation_timeout(millis);
            Ok(scope.undefined())
        }),
        #[expect(clippy::cast_precision_loss, reason = "no timeout is that long")]
        Method::sync("getDefaultTimeout", |scope, page, _| {
            Ok(scope.number(page.core.default_timeout() as f64))
        }),
        #[expect(clippy::cast_precision_loss, reason = "no timeout is that long")]
        Method::sync("getDefaultNavigationTimeout", |scope, page, _| {
            Ok(scope.number(page.core.default_navigation_timeout() as f64))
        }),
        Method::getter("tracing", tracing_of),
        Method::getter("coverage", |scope, page, _| {
            coverage::of_page(scope, &page.coverage, &page.core)
        }),
        Method::getter("accessibility", |scope, page, _| {
            accessibility::of_page(scope, &page.accessibility, &page.core)
        }),
        Method::sync("@@dispose", |scope, page, _| {
            let page = page.core.clone();
            // Nobody waits for it, nor hears of a page that is gone already.
            io::spawn(async move { drop(page.close(false).await) });
            Ok(scope.undefined())
        }),
        Method::promise("@@asyncDispose", |scope, page, _| {
            let page = page.core.clone();
            promise::start_void(scope, async move { page.close(false).await })
        }),
    ];
}

impl Emits for PageData {
    fn emitter(&self) -> &Emitter {
        &self.events.emitter
    }

    fn changed(&self, _: Value<'_>) {
        if !self.core.is_closed() {
            self.events.subscribe(&self.core);
        }
    }
}

fn evaluate_on_new_document<'s>(
    scope: Scope<'s>,
    page: &Rc<PageData>,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let source = if let Some(source) = call.argument(0).as_string() {
        source
    } else {
        let function = arguments::source(scope, call.argument(0))?;
        let json = scope.global().get("JSON")?;
        let mut texts = Vec::new();
        for argument in call.arguments().get(1..).unwrap_or_default() {
            let text = json.call_method("stringify", &[*argument])?.as_string();
            texts.push(text.unwrap_or_else(|| "undefined".to_owned()));
        }
        format!("({function})({})", texts.join(","))
    };
    let page = page.core.clone();
    let adding = async move { page.evaluate_on_new_document(&source).await };
    promise::start(scope, adding, |scope, identifier| {
        Ok(scope.object().set("identifier", scope.string(&identifier)))
    })
}

fn tracing_of<'s>(scope: Scope<'s>, page: &Rc<PageData>, _: &Call<'s>) -> Result<Value<'s>, Thrown> {
    if let Some(known) = page.tracing.get() {
        return Ok(known.get(scope));
    }
    let data = TracingData {
        page: page.core.clone(),
        path: RefCell::default(),
    };
    let object = class::instantiate::<Tracing>(scope, Rc::new(data))?;
    if let Some(kept) = JsRef::new(object) {
        let _ = page.tracing.set(kept);
    }
    Ok(object)
}

fn query_objects<'s>(scope: Scope<'s>, page: &Rc<PageData>, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let refuse = |message: &str| Thrown::refused(scope, message);
    let prototype = class::data_of::<Handle>(call.argument(0))
        .ok_or_else(|| Thrown::invalid_argument(scope, "expected a handle on a prototype"))?;
    if prototype.is_disposed() {
        return Err(refuse("Prototype JSHandle is disposed!"));
    }
    let Some(id) = prototype.object.object_id.clone() else {
        return Err(refuse(
            "Prototype JSHandle must not be referencing primitive value",
        ));
    };
    let frame = page.core.main_frame();
    let of_handle = frame.clone();
    let querying = async move { frame.query_objects(&id).await };
    promise::start(scope, querying, move |scope, objects| {
        handle::wrap(scope, &of_handle, objects)
    })
}
