//! `Coverage`

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::node::js::class::{self, Class, Method};
use crate::node::js::{Call, ErrorClass, JsRef, Scope, Thrown, Value};
use crate::page::{Coverage, CoverageEntry, CoverageError, JsCoverageOptions, Page};

use super::error::Rejection;
use super::{options, promise, value};

/// What the objects carry.
pub(super) type CoverageData = Arc<Coverage>;

/// The page's coverage: one object for the page's life.
pub(super) fn of_page<'s>(
    scope: Scope<'s>,
    known: &OnceCell<JsRef>,
    page: &Page,
) -> Result<Value<'s>, Thrown> {
    if let Some(known) = known.get() {
        return Ok(known.get(scope));
    }
    let object = class::instantiate::<CoverageClass>(scope, Rc::new(Arc::new(Coverage::new(page))))?;
    if let Some(kept) = JsRef::new(object) {
        let _ = known.set(kept);
    }
    Ok(object)
}

impl Rejection for CoverageError {
    fn to_value<'s>(&self, scope: Scope<'s>) -> Value<'s> {
        match self {
            Self::Call(error) => error.to_value(scope),
            Self::Running(_) | Self::Stopped(_) => {
                let code = Some("ERR_INVALID_ARG_VALUE");
                scope.error(ErrorClass::Error, &self.to_string(), code)
            }
        }
    }
}

fn is_set(given: Value<'_>, name: &str, default: bool) -> Result<bool, Thrown> {
    Ok(options::get(given, name)?.map_or(default, Value::is_truthy))
}

fn start_js<'s>(scope: Scope<'s>, coverage: &CoverageData, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let given = call.argument(0);
    let default = JsCoverageOptions::default();
    let options = JsCoverageOptions {
        reset_on_navigation: is_set(given, "resetOnNavigation", default.reset_on_navigation)?,
        anonymous: is_set(given, "reportAnonymousScripts", default.anonymous)?,
        raw: is_set(given, "includeRawScriptCoverage", default.raw)?,
        blocks: is_set(given, "useBlockCoverage", default.blocks)?,
    };
    let coverage = Arc::clone(coverage);
    promise::start_void(scope, async move { coverage.start_js(options).await })
}

fn stop_js<'s>(scope: Scope<'s>, coverage: &CoverageData) -> Result<Value<'s>, Thrown> {
    let coverage = Arc::clone(coverage);
    promise::start(scope, async move { coverage.stop_js().await }, show)
}

fn start_css<'s>(scope: Scope<'s>, coverage: &CoverageData, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let resets = is_set(call.argument(0), "resetOnNavigation", true)?;
    let coverage = Arc::clone(coverage);
    promise::start_void(scope, async move { coverage.start_css(resets).await })
}

fn stop_css<'s>(scope: Scope<'s>, coverage: &CoverageData) -> Result<Value<'s>, Thrown> {
    let coverage = Arc::clone(coverage);
    promise::start(scope, async move { coverage.stop_css().await }, show)
}

#[expect(clippy::cast_precision_loss, reason = "no script is that long")]
fn show(scope: Scope<'_>, entries: Vec<CoverageEntry>) -> Result<Value<'_>, Thrown> {
    let mut shown = Vec::with_capacity(entries.len());
    for entry in entries {
        let ranges = entry.ranges.iter().map(|(start, end)| {
            let range = scope.object().set("start", scope.number(*start as f64));
            range.set("end", scope.number(*end as f64))
        });
        let object = scope.object().set("url", scope.string(&entry.url));
        object.set("ranges", scope.array(ranges));
        object.set("text", scope.string(&entry.text));
        if let Some(raw) = &entry.raw {
            object.set("rawScriptCoverage", value::from_json(scope, raw.get())?);
        }
        shown.push(object);
    }
    Ok(scope.array(shown))
}

pub(super) struct CoverageClass;

impl Class for CoverageClass {
    type Data = CoverageData;
    const NAME: &'static str = "Coverage";
    const METHODS: &'static [Method<CoverageData>] = &[
        Method::promise("startJSCoverage", |scope, coverage, call| {
            start_js(scope, coverage, call)
        }),
        Method::promise("stopJSCoverage", |scope, coverage, _| stop_js(scope, coverage)),
        Method::promise("startCSSCoverage", |scope, coverage, call| {
            start_css(scope, coverage, call)
        }),
        Method::promise("stopCSSCoverage", |scope, coverage, _| stop_css(scope, coverage)),
    ];
}
