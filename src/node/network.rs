//! `getPendingNetworkRequests`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use napi::Env;
use napi_derive::napi;

use super::js::{JsRef, Scope, Value};
use crate::capture::{PendingRequest, PendingRequests};
use crate::driver::chromium::Tab;

/// Where the requests of a page are.
#[derive(Clone)]
enum Requests {
    OfHost(Weak<RefCell<PendingRequests>>),
    OfChrome(std::sync::Weak<Tab>),
}

impl Requests {
    fn read(&self) -> Vec<PendingRequest> {
        match self {
            Self::OfHost(requests) => requests
                .upgrade()
                .map(|requests| requests.borrow().iter().cloned().collect()),
            Self::OfChrome(tab) => tab.upgrade().map(|tab| tab.pending_requests()),
        }
        .unwrap_or_default()
    }
}

#[derive(Default)]
struct Pages {
    /// A JavaScript `WeakMap` from pages to keys of `requests`.
    keys: Option<JsRef>,
    requests: HashMap<u64, Requests>,
    next: u64,
}

thread_local! {
    static PAGES: RefCell<Pages> = RefCell::default();
}

/// From now on the page's requests are these.
pub(crate) fn register(page: Value<'_>, requests: &Rc<RefCell<PendingRequests>>) {
    add(page, Requests::OfHost(Rc::downgrade(requests)));
}

/// The same for a page of our own browser.
pub(crate) fn register_tab(page: Value<'_>, tab: &Arc<Tab>) {
    add(page, Requests::OfChrome(Arc::downgrade(tab)));
}

fn add(page: Value<'_>, requests: Requests) {
    let scope = page.scope();
    let Some(keys) = keys(scope) else { return };
    let key = PAGES.with(|pages| {
        let mut pages = pages.borrow_mut();
        pages.next += 1;
        let key = pages.next;
        pages.requests.insert(key, requests);
        key
    });
    #[expect(clippy::cast_precision_loss, reason = "counts pages")]
    let key = scope.number(key as f64);
    // A page that is no object has no requests.
    drop(keys.call_method("set", &[page, key]));
}

/// The page is gone.
pub(crate) fn forget(page: Value<'_>) {
    if let Some(key) = key_of(page) {
        PAGES.with(|pages| pages.borrow_mut().requests.remove(&key));
    }
}

pub(super) fn clear() {
    PAGES.with(|pages| drop(pages.take()));
}

fn keys(scope: Scope<'_>) -> Option<Value<'_>> {
    let made = PAGES.with(|pages| pages.borrow().keys.clone());
    if let Some(keys) = made {
        return Some(keys.get(scope));
    }
    let keys = scope.global().get("WeakMap").ok()?.construct(&[]).ok()?;
    PAGES.with(|pages| pages.borrow_mut().keys = JsRef::new(keys));
    Some(keys)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "only `register` writes keys"
)]
fn key_of(page: Value<'_>) -> Option<u64> {
    keys(page.scope())?
        .call_method("get", &[page])
        .ok()?
        .as_f64()
        .map(|key| key as u64)
}

/// The requests of a pool's page that have not ended, oldest first; none for any other object.
#[napi(
    catch_unwind,
    ts_args_type = "page: object",
    ts_return_type = "PendingNetworkRequest[]"
)]
pub fn get_pending_network_requests<'s>(env: &'s Env, page: Value<'s>) -> Value<'s> {
    let scope = Scope::of(env);
    let requests =
        key_of(page).and_then(|key| PAGES.with(|pages| pages.borrow().requests.get(&key).cloned()));
    let requests = requests.map(|requests| requests.read()).unwrap_or_default();
    scope.array(requests.iter().map(|request| {
        let object = scope
            .object()
            .set("url", scope.string(&request.url))
            .set("method", scope.string(&request.method))
            .set("startedAt", scope.number(request.started_at));
        if let Some(kind) = &request.resource_type {
            object.set("resourceType", scope.string(kind));
        }
        object
    }))
}
