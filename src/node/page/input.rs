//! `Keyboard`, `Mouse`, and what elements do with them.

use std::rc::Rc;
use std::time::Duration;

use serde_json::json;

use crate::cdp::DEFAULT_DEADLINE;
use crate::node::js::class::{self, Class, Method};
use crate::node::js::{Call, JsRef, Scope, Thrown, Value};
use crate::page::{
    Argument, ClickOptions, Code, Frame, InputError, MouseButton, Page, RemoteObject, Selector,
};

use super::error::OfOurScript;
use super::handle::Handle;
use super::page::PageData;
use super::rejections::ActionError;
use super::{frame as frame_class, options, promise, value};

pub(super) struct Keyboard;

impl Class for Keyboard {
    type Data = Page;
    const NAME: &'static str = "Keyboard";
    const METHODS: &'static [Method<Page>] = &[
        Method::promise("down", |scope, page, call| {
            let (page, press) = (Page::clone(page), Press::read(call)?);
            promise::start_void(scope, async move {
                page.key_down(&press.key, press.text.as_deref(), press.commands.as_deref())
                    .await
            })
        }),
        Method::promise("up", |scope, page, call| {
            let (page, key) = (Page::clone(page), call.argument(0).coerce_to_string()?);
            promise::start_void(scope, async move { page.key_up(&key).await })
        }),
        Method::promise("press", |scope, page, call| {
            let (page, press) = (Page::clone(page), Press::read(call)?);
            promise::start_void(scope, async move { press.on(&page).await })
        }),
        Method::promise("type", |scope, page, call| {
            let (page, text) = (Page::clone(page), call.argument(0).coerce_to_string()?);
            let delay = delay(call.argument(1))?;
            promise::start_void(scope, async move { page.type_text(&text, delay).await })
        }),
        Method::promise("sendCharacter", |scope, page, call| {
            let (page, text) = (Page::clone(page), call.argument(0).coerce_to_string()?);
            promise::start_void(scope, async move { page.insert_text(&text).await })
        }),
    ];
}

pub(super) struct Mouse;

impl Class for Mouse {
    type Data = Page;
    const NAME: &'static str = "Mouse";
    const METHODS: &'static [Method<Page>] = &[
        Method::promise("move", |scope, page, call| {
            let (x, y) = point(call)?;
            let steps = options::number(call.argument(2), "steps")?.unwrap_or(1.0);
            let (page, steps) = (Page::clone(page), whole(steps));
            promise::start_void(scope, async move { page.mouse_move(x, y, steps).await })
        }),
        Method::promise("down", |scope, page, call| {
            let (button, count) = button(call.argument(0))?;
            let page = Page::clone(page);
            promise::start_void(scope, async move { page.mouse_down(button?, count).await })
        }),
        Method::promise("up", |scope, page, call| {
            let (button, count) = button(call.argument(0))?;
            let page = Page::clone(page);
            promise::start_void(scope, async move { page.mouse_up(button?, count).await })
        }),
        Method::promise("click", |scope, page, call| {
            let (x, y) = point(call)?;
            let (page, click) = (Page::clone(page), click(call.argument(2))?);
            promise::start_void(scope, async move { page.mouse_click(x, y, click?).await })
        }),
        Method::promise("wheel", |scope, page, call| {
            let x = options::number(call.argument(0), "deltaX")?.unwrap_or_default();
            let y = options::number(call.argument(0), "deltaY")?.unwrap_or_default();
            let page = Page::clone(page);
            promise::start_void(scope, async move { page.mouse_wheel(x, y).await })
        }),
        Method::promise("reset", |scope, page, _| {
            let page = Page::clone(page);
            promise::start_void(scope, async move { page.mouse_reset().await })
        }),
    ];
}

pub(super) struct Touchscreen;

impl Class for Touchscreen {
    type Data = Page;
    const NAME: &'static str = "Touchscreen";
    const METHODS: &'static [Method<Page>] = &[Method::promise("tap", |scope, page, call| {
        let (x, y) = point(call)?;
        let page = Page::clone(page);
        promise::start_void(scope, async move { page.tap(x, y).await })
    })];
}

