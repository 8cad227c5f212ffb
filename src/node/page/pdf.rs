//! `pdf` and `createPDFStream`.

use crate::node::js::class::Method;
use crate::page::{PdfError, PdfOptions};

use super::emulation::from_js;
use super::page::PageData;
use super::{options, promise, stream};

pub(super) const METHODS: &[Method<PageData>] = &[
    Method::promise("pdf", |scope, page, call| {
        let given = call.argument(0);
        let path = options::string(given, "path")?;
        let read: PdfOptions = from_js(scope, given)?.unwrap_or_default();
        let page = page.core.clone();
        let printing = async move {
            let bytes = page.pdf(&read).await?;
            if let Some(path) = path {
                tokio::fs::write(path, &bytes).await.map_err(PdfError::Write)?;
            }
            Ok::<_, PdfError>(bytes)
        };
        promise::start(scope, printing, |scope, bytes| Ok(scope.buffer(bytes)))
    }),
    Method::promise("createPDFStream", |scope, page, call| {
        let read: PdfOptions = from_js(scope, call.argument(0))?.unwrap_or_default();
        let page = page.core.clone();
        let printing = async move { page.pdf_stream(&read).await };
        promise::start(scope, printing, stream::readable)
    }),
];
