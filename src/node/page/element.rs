//! `ElementHandle`: a node that stayed in its page.

use std::rc::Rc;

use crate::node::js::class::{self, Class, Method};
use crate::node::js::{Call, JsRef, Scope, Thrown, Value};
use crate::page::{Code, EvaluateError};

use super::handle::{Handle, JsHandle};
use super::{frame, locator, options, promise, screenshot, wait};

pub(super) struct ElementHandle;

impl Class for ElementHandle {
    type Data = Handle;
    const NAME: &'static str = "ElementHandle";
    const MORE: &'static [&'static [Method<Handle>]] =
        &[super::input::ELEMENT_METHODS, super::input::ELEMENT_DRAG_METHODS];
    const INHERITED: &'static [Method<Handle>] = JsHandle::METHODS;
    const METHODS: &'static [Method<Handle>] = &[
        Method::promise("$", |scope, handle, call| {
            frame::query_one(
                scope,
                handle.frame(scope)?,
                Some(handle.live_object(scope)?),
                call,
            )
        }),
        Method::promise("$$", |scope, handle, call| {
            frame::query_all(
                scope,
                handle.frame(scope)?,
                Some(handle.live_object(scope)?),
                call,
            )
        }),
        Method::promise("$eval", |scope, handle, call| {
            frame::eval_one(
                scope,
                handle.frame(scope)?,
                Some(handle.live_object(scope)?),
                call,
            )
        }),
        Method::promise("$$eval", |scope, handle, call| {
            frame::eval_all(
                scope,
                handle.frame(scope)?,
                Some(handle.live_object(scope)?),
                call,
            )
        }),
        Method::promise("waitForSelector", |scope, handle, call| {
            wait::for_selector(
                scope,
                handle.frame(scope)?,
                Some(handle.live_object(scope)?),
                call,
            )
        }),
        Method::sync("asLocator", |scope, _, call| locator::locate_handle(scope, call)),
        Method::promise("screenshot", |scope, handle, call| {
            screenshot::of_element(scope, handle, call)
        }),
        Method::promise("toElement", to_element),
        Method::promise("backendNodeId", |scope, handle, _| {
            handle.live_argument(scope)?;
            let (frame, object) = (handle.frame(scope)?.clone(), handle.object.clone());
            #[expect(clippy::cast_precision_loss, reason = "Chrome counts its nodes")]
            promise::start(
                scope,
                async move { frame.backend_node_id(&object).await },
                |scope, id| Ok(scope.number(id as f64)),
            )
        }),
        Method::getter("frame", |scope, handle, _| {
            frame::wrap(scope, handle.frame(scope)?)
        }),
    ];

    fn parent(scope: Scope<'_>) -> Option<Value<'_>> {
        class::constructor::<JsHandle>(scope)
            .map_err(|thrown: Thrown| drop(thrown))
            .ok()
    }
}

/// `element.toElement(tagName)`: itself, where that is its tag.
fn to_element<'s>(scope: Scope<'s>, handle: &Rc<Handle>, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let tag = options::text(scope, call.argument(0), "the tag name")?;
    let own = handle.live_argument(scope)?;
    let frame = handle.frame(scope)?.clone();
    let checking = async move {
        let function = "(node, tag) => node.nodeName === tag.toUpperCase()";
        let matches = frame
            .evaluate(Code::call(function, [own, tag.as_str().into()]))
            .await?;
        if matches.is_true() {
            return Ok(());
        }
        let message = format!("Element is not a(n) `{tag}` element");
        Err(EvaluateError::Selector(message))
    };
    let this = JsRef::new(call.this);
    promise::start(scope, checking, move |scope, ()| {
        Ok(this.map_or_else(|| scope.undefined(), |this| this.get(scope)))
    })
}
