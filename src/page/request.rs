//! Requests of a page.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::cdp::{CallError, Deadline, Session};

use super::decode::decode;
use super::frame::Frame;
use super::frame_tree::FrameId;
use super::network::Paused;
use super::page::{Page, WeakPage};
use super::response::{Answer, Body, RawResponse, Response, ResponseExtraInfo};

/// Header names in lower case, in the order of their first mention.
pub type Headers = Vec<(String, String)>;

/// One request, up to a redirect: what follows that is another one.
pub struct Request {
    /// Which knows the body.
    session: Mutex<Session>,
    id: String,
    url: String,
    method: String,
    resource_type: String,
    navigation: bool,
    post_data: Option<String>,
    has_post_data: bool,
    frame: Option<FrameId>,
    initiator: Option<Box<RawValue>>,
    redirects: Vec<Arc<Request>>,
    /// What it was redirected to.
    pub(super) next: OnceLock<Weak<Request>>,
    held: Option<Held>,
    pub(super) held_back: AtomicBool,
    pub(super) handled: AtomicBool,
    headers: Mutex<Headers>,
    pub(super) answer: OnceLock<Answer>,
    failure: OnceLock<String>,
    from_memory_cache: OnceLock<()>,
    page: OnceLock<WeakPage>,
}

/// Where the verdict on a request goes.
pub(super) struct Held {
    pub session: Session,
    /// Chrome's id of the interception.
    pub id: Box<str>,
}

/// `Network.requestWillBeSent`, of which `Network.requestServedFromCache` and interception are variations.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestWillBeSent<'a> {
    #[serde(borrow)]
    pub request_id: Cow<'a, str>,
    #[serde(default, borrow)]
    pub loader_id: Cow<'a, str>,
    #[serde(borrow)]
    pub request: RawRequest<'a>,
    #[serde(rename = "type", borrow)]
    pub kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub frame_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub initiator: Option<&'a RawValue>,
    #[serde(borrow)]
    pub redirect_response: Option<RawResponse<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawRequest<'a> {
    #[serde(borrow)]
    pub url: Cow<'a, str>,
    #[serde(borrow)]
    pub url_fragment: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub method: Cow<'a, str>,
    #[serde(default)]
    pub headers: RawHeaders,
    pub post_data: Option<String>,
    #[serde(default)]
    pub has_post_data: bool,
    #[serde(default)]
    pub post_data_entries: Vec<PostDataEntry>,
}

#[derive(Deserialize)]
pub(super) struct PostDataEntry {
    bytes: Option<String>,
}

impl RawRequest<'_> {
    /// The body as text, as far as it is told with the request.
    fn body(&self) -> Option<String> {
        if self.post_data_entries.is_empty() {
            return self.post_data.clone();
        }
        let entries: Vec<u8> = self
            .post_data_entries
            .iter()
            .filter_map(|entry| BASE64.decode(entry.bytes.as_deref()?).ok())
            .flatten()
            .collect();
        Some(String::from_utf8_lossy(&entries).into_owned())
    }
}

/// Headers as Chrome writes them, in its order.
#[derive(Clone, Default)]
pub(super) struct RawHeaders(pub Headers);

impl<'de> Deserialize<'de> for RawHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = RawHeaders;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of headers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeaders, A::Error> {
                let mut headers = Vec::with_capacity(map.size_hint().unwrap_or_default());
                while let Some(header) = map.next_entry()? {
                    headers.push(header);
                }
                Ok(RawHeaders(headers))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// What an event tells of a request beside the request itself.
#[derive(Default)]
pub(super) struct Circumstances<'a> {
    pub kind: Option<&'a str>,
    pub frame: Option<&'a str>,
    pub is_navigation: bool,
    pub initiator: Option<&'a RawValue>,
    pub redirects: Vec<Arc<Request>>,
    pub interception: Option<&'a Paused>,
}

impl Request {
    /// The request of `Network.requestWillBeSent`.
    pub(super) fn sent(
        session: &Session,
        event: &RequestWillBeSent<'_>,
        redirects: Vec<Arc<Request>>,
        interception: Option<&Paused>,
    ) -> Arc<Self> {
        let circumstances = Circumstances {
            kind: event.kind.as_deref(),
            frame: event.frame_id.as_deref(),
            is_navigation: event.request_id == event.loader_id && event.kind.as_deref() == Some("Document"),
            initiator: event.initiator,
            redirects,
            interception,
        };
        Self::new(session, &event.request_id, &event.request, circumstances)
    }

    pub(super) fn new(
        session: &Session,
        id: &str,
        request: &RawRequest<'_>,
        circumstances: Circumstances<'_>,
    ) -> Arc<Self> {
        let made = Self {
            session: Mutex::new(session.clone()),
            id: id.to_owned(),
            url: format!(
                "{}{}",
                request.url,
                request.url_fragment.as_deref().unwrap_or_default()
            ),
            method: request.method.to_string(),
            resource_type: circumstances.kind.unwrap_or("other").to_lowercase(),
            navigation: circumstances.is_navigation,
            post_data: request.body(),
            has_post_data: request.has_post_data,
            frame: circumstances.frame.map(Into::into),
            initiator: circumstances.initiator.map(ToOwned::to_owned),
            redirects: circumstances.redirects,
            next: OnceLock::new(),
            held: circumstances.interception.map(|paused| Held {
                session: paused.session.clone(),
                id: paused.id.clone(),
            }),
            held_back: AtomicBool::new(false),
            handled: AtomicBool::new(false),
            headers: Mutex::default(),
            answer: OnceLock::new(),
            failure: OnceLock::new(),
            from_memory_cache: OnceLock::new(),
            page: OnceLock::new(),
        };
        made.update_headers(&request.headers);
        if let Some(paused) = circumstances.interception {
            // What the network adds later on, such as `Accept`.
            made.update_headers(&paused.headers);
        }
        Arc::new(made)
    }

