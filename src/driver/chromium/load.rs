//! Making a page and loading in it what tabs stand by on.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use chromiumoxide::cdp::js_protocol::runtime::{EvaluateParams, ExceptionDetails};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::tab::{Capture, Tab};
use crate::cdp::{Call, CallError, CloseReason, Deadline, Health, Listener, Session};
use crate::driver::{Phase, StandbyPage, StandbyReport, origin};
use crate::page::{BrowserContext, Opened, Page, refusal};
use crate::pool::{FailureKind, TabId};

/// Resolves once the page stands by: when the selector, if there is one, finds something. Mutations tell at once; the
/// interval is for documents that are replaced from under the observer.
const READY: &str = "(selector => new Promise(resolve => {
  let observer, interval;
  const check = () => {
    // First of all, so that a selector that is none is said at once.
    const found = selector === null || document.querySelector(selector);
    if (document.readyState === 'loading' || !found) return;
    observer?.disconnect();
    clearInterval(interval);
    resolve(true);
    return true;
  };
  if (check()) return;
  observer = new MutationObserver(check);
  observer.observe(document, { subtree: true, childList: true, attributes: true });
  document.addEventListener('readystatechange', check);
  interval = setInterval(check, 100);
}))";

/// Resolves once the function gives a truthy value, and rejects with what it throws.
const TRUE: &str = "(isReady => new Promise((resolve, reject) => {
  const ask = async () => {
    try {
      if (await isReady()) resolve(true);
      else setTimeout(ask, 50);
    } catch (error) {
      reject(error);
    }
  };
  ask();
}))";

/// Before readiness is asked for again after the document was replaced.
const RETRY: Duration = Duration::from_millis(20);

/// Why there is no loaded page.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The host app is not there yet (`STANDBY_NOT_READY`).
    #[error("Standby target {url} is not ready: {reason}")]
    NotReady {
        /// What was gone to.
        url: String,
        /// What came instead.
        reason: String,
    },
    /// The navigation failed otherwise.
    #[error("{reason} at {url}")]
    Navigation {
        /// What was gone to.
        url: String,
        /// Chrome's name of the error.
        reason: String,
    },
    /// The page is of no use, and time does not change that (`STANDBY_FAILED`).
    #[error("Standby page {url} {why}")]
    Useless {
        /// What was gone to.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The budget ran out (`STANDBY_TIMEOUT`).
    #[error("Standby page {page_id} timed out after {}ms", .budget.as_millis())]
    TimedOut {
        /// The page.
        page_id: String,
        /// The budget.
        budget: Duration,
    },
    /// The page threw while it was asked whether it is ready.
    #[error("the standby page threw: {0}")]
    Threw(String),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl LoadError {
    pub(super) fn kind(&self) -> FailureKind {
        match self {
            Self::NotReady { .. } => FailureKind::TargetNotReady,
            Self::TimedOut { .. }
            | Self::Call(CallError::TimedOut { .. } | CallError::ProtocolTimedOut { .. }) => {
                FailureKind::TimedOut
            }
            Self::Call(CallError::Disconnected { .. }) => FailureKind::Browser,
            Self::Navigation { .. } | Self::Useless { .. } | Self::Threw(_) | Self::Call(_) => {
                FailureKind::Other
            }
        }
    }
}

/// A load that failed, and what is known of its page.
#[derive(Debug)]
pub(super) struct Failed {
    pub error: LoadError,
    pub report: StandbyReport,
}

impl<E: Into<LoadError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            report: StandbyReport::default(),
        }
    }
}

/// What is to be loaded.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub page: StandbyPage,
    pub budget: Duration,
}

