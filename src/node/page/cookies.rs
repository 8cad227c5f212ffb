//! Cookies of a page, a context and the browser.

use std::rc::Rc;

use crate::node::js::class::Method;
use crate::node::js::{Call, Scope, Thrown, Value};
use crate::page::{BrowserContext, Cookie};

use super::browser::BrowserData;
use super::context::ContextData;
use super::emulation::from_js;
use super::page::PageData;
use super::{options, promise, value};

pub(super) const PAGE_METHODS: &[Method<PageData>] = &[
    Method::promise("cookies", |scope, page, call| {
        let urls: Result<Vec<_>, _> = call
            .arguments()
            .iter()
            .map(|url| url.coerce_to_string())
            .collect();
        let (page, urls) = (page.core.clone(), urls?);
        promise::start(scope, async move { page.cookies(urls).await }, show)
    }),
    Method::promise("setCookie", |scope, page, call| {
        let (page, cookies) = (page.core.clone(), read(scope, call)?);
        promise::start_void(scope, async move { page.set_cookies(cookies).await })
    }),
    Method::promise("deleteCookie", delete_of_page),
    Method::promise("deleteCookies", delete_of_page),
];

fn delete_of_page<'s>(scope: Scope<'s>, page: &Rc<PageData>, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let (page, cookies) = (page.core.clone(), read(scope, call)?);
    promise::start_void(scope, async move { page.delete_cookies(cookies).await })
}

/// What of a browser's object is that of its default context.
trait HasContext {
    fn context(&self) -> BrowserContext;
}

impl HasContext for ContextData {
    fn context(&self) -> BrowserContext {
        self.core.clone()
    }
}

impl HasContext for BrowserData {
    fn context(&self) -> BrowserContext {
        self.core().default_context()
    }
}

pub(super) const CONTEXT_METHODS: &[Method<ContextData>] = &of_context();
pub(super) const BROWSER_METHODS: &[Method<BrowserData>] = &of_context();

const fn of_context<T: HasContext>() -> [Method<T>; 4] {
    [
        Method::promise("cookies", |scope, owner: &Rc<T>, _| {
            let context = owner.context();
            promise::start(scope, async move { context.cookies().await }, show)
        }),
        Method::promise("setCookie", |scope, owner: &Rc<T>, call| {
            let (context, cookies) = (owner.context(), read(scope, call)?);
            promise::start_void(scope, async move { context.set_cookies(cookies).await })
        }),
        Method::promise("deleteCookie", |scope, owner: &Rc<T>, call| {
            let (context, cookies) = (owner.context(), read(scope, call)?);
            promise::start_void(scope, async move { context.delete_cookies(cookies).await })
        }),
        Method::promise("deleteMatchingCookies", |scope, owner: &Rc<T>, call| {
            let mut names = Vec::new();
            for filter in call.arguments() {
                names.extend(options::string(*filter, "name")?);
            }
            let context = owner.context();
            promise::start_void(scope, async move { context.delete_cookies_named(&names).await })
        }),
    ]
}

fn read(scope: Scope<'_>, call: &Call<'_>) -> Result<Vec<Cookie>, Thrown> {
    call.arguments()
        .iter()
        .map(|given| Ok(from_js(scope, *given)?.unwrap_or_default()))
        .collect()
}

fn show(scope: Scope<'_>, cookies: Vec<Cookie>) -> Result<Value<'_>, Thrown> {
    let shown: Result<Vec<_>, _> = cookies.into_iter().map(|cookie| to_js(scope, cookie)).collect();
    Ok(scope.array(shown?))
}

/// As puppeteer shows a cookie: a missing partition is there, and undefined.
fn to_js(scope: Scope<'_>, cookie: Cookie) -> Result<Value<'_>, Thrown> {
    let has_partition = cookie.contains_key("partitionKey");
    let object = value::from_json(scope, &serde_json::Value::Object(cookie).to_string())?;
    if !has_partition {
        object.set("partitionKey", scope.undefined());
    }
    Ok(object)
}
