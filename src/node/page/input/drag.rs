//! Drag and drop, by the mouse and of elements.

use std::rc::Rc;

use crate::node::js::class::{Method, data_of};
use crate::node::js::{Call, Scope, Thrown, Value};
use crate::page::{DragData, DragStep, DragTarget, Frame, Page, RemoteObject};

use super::super::emulation::from_js;
use super::super::handle::Handle;
use super::super::page::PageData;
use super::super::{promise, value};
use super::action::parts;
use super::keyboard::delay;
use super::mouse::point_of;

pub(in crate::node::page) const PAGE_METHODS: &[Method<PageData>] = &[
    Method::sync("isDragInterceptionEnabled", |scope, page, _| {
        Ok(scope.boolean(page.core.is_drag_interception_enabled()))
    }),
    Method::promise("setDragInterception", |scope, page, call| {
        let (page, enabled) = (page.core.clone(), call.argument(0).is_truthy());
        promise::start_void(scope, async move { page.set_drag_interception(enabled).await })
    }),
];

pub(super) const MOUSE_METHODS: &[Method<Page>] = &[
    Method::promise("drag", |scope, page, call| {
        let (start, target) = (
            point_of(call.argument(0), "start")?,
            point_of(call.argument(1), "target")?,
        );
        let page = Page::clone(page);
        promise::start(
            scope,
            async move { page.mouse_drag(start, target).await },
            |scope, data| to_js(scope, Some(&data)),
        )
    }),
    Method::promise("dragEnter", |scope, page, call| {
        step(scope, page, DragStep::Enter, call)
    }),
    Method::promise("dragOver", |scope, page, call| {
        step(scope, page, DragStep::Over, call)
    }),
    Method::promise("drop", |scope, page, call| {
        step(scope, page, DragStep::Drop, call)
    }),
    Method::promise("dragAndDrop", |scope, page, call| {
        let (start, target) = (
            point_of(call.argument(0), "start")?,
            point_of(call.argument(1), "target")?,
        );
        let (page, delay) = (Page::clone(page), delay(call.argument(2))?);
        promise::start_void(
            scope,
            async move { page.drag_and_drop(start, target, delay).await },
        )
    }),
];

pub(in crate::node::page) const ELEMENT_METHODS: &[Method<Handle>] = &[
    Method::promise("drag", |scope, handle, call| {
        let (frame, object) = parts(scope, handle)?;
        let target = if let Some((frame, element)) = element(scope, call.argument(0))? {
            DragTarget::Element(frame, element)
        } else {
            let (x, y) = point_of(call.argument(0), "target")?;
            DragTarget::Point(x, y)
        };
        promise::start(
            scope,
            async move { frame.drag(&object, &target).await },
            |scope, data| to_js(scope, data.as_ref()),
        )
    }),
    Method::promise("dragEnter", |scope, handle, call| {
        step_over(scope, handle, DragStep::Enter, call)
    }),
    Method::promise("dragOver", |scope, handle, call| {
        step_over(scope, handle, DragStep::Over, call)
    }),
    Method::promise("drop", |scope, handle, call| {
        let Some((dragged_frame, dragged)) = element(scope, call.argument(0))? else {
            return step_over(scope, handle, DragStep::Drop, call);
        };
        let (frame, object) = parts(scope, handle)?;
        promise::start_void(scope, async move {
            frame.drop_onto(&object, &dragged_frame, &dragged).await
        })
    }),
    Method::promise("dragAndDrop", |scope, handle, call| {
        let (frame, object) = parts(scope, handle)?;
        let Some((target_frame, target)) = element(scope, call.argument(0))? else {
            return Err(Thrown::invalid_argument(scope, "the target must be an element"));
        };
        let delay = delay(call.argument(1))?;
        promise::start_void(scope, async move {
            frame
                .drag_and_drop(&object, (&target_frame, &target), delay)
                .await
        })
    }),
];

fn step<'s>(scope: Scope<'s>, page: &Page, step: DragStep, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let target = point_of(call.argument(0), "target")?;
    let data = data(scope, call.argument(1))?
        .ok_or_else(|| Thrown::invalid_argument(scope, "what is dragged must be an object with items"))?;
    let page = page.clone();
    promise::start_void(scope, async move { page.drag_step(step, target, &data).await })
}

fn step_over<'s>(
    scope: Scope<'s>,
    handle: &Rc<Handle>,
    step: DragStep,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let (frame, object) = parts(scope, handle)?;
    let data = data(scope, call.argument(0))?.unwrap_or_else(|| DragData {
        items: Vec::new(),
        files: None,
        drag_operations_mask: 1,
    });
    promise::start_void(scope, async move { frame.drag_over(&object, step, &data).await })
}

/// What is dragged, as it was given; `None` where it was not.
fn data(scope: Scope<'_>, given: Value<'_>) -> Result<Option<DragData>, Thrown> {
    from_js(scope, given)
}

fn to_js<'s>(scope: Scope<'s>, data: Option<&DragData>) -> Result<Value<'s>, Thrown> {
    let Some(data) = data else {
        return Ok(scope.undefined());
    };
    let json = serde_json::to_string(data).unwrap_or_default();
    value::from_json(scope, &json)
}

/// The element of a handle, unless that was disposed of; `None` for anything else.
fn element(scope: Scope<'_>, given: Value<'_>) -> Result<Option<(Frame, RemoteObject)>, Thrown> {
    match data_of::<Handle>(given) {
        Some(handle) => parts(scope, &handle).map(Some),
        None => Ok(None),
    }
}