/// Makes a page in the context that loads the host app, captured before it does.
pub(super) async fn open(
    context: &BrowserContext,
    tab: TabId,
    page_id: &str,
    capture: &Capture,
    load: &Load,
    opened: impl FnOnce(&Arc<Tab>),
) -> Result<(), Failed> {
    let deadline = Instant::now() + load.budget;
    let late = || LoadError::TimedOut {
        page_id: page_id.to_owned(),
        budget: load.budget,
    };
    let (sender, prepared) = oneshot::channel();
    let prepare = {
        let (page_id, capture) = (page_id.to_owned(), capture.clone());
        let init_scripts = load.page.init_scripts.clone();
        move |page: &Page| {
            let tab = Tab::new(tab, page_id, page.clone(), &capture);
            let signals = Signals::listen(page.session(), page.target_id());
            let asked = prepare_documents(page.session(), &init_scripts);
            // Nobody waits any more where the attempt was given up.
            drop(sender.send((tab, signals, asked)));
        }
    };
    let Opened { page, navigating } = timeout_at(deadline, context.open_page(&load.page.url, prepare))
        .await
        .map_err(|_| late())??;
    let session = page.session().clone();
    let (tab, signals, asked) = prepared.await.map_err(|_| CallError::TargetClosed {
        method: "Target.createTarget".into(),
    })?;
    opened(&tab);
    let mut broken = signals.broken.subscribe();
    let loading = async {
        for answer in asked {
            timeout_at(deadline, answer).await.map_err(|_| late())??;
        }
        arrive(&session, &signals, load, deadline, &late).await
    };
    let refused = async {
        match navigating {
            Some(navigating) => refusal(navigating).await,
            None => std::future::pending().await,
        }
    };
    let outcome = tokio::select! {
        outcome = loading => outcome,
        reason = refused => Err(reason.map_or_else(LoadError::from, |reason| failed(&load.page.url, reason))),
        reason = broken.wait_for(Option::is_some) => {
            let reason = reason.ok().and_then(|reason| reason.clone()).unwrap_or_default();
            Err(LoadError::NotReady { url: load.page.url.clone(), reason })
        }
    };
    match outcome {
        Ok(()) => {
            tab.loaded();
            Ok(())
        }
        Err(error) => Err(Failed {
            error,
            report: signals.report(tab.page()),
        }),
    }
}

/// Sends what the capture and the scripts need beyond what every page has.
fn prepare_documents(session: &Session, init_scripts: &[String]) -> Vec<Call<Box<RawValue>>> {
    let send = |method, params| session.send_raw(method, params, Deadline::Protocol);
    let scripts = init_scripts.iter().map(|source| {
        let params = json!({ "source": source });
        send("Page.addScriptToEvaluateOnNewDocument", params)
    });
    std::iter::once(send("Log.enable", json!({})))
        .chain(scripts)
        .collect()
}

/// Waits for the document and then for the app.
async fn arrive(
    session: &Session,
    signals: &Signals,
    load: &Load,
    deadline: Instant,
    late: &impl Fn() -> LoadError,
) -> Result<(), LoadError> {
    let ready = ready(session, &load.page);
    if load.page.is_blank() {
        return timeout_at(deadline, ready).await.map_err(|_| late())?;
    }
    let mut document = signals.document.subscribe();
    let told = timeout_at(deadline, document.wait_for(|document| document.outcome.is_some()));
    let (loader, outcome) = tokio::select! {
        told = told => match told.map_err(|_| late())? {
            Ok(document) => (document.loader.clone(), document.outcome.clone()),
            // The signals keep the sender.
            Err(_) => return Err(late()),
        },
        health = session.unhealthy() => return Err(gone(health).into()),
    };
    match outcome {
        Some(Outcome::Answered { status, url }) => answered(&load.page, status, &url)?,
        Some(Outcome::Failed(reason)) => return Err(failed(&load.page.url, reason)),
        None => {}
    }
    let mut seen = signals.content_loaded.subscribe();
    let content_loaded = seen.wait_for(|loaders| loaders.contains(&loader));
    tokio::pin!(ready);
    tokio::select! {
        // Readiness implies that the content is loaded.
        outcome = &mut ready => return outcome,
        seen_in_time = timeout_at(deadline, content_loaded) => drop(seen_in_time.map_err(|_| late())?),
    }
    let given_up = async {
        if load.page.is_host_app {
            std::future::pending().await
        } else {
            signals.broke(&loader).await
        }
    };
    tokio::select! {
        biased;
        outcome = timeout(load.budget, ready) => outcome.map_err(|_| late())?,
        thrown = given_up => Err(LoadError::Useless {
            url: load.page.url.clone(),
            why: format!("threw, and does nothing more: {thrown}"),
        }),
    }
}

