//! `ElementHandle`: a node that stayed in its page.

use crate::node::js::class::{self, Class, Method};
use crate::node::js::{Scope, Thrown, Value};

use super::handle::{Handle, JsHandle};
use super::{frame, screenshot, wait};

pub(super) struct ElementHandle;

impl Class for ElementHandle {
    type Data = Handle;
    const NAME: &'static str = "ElementHandle";
    const MORE: &'static [&'static [Method<Handle>]] = &[super::input::ELEMENT_METHODS];
    const INHERITED: &'static [Method<Handle>] = JsHandle::METHODS;
    const METHODS: &'static [Method<Handle>] = &[
        Method::promise("$", |scope, handle, call| {
            frame::query_one(scope, &handle.frame, Some(handle.live_argument(scope)?), call)
        }),
        Method::promise("$$", |scope, handle, call| {
            frame::query_all(scope, &handle.frame, Some(handle.live_argument(scope)?), call)
        }),
        Method::promise("$eval", |scope, handle, call| {
            frame::eval_one(scope, &handle.frame, Some(handle.live_argument(scope)?), call)
        }),
        Method::promise("$$eval", |scope, handle, call| {
            frame::eval_all(scope, &handle.frame, Some(handle.live_argument(scope)?), call)
        }),
        Method::promise("waitForSelector", |scope, handle, call| {
            wait::for_selector(scope, &handle.frame, Some(handle.live_argument(scope)?), call)
        }),
        Method::promise("screenshot", |scope, handle, call| {
            screenshot::of_element(scope, handle, call)
        }),
        Method::getter("frame", |scope, handle, _| frame::wrap(scope, &handle.frame)),
    ];

    fn parent(scope: Scope<'_>) -> Option<Value<'_>> {
        class::constructor::<JsHandle>(scope)
            .map_err(|thrown: Thrown| drop(thrown))
            .ok()
    }
}
