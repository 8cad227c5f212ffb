//! Selectors: CSS, and puppeteer's extensions of it.

use std::sync::Arc;

use serde_json::{Value, json};

/// Query handlers of the caller's: by name the source of an object with `queryOne`, `queryAll`, or both.
pub type QueryHandlers = [(String, Arc<str>)];

/// A selector, taken apart where CSS does not know what it says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selector {
    text: String,
    /// `None` for plain CSS; else what is separated by commas.
    alternatives: Option<Vec<Vec<Step>>>,
    has_pseudo_class: bool,
    /// Those of the caller's query handlers that it names.
    handlers: Vec<(String, Arc<str>)>,
}

/// The way from some nodes to others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Css(String),
    /// `::-p-name(value)`, or `name/value`.
    Pseudo {
        name: String,
        value: String,
    },
    /// The same of a query handler of the caller's.
    Own {
        name: String,
        value: String,
    },
    /// `>>>>`: into the node's shadow root.
    Child,
    /// `>>>`: into all shadow roots below.
    Descendant,
}

impl Step {
    /// As the page's code takes it.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Css(selector) => json!(["css", selector]),
            Self::Pseudo { name, value } => json!([name, value]),
            Self::Own { name, value } => json!([format!("@{name}"), value]),
            Self::Child => json!([">>>>"]),
            Self::Descendant => json!([">>>"]),
        }
    }

    /// The value of an `aria` step.
    pub fn aria(&self) -> Option<&str> {
        match self {
            Self::Pseudo { name, value } if name == "aria" => Some(value),
            _ => None,
        }
    }
}

const PREFIXES: [&str; 4] = ["aria", "pierce", "xpath", "text"];

impl Selector {
    /// Takes a selector apart. What cannot be is CSS, for the page to complain about.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::parse_with(text, &[])
    }

    /// The same with query handlers of the caller's, which come before those that are always there.
    #[must_use]
    pub fn parse_with(text: &str, handlers: &QueryHandlers) -> Self {
        let own = handlers.iter().find_map(|handler| {
            let value = text.strip_prefix(handler.0.as_str())?.strip_prefix(['=', '/'])?;
            let (name, value) = (handler.0.clone(), value.to_owned());
            Some((Step::Own { name, value }, handler))
        });
        if let Some((step, handler)) = own {
            return Self {
                text: text.to_owned(),
                alternatives: Some(vec![vec![step]]),
                has_pseudo_class: false,
                handlers: vec![handler.clone()],
            };
        }
        let prefixed = PREFIXES.into_iter().find_map(|name| {
            let value = text.strip_prefix(name)?.strip_prefix(['=', '/'])?;
            Some(Step::Pseudo {
                name: name.to_owned(),
                value: value.to_owned(),
            })
        });
        if let Some(step) = prefixed {
            return Self {
                text: text.to_owned(),
                alternatives: Some(vec![vec![step]]),
                has_pseudo_class: false,
                handlers: Vec::new(),
            };
        }
        let mut scanner = Scanner::new(text.trim());
        let is_complete = scanner.scan().is_some();
        let mut named = Vec::new();
        for step in scanner.alternatives.iter_mut().flatten() {
            if let Step::Pseudo { name, value } = step
                && !PREFIXES.contains(&name.as_str())
                && let Some(handler) = handlers.iter().find(|handler| handler.0 == *name)
            {
                let (name, value) = (std::mem::take(name), std::mem::take(value));
                *step = Step::Own { name, value };
                named.push(handler.clone());
            }
        }
        Self {
            text: text.to_owned(),
            alternatives: (is_complete && scanner.is_extended).then_some(scanner.alternatives),
            has_pseudo_class: scanner.has_pseudo_class,
            handlers: named,
        }
    }

    /// The source of an object with the query handlers that it names, by `@name`.
    pub(super) fn handlers(&self) -> String {
        let entries = self
            .handlers
            .iter()
            .map(|(name, source)| format!("'@{name}': {source}"));
        format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is plain CSS.
    pub(super) fn is_css(&self) -> bool {
        self.alternatives.is_none()
    }

    /// The alternatives of a selector that has a step only Chrome's accessibility tree can take.
    pub(super) fn with_aria(&self) -> Option<&[Vec<Step>]> {
        self.alternatives
            .as_deref()
            .filter(|alternatives| alternatives.iter().flatten().any(|step| step.aria().is_some()))
    }

    /// Whether the page's own code can find what it means.
    #[must_use]
    pub fn is_of_page(&self) -> bool {
        self.with_aria().is_none()
    }

    /// Whether something can come to fit it that is no change of the document.
    #[must_use]
    pub fn needs_frames(&self) -> bool {
        self.has_pseudo_class || !self.is_of_page()
    }

    /// As the page's code takes it: text, or steps.
    pub(super) fn to_json(&self) -> Value {
        match &self.alternatives {
            None => self.text.as_str().into(),
            Some(alternatives) => alternatives
                .iter()
                .map(|steps| steps.iter().map(Step::to_json).collect::<Value>())
                .collect(),
        }
    }
}

