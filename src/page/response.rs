//! Answers to a page's requests, and their bodies.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::watch;

use crate::cdp::{CallError, CloseReason, Deadline, Health};

use super::decode::decode;
use super::request::{Headers, RawHeaders, Request};
use super::text::Text;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawResponse<'a> {
    #[serde(default)]
    pub status: i64,
    #[serde(default, borrow)]
    pub status_text: Cow<'a, str>,
    #[serde(default)]
    pub headers: RawHeaders,
    #[serde(rename = "remoteIPAddress", borrow)]
    pub remote_ip: Option<Cow<'a, str>>,
    pub remote_port: Option<i64>,
    #[serde(default)]
    pub from_disk_cache: bool,
    #[serde(default)]
    pub from_service_worker: bool,
    #[serde(borrow)]
    pub timing: Option<&'a RawValue>,
    #[serde(borrow)]
    pub security_details: Option<&'a RawValue>,
}

/// `Network.responseReceivedExtraInfo`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResponseExtraInfo {
    #[serde(default)]
    pub status_code: i64,
    #[serde(default)]
    pub headers: RawHeaders,
    pub headers_text: Option<String>,
}

impl ResponseExtraInfo {
    fn status_text(&self) -> Option<String> {
        let first = self.headers_text.as_deref()?.split('\r').next()?;
        let text = first.splitn(3, ' ').nth(2)?;
        (!text.is_empty() && first.len() <= 1000).then(|| text.to_owned())
    }
}

/// Whether a body can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Body {
    Loading,
    Loaded,
    Redirected,
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Redirects have none.
    #[error("Response body is unavailable for redirect responses")]
    Redirected,
    /// Chrome keeps none, as of a preflight request.
    #[error(
        "Could not load response body for this request. This might happen if the request is a preflight request."
    )]
    NotKept,
    /// It is not the base64 that it should be.
    #[error("the response body is not valid base64")]
    Encoding,
    /// It is no text; in Node's words.
    #[error("The encoded data was not valid for encoding utf-8")]
    NotUtf8,
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

pub(super) struct Answer {
    status: i64,
    status_text: String,
    headers: Headers,
    remote_ip: Option<String>,
    remote_port: Option<i64>,
    from_disk_cache: bool,
    from_service_worker: bool,
    timing: Option<Box<RawValue>>,
    security_details: Option<Box<RawValue>>,
    body: watch::Sender<Body>,
    /// One asks Chrome, and the others take what came.
    fetching: tokio::sync::Mutex<()>,
    kept: Mutex<Option<Arc<[u8]>>>,
}

