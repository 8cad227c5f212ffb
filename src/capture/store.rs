//! Console errors of pages, until somebody takes them.

use std::collections::{BTreeMap, HashMap};

use super::{ConsoleErrorEntry, Source};

/// The most entries that are kept of one page.
const MOST_ENTRIES: usize = 50;

/// The console errors of each page since its last reset.
#[derive(Debug, Default)]
pub struct ConsoleErrors {
    pages: HashMap<String, PageErrors>,
}

/// Where something that a page said belongs among the rest, once it is put together.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    epoch: u64,
    order: u64,
}

#[derive(Debug, Default)]
struct PageErrors {
    entries: BTreeMap<u64, ConsoleErrorEntry>,
    /// Position of each exception among the entries, by V8's id.
    exceptions: HashMap<i64, u64>,
    /// Counts resets: what was said before one does not show after it.
    epoch: u64,
    next: u64,
    /// The page is gone: there is nothing to come after what is taken.
    retired: bool,
}

impl PageErrors {
    fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl ConsoleErrors {
    /// The place of what the page says now, whenever it is pushed.
    pub fn reserve(&mut self, page_id: &str) -> Place {
        let page = self.page(page_id);
        let order = page.next();
        Place {
            epoch: page.epoch,
            order,
        }
    }

    /// Keeps a console message, unless the same one is there, or the page was reset or forgotten since its place was
    /// reserved.
    pub fn push_console(&mut self, page_id: &str, place: Place, entry: ConsoleErrorEntry) {
        let Some(page) = self.pages.get_mut(page_id) else {
            return;
        };
        let same = |other: &ConsoleErrorEntry| {
            other.source != Some(Source::Exception)
                && other.kind == entry.kind
                && other.text == entry.text
                && other.place() == entry.place()
        };
        let wanted = page.epoch == place.epoch && page.entries.len() < MOST_ENTRIES;
        if wanted && !page.entries.values().any(same) {
            page.entries.insert(place.order, entry);
        }
    }

    /// Keeps an exception, unless its id is known. One without an id is never the same as another.
    pub fn push_exception(&mut self, page_id: &str, exception_id: Option<i64>, entry: ConsoleErrorEntry) {
        let page = self.page(page_id);
        let known = exception_id.is_some_and(|id| page.exceptions.contains_key(&id));
        if page.entries.len() < MOST_ENTRIES && !known {
            let order = page.next();
            if let Some(id) = exception_id {
                page.exceptions.insert(id, order);
            }
            page.entries.insert(order, entry);
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
            .and_then(|order| page.entries.get_mut(order));
        if let Some(entry) = entry {
            entry.revoked = true;
        }
    }

    /// Forgets what the page said so far.
    pub fn reset(&mut self, page_id: &str) {
        let Some(page) = self.pages.get_mut(page_id) else {
            return;
        };
        page.entries.clear();
        page.exceptions.clear();
        page.epoch += 1;
    }

    /// Takes the entries of the page since its reset, in their order.
    pub fn take(&mut self, page_id: &str) -> Vec<ConsoleErrorEntry> {
        let Some(page) = self.pages.get_mut(page_id) else {
            return Vec::new();
        };
        page.exceptions.clear();
        let entries = std::mem::take(&mut page.entries);
        if page.retired {
            self.pages.remove(page_id);
        }
        entries.into_values().collect()
    }

    /// The same, which stays.
    #[must_use]
    pub fn peek(&self, page_id: &str) -> Vec<ConsoleErrorEntry> {
        let page = self.pages.get(page_id);
        page.map_or_else(Vec::new, |page| page.entries.values().cloned().collect())
    }

    /// The page is gone, but what it said stays until it is taken.
    pub fn retire(&mut self, page_id: &str) {
        if let Some(page) = self.pages.get_mut(page_id) {
            page.retired = true;
            if page.entries.is_empty() {
                self.pages.remove(page_id);
            }
        }
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

    fn say(errors: &mut ConsoleErrors, entry: ConsoleErrorEntry) {
        let place = errors.reserve("p");
        errors.push_console("p", place, entry);
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
        say(&mut errors, said("a"));
        say(&mut errors, said("a"));
        say(
            &mut errors,
            ConsoleErrorEntry {
                location: Some(at("x.js")),
                ..said("a")
            },
        );
        say(
            &mut errors,
            ConsoleErrorEntry {
                stack_frames: vec![at("x.js")],
                ..said("a")
            },
        );
        say(
            &mut errors,
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
        errors.push_exception("p", Some(1), thrown("a"));
        errors.push_exception("p", Some(2), thrown("a"));
        errors.push_exception("p", Some(2), thrown("a"));
        errors.push_exception("p", None, thrown("a"));
        errors.push_exception("p", None, thrown("a"));
        errors.revoke("p", 2);
        errors.revoke("p", 9);
        errors.revoke("q", 1);
        let revoked: Vec<_> = errors.take("p").iter().map(|entry| entry.revoked).collect();
        assert_eq!(revoked, [false, true, false, false]);
    }

    #[test]
    fn at_most_fifty_are_kept_and_a_reset_starts_anew() {
        let mut errors = ConsoleErrors::default();
        for n in 0..60 {
            say(&mut errors, said(&n.to_string()));
        }
        errors.push_exception("p", Some(1), thrown("late"));
        let early = errors.reserve("p");
        assert_eq!(errors.take("p").len(), MOST_ENTRIES);
        say(&mut errors, said("before"));
        errors.reset("p");
        assert!(errors.take("p").is_empty(), "a reset forgets");
        errors.push_console("p", early, said("said before the reset"));
        assert!(
            errors.take("p").is_empty(),
            "what was said before a reset does not show after it"
        );
    }

    #[test]
    fn a_retired_page_is_forgotten_once_its_errors_are_taken() {
        let mut errors = ConsoleErrors::default();
        say(&mut errors, said("last words"));
        errors.retire("p");
        errors.retire("never seen");
        errors.reserve("q");
        errors.retire("q");
        assert_eq!(errors.take("p").len(), 1);
        assert!(errors.pages.is_empty());
    }

    #[test]
    fn nothing_is_kept_of_a_page_that_is_unknown_or_forgotten() {
        let mut errors = ConsoleErrors::default();
        errors.reset("never seen");
        let late = errors.reserve("p");
        errors.forget("p");
        errors.push_console("p", late, said("after its end"));
        assert!(errors.take("p").is_empty());
        assert!(errors.pages.is_empty());
    }

    #[test]
    fn what_takes_time_to_put_together_keeps_its_place() {
        let mut errors = ConsoleErrors::default();
        let first = errors.reserve("p");
        say(&mut errors, said("second"));
        errors.push_exception("p", Some(1), thrown("third"));
        errors.push_console("p", first, said("first"));
        let texts: Vec<_> = errors.take("p").into_iter().map(|entry| entry.text).collect();
        assert_eq!(texts, ["first", "second", "third"]);
    }
}
