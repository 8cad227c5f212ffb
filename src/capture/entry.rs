//! One thing that a page said.

use std::fmt::Write as _;

/// A console error, a failed assertion or an uncaught exception.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsoleErrorEntry {
    /// `error` or `assert`, as the browser named it.
    pub kind: String,
    /// Its text.
    pub text: String,
    /// Where, by its own account: never a frame's place.
    pub location: Option<ConsoleErrorLocation>,
    /// Who called whom, innermost first; only frames with an address.
    pub stack_frames: Vec<ConsoleErrorLocation>,
    /// Which of the two it is.
    pub source: Option<Source>,
    /// An exception that V8 took back later.
    pub revoked: bool,
}

impl ConsoleErrorEntry {
    /// The place it is told apart by: where there is none, the first stack frame's.
    #[must_use]
    pub fn place(&self) -> Option<&ConsoleErrorLocation> {
        self.location.as_ref().or_else(|| self.stack_frames.first())
    }
}

/// A place in a script, counted from 0.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ConsoleErrorLocation {
    /// The script.
    pub url: Option<String>,
    /// Its line.
    pub line_number: Option<f64>,
    /// Its column.
    pub column_number: Option<f64>,
}

impl ConsoleErrorLocation {
    /// True if it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.has_url() && self.line_number.is_none() && self.column_number.is_none()
    }

    /// True if it says which script.
    #[must_use]
    pub fn has_url(&self) -> bool {
        self.url.as_deref().is_some_and(|url| !url.is_empty())
    }

    /// ` (url:line:column)`, counted from 1; nothing without a URL.
    #[must_use]
    pub fn in_brackets(&self) -> String {
        if !self.has_url() {
            return String::new();
        }
        let mut text = format!(" ({}", self.url.as_deref().unwrap_or_default());
        for number in [self.line_number, self.column_number]
            .into_iter()
            .map_while(|number| number)
        {
            // Writing to a string does not fail.
            let _ = write!(text, ":{}", number + 1.0);
        }
        text.push(')');
        text
    }
}

/// Where an entry came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `console.error()` or `console.assert()`.
    Console,
    /// An uncaught exception.
    Exception,
}

/// The level at which a console message is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleLevel {
    /// `console.debug()`.
    Debug,
    /// `console.log()` and all that has no level.
    Info,
    /// `console.warn()`.
    Warn,
    /// `console.error()` and failed assertions.
    Error,
}

impl ConsoleLevel {
    /// The level of a message of this type, as Chrome or puppeteer name it.
    #[must_use]
    pub fn of(kind: &str) -> Self {
        match kind {
            "error" | "assert" => Self::Error,
            "warning" | "warn" => Self::Warn,
            "debug" | "verbose" => Self::Debug,
            _ => Self::Info,
        }
    }

    /// True if such a message is kept among the console errors.
    #[must_use]
    pub fn is_error(self) -> bool {
        self == Self::Error
    }
}
