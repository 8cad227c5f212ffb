//! `Connection`: what all sessions of a browser share.

use std::rc::Rc;

use crate::node::js::class::{self, Class, Method};
use crate::node::js::{Scope, Thrown, Value};
use crate::page::Browser;

use super::emitter::{self, Emits, Emitter};
use super::identity::{self, Key};
use super::{browser, options, promise, session};

/// What the object carries.
pub(super) struct ConnectionData {
    browser: Browser,
    emitter: Emitter,
}

/// The connection's object: one as long as the browser is connected.
pub(super) fn wrap<'s>(scope: Scope<'s>, browser: &Browser) -> Result<Value<'s>, Thrown> {
    let key = Key::Connection(browser.key());
    let make = || {
        browser::follow_end(browser);
        let data = Rc::new(ConnectionData {
            browser: browser.clone(),
            emitter: Emitter::default(),
        });
        class::instantiate::<ConnectionClass>(scope, data)
    };
    if browser.is_connected() {
        identity::object_of(scope, key, make)
    } else {
        identity::object_of_gone(scope, &key, make)
    }
}

impl Emits for ConnectionData {
    fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    fn changed(&self, _: Value<'_>) {}
}

pub(super) struct ConnectionClass;

impl Class for ConnectionClass {
    type Data = ConnectionData;
    const NAME: &'static str = "Connection";
    const MORE: &'static [&'static [Method<ConnectionData>]] = &[&emitter::methods(), &emitter::disposal()];
    const METHODS: &'static [Method<ConnectionData>] = &[
        Method::sync("url", |scope, connection, _| {
            let process = connection.browser.process();
            let endpoint = process.as_deref().and_then(|process| process.ws_endpoint());
            Ok(scope.string(endpoint.unwrap_or_default()))
        }),
        Method::getter("timeout", |scope, connection, _| {
            let limit = connection.browser.connection().limits().protocol_timeout;
            Ok(scope.number(limit.map_or(0.0, |limit| limit.as_secs_f64() * 1000.0)))
        }),
        Method::promise("send", |scope, connection, call| {
            let method = options::text(scope, call.argument(0), "the method")?;
            session::send_on(scope, connection.browser.session(), method, call)
        }),
        Method::sync("session", |scope, connection, call| {
            let id = options::text(scope, call.argument(0), "the session's id")?;
            match connection.browser.connection().session(&id) {
                Some(found) => session::wrap(scope, &connection.browser, &found),
                None => Ok(scope.null()),
            }
        }),
        Method::promise("createSession", |scope, connection, call| {
            let id = call.argument(0).get("targetId")?.coerce_to_string()?;
            let browser = connection.browser.clone();
            let of_session = browser.clone();
            let attaching = async move { browser.session().attach(id).await };
            promise::start(scope, attaching, move |scope, found| {
                session::wrap(scope, &of_session, &found)
            })
        }),
        Method::sync("dispose", |scope, connection, _| {
            connection.browser.connection().close();
            connection.browser.sweep();
            Ok(scope.undefined())
        }),
    ];

    /// `Connection.fromSession(session)`
    fn complete(class: Value<'_>) {
        let scope = class.scope();
        let from_session = scope.function("fromSession", |_, call| {
            call.argument(0).call_method("connection", &[])
        });
        class.define("fromSession", from_session);
    }
}
