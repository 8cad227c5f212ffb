//! Log lines: through the caller's logger, or through JavaScript's console as it is at the time.

use std::rc::Rc;

use super::super::js::realm::{self, Realm};
use super::super::js::{Scope, Value, settled, with_scope};
use super::vault::Vault;
use crate::pool::LogLevel;

/// The log of the pool's own lines.
pub(crate) const POOL_LOG: &str = "prerenderer";
/// The log of what pages say.
pub(crate) const CHROME_LOG: &str = "prerenderer-chrome";

/// The caller's `(name) => logger` in the vault.
pub(super) const LOGGER: &str = "logger";

pub(crate) struct Log {
    vault: Rc<Vault>,
    /// Whether the caller gave a logger; else it is the console.
    own: bool,
    /// Whether debug lines go to the console.
    debug: bool,
    /// Whose console it is.
    realm: Realm,
}

impl Log {
    pub(super) fn new(vault: Rc<Vault>, own: bool, debug: bool) -> Self {
        Self {
            vault,
            own,
            debug,
            realm: realm::current(),
        }
    }

    /// Writes one line. A logger that throws or rejects loses it.
    pub(crate) fn write(&self, name: &'static str, level: LogLevel, text: &str) {
        if !self.own && level == LogLevel::Debug && !self.debug {
            return;
        }
        let _realm = realm::enter(self.realm);
        with_scope(|scope| {
            let method = match level {
                LogLevel::Debug => "debug",
                LogLevel::Info => "info",
                LogLevel::Warn => "warn",
                LogLevel::Error => "error",
            };
            let written = if self.own {
                self.logger(scope, name)
                    .map(|logger| logger.call_method(method, &[scope.string(text)]))
            } else {
                let console = scope.global().get("console").ok();
                console
                    .map(|console| console.call_method(method, &[scope.string(&format!("[{name}] {text}"))]))
            };
            if let Some(Ok(returned)) = written {
                drop(settled(returned));
            }
        });
    }

    /// The logger of this name: the caller is asked for it once.
    fn logger<'s>(&self, scope: Scope<'s>, name: &str) -> Option<Value<'s>> {
        let kept = format!("{LOGGER} {name}");
        let made = self.vault.get(scope, &kept);
        if !made.is_undefined() {
            return Some(made);
        }
        let factory = self.vault.get(scope, LOGGER);
        let logger = factory.call(scope.undefined(), &[scope.string(name)]).ok()?;
        self.vault.put(&kept, logger);
        Some(logger)
    }
}