/// What an answer is good for.
fn answered(page: &StandbyPage, status: i64, from: &str) -> Result<(), LoadError> {
    let url = page.url.clone();
    if matches!(status, 502 | 503) {
        let reason = format!("HTTP {status}");
        return Err(LoadError::NotReady { url, reason });
    }
    if page.is_host_app {
        return Ok(());
    }
    if status >= 400 {
        let why = format!("answered with HTTP {status}");
        return Err(LoadError::Useless { url, why });
    }
    match (page.origin.as_deref(), origin(from)) {
        (Some(wanted), Some(came)) if wanted != came => {
            let why = format!("is redirected to another origin, {came}");
            Err(LoadError::Useless { url, why })
        }
        _ => Ok(()),
    }
}

/// Why a page has no document.
fn gone(health: Health) -> CallError {
    let method = "Page.navigate".into();
    match health {
        Health::Closed(CloseReason::Disconnected) => CallError::Disconnected { method },
        Health::Closed(CloseReason::TargetClosed) => CallError::TargetClosed { method },
        Health::Crashed | Health::Alive => CallError::TargetCrashed { method },
    }
}

fn failed(url: &str, reason: String) -> LoadError {
    let url = url.to_owned();
    let expected = [
        "ERR_CONNECTION_REFUSED",
        "ERR_CONNECTION_RESET",
        "ERR_CONNECTION_CLOSED",
        CERTIFICATE,
    ];
    if expected.iter().any(|error| reason.contains(error)) {
        LoadError::NotReady { url, reason }
    } else {
        LoadError::Navigation { url, reason }
    }
}

