//! `Page`

use std::cell::RefCell;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::node::js::class::{self, Class, Method};
use crate::node::js::{Call, JsRef, Scope, Thrown, Value};
use crate::page::{Clip, Page, ScreenshotError, ScreenshotOptions};

use super::events::PageEvents;
use super::identity::{self, Key};
use super::input::Devices;
use super::{
    arguments, browser, emulation, expect, expose, frame, input, navigation, options, promise, session,
    target, wait,
};

/// What a page's object carries.
pub(super) struct PageData {
    pub core: Page,
    pub events: PageEvents,
    pub devices: Devices,
    /// The viewport as it was given.
    pub viewport: RefCell<Option<JsRef>>,
}

/// The page's object: one as long as the page lives.
pub(crate) fn wrap<'s>(scope: Scope<'s>, page: &Page) -> Result<Value<'s>, Thrown> {
    let make = || {
        let data = Rc::new(PageData {
            core: page.clone(),
            events: PageEvents::default(),
            devices: Devices::default(),
            viewport: RefCell::default(),
        });
        class::instantiate::<PageClass>(scope, data)
    };
    if page.is_closed() {
        return match identity::existing(scope, &Key::Page(page.id())) {
            Some(known) => Ok(known),
            None => make(),
        };
    }
    identity::object_of(scope, Key::Page(page.id()), || {
        let object = make()?;
        if let Some(data) = class::data_of::<PageData>(object) {
            data.events.subscribe(page);
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
        input::PAGE_METHODS,
        expose::METHODS,
        expect::METHODS,
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
        Method::promise("screenshot", screenshot),
        Method::promise("createCDPSession", |scope, page, _| {
            session::create(scope, &page.core)
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
        Method::sync("browser", |scope, page, _| {
            browser::wrap_of(scope, page.core.browser())
        }),
        Method::sync("browserContext", |scope, page, _| {
            browser::wrap_context(scope, &page.core.browser_context())
        }),
        Method::sync("target", |scope, page, _| target::wrap(scope, &page.core)),
        Method::sync("setDefaultTimeout", |scope, page, call| {
            let millis = call.argument(0).as_f64().unwrap_or_default();
            page.core.set_default_timeout(options::millis(millis));
            Ok(scope.undefined())
        }),
        Method::sync("setDefaultNavigationTimeout", |scope, page, call| {
            let millis = call.argument(0).as_f64().unwrap_or_default();
            page.core.set_default_navigation_timeout(options::millis(millis));
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
        Method::sync("on", |scope, page, call| add_listener(scope, page, call, false)),
        Method::sync("addListener", |scope, page, call| {
            add_listener(scope, page, call, false)
        }),
        Method::sync("once", |scope, page, call| add_listener(scope, page, call, true)),
        Method::sync("off", remove_listener),
        Method::sync("removeListener", remove_listener),
        Method::sync("removeAllListeners", |_, page, call| {
            let event = call.argument(0).as_string();
            page.events.emitter.remove_all(event.as_deref());
            page.events.subscribe(&page.core);
            Ok(call.this)
        }),
        Method::sync("listenerCount", |scope, page, call| {
            let event = call.argument(0).coerce_to_string()?;
            let count = u32::try_from(page.events.emitter.count(&event)).unwrap_or(u32::MAX);
            Ok(scope.number(f64::from(count)))
        }),
        Method::sync("emit", |scope, page, call| {
            let event = call.argument(0).coerce_to_string()?;
            Ok(scope.boolean(page.events.emitter.emit(scope, &event, call.argument(1))))
        }),
        Method::promise("@@asyncDispose", |scope, page, _| {
            let page = page.core.clone();
            promise::start_void(scope, async move { page.close(false).await })
        }),
    ];
}

fn add_listener<'s>(
    scope: Scope<'s>,
    page: &Rc<PageData>,
    call: &Call<'s>,
    once: bool,
) -> Result<Value<'s>, Thrown> {
    let event = call.argument(0).coerce_to_string()?;
    page.events.emitter.add(scope, &event, call.argument(1), once)?;
    if !page.core.is_closed() {
        page.events.subscribe(&page.core);
    }
    Ok(call.this)
}

fn remove_listener<'s>(scope: Scope<'s>, page: &Rc<PageData>, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let event = call.argument(0).coerce_to_string()?;
    let function = Some(call.argument(1)).filter(|function| function.is_function());
    page.events.emitter.remove(scope, &event, function);
    page.events.subscribe(&page.core);
    Ok(call.this)
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

/// What `screenshot` resolves with.
enum Picture {
    Bytes(Vec<u8>),
    Base64(String),
}

fn screenshot<'s>(scope: Scope<'s>, page: &Rc<PageData>, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let given = call.argument(0);
    check_screenshot(scope, given)?;
    let path = options::string(given, "path")?;
    let in_path = path.as_deref().and_then(|path| match path.rsplit('.').next() {
        Some("jpeg" | "jpg") => Some("jpeg"),
        Some("webp") => Some("webp"),
        Some("png") => Some("png"),
        _ => None,
    });
    let format = match options::string(given, "type")? {
        Some(format) => format,
        None => in_path.unwrap_or("png").to_owned(),
    };
    let as_base64 = options::string(given, "encoding")?.as_deref() == Some("base64");
    let read = ScreenshotOptions {
        format,
        quality: options::number(given, "quality")?.map(|quality| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is clamped"
            )]
            let quality = quality.clamp(0.0, 100.0) as u32;
            quality
        }),
        full_page: options::flag(given, "fullPage")?,
        clip: clip(given)?,
        omit_background: options::flag(given, "omitBackground")?,
        capture_beyond_viewport: options::get(given, "captureBeyondViewport")?.map(Value::is_truthy),
        from_surface: options::get(given, "fromSurface")?.map(Value::is_truthy),
        optimize_for_speed: options::flag(given, "optimizeForSpeed")?,
    };
    let page = page.core.clone();
    let taking = async move {
        let data = page.screenshot_base64(&read).await?;
        if as_base64 && path.is_none() {
            return Ok::<_, ScreenshotError>(Picture::Base64(data));
        }
        let bytes = BASE64.decode(&data).map_err(|_| ScreenshotError::Encoding)?;
        if let Some(path) = path {
            tokio::fs::write(path, &bytes)
                .await
                .map_err(ScreenshotError::Write)?;
        }
        Ok(if as_base64 {
            Picture::Base64(data)
        } else {
            Picture::Bytes(bytes)
        })
    };
    promise::start(scope, taking, |scope, picture: Picture| {
        Ok(match picture {
            Picture::Bytes(bytes) => scope.buffer(bytes),
            Picture::Base64(text) => scope.string_from_latin1(text.into_bytes()),
        })
    })
}

