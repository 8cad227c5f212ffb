//! What happens in a pool, for its listeners (`pool.on`) and for `diagnostics_channel`.

use super::super::js::{JsWeak, Scope, Thrown, Value, settled, spawn_local, with_scope};
use super::super::loader::definition;
use super::errors;
use super::lease;
use super::log::POOL_LOG;
use super::world::World;
use crate::pool::{BrowserInfo, LogLevel, Occurrence, Revocation, TabId};

/// Its name in the vault: made when somebody first listens.
const EMITTER: &str = "emitter";

/// Who hears of what happens in a pool.
pub(crate) struct Audience {
    /// The pool as JavaScript has it.
    pub(super) pool: Option<JsWeak>,
    /// Somebody has listened to the pool.
    pub(super) is_listened_to: std::cell::Cell<bool>,
}

impl World {
    /// The pool's `EventEmitter`.
    pub(super) fn emitter<'s>(&self, scope: Scope<'s>) -> Result<Value<'s>, Thrown> {
        let made = self.vault.get(scope, EMITTER);
        if !made.is_undefined() {
            return Ok(made);
        }
        let emitter = definition(scope, "EventEmitter").construct(&[])?;
        self.vault.put(EMITTER, emitter);
        self.audience.is_listened_to.set(true);
        Ok(emitter)
    }

    /// Tells who listens; makes nothing of it where nobody does.
    pub(super) fn tell(&self, occurrence: &Occurrence) {
        with_scope(|scope| {
            let name = name(occurrence);
            let channel = channel(scope, name);
            if channel.is_none() && !self.audience.is_listened_to.get() {
                return;
            }
            let pool = self.audience.pool.as_ref().and_then(|pool| pool.get(scope));
            let pool = pool.unwrap_or_else(|| scope.undefined());
            if self.audience.is_listened_to.get() {
                self.emit(scope, pool, name, occurrence);
            }
            if let Some(channel) = channel {
                let message = self.payload(scope.object().set("pool", pool), occurrence);
                // What a subscriber throws, Node reports itself.
                drop(channel.call_method("publish", &[message.frozen()]));
            }
        });
    }

    /// Calls the listeners one by one: what one throws, or rejects with, is logged, and the others are called all the
    /// same. As an `EventEmitter` does it, it would reach whoever made the event happen: a caller of `release()`, or a
    /// timer, and so end the process.
    fn emit(&self, scope: Scope<'_>, pool: Value<'_>, name: &'static str, occurrence: &Occurrence) {
        let emitter = self.vault.get(scope, EMITTER);
        let listeners = emitter
            .call_method("rawListeners", &[scope.string(name)])
            .and_then(Value::elements)
            .unwrap_or_default();
        if listeners.is_empty() {
            return;
        }
        let payload = self.payload(scope.object(), occurrence).frozen();
        for listener in listeners {
            let log = self.log.clone();
            let failed = move |thrown: &Thrown| {
                let message = with_scope(|scope| thrown.message(scope)).unwrap_or_default();
                let line = format!("a listener of the pool's '{name}' event threw: {message}");
                log.write(POOL_LOG, LogLevel::Error, &line);
            };
            match listener.call(pool, &[payload]) {
                Err(thrown) => failed(&thrown),
                Ok(returned) if returned.is_object() => {
                    let settled = settled(returned);
                    spawn_local(async move {
                        if let Err(thrown) = settled.await {
                            failed(&thrown);
                        }
                    });
                }
                Ok(_) => {}
            }
        }
    }

    fn payload<'s>(&self, object: Value<'s>, occurrence: &Occurrence) -> Value<'s> {
        let scope = object.scope();
        let text = |text: &str| scope.string(text);
        let page_id = |tab: TabId| {
            let id = self.tab(tab).map(|tab| tab.page_id());
            id.map_or_else(|| scope.null(), |id| scope.string(&id))
        };
        match occurrence {
            Occurrence::Leased {
                affinity,
                queue,
                priority,
                grant,
            } => object
                .set("affinityKey", text(affinity.as_str()))
                .set("pageId", page_id(grant.tab))
                .set("queue", text(queue.name()))
                .set("priority", scope.number(priority.get()))
                .set("reused", scope.boolean(grant.reused))
                .set("launchMs", lease::milliseconds(scope, grant.launch_ms))
                .set("waits", lease::waits(scope, &grant.waits).frozen()),
            Occurrence::Released {
                affinity,
                tab,
                queue,
                lease_ms,
                revocation,
            } => object
                .set("affinityKey", text(affinity.as_str()))
                .set("pageId", page_id(*tab))
                .set("queue", text(queue.name()))
                .set("leaseMs", lease::milliseconds(scope, *lease_ms))
                .set("revoked", revoked(scope, revocation.as_ref())),
            Occurrence::Rejected {
                affinity,
                queue,
                code,
            } => object
                .set("affinityKey", text(affinity.as_str()))
                .set("queue", text(queue.name()))
                .set("code", text(code.name())),
            Occurrence::Standby {
                tab,
                attempt,
                took_ms,
                failure,
            } => {
                object
                    .set("pageId", page_id(*tab))
                    .set("ready", scope.boolean(failure.is_none()))
                    .set("attempt", scope.number(f64::from(*attempt)))
                    .set("tookMs", lease::milliseconds(scope, *took_ms));
                if let Some(failure) = failure {
                    object.set("error", errors::failure(scope, failure));
                }
                object
            }
            Occurrence::Evicted {
                affinity,
                tabs,
                reason,
            } => object
                .set("affinityKey", text(affinity.as_str()))
                .set("tabs", count(scope, *tabs))
                .set("reason", text(reason.name())),
            Occurrence::Retired {
                affinity,
                tab,
                reason,
            } => object
                .set(
                    "affinityKey",
                    affinity
                        .as_ref()
                        .map_or_else(|| scope.null(), |affinity| text(affinity.as_str())),
                )
                .set("pageId", page_id(*tab))
                .set("reason", text(reason.name())),
            Occurrence::Migrated { tab, from, to } => object
                .set("affinityKey", text(to.as_str()))
                .set("from", text(from.as_str()))
                .set("pageId", page_id(*tab)),
            Occurrence::Expanded { from, priority, why } => object
                .set("from", scope.number(f64::from(*from)))
                .set("to", scope.number(f64::from(from + 1)))
                .set("priority", scope.number(priority.get()))
                .set("reason", text(why)),
            Occurrence::Contracted { from } => object
                .set("from", scope.number(f64::from(*from)))
                .set("to", scope.number(f64::from(from - 1))),
            Occurrence::BrowserStarted(info) => set_browser(object.set("state", text("started")), info),
            Occurrence::BrowserGone {
                browser,
                on_purpose,
                contexts,
            } => set_end(object, browser.as_ref(), *on_purpose).set("contexts", count(scope, *contexts)),
        }
    }
}

