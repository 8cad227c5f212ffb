//! The page's CDP session, where it has one: exceptions, and requests in flight.

use std::future::Future;
use std::rc::Rc;

use futures_util::future::join;
use tokio::sync::oneshot;

use super::{HostDriver, HostTab, call_where_it_exists};
use crate::capture::{PendingRequest, exception_entry};
use crate::node::clock::date_now;
use crate::node::js::{JsRef, Value, call_method, spawn_local, with_scope};
use crate::node::network;

/// Attaches to the page's session; the future ends when the browser has confirmed it, or it failed. It goes on
/// when the future is dropped.
pub(super) fn attach(
    driver: &Rc<HostDriver>,
    tab: &Rc<HostTab>,
    page: &JsRef,
) -> impl Future<Output = ()> + use<> {
    let (done, ended) = oneshot::channel::<()>();
    let can = with_scope(|scope| {
        page.get(scope)
            .get("createCDPSession")
            .is_ok_and(Value::is_function)
    });
    if can == Some(true) {
        let session = call_method(page, "createCDPSession", &[]);
        let driver = Rc::clone(driver);
        let tab = Rc::clone(tab);
        let page = page.clone();
        spawn_local(async move {
            if let Ok(session) = session.await
                && !tab.silent.get()
            {
                listen(&driver, &tab, &session);
                with_scope(|scope| network::register(page.get(scope), &tab.network));
                let [runtime, network] = ["Runtime.enable", "Network.enable"].map(|method| {
                    let method = with_scope(|scope| JsRef::new(scope.string(method))).flatten();
                    call_method(&session, "send", method.as_slice())
                });
                // Without a domain, only what it provides is missing.
                let network = async {
                    if network.await.is_err() {
                        with_scope(|scope| network::forget(page.get(scope)));
                    }
                };
                drop(join(runtime, network).await);
            }
            drop(done);
        });
    }
    async move {
        // Ends when the other side is dropped.
        let _ = ended.await;
    }
}

fn listen(driver: &Rc<HostDriver>, tab: &Rc<HostTab>, session: &JsRef) {
    on(
        driver,
        tab,
        session,
        "Runtime.exceptionThrown",
        |driver, tab, event| {
            let scope = event.scope();
            let details = event.get("exceptionDetails").ok();
            let json = details.and_then(|details| {
                scope
                    .global()
                    .get("JSON")
                    .ok()?
                    .call_method("stringify", &[details])
                    .ok()?
                    .as_string()
            });
            if let Some((id, entry)) = json.as_deref().and_then(exception_entry) {
                let page_log = &driver.parts.page_log;
                page_log.keep_exception(&tab.info, id, entry.clone());
                page_log.exception(&tab.info, id, &entry);
            }
        },
    );
    on(
        driver,
        tab,
        session,
        "Runtime.exceptionRevoked",
        |driver, tab, event| {
            if let Some(id) = event.get("exceptionId").ok().and_then(Value::as_f64) {
                #[expect(clippy::cast_possible_truncation, reason = "V8's ids are small integers")]
                let id = id as i64;
                let reason = event.get("reason").ok().and_then(Value::as_string);
                let page_log = &driver.parts.page_log;
                page_log.mark_revoked(&tab.info, id);
                page_log.revoked(&tab.info, id, &reason.unwrap_or_default());
            }
        },
    );
    on(
        driver,
        tab,
        session,
        "Network.requestWillBeSent",
        |_, tab, event| {
            let text = |object: Value<'_>, name| object.get(name).ok().and_then(Value::as_string);
            let Ok(request) = event.get("request") else { return };
            if let Some(id) = text(event, "requestId") {
                let pending = PendingRequest {
                    url: text(request, "url").unwrap_or_default(),
                    started_at: date_now(event.scope()),
                };
                tab.network.borrow_mut().started(&id, pending);
            }
        },
    );
    for name in ["Network.loadingFinished", "Network.loadingFailed"] {
        on(driver, tab, session, name, |_, tab, event| {
            if let Some(id) = event.get("requestId").ok().and_then(Value::as_string) {
                tab.network.borrow_mut().ended(&id);
            }
        });
    }
}

fn on(
    driver: &Rc<HostDriver>,
    tab: &Rc<HostTab>,
    session: &JsRef,
    name: &str,
    heard: impl Fn(&HostDriver, &HostTab, Value<'_>) + 'static,
) {
    let driver = Rc::downgrade(driver);
    let tab = Rc::downgrade(tab);
    with_scope(|scope| {
        let listener = scope.function("", move |scope, call| {
            if let (Some(driver), Some(tab)) = (driver.upgrade(), tab.upgrade()) {
                heard(&driver, &tab, call.argument(0));
            }
            Ok(scope.undefined())
        });
        call_where_it_exists(session.get(scope), "on", &[scope.string(name), listener]);
    });
}