/// puppeteer's rules, in its words.
fn check_screenshot(scope: Scope<'_>, given: Value<'_>) -> Result<(), Thrown> {
    let refuse = |message: &str| {
        Err(Thrown::new(scope.error(
            crate::node::js::ErrorClass::Error,
            message,
            None,
        )))
    };
    if let Some(quality) = options::number(given, "quality")? {
        if !(0.0..=100.0).contains(&quality) {
            return refuse(&format!(
                "Expected 'quality' ({quality}) to be between 0 and 100, inclusive."
            ));
        }
        let format = options::string(given, "type")?.unwrap_or_else(|| "png".to_owned());
        if format == "png" && options::get(given, "path")?.is_none() {
            return refuse("png screenshots do not support 'quality'.");
        }
    }
    if let Some(clip) = clip(given)? {
        if options::flag(given, "fullPage")? {
            return refuse("'clip' and 'fullPage' are mutually exclusive");
        }
        if clip.width <= 0.0 {
            return refuse("'width' in 'clip' must be positive.");
        }
        if clip.height <= 0.0 {
            return refuse("'height' in 'clip' must be positive.");
        }
    }
    Ok(())
}

fn clip(given: Value<'_>) -> Result<Option<Clip>, Thrown> {
    let Some(clip) = options::get(given, "clip")? else {
        return Ok(None);
    };
    let side = |name| options::number(clip, name).map(Option::unwrap_or_default);
    Ok(Some(Clip {
        x: side("x")?,
        y: side("y")?,
        width: side("width")?,
        height: side("height")?,
        scale: options::number(clip, "scale")?.unwrap_or(1.0),
    }))
}