fn set_end<'s>(object: Value<'s>, browser: Option<&BrowserInfo>, on_purpose: bool) -> Value<'s> {
    let scope = object.scope();
    object.set("state", scope.string(if on_purpose { "stopped" } else { "lost" }));
    match browser {
        Some(info) => set_browser(object, info),
        None => object.set("pid", scope.null()).set("version", scope.null()),
    }
}

/// The name of its event, and behind `pagepool:` of its channel.
fn name(occurrence: &Occurrence) -> &'static str {
    match occurrence {
        Occurrence::Leased { .. } => "lease",
        Occurrence::Released { .. } => "release",
        Occurrence::Rejected { .. } => "reject",
        Occurrence::Standby { .. } => "standby",
        Occurrence::Evicted { .. } => "evict",
        Occurrence::Retired { .. } => "retire",
        Occurrence::Migrated { .. } => "migrate",
        Occurrence::Expanded { .. } => "expand",
        Occurrence::Contracted { .. } => "contract",
        Occurrence::BrowserStarted(_) | Occurrence::BrowserGone { .. } => "browser",
    }
}

/// The channel of this event, if anybody has subscribed to it.
fn channel<'s>(scope: Scope<'s>, name: &str) -> Option<Value<'s>> {
    let channel = definition(scope, "channels").get(name).ok()?;
    let subscribed = channel.get("hasSubscribers").ok()?.as_bool();
    (subscribed == Some(true)).then_some(channel)
}

/// The code of the error that the lease's signal is aborted with; null of a lease that was released.
fn revoked<'s>(scope: Scope<'s>, revocation: Option<&Revocation>) -> Value<'s> {
    match revocation {
        Some(reason) => scope.string(errors::revocation_code(reason)),
        None => scope.null(),
    }
}

pub(super) fn browser_info<'s>(scope: Scope<'s>, info: &BrowserInfo) -> Value<'s> {
    set_browser(scope.object(), info)
}

fn set_browser<'s>(object: Value<'s>, info: &BrowserInfo) -> Value<'s> {
    let scope = object.scope();
    let pid = info.pid.map(|pid| scope.number(f64::from(pid)));
    object
        .set("pid", pid.unwrap_or_else(|| scope.null()))
        .set("version", scope.string(&info.version))
}

#[expect(clippy::cast_precision_loss, reason = "nothing is counted to 2^53")]
fn count(scope: Scope<'_>, count: usize) -> Value<'_> {
    scope.number(count as f64)
}
