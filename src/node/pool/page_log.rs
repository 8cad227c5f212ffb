//! What pages say: into the log, and into the list of console errors.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use super::log::{CHROME_LOG, Log};
use super::tab::TabInfo;
use crate::capture::{ConsoleErrorEntry, ConsoleErrorLocation, ConsoleErrors, ConsoleLevel, Place};
use crate::driver::StandbyPage;
use crate::pool::LogLevel;

/// Where a pool's drivers hand over what pages say. On the JavaScript thread.
pub(crate) struct PageLog {
    log: Rc<Log>,
    errors: Arc<Mutex<ConsoleErrors>>,
    /// Whose 502 and 503 are no news while a page stands by.
    standby_url: String,
    /// What pages say is written as it is, as a boxel host app's is.
    verbatim: bool,
}

/// What a page says is cut to so many bytes.
const LONGEST: usize = 4_096;

/// What a page said, such that it stays in its line, and does nothing to whoever looks at it.
fn tamed(text: &str) -> Cow<'_, str> {
    let is_harmless = |character: char| {
        character == '\t' || !character.is_control() && !matches!(character, '\u{2028}' | '\u{2029}')
    };
    if text.len() <= LONGEST && text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let end = (0..=LONGEST.min(text.len()))
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or_default();
    let mut tamed = String::with_capacity(end + 32);
    for character in text[..end].chars() {
        if is_harmless(character) {
            tamed.push(character);
        } else {
            tamed.extend(character.escape_default());
        }
    }
    if end < text.len() {
        // Writing to a string does not fail.
        let _ = write!(tamed, "… ({} bytes in all)", text.len());
    }
    Cow::Owned(tamed)
}

impl PageLog {
    pub(super) fn new(log: Rc<Log>, standby_page: &StandbyPage) -> Self {
        Self {
            log,
            errors: Arc::default(),
            standby_url: standby_page.url.clone(),
            verbatim: standby_page.is_host_app,
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
    pub(crate) fn console(
        &self,
        tab: &TabInfo,
        kind: &str,
        location: Option<&ConsoleErrorLocation>,
        text: &str,
    ) {
        let level = match ConsoleLevel::of(kind) {
            ConsoleLevel::Debug => LogLevel::Debug,
            ConsoleLevel::Info => LogLevel::Info,
            ConsoleLevel::Warn => LogLevel::Warn,
            ConsoleLevel::Error => LogLevel::Error,
        };
        let place = location
            .map(ConsoleErrorLocation::in_brackets)
            .unwrap_or_default();
        self.write(
            tab,
            level,
            &format!("Console[{kind}]"),
            &format!("{place} {text}"),
        );
    }

    /// An uncaught exception, for the list.
    pub(crate) fn keep_exception(&self, tab: &TabInfo, exception_id: Option<i64>, entry: ConsoleErrorEntry) {
        self.with_errors(|errors| errors.push_exception(&tab.page_id(), exception_id, entry));
    }

    /// An uncaught exception, for the log.
    pub(crate) fn exception(&self, tab: &TabInfo, exception_id: Option<i64>, entry: &ConsoleErrorEntry) {
        let id = exception_id.map_or_else(String::new, |id| format!(" exceptionId={id}"));
        let place = entry
            .location
            .as_ref()
            .map(ConsoleErrorLocation::in_brackets)
            .unwrap_or_default();
        let rest = format!("{id}{place} {}", entry.text);
        self.write(tab, LogLevel::Debug, "Runtime.exceptionThrown", &rest);
    }

    /// V8 took an exception back, for the list.
    pub(crate) fn mark_revoked(&self, tab: &TabInfo, exception_id: i64) {
        self.with_errors(|errors| errors.revoke(&tab.page_id(), exception_id));
    }

    /// V8 took an exception back, for the log.
    pub(crate) fn revoked(&self, tab: &TabInfo, exception_id: i64, reason: &str) {
        let rest = format!(" exceptionId={exception_id} {reason}");
        self.write(tab, LogLevel::Debug, "Runtime.exceptionRevoked", rest.trim_end());
    }

    fn write(&self, tab: &TabInfo, level: LogLevel, what: &str, rest: &str) {
        let affinity = tab.affinity.borrow().clone();
        let affinity = affinity.as_ref().map_or("standby", |affinity| affinity.as_str());
        let (what, rest) = if self.verbatim {
            (Cow::Borrowed(what), Cow::Borrowed(rest))
        } else {
            (tamed(what), tamed(rest))
        };
        let line = format!("{what} affinity={affinity} pageId={}{rest}", tab.page_id());
        self.log.write(CHROME_LOG, level, &line);
    }

    /// The list itself, which a driver may write to on its own thread.
    pub(super) fn errors(&self) -> &Arc<Mutex<ConsoleErrors>> {
        &self.errors
    }

    /// Reads or changes the list.
    pub(super) fn with_errors<T>(&self, work: impl FnOnce(&mut ConsoleErrors) -> T) -> T {
        work(&mut self.errors.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a message of a page that stands by tells of a host app that is not up yet.
    pub(crate) fn is_waiting_host_app(&self, entry: &ConsoleErrorEntry) -> bool {
        let from_standby = entry
            .place()
            .and_then(|place| place.url.as_deref())
            .is_some_and(|url| url.split(['?', '#']).next() == Some(self.standby_url.as_str()));
        let unavailable = ["502", "503"]
            .iter()
            .any(|status| entry.text.contains(&format!("status of {status}")));
        from_standby && unavailable
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, tamed};

    #[test]
    fn what_a_page_says_stays_in_its_line() {
        assert_eq!(tamed("plain\ttext, ünïcödé 🎉"), "plain\ttext, ünïcödé 🎉");
        assert_eq!(
            tamed("a\r\n[prerenderer] b\u{1b}[2J\u{85}\u{2028}"),
            "a\\r\\n[prerenderer] b\\u{1b}[2J\\u{85}\\u{2028}"
        );
        let exact = "x".repeat(LONGEST);
        assert_eq!(tamed(&exact), exact, "not longer");
        let cut = tamed(&format!("x{}", "é".repeat(LONGEST))).into_owned();
        assert!(
            cut.ends_with("é… (8193 bytes in all)"),
            "between characters: {}",
            &cut[cut.len() - 40..]
        );
    }
}
