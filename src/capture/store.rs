//! Console errors of pages, until somebody takes them.

use std::collections::HashMap;

use super::{ConsoleErrorEntry, Source};

/// What is kept of one page at most.
const MOST_ENTRIES: usize = 50;

/// The console errors of each page since its last reset.
#[derive(Debug, Default)]
pub struct ConsoleErrors {
    pages: HashMap<String, PageErrors>,
}

#[derive(Debug, Default)]
struct PageErrors {
    entries: Vec<ConsoleErrorEntry>,
    /// Position of each exception among the entries, by V8's id.
    exceptions: HashMap<i64, usize>,
    /// Counts resets: what was said before one does not show after it.
    epoch: u64,
}

impl ConsoleErrors {
    /// The page's epoch: an entry that takes time to put together is only kept if it is still the same.
    #[must_use]
    pub fn epoch(&self, page_id: &str) -> u64 {
        self.pages.get(page_id).map_or(0, |page| page.epoch)
    }

    /// Keeps a console message, unless the same one is there. Without a place of its own it gets its first frame's.
    pub fn push_console(&mut self, page_id: &str, mut entry: ConsoleErrorEntry) {
        entry.location = entry.place().cloned();
        let page = self.page(page_id);
        let same = |other: &ConsoleErrorEntry| {
            other.source != Some(Source::Exception)
                && other.kind == entry.kind
                && other.text == entry.text
                && other.place() == entry.place()
        };
        if page.entries.len() < MOST_ENTRIES && !page.entries.iter().any(same) {
            page.entries.push(entry);
        }
    }

    /// Keeps an exception, unless its id is known.
    pub fn push_exception(&mut self, page_id: &str, exception_id: i64, entry: ConsoleErrorEntry) {
        let page = self.page(page_id);
        if page.entries.len() < MOST_ENTRIES && !page.exceptions.contains_key(&exception_id) {
            page.exceptions.insert(exception_id, page.entries.len());
            page.entries.push(entry);
        }
    }

    /// Marks an exception that V8 took back.
    pub fn revoke(&mut self, page_id: &str, exception_id: i64) {
        let Some(page) = self.pages.get_mut(page_id) else {
            return;
        };
        let entry = page
            .exceptions
            .get(&exception_id)
            .and_then(|&position| page.entries.get_mut(position));
        if let Some(entry) = entry {
            entry.revoked = true;
        }
    }

    /// Forgets what the page said so far.
    pub fn reset(&mut self, page_id: &str) {
        let epoch = self.epoch(page_id) + 1;
        self.pages.insert(
            page_id.to_owned(),
            PageErrors {
                epoch,
                ..PageErrors::default()
            },
        );
    }

    /// What the page said since its reset. It is gone from here then.
    pub fn take(&mut self, page_id: &str) -> Vec<ConsoleErrorEntry> {
        let Some(page) = self.pages.get_mut(page_id) else {
            return Vec::new();
        };
        page.exceptions.clear();
        std::mem::take(&mut page.entries)
    }

    /// Forgets the page.
    pub fn forget(&mut self, page_id: &str) {
        self.pages.remove(page_id);
    }

    /// Forgets all pages.
    pub fn clear(&mut self) {
        self.pages.clear();
    }

    fn page(&mut self, page_id: &str) -> &mut PageErrors {
        self.pages.entry(page_id.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::ConsoleErrorLocation;

    fn said(text: &str) -> ConsoleErrorEntry {
        ConsoleErrorEntry {
            kind: "error".into(),
            text: text.into(),
            location: None,
            stack_frames: Vec::new(),
            source: Some(Source::Console),
            revoked: false,
        }
    }

    fn thrown(text: &str) -> ConsoleErrorEntry {
        ConsoleErrorEntry {
            source: Some(Source::Exception),
            ..said(text)
        }
    }

    fn at(url: &str) -> ConsoleErrorLocation {
        ConsoleErrorLocation {
            url: Some(url.into()),
            ..ConsoleErrorLocation::default()
        }
    }

    #[test]
    fn the_same_message_from_the_same_place_is_kept_once() {
        let mut errors = ConsoleErrors::default();
        errors.push_console("p", said("a"));
        errors.push_console("p", said("a"));
        errors.push_console(
            "p",
            ConsoleErrorEntry {
                location: Some(at("x.js")),
                ..said("a")
            },
        );
        errors.push_console(
            "p",
            ConsoleErrorEntry {
                stack_frames: vec![at("x.js")],
                ..said("a")
            },
        );
        errors.push_console(
            "p",
            ConsoleErrorEntry {
                kind: "assert".into(),
                ..said("a")
            },
        );
        assert_eq!(errors.take("p").len(), 3, "no place, x.js, and another type");
        assert!(errors.take("p").is_empty(), "taken is gone");
    }

    #[test]
    fn exceptions_are_told_apart_by_id_and_may_be_revoked() {
        let mut errors = ConsoleErrors::default();
        errors.push_exception("p", 1, thrown("a"));
        errors.push_exception("p", 2, thrown("a"));
        errors.push_exception("p", 2, thrown("a"));
        errors.revoke("p", 2);
        errors.revoke("p", 9);
        errors.revoke("q", 1);
        let revoked: Vec<_> = errors.take("p").iter().map(|entry| entry.revoked).collect();
        assert_eq!(revoked, [false, true]);
    }

    #[test]
    fn at_most_fifty_are_kept_and_a_reset_starts_anew() {
        let mut errors = ConsoleErrors::default();
        for n in 0..60 {
            errors.push_console("p", said(&n.to_string()));
        }
        errors.push_exception("p", 1, thrown("late"));
        let epoch = errors.epoch("p");
        assert_eq!(errors.take("p").len(), MOST_ENTRIES);
        errors.push_console("p", said("before"));
        errors.reset("p");
        assert!(errors.take("p").is_empty(), "a reset forgets");
        assert_ne!(errors.epoch("p"), epoch);
    }
}
