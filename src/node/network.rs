//! `getPendingNetworkRequests`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use napi::Env;
use napi_derive::napi;

use super::clock::date_now;
use super::js::{JsRef, Scope, Value};
use crate::capture::{PendingRequest, PendingRequests};
use crate::driver::chromium::Tab;

/// How many requests are told of at most.
const MOST_REQUESTS: usize = 20;
/// How much of an address is told at most, in UTF-16 code units.
const MOST_OF_URL: usize = 200;

/// Where the requests of a page are.
#[derive(Clone)]
enum Requests {
    OfHost(Weak<RefCell<PendingRequests>>),
    OfChrome(std::sync::Weak<Tab>),
}

impl Requests {
    /// The requests, and the time by the clock that they were begun at; none of a page that is gone.
    fn read(&self, scope: Scope<'_>) -> Option<(Vec<PendingRequest>, f64)> {
        Some(match self {
            Self::OfHost(requests) => {
                let requests = requests.upgrade()?;
                let requests = requests.borrow().iter().take(MOST_REQUESTS).cloned().collect();
                (requests, date_now(scope))
            }
            Self::OfChrome(tab) => tab.upgrade()?.pending_requests(),
        })
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

/// The requests of a pool's page that have not ended: the oldest 20, oldest first. `null` for anything that is not
/// followed, such as a page that was closed.
#[napi(
    catch_unwind,
    ts_args_type = "page: object",
    ts_return_type = "PendingNetworkRequest[] | null"
)]
pub fn get_pending_network_requests<'s>(env: &'s Env, page: Value<'s>) -> Value<'s> {
    let scope = Scope::of(env);
    let requests =
        key_of(page).and_then(|key| PAGES.with(|pages| pages.borrow().requests.get(&key).cloned()));
    let Some((requests, now)) = requests.and_then(|requests| requests.read(scope)) else {
        return scope.null();
    };
    scope.array(requests.iter().take(MOST_REQUESTS).map(|request| {
        let url: Vec<u16> = request.url.encode_utf16().take(MOST_OF_URL).collect();
        let age_ms = (now - request.started_at).max(0.0).floor();
        scope
            .object()
            .set("url", scope.string_utf16(&url))
            .set("ageMs", scope.number(age_ms))
    }))
}