/// The page's devices: one object each, for the page's life.
#[derive(Default)]
pub(super) struct Devices(std::cell::RefCell<Vec<(&'static str, JsRef)>>);

impl Devices {
    fn get<'s, C: Class<Data = Page>>(&self, scope: Scope<'s>, page: &Page) -> Result<Value<'s>, Thrown> {
        let known = self
            .0
            .borrow()
            .iter()
            .find(|(name, _)| *name == C::NAME)
            .map(|(_, device)| device.clone());
        if let Some(known) = known {
            return Ok(known.get(scope));
        }
        let device = class::instantiate::<C>(scope, Rc::new(page.clone()))?;
        if let Some(kept) = JsRef::new(device) {
            self.0.borrow_mut().push((C::NAME, kept));
        }
        Ok(device)
    }
}

pub(super) const PAGE_METHODS: &[Method<PageData>] = &[
    Method::promise("addScriptTag", |scope, page, call| {
        add_tag(scope, &page.core.main_frame(), call, true)
    }),
    Method::promise("addStyleTag", |scope, page, call| {
        add_tag(scope, &page.core.main_frame(), call, false)
    }),
    Method::getter("keyboard", |scope, page, _| {
        page.devices.get::<Keyboard>(scope, &page.core)
    }),
    Method::getter("mouse", |scope, page, _| {
        page.devices.get::<Mouse>(scope, &page.core)
    }),
    Method::getter("touchscreen", |scope, page, _| {
        page.devices.get::<Touchscreen>(scope, &page.core)
    }),
    Method::promise("click", |scope, page, call| {
        by_selector(scope, &page.core.main_frame(), call, do_click)
    }),
    Method::promise("hover", |scope, page, call| {
        by_selector(scope, &page.core.main_frame(), call, do_hover)
    }),
    Method::promise("focus", |scope, page, call| {
        by_selector(scope, &page.core.main_frame(), call, do_focus)
    }),
    Method::promise("tap", |scope, page, call| {
        by_selector(scope, &page.core.main_frame(), call, do_tap)
    }),
    Method::promise("type", |scope, page, call| {
        by_selector(scope, &page.core.main_frame(), call, do_type)
    }),
    Method::promise("select", |scope, page, call| {
        select_in(scope, &page.core.main_frame(), call)
    }),
];

pub(super) const FRAME_METHODS: &[Method<Frame>] = &[
    Method::promise("addScriptTag", |scope, frame, call| {
        add_tag(scope, frame, call, true)
    }),
    Method::promise("addStyleTag", |scope, frame, call| {
        add_tag(scope, frame, call, false)
    }),
    Method::promise("click", |scope, frame, call| {
        by_selector(scope, frame, call, do_click)
    }),
    Method::promise("hover", |scope, frame, call| {
        by_selector(scope, frame, call, do_hover)
    }),
    Method::promise("focus", |scope, frame, call| {
        by_selector(scope, frame, call, do_focus)
    }),
    Method::promise("tap", |scope, frame, call| {
        by_selector(scope, frame, call, do_tap)
    }),
    Method::promise("type", |scope, frame, call| {
        by_selector(scope, frame, call, do_type)
    }),
    Method::promise("select", |scope, frame, call| select_in(scope, frame, call)),
    Method::promise("frameElement", |scope, frame, _| {
        let frame = Frame::clone(frame);
        promise::start(
            scope,
            async move { frame.owner().await },
            |scope, owner| match owner {
                Some((parent, object)) => super::handle::wrap(scope, &parent, object),
                None => Ok(scope.null()),
            },
        )
    }),
];

