//! One attempt at a standby, or at a page in an orphan's context.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use futures_util::future::{Either, join, select};
use tokio::sync::oneshot;

use super::{ContextState, HostDriver, HostTab, call_where_it_exists, console, session};
use crate::driver::StandbyPage;
use crate::node::clock::monotonic_ms;
use crate::node::js::{ErrorClass, JsRef, Scope, Thrown, Value, call_method, with_scope};
use crate::node::loader::definition;
use crate::node::pool::{READY_FUNCTION, failure_of};
use crate::node::timer::sleep;
use crate::pool::{Failure, FailureKind};

/// How long what is only nice to have may hold an attempt up, ms.
const GRACE_MS: u64 = 1_000;
/// A wait that ended by the page's own timeout after at least so long is taken up again, ms.
const OWN_TIMEOUT_MS: u64 = 1_000;
const CERTIFICATE_CHANGED: &str = "ERR_CERT_VERIFIER_CHANGED";
const REFUSALS: [&str; 4] = [
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_CONNECTION_CLOSED",
    CERTIFICATE_CHANGED,
];

/// What may end an attempt while it waits for something.
struct Limits {
    deadline: Pin<Box<dyn Future<Output = ()>>>,
    /// Answers when a certificate change has failed something that matters.
    certificate: Option<oneshot::Receiver<String>>,
}

enum Limited<T> {
    Done(T),
    OutOfTime,
    CertificateChanged(String),
}

impl Limits {
    fn new(ms: u64) -> Self {
        Self {
            deadline: Box::pin(sleep(ms)),
            certificate: None,
        }
    }

    fn renew(&mut self, ms: u64) {
        self.deadline = Box::pin(sleep(ms));
    }

    async fn bound<T>(&mut self, future: impl Future<Output = T>) -> Limited<T> {
        let future = Box::pin(future);
        let certificate = async {
            match &mut self.certificate {
                Some(changed) => match changed.await {
                    Ok(url) => url,
                    Err(_) => std::future::pending().await,
                },
                None => std::future::pending().await,
            }
        };
        match select(future, select(self.deadline.as_mut(), Box::pin(certificate))).await {
            Either::Left((value, _)) => Limited::Done(value),
            Either::Right((Either::Left(_), _)) => Limited::OutOfTime,
            Either::Right((Either::Right((url, _)), _)) => Limited::CertificateChanged(url),
        }
    }
}

impl HostDriver {
    pub(super) async fn attempt_in_new_context(self: &Rc<Self>, tab: &Rc<HostTab>) -> Result<(), Failure> {
        let mut limits = Limits::new(self.parts.standby_timeout_ms);
        let browser = self.call_manager("getBrowser");
        let browser = self.limited(tab, limits.bound(browser).await, FailureKind::Browser)?;
        if !matches!(
            self.contexts.borrow().get(&tab.context),
            Some(ContextState::Absent)
        ) {
            return Err(Failure::new(
                FailureKind::Other,
                "the standby is not wanted any more",
            ));
        }
        // The launch of a browser does not count.
        limits.renew(self.parts.standby_timeout_ms);
        let created = self.create_context(tab.context, &browser);
        let created = async {
            created
                .await
                .unwrap_or_else(|_| Err(thrown("the context never came")))
        };
        let context = self.limited(tab, limits.bound(created).await, FailureKind::Other)?;
        self.load(tab, context, limits).await
    }

    pub(super) async fn attempt_in(
        self: &Rc<Self>,
        tab: &Rc<HostTab>,
        context: JsRef,
    ) -> Result<(), Failure> {
        self.load(tab, context, Limits::new(self.parts.standby_timeout_ms))
            .await
    }

    async fn load(
        self: &Rc<Self>,
        tab: &Rc<HostTab>,
        context: JsRef,
        mut limits: Limits,
    ) -> Result<(), Failure> {
        let page = limits.bound(call_method(&context, "newPage", &[])).await;
        let page = self.limited(tab, page, FailureKind::Other)?;
        *tab.page.borrow_mut() = Some(page.clone());
        let owner = limits.bound(call_method(&page, "browserContext", &[])).await;
        let owner = self.limited(tab, owner, FailureKind::Other)?;
        if with_scope(|scope| owner.get(scope).strict_equals(context.get(scope))) != Some(true) {
            return Err(failure_of(
                thrown("the new page does not belong to the context that it was made in"),
                FailureKind::Other,
            ));
        }
        let watch = self.attach(tab, &page, &mut limits).await;
        let outcome = self.navigate_and_wait(tab, &page, &mut limits).await;
        if let Some(watch) = watch {
            watch.detach(&page);
        }
        outcome
    }

