//! `Target`, as far as a page has one.

use std::rc::Rc;

use crate::node::js::class::{self, Class, Method};
use crate::node::js::{Scope, Thrown, Value};
use crate::page::Page;

use super::identity::{self, Key};
use super::{browser, page as page_class, session};

/// The target's object: one as long as the page lives.
pub(super) fn wrap<'s>(scope: Scope<'s>, page: &Page) -> Result<Value<'s>, Thrown> {
    let make = || class::instantiate::<TargetClass>(scope, Rc::new(page.clone()));
    let key = Key::Target(page.id());
    if page.is_closed() {
        return identity::existing(scope, &key).map_or_else(make, Ok);
    }
    identity::object_of(scope, key, make)
}

pub(super) struct TargetClass;

impl Class for TargetClass {
    type Data = Page;
    const NAME: &'static str = "Target";
    const METHODS: &'static [Method<Page>] = &[
        Method::getter("_targetId", |scope, page, _| Ok(scope.string(page.target_id()))),
        Method::sync("type", |scope, _, _| Ok(scope.string("page"))),
        Method::sync("url", |scope, page, _| Ok(scope.string(&page.url()))),
        Method::promise("page", |scope, page, _| {
            let object = page_class::wrap(scope, page)?;
            scope.global().get("Promise")?.call_method("resolve", &[object])
        }),
        Method::promise("asPage", |scope, page, _| {
            let object = page_class::wrap(scope, page)?;
            scope.global().get("Promise")?.call_method("resolve", &[object])
        }),
        Method::sync("browser", |scope, page, _| {
            browser::wrap_of(scope, page.browser())
        }),
        Method::sync("browserContext", |scope, page, _| {
            browser::wrap_context(scope, &page.browser_context())
        }),
        Method::sync("opener", |scope, page, _| match page.opener() {
            Some(opener) => wrap(scope, &opener),
            None => Ok(scope.undefined()),
        }),
        Method::promise("createCDPSession", |scope, page, _| session::create(scope, page)),
    ];
}
