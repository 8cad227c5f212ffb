//! `Frame`, and what `Page` has of its main frame.

use std::ops::Deref;
use std::rc::Rc;

use crate::node::js::class::{self, Class, Method};
use crate::node::js::{Call, Scope, Thrown, Value};
use crate::page::{Argument, Code, EvaluateError, Frame, Owner, RemoteObject, Selector};

use super::emitter::{self, Emits, Emitter};
use super::error::OfOurScript;
use super::handle;
use super::identity::{self, Key};
use super::{arguments, locator, navigation, options, page as page_class, promise, value, wait};

/// What a frame's object carries.
pub(super) struct FrameData {
    core: Frame,
    emitter: Emitter,
}

impl Deref for FrameData {
    type Target = Frame;

    fn deref(&self) -> &Frame {
        &self.core
    }
}

impl Emits for FrameData {
    fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    /// Puppeteer documents no event of frames: theirs are what callers emit.
    fn changed(&self, _: Value<'_>) {}
}

/// The frame's object: one as long as the frame is in its page.
pub(super) fn wrap<'s>(scope: Scope<'s>, frame: &Frame) -> Result<Value<'s>, Thrown> {
    let page = frame.page();
    let key = Key::Frame(page.id(), frame.id().to_string());
    let make = || {
        let (core, emitter) = (frame.clone(), Emitter::default());
        class::instantiate::<FrameClass>(scope, Rc::new(FrameData { core, emitter }))
    };
    if frame.is_detached() {
        identity::retire(scope, &key);
        return identity::object_of_gone(scope, &key, make);
    }
    identity::object_of(scope, key, || {
        // Frames also leave where JavaScript does not see it.
        identity::keep_frames(scope, page.id(), |id| page.frame(id).is_some());
        make()
    })
}

pub(super) struct FrameClass;

impl Class for FrameClass {
    type Data = FrameData;
    const NAME: &'static str = "Frame";
    const MORE: &'static [&'static [Method<FrameData>]] = &[
        super::input::FRAME_METHODS,
        &emitter::methods(),
        &emitter::disposal(),
    ];
    const METHODS: &'static [Method<FrameData>] = &[
        Method::promise("evaluate", |scope, frame, call| evaluate(scope, frame, call)),
        Method::promise("evaluateHandle", |scope, frame, call| {
            evaluate_handle(scope, frame, call)
        }),
        Method::promise("$", |scope, frame, call| query_one(scope, frame, None, call)),
        Method::promise("$$", |scope, frame, call| query_all(scope, frame, None, call)),
        Method::promise("$eval", |scope, frame, call| eval_one(scope, frame, None, call)),
        Method::promise("$$eval", |scope, frame, call| eval_all(scope, frame, None, call)),
        Method::sync("locator", |scope, _, call| locator::locate(scope, call)),
        Method::promise("content", |scope, frame, _| content(scope, frame)),
        Method::promise("title", |scope, frame, _| title(scope, frame)),
        Method::promise("goto", |scope, frame, call| navigation::goto(scope, frame, call)),
        Method::promise("setContent", |scope, frame, call| {
            navigation::set_content(scope, frame, call)
        }),
        Method::promise("waitForNavigation", |scope, frame, call| {
            navigation::wait_for_navigation(scope, frame, call)
        }),
        Method::promise("waitForFunction", |scope, frame, call| {
            wait::for_function(scope, frame, call)
        }),
        Method::promise("waitForSelector", |scope, frame, call| {
            wait::for_selector(scope, frame, None, call)
        }),
        Method::sync("url", |scope, frame, _| Ok(scope.string(&frame.url()))),
        Method::sync("name", |scope, frame, _| Ok(scope.string(&frame.name()))),
        Method::sync("isDetached", |scope, frame, _| {
            Ok(scope.boolean(frame.is_detached()))
        }),
        Method::getter("detached", |scope, frame, _| {
            Ok(scope.boolean(frame.is_detached()))
        }),
        Method::getter("_id", |scope, frame, _| Ok(scope.string(frame.id()))),
        Method::sync("page", |scope, frame, _| page_class::wrap(scope, frame.page())),
        Method::sync("parentFrame", |scope, frame, _| match frame.parent() {
            Some(parent) => wrap(scope, &parent),
            None => Ok(scope.null()),
        }),
        Method::sync("childFrames", |scope, frame, _| {
            let children: Result<Vec<_>, _> =
                frame.children().iter().map(|child| wrap(scope, child)).collect();
            Ok(scope.array(children?))
        }),
    ];
}

pub(super) fn evaluate<'s>(scope: Scope<'s>, frame: &Frame, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let owner = frame.into();
    let code = arguments::code(scope, "evaluate", &owner, call.arguments())?;
    evaluate_code(scope, &owner, code)
}

pub(super) fn evaluate_handle<'s>(
    scope: Scope<'s>,
    frame: &Frame,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let owner = frame.into();
    let code = arguments::code(scope, "evaluateHandle", &owner, call.arguments())?;
    evaluate_handle_code(scope, &owner, code)
}

