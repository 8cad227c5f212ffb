//! Chrome's counters of a page.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::cdp::{Call, CallError, Session};

use super::decode::{decode, decode_event};
use super::events::Event;
use super::page::{Page, send};

/// What is counted, by name.
pub type Metrics = Vec<(String, f64)>;

/// The counters at a point that the page marked.
pub struct Mark {
    /// What the page called it.
    pub title: String,
    /// The counters.
    pub metrics: Metrics,
}

const SHOWN: [&str; 13] = [
    "Timestamp",
    "Documents",
    "Frames",
    "JSEventListeners",
    "Nodes",
    "LayoutCount",
    "RecalcStyleCount",
    "LayoutDuration",
    "RecalcStyleDuration",
    "ScriptDuration",
    "TaskDuration",
    "JSHeapUsedSize",
    "JSHeapTotalSize",
];

#[derive(Deserialize)]
struct Counted {
    #[serde(default)]
    title: String,
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
struct Metric {
    name: String,
    value: f64,
}

impl Counted {
    fn shown(self) -> Metrics {
        let metrics = self.metrics.into_iter();
        metrics
            .filter(|metric| SHOWN.contains(&metric.name.as_str()))
            .map(|metric| (metric.name, metric.value))
            .collect()
    }
}

impl Page {
    /// Chrome's counters of the page.
    ///
    /// # Errors
    /// As any command.
    pub async fn metrics(&self) -> Result<Metrics, CallError> {
        // Chrome answers the question on a thread of its own: sent together, it could overtake what begins the count.
        self.enable_metrics().await?;
        let method = "Performance.getMetrics";
        let answer = send(self.session(), method, json!({})).await?;
        Ok(decode::<Counted>(method, answer.get())?.shown())
    }

    /// Begins to count, or goes on: whoever never asks pays nothing.
    pub(super) fn enable_metrics(&self) -> Call<Box<RawValue>> {
        if !self.0.metrics_enabled.swap(true, Ordering::AcqRel) {
            self.listen_to(self.session(), &[("Performance.metrics", Self::on_metrics)]);
        }
        send(self.session(), "Performance.enable", json!({}))
    }

    fn on_metrics(&self, _: &Session, params: &RawValue) {
        if let Some(mut counted) = decode_event::<Counted>(params) {
            let title = std::mem::take(&mut counted.title);
            let metrics = counted.shown();
            self.emit(&Event::Metrics(Arc::new(Mark { title, metrics })));
        }
    }
}
