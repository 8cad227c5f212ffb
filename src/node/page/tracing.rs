//! `Tracing`

use std::cell::RefCell;

use crate::node::js::class::{Class, Method};
use crate::node::js::{Scope, Value};
use crate::page::{DEFAULT_CATEGORIES, Page, TracingError};

use super::{options, promise};

/// What the object carries.
pub(super) struct TracingData {
    pub page: Page,
    /// Where the recording is written in the end.
    pub path: RefCell<Option<String>>,
}

pub(super) struct Tracing;

impl Class for Tracing {
    type Data = TracingData;
    const NAME: &'static str = "Tracing";
    const METHODS: &'static [Method<TracingData>] = &[
        Method::promise("start", |scope, tracing, call| {
            let given = call.argument(0);
            let mut categories: Vec<String> = DEFAULT_CATEGORIES.map(ToOwned::to_owned).to_vec();
            if let Some(list) = options::get(given, "categories")? {
                categories.clear();
                for name in list.elements()? {
                    categories.push(name.coerce_to_string()?);
                }
            }
            if options::flag(given, "screenshots")? {
                categories.push("disabled-by-default-devtools.screenshot".to_owned());
            }
            *tracing.path.borrow_mut() = options::string(given, "path")?;
            let page = tracing.page.clone();
            promise::start_void(scope, async move { page.start_tracing(&categories).await })
        }),
        Method::promise("stop", |scope, tracing, _| {
            let (page, path) = (tracing.page.clone(), tracing.path.take());
            let stopping = async move {
                let bytes = page.stop_tracing().await?;
                if let Some(path) = path {
                    tokio::fs::write(path, &bytes)
                        .await
                        .map_err(TracingError::Write)?;
                }
                Ok::<_, TracingError>(bytes)
            };
            promise::start(scope, stopping, show)
        }),
    ];
}

#[expect(clippy::unnecessary_wraps, reason = "it is a conversion")]
fn show(scope: Scope<'_>, bytes: Vec<u8>) -> Result<Value<'_>, crate::node::js::Thrown> {
    Ok(scope.buffer(bytes))
}