pub(super) const ELEMENT_METHODS: &[Method<Handle>] = &[
    Method::promise("click", |scope, handle, call| {
        with_element(scope, handle, call, 0, do_click)
    }),
    Method::promise("hover", |scope, handle, call| {
        with_element(scope, handle, call, 0, do_hover)
    }),
    Method::promise("focus", |scope, handle, call| {
        with_element(scope, handle, call, 0, do_focus)
    }),
    Method::promise("tap", |scope, handle, call| {
        with_element(scope, handle, call, 0, do_tap)
    }),
    Method::promise("type", |scope, handle, call| {
        with_element(scope, handle, call, 0, do_type)
    }),
    Method::promise("press", |scope, handle, call| {
        with_element(scope, handle, call, 0, do_press)
    }),
    Method::promise("select", |scope, handle, call| {
        let values = values(scope, call.arguments())?;
        let mut arguments = vec![handle.live_argument(scope)?];
        arguments.push(values);
        frame_class::evaluate_our_code(scope, &handle.frame, Code::call(SELECT, arguments))
    }),
    Method::promise("scrollIntoView", |scope, handle, _| {
        let (frame, object) = parts(scope, handle)?;
        promise::start_void(scope, async move { frame.scroll_into_view(&object).await })
    }),
    Method::promise("clickablePoint", |scope, handle, call| {
        let (frame, object) = parts(scope, handle)?;
        let offset = offset_of(call.argument(0))?;
        promise::start(
            scope,
            async move { frame.clickable_point(&object, offset).await },
            |scope, (x, y)| Ok(scope.object().set("x", scope.number(x)).set("y", scope.number(y))),
        )
    }),
    Method::promise("boundingBox", |scope, handle, _| {
        let (frame, object) = parts(scope, handle)?;
        promise::start(
            scope,
            async move { frame.bounding_box(&object).await },
            |scope, rect| {
                let Some(rect) = rect else { return Ok(scope.null()) };
                let sides = [
                    ("x", rect.x),
                    ("y", rect.y),
                    ("width", rect.width),
                    ("height", rect.height),
                ];
                let object = scope.object();
                for (name, side) in sides {
                    object.set(name, scope.number(side));
                }
                Ok(object)
            },
        )
    }),
    Method::promise("boxModel", |scope, handle, _| ask(scope, handle, BOX_MODEL)),
    Method::promise("isVisible", |scope, handle, _| ask(scope, handle, IS_VISIBLE)),
    Method::promise("isHidden", |scope, handle, _| ask(scope, handle, IS_HIDDEN)),
    Method::promise("isIntersectingViewport", |scope, handle, call| {
        let threshold = options::number(call.argument(0), "threshold")?.unwrap_or_default();
        let arguments = [handle.live_argument(scope)?, Argument::Number(threshold)];
        frame_class::evaluate_our_code(scope, &handle.frame, Code::call(IS_INTERSECTING, arguments))
    }),
    Method::promise("uploadFile", |scope, handle, call| {
        let (frame, object) = parts(scope, handle)?;
        let mut files = Vec::new();
        for file in call.arguments() {
            let file = std::path::absolute(file.coerce_to_string()?)
                .map_err(|error| Thrown::invalid_argument(scope, &error.to_string()))?;
            files.push(file.to_string_lossy().into_owned());
        }
        promise::start_void(scope, async move {
            let params = json!({ "files": files, "objectId": object.object_id.as_deref() });
            let session = frame.session();
            session
                .send_raw("DOM.setFileInputFiles", params, Some(DEFAULT_DEADLINE))
                .await
        })
    }),
    Method::promise("contentFrame", |scope, handle, _| {
        let (frame, object) = parts(scope, handle)?;
        let looking = async move {
            let params = json!({ "objectId": object.object_id.as_deref() });
            let answer = frame
                .session()
                .send_raw("DOM.describeNode", params, Some(DEFAULT_DEADLINE))
                .await?;
            let node: Described = serde_json::from_str(answer.get()).unwrap_or_default();
            let page = frame.page().clone();
            Ok::<_, crate::cdp::CallError>(node.node.frame_id.and_then(|id| page.frame(&id)))
        };
        promise::start(scope, looking, |scope, frame| match frame {
            Some(frame) => frame_class::wrap(scope, &frame),
            None => Ok(scope.null()),
        })
    }),
];

#[derive(serde::Deserialize, Default)]
struct Described {
    node: DescribedNode,
}

#[derive(serde::Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct DescribedNode {
    frame_id: Option<String>,
}

const SELECT: &str = "(element, values) => {
    if (!(element instanceof HTMLSelectElement)) throw new Error('Element is not a <select> element.');
    const wanted = new Set(values);
    const selected = new Set();
    if (element.multiple) {
        for (const option of element.options) {
            option.selected = wanted.has(option.value);
            if (option.selected) selected.add(option.value);
        }
    } else {
        for (const option of element.options) option.selected = false;
        for (const option of element.options) {
            if (wanted.has(option.value)) {
                option.selected = true;
                selected.add(option.value);
                break;
            }
        }
    }
    element.dispatchEvent(new Event('input', { bubbles: true }));
    element.dispatchEvent(new Event('change', { bubbles: true }));
    return [...selected.values()];
}";

const VISIBILITY: &str = "const seen = node => {
    if (!node) return false;
    const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    return style && !['hidden', 'collapse'].includes(style.visibility) && box.width !== 0 && box.height !== 0;
};";
const IS_VISIBLE: &str = "seen(node)";
const IS_HIDDEN: &str = "!seen(node)";