    pub(super) fn update_headers(&self, more: &RawHeaders) {
        let mut headers = self.lock_headers();
        for (name, value) in &more.0 {
            let name = name.to_lowercase();
            match headers.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => known.clone_from(value),
                None => headers.push((name, value.clone())),
            }
        }
    }

    fn lock_headers(&self) -> MutexGuard<'_, Headers> {
        self.headers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the answer. A second one does not happen; the first would stay.
    pub(super) fn answered(
        self: &Arc<Self>,
        raw: &RawResponse<'_>,
        extra: Option<&ResponseExtraInfo>,
    ) -> Response {
        self.answer.get_or_init(|| Answer::new(raw, extra));
        Response::of(self)
    }

    /// The session of its target.
    #[must_use]
    pub fn session(&self) -> Session {
        self.session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Its loading goes on in this session, or has ended there.
    pub(super) fn adopt(&self, session: &Session) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = session.clone();
    }

    /// Where its verdict goes, where it waits for one.
    pub(super) fn held(&self) -> Option<&Held> {
        self.held.as_ref()
    }

    pub(super) fn set_body(&self, body: Body) {
        if let Some(answer) = self.answer.get() {
            answer.set_body(body);
        }
    }

    pub(super) fn set_page(&self, page: &Page) {
        self.page.get_or_init(|| page.downgrade());
        self.held_back.store(page.is_intercepting(), Ordering::Release);
    }

    pub(super) fn set_failure(&self, text: String) {
        drop(self.failure.set(text));
    }

    pub(super) fn set_from_memory_cache(&self) {
        let _ = self.from_memory_cache.set(());
    }

    /// Chrome's id; redirects share it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The URL with its fragment.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Chrome's resource type in lower case.
    #[must_use]
    pub fn resource_type(&self) -> &str {
        &self.resource_type
    }

    /// Whether it loads a frame's document.
    #[must_use]
    pub fn is_navigation(&self) -> bool {
        self.navigation
    }

    /// The body, as text.
    #[must_use]
    pub fn post_data(&self) -> Option<&str> {
        self.post_data.as_deref()
    }

    /// Whether there is a body, which may be too large to be told with the request.
    #[must_use]
    pub fn has_post_data(&self) -> bool {
        self.has_post_data
    }

    /// The frame it belongs to.
    #[must_use]
    pub fn frame_id(&self) -> Option<&str> {
        self.frame.as_deref()
    }

    /// The page it belongs to, while that is kept.
    #[must_use]
    pub fn page(&self) -> Option<Page> {
        self.page.get()?.upgrade()
    }

    /// The frame it belongs to, while that is in its page.
    #[must_use]
    pub fn frame(&self) -> Option<Frame> {
        self.page.get()?.upgrade()?.frame(self.frame_id()?)
    }

    /// Chrome's account of who asked for it, as JSON.
    #[must_use]
    pub fn initiator(&self) -> Option<&RawValue> {
        self.initiator.as_deref()
    }

    /// All requests of its chain that were redirected, oldest first: the same for each request of the chain.
    #[must_use]
    pub fn redirect_chain(self: &Arc<Self>) -> Vec<Arc<Request>> {
        let mut last = Arc::clone(self);
        while let Some(next) = last.next.get().and_then(Weak::upgrade) {
            last = next;
        }
        let mut chain = last.redirects.clone();
        if last.next.get().is_some() {
            chain.push(last);
        }
        chain
    }

    /// The requests that were redirected to this one, oldest first.
    #[must_use]
    pub fn redirects(&self) -> &[Arc<Request>] {
        &self.redirects
    }

    /// The headers, as far as Chrome has told them.
    #[must_use]
    pub fn headers(&self) -> Headers {
        self.lock_headers().clone()
    }

    /// The answer, once there is one.
    #[must_use]
    pub fn response(self: &Arc<Self>) -> Option<Response> {
        self.answer.get().map(|_| Response::of(self))
    }

    /// Why it failed, once it has.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Whether the page's memory cache answered.
    #[must_use]
    pub fn is_from_memory_cache(&self) -> bool {
        self.from_memory_cache.get().is_some()
    }

    /// Asks Chrome for the body.
    ///
    /// # Errors
    /// Where Chrome has none.
    pub async fn fetch_post_data(&self) -> Result<String, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct PostData {
            post_data: String,
        }
        let method = "Network.getRequestPostData";
        let params = serde_json::json!({ "requestId": self.id });
        let answer = self
            .session()
            .send_raw(method, params, Deadline::Protocol)
            .await?;
        let answer: PostData = decode(method, answer.get())?;
        Ok(answer.post_data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_the_order_in_which_chrome_writes_them() {
        let written = r#"{"url":"http://host.test/","method":"GET","headers":{"sec-ch-ua":"1","User-Agent":"2","Accept":"3"}}"#;
        let request: RawRequest<'_> = serde_json::from_str(written).expect("a request");
        let names: Vec<&str> = request.headers.0.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["sec-ch-ua", "User-Agent", "Accept"]);
    }
}
