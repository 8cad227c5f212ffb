//! The JavaScript objects that a pool was given.

use std::cell::RefCell;
use std::rc::Rc;

use super::super::js::{JsRef, JsWeak, Scope, Thrown, Value};

/// Held by the pool's own JavaScript object, so that a callback or a browser manager that refers to the pool does
/// not keep it for ever; and by us while the pool has something to do.
pub(crate) struct Vault {
    objects: JsWeak,
    held: RefCell<Option<JsRef>>,
}

impl Vault {
    /// A vault in the object `owner`.
    pub(super) fn of(owner: Value<'_>) -> Result<Rc<Self>, Thrown> {
        let scope = owner.scope();
        let objects = scope.object();
        let symbol = scope.global().get("Symbol")?;
        let key = symbol.call(scope.undefined(), &[scope.string("pagepool")])?;
        let descriptor = scope.object().set("value", objects);
        scope
            .global()
            .get("Object")?
            .call_method("defineProperty", &[owner, key, descriptor])?;
        let gone = || Thrown::invalid_argument(scope, "the environment is being torn down");
        Ok(Rc::new(Self {
            objects: JsWeak::new(objects).ok_or_else(gone)?,
            held: RefCell::new(None),
        }))
    }

    /// Keeps an object under a name.
    pub(super) fn put(&self, name: &str, object: Value<'_>) {
        if let Some(objects) = self.objects.get(object.scope()) {
            objects.set(name, object);
        }
    }

    /// The object of this name, `undefined` where there is none, or the pool is gone.
    pub(crate) fn get<'s>(&self, scope: Scope<'s>, name: &str) -> Value<'s> {
        self.objects
            .get(scope)
            .and_then(|objects| objects.get(name).ok())
            .unwrap_or_else(|| scope.undefined())
    }

    /// Keeps the objects, or leaves that to the pool's JavaScript object.
    pub(super) fn hold(&self, scope: Scope<'_>, hold: bool) {
        let changes = self.held.borrow().is_some() != hold;
        if changes {
            let objects = self.objects.get(scope).filter(|_| hold).and_then(JsRef::new);
            let before = self.held.replace(objects);
            drop(before);
        }
    }
}
