//! Listeners of JavaScript, as puppeteer's `EventEmitter` keeps them.

use std::cell::RefCell;

use crate::node::js::{JsRef, Scope, Thrown, Value};

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

    pub fn count(&self, event: &str) -> usize {
        self.0
            .borrow()
            .iter()
            .filter(|listener| listener.event == event)
            .count()
    }

    /// Calls the listeners of the event, in order; what they throw becomes an uncaught exception.
    pub fn emit(&self, scope: Scope<'_>, event: &str, argument: Value<'_>) -> bool {
        let mut called = Vec::new();
        self.0.borrow_mut().retain(|listener| {
            if listener.event != event {
                return true;
            }
            called.push(listener.function.clone());
            !listener.once
        });
        for function in &called {
            if let Err(thrown) = function.get(scope).call(scope.undefined(), &[argument]) {
                scope.throw_uncaught(&thrown);
            }
        }
        !called.is_empty()
    }
}
