//! Console messages of a page.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::future::{join_all, select};

use super::{HostDriver, HostTab, call_where_it_exists};
use crate::capture::{ConsoleErrorEntry, ConsoleErrorLocation, Source};
use crate::node::js::{JsRef, Kind, Settled, Thrown, Value, settled, spawn_local, with_scope};
use crate::node::pool::read_location;
use crate::node::timer::sleep;

/// After which a message is put together without the values that have not come, ms.
const PATIENCE_MS: u64 = 1_000;

/// Hears the page's console from now on.
pub(super) fn attach(driver: &Rc<HostDriver>, tab: &Rc<HostTab>, page: &JsRef) {
    let driver = Rc::downgrade(driver);
    let tab = Rc::downgrade(tab);
    with_scope(|scope| {
        let listener = scope.function("onConsole", move |scope, call| {
            if let (Some(driver), Some(tab)) = (driver.upgrade(), tab.upgrade()) {
                heard(&driver, tab, call.argument(0));
            }
            Ok(scope.undefined())
        });
        call_where_it_exists(page.get(scope), "on", &[scope.string("console"), listener]);
    });
}

/// An argument of a message: the object, and what its `jsonValue()` becomes.
struct Argument {
    object: Option<JsRef>,
    value: Result<Settled, Thrown>,
}

fn heard(driver: &Rc<HostDriver>, tab: Rc<HostTab>, message: Value<'_>) {
    let text = |method| message.call_method(method, &[]).ok().and_then(Value::as_string);
    let stack = message
        .get("stackTrace")
        .ok()
        .filter(|method| method.is_function());
    let frames = stack
        .and_then(|method| method.call(message, &[]).ok())
        .and_then(|frames| frames.elements().ok())
        .unwrap_or_default();
    let entry = ConsoleErrorEntry {
        kind: text("type").unwrap_or_else(|| "log".to_owned()),
        text: String::new(),
        location: message.call_method("location", &[]).ok().and_then(read_location),
        stack_frames: frames
            .into_iter()
            .filter_map(read_location)
            .filter(ConsoleErrorLocation::has_url)
            .collect(),
        source: Some(Source::Console),
        revoked: false,
    };
    let arguments = message
        .call_method("args", &[])
        .ok()
        .and_then(|arguments| arguments.elements().ok());
    let arguments: Vec<_> = arguments
        .unwrap_or_default()
        .into_iter()
        .map(|argument| Argument {
            object: JsRef::new(argument),
            value: argument.call_method("jsonValue", &[]).map(settled),
        })
        .collect();
    let plain = text("text").unwrap_or_default();
    let stands_by = tab.info.affinity.borrow().is_none();
    let place = driver.parts.page_log.reserve(&tab.info);
    let slot = Rc::new(RefCell::new(None));
    tab.messages.borrow_mut().push_back(Rc::clone(&slot));
    let driver = Rc::clone(driver);
    spawn_local(async move {
        let text = joined(arguments).await.unwrap_or(plain);
        let entry = ConsoleErrorEntry { text, ..entry };
        let page_log = &driver.parts.page_log;
        let is_news = !(stands_by && page_log.is_waiting_host_app(&entry));
        if is_news {
            // The list is in order by the place; only the log waits for what was said before.
            page_log.keep(&tab.info, place, &entry);
        }
        *slot.borrow_mut() = Some(is_news.then_some(entry));
        log_complete(&driver, &tab);
    });
}

/// Logs what is complete, in the order in which it was said.
fn log_complete(driver: &HostDriver, tab: &HostTab) {
    loop {
        let said = {
            let mut messages = tab.messages.borrow_mut();
            let Some(said) = messages.front().and_then(|slot| slot.borrow_mut().take()) else {
                break;
            };
            messages.pop_front();
            said
        };
        if let Some(said) = said {
            let page_log = &driver.parts.page_log;
            page_log.console(&tab.info, &said.kind, said.location.as_ref(), &said.text);
        }
    }
}

/// The arguments' texts; none where all come out empty.
async fn joined(arguments: Vec<Argument>) -> Option<String> {
    let texts: Vec<_> = arguments.iter().map(|_| RefCell::new(None)).collect();
    let objects: Vec<_> = arguments.iter().map(|argument| argument.object.clone()).collect();
    let values = arguments.into_iter().map(|argument| argument.value);
    let all = join_all(
        values
            .zip(&objects)
            .zip(&texts)
            .map(|((value, object), text)| async move {
                let value = match value {
                    Ok(settled) => settled.await.ok(),
                    Err(_) => None,
                };
                *text.borrow_mut() = Some(text_of(value.as_ref(), object.as_ref()));
            }),
    );
    drop(select(all, Box::pin(sleep(PATIENCE_MS))).await);
    let texts: Vec<_> = texts
        .into_iter()
        .zip(&objects)
        .map(|(text, object)| {
            let text = text.into_inner();
            text.unwrap_or_else(|| text_of(None, object.as_ref()))
        })
        .collect();
    texts.iter().any(|text| !text.is_empty()).then(|| texts.join(" "))
}

/// A string as it is, anything else as JSON, and what has none as the argument's `toString()`.
fn text_of(value: Option<&JsRef>, object: Option<&JsRef>) -> String {
    with_scope(|scope| {
        let value = value
            .map(|value| value.get(scope))
            .filter(|value| !value.is_undefined());
        let text = value.and_then(|value| match value.kind() {
            Kind::String => value.as_string(),
            _ => scope
                .global()
                .get("JSON")
                .ok()?
                .call_method("stringify", &[value])
                .ok()?
                .as_string(),
        });
        text.or_else(|| object?.get(scope).call_method("toString", &[]).ok()?.as_string())
    })
    .flatten()
    .unwrap_or_default()
}