const IS_INTERSECTING: &str = "async (element, threshold) => {
    const ratio = await new Promise(resolve => {
        const observer = new IntersectionObserver(entries => {
            resolve(entries[0].intersectionRatio);
            observer.disconnect();
        });
        observer.observe(element);
    });
    return threshold === 1 ? ratio === 1 : ratio > threshold;
}";

const BOX_MODEL: &str = "(() => {
    if (!(node instanceof Element) || node.getClientRects().length === 0) return null;
    const rect = node.getBoundingClientRect();
    const style = getComputedStyle(node);
    const side = (part, end = '') => ({
        left: parseInt(style[`${part}Left${end}`], 10), top: parseInt(style[`${part}Top${end}`], 10),
        right: parseInt(style[`${part}Right${end}`], 10), bottom: parseInt(style[`${part}Bottom${end}`], 10),
    });
    const quad = box => [{ x: box.left, y: box.top }, { x: box.right, y: box.top },
        { x: box.right, y: box.bottom }, { x: box.left, y: box.bottom }];
    const shrink = (box, by) => ({ left: box.left + by.left, top: box.top + by.top,
        right: box.right - by.right, bottom: box.bottom - by.bottom });
    const margins = side('margin');
    const border = { left: rect.left, top: rect.top, right: rect.right, bottom: rect.bottom };
    const padding = shrink(border, side('border', 'Width'));
    const content = shrink(padding, side('padding'));
    const margin = shrink(border, { left: -margins.left, top: -margins.top, right: -margins.right, bottom: -margins.bottom });
    return { content: quad(content), padding: quad(padding), border: quad(border), margin: quad(margin),
        width: node.offsetWidth, height: node.offsetHeight };
})()";

fn ask<'s>(scope: Scope<'s>, handle: &Handle, question: &str) -> Result<Value<'s>, Thrown> {
    let code = Code::call(
        format!("node => {{ {VISIBILITY} return {question}; }}"),
        [handle.live_argument(scope)?],
    );
    frame_class::evaluate_our_code(scope, &handle.frame, code)
}

fn parts(scope: Scope<'_>, handle: &Handle) -> Result<(Frame, RemoteObject), Thrown> {
    handle.live_argument(scope)?;
    Ok((handle.frame.clone(), handle.object.clone()))
}

struct Press {
    key: String,
    text: Option<String>,
    commands: Option<Vec<String>>,
    delay: Option<Duration>,
}

impl Press {
    fn read(call: &Call<'_>) -> Result<Self, Thrown> {
        let given = call.argument(1);
        let commands = match options::get(given, "commands")? {
            Some(commands) => {
                let texts: Result<_, _> = commands
                    .elements()?
                    .into_iter()
                    .map(Value::coerce_to_string)
                    .collect();
                Some(texts?)
            }
            None => None,
        };
        Ok(Self {
            key: call.argument(0).coerce_to_string()?,
            text: options::string(given, "text")?,
            commands,
            delay: delay(given)?,
        })
    }

    async fn on(&self, page: &Page) -> Result<(), InputError> {
        page.press(
            &self.key,
            self.text.as_deref(),
            self.commands.as_deref(),
            self.delay,
        )
        .await
    }
}

fn delay(given: Value<'_>) -> Result<Option<Duration>, Thrown> {
    let millis = options::number(given, "delay")?.map(options::millis);
    Ok(millis.filter(|millis| *millis > 0).map(Duration::from_millis))
}

fn point(call: &Call<'_>) -> Result<(f64, f64), Thrown> {
    Ok((
        call.argument(0).coerce_to_number()?,
        call.argument(1).coerce_to_number()?,
    ))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "such casts saturate"
)]
fn whole(number: f64) -> u32 {
    number as u32
}

type Button = Result<MouseButton, InputError>;

fn button(given: Value<'_>) -> Result<(Button, u32), Thrown> {
    let button = match options::string(given, "button")? {
        Some(name) => MouseButton::from_name(&name),
        None => Ok(MouseButton::Left),
    };
    let count = options::number(given, "clickCount")?.unwrap_or(1.0);
    Ok((button, whole(count)))
}

fn click(given: Value<'_>) -> Result<Result<ClickOptions, InputError>, Thrown> {
    let (button, _) = button(given)?;
    let count = whole(options::number(given, "count")?.unwrap_or(1.0));
    let click_count = options::number(given, "clickCount")?.map(whole);
    let delay = delay(given)?;
    Ok(button.map(|button| ClickOptions {
        button,
        count,
        click_count,
        delay,
    }))
}

