//! `Frame`, and what `Page` has of its main frame.

use std::ops::Deref;
use std::rc::Rc;

use crate::node::js::class::{self, Class, Method};
use crate::node::js::{Call, Scope, Thrown, Value};
use crate::page::{Argument, Code, EvaluateError, Frame, Owner, RemoteValue, Rethrown};

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
    root: Option<Argument>,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let selector = options::selector(scope, call.argument(0))?;
    let of_handle = frame.clone();
    if !selector.is_of_page() {
        let frame = frame.clone();
        let finding = async move { frame.find(root, &selector).await };
        return promise::start(scope, finding, move |scope, found| match found {
            Some(object) => handle::wrap(scope, &of_handle, object),
            None => Ok(scope.null()),
        });
    }
    let code = selector.first(root);
    promise::pending(scope, |deferred| {
        frame.evaluate_handle_with(code, move |outcome| {
            promise::settle(deferred, outcome, move |scope, object| {
                if object.value == RemoteValue::Null {
                    return Ok(scope.null());
                }
                handle::wrap(scope, &of_handle, object)
            });
        });
        Ok(())
    })
}

pub(super) fn query_all<'s>(
    scope: Scope<'s>,
    frame: &Frame,
    root: Option<Argument>,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let selector = options::selector(scope, call.argument(0))?;
    let in_frame = frame.clone();
    let finding = async move {
        let array = in_frame.find_all(root, &selector).await?;
        let Some(id) = &array.object_id else {
            return Ok(Vec::new());
        };
        let found = in_frame.properties(id).await;
        in_frame.release(&array);
        Ok::<_, EvaluateError>(found?)
    };
    let frame = frame.clone();
    promise::start(scope, finding, move |scope, found| {
        let handles: Result<Vec<_>, _> = found
            .into_iter()
            .map(|(_, object)| handle::wrap(scope, &frame, object))
            .collect();
        Ok(scope.array(handles?))
    })
}

pub(super) fn eval_one<'s>(
    scope: Scope<'s>,
    frame: &Frame,
    root: Option<Argument>,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    eval(scope, frame, root, call, true)
}

pub(super) fn eval_all<'s>(
    scope: Scope<'s>,
    frame: &Frame,
    root: Option<Argument>,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    eval(scope, frame, root, call, false)
}

fn eval<'s>(
    scope: Scope<'s>,
    frame: &Frame,
    root: Option<Argument>,
    call: &Call<'s>,
    is_one: bool,
) -> Result<Value<'s>, Thrown> {
    let selector = options::selector(scope, call.argument(0))?;
    let function = arguments::source(scope, call.argument(1))?;
    let method = if is_one { "$eval" } else { "$$eval" };
    let rest = arguments::all(
        scope,
        &frame.into(),
        call.arguments().get(2..).unwrap_or_default(),
    )?;
    if !selector.is_of_page() {
        let frame = frame.clone();
        let declaration = arguments::placed(scope, method, function);
        let evaluating = async move {
            let found = if is_one {
                frame.find(root, &selector).await?
            } else {
                Some(frame.find_all(root, &selector).await?)
            };
            let target = found.ok_or_else(|| EvaluateError::NoElement(selector.text().to_owned()))?;
            let arguments = std::iter::once(target.to_argument()).chain(rest);
            let code = Code::call(declaration, arguments.collect::<Vec<_>>());
            let value = frame.evaluate(code).await;
            frame.release(&target);
            value
        };
        return promise::start(scope, evaluating, value::to_js);
    }
    let missing = EvaluateError::NoElement(selector.text().to_owned());
    let not_found = serde_json::Value::from(missing.to_string());
    let declaration = arguments::placed(
        scope,
        method,
        selector.with_query(&format!(
            "(root, selector, isOne, ...args) => {{
            const found = query(root ?? document, selector, !isOne);
            if (isOne && !found.length) throw new Error({not_found});
            return ({function})(isOne ? found[0] : found, ...args);
        }}"
        )),
    );
    let fixed = [
        root.unwrap_or_else(Argument::null),
        Argument::from(&selector),
        Argument::Bool(is_one),
    ];
    let arguments: Vec<Argument> = fixed.into_iter().chain(rest).collect();
    promise::pending(scope, |deferred| {
        frame.evaluate_with(Code::call(declaration, arguments), move |outcome| {
            let outcome = outcome.map_err(|error| if is_same(&error, &missing) { missing } else { error });
            promise::settle(deferred, outcome, value::to_js);
        });
        Ok(())
    })
}

/// Whether our script threw this.
fn is_same(thrown: &EvaluateError, ours: &EvaluateError) -> bool {
    let EvaluateError::Exception(exception) = thrown else {
        return false;
    };
    matches!(exception.rethrown(), Rethrown::Error { message, .. } if message == ours.to_string())
}

pub(super) fn content<'s>(scope: Scope<'s>, frame: &Frame) -> Result<Value<'s>, Thrown> {
    let frame = frame.clone();
    promise::start(scope, async move { frame.content().await }, value::to_js)
}

pub(super) fn title<'s>(scope: Scope<'s>, frame: &Frame) -> Result<Value<'s>, Thrown> {
    let frame = frame.clone();
    promise::start(scope, async move { frame.title().await }, value::to_js)
}