/// Waits until the page stands by, in whichever document.
async fn ready(session: &Session, page: &StandbyPage) -> Result<(), LoadError> {
    let mut expression = format!("{READY}({})", json!(page.ready_selector));
    if let Some(function) = &page.ready_function {
        // A line end ends a comment.
        expression = format!("{expression}.then(() => {TRUE}({function}\n))");
    }
    loop {
        let mut check = EvaluateParams::new(expression.clone());
        check.await_promise = Some(true);
        match session.send_within(check, Deadline::Unbounded).await {
            Ok(answer) => match answer.exception_details {
                None => return Ok(()),
                Some(details) => return Err(LoadError::Threw(thrown(details))),
            },
            // The document was replaced.
            Err(CallError::Protocol { message, .. }) if is_replaced(&message) => {
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// What was thrown, in a line.
fn thrown(details: ExceptionDetails) -> String {
    let description = details.exception.and_then(|thrown| thrown.description);
    let line = description.as_deref().and_then(|text| text.lines().next());
    line.map_or(details.text, str::to_owned)
}

fn is_replaced(message: &str) -> bool {
    [
        "context was destroyed",
        "Cannot find context",
        "Inspected target navigated",
        "Promise was collected",
    ]
    .iter()
    .any(|known| message.contains(known))
}

const CERTIFICATE: &str = "ERR_CERT_VERIFIER_CHANGED";

/// What is heard of a load while it lasts.
struct Signals {
    document: Arc<watch::Sender<Document>>,
    content_loaded: Arc<watch::Sender<Vec<String>>>,
    /// Loads after which the network was idle for a moment.
    idle: Arc<watch::Sender<Vec<String>>>,
    /// The first line of what was thrown last and not caught.
    thrown: Arc<watch::Sender<Option<String>>>,
    /// Why it is of no use to go on.
    broken: Arc<watch::Sender<Option<String>>>,
    _listeners: [Listener; 5],
}

/// The first document of a page.
#[derive(Default)]
struct Document {
    /// Chrome's name for its load, which is that of its request too. Empty until it is requested.
    loader: String,
    outcome: Option<Outcome>,
}

/// What came of the request of a document.
#[derive(Clone)]
enum Outcome {
    /// With this status, from here.
    Answered { status: i64, url: String },
    /// Chrome's name of the error. An error status without a body is shown as an error, but is an answer.
    Failed(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "Chrome's names")]
struct RequestWillBeSent<'a> {
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    #[serde(borrow)]
    loader_id: Cow<'a, str>,
    #[serde(borrow, default)]
    frame_id: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponseReceived<'a> {
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    #[serde(borrow)]
    response: Response<'a>,
}

#[derive(Deserialize)]
struct Response<'a> {
    status: i64,
    #[serde(borrow, default)]
    url: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExceptionThrown {
    exception_details: ExceptionDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LifecycleEvent<'a> {
    #[serde(borrow)]
    loader_id: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoadingFailed<'a> {
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    #[serde(rename = "type", borrow)]
    resource_type: Cow<'a, str>,
    #[serde(borrow)]
    error_text: Cow<'a, str>,
}

impl Signals {
    fn listen(session: &Session, frame: &str) -> Self {
        let document = Arc::new(watch::Sender::new(Document::default()));
        let content_loaded = Arc::new(watch::Sender::new(Vec::new()));
        let idle = Arc::new(watch::Sender::new(Vec::new()));
        let uncaught = Arc::new(watch::Sender::new(None));
        let broken = Arc::new(watch::Sender::new(None));
        let (requested, answered, failed) = (
            Arc::clone(&document),
            Arc::clone(&document),
            Arc::clone(&document),
        );
        let (idles, throws) = (Arc::clone(&idle), Arc::clone(&uncaught));
        let (frame, loaders, breaks) = (frame.to_owned(), Arc::clone(&content_loaded), Arc::clone(&broken));
        let listeners = [
            session.on("Network.requestWillBeSent", move |params| {
                let is_first = requested.borrow().loader.is_empty();
                if is_first
                    && let Ok(event) = serde_json::from_str::<RequestWillBeSent<'_>>(params.get())
                    && event.frame_id == frame
                    && event.request_id == event.loader_id
                {
                    requested.send_modify(|document| document.loader = event.loader_id.into_owned());
                }
            }),
            session.on("Network.responseReceived", move |params| {
                let is_awaited = answered.borrow().outcome.is_none();
                if is_awaited && let Ok(event) = serde_json::from_str::<ResponseReceived<'_>>(params.get()) {
                    let outcome = Outcome::Answered {
                        status: event.response.status,
                        url: event.response.url.into_owned(),
                    };
                    answered.send_if_modified(|document| document.ends(&event.request_id, outcome));
                }
            }),
            session.on("Page.lifecycleEvent", move |params| {
                let Ok(event) = serde_json::from_str::<LifecycleEvent<'_>>(params.get()) else {
                    return;
                };
                let told = match &*event.name {
                    "DOMContentLoaded" => &loaders,
                    "networkIdle" => &idles,
                    _ => return,
                };
                told.send_modify(|loaders| loaders.push(event.loader_id.into_owned()));
            }),
            session.on("Runtime.exceptionThrown", move |params| {
                if let Ok(event) = serde_json::from_str::<ExceptionThrown>(params.get()) {
                    throws.send_replace(Some(thrown(event.exception_details)));
                }
            }),
            session.on("Network.loadingFailed", move |params| {
                let Ok(event) = serde_json::from_str::<LoadingFailed<'_>>(params.get()) else {
                    return;
                };
                let outcome = Outcome::Failed(event.error_text.clone().into_owned());
                failed.send_if_modified(|document| document.ends(&event.request_id, outcome));
                if event.error_text.contains(CERTIFICATE)
                    && matches!(&*event.resource_type, "Document" | "Script" | "Stylesheet")
                {
                    breaks.send_replace(Some(event.error_text.into_owned()));
                }
            }),
        ];
        Self {
            document,
            content_loaded,
            idle,
            thrown: uncaught,
            broken,
            _listeners: listeners,
        }
    }

    /// Comes when a script of the page has thrown and this load has nothing in flight any more: what it threw.
    async fn broke(&self, loader: &str) -> String {
        let (mut thrown, mut idle) = (self.thrown.subscribe(), self.idle.subscribe());
        let is_idle = |loaders: &Vec<String>| loaders.iter().any(|idle| idle == loader);
        // The signals keep both senders.
        let text = thrown.wait_for(Option::is_some).await.map(|text| text.clone());
        drop(idle.wait_for(is_idle).await);
        text.ok().flatten().unwrap_or_default()
    }

    /// What is known of the page by now, but for what it said.
    fn report(&self, page: &Page) -> StandbyReport {
        let document = self.document.borrow();
        let is_parsed = self.content_loaded.borrow().contains(&document.loader);
        let (status, answered_by) = match &document.outcome {
            Some(Outcome::Answered { status, url }) => (Some(*status), Some(url.clone())),
            Some(Outcome::Failed(_)) | None => (None, None),
        };
        let url = page.url();
        let is_there = !url.is_empty() && !url.starts_with("chrome-error:") && url != "about:blank";
        StandbyReport {
            final_url: is_there.then_some(url).or(answered_by),
            status,
            phase: if is_parsed {
                Phase::Readiness
            } else {
                Phase::Navigation
            },
            ..StandbyReport::default()
        }
    }
}

