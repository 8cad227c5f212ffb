//! What a user does to a page: devices, and actions on elements.

mod action;
mod drag;
mod element;
mod keyboard;
mod mouse;
mod select;
mod touch;

use std::cell::RefCell;
use std::rc::Rc;

use crate::node::js::class::{self, Class, Method};
use crate::node::js::{JsRef, Scope, Thrown, Value};
use crate::page::{Frame, Page};

use super::frame::FrameData;
use super::page::PageData;
use super::{promise, tag};
use action::{by_selector, do_click, do_focus, do_hover, do_tap, do_type};
pub(super) use keyboard::Keyboard;
pub(super) use mouse::Mouse;
pub(super) use touch::{TouchHandle, Touchscreen};

pub(super) use drag::{ELEMENT_METHODS as ELEMENT_DRAG_METHODS, PAGE_METHODS as PAGE_DRAG_METHODS};
pub(super) use element::ELEMENT_METHODS;

/// The page's devices: one object each, for the page's life.
#[derive(Default)]
pub(super) struct Devices(RefCell<Vec<(&'static str, JsRef)>>);

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
        tag::add(scope, &page.core.main_frame(), call, true)
    }),
    Method::promise("addStyleTag", |scope, page, call| {
        tag::add(scope, &page.core.main_frame(), call, false)
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
        select::by_selector(scope, &page.core.main_frame(), call)
    }),
];

pub(super) const FRAME_METHODS: &[Method<FrameData>] = &[
    Method::promise("addScriptTag", |scope, frame, call| {
        tag::add(scope, frame, call, true)
    }),
    Method::promise("addStyleTag", |scope, frame, call| {
        tag::add(scope, frame, call, false)
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
    Method::promise("select", |scope, frame, call| {
        select::by_selector(scope, frame, call)
    }),
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
