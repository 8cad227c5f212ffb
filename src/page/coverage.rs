//! Coverage: which parts of scripts and style sheets were used.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::cdp::{CallError, Deadline, Listener, Session};
use crate::lossy;

use super::commands::{Sent, all};
use super::decode::{borrow_event, decode};
use super::exception::CodePlace;
use super::page::{Page, send};

/// What of a script or a style sheet was used.
pub struct CoverageEntry {
    /// Its address.
    pub url: String,
    /// Its text.
    pub text: String,
    /// What was used: disjoint, in order, each from its first character to the one behind its last, in UTF-16.
    pub ranges: Vec<(u64, u64)>,
    /// V8's own account, where that was asked for, as JSON.
    pub raw: Option<Box<RawValue>>,
}

/// Why there is no coverage.
#[derive(Debug, thiserror::Error)]
pub enum CoverageError {
    /// It is counted already.
    #[error("{0}Coverage is already enabled")]
    Running(&'static str),
    /// It is not counted.
    #[error("{0}Coverage is not enabled")]
    Stopped(&'static str),
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// How scripts are counted.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, each an option of puppeteer's"
)]
pub struct JsCoverageOptions {
    /// Forget what was there at each navigation. Default: true.
    pub reset_on_navigation: bool,
    /// Scripts without an address too. Default: false.
    pub anonymous: bool,
    /// V8's own account too. Default: false.
    pub raw: bool,
    /// Count blocks, and not just functions. Default: true.
    pub blocks: bool,
}

impl Default for JsCoverageOptions {
    fn default() -> Self {
        Self {
            reset_on_navigation: true,
            anonymous: false,
            raw: false,
            blocks: true,
        }
    }
}

/// The addresses and texts of scripts or style sheets, by Chrome's ids.
type Texts = Arc<Mutex<HashMap<String, Source>>>;

struct Source {
    /// How many there were before it.
    order: usize,
    url: String,
    text: Option<String>,
}

fn add(texts: &Texts, id: &str, url: String) {
    let mut texts = locked(texts);
    let (order, text) = (texts.len(), None);
    texts.insert(id.to_owned(), Source { order, url, text });
}

/// A count that goes on.
struct Run {
    texts: Texts,
    js: Option<JsCoverageOptions>,
    _listeners: Vec<Listener>,
}

/// The coverage of one page.
pub struct Coverage {
    page: Page,
    js: Mutex<Option<Run>>,
    css: Mutex<Option<Run>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScriptParsed<'a> {
    script_id: String,
    #[serde(default)]
    url: String,
    #[serde(borrow)]
    stack_trace: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct StyleSheetAdded {
    header: StyleSheetHeader,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StyleSheetHeader {
    style_sheet_id: String,
    #[serde(rename = "sourceURL", default)]
    source_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScriptSource<'a> {
    #[serde(borrow)]
    script_source: &'a RawValue,
}

#[derive(Deserialize)]
struct SheetText<'a> {
    #[serde(borrow)]
    text: &'a RawValue,
}

#[derive(Deserialize)]
struct PreciseCoverage<'a> {
    #[serde(borrow)]
    result: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScriptCoverage {
    script_id: String,
    functions: Vec<FunctionCoverage>,
}

#[derive(Deserialize)]
struct FunctionCoverage {
    ranges: Vec<CountedRange>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CountedRange {
    start_offset: u64,
    end_offset: u64,
    count: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuleUsage {
    rule_usage: Vec<UsedRule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UsedRule {
    style_sheet_id: String,
    start_offset: f64,
    end_offset: f64,
    used: bool,
}

/// Asks for a text, and keeps it where it is still wanted when it comes.
fn fetch(
    session: &Session,
    texts: &Texts,
    method: &'static str,
    id: (&'static str, String),
    read: fn(&str) -> Option<String>,
) {
    let (texts, (name, id)) = (Arc::clone(texts), id);
    let params = json!({ name: id });
    session.call(method, params, Deadline::Protocol, move |answer| {
        // One that is gone meanwhile has none.
        if let Ok(text) = answer.map(|raw| read(raw.get()))
            && let Some(source) = locked(&texts).get_mut(&id)
        {
            source.text = text;
        }
    });
}

fn forget_at_navigations(session: &Session, texts: &Texts) -> Listener {
    let texts = Arc::clone(texts);
    session.on("Runtime.executionContextsCleared", move |_| {
        locked(&texts).clear();
    })
}

fn end_js(session: &Session) -> Vec<Sent> {
    [
        "Profiler.stopPreciseCoverage",
        "Profiler.disable",
        "Debugger.disable",
    ]
    .map(|method| send(session, method, json!({})))
    .into()
}

fn end_css(session: &Session) -> Vec<Sent> {
    ["CSS.disable", "DOM.disable"]
        .map(|method| send(session, method, json!({})))
        .into()
}

impl Coverage {
    /// Nothing is counted yet.
    #[must_use]
    pub fn new(page: &Page) -> Self {
        Self {
            page: page.clone(),
            js: Mutex::default(),
            css: Mutex::default(),
        }
    }

    /// Begins to count which parts of scripts run.
    ///
    /// # Errors
    /// Where it has begun already, and as any command.
    pub async fn start_js(&self, options: JsCoverageOptions) -> Result<(), CoverageError> {
        let session = self.page.session();
        {
            let mut run = locked(&self.js);
            if run.is_some() {
                return Err(CoverageError::Running("JS"));
            }
            let texts = Texts::default();
            let (kept, of_scripts) = (Arc::clone(&texts), session.clone());
            let mut listeners = vec![session.on("Debugger.scriptParsed", move |params| {
                let Some(script) = borrow_event::<ScriptParsed<'_>>(params) else {
                    return;
                };
                // What came over the protocol is not the page's: it has the place of a call, or no address and no caller.
                let is_wanted = if script.url.is_empty() {
                    options.anonymous && script.stack_trace.is_some()
                } else {
                    CodePlace::parse(&script.url).is_none()
                };
                if !is_wanted {
                    return;
                }
                let id = script.script_id;
                let url = if script.url.is_empty() {
                    format!("debugger://VM{id}")
                } else {
                    script.url
                };
                add(&kept, &id, url);
                fetch(
                    &of_scripts,
                    &kept,
                    "Debugger.getScriptSource",
                    ("scriptId", id),
                    |raw| {
                        let source: ScriptSource<'_> = serde_json::from_str(raw).ok()?;
                        Some(lossy::string(source.script_source.get()))
                    },
                );
            })];
            if options.reset_on_navigation {
                listeners.push(forget_at_navigations(session, &texts));
            }
            *run = Some(Run {
                texts,
                js: Some(options),
                _listeners: listeners,
            });
        }
        let precise = json!({ "callCount": options.raw, "detailed": options.blocks });
        let started = all(vec![
            send(session, "Profiler.enable", json!({})),
            send(session, "Profiler.startPreciseCoverage", precise),
            send(session, "Debugger.enable", json!({})),
            send(session, "Debugger.setSkipAllPauses", json!({ "skip": true })),
        ])
        .await;
        if let Err(error) = started {
            // What of it has begun ends, and it may be begun anew.
            locked(&self.js).take();
            drop(end_js(session));
            return Err(error.into());
        }
        Ok(())
    }

    /// Ends the count of scripts.
    ///
    /// # Errors
    /// Where it has not begun, and as any command.
    pub async fn stop_js(&self) -> Result<Vec<CoverageEntry>, CoverageError> {
        let run = locked(&self.js).take().ok_or(CoverageError::Stopped("JS"))?;
        let session = self.page.session();
        let method = "Profiler.takePreciseCoverage";
        let taken = send(session, method, json!({})).await;
        // Also where there is nothing to take. A text that was asked for meanwhile is answered before these.
        let ended = all(end_js(session)).await;
        let taken = taken?;
        ended?;
        let coverage: PreciseCoverage<'_> = decode(method, taken.get())?;
        let options = run.js.unwrap_or_default();
        let mut texts = std::mem::take(&mut *locked(&run.texts));
        let mut entries = Vec::new();
        for raw in coverage.result {
            let script: ScriptCoverage = decode(method, raw.get())?;
            let Some(Source {
                url,
                text: Some(text),
                ..
            }) = texts.remove(&script.script_id)
            else {
                continue;
            };
            let ranges = script.functions.into_iter().flat_map(|function| function.ranges);
            let ranges: Vec<_> = ranges
                .map(|range| (range.start_offset, range.end_offset, range.count > 0))
                .collect();
            entries.push(CoverageEntry {
                url,
                text,
                ranges: disjoint(&ranges),
                raw: options.raw.then(|| raw.to_owned()),
            });
        }
        Ok(entries)
    }

    /// Begins to count which rules of style sheets apply.
    ///
    /// # Errors
    /// Where it has begun already, and as any command.
    pub async fn start_css(&self, reset_on_navigation: bool) -> Result<(), CoverageError> {
        let session = self.page.session();
        {
            let mut run = locked(&self.css);
            if run.is_some() {
                return Err(CoverageError::Running("CSS"));
            }
            let texts = Texts::default();
            let (kept, of_sheets) = (Arc::clone(&texts), session.clone());
            let mut listeners = vec![session.on("CSS.styleSheetAdded", move |params| {
                let Some(StyleSheetAdded { header }) = borrow_event::<StyleSheetAdded>(params) else {
                    return;
                };
                if header.source_url.is_empty() {
                    return;
                }
                let (id, url) = (header.style_sheet_id, header.source_url);
                add(&kept, &id, url);
                fetch(
                    &of_sheets,
                    &kept,
                    "CSS.getStyleSheetText",
                    ("styleSheetId", id),
                    |raw| {
                        let sheet: SheetText<'_> = serde_json::from_str(raw).ok()?;
                        Some(lossy::string(sheet.text.get()))
                    },
                );
            })];
            if reset_on_navigation {
                listeners.push(forget_at_navigations(session, &texts));
            }
            *run = Some(Run {
                texts,
                js: None,
                _listeners: listeners,
            });
        }
        let started = all(vec![
            send(session, "DOM.enable", json!({})),
            send(session, "CSS.enable", json!({})),
            send(session, "CSS.startRuleUsageTracking", json!({})),
        ])
        .await;
        if let Err(error) = started {
            locked(&self.css).take();
            drop(end_css(session));
            return Err(error.into());
        }
        Ok(())
    }

    /// Ends the count of rules.
    ///
    /// # Errors
    /// Where it has not begun, and as any command.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "offsets are whole numbers that Chrome writes as any number"
    )]
    pub async fn stop_css(&self) -> Result<Vec<CoverageEntry>, CoverageError> {
        let run = locked(&self.css).take().ok_or(CoverageError::Stopped("CSS"))?;
        let session = self.page.session();
        let method = "CSS.stopRuleUsageTracking";
        let tracked = send(session, method, json!({})).await;
        // Also where there is nothing to tell. A text that was asked for meanwhile is answered before these.
        let ended = all(end_css(session)).await;
        let tracked = tracked?;
        ended?;
        let usage: RuleUsage = decode(method, tracked.get())?;
        let mut used: HashMap<String, Vec<(u64, u64, bool)>> = HashMap::new();
        for rule in usage.rule_usage {
            let range = (rule.start_offset as u64, rule.end_offset as u64, rule.used);
            used.entry(rule.style_sheet_id).or_default().push(range);
        }
        let texts = std::mem::take(&mut *locked(&run.texts));
        let mut sheets: Vec<_> = texts.into_iter().collect();
        sheets.sort_by_key(|(_, source)| source.order);
        let entries = sheets.into_iter().filter_map(|(id, source)| {
            Some(CoverageEntry {
                url: source.url,
                text: source.text?,
                ranges: disjoint(used.get(&id).map_or(&[], Vec::as_slice)),
                raw: None,
            })
        });
        Ok(entries.collect())
    }
}

/// Where the innermost of nested ranges was used. Neighbours become one.
fn disjoint(ranges: &[(u64, u64, bool)]) -> Vec<(u64, u64)> {
    let mut nested: Vec<_> = ranges.iter().filter(|(start, end, _)| start < end).collect();
    // The outer of two that begin together comes first.
    nested.sort_by_key(|(start, end, _)| (*start, std::cmp::Reverse(*end)));
    let mut covered: Vec<(u64, u64)> = Vec::new();
    let mut cover = |from: u64, to: u64, used: bool| {
        if !used || from >= to {
            return;
        }
        match covered.last_mut() {
            Some((_, end)) if *end == from => *end = to,
            _ => covered.push((from, to)),
        }
    };
    // Those that the place is in, the innermost last.
    let mut open: Vec<(u64, bool)> = Vec::new();
    let mut at = 0;
    for &(start, end, used) in nested {
        while let Some(&(inner_end, inner_used)) = open.last().filter(|(end, _)| *end <= start) {
            cover(at, inner_end, inner_used);
            at = at.max(inner_end);
            open.pop();
        }
        if let Some(&(_, outer_used)) = open.last() {
            cover(at, start, outer_used);
        }
        at = start;
        open.push((end, used));
    }
    while let Some((end, used)) = open.pop() {
        cover(at, end, used);
        at = at.max(end);
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::disjoint;

    /// The used places one by one: of those around it, the shortest range decides.
    fn places(ranges: &[(u64, u64, bool)]) -> Vec<u64> {
        let is_used = |place: &u64| {
            let around = ranges
                .iter()
                .filter(|(start, end, _)| start <= place && place < end);
            around
                .min_by_key(|(start, end, _)| end - start)
                .is_some_and(|(.., used)| *used)
        };
        (0..100).filter(is_used).collect()
    }

    #[test]
    fn the_innermost_range_decides_at_each_place() {
        let cases: &[&[(u64, u64, bool)]] = &[
            &[],
            &[(0, 0, true)],
            &[(3, 9, false)],
            &[(0, 50, true), (10, 20, false), (12, 15, true)],
            &[(0, 50, false), (0, 20, true), (20, 30, true), (40, 50, true)],
            &[(0, 10, true), (10, 20, true), (30, 40, true)],
            &[(5, 60, true), (5, 60, false), (5, 10, true)],
        ];
        for ranges in cases {
            let found = disjoint(ranges);
            let found: Vec<u64> = found.iter().flat_map(|(start, end)| *start..*end).collect();
            if ranges.len() == 3 && ranges[0].1 == ranges[1].1 && ranges[0].0 == ranges[1].0 {
                assert_eq!(
                    found,
                    (5..10).collect::<Vec<_>>(),
                    "the later of two equals is the inner one"
                );
            } else {
                assert_eq!(found, places(ranges), "{ranges:?}");
            }
        }
    }

    #[test]
    fn neighbours_become_one() {
        assert_eq!(
            disjoint(&[(0, 10, true), (10, 20, true), (30, 40, true)]),
            [(0, 20), (30, 40)]
        );
    }
}
