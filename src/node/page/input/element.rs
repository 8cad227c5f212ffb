//! `ElementHandle`: its place on the page, what it shows, its files and its frame.

use std::rc::Rc;

use serde_json::json;

use crate::cdp::{CallError, Deadline};
use crate::node::js::class::Method;
use crate::node::js::{Call, Scope, Thrown, Value};
use crate::page::{Argument, Code, Point};

use super::super::handle::Handle;
use super::super::{emulation::from_js, file_chooser, frame as frame_class, options, promise};
use super::action::{do_click, do_focus, do_hover, do_press, do_tap, do_type, parts, with_element};
use super::mouse::offset_of;
use super::{select, touch};

pub(in crate::node::page) const ELEMENT_METHODS: &[Method<Handle>] = &[
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
    Method::promise("touchStart", touch::start_on),
    Method::promise("touchMove", touch::move_to),
    Method::promise("touchEnd", touch::end_on),
    Method::promise("type", |scope, handle, call| {
        with_element(scope, handle, call, 0, do_type)
    }),
    Method::promise("press", |scope, handle, call| {
        with_element(scope, handle, call, 0, do_press)
    }),
    Method::promise("select", |scope, handle, call| {
        select::in_element(scope, handle, call)
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
    Method::promise("boxModel", box_model),
    Method::promise("isVisible", |scope, handle, _| ask(scope, handle, IS_VISIBLE)),
    Method::promise("isHidden", |scope, handle, _| ask(scope, handle, IS_HIDDEN)),
    Method::promise("isIntersectingViewport", |scope, handle, call| {
        let threshold = options::number(call.argument(0), "threshold")?.unwrap_or_default();
        let arguments = [handle.live_argument(scope)?, Argument::Number(threshold)];
        frame_class::evaluate_our_code(scope, &handle.owner, Code::call(IS_INTERSECTING, arguments))
    }),
    Method::promise("uploadFile", file_chooser::upload),
    Method::promise("autofill", autofill),
    Method::promise("contentFrame", |scope, handle, _| {
        let (frame, object) = parts(scope, handle)?;
        let looking = async move {
            let params = json!({ "objectId": object.object_id.as_deref() });
            let answer = frame
                .session()
                .send_raw("DOM.describeNode", params, Deadline::Protocol)
                .await?;
            let node: Described = serde_json::from_str(answer.get()).unwrap_or_default();
            let page = frame.page().clone();
            Ok::<_, CallError>(node.node.frame_id.and_then(|id| page.frame(&id)))
        };
        promise::start(scope, looking, |scope, frame| match frame {
            Some(frame) => frame_class::wrap(scope, &frame),
            None => Ok(scope.null()),
        })
    }),
];

/// `element.boxModel()`
fn box_model<'s>(scope: Scope<'s>, handle: &Rc<Handle>, _: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let (frame, object) = parts(scope, handle)?;
    let looking = async move { frame.box_model(&object).await };
    promise::start(scope, looking, |scope, model| {
        let Some(model) = model else {
            return Ok(scope.null());
        };
        let point = |point: &Point| {
            scope
                .object()
                .set("x", scope.number(point.x))
                .set("y", scope.number(point.y))
        };
        let quad = |quad: &[Point; 4]| scope.array(quad.iter().map(point).collect::<Vec<_>>());
        Ok(scope
            .object()
            .set("content", quad(&model.content))
            .set("padding", quad(&model.padding))
            .set("border", quad(&model.border))
            .set("margin", quad(&model.margin))
            .set("width", scope.number(model.width))
            .set("height", scope.number(model.height)))
    })
}

/// `element.autofill(data)`
fn autofill<'s>(scope: Scope<'s>, handle: &Rc<Handle>, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let (frame, object) = parts(scope, handle)?;
    let part = |name: &str| match options::get(call.argument(0), name)? {
        Some(part) => from_js(scope, part),
        None => Ok(None),
    };
    let (card, address) = (part("creditCard")?, part("address")?);
    if card.is_none() && address.is_none() {
        let message = "data must have a creditCard or an address";
        return Err(Thrown::invalid_argument(scope, message));
    }
    promise::start_void(scope, async move { frame.autofill(&object, card, address).await })
}

#[derive(serde::Deserialize, Default)]
struct Described {
    node: DescribedNode,
}

#[derive(serde::Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct DescribedNode {
    frame_id: Option<String>,
}

const VISIBILITY: &str = "const seen = node => {
    if (!node) return false;
    const element = node.nodeType === 3 ? node.parentElement : node;
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

fn ask<'s>(scope: Scope<'s>, handle: &Handle, question: &str) -> Result<Value<'s>, Thrown> {
    let code = Code::call(
        format!("node => {{ {VISIBILITY} return {question}; }}"),
        [handle.live_argument(scope)?],
    );
    frame_class::evaluate_our_code(scope, &handle.owner, code)
}
