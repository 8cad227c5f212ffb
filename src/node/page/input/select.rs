//! `select`: the choice of options by their values.

use crate::node::js::{Call, Scope, Thrown, Value};
use crate::page::{Argument, Code, Frame};

use super::super::handle::Handle;
use super::super::rejections::ActionError;
use super::super::{frame as frame_class, options, promise, value};
use super::action::find;

const SELECT: &str = "(element, values) => {
    if (element.nodeName !== 'SELECT') throw new Error('Element is not a <select> element.');
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
    // The page may have an `Event` of its own.
    for (const type of ['input', 'change']) {
        const event = document.createEvent('Event');
        event.initEvent(type, true, false);
        element.dispatchEvent(event);
    }
    return [...selected.values()];
}";

/// In the first element that fits the selector.
pub(super) fn by_selector<'s>(scope: Scope<'s>, frame: &Frame, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let selector = options::selector(scope, call.argument(0))?;
    let values = values(scope, call.arguments().get(1..).unwrap_or_default())?;
    let frame = frame.helpers();
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

/// In the handle's element.
pub(super) fn in_element<'s>(
    scope: Scope<'s>,
    handle: &Handle,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let values = values(scope, call.arguments())?;
    let arguments = [handle.live_argument(scope)?, values];
    frame_class::evaluate_our_code(scope, &handle.owner, Code::call(SELECT, arguments))
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
