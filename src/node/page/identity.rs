//! One JavaScript object for each page, frame, context and browser.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::node::js::{JsRef, JsWeak, Scope, Thrown, Value};

/// What an object stands for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Page(u64),
    Frame(u64, String),
    Target(u64),
    /// A browser's, by its id.
    OtherTarget(usize, Option<String>),
    Browser(usize),
    Context(usize, Option<String>),
}

thread_local! {
    static OBJECTS: RefCell<HashMap<Key, JsRef>> = RefCell::new(HashMap::new());
}

/// The object of this key, made where there is none yet.
pub(super) fn object_of<'s>(
    scope: Scope<'s>,
    key: Key,
    make: impl FnOnce() -> Result<Value<'s>, Thrown>,
) -> Result<Value<'s>, Thrown> {
    if let Some(known) = existing(scope, &key) {
        return Ok(known);
    }
    let object = make()?;
    if let Some(kept) = JsRef::new(object) {
        OBJECTS.with(|objects| objects.borrow_mut().insert(key, kept));
    }
    Ok(object)
}

/// The object of this key, where there is one.
pub(super) fn existing<'s>(scope: Scope<'s>, key: &Key) -> Option<Value<'s>> {
    OBJECTS.with(|objects| objects.borrow().get(key).map(|object| object.get(scope)))
}

/// Forgets a page and its frames: they are gone.
pub(super) fn forget_page(id: u64) {
    let gone: Vec<JsRef> = OBJECTS.with(|objects| {
        objects
            .borrow_mut()
            .extract_if(|key, _| matches!(key, Key::Page(page) | Key::Target(page) | Key::Frame(page, _) if *page == id))
            .map(|(_, object)| object)
            .collect()
    });
    // A finalizer may come back here.
    drop(gone);
}

thread_local! {
    /// What is gone, and found again as long as JavaScript keeps its object.
    static GONE: RefCell<HashMap<Key, JsWeak>> = RefCell::new(HashMap::new());
}

/// How many objects of what is gone there may be before those that JavaScript has dropped are taken out.
const GONE_KEPT: usize = 64;

/// The object of something that is gone, made where JavaScript has kept none.
pub(super) fn object_of_gone<'s>(
    scope: Scope<'s>,
    key: &Key,
    make: impl FnOnce() -> Result<Value<'s>, Thrown>,
) -> Result<Value<'s>, Thrown> {
    retire(scope, key);
    let known = GONE.with(|gone| gone.borrow().get(key).and_then(|object| object.get(scope)));
    if let Some(known) = known {
        return Ok(known);
    }
    let object = make()?;
    remember_gone(scope, key, object);
    Ok(object)
}

/// Keeps an object no longer: what it stands for is gone.
pub(super) fn retire(scope: Scope<'_>, key: &Key) {
    if let Some(object) = existing(scope, key) {
        remember_gone(scope, key, object);
        forget(key);
    }
}

fn remember_gone(scope: Scope<'_>, key: &Key, object: Value<'_>) {
    if let Some(weak) = JsWeak::new(object) {
        GONE.with(|gone| {
            let mut gone = gone.borrow_mut();
            if gone.len() >= GONE_KEPT {
                gone.retain(|_, object| object.get(scope).is_some());
            }
            gone.insert(key.clone(), weak);
        });
    }
}

/// Retires the contexts of a browser that are not among these.
pub(super) fn keep_contexts(scope: Scope<'_>, browser: usize, kept: &[String]) {
    let gone: Vec<Key> = OBJECTS.with(|objects| {
        let objects = objects.borrow();
        let is_gone = |key: &&Key| match key {
            Key::Context(of, Some(id)) => *of == browser && !kept.contains(id),
            _ => false,
        };
        objects.keys().filter(is_gone).cloned().collect()
    });
    for key in &gone {
        retire(scope, key);
    }
}

/// Forgets one object.
pub(super) fn forget(key: &Key) {
    let gone = OBJECTS.with(|objects| objects.borrow_mut().remove(key));
    drop(gone);
}

/// The objects of things that come and go: found again while JavaScript keeps them.
#[derive(Default)]
pub(super) struct WeakObjects {
    objects: HashMap<usize, JsWeak>,
    sweep_at: usize,
}

impl WeakObjects {
    /// The object of what lives at this address, which the object itself keeps alive.
    pub fn object_of<'s>(
        this: &RefCell<Self>,
        scope: Scope<'s>,
        address: usize,
        make: impl FnOnce() -> Result<Value<'s>, Thrown>,
    ) -> Result<Value<'s>, Thrown> {
        let known = this
            .borrow()
            .objects
            .get(&address)
            .and_then(|object| object.get(scope));
        if let Some(known) = known {
            return Ok(known);
        }
        let object = make()?;
        if let Some(weak) = JsWeak::new(object) {
            let mut this = this.borrow_mut();
            if this.objects.len() >= this.sweep_at {
                this.objects.retain(|_, object| object.get(scope).is_some());
                this.sweep_at = (this.objects.len() * 2).max(64);
            }
            this.objects.insert(address, weak);
        }
        Ok(object)
    }
}