/// Finds what is not CSS at the top level of a selector. Every place is at a character's first byte.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Where the CSS that is not in a step yet begins.
    css_from: usize,
    alternatives: Vec<Vec<Step>>,
    is_extended: bool,
    has_pseudo_class: bool,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            css_from: 0,
            alternatives: vec![Vec::new()],
            is_extended: false,
            has_pseudo_class: false,
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// `None` where a parenthesis or bracket is not closed.
    fn scan(&mut self) -> Option<()> {
        while let Some(next) = self.rest().chars().next() {
            match next {
                '(' | '[' | '"' | '\'' | '\\' => self.at = after_group(self.text, self.at)?,
                ',' => {
                    self.end_css(true);
                    self.alternatives.push(Vec::new());
                    self.skip(1);
                }
                '>' if self.rest().starts_with(">>>") => {
                    let (step, length) = if self.rest().starts_with(">>>>") {
                        (Step::Child, 4)
                    } else {
                        (Step::Descendant, 3)
                    };
                    self.end_css(true);
                    self.push(step);
                    self.skip(length);
                }
                ':' => self.pseudo()?,
                _ => self.at += next.len_utf8(),
            }
        }
        self.end_css(true);
        for steps in &mut self.alternatives {
            // By itself it means where the search begins.
            if matches!(steps.first(), Some(Step::Css(css)) if css.trim() == ":scope") {
                steps.remove(0);
            }
        }
        Some(())
    }

    fn pseudo(&mut self) -> Option<()> {
        let Some(rest) = self.rest().strip_prefix("::-p-") else {
            self.at += if self.rest().starts_with("::") {
                2
            } else {
                self.has_pseudo_class = true;
                1
            };
            return Some(());
        };
        self.end_css(false);
        let is_in_name = |character: char| {
            character.is_ascii_alphanumeric() || matches!(character, '-' | '_') || !character.is_ascii()
        };
        let length = rest
            .find(|character| !is_in_name(character))
            .unwrap_or(rest.len());
        let name = rest[..length].to_owned();
        self.at += "::-p-".len() + length;
        let mut value = String::new();
        if self.rest().starts_with('(') {
            let end = after_group(self.text, self.at)?;
            value = unquoted(&self.text[self.at + 1..end - 1]);
            self.at = end;
        }
        self.css_from = self.at;
        self.push(Step::Pseudo { name, value });
        Some(())
    }

    fn push(&mut self, step: Step) {
        self.is_extended |= !matches!(step, Step::Css(_));
        if let Some(steps) = self.alternatives.last_mut() {
            steps.push(step);
        }
    }

    fn end_css(&mut self, trim: bool) {
        let mut css = &self.text[self.css_from..self.at];
        if trim {
            css = css.trim_end();
        }
        if !css.is_empty() {
            self.push(Step::Css(css.to_owned()));
        }
    }

    /// Goes on after a separator and the white space behind it.
    fn skip(&mut self, length: usize) {
        self.at += length;
        self.at += self.rest().len() - self.rest().trim_start().len();
        self.css_from = self.at;
    }
}

/// Where the string, escape, parenthesis or bracket that begins at `at` has ended.
fn after_group(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let first = rest.chars().next()?;
    match first {
        '\\' => {
            let escaped = rest[1..].chars().next().map_or(0, char::len_utf8);
            Some(at + 1 + escaped)
        }
        '"' | '\'' => {
            let inner = &rest[1..];
            let end = inner.find([first, '\\', '\n']);
            // A quote without its pair is a character like any other.
            Some(match end {
                Some(end) if inner[end..].starts_with(first) => at + end + 2,
                _ => at + 1,
            })
        }
        _ => {
            let close = if first == '(' { ')' } else { ']' };
            let mut depth = 1;
            let mut inside = at + 1;
            while depth > 0 {
                let next = text[inside..].chars().next()?;
                if matches!(next, '"' | '\'' | '\\') {
                    inside = after_group(text, inside)?;
                    continue;
                }
                if next == first {
                    depth += 1;
                } else if next == close {
                    depth -= 1;
                }
                inside += next.len_utf8();
            }
            Some(inside)
        }
    }
}

fn unquoted(text: &str) -> String {
    let quoted = ['"', '\''].into_iter().find_map(|quote| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        Some(inner)
    });
    let mut value = String::with_capacity(text.len());
    let mut characters = quoted.unwrap_or(text).chars();
    if text.chars().count() <= 1 {
        return text.to_owned();
    }
    while let Some(character) = characters.next() {
        if character == '\\' {
            value.extend(characters.next().or(Some('\\')));
        } else {
            value.push(character);
        }
    }
    value
}

