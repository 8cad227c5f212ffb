//! What is done to an element, given as a handle or by a selector.

use std::time::Duration;

use crate::node::js::{Call, Scope, Thrown, Value};
use crate::page::{self, Argument, ClickOptions, Code, Frame, InputError, RemoteObject, Selector};

use super::super::handle::Handle;
use super::super::rejections::ActionError;
use super::super::{options, promise};
use super::keyboard::{Press, delay};
use super::mouse::{click, offset_of};

/// Reads what is to be done to an element from the arguments from `first` on.
pub(super) type ReadAction = fn(&Call<'_>, usize) -> Result<ElementAction, Thrown>;

pub(super) enum ElementAction {
    Click(Result<ClickOptions, InputError>, Option<(f64, f64)>),
    Hover,
    Focus,
    Tap,
    Type(String, Option<Duration>),
    Press(Press),
}

pub(super) fn do_click(call: &Call<'_>, first: usize) -> Result<ElementAction, Thrown> {
    let given = call.argument(first);
    let offset = options::get(given, "offset")?.map_or(Ok(None), offset_of)?;
    Ok(ElementAction::Click(click(given)?, offset))
}

#[expect(clippy::unnecessary_wraps, reason = "it is an action")]
pub(super) fn do_hover(_: &Call<'_>, _: usize) -> Result<ElementAction, Thrown> {
    Ok(ElementAction::Hover)
}

#[expect(clippy::unnecessary_wraps, reason = "it is an action")]
pub(super) fn do_focus(_: &Call<'_>, _: usize) -> Result<ElementAction, Thrown> {
    Ok(ElementAction::Focus)
}

#[expect(clippy::unnecessary_wraps, reason = "it is an action")]
pub(super) fn do_tap(_: &Call<'_>, _: usize) -> Result<ElementAction, Thrown> {
    Ok(ElementAction::Tap)
}

pub(super) fn do_type(call: &Call<'_>, first: usize) -> Result<ElementAction, Thrown> {
    let text = call.argument(first).coerce_to_string()?;
    Ok(ElementAction::Type(text, delay(call.argument(first + 1))?))
}

pub(super) fn do_press(call: &Call<'_>, _: usize) -> Result<ElementAction, Thrown> {
    Ok(ElementAction::Press(Press::read(call)?))
}

impl ElementAction {
    async fn on(self, frame: &Frame, element: &RemoteObject) -> Result<(), ActionError> {
        const FOCUS: &str = "element => {
            if (element.namespaceURI !== 'http://www.w3.org/1999/xhtml') throw new Error('Cannot focus non-HTMLElement');
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
                let (x, y) = frame.point_in_view(element, offset).await?;
                page.mouse_click(x, y, options?).await?;
            }
            Self::Hover => {
                let (x, y) = frame.point_in_view(element, None).await?;
                page.mouse_move(x, y, 1).await?;
            }
            Self::Tap => {
                let (x, y) = frame.point_in_view(element, None).await?;
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

pub(super) fn with_element<'s>(
    scope: Scope<'s>,
    handle: &Handle,
    call: &Call<'s>,
    first: usize,
    action: ReadAction,
) -> Result<Value<'s>, Thrown> {
    let (frame, object) = parts(scope, handle)?;
    let deed = action(call, first)?;
    promise::start_void(scope, async move { deed.on(&frame, &object).await })
}

pub(super) async fn find(frame: &Frame, selector: &Selector) -> Result<RemoteObject, ActionError> {
    let found = frame.find(None, selector).await?;
    found.ok_or_else(|| ActionError::Missing(selector.text().to_owned()))
}

pub(super) fn by_selector<'s>(
    scope: Scope<'s>,
    frame: &Frame,
    call: &Call<'s>,
    action: ReadAction,
) -> Result<Value<'s>, Thrown> {
    let selector = options::selector(scope, call.argument(0))?;
    let deed = action(call, 1)?;
    let frame = frame.helpers();
    promise::start_void(scope, async move {
        let element = find(&frame, &selector).await?;
        // Of the document that the element is in, wherever the deed leads.
        let session = frame.session();
        let done = deed.on(&frame, &element).await;
        // The answer comes behind all that the document has said of the deed.
        if let Some(id) = &element.object_id {
            page::released(&session, id).await;
        }
        done
    })
}

/// The frame and the object of a handle, unless that was disposed of.
pub(super) fn parts(scope: Scope<'_>, handle: &Handle) -> Result<(Frame, RemoteObject), Thrown> {
    handle.live_argument(scope)?;
    Ok((handle.frame(scope)?.clone(), handle.object.clone()))
}
