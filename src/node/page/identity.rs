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

/// Forgets the contexts of a browser that are not among these.
pub(super) fn keep_contexts(browser: usize, kept: &[String]) {
    let gone: Vec<JsRef> = OBJECTS.with(|objects| {
        objects
            .borrow_mut()
            .extract_if(|key, _| match key {
                Key::Context(of, Some(id)) => *of == browser && !kept.contains(id),
                _ => false,
            })
            .map(|(_, object)| object)
            .collect()
    });
    drop(gone);
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