impl Document {
    /// Takes what came of a request; false where it is another's, or known already.
    fn ends(&mut self, request: &str, outcome: Outcome) -> bool {
        let is_news = self.outcome.is_none() && !self.loader.is_empty() && self.loader == request;
        if is_news {
            self.outcome = Some(outcome);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::cdp::{Connection, Limits, io};

    /// A session whose Chrome is the test.
    struct Script {
        connection: Connection,
        chrome: std::io::PipeWriter,
        _commands: std::io::PipeReader,
    }

    impl Script {
        fn start() -> Self {
            let (receiver, chrome) = std::io::pipe().expect("a pipe");
            let (commands, sender) = std::io::pipe().expect("a pipe");
            let connection = Connection::over_pipe(receiver.into(), sender.into(), Limits::default())
                .expect("a connection");
            let mut script = Self {
                connection,
                chrome,
                _commands: commands,
            };
            script.say(
                r#"{"method":"Target.attachedToTarget","params":{"sessionId":"S","targetInfo":{"targetId":"T","type":"page"}}}"#,
            );
            script
        }

        fn say(&mut self, message: &str) {
            self.chrome.write_all(message.as_bytes()).expect("a reader");
            self.chrome.write_all(b"\0").expect("a reader");
        }

        fn fail(&mut self, kind: &str, error: &str) {
            self.say(&format!(
                r#"{{"method":"Network.loadingFailed","sessionId":"S","params":{{"requestId":"1","type":"{kind}","errorText":"{error}"}}}}"#
            ));
        }

        async fn session(&self) -> Session {
            loop {
                match self.connection.session("S") {
                    Some(session) => return session,
                    None => tokio::task::yield_now().await,
                }
            }
        }
    }

    #[test]
    fn a_changed_certificate_verifier_breaks_a_load_that_needs_what_failed() {
        let scripted = io::spawn(async {
            let mut script = Script::start();
            let signals = Signals::listen(&script.session().await, "T");
            let mut broken = signals.broken.subscribe();
            script.fail("Image", "net::ERR_CERT_VERIFIER_CHANGED");
            script.fail("Script", "net::ERR_ABORTED");
            script.fail("Script", "net::ERR_CERT_VERIFIER_CHANGED");
            let reason = broken.wait_for(Option::is_some).await.expect("a sender").clone();
            assert_eq!(reason.as_deref(), Some("net::ERR_CERT_VERIFIER_CHANGED"));

            for kind in ["Document", "Stylesheet"] {
                let signals = Signals::listen(&script.session().await, "T");
                script.fail("Font", "net::ERR_CERT_VERIFIER_CHANGED");
                script.fail(kind, "net::ERR_CERT_VERIFIER_CHANGED");
                let mut broken = signals.broken.subscribe();
                broken.wait_for(Option::is_some).await.expect("a sender");
            }
            script.fail("Image", "net::ERR_CERT_VERIFIER_CHANGED");
            let signals = Signals::listen(&script.session().await, "T");
            script.say(
                r#"{"method":"Page.lifecycleEvent","sessionId":"S","params":{"frameId":"F","loaderId":"L","name":"DOMContentLoaded","timestamp":1}}"#,
            );
            let mut loaded = signals.content_loaded.subscribe();
            loaded
                .wait_for(|loaders| loaders.contains(&"L".to_owned()))
                .await
                .expect("a sender");
            assert!(signals.broken.borrow().is_none(), "an image broke the load");
            script.connection.close();
        });
        io::handle().block_on(scripted).expect("the script runs");
    }

    #[test]
    fn only_the_first_document_of_the_page_itself_decides_what_becomes_of_it() {
        let scripted = io::spawn(async {
            let mut script = Script::start();
            let signals = Signals::listen(&script.session().await, "T");
            let mut document = signals.document.subscribe();
            let request = |id: &str, loader: &str, frame: &str| {
                format!(
                    r#"{{"method":"Network.requestWillBeSent","sessionId":"S","params":{{"requestId":"{id}","loaderId":"{loader}","frameId":"{frame}"}}}}"#
                )
            };
            let response = |id: &str, status: u16| {
                format!(
                    r#"{{"method":"Network.responseReceived","sessionId":"S","params":{{"requestId":"{id}","type":"Document","response":{{"status":{status}}}}}}}"#
                )
            };
            script.say(&request("frame", "frame", "another"));
            script.say(&response("frame", 503));
            script.say(&request("main", "main", "T"));
            script.say(&request("script", "main", "T"));
            script.say(&response("script", 502));
            script.say(&response("main", 200));
            script.fail("Document", "net::ERR_ABORTED");
            let outcome = document
                .wait_for(|document| document.outcome.is_some())
                .await
                .expect("a sender")
                .outcome
                .clone();
            assert!(
                matches!(outcome, Some(Outcome::Answered { status: 200, .. })),
                "the document was answered"
            );
            script.connection.close();
        });
        io::handle().block_on(scripted).expect("the script runs");
    }

    #[test]
    fn errors_of_a_host_app_that_starts_are_told_from_others() {
        let kind = |reason: &str| failed("http://host/_standby", reason.to_owned()).kind();
        for reason in ["REFUSED", "RESET", "CLOSED"] {
            assert_eq!(
                kind(&format!("net::ERR_CONNECTION_{reason}")),
                FailureKind::TargetNotReady,
                "{reason}"
            );
        }
        assert_eq!(
            kind("net::ERR_CERT_VERIFIER_CHANGED"),
            FailureKind::TargetNotReady
        );
        assert_eq!(kind("net::ERR_NAME_NOT_RESOLVED"), FailureKind::Other);
        let error = failed("http://host/_standby", "net::ERR_NAME_NOT_RESOLVED".to_owned());
        assert_eq!(
            error.to_string(),
            "net::ERR_NAME_NOT_RESOLVED at http://host/_standby"
        );
    }
}
