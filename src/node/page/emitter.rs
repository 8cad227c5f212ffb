//! Listeners of JavaScript, as puppeteer's `EventEmitter` keeps them.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use crate::node::js::class::Method;
use crate::node::js::{Call, JsRef, Scope, Thrown, Value};

/// Stands for every event where one is listened to.
pub(super) const ANY: &str = "*";

struct Listener {
    event: String,
    function: JsRef,
    once: bool,
}

/// The listeners of one object.
#[derive(Default)]
pub(super) struct Emitter(RefCell<Vec<Listener>>);

impl Emitter {
    /// Adds a listener. A function that is added twice is called twice.
    pub fn add(&self, scope: Scope<'_>, event: &str, function: Value<'_>, once: bool) -> Result<(), Thrown> {
        if !function.is_function() {
            let what = function.coerce_to_string().unwrap_or_default();
            return Err(Thrown::invalid_argument(
                scope,
                &format!("the listener for '{event}' must be a function, but is {what}"),
            ));
        }
        if let Some(function) = JsRef::new(function) {
            self.0.borrow_mut().push(Listener {
                event: event.to_owned(),
                function,
                once,
            });
        }
        Ok(())
    }

    /// Takes a listener off, or all of the event.
    pub fn remove(&self, scope: Scope<'_>, event: &str, function: Option<Value<'_>>) {
        let mut listeners = self.0.borrow_mut();
        let removed: Vec<Listener> = match function {
            Some(function) => listeners
                .iter()
                .position(|listener| {
                    listener.event == event && listener.function.get(scope).strict_equals(function)
                })
                .map(|index| listeners.remove(index))
                .into_iter()
                .collect(),
            None => listeners
                .extract_if(.., |listener| listener.event == event)
                .collect(),
        };
        drop(listeners);
        drop(removed);
    }

    /// Takes all listeners off, of one event or of every.
    pub fn remove_all(&self, event: Option<&str>) {
        let removed: Vec<Listener> = self
            .0
            .borrow_mut()
            .extract_if(.., |listener| event.is_none_or(|event| listener.event == event))
            .collect();
        drop(removed);
    }

    /// What is listened to.
    pub fn events(&self) -> HashSet<String> {
        let listeners = self.0.borrow();
        listeners.iter().map(|listener| listener.event.clone()).collect()
    }

    pub fn count(&self, event: &str) -> usize {
        self.0
            .borrow()
            .iter()
            .filter(|listener| listener.event == event)
            .count()
    }

    /// The listeners of the event, in order, for one call of each; those for a single event are taken off.
    pub fn take(&self, event: &str) -> Vec<JsRef> {
        let mut called = Vec::new();
        self.0.borrow_mut().retain(|listener| {
            if listener.event != event {
                return true;
            }
            called.push(listener.function.clone());
            !listener.once
        });
        called
    }

    /// Calls the listeners of the event, in order; what they throw becomes an uncaught exception.
    pub fn emit(&self, scope: Scope<'_>, event: &str, argument: Value<'_>) -> bool {
        self.emit_all(scope, event, &[argument])
    }

    /// The same with any number of arguments.
    pub fn emit_all(&self, scope: Scope<'_>, event: &str, arguments: &[Value<'_>]) -> bool {
        let called = self.take(event);
        for function in &called {
            if let Err(thrown) = function.get(scope).call(scope.undefined(), arguments) {
                scope.throw_uncaught(&thrown);
            }
        }
        !called.is_empty()
    }
}

/// What of an object emits events.
pub(super) trait Emits: 'static {
    fn emitter(&self) -> &Emitter;

    /// Listeners have come or gone. `this` is the object.
    fn changed(&self, this: Value<'_>);
}

/// The methods of an event emitter.
pub(super) const fn methods<T: Emits>() -> [Method<T>; 8] {
    [
        Method::sync("on", |scope, data, call| add(scope, data, call, false)),
        Method::sync("addListener", |scope, data, call| add(scope, data, call, false)),
        Method::sync("once", |scope, data, call| add(scope, data, call, true)),
        Method::sync("off", remove),
        Method::sync("removeListener", remove),
        Method::sync("removeAllListeners", |_, data, call| {
            let event = call.argument(0).as_string();
            data.emitter().remove_all(event.as_deref());
            data.changed(call.this);
            Ok(call.this)
        }),
        Method::sync("listenerCount", |scope, data, call| {
            let event = call.argument(0).coerce_to_string()?;
            let count = u32::try_from(data.emitter().count(&event)).unwrap_or(u32::MAX);
            Ok(scope.number(f64::from(count)))
        }),
        Method::sync("emit", |scope, data, call| {
            let event = call.argument(0).coerce_to_string()?;
            Ok(scope.boolean(data.emitter().emit(scope, &event, call.argument(1))))
        }),
    ]
}

/// What `using` does to an emitter that ends with nothing: no listener is called any more.
pub(super) const fn disposal<T: Emits>() -> [Method<T>; 2] {
    [
        Method::sync("@@dispose", |scope, data, call| {
            data.emitter().remove_all(None);
            data.changed(call.this);
            Ok(scope.undefined())
        }),
        Method::promise("@@asyncDispose", |scope, data, call| {
            data.emitter().remove_all(None);
            data.changed(call.this);
            scope.global().get("Promise")?.call_method("resolve", &[])
        }),
    ]
}

fn add<'s, T: Emits>(
    scope: Scope<'s>,
    data: &Rc<T>,
    call: &Call<'s>,
    once: bool,
) -> Result<Value<'s>, Thrown> {
    let event = call.argument(0).coerce_to_string()?;
    data.emitter().add(scope, &event, call.argument(1), once)?;
    data.changed(call.this);
    Ok(call.this)
}

fn remove<'s, T: Emits>(scope: Scope<'s>, data: &Rc<T>, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let event = call.argument(0).coerce_to_string()?;
    let function = Some(call.argument(1)).filter(|function| function.is_function());
    data.emitter().remove(scope, &event, function);
    data.changed(call.this);
    Ok(call.this)
}
