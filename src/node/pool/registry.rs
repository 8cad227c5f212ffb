//! The pools of this JavaScript thread by number: how other threads name one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU64, Ordering};

use super::world::Core;

static NEXT: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static POOLS: RefCell<HashMap<u64, Weak<Core>>> = RefCell::default();
}

pub(super) fn next_id() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(super) fn add(id: u64, pool: &Rc<Core>) {
    POOLS.with(|pools| pools.borrow_mut().insert(id, Rc::downgrade(pool)));
}

pub(super) fn remove(id: u64) {
    // At the end of a thread the table may be gone already.
    let _ = POOLS.try_with(|pools| pools.borrow_mut().remove(&id));
}

/// Lets go of the pools that hold themselves, at the end of their environment.
pub(crate) fn let_go() {
    let pools: Vec<_> = POOLS.with(|pools| pools.borrow().values().filter_map(Weak::upgrade).collect());
    for pool in &pools {
        pool.effects().let_go();
    }
}

/// The pool of this number, if it is one of this thread and still there.
pub(super) fn pool(id: u64) -> Option<Rc<Core>> {
    POOLS.with(|pools| pools.borrow().get(&id).and_then(Weak::upgrade))
}
