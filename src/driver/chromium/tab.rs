//! One page of the pool: its session, and what is captured from it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::console::{ConsoleLine, Message, value_text};
use crate::capture::{ConsoleErrorEntry, ConsoleErrors, PendingRequest, Place, Source, exception_entry};
use crate::cdp::{Connection, Deadline, Listener, Session, io};
use crate::page::{ConsoleMessage, Page};
use crate::pool::TabId;

/// How long a page may take to give an object's JSON.
const JSON_PATIENCE: Duration = Duration::from_secs(5);
/// Messages of one page whose objects are being asked for; beyond it, objects stand for themselves.
const MOST_ASKED: usize = 64;

/// Where what pages say goes, once it is in the list of errors. Called on the I/O thread.
pub trait ConsoleSink: Send + Sync {
    /// A console message, for the log.
    fn said(&self, tab: TabId, page_id: &str, line: ConsoleLine);
    /// An uncaught exception, for the log.
    fn thrown(&self, tab: TabId, exception_id: Option<i64>, entry: ConsoleErrorEntry);
    /// An exception that V8 took back, for the log.
    fn revoked(&self, tab: TabId, exception_id: i64, reason: &str);
}

/// The driver's side of its tabs: they all report to it.
#[derive(Clone)]
pub(super) struct Capture {
    pub errors: Arc<Mutex<ConsoleErrors>>,
    pub sink: Arc<dyn ConsoleSink>,
}

/// One page and what it is captured by.
pub struct Tab {
    page_id: String,
    page: Page,
    /// Set before we close it: its end is no news then.
    pub(super) closing: AtomicBool,
    standing_by: Arc<AtomicBool>,
    _listeners: Vec<Listener>,
}

impl Tab {
    /// Listens to a page that has not been sent anywhere yet.
    pub(super) fn new(id: TabId, page_id: String, page: Page, capture: &Capture) -> Arc<Self> {
        let standing_by = Arc::new(AtomicBool::new(true));
        let recorder = Recorder {
            tab: id,
            page_id: page_id.clone(),
            session: page.session().clone(),
            capture: capture.clone(),
            standing_by: Arc::clone(&standing_by),
            asked: Arc::default(),
        };
        let mut listeners = recorder.listen_to_workers(page.browser().connection());
        listeners.extend(recorder.listen());
        let closing = AtomicBool::new(false);
        Arc::new(Self {
            page_id,
            page,
            closing,
            standing_by,
            _listeners: listeners,
        })
    }

    /// The UUID that stays with the page for life.
    #[must_use]
    pub fn page_id(&self) -> &str {
        &self.page_id
    }

    /// The page's session.
    #[must_use]
    pub fn session(&self) -> &Session {
        self.page.session()
    }

    /// The page itself.
    #[must_use]
    pub fn page(&self) -> &Page {
        &self.page
    }

    /// The requests that have not ended, oldest first, and the time by the clock that they were begun at.
    #[must_use]
    pub fn pending_requests(&self) -> (Vec<PendingRequest>, f64) {
        self.page.pending_requests()
    }

    /// The standby is ready: from here on a failing `/_standby` is news.
    pub(super) fn loaded(&self) {
        self.standing_by.store(false, Ordering::Release);
    }
}

/// Puts what a page says where it belongs, on the reader as far as possible: what was said before an answer is
/// there when the answer is.
#[derive(Clone)]
struct Recorder {
    tab: TabId,
    page_id: String,
    session: Session,
    capture: Capture,
    standing_by: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExceptionThrown<'a> {
    #[serde(borrow)]
    exception_details: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExceptionRevoked {
    exception_id: i64,
    #[serde(default)]
    reason: String,
}

/// `Target.attachedToTarget`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WorkerAttached {
    session_id: String,
    target_info: WorkerInfo,
}

#[derive(Deserialize)]
struct WorkerInfo {
    #[serde(rename = "type")]
    kind: String,
}

/// `Target.detachedFromTarget`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WorkerDetached {
    session_id: String,
}

/// More exceptions than a page throws while it is kept.
const EXCEPTION_BITS: u32 = 32;

impl Recorder {
    fn listen(self) -> Vec<Listener> {
        let session = self.session.clone();
        let (calls, entries) = (self.clone(), self.clone());
        let mut listeners = vec![
            session.on("Runtime.consoleAPICalled", move |params| {
                if let Some(message) = ConsoleMessage::from_call(params) {
                    calls.said(&message);
                }
            }),
            session.on("Log.entryAdded", move |params| {
                if let Some(message) = ConsoleMessage::from_log(params) {
                    entries.said(&message);
                }
            }),
        ];
        listeners.extend(self.listen_to_exceptions(0));
        listeners
    }

