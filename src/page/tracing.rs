//! Recording what a browser does.

use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde_json::json;

use crate::cdp::CallError;

use super::page::{Page, send};
use super::stream::{Stream, StreamError};

/// Why nothing is recorded, or nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum TracingError {
    /// It is being done.
    #[error("Cannot start recording trace while already recording trace.")]
    Running,
    /// Chrome kept nothing.
    #[error("Missing \"stream\"")]
    Nothing,
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] StreamError),
    /// It could not be written to its file.
    #[error("the trace cannot be written")]
    Write(#[source] std::io::Error),
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// What is recorded where nothing is said; `-` leaves a category out.
pub const DEFAULT_CATEGORIES: [&str; 11] = [
    "-*",
    "devtools.timeline",
    "v8.execute",
    "disabled-by-default-devtools.timeline",
    "disabled-by-default-devtools.timeline.frame",
    "toplevel",
    "blink.console",
    "blink.user_timing",
    "latencyInfo",
    "disabled-by-default-devtools.timeline.stack",
    "disabled-by-default-v8.cpu_profiler",
];

#[derive(Deserialize)]
struct Complete {
    stream: Option<String>,
}

impl Page {
    /// Begins to record these categories.
    ///
    /// # Errors
    /// While a recording is under way.
    pub async fn start_tracing(&self, categories: &[String]) -> Result<(), TracingError> {
        if self.0.tracing.swap(true, Ordering::AcqRel) {
            return Err(TracingError::Running);
        }
        let excluded: Vec<&str> = categories
            .iter()
            .filter_map(|name| name.strip_prefix('-'))
            .collect();
        let included: Vec<&String> = categories.iter().filter(|name| !name.starts_with('-')).collect();
        let params = json!({
            "transferMode": "ReturnAsStream",
            "traceConfig": { "excludedCategories": excluded, "includedCategories": included },
        });
        let started = send(self.session(), "Tracing.start", params).await;
        if started.is_err() {
            self.0.tracing.store(false, Ordering::Release);
        }
        Ok(started.map(drop)?)
    }

    /// Ends the recording and gives it back, as JSON.
    ///
    /// # Errors
    /// As any command.
    pub async fn stop_tracing(&self) -> Result<Vec<u8>, TracingError> {
        let (sender, mut completed) = tokio::sync::mpsc::unbounded_channel();
        let listener = self.session().on("Tracing.tracingComplete", move |params| {
            // Nobody waits any more where the receiver is gone.
            let _ = sender.send(serde_json::from_str::<Complete>(params.get()));
        });
        let ending = send(self.session(), "Tracing.end", json!({}));
        self.0.tracing.store(false, Ordering::Release);
        ending.await?;
        let complete = tokio::select! {
            complete = completed.recv() => complete,
            _ = self.session().closed() => None,
        };
        drop(listener);
        let handle = complete.and_then(Result::ok).and_then(|complete| complete.stream);
        let stream = Stream::new(self.session(), handle.ok_or(TracingError::Nothing)?);
        Ok(stream.read_all().await?)
    }
}
