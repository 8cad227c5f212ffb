//! What pages say: into the log, and into the list of console errors.

use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use super::log::{CHROME_LOG, Log};
use super::tab::TabInfo;
use crate::capture::{ConsoleErrorEntry, ConsoleErrorLocation, ConsoleErrors, ConsoleLevel, Place, Source};
use crate::pool::LogLevel;

/// Where a pool's drivers hand over what pages say. On the JavaScript thread.
pub(crate) struct PageLog {
    log: Rc<Log>,
    errors: Arc<Mutex<ConsoleErrors>>,
    /// Whose 502 and 503 are no news while a page stands by.
    standby_url: String,
}

impl PageLog {
    pub(super) fn new(log: Rc<Log>, standby_url: String) -> Self {
        Self {
            log,
            errors: Arc::default(),
            standby_url,
        }
    }

    /// The place of what the page says now, to be handed to [`Self::keep`].
    pub(crate) fn reserve(&self, tab: &TabInfo) -> Place {
        self.with_errors(|errors| errors.reserve(&tab.page_id()))
    }

    /// A console message, for the list: if it is an error.
    pub(crate) fn keep(&self, tab: &TabInfo, place: Place, entry: &ConsoleErrorEntry) {
        if ConsoleLevel::of(&entry.kind).is_error() {
            self.with_errors(|errors| errors.push_console(&tab.page_id(), place, entry.clone()));
        }
    }

    /// A console message, for the log.
    pub(crate) fn console(&self, tab: &TabInfo, entry: &ConsoleErrorEntry) {
        if !self.is_waiting_host_app(tab, entry) {
            let level = ConsoleLevel::of(&entry.kind);
            self.write(tab, level, &entry.kind, entry.place(), &entry.text);
        }
    }

    /// Writes a console message to the log.
    pub(crate) fn write(
        &self,
        tab: &TabInfo,
        level: ConsoleLevel,
        kind: &str,
        place: Option<&ConsoleErrorLocation>,
        text: &str,
    ) {
        let affinity = tab.affinity.borrow();
        let affinity = affinity.as_ref().map_or("standby", |affinity| affinity.as_str());
        let place = place
            .map(|place| format!(" at {}", place.for_people()))
            .unwrap_or_default();
        let line = format!(
            "console.{kind} affinity={affinity} pageId={}{place}: {text}",
            tab.page_id()
        );
        self.log.write(CHROME_LOG, log_level(level), &line);
    }

    /// An uncaught exception.
    pub(crate) fn exception(&self, tab: &TabInfo, exception_id: Option<i64>, entry: ConsoleErrorEntry) {
        self.with_errors(|errors| errors.push_exception(&tab.page_id(), exception_id, entry));
    }

    /// V8 took an exception back.
    pub(crate) fn revoked(&self, tab: &TabInfo, exception_id: i64) {
        self.with_errors(|errors| errors.revoke(&tab.page_id(), exception_id));
    }

    /// The list itself, which a driver may write to on its own thread.
    pub(super) fn errors(&self) -> &Arc<Mutex<ConsoleErrors>> {
        &self.errors
    }

    /// Reads or changes the list.
    pub(super) fn with_errors<T>(&self, work: impl FnOnce(&mut ConsoleErrors) -> T) -> T {
        work(&mut self.errors.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_waiting_host_app(&self, tab: &TabInfo, entry: &ConsoleErrorEntry) -> bool {
        let from_standby = entry
            .place()
            .and_then(|place| place.url.as_deref())
            .is_some_and(|url| url.split(['?', '#']).next() == Some(self.standby_url.as_str()));
        let unavailable = ["502", "503"]
            .iter()
            .any(|status| entry.text.contains(&format!("status of {status}")));
        from_standby
            && unavailable
            && entry.source == Some(Source::Console)
            && tab.affinity.borrow().is_none()
    }
}

fn log_level(level: ConsoleLevel) -> LogLevel {
    match level {
        ConsoleLevel::Debug => LogLevel::Debug,
        ConsoleLevel::Info => LogLevel::Info,
        ConsoleLevel::Warn => LogLevel::Warn,
        ConsoleLevel::Error => LogLevel::Error,
    }
}
