//! `Touchscreen`, and the touches that it begins.

use std::rc::Rc;

use crate::node::js::class::{self, Class, Method, data_of};
use crate::node::js::{Call, Scope, Thrown, Value};
use crate::page::{Page, Touch};

use super::super::handle::Handle;
use super::super::promise;
use super::super::rejections::ActionError;
use super::action::parts;
use super::mouse::point;

pub(in crate::node::page) struct Touchscreen;

impl Class for Touchscreen {
    type Data = Page;
    const NAME: &'static str = "Touchscreen";
    const METHODS: &'static [Method<Page>] = &[
        Method::promise("tap", |scope, page, call| {
            let (x, y) = point(call)?;
            let page = Page::clone(page);
            promise::start_void(scope, async move { page.tap(x, y).await })
        }),
        Method::promise("touchStart", |scope, page, call| {
            let (x, y) = point(call)?;
            let page = Page::clone(page);
            promise::start(scope, async move { page.touch_start(x, y).await }, wrap)
        }),
        Method::promise("touchMove", |scope, page, call| {
            let (x, y) = point(call)?;
            let page = Page::clone(page);
            promise::start_void(scope, async move { page.touch_move(x, y).await })
        }),
        Method::promise("touchEnd", |scope, page, _| {
            let page = Page::clone(page);
            promise::start_void(scope, async move { page.touch_end().await })
        }),
    ];
}

pub(in crate::node::page) struct TouchHandle;

impl Class for TouchHandle {
    type Data = Touch;
    const NAME: &'static str = "TouchHandle";
    const METHODS: &'static [Method<Touch>] = &[
        Method::promise("move", |scope, touch, call| {
            let (x, y) = point(call)?;
            let touch = Touch::clone(touch);
            promise::start_void(scope, async move { touch.move_to(x, y).await })
        }),
        Method::promise("end", |scope, touch, _| {
            let touch = Touch::clone(touch);
            promise::start_void(scope, async move { touch.end().await })
        }),
    ];
}

fn wrap(scope: Scope<'_>, touch: Touch) -> Result<Value<'_>, Thrown> {
    class::instantiate::<TouchHandle>(scope, Rc::new(touch))
}

/// `element.touchStart()`
pub(super) fn start_on<'s>(scope: Scope<'s>, handle: &Rc<Handle>, _: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let (frame, object) = parts(scope, handle)?;
    let starting = async move {
        let (x, y) = frame.point_in_view(&object, None).await?;
        Ok::<_, ActionError>(frame.page().touch_start(x, y).await?)
    };
    promise::start(scope, starting, wrap)
}

/// `element.touchMove(touch?)`: moves the touch, or the oldest one, to the element.
pub(super) fn move_to<'s>(
    scope: Scope<'s>,
    handle: &Rc<Handle>,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let (frame, object) = parts(scope, handle)?;
    let given = call.argument(0);
    let touch = data_of::<Touch>(given).map(|touch| Touch::clone(&touch));
    if touch.is_none() && !given.is_nullish() {
        return Err(Thrown::invalid_argument(
            scope,
            "expected a touch of touchStart()",
        ));
    }
    promise::start_void(scope, async move {
        let (x, y) = frame.point_in_view(&object, None).await?;
        match touch {
            Some(touch) => touch.move_to(x, y).await?,
            None => frame.page().touch_move(x, y).await?,
        }
        Ok::<_, ActionError>(())
    })
}

/// `element.touchEnd()`
pub(super) fn end_on<'s>(scope: Scope<'s>, handle: &Rc<Handle>, _: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let (frame, object) = parts(scope, handle)?;
    promise::start_void(scope, async move {
        frame.scroll_into_view(&object).await?;
        Ok::<_, ActionError>(frame.page().touch_end().await?)
    })
}
