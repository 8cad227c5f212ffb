//! `Target`

use std::rc::Rc;

use crate::node::js::class::{self, Class, Method};
use crate::node::js::{Scope, Thrown, Value};
use crate::page::Target;

use super::identity::{self, Key};
use super::{browser, context, page as page_class, promise, session, web_worker};

/// The target's object: one as long as the target is there.
pub(super) fn wrap<'s>(scope: Scope<'s>, target: &Target) -> Result<Value<'s>, Thrown> {
    let make = || {
        browser::follow_end(target.browser());
        class::instantiate::<TargetClass>(scope, Rc::new(target.clone()))
    };
    let key = key(target);
    let is_gone = match target {
        Target::Page(page) => page.is_closed(),
        Target::Browser(_) | Target::Worker(_) => !target.browser().is_connected(),
    };
    if is_gone {
        return identity::object_of_gone(scope, &key, make);
    }
    identity::object_of(scope, key, make)
}

/// Names the target's object.
pub(super) fn key(target: &Target) -> Key {
    match target {
        Target::Page(page) => Key::Target(page.id()),
        other => Key::OtherTarget(other.browser().key(), other.id().map(ToOwned::to_owned)),
    }
}

/// The page's object where the target is one.
fn page_of<'s>(scope: Scope<'s>, target: &Target) -> Result<Value<'s>, Thrown> {
    let object = match target {
        Target::Page(page) => page_class::wrap(scope, page)?,
        Target::Browser(_) | Target::Worker(_) => scope.null(),
    };
    scope.global().get("Promise")?.call_method("resolve", &[object])
}

pub(super) struct TargetClass;

impl Class for TargetClass {
    type Data = Target;
    const NAME: &'static str = "Target";
    const METHODS: &'static [Method<Target>] = &[
        Method::getter("_targetId", |scope, target, _| {
            Ok(target
                .id()
                .map_or_else(|| scope.undefined(), |id| scope.string(id)))
        }),
        Method::sync("type", |scope, target, _| Ok(scope.string(target.kind()))),
        Method::sync("url", |scope, target, _| Ok(scope.string(&target.url()))),
        Method::promise("page", |scope, target, _| page_of(scope, target)),
        Method::promise("worker", |scope, target, _| {
            let target = Target::clone(target);
            let attaching = async move { target.worker().await };
            promise::start(scope, attaching, |scope, worker| match worker {
                Some(worker) => web_worker::wrap(scope, &worker),
                None => Ok(scope.null()),
            })
        }),
        Method::promise("asPage", |scope, target, _| page_of(scope, target)),
        Method::sync("browser", |scope, target, _| {
            browser::wrap_of(scope, target.browser())
        }),
        Method::sync("browserContext", |scope, target, _| {
            context::wrap(scope, &target.browser_context())
        }),
        Method::sync("opener", |scope, target, _| match &**target {
            Target::Page(page) => match page.opener() {
                Some(opener) => wrap(scope, &Target::Page(opener)),
                None => Ok(scope.undefined()),
            },
            Target::Browser(_) | Target::Worker(_) => Ok(scope.undefined()),
        }),
        Method::promise("createCDPSession", |scope, target, _| {
            session::create(scope, Target::clone(target))
        }),
    ];
}
