//! One JavaScript object for each page, frame, context and browser.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;

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
    Connection(usize),
    Context(usize, Option<String>),
}

thread_local! {
    /// What is there.
    static OBJECTS: RefCell<HashMap<Key, JsRef>> = RefCell::new(HashMap::new());
    /// What is gone, and found again as long as JavaScript keeps its object.
    static GONE: RefCell<WeakObjects<Key>> = RefCell::default();
}

/// The object of this key, made where there is none yet, and kept until it is retired.
pub(super) fn object_of<'s>(
    scope: Scope<'s>,
    key: Key,
    make: impl FnOnce() -> Result<Value<'s>, Thrown>,
) -> Result<Value<'s>, Thrown> {
    let kept = OBJECTS.with(|objects| objects.borrow().get(&key).map(|object| object.get(scope)));
    if let Some(known) = kept {
        return Ok(known);
    }
    let object = object_of_gone(scope, &key, make)?;
    if let Some(kept) = JsRef::new(object) {
        OBJECTS.with(|objects| objects.borrow_mut().insert(key, kept));
    }
    Ok(object)
}

/// The object of something that is gone, made where JavaScript has kept none.
pub(super) fn object_of_gone<'s>(
    scope: Scope<'s>,
    key: &Key,
    make: impl FnOnce() -> Result<Value<'s>, Thrown>,
) -> Result<Value<'s>, Thrown> {
    match existing(scope, key) {
        Some(known) => Ok(known),
        None => GONE.with(|gone| WeakObjects::object_of(gone, scope, key.clone(), make)),
    }
}

/// The object of this key, where there is one.
pub(super) fn existing<'s>(scope: Scope<'s>, key: &Key) -> Option<Value<'s>> {
    let kept = OBJECTS.with(|objects| objects.borrow().get(key).map(|object| object.get(scope)));
    kept.or_else(|| GONE.with(|gone| gone.borrow().get(scope, key)))
}

/// Keeps an object no longer: what it stands for is gone.
pub(super) fn retire(scope: Scope<'_>, key: &Key) {
    retire_where(scope, |known| known == key);
}

/// Retires a page and its frames.
pub(super) fn retire_page(scope: Scope<'_>, id: u64) {
    retire_where(scope, |key| match key {
        Key::Page(page) | Key::Target(page) | Key::Frame(page, _) => *page == id,
        _ => false,
    });
}

/// Retires the frames of a page that are not among its own.
pub(super) fn keep_frames(scope: Scope<'_>, page: u64, is_there: impl Fn(&str) -> bool) {
    retire_where(
        scope,
        |key| matches!(key, Key::Frame(of, id) if *of == page && !is_there(id)),
    );
}

/// Retires a browser with all that is in it, but for its pages, which end by themselves.
pub(super) fn retire_browser(scope: Scope<'_>, browser: usize) {
    retire_where(scope, |key| match key {
        Key::Browser(of) | Key::Connection(of) | Key::Context(of, _) | Key::OtherTarget(of, _) => {
            *of == browser
        }
        _ => false,
    });
}

/// Retires the contexts of a browser that are not among these.
pub(super) fn keep_contexts(scope: Scope<'_>, browser: usize, kept: &[String]) {
    retire_where(
        scope,
        |key| matches!(key, Key::Context(of, Some(id)) if *of == browser && !kept.contains(id)),
    );
}

fn retire_where(scope: Scope<'_>, is_gone: impl Fn(&Key) -> bool) {
    let retired: Vec<(Key, JsRef)> =
        OBJECTS.with(|objects| objects.borrow_mut().extract_if(|key, _| is_gone(key)).collect());
    GONE.with(|gone| {
        for (key, object) in &retired {
            gone.borrow_mut().insert(scope, key.clone(), object.get(scope));
        }
    });
}

/// The objects of things that come and go: found again while JavaScript keeps them.
pub(super) struct WeakObjects<K = usize> {
    objects: HashMap<K, JsWeak>,
    sweep_at: usize,
}

impl<K> Default for WeakObjects<K> {
    fn default() -> Self {
        Self {
            objects: HashMap::new(),
            sweep_at: 0,
        }
    }
}

impl<K: Eq + Hash> WeakObjects<K> {
    /// The object of this key. Where that is the address of what the object stands for, the object keeps it alive.
    pub fn object_of<'s>(
        this: &RefCell<Self>,
        scope: Scope<'s>,
        key: K,
        make: impl FnOnce() -> Result<Value<'s>, Thrown>,
    ) -> Result<Value<'s>, Thrown> {
        let known = this.borrow().get(scope, &key);
        if let Some(known) = known {
            return Ok(known);
        }
        let object = make()?;
        this.borrow_mut().insert(scope, key, object);
        Ok(object)
    }

    /// The object of this key, where JavaScript has kept it.
    pub fn get<'s>(&self, scope: Scope<'s>, key: &K) -> Option<Value<'s>> {
        self.objects.get(key).and_then(|object| object.get(scope))
    }

    fn insert(&mut self, scope: Scope<'_>, key: K, object: Value<'_>) {
        let Some(weak) = JsWeak::new(object) else { return };
        if self.objects.len() >= self.sweep_at {
            self.objects.retain(|_, object| object.get(scope).is_some());
            self.sweep_at = (self.objects.len() * 2).max(64);
        }
        self.objects.insert(key, weak);
    }
}
