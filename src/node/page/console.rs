//! `ConsoleMessage`

use std::rc::Rc;
use std::sync::Arc;

use crate::node::js::class::{self, Class, Method};
use crate::node::js::{JsRef, Scope, Thrown, Value};
use crate::page::{self, Page, StackFrame};

use super::{frame, handle, page as page_class, value, web_worker};

/// A message; its text and arguments become JavaScript's when they are asked for.
pub(super) struct ConsoleMessage {
    /// Workers of several pages have none.
    page: Option<Page>,
    core: Arc<page::ConsoleMessage>,
    arguments: std::cell::OnceCell<Option<JsRef>>,
}

impl ConsoleMessage {
    fn frame(&self) -> Option<page::Frame> {
        self.page.as_ref()?.frame(self.core.frame.as_deref()?)
    }
}

pub(super) fn wrap<'s>(
    scope: Scope<'s>,
    page: Option<&Page>,
    message: &Arc<page::ConsoleMessage>,
) -> Result<Value<'s>, Thrown> {
    let data = Rc::new(ConsoleMessage {
        page: page.cloned(),
        core: Arc::clone(message),
        arguments: std::cell::OnceCell::new(),
    });
    class::instantiate::<ConsoleMessageClass>(scope, data)
}

#[expect(clippy::cast_precision_loss, reason = "lines and columns are small")]
fn location<'s>(scope: Scope<'s>, frame: &StackFrame) -> Value<'s> {
    let place = scope.object();
    place.set("url", scope.string(&frame.url));
    place.set("lineNumber", scope.number(frame.line_number as f64));
    place.set("columnNumber", scope.number(frame.column_number as f64))
}

#[expect(clippy::cast_precision_loss, reason = "as above")]
fn own_place<'s>(scope: Scope<'s>, url: Option<&str>, line: Option<i64>) -> Value<'s> {
    let place = scope.object();
    place.set(
        "url",
        url.map_or_else(|| scope.undefined(), |url| scope.string(url)),
    );
    let line = line.map_or_else(|| scope.undefined(), |line| scope.number(line as f64));
    place.set("lineNumber", line)
}

pub(super) struct ConsoleMessageClass;

impl Class for ConsoleMessageClass {
    type Data = ConsoleMessage;
    const NAME: &'static str = "ConsoleMessage";
    const METHODS: &'static [Method<ConsoleMessage>] = &[
        Method::sync("page", |scope, message, _| match &message.page {
            Some(page) => page_class::wrap(scope, page),
            None => Ok(scope.null()),
        }),
        Method::sync("frame", |scope, message, _| match message.frame() {
            Some(frame) => frame::wrap(scope, &frame),
            None => Ok(scope.null()),
        }),
        Method::sync("worker", |scope, message, _| match &message.core.worker {
            Some(worker) => web_worker::wrap(scope, worker),
            None => Ok(scope.null()),
        }),
        Method::sync("type", |scope, message, _| Ok(scope.string(message.core.level()))),
        Method::sync("text", |scope, message, _| {
            Ok(value::text_to_js(scope, message.core.text()))
        }),
        Method::sync("args", |scope, message, _| {
            if let Some(Some(known)) = message.arguments.get() {
                return Ok(known.get(scope));
            }
            let owner = match (&message.core.worker, &message.page) {
                (Some(worker), _) => worker.into(),
                (None, Some(page)) => (&message.frame().unwrap_or_else(|| page.main_frame())).into(),
                (None, None) => return Ok(scope.array([])),
            };
            let handles: Result<Vec<_>, _> = message
                .core
                .arguments
                .iter()
                .map(|argument| handle::wrap_in(scope, &owner, argument.clone()))
                .collect();
            let array = scope.array(handles?);
            message.arguments.get_or_init(|| JsRef::new(array));
            Ok(array)
        }),
        Method::sync("location", |scope, message, _| {
            if let Some((url, line)) = &message.core.place {
                return Ok(own_place(scope, url.as_deref(), *line));
            }
            Ok(match message.core.stack.first() {
                Some(frame) => location(scope, frame),
                None => scope.object(),
            })
        }),
        Method::sync("stackTrace", |scope, message, _| {
            if let Some((url, line)) = &message.core.place {
                return Ok(scope.array([own_place(scope, url.as_deref(), *line)]));
            }
            Ok(scope.array(message.core.stack.iter().map(|frame| location(scope, frame))))
        }),
    ];
}
