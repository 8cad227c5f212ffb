//! `BrowserContext`

use std::rc::Rc;

use crate::cdp::io;
use crate::node::js::class::{self, Class, Method, data_of};
use crate::node::js::{Call, Scope, Thrown, Value};
use crate::page::{BrowserContext, ContextOptions, Downloads};

use super::browser;
use super::cookies;
use super::emitter::{self, Emits, Emitter};
use super::identity::{self, Key};
use super::{options, promise, wait_for_event};

/// What a context's object carries.
pub(super) struct ContextData {
    pub core: BrowserContext,
    pub emitter: Emitter,
    ends: Rc<Emitter>,
}

/// The context's object: one as long as it is there.
pub(crate) fn wrap<'s>(scope: Scope<'s>, context: &BrowserContext) -> Result<Value<'s>, Thrown> {
    let make = || {
        let data = Rc::new(ContextData {
            core: context.clone(),
            emitter: Emitter::default(),
            ends: browser::ends(context.browser()),
        });
        class::instantiate::<ContextClass>(scope, data)
    };
    if context.is_closed() {
        identity::retire(scope, &key(context));
        return identity::object_of_gone(scope, &key(context), make);
    }
    identity::object_of(scope, key(context), || {
        // Contexts are also closed where JavaScript does not see it.
        let core = context.browser();
        let there = core.contexts();
        let there: Vec<String> = there
            .iter()
            .filter_map(|context| context.id())
            .map(ToOwned::to_owned)
            .collect();
        identity::keep_contexts(scope, core.key(), &there);
        make()
    })
}

/// Names the context's object.
pub(super) fn key(context: &BrowserContext) -> Key {
    Key::Context(context.browser().key(), context.id().map(ToOwned::to_owned))
}

impl Emits for ContextData {
    fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    fn changed(&self, _: Value<'_>) {
        browser::follow_targets(self.core.browser());
    }
}

impl wait_for_event::Source for ContextData {
    fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    fn observers(&self) -> &Emitter {
        &self.ends
    }

    fn end(&self) -> wait_for_event::End {
        wait_for_event::DISCONNECTED
    }

    fn has_ended(&self) -> bool {
        !self.core.browser().is_connected()
    }

    fn subscribe(&self) {
        browser::follow_targets(self.core.browser());
    }

    fn default_timeout(&self) -> u64 {
        browser::TARGET_TIMEOUT
    }
}

/// What `createBrowserContext` takes.
pub(super) fn read_options(given: Value<'_>) -> Result<ContextOptions, Thrown> {
    let mut read = ContextOptions {
        proxy_server: options::string(given, "proxyServer")?,
        ..ContextOptions::default()
    };
    if let Some(list) = options::get(given, "proxyBypassList")? {
        for host in list.elements()? {
            read.proxy_bypass_list.push(host.coerce_to_string()?);
        }
    }
    if let Some(downloads) = options::get(given, "downloadBehavior")?
        && let Some(policy) = options::string(downloads, "policy")?
    {
        let path = options::string(downloads, "downloadPath")?;
        read.downloads = Some(Downloads { policy, path });
    }
    Ok(read)
}

/// `setPermission(origin, ...permissions)`
pub(super) fn set_permission<'s>(
    scope: Scope<'s>,
    context: BrowserContext,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let origin = options::text(scope, call.argument(0), "the origin")?;
    let mut permissions = Vec::new();
    for given in call.arguments().get(1..).unwrap_or_default() {
        let permission = super::emulation::from_js(scope, given.get("permission")?)?.unwrap_or_default();
        permissions.push((permission, given.get("state")?.coerce_to_string()?));
    }
    promise::start_void(scope, async move {
        context.set_permissions(&origin, permissions).await
    })
}

fn close(scope: Scope<'_>, context: BrowserContext) -> Result<Value<'_>, Thrown> {
    if context.id().is_none() {
        let message = "Default BrowserContext cannot be closed!";
        return Err(Thrown::refused(scope, message));
    }
    let key = key(&context);
    promise::start(scope, async move { context.close().await }, move |scope, ()| {
        identity::retire(scope, &key);
        Ok(scope.undefined())
    })
}

pub(super) struct ContextClass;

impl Class for ContextClass {
    type Data = ContextData;
    const NAME: &'static str = "BrowserContext";
    const MORE: &'static [&'static [Method<ContextData>]] = &[cookies::CONTEXT_METHODS, &emitter::methods()];
    const METHODS: &'static [Method<ContextData>] = &[
        Method::getter("id", |scope, context, _| {
            Ok(context
                .core
                .id()
                .map_or_else(|| scope.undefined(), |id| scope.string(id)))
        }),
        Method::getter("closed", |scope, context, _| {
            Ok(scope.boolean(context.core.is_closed()))
        }),
        Method::promise("newPage", |scope, context, _| {
            browser::new_page(scope, context.core.clone())
        }),
        Method::promise("pages", |scope, context, _| {
            browser::pages(scope, &context.core.pages())
        }),
        Method::sync("targets", |scope, context, _| {
            let mut targets = context.core.browser().targets();
            targets.retain(|target| target.browser_context().id() == context.core.id());
            browser::targets(scope, &targets)
        }),
        Method::promise("waitForTarget", |scope, context, call| {
            let mut targets = context.core.browser().targets();
            targets.retain(|target| target.browser_context().id() == context.core.id());
            wait_for_event::for_target(scope, Rc::<ContextData>::clone(context), &targets, call)
        }),
        Method::sync("browser", |scope, context, _| {
            browser::wrap_of(scope, context.core.browser())
        }),
        Method::promise("overridePermissions", |scope, context, call| {
            let origin = options::text(scope, call.argument(0), "the origin")?;
            let mut names = Vec::new();
            for name in call.argument(1).elements()? {
                names.push(name.coerce_to_string()?);
            }
            let context = context.core.clone();
            promise::start_void(scope, async move {
                context.override_permissions(&origin, &names).await
            })
        }),
        Method::promise("setPermission", |scope, context, call| {
            set_permission(scope, context.core.clone(), call)
        }),
        Method::promise("clearPermissionOverrides", |scope, context, _| {
            let context = context.core.clone();
            promise::start_void(scope, async move { context.clear_permission_overrides().await })
        }),
        Method::promise("close", |scope, context, _| close(scope, context.core.clone())),
        Method::sync("@@dispose", |scope, context, _| {
            let context = context.core.clone();
            // Nobody waits for it, nor hears of one that cannot be closed.
            if context.id().is_some() {
                io::spawn(async move { drop(context.close().await) });
            }
            Ok(scope.undefined())
        }),
        Method::promise("@@asyncDispose", |scope, context, _| {
            close(scope, context.core.clone())
        }),
    ];
}

/// The emitter's data of a context's object, where there is one.
pub(super) fn existing(scope: Scope<'_>, context: &BrowserContext) -> Option<Rc<ContextData>> {
    identity::existing(scope, &key(context)).and_then(data_of::<ContextData>)
}