/// Sent from this thread; the promise is settled from the connection's reader.
pub(super) fn evaluate_code<'s>(scope: Scope<'s>, owner: &Owner, code: Code) -> Result<Value<'s>, Thrown> {
    promise::pending(scope, |deferred| {
        owner.evaluate_with(code, move |outcome| {
            promise::settle(deferred, outcome, value::to_js);
        });
        Ok(())
    })
}

/// The same for a script of ours, whose exceptions are errors of ours.
pub(super) fn evaluate_our_code<'s>(
    scope: Scope<'s>,
    owner: &Owner,
    code: Code,
) -> Result<Value<'s>, Thrown> {
    promise::pending(scope, |deferred| {
        owner.evaluate_with(code, move |outcome| {
            promise::settle(deferred, outcome.map_err(OfOurScript), value::to_js);
        });
        Ok(())
    })
}

pub(super) fn evaluate_handle_code<'s>(
    scope: Scope<'s>,
    owner: &Owner,
    code: Code,
) -> Result<Value<'s>, Thrown> {
    let of_handle = owner.clone();
    promise::pending(scope, |deferred| {
        owner.evaluate_handle_with(code, move |outcome| {
            promise::settle(deferred, outcome, move |scope, object| {
                handle::wrap_in(scope, &of_handle, object)
            });
        });
        Ok(())
    })
}

pub(super) fn query_one<'s>(
    scope: Scope<'s>,
    frame: &Frame,
    root: Option<RemoteObject>,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let selector = options::selector(scope, call.argument(0))?;
    let of_handle = frame.clone();
    let frame = frame.clone();
    let finding = async move { frame.query(root, &selector).await };
    promise::start(scope, finding, move |scope, found| match found {
        Some(object) => handle::wrap(scope, &of_handle, object),
        None => Ok(scope.null()),
    })
}

pub(super) fn query_all<'s>(
    scope: Scope<'s>,
    frame: &Frame,
    root: Option<RemoteObject>,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let selector = options::selector(scope, call.argument(0))?;
    let in_frame = frame.clone();
    let finding = async move { in_frame.query_all(root, &selector).await };
    let frame = frame.clone();
    promise::start(scope, finding, move |scope, found| {
        let handles: Result<Vec<_>, _> = found
            .into_iter()
            .map(|object| handle::wrap(scope, &frame, object))
            .collect();
        Ok(scope.array(handles?))
    })
}

/// Runs a function of the caller's with the first element that the selector means.
pub(super) fn eval_one<'s>(
    scope: Scope<'s>,
    frame: &Frame,
    root: Option<RemoteObject>,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let (selector, function, rest) = eval_arguments(scope, frame, call)?;
    let frame = frame.clone();
    let function = arguments::placed(scope, "$eval", function);
    let evaluating = async move {
        let found = frame.query(root, &selector).await?;
        let target = found.ok_or_else(|| EvaluateError::NoElement(selector.text().to_owned()))?;
        let arguments = std::iter::once(target.to_argument()).chain(rest);
        let value = frame
            .evaluate(Code::call(function, arguments.collect::<Vec<_>>()))
            .await;
        frame.release(&target);
        value
    };
    promise::start(scope, evaluating, value::to_js)
}

/// The same with an array of all of them.
pub(super) fn eval_all<'s>(
    scope: Scope<'s>,
    frame: &Frame,
    root: Option<RemoteObject>,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let (selector, function, rest) = eval_arguments(scope, frame, call)?;
    let frame = frame.clone();
    // The array is the page's own, like those of the function's.
    let function = format!(
        "(count, ...given) => {{
            const found = [];
            while (found.length < count) found[found.length] = given[found.length];
            const rest = [];
            while (count + rest.length < given.length) rest[rest.length] = given[count + rest.length];
            return ({function})(found, ...rest);
        }}"
    );
    let function = arguments::placed(scope, "$$eval", function);
    let evaluating = async move {
        let found = frame.query_all(root, &selector).await?;
        #[expect(clippy::cast_precision_loss, reason = "no document has 2^53 elements")]
        let count = Argument::Number(found.len() as f64);
        let arguments = std::iter::once(count)
            .chain(found.iter().map(RemoteObject::to_argument))
            .chain(rest);
        let value = frame
            .evaluate(Code::call(function, arguments.collect::<Vec<_>>()))
            .await;
        for object in &found {
            frame.release(object);
        }
        value
    };
    promise::start(scope, evaluating, value::to_js)
}

/// The selector, the function's source, and what that gets beside the elements.
fn eval_arguments(
    scope: Scope<'_>,
    frame: &Frame,
    call: &Call<'_>,
) -> Result<(Selector, String, Vec<Argument>), Thrown> {
    let selector = options::selector(scope, call.argument(0))?;
    let function = arguments::source(scope, call.argument(1))?;
    let rest = call.arguments().get(2..).unwrap_or_default();
    Ok((selector, function, arguments::all(scope, &frame.into(), rest)?))
}

pub(super) fn content<'s>(scope: Scope<'s>, frame: &Frame) -> Result<Value<'s>, Thrown> {
    let frame = frame.clone();
    promise::start(scope, async move { frame.content().await }, value::to_js)
}

pub(super) fn title<'s>(scope: Scope<'s>, frame: &Frame) -> Result<Value<'s>, Thrown> {
    let frame = frame.clone();
    promise::start(scope, async move { frame.title().await }, value::to_js)
}