fn offset_of(given: Value<'_>) -> Result<Option<(f64, f64)>, Thrown> {
    if !given.is_object() {
        return Ok(None);
    }
    Ok(Some((
        options::number(given, "x")?.unwrap_or_default(),
        options::number(given, "y")?.unwrap_or_default(),
    )))
}

/// What is done to an element, read from the arguments from `first` on.
type Action = fn(&Call<'_>, usize) -> Result<Deed, Thrown>;

enum Deed {
    Click(Result<ClickOptions, InputError>, Option<(f64, f64)>),
    Hover,
    Focus,
    Tap,
    Type(String, Option<Duration>),
    Press(Press),
}

fn do_click(call: &Call<'_>, first: usize) -> Result<Deed, Thrown> {
    let given = call.argument(first);
    let offset = options::get(given, "offset")?.map_or(Ok(None), offset_of)?;
    Ok(Deed::Click(click(given)?, offset))
}

#[expect(clippy::unnecessary_wraps, reason = "it is an action")]
fn do_hover(_: &Call<'_>, _: usize) -> Result<Deed, Thrown> {
    Ok(Deed::Hover)
}

#[expect(clippy::unnecessary_wraps, reason = "it is an action")]
fn do_focus(_: &Call<'_>, _: usize) -> Result<Deed, Thrown> {
    Ok(Deed::Focus)
}

#[expect(clippy::unnecessary_wraps, reason = "it is an action")]
fn do_tap(_: &Call<'_>, _: usize) -> Result<Deed, Thrown> {
    Ok(Deed::Tap)
}

fn do_type(call: &Call<'_>, first: usize) -> Result<Deed, Thrown> {
    let text = call.argument(first).coerce_to_string()?;
    Ok(Deed::Type(text, delay(call.argument(first + 1))?))
}

fn do_press(call: &Call<'_>, _: usize) -> Result<Deed, Thrown> {
    Ok(Deed::Press(Press::read(call)?))
}

impl Deed {
    async fn on(self, frame: &Frame, element: &RemoteObject) -> Result<(), ActionError> {
        const FOCUS: &str = "element => {
            if (!(element instanceof HTMLElement)) throw new Error('Cannot focus non-HTMLElement');
            element.focus();
        }";
        let page = frame.page();
        let focus = || async {
            let argument = element
                .object_id
                .clone()
                .map_or(Argument::Undefined, Argument::Object);
            frame.evaluate(Code::call(FOCUS, [argument])).await.map(drop)
        };
        match self {
            Self::Click(options, offset) => {
                frame.scroll_into_view(element).await?;
                let (x, y) = frame.clickable_point(element, offset).await?;
                page.mouse_click(x, y, options?).await?;
            }
            Self::Hover => {
                frame.scroll_into_view(element).await?;
                let (x, y) = frame.clickable_point(element, None).await?;
                page.mouse_move(x, y, 1).await?;
            }
            Self::Tap => {
                frame.scroll_into_view(element).await?;
                let (x, y) = frame.clickable_point(element, None).await?;
                page.tap(x, y).await?;
            }
            Self::Focus => focus().await?,
            Self::Type(text, delay) => {
                focus().await?;
                page.type_text(&text, delay).await?;
            }
            Self::Press(press) => {
                focus().await?;
                press.on(page).await?;
            }
        }
        Ok(())
    }
}

fn with_element<'s>(
    scope: Scope<'s>,
    handle: &Handle,
    call: &Call<'s>,
    first: usize,
    action: Action,
) -> Result<Value<'s>, Thrown> {
    let (frame, object) = parts(scope, handle)?;
    let deed = action(call, first)?;
    promise::start_void(scope, async move { deed.on(&frame, &object).await })
}

async fn find(frame: &Frame, selector: &Selector) -> Result<RemoteObject, ActionError> {
    let found = frame.find(None, selector).await?;
    found.ok_or_else(|| ActionError::Missing(selector.text().to_owned()))
}

fn by_selector<'s>(
    scope: Scope<'s>,
    frame: &Frame,
    call: &Call<'s>,
    action: Action,
) -> Result<Value<'s>, Thrown> {
    let selector = options::selector(scope, call.argument(0))?;
    let deed = action(call, 1)?;
    let frame = frame.clone();
    promise::start_void(scope, async move {
        let element = find(&frame, &selector).await?;
        let done = deed.on(&frame, &element).await;
        frame.release(&element);
        done
    })
}