    /// Marks the page and attaches all capture. Waits for it a little: what never settles costs only itself.
    async fn attach(
        self: &Rc<Self>,
        tab: &Rc<HostTab>,
        page: &JsRef,
        limits: &mut Limits,
    ) -> Option<CertificateWatch> {
        console::attach(self, tab, page);
        let (watch, changed) = CertificateWatch::attach(page)?;
        limits.certificate = Some(changed);
        let marked = run_in_documents(page, &self.parts.standby_page.init_scripts);
        let session = session::attach(self, tab, page);
        let grace = GRACE_MS.min(self.parts.standby_timeout_ms / 4);
        let attached = join(marked, session);
        // Goes on by itself where it takes longer.
        select(Box::pin(attached), Box::pin(sleep(grace))).await;
        Some(watch)
    }

    async fn navigate_and_wait(
        &self,
        tab: &HostTab,
        page: &JsRef,
        limits: &mut Limits,
    ) -> Result<(), Failure> {
        let budget = self.parts.standby_timeout_ms;
        let url = &self.parts.standby_page.url;
        let arguments: Option<Vec<JsRef>> = with_scope(|scope| {
            let options = scope
                .object()
                .set("waitUntil", scope.string("domcontentloaded"))
                .set("timeout", milliseconds(scope, budget));
            [scope.string(url), options]
                .into_iter()
                .filter_map(JsRef::new)
                .collect()
        });
        let gone = call_method(page, "goto", &arguments.unwrap_or_default());
        let response = match limits.bound(gone).await {
            Limited::Done(Err(thrown)) if is_refusal(&thrown) => {
                let message = with_scope(|scope| thrown.message(scope)).unwrap_or_default();
                return Err(not_ready(&message, Some(&thrown)));
            }
            outcome => self.limited(tab, outcome, FailureKind::Other)?,
        };
        let status = with_scope(|scope| status(response.get(scope))).flatten();
        if let Some(status @ (502 | 503)) = status {
            return Err(not_ready(&format!("{url} answered {status}"), None));
        }
        if let Some(status) = status.filter(|&status| status >= 400 && !self.parts.standby_page.is_host_app) {
            let message = format!("Standby page {url} answered with HTTP {status}");
            return Err(made(
                FailureKind::Other,
                ErrorClass::Error,
                "STANDBY_FAILED",
                &message,
                None,
            ));
        }
        limits.renew(budget);
        for arguments in with_scope(|scope| self.readiness(scope)).unwrap_or_default() {
            self.wait_for_function(tab, page, limits, &arguments).await?;
        }
        Ok(())
    }

    async fn wait_for_function(
        &self,
        tab: &HostTab,
        page: &JsRef,
        limits: &mut Limits,
        arguments: &[JsRef],
    ) -> Result<(), Failure> {
        loop {
            let started = monotonic_ms();
            let waited = call_method(page, "waitForFunction", arguments);
            match limits.bound(waited).await {
                // The page's own timeout may be shorter than the budget.
                Limited::Done(Err(thrown)) if is_timeout(&thrown) => {
                    if monotonic_ms().saturating_sub(started) < OWN_TIMEOUT_MS {
                        return Err(self.timed_out(tab, Some(&thrown)));
                    }
                }
                outcome => return self.limited(tab, outcome, FailureKind::Other).map(|_| ()),
            }
        }
    }

    /// What `waitForFunction` is called with, one after another.
    fn readiness(&self, scope: Scope<'_>) -> Vec<Vec<JsRef>> {
        let selector = self.parts.standby_page.ready_selector.as_deref();
        let selector = selector.map(|selector| {
            if selector == StandbyPage::HOST_APP_READY {
                vec![definition(scope, "isStandbyReady")]
            } else {
                let options = scope.undefined();
                vec![definition(scope, "isInDocument"), options, scope.string(selector)]
            }
        });
        let function =
            Some(self.parts.vault.get(scope, READY_FUNCTION)).filter(|given| !given.is_undefined());
        let kept = |arguments: Vec<Value<'_>>| arguments.into_iter().filter_map(JsRef::new).collect();
        selector
            .into_iter()
            .chain(function.map(|function| vec![function]))
            .map(kept)
            .collect()
    }

    /// What came of a step, as the attempt's failure where it is one.
    fn limited(
        &self,
        tab: &HostTab,
        outcome: Limited<Result<JsRef, Thrown>>,
        kind: FailureKind,
    ) -> Result<JsRef, Failure> {
        match outcome {
            Limited::Done(outcome) => outcome.map_err(|thrown| failure_of(thrown, kind)),
            Limited::OutOfTime => Err(self.timed_out(tab, None)),
            Limited::CertificateChanged(url) => {
                Err(not_ready(&format!("net::{CERTIFICATE_CHANGED} at {url}"), None))
            }
        }
    }

    fn timed_out(&self, tab: &HostTab, cause: Option<&Thrown>) -> Failure {
        let message = format!(
            "Standby page {} timed out after {}ms",
            tab.info.page_id(),
            self.parts.standby_timeout_ms
        );
        made(
            FailureKind::TimedOut,
            ErrorClass::Error,
            "STANDBY_TIMEOUT",
            &message,
            cause,
        )
    }
}