impl Answer {
    pub fn new(raw: &RawResponse<'_>, extra: Option<&ResponseExtraInfo>) -> Self {
        let headers = extra.map_or(&raw.headers, |extra| &extra.headers);
        Self {
            status: extra.map_or(raw.status, |extra| extra.status_code),
            status_text: extra
                .and_then(ResponseExtraInfo::status_text)
                .unwrap_or_else(|| raw.status_text.to_string()),
            headers: headers
                .0
                .iter()
                .map(|(name, value)| (name.to_lowercase(), value.clone()))
                .collect(),
            remote_ip: raw.remote_ip.as_deref().map(ToOwned::to_owned),
            remote_port: raw.remote_port,
            from_disk_cache: raw.from_disk_cache,
            from_service_worker: raw.from_service_worker,
            timing: raw.timing.map(ToOwned::to_owned),
            security_details: raw.security_details.map(ToOwned::to_owned),
            body: watch::Sender::new(Body::Loading),
            fetching: tokio::sync::Mutex::default(),
            kept: Mutex::default(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Option<Arc<[u8]>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_body(&self, body: Body) {
        self.body.send_replace(body);
    }
}

/// The bodies that a page keeps for those who read them again, the least recently used first.
#[derive(Default)]
pub(super) struct Bodies {
    kept: VecDeque<(Weak<Request>, usize)>,
    bytes: usize,
}

impl Bodies {
    /// Lets go of what was not used for longest, beyond `most` bytes; false where one is too large to be kept at all.
    fn make_room(&mut self, request: &Arc<Request>, size: usize, most: usize) -> bool {
        if size > most {
            return false;
        }
        while self.bytes + size > most
            && let Some((oldest, bytes)) = self.kept.pop_front()
        {
            self.bytes -= bytes;
            if let Some(answer) = oldest.upgrade().as_ref().and_then(|request| request.answer.get()) {
                *answer.kept() = None;
            }
        }
        // Requests that nobody knows any more have taken their bodies along.
        let bytes = &mut self.bytes;
        self.kept.retain(|(request, size)| {
            let is_known = request.strong_count() > 0;
            *bytes -= if is_known { 0 } else { *size };
            is_known
        });
        self.kept.push_back((Arc::downgrade(request), size));
        self.bytes += size;
        true
    }

    fn used(&mut self, request: &Arc<Request>) {
        let is_it = |(kept, _): &(Weak<Request>, usize)| std::ptr::eq(kept.as_ptr(), Arc::as_ptr(request));
        if let Some(entry) = self
            .kept
            .iter()
            .position(is_it)
            .and_then(|index| self.kept.remove(index))
        {
            self.kept.push_back(entry);
        }
    }
}

/// The answer to one request: the request, with its answer known to be there.
#[derive(Clone)]
pub struct Response(Arc<Request>);

impl Response {
    /// Of a request that has its answer.
    pub(super) fn of(request: &Arc<Request>) -> Self {
        Self(Arc::clone(request))
    }

    #[expect(
        clippy::expect_used,
        reason = "a response is made of an answered request only"
    )]
    fn answer(&self) -> &Answer {
        self.0.answer.get().expect("an answered request")
    }

    /// What it answers.
    #[must_use]
    pub fn request(&self) -> &Arc<Request> {
        &self.0
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> i64 {
        self.answer().status
    }

    /// `status` is 0 (of a file) or a success.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.answer().status == 0 || (200..=299).contains(&self.answer().status)
    }

    /// The text beside the status.
    #[must_use]
    pub fn status_text(&self) -> &str {
        &self.answer().status_text
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.answer().headers
    }

    /// The server's address.
    #[must_use]
    pub fn remote_address(&self) -> (Option<&str>, Option<i64>) {
        (self.answer().remote_ip.as_deref(), self.answer().remote_port)
    }

    /// Whether a cache answered.
    #[must_use]
    pub fn is_from_cache(&self) -> bool {
        self.answer().from_disk_cache || self.0.is_from_memory_cache()
    }

    /// Whether a service worker answered.
    #[must_use]
    pub fn is_from_service_worker(&self) -> bool {
        self.answer().from_service_worker
    }

    /// Chrome's `ResourceTiming`, as JSON.
    #[must_use]
    pub fn timing(&self) -> Option<&RawValue> {
        self.answer().timing.as_deref()
    }

    /// Chrome's `SecurityDetails`, as JSON.
    #[must_use]
    pub fn security_details(&self) -> Option<&RawValue> {
        self.answer().security_details.as_deref()
    }

    /// Waits until the body can be asked for, or there is nobody left to ask.
    async fn loaded(&self, method: &'static str) -> Result<Body, CallError> {
        let mut body = self.answer().body.subscribe();
        let state = *body.borrow();
        if state != Body::Loading {
            return Ok(state);
        }
        let session = self.0.session();
        let health = tokio::select! {
            biased;
            health = session.unhealthy() => health,
            // The answer keeps the sender.
            state = body.wait_for(|body| *body != Body::Loading) => {
                return Ok(state.map_or(Body::Loaded, |state| *state));
            }
        };
        let method = method.into();
        Err(match health {
            Health::Closed(CloseReason::Disconnected) => CallError::Disconnected { method },
            Health::Closed(CloseReason::TargetClosed) => CallError::TargetClosed { method },
            Health::Alive | Health::Crashed => CallError::TargetCrashed { method },
        })
    }

    /// The body as text.
    ///
    /// # Errors
    /// Where Chrome keeps none.
    pub async fn text(&self) -> Result<Text, BodyError> {
        const BYTE_ORDER_MARK: char = '\u{feff}';
        let body = self.body().await?;
        let text = std::str::from_utf8(&body).map_err(|_| BodyError::NotUtf8)?;
        Ok(Text::from_utf8(
            text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text),
        ))
    }

    /// The body, once it has been loaded. Chrome is asked once; what it gave can be had again when the document and
    /// the page are gone, as long as [`Bodies`] keeps it.
    ///
    /// # Errors
    /// Where Chrome keeps none, or the page goes away before it has come.
    pub async fn body(&self) -> Result<Arc<[u8]>, BodyError> {
        let answer = self.answer();
        if let Some(kept) = self.kept() {
            return Ok(kept);
        }
        let _only = answer.fetching.lock().await;
        if let Some(kept) = self.kept() {
            return Ok(kept);
        }
        let body: Arc<[u8]> = self.fetch().await?.into();
        if let Some(page) = self.0.page()
            && page
                .lock_bodies()
                .make_room(&self.0, body.len(), page.browser().max_kept_body_bytes())
        {
            *answer.kept() = Some(Arc::clone(&body));
        }
        Ok(body)
    }

    fn kept(&self) -> Option<Arc<[u8]>> {
        let kept = self.answer().kept().clone()?;
        if let Some(page) = self.0.page() {
            page.lock_bodies().used(&self.0);
        }
        Some(kept)
    }

    async fn fetch(&self) -> Result<Vec<u8>, BodyError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Loaded {
            body: String,
            base64_encoded: bool,
        }
        let method = "Network.getResponseBody";
        if self.loaded(method).await? == Body::Redirected {
            return Err(BodyError::Redirected);
        }
        let params = serde_json::json!({ "requestId": self.0.id() });
        let answer = self
            .0
            .session()
            .send_raw(method, params, Deadline::Protocol)
            .await
            .map_err(|error| match error {
                CallError::Protocol { message, .. }
                    if message == "No resource with given identifier found" =>
                {
                    BodyError::NotKept
                }
                error => BodyError::Call(error),
            })?;
        let answer: Loaded = decode(method, answer.get())?;
        if answer.base64_encoded {
            BASE64.decode(answer.body).map_err(|_| BodyError::Encoding)
        } else {
            Ok(answer.body.into_bytes())
        }
    }
}