/// The values of `select`, which are text.
fn values(scope: Scope<'_>, given: &[Value<'_>]) -> Result<Argument, Thrown> {
    let mut texts = Vec::new();
    for value in given {
        let Some(text) = value.as_string() else {
            let what = value.coerce_to_string().unwrap_or_default();
            let kind = if value.as_f64().is_some() {
                "number"
            } else {
                "object"
            };
            let message = format!("Values must be strings. Found value \"{what}\" of type \"{kind}\"");
            return Err(Thrown::refused(scope, &message));
        };
        texts.push(text);
    }
    serde_json::value::to_raw_value(&texts)
        .map(Argument::Json)
        .map_err(|error| Thrown::invalid_argument(scope, &error.to_string()))
}

fn select_in<'s>(scope: Scope<'s>, frame: &Frame, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let selector = options::selector(scope, call.argument(0))?;
    let values = values(scope, call.arguments().get(1..).unwrap_or_default())?;
    let frame = frame.clone();
    let selecting = async move {
        let element = find(&frame, &selector).await?;
        let selected = frame
            .evaluate(Code::call(SELECT, [element.to_argument(), values]))
            .await;
        frame.release(&element);
        Ok::<_, ActionError>(selected?)
    };
    promise::start(scope, selecting, value::to_js)
}

const ADD_SCRIPT: &str = "async ({ url, id, type, content }) => {
    const script = document.createElement('script');
    script.type = type ?? 'text/javascript';
    script.text = content ?? '';
    const loaded = url === undefined ? undefined : new Promise((resolve, reject) => {
        script.addEventListener('load', resolve, { once: true });
        script.addEventListener('error', event => reject(new Error(event.message ?? 'Could not load script')),
            { once: true });
        script.src = url;
    });
    if (id) script.id = id;
    document.head.appendChild(script);
    await loaded;
    return script;
}";

const ADD_STYLE: &str = "async ({ url, content }) => {
    const element = document.createElement(url === undefined ? 'style' : 'link');
    if (url === undefined) {
        element.appendChild(document.createTextNode(content));
    } else {
        element.rel = 'stylesheet';
        element.href = url;
    }
    const loaded = new Promise((resolve, reject) => {
        element.addEventListener('load', resolve, { once: true });
        element.addEventListener('error', event => reject(new Error(event.message ?? 'Could not load style')),
            { once: true });
    });
    document.head.appendChild(element);
    await loaded;
    return element;
}";

fn add_tag<'s>(
    scope: Scope<'s>,
    frame: &Frame,
    call: &Call<'s>,
    is_script: bool,
) -> Result<Value<'s>, Thrown> {
    let given = call.argument(0);
    let url = options::string(given, "url")?;
    let path = options::string(given, "path")?;
    let mut content = options::string(given, "content")?;
    if [&url, &path, &content].into_iter().flatten().count() != 1 {
        let message = "Exactly one of `url`, `path`, or `content` must be specified.";
        return Err(Thrown::refused(scope, message));
    }
    if let Some(path) = path {
        content = Some(read_file(scope, &path)?);
    }
    let mut given_to_page = serde_json::Map::new();
    for (name, value) in [
        ("url", url),
        ("content", content),
        ("id", options::string(given, "id")?),
        ("type", options::string(given, "type")?),
    ] {
        if let Some(value) = value {
            given_to_page.insert(name.to_owned(), value.into());
        }
    }
    let argument = serde_json::value::to_raw_value(&given_to_page)
        .map(Argument::Json)
        .map_err(|error| Thrown::invalid_argument(scope, &error.to_string()))?;
    let code = if is_script { ADD_SCRIPT } else { ADD_STYLE };
    let (frame, of_handle) = (frame.clone(), frame.clone());
    let code = Code::call(code, [argument]);
    let adding = async move { frame.evaluate_handle(code).await.map_err(OfOurScript) };
    promise::start(scope, adding, move |scope, object| {
        super::handle::wrap(scope, &of_handle, object)
    })
}

fn read_file(scope: Scope<'_>, path: &str) -> Result<String, Thrown> {
    std::fs::read_to_string(path).map_err(|error| {
        let message = format!("{path} cannot be read: {error}");
        Thrown::refused(scope, &message)
    })
}
