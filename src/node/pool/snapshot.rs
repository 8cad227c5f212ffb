//! Snapshots as plain objects, with optional keys left out.

use super::super::js::{Scope, Value};
use crate::capture::{ConsoleErrorEntry, ConsoleErrorLocation, Source};
use crate::pool::{
    AffinityQueueDepth, Priority, QueueDepthSnapshot, SharedContextSnapshot, Vacancy, WornTabSwaps,
};

pub(super) fn shared_contexts<'s>(scope: Scope<'s>, snapshot: &SharedContextSnapshot) -> Value<'s> {
    let entries = snapshot.entries.iter().map(|entry| {
        let row = scope
            .object()
            .set("affinityKey", scope.string(entry.affinity.as_str()))
            .set("pageCount", count(scope, entry.page_count))
            .set("lastUsedAt", scope.number(entry.last_used_at))
            .set("closing", scope.boolean(entry.closing));
        with_popups(row, entry.popup_count)
    });
    scope
        .object()
        .set("cap", count(scope, snapshot.cap))
        .set("entries", scope.array(entries))
}

pub(super) fn vacancies<'s>(scope: Scope<'s>, vacancies: &[Vacancy]) -> Value<'s> {
    let record = scope.object();
    for vacancy in vacancies {
        let entry = scope
            .object()
            .set("idle", scope.boolean(vacancy.idle))
            .set("tabCount", count(scope, vacancy.tab_count));
        if let Some(priority) = vacancy.max_pending_priority {
            entry.set("maxPendingPriority", scope.number(priority.get()));
        }
        record.define(vacancy.affinity.as_str(), entry);
    }
    record
}

pub(super) fn queue_depths<'s>(scope: Scope<'s>, snapshot: &QueueDepthSnapshot) -> Value<'s> {
    let affinities = snapshot.affinities.iter().map(|depth| affinity(scope, depth));
    scope
        .object()
        .set("totalTabs", count(scope, snapshot.total_tabs))
        .set("totalPending", count(scope, snapshot.total_pending))
        .set("affinities", scope.array(affinities))
}

fn affinity<'s>(scope: Scope<'s>, depth: &AffinityQueueDepth) -> Value<'s> {
    let by_queue = scope
        .object()
        .set("file", count(scope, depth.by_queue.file))
        .set("module", count(scope, depth.by_queue.module))
        .set("command", count(scope, depth.by_queue.command));
    let admission = scope
        .object()
        .set("pending", count(scope, depth.admission.pending))
        .set("cap", count(scope, depth.admission.cap));
    let row = scope
        .object()
        .set("affinityKey", scope.string(depth.affinity.as_str()))
        .set("tabCount", count(scope, depth.tab_count))
        .set("pendingTotal", count(scope, depth.pending_total))
        .set("maxPending", count(scope, depth.max_pending))
        .set("idle", scope.boolean(depth.idle))
        .set("byQueue", by_queue)
        .set("admission", admission)
        .set(
            "tabQueuedByPriority",
            by_priority(scope, &depth.tab_queued_by_priority),
        )
        .set(
            "admissionQueuedByPriority",
            by_priority(scope, &depth.admission_queued_by_priority),
        );
    with_popups(row, depth.popup_count)
}

/// Only where there are any: most callers know of none.
fn with_popups(row: Value<'_>, popups: u32) -> Value<'_> {
    if popups > 0 {
        row.set("popupCount", count(row.scope(), popups));
    }
    row
}

pub(super) fn worn_tab_swaps(scope: Scope<'_>, swaps: WornTabSwaps) -> Value<'_> {
    scope
        .object()
        .set("uses", count(scope, swaps.uses))
        .set("age", count(scope, swaps.age))
        .set("memory", count(scope, swaps.memory))
}

fn by_priority<'s>(scope: Scope<'s>, counts: &[(Priority, u32)]) -> Value<'s> {
    let record = scope.object();
    for (priority, waiting) in counts {
        record.set_key(scope.number(priority.get()), count(scope, *waiting));
    }
    record
}

pub(super) fn console_errors<'s>(scope: Scope<'s>, entries: &[ConsoleErrorEntry]) -> Value<'s> {
    scope.array(entries.iter().map(|entry| console_error(scope, entry)))
}

fn console_error<'s>(scope: Scope<'s>, entry: &ConsoleErrorEntry) -> Value<'s> {
    let object = scope
        .object()
        .set("type", scope.string(&entry.kind))
        .set("text", scope.string(&entry.text));
    if let Some(place) = &entry.location {
        object.set("location", location(scope, place));
    }
    if !entry.stack_frames.is_empty() {
        object.set(
            "stackFrames",
            scope.array(entry.stack_frames.iter().map(|frame| location(scope, frame))),
        );
    }
    match entry.source {
        Some(Source::Console) => object.set("source", scope.string("console")),
        Some(Source::Exception) => object.set("source", scope.string("exception")),
        None => object,
    };
    if entry.revoked {
        object.set("revoked", scope.boolean(true));
    }
    object
}

fn location<'s>(scope: Scope<'s>, place: &ConsoleErrorLocation) -> Value<'s> {
    let object = scope.object();
    if let Some(url) = &place.url {
        object.set("url", scope.string(url));
    }
    if let Some(line) = place.line_number {
        object.set("lineNumber", scope.number(line));
    }
    if let Some(column) = place.column_number {
        object.set("columnNumber", scope.number(column));
    }
    object
}

/// The other way round, for the test hook: a revoked exception.
pub(super) fn read_console_error(value: Value<'_>) -> Option<ConsoleErrorEntry> {
    let text = |name| value.get(name).ok().and_then(Value::as_string);
    let frames = value
        .get("stackFrames")
        .ok()
        .and_then(|frames| frames.elements().ok())
        .unwrap_or_default();
    value.is_object().then(|| ConsoleErrorEntry {
        kind: text("type").unwrap_or_else(|| "error".to_owned()),
        text: text("text").unwrap_or_default(),
        location: value.get("location").ok().and_then(read_location),
        stack_frames: frames.into_iter().filter_map(read_location).collect(),
        source: Some(Source::Exception),
        revoked: true,
    })
}

/// A place as puppeteer gives it; none where it says nothing.
pub(crate) fn read_location(value: Value<'_>) -> Option<ConsoleErrorLocation> {
    let number = |name| value.get(name).ok().and_then(Value::as_f64);
    let place = ConsoleErrorLocation {
        url: value
            .get("url")
            .ok()
            .and_then(Value::as_string)
            .filter(|url| !url.is_empty()),
        line_number: number("lineNumber"),
        column_number: number("columnNumber"),
    };
    Some(place).filter(|place| value.is_object() && !place.is_empty())
}

fn count(scope: Scope<'_>, count: u32) -> Value<'_> {
    scope.number(f64::from(count))
}