/// What an `aria` step asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Aria {
    /// The accessible name.
    pub name: Option<String>,
    /// The role.
    pub role: Option<String>,
}

impl Aria {
    /// Reads `name[role="..."]`; an attribute that is neither name nor role is an error with its name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut aria = Self::default();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            if let Some((attribute, value, after)) = attribute(rest) {
                match attribute {
                    "name" => aria.name = Some(value.to_owned()),
                    "role" => aria.role = Some(value.to_owned()),
                    other => return Err(other.to_owned()),
                }
                rest = after;
            } else {
                plain.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
        if !plain.is_empty() && aria.name.as_deref().is_none_or(str::is_empty) {
            aria.name = Some(plain);
        }
        Ok(aria)
    }
}

/// `[ attribute = "value" ]` at the beginning, and what follows it.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let inside = text.strip_prefix('[')?.trim_start();
    let length = inside
        .find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
        .filter(|length| *length > 0)?;
    let (attribute, rest) = inside.split_at(length);
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (value, rest) = rest[1..].split_once(quote)?;
    let rest = rest.trim_start().strip_prefix(']')?;
    Some((attribute, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn css(text: &str) -> Step {
        Step::Css(text.to_owned())
    }

    fn pseudo(name: &str, value: &str) -> Step {
        Step::Pseudo {
            name: name.to_owned(),
            value: value.to_owned(),
        }
    }

    fn steps(text: &str) -> Option<Vec<Vec<Step>>> {
        Selector::parse(text).alternatives
    }

    #[test]
    fn plain_css_stays_as_it_is() {
        for text in [
            "div > p",
            "a[href='>>>']",
            "p:is(.a, .b), q",
            "a::before",
            "li:::",
            r"\>\>\>",
            "p:not(",
        ] {
            assert_eq!(steps(text), None, "{text}");
        }
    }

    #[test]
    fn combinators_reach_into_shadow_roots() {
        assert_eq!(
            steps("#host >>> p, a>>>>b"),
            Some(vec![
                vec![css("#host"), Step::Descendant, css("p")],
                vec![css("a"), Step::Child, css("b")],
            ])
        );
        assert_eq!(steps(">>> p"), Some(vec![vec![Step::Descendant, css("p")]]));
    }

    #[test]
    fn a_million_open_parentheses_are_no_deeper_than_one() {
        for open in ["(", "[", "(["] {
            let text = format!("::-p-text{}", open.repeat(1_000_000));
            assert_eq!(steps(&text), None, "nothing closes them");
        }
        let nested = format!("::-p-text({}x{})", "(".repeat(100_000), ")".repeat(100_000));
        assert!(steps(&nested).is_some(), "each is closed");
    }

    #[test]
    fn pseudo_elements_have_values() {
        assert_eq!(
            steps("div ::-p-text('a \"b\") (c') > i"),
            Some(vec![vec![
                css("div "),
                pseudo("text", "a \"b\") (c"),
                css(" > i")
            ]])
        );
        assert_eq!(
            steps(":scope ::-p-xpath(//a[f(1)])"),
            Some(vec![vec![pseudo("xpath", "//a[f(1)]")]])
        );
        assert_eq!(steps("::-p-text(it's)"), Some(vec![vec![pseudo("text", "it's")]]));
        assert_eq!(steps(r"::-p-text(a\)b)"), Some(vec![vec![pseudo("text", "a)b")]]));
    }

    #[test]
    fn prefixes_take_the_rest_as_it_is() {
        assert_eq!(steps("text/a >>> b"), Some(vec![vec![pseudo("text", "a >>> b")]]));
        assert_eq!(steps("aria=Send"), Some(vec![vec![pseudo("aria", "Send")]]));
    }

    #[test]
    fn what_no_mutation_tells_of_needs_frames() {
        assert!(Selector::parse("a:hover").needs_frames());
        assert!(Selector::parse("aria/x").needs_frames());
        assert!(!Selector::parse("a::before, text[a=':x']").needs_frames());
    }

    #[test]
    fn aria_has_a_name_and_a_role() {
        let aria = |name: Option<&str>, role: Option<&str>| Aria {
            name: name.map(ToOwned::to_owned),
            role: role.map(ToOwned::to_owned),
        };
        assert_eq!(Aria::parse("Send it"), Ok(aria(Some("Send it"), None)));
        assert_eq!(
            Aria::parse("title[ role = \"heading\" ]"),
            Ok(aria(Some("title"), Some("heading")))
        );
        assert_eq!(
            Aria::parse("[name=''][role='button']"),
            Ok(aria(Some(""), Some("button")))
        );
        assert_eq!(Aria::parse("[level='1']"), Err("level".to_owned()));
        assert_eq!(Aria::parse("a [b"), Ok(aria(Some("a [b"), None)));
    }
}