/// A failure with an error of ours, made now.
fn made(kind: FailureKind, class: ErrorClass, code: &str, message: &str, cause: Option<&Thrown>) -> Failure {
    let error = with_scope(|scope| {
        Thrown::new(match cause {
            Some(cause) => scope.error_with_cause(class, message, Some(code), cause.value(scope)),
            None => scope.error(class, message, Some(code)),
        })
    });
    match error {
        Some(error) => failure_of(error, kind),
        None => Failure::new(kind, message),
    }
}

fn not_ready(message: &str, cause: Option<&Thrown>) -> Failure {
    made(
        FailureKind::TargetNotReady,
        ErrorClass::StandbyTargetNotReadyError,
        "STANDBY_NOT_READY",
        message,
        cause,
    )
}

fn thrown(message: &str) -> Thrown {
    // Off the JavaScript thread there is nothing to be thrown, and nobody to hear it.
    with_scope(|scope| Thrown::new(scope.error(ErrorClass::ProtocolError, message, Some("PROTOCOL_ERROR"))))
        .unwrap_or_default()
}

fn is_refusal(thrown: &Thrown) -> bool {
    with_scope(|scope| {
        let message = thrown.message(scope);
        REFUSALS.iter().any(|refusal| message.contains(refusal))
    })
    .unwrap_or(false)
}

fn is_timeout(thrown: &Thrown) -> bool {
    with_scope(|scope| {
        thrown
            .value(scope)
            .get("name")
            .is_ok_and(|name| name.as_string().as_deref() == Some("TimeoutError"))
    })
    .unwrap_or(false)
}

/// `response?.status()`, where there is one.
fn status(response: Value<'_>) -> Option<i64> {
    if !response.is_object() {
        return None;
    }
    let status = response.call_method("status", &[]).ok()?.as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "an HTTP status has three digits")]
    Some(status as i64)
}

#[expect(clippy::cast_precision_loss, reason = "no budget is 2^53 ms")]
fn milliseconds(scope: Scope<'_>, ms: u64) -> Value<'_> {
    scope.number(ms as f64)
}

/// Has the scripts run in each document before its own do, where the page can.
fn run_in_documents(page: &JsRef, scripts: &[String]) -> impl Future<Output = ()> + use<> {
    let begun: Vec<_> = with_scope(|scope| {
        let can = page
            .get(scope)
            .get("evaluateOnNewDocument")
            .is_ok_and(Value::is_function);
        let script = |source: &String| {
            JsRef::new(if source == StandbyPage::HOST_APP_MARK {
                definition(scope, "markStandby")
            } else {
                scope.string(source)
            })
        };
        scripts.iter().filter(|_| can).filter_map(script).collect()
    })
    .unwrap_or_default();
    let begun: Vec<_> = begun
        .into_iter()
        .map(|script| call_method(page, "evaluateOnNewDocument", &[script]))
        .collect();
    async move {
        for script in begun {
            // Without it the page renders all the same.
            drop(script.await);
        }
    }
}

/// Watches for requests that failed because Chrome's certificate verifier changed.
struct CertificateWatch(JsRef);

impl CertificateWatch {
    fn attach(page: &JsRef) -> Option<(Self, oneshot::Receiver<String>)> {
        let (sender, receiver) = oneshot::channel();
        let sender = RefCell::new(Some(sender));
        with_scope(|scope| {
            let listener = scope.function("onRequestFailed", move |scope, call| {
                if let Some(url) = failed_by_certificate(call.argument(0))
                    && let Some(sender) = sender.borrow_mut().take()
                {
                    // The attempt may have ended.
                    let _ = sender.send(url);
                }
                Ok(scope.undefined())
            });
            call_where_it_exists(page.get(scope), "on", &[scope.string("requestfailed"), listener]);
            JsRef::new(listener).map(|listener| (Self(listener), receiver))
        })
        .flatten()
    }

    fn detach(&self, page: &JsRef) {
        with_scope(|scope| {
            let arguments = [scope.string("requestfailed"), self.0.get(scope)];
            call_where_it_exists(page.get(scope), "off", &arguments);
        });
    }
}

/// The URL of a document, script or stylesheet that failed so.
fn failed_by_certificate(request: Value<'_>) -> Option<String> {
    let failure = request.call_method("failure", &[]).ok()?;
    let text = failure.get("errorText").ok()?.as_string()?;
    let kind = request.call_method("resourceType", &[]).ok()?.as_string()?;
    let matters = matches!(
        kind.to_ascii_lowercase().as_str(),
        "document" | "script" | "stylesheet"
    );
    if !matters || !text.contains(CERTIFICATE_CHANGED) {
        return None;
    }
    let url = request.call_method("url", &[]).ok().and_then(Value::as_string);
    Some(url.unwrap_or_default())
}