    /// Exceptions are numbered for each session, of which `realm` is this one's number in its page.
    fn listen_to_exceptions(self, realm: i64) -> [Listener; 2] {
        let session = self.session.clone();
        let (thrown, revoked) = (self.clone(), self);
        let of_page = move |id: i64| id.wrapping_add(realm << EXCEPTION_BITS);
        [
            session.on("Runtime.exceptionThrown", move |params| {
                let details = serde_json::from_str::<ExceptionThrown<'_>>(params.get());
                let entry = details
                    .ok()
                    .and_then(|thrown| exception_entry(thrown.exception_details.get()));
                if let Some((id, entry)) = entry {
                    let id = id.map(of_page);
                    thrown.errors(|errors| errors.push_exception(&thrown.page_id, id, entry.clone()));
                    thrown.capture.sink.thrown(thrown.tab, id, entry);
                }
            }),
            session.on("Runtime.exceptionRevoked", move |params| {
                if let Ok(event) = serde_json::from_str::<ExceptionRevoked>(params.get()) {
                    let id = of_page(event.exception_id);
                    revoked.errors(|errors| errors.revoke(&revoked.page_id, id));
                    revoked.capture.sink.revoked(revoked.tab, id, &event.reason);
                }
            }),
        ]
    }

    /// Follows the page's workers: their console is their page's. Whoever attached to them lets them run.
    fn listen_to_workers(&self, connection: &Connection) -> Vec<Listener> {
        let heard = Arc::<Mutex<HashMap<String, [Listener; 3]>>>::default();
        let workers = AtomicI64::new(0);
        let ended = Arc::clone(&heard);
        let (recorder, connection) = (self.clone(), connection.clone());
        vec![
            self.session.on("Target.attachedToTarget", move |params| {
                let Ok(event) = serde_json::from_str::<WorkerAttached>(params.get()) else {
                    return;
                };
                if event.target_info.kind != "worker" {
                    return;
                }
                let Some(session) = connection.session(&event.session_id) else {
                    return;
                };
                let recorder = Self {
                    session: session.clone(),
                    ..recorder.clone()
                };
                let realm = workers.fetch_add(1, Ordering::Relaxed) + 1;
                let [thrown, revoked] = recorder.clone().listen_to_exceptions(realm);
                let said = session.on("Runtime.consoleAPICalled", move |params| {
                    if let Some(message) = ConsoleMessage::from_call(params) {
                        recorder.said(&message);
                    }
                });
                session.call("Runtime.enable", json!({}), Deadline::Protocol, |_| {});
                heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(event.session_id, [said, thrown, revoked]);
            }),
            self.session.on("Target.detachedFromTarget", move |params| {
                if let Ok(event) = serde_json::from_str::<WorkerDetached>(params.get()) {
                    ended
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .remove(&event.session_id);
                }
            }),
        ]
    }

    fn errors<T>(&self, work: impl FnOnce(&mut ConsoleErrors) -> T) -> T {
        work(&mut self.capture.errors.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn said(&self, message: &ConsoleMessage) {
        let message = Message::new(message);
        if self.standing_by.load(Ordering::Acquire) && message.is_standby_not_ready() {
            return;
        }
        let place = self.errors(|errors| errors.reserve(&self.page_id));
        if message.objects().next().is_none() || self.asked.load(Ordering::Relaxed) >= MOST_ASKED {
            self.keep(message.finish_without_objects(), place);
            return;
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
        let calls: Vec<_> = message
            .objects()
            .map(|object| {
                let params = json!({
                    "functionDeclaration": "object => object",
                    "objectId": object,
                    "arguments": [{ "objectId": object }],
                    "returnByValue": true,
                });
                self.session
                    .send_raw("Runtime.callFunctionOn", params, Deadline::Within(JSON_PATIENCE))
            })
            .collect();
        let recorder = self.clone();
        // Ends with the calls, which have a deadline.
        io::spawn(async move {
            let mut texts = Vec::with_capacity(calls.len());
            for call in calls {
                texts.push(call.await.ok().and_then(|answer| returned(&answer)));
            }
            recorder.asked.fetch_sub(1, Ordering::Relaxed);
            recorder.keep(message.finish(texts.into_iter()), place);
        });
    }

    /// Lists the message before it is logged: who sees the line, on another thread, finds the entry.
    fn keep(&self, line: ConsoleLine, place: Place) {
        if line.level.is_error() {
            let entry = ConsoleErrorEntry {
                kind: line.kind.clone(),
                text: line.text.clone(),
                location: line.location.clone(),
                stack_frames: line.stack_frames.clone(),
                source: Some(Source::Console),
                revoked: false,
            };
            self.errors(|errors| errors.push_console(&self.page_id, place, entry));
        }
        self.capture.sink.said(self.tab, &self.page_id, line);
    }
}

/// The value that a call returned, as text.
fn returned(answer: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer<'a> {
        #[serde(borrow)]
        result: Returned<'a>,
        #[serde(borrow)]
        exception_details: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Returned<'a> {
        #[serde(borrow)]
        value: Option<&'a RawValue>,
    }
    let answer: Answer<'_> = serde_json::from_str(answer.get()).ok()?;
    if answer.exception_details.is_some() {
        None
    } else {
        value_text(answer.result.value?)
    }
}
