//! A page's events: listened to in the core only while somebody in JavaScript does.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::node::js::class::data_of;
use crate::node::js::{ErrorClass, JsThread, Scope, Thrown, Value};
use crate::page::{Event, EventKind, Page, Subscription};

use super::emitter::Emitter;
use super::identity::{self, Key};
use super::page::PageData;
use super::web_worker::NewWorker;
use super::{
    console, device_prompt, dialog, emulation, error, frame, http, intercept, page as page_class, value,
    web_worker,
};

/// The listeners of one page.
#[derive(Default)]
pub(super) struct PageEvents {
    pub emitter: Emitter,
    /// Who hears of an event at once, before the listeners, which may make one another wait.
    pub observers: Emitter,
    subscriptions: RefCell<HashMap<EventKind, Subscription>>,
}

impl PageEvents {
    /// Hears what nobody listened to when Chrome told it: on this thread somebody may do so by now.
    pub fn stand_by(page: &Page) {
        let Some(thread) = JsThread::current() else { return };
        let weak = page.downgrade();
        page.stand_by(move |event, activity| {
            let weak = weak.clone();
            post(&thread, event, move |scope, event| {
                let Some(page) = weak.upgrade() else { return };
                if !deliver(scope, &page, event) {
                    page.set_quiet(event.kind(), activity);
                    unheard(event);
                }
            });
        });
    }

    fn is_heard(&self, kind: EventKind) -> bool {
        self.emitter.count(kind.name()) + self.observers.count(kind.name()) > 0
    }

    /// Makes the core's subscriptions those that the listeners need.
    pub fn subscribe(&self, page: &Page) {
        let mut dropped = Vec::new();
        let mut subscriptions = self.subscriptions.borrow_mut();
        for &kind in EventKind::ALL {
            // The end of the page is always listened to: the object is kept until then.
            let wanted = kind == EventKind::Close || self.is_heard(kind);
            if !wanted {
                dropped.extend(subscriptions.remove(&kind));
            } else if !subscriptions.contains_key(&kind)
                && let Some(thread) = JsThread::current()
            {
                let of_event = page.clone();
                let weak = of_event.downgrade();
                let subscription = page.listen(kind, move |event| {
                    let weak = weak.clone();
                    post(&thread, event, move |scope, event| {
                        // Whoever listened when Chrome told it may have stopped since.
                        if let Some(page) = weak.upgrade()
                            && !deliver(scope, &page, event)
                        {
                            unheard(event);
                        }
                    });
                });
                subscriptions.insert(kind, subscription);
            }
        }
        drop(subscriptions);
        drop(dropped);
    }
}

/// Has the event told on the thread of JavaScript. A worker that has come is heard from here on: Chrome's next message may
/// be the worker's.
fn post(thread: &JsThread, event: &Event, tell: impl FnOnce(Scope<'_>, &Event) + Send + 'static) {
    let event = event.clone();
    let worker = match &event {
        Event::WorkerCreated(worker) => Some(NewWorker::new(worker, thread)),
        _ => None,
    };
    thread.post(move |scope| {
        if let Some(worker) = worker {
            worker.announce();
        }
        tell(scope, &event);
    });
}

/// Sees to it that an event without a listener holds nothing up.
fn unheard(event: &Event) {
    if let Event::Dialog(dialog) = event {
        dialog.answer_for_nobody();
    }
}

/// Calls the listeners; says whether there were any.
fn deliver(scope: Scope<'_>, page: &Page, event: &Event) -> bool {
    let object = identity::existing(scope, &Key::Page(page.id()));
    let Some(data) = object.and_then(data_of::<PageData>) else {
        return false;
    };
    let name = event.kind().name();
    let is_heard = data.events.is_heard(event.kind());
    if is_heard {
        match argument(scope, page, event) {
            Ok(argument) => {
                data.events.observers.emit(scope, name, argument);
                if event.kind() == EventKind::Request {
                    intercept::announce(argument, data.events.emitter.take(name));
                } else {
                    data.events.emitter.emit(scope, name, argument);
                }
            }
            Err(thrown) => scope.throw_uncaught(&thrown),
        }
        // What listened once does so no longer.
        if event.kind() != EventKind::Close && data.events.emitter.count(name) == 0 {
            data.events.subscribe(page);
        }
    }
    if event.kind() == EventKind::Close {
        identity::retire_page(scope, page.id());
    }
    is_heard
}

fn argument<'s>(scope: Scope<'s>, page: &Page, event: &Event) -> Result<Value<'s>, Thrown> {
    match event {
        Event::Console(message) => console::wrap(scope, Some(page), message),
        Event::PageError(exception) => Ok(error::uncaught(scope, exception)),
        Event::Crash => Ok(scope.error(ErrorClass::Error, "Page crashed!", Some("PAGE_CRASHED"))),
        Event::Dialog(dialog) => dialog::wrap(scope, dialog),
        Event::Request(request)
        | Event::RequestServedFromCache(request)
        | Event::RequestFinished(request)
        | Event::RequestFailed(request) => http::wrap_request(scope, request),
        Event::Response(response) => http::wrap_response(scope, response),
        Event::FrameAttached(frame) | Event::FrameNavigated(frame) | Event::FrameDetached(frame) => {
            frame::wrap(scope, frame)
        }
        Event::WorkerCreated(worker) | Event::WorkerDestroyed(worker) => web_worker::wrap(scope, worker),
        Event::DevicePrompt(prompt) => device_prompt::wrap(scope, page, prompt),
        Event::Issue(issue) => {
            let details = value::from_json(scope, issue.details.get())?;
            let object = scope.object().set("code", scope.string(&issue.code));
            Ok(object.set("details", details))
        }
        Event::Popup(popup) => page_class::wrap(scope, popup),
        Event::Metrics(mark) => {
            let event = scope.object().set("title", scope.string(&mark.title));
            Ok(event.set("metrics", emulation::metrics_to_js(scope, &mark.metrics)))
        }
        Event::DomContentLoaded | Event::Load | Event::Close => Ok(scope.undefined()),
    }
}
