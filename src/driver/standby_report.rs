//! How far a standby came that failed.

use std::fmt::Write as _;

use crate::capture::{ConsoleErrorEntry, Source};

/// Where an attempt was when it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Phase {
    /// The document was not parsed yet.
    #[default]
    Navigation,
    /// What the page has to have was waited for.
    Readiness,
}

impl Phase {
    /// As JavaScript has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Navigation => "navigation",
            Self::Readiness => "readiness",
        }
    }
}

/// What is known of a standby page at its end.
#[derive(Clone, Debug, Default)]
pub struct StandbyReport {
    /// What was gone to.
    pub url: String,
    /// Where that led to, as far as it came.
    pub final_url: Option<String>,
    /// The status of the document.
    pub status: Option<i64>,
    /// Where the attempt was.
    pub phase: Phase,
    /// Its errors, failed assertions and uncaught exceptions, in their order.
    pub console: Vec<ConsoleErrorEntry>,
}

impl StandbyReport {
    /// The text of the last uncaught exception.
    #[must_use]
    pub fn last_exception(&self) -> Option<&str> {
        let mut entries = self.console.iter().rev();
        let thrown = entries.find(|entry| entry.source == Some(Source::Exception) && !entry.revoked)?;
        Some(&thrown.text)
    }

    /// What helps, for the end of a line; empty where nothing does.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = format!(" ({}", self.phase.name());
        // Writing to a string does not fail.
        if let Some(status) = self.status {
            let _ = write!(text, ", HTTP {status}");
        }
        if let Some(url) = self.final_url.as_ref().filter(|url| **url != self.url) {
            let _ = write!(text, ", at {url}");
        }
        if let Some(thrown) = self.last_exception() {
            let _ = write!(text, ", thrown: {thrown}");
        }
        text.push(')');
        text
    }
}

/// The origin of a URL as Chrome writes it: scheme and host, and a port that is not the scheme's own.
#[must_use]
pub fn origin(url: &str) -> Option<&str> {
    let scheme = url
        .find("://")
        .filter(|&at| matches!(&url[..at], "http" | "https"))?;
    let rest = &url[scheme + 3..];
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    Some(&url[..scheme + 3 + end])
}

#[cfg(test)]
mod tests {
    use super::{Phase, StandbyReport, origin};
    use crate::capture::{ConsoleErrorEntry, Source};

    #[test]
    fn an_origin_ends_before_the_path() {
        for (url, expected) in [
            ("https://app.test/a/b?c#d", Some("https://app.test")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("http://[::1]:8080?x=/", Some("http://[::1]:8080")),
            ("data:text/html,http://x", None),
            ("about:blank", None),
            ("chrome-error://chromewebdata/", None),
        ] {
            assert_eq!(origin(url), expected, "{url}");
        }
    }

    #[test]
    fn a_summary_has_the_last_exception_that_was_not_taken_back() {
        let entry = |text: &str, source, revoked| ConsoleErrorEntry {
            kind: "error".to_owned(),
            text: text.to_owned(),
            location: None,
            stack_frames: Vec::new(),
            source: Some(source),
            revoked,
        };
        let report = StandbyReport {
            url: "http://a.test/".to_owned(),
            final_url: Some("http://a.test/login".to_owned()),
            status: Some(200),
            phase: Phase::Readiness,
            console: vec![
                entry("Error: first", Source::Exception, false),
                entry("Error: second", Source::Exception, false),
                entry("Error: handled", Source::Exception, true),
                entry("said", Source::Console, false),
            ],
        };
        assert_eq!(report.last_exception(), Some("Error: second"));
        assert_eq!(
            report.summary(),
            " (readiness, HTTP 200, at http://a.test/login, thrown: Error: second)"
        );
    }
}
