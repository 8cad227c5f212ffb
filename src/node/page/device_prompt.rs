//! `waitForDevicePrompt`: `DeviceRequestPrompt`

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::node::js::class::{self, Class, Method, data_of};
use crate::node::js::{Call, JsRef, JsThread, Scope, Thrown, Value};
use crate::page::{DevicePrompt, Event, EventKind, Page, Subscription};

use super::emitter::Emitter;
use super::identity::WeakObjects;
use super::page::PageData;
use super::promise;
use super::wait_for_event::{self, End, Hearing, Source};

/// What a prompt's object carries.
pub(super) struct PromptData {
    page: Rc<PageData>,
    id: String,
    /// JavaScript's array of them.
    devices: JsRef,
    known: RefCell<Vec<String>>,
    handled: Cell<bool>,
    emitter: Emitter,
    _updates: Subscription,
}

/// The page's id, and the prompt's.
type Name = (u64, String);

thread_local! {
    static PROMPTS: RefCell<WeakObjects<Name>> = RefCell::default();
}

/// The prompt's object, with the devices that it offers by now.
pub(super) fn wrap<'s>(scope: Scope<'s>, page: &Page, prompt: &DevicePrompt) -> Result<Value<'s>, Thrown> {
    let name = (page.id(), prompt.id.clone());
    let object = PROMPTS.with(|prompts| {
        WeakObjects::object_of(prompts, scope, name.clone(), || make(scope, page, &prompt.id))
    })?;
    if let Some(data) = data_of::<PromptData>(object) {
        data.update(scope, prompt)?;
    }
    Ok(object)
}

fn make<'s>(scope: Scope<'s>, page: &Page, id: &str) -> Result<Value<'s>, Thrown> {
    let of_page = super::page::wrap(scope, page)?;
    let (Some(of_page), Some(devices), Some(thread)) = (
        data_of::<PageData>(of_page),
        JsRef::new(scope.array([])),
        JsThread::current(),
    ) else {
        return Err(Thrown::refused(scope, "the page is gone"));
    };
    let name = (page.id(), id.to_owned());
    let updates = page.listen(EventKind::DevicePrompt, move |event| {
        if let Event::DevicePrompt(prompt) = event
            && prompt.id == name.1
        {
            let (prompt, name) = (Arc::clone(prompt), name.clone());
            thread.post(move |scope| {
                let object = PROMPTS.with(|prompts| prompts.borrow().get(scope, &name));
                if let Some(data) = object.and_then(data_of::<PromptData>)
                    && let Err(thrown) = data.update(scope, &prompt)
                {
                    scope.throw_uncaught(&thrown);
                }
            });
        }
    });
    let data = Rc::new(PromptData {
        page: of_page,
        id: id.to_owned(),
        devices,
        known: RefCell::default(),
        handled: Cell::new(false),
        emitter: Emitter::default(),
        _updates: updates,
    });
    class::instantiate::<DeviceRequestPrompt>(scope, data)
}

impl PromptData {
    /// Adds the devices that are new.
    fn update(&self, scope: Scope<'_>, prompt: &DevicePrompt) -> Result<(), Thrown> {
        for device in &prompt.devices {
            if self.known.borrow().contains(&device.id) || self.handled.get() {
                continue;
            }
            self.known.borrow_mut().push(device.id.clone());
            let object = scope.object().set("id", scope.string(&device.id));
            object.set("name", scope.string(&device.name));
            self.devices.get(scope).call_method("push", &[object])?;
            self.emitter.emit(scope, "device", object);
        }
        Ok(())
    }

    /// From now on it is handled; says why it cannot be where it cannot.
    fn handle(&self, scope: Scope<'_>, what: &str) -> Result<(), Thrown> {
        if self.handled.replace(true) {
            let message = format!("Cannot {what} DeviceRequestPrompt which is already handled!");
            return Err(Thrown::refused(scope, &message));
        }
        Ok(())
    }
}

/// A page of which a prompt is waited for.
struct Prompts(Rc<PageData>);

/// The end of the page, which nobody can hold up.
fn end_of(page: &PageData) -> End {
    End {
        hearing: Hearing::First,
        ..page.end()
    }
}

impl Source for Prompts {
    fn emitter(&self) -> &Emitter {
        &self.0.events.emitter
    }

    fn observers(&self) -> &Emitter {
        &self.0.events.observers
    }

    fn subscribe(&self) {
        Source::subscribe(&*self.0);
    }

    fn default_timeout(&self) -> u64 {
        self.0.core.default_timeout()
    }

    fn end(&self) -> End {
        end_of(&self.0)
    }

    fn has_ended(&self) -> bool {
        self.0.core.is_closed()
    }

    fn too_late(&self, timeout: u64) -> String {
        format!("Waiting for `DeviceRequestPrompt` failed: {timeout}ms exceeded")
    }
}

impl Source for PromptData {
    fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    fn observers(&self) -> &Emitter {
        &self.page.events.observers
    }

    fn subscribe(&self) {
        Source::subscribe(&*self.page);
    }

    fn default_timeout(&self) -> u64 {
        self.page.core.default_timeout()
    }

    fn end(&self) -> End {
        end_of(&self.page)
    }

    fn has_ended(&self) -> bool {
        self.page.core.is_closed()
    }

    fn too_late(&self, timeout: u64) -> String {
        format!("Waiting for `DeviceRequestPromptDevice` failed: {timeout}ms exceeded")
    }
}

/// `page.waitForDevicePrompt(options)`
pub(super) fn wait_for<'s>(
    scope: Scope<'s>,
    page: &Rc<PageData>,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let source = Rc::new(Prompts(Rc::clone(page)));
    let event = EventKind::DevicePrompt.name();
    wait_for_event::for_any(scope, source, Hearing::First, event, call.argument(0))
}

fn wait_for_device<'s>(
    scope: Scope<'s>,
    prompt: &Rc<PromptData>,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let there = prompt.devices.get(scope).elements()?;
    let source: Rc<dyn Source> = Rc::<PromptData>::clone(prompt);
    wait_for_event::for_one(scope, source, "device", &there, call)
}

fn select<'s>(scope: Scope<'s>, prompt: &PromptData, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let device = call.argument(0);
    let devices = prompt.devices.get(scope);
    if !devices.call_method("includes", &[device])?.is_truthy() {
        return Err(Thrown::refused(scope, "Cannot select unknown device!"));
    }
    let id = device.get("id")?.coerce_to_string()?;
    prompt.handle(scope, "select")?;
    let (page, prompt) = (prompt.page.core.clone(), prompt.id.clone());
    promise::start_void(scope, async move { page.select_device(&prompt, &id).await })
}

pub(super) struct DeviceRequestPrompt;

impl Class for DeviceRequestPrompt {
    type Data = PromptData;
    const NAME: &'static str = "DeviceRequestPrompt";
    const METHODS: &'static [Method<PromptData>] = &[
        Method::getter("devices", |scope, prompt, _| Ok(prompt.devices.get(scope))),
        Method::promise("waitForDevice", wait_for_device),
        Method::promise("select", |scope, prompt, call| select(scope, prompt, call)),
        Method::promise("cancel", |scope, prompt, _| {
            prompt.handle(scope, "cancel")?;
            let (page, prompt) = (prompt.page.core.clone(), prompt.id.clone());
            promise::start_void(scope, async move { page.cancel_device_prompt(&prompt).await })
        }),
    ];
}
