//! Log lines: through the caller's logger, or through JavaScript's console as it is at the time.

use std::cell::RefCell;
use std::collections::HashMap;

use super::super::js::{JsRef, Scope, with_scope};
use crate::pool::LogLevel;

/// The log of the pool's own lines.
pub(crate) const POOL_LOG: &str = "prerenderer";
/// The log of what pages say.
pub(crate) const CHROME_LOG: &str = "prerenderer-chrome";

pub(crate) struct Log {
    /// `(name) => logger`, or none for the console.
    factory: Option<JsRef>,
    made: RefCell<HashMap<&'static str, JsRef>>,
    debug: bool,
}

impl Log {
    /// `debug`: whether debug lines go to the console.
    pub(super) fn new(factory: Option<JsRef>, debug: bool) -> Self {
        Self {
            factory,
            made: RefCell::default(),
            debug,
        }
    }

    /// Writes one line. A logger that throws loses it.
    pub(crate) fn write(&self, name: &'static str, level: LogLevel, text: &str) {
        if self.factory.is_none() && level == LogLevel::Debug && !self.debug {
            return;
        }
        with_scope(|scope| {
            let method = match level {
                LogLevel::Debug => "debug",
                LogLevel::Info => "info",
                LogLevel::Warn => "warn",
                LogLevel::Error => "error",
            };
            if let Some(factory) = &self.factory {
                if let Some(logger) = self.logger(scope, factory, name) {
                    drop(logger.get(scope).call_method(method, &[scope.string(text)]));
                }
            } else if let Ok(console) = scope.global().get("console") {
                drop(console.call_method(method, &[scope.string(&format!("[{name}] {text}"))]));
            }
        });
    }

    fn logger(&self, scope: Scope<'_>, factory: &JsRef, name: &'static str) -> Option<JsRef> {
        if let Some(logger) = self.made.borrow().get(name) {
            return Some(logger.clone());
        }
        let logger = factory
            .get(scope)
            .call(scope.undefined(), &[scope.string(name)])
            .ok()?;
        let logger = JsRef::new(logger)?;
        self.made.borrow_mut().insert(name, logger.clone());
        Some(logger)
    }
}
