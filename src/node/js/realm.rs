//! The realms that have loaded the package: Node's own, and contexts of `vm` as tests runners make them, each with
//! globals of its own. N-API knows only the first.

use std::cell::{Cell, RefCell};

use super::reference::JsRef;
use super::scope::Scope;
use super::value::Value;

/// As many contexts are remembered; a test runner makes one for each file, and the older ones are done with.
const MOST: usize = 8;

/// A realm by its number; 0 is nobody's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Realm(u32);

#[derive(Default)]
struct Realms {
    /// Contexts with their globals, oldest first.
    contexts: Vec<(Realm, JsRef)>,
    /// Whether Node's own realm has loaded the package.
    has_main: bool,
    last: u32,
}

thread_local! {
    static REALMS: RefCell<Realms> = RefCell::default();
    static CURRENT: Cell<Realm> = const { Cell::new(Realm(0)) };
}

/// The number of Node's own realm.
pub(crate) const MAIN: Realm = Realm(1);

/// Makes a realm known by its `globalThis`.
pub(crate) fn add(global: Value<'_>) -> Realm {
    let is_main = global.strict_equals(global.scope().main_global());
    REALMS.with(|realms| {
        let mut realms = realms.borrow_mut();
        if is_main {
            realms.has_main = true;
            return MAIN;
        }
        realms.last = realms.last.max(MAIN.0) + 1;
        let realm = Realm(realms.last);
        realms
            .contexts
            .extend(JsRef::new(global).map(|global| (realm, global)));
        if realms.contexts.len() > MOST {
            realms.contexts.remove(0);
        }
        realm
    })
}

/// Whether it is still remembered.
pub(crate) fn is_known(realm: Realm) -> bool {
    realm == MAIN || REALMS.with(|realms| realms.borrow().contexts.iter().any(|(known, _)| *known == realm))
}

/// The realm on whose behalf something runs: where nobody says, Node's own, or else the newest.
pub(crate) fn current() -> Realm {
    let realm = CURRENT.with(Cell::get);
    REALMS.with(|realms| {
        let realms = realms.borrow();
        let known = realms.contexts.iter().any(|(known, _)| *known == realm);
        match realms.contexts.last() {
            _ if known || realm == MAIN => realm,
            Some((newest, _)) if !realms.has_main => *newest,
            _ => MAIN,
        }
    })
}

/// `globalThis` of the current realm, where that is not Node's own.
pub(super) fn foreign_global(scope: Scope<'_>) -> Option<Value<'_>> {
    let global = REALMS.with(|realms| {
        let realms = realms.borrow();
        if realms.contexts.is_empty() {
            return None;
        }
        let realm = CURRENT.with(Cell::get);
        let contexts = &realms.contexts;
        let found = contexts.iter().find(|(known, _)| *known == realm);
        let newest = || contexts.last().filter(|_| realm != MAIN && !realms.has_main);
        found.or_else(newest).map(|(_, global)| global.clone())
    })?;
    Some(global.get(scope))
}

/// Runs on behalf of a realm until this is dropped.
pub(crate) struct Entered(Realm);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.0));
    }
}

/// From now on what runs here is the realm's.
pub(crate) fn enter(realm: Realm) -> Entered {
    Entered(switch(realm))
}

/// The same without an end; the realm that it was before.
pub(crate) fn switch(realm: Realm) -> Realm {
    CURRENT.with(|current| current.replace(realm))
}

impl Realm {
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    pub(crate) fn numbered(number: u32) -> Self {
        Self(number)
    }
}

pub(super) fn clear() {
    let realms = REALMS.with(RefCell::take);
    drop(realms);
}
