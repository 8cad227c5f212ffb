//! Requests in the order in which callers expect to hear of them.
//!
//! Chrome tells a part of each answer in an event of its own, before or after the answer; what needs it waits.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::cdp::Session;

use super::intercept::Paused;
use super::request::{
    Body, RawHeaders, RawResponse, Request, RequestWillBeSent, Response, ResponseExtraInfo,
};

/// What happened to a request.
pub(super) enum NetworkEvent {
    Request(Arc<Request>),
    ServedFromCache(Arc<Request>),
    Response(Response),
    Finished(Arc<Request>),
    Failed(Arc<Request>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponseReceived<'a> {
    #[serde(borrow)]
    response: RawResponse<'a>,
    #[serde(default)]
    has_extra_info: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestExtraInfo {
    #[serde(default)]
    headers: RawHeaders,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoadingEnded {
    #[serde(default)]
    error_text: Option<String>,
}

/// An answer that waits for its extra information, and how the loading ended meanwhile.
struct Held {
    response: Box<RawValue>,
    ended: Option<Ending>,
}

/// How the loading of a request ended.
enum Ending {
    Finished,
    Failed(String),
}

/// The requests of one page that have not ended.
#[derive(Default)]
pub(super) struct Tracker {
    in_flight: HashSet<Box<str>>,
    requests: HashMap<String, Arc<Request>>,
    /// Extra information that came before what it belongs to, not taken apart yet.
    request_extra: HashMap<String, VecDeque<Box<RawValue>>>,
    response_extra: HashMap<String, VecDeque<Box<RawValue>>>,
    held: HashMap<String, Held>,
    held_redirects: HashMap<String, (Box<RawValue>, Option<Paused>)>,
    /// Requests and their interceptions that wait for each other.
    pub(super) sent: HashMap<String, Box<RawValue>>,
    pub(super) paused: HashMap<String, Paused>,
}

impl Tracker {
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Counts a request, whether or not anybody follows it.
    pub fn began(&mut self, params: &RawValue) {
        if let Some(id) = request_id(params) {
            self.in_flight.insert(id.as_ref().into());
        }
    }

    /// Counts a request's end.
    pub fn ended(&mut self, params: &RawValue) {
        if let Some(id) = request_id(params) {
            self.in_flight.remove(id.as_ref());
        }
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub fn will_be_sent(
        &mut self,
        session: &Session,
        params: &RawValue,
        interception: Option<&Paused>,
    ) -> Vec<NetworkEvent> {
        let mut events = Vec::new();
        let Some(event) = parse::<RequestWillBeSent<'_>>(params) else {
            return events;
        };
        let id = event.request_id.as_ref();
        let mut redirects = Vec::new();
        if let Some(redirect) = &event.redirect_response {
            let mut extra = None;
            if event.redirect_has_extra_info {
                extra = take_extra(&mut self.response_extra, id);
                if extra.is_none() {
                    let held = (params.to_owned(), interception.cloned());
                    self.held_redirects.insert(id.to_owned(), held);
                    return events;
                }
            }
            if let Some(request) = self.requests.remove(id) {
                let response = request.answered(redirect, extra.as_ref());
                request.set_body(Body::Redirected);
                redirects = request.redirects().to_vec();
                redirects.push(Arc::clone(&request));
                events.push(NetworkEvent::Response(response));
                events.push(NetworkEvent::Finished(request));
            }
        }
        let request = Request::sent(session, &event, redirects, interception);
        if let Some(extra) = take_extra::<RequestExtraInfo>(&mut self.request_extra, id) {
            request.update_headers(&extra.headers);
        }
        self.requests.insert(id.to_owned(), Arc::clone(&request));
        events.push(NetworkEvent::Request(request));
        events
    }

    pub fn request_extra_info(&mut self, params: &RawValue) {
        let Some(id) = request_id(params) else { return };
        if let Some(request) = self.requests.get(id.as_ref()) {
            if let Some(extra) = parse::<RequestExtraInfo>(params) {
                request.update_headers(&extra.headers);
            }
        } else {
            let queue = self.request_extra.entry(id.into_owned()).or_default();
            queue.push_back(params.to_owned());
        }
    }

    pub fn served_from_cache(&mut self, session: &Session, params: &RawValue) -> Vec<NetworkEvent> {
        let mut events = Vec::new();
        let Some(id) = request_id(params) else {
            return events;
        };
        // The memory cache answers without an interception.
        if !self.requests.contains_key(id.as_ref())
            && let Some(sent) = self.sent.remove(id.as_ref())
        {
            events = self.will_be_sent(session, &sent, None);
        }
        if let Some(request) = self.requests.get(id.as_ref()) {
            request.set_from_memory_cache();
            events.push(NetworkEvent::ServedFromCache(Arc::clone(request)));
        }
        events
    }

    pub fn response_received(&mut self, params: &RawValue) -> Vec<NetworkEvent> {
        let Some(id) = request_id(params) else {
            return Vec::new();
        };
        let id = id.as_ref();
        let Some(request) = self.requests.get(id).cloned() else {
            return Vec::new();
        };
        let Some(event) = parse::<ResponseReceived<'_>>(params) else {
            return Vec::new();
        };
        let mut extra = None;
        if event.has_extra_info && !request.is_from_memory_cache() {
            extra = take_extra(&mut self.response_extra, id);
            if extra.is_none() {
                let response = params.to_owned();
                self.held.insert(
                    id.to_owned(),
                    Held {
                        response,
                        ended: None,
                    },
                );
                return Vec::new();
            }
        }
        vec![respond(&request, &event.response, extra)]
    }

    pub fn response_extra_info(&mut self, session: &Session, params: &RawValue) -> Vec<NetworkEvent> {
        let Some(id) = request_id(params).map(Cow::into_owned) else {
            return Vec::new();
        };
        if let Some((redirect, interception)) = self.held_redirects.remove(&id) {
            self.response_extra
                .entry(id)
                .or_default()
                .push_back(params.to_owned());
            return self.will_be_sent(session, &redirect, interception.as_ref());
        }
        let Some(held) = self.held.remove(&id) else {
            self.response_extra
                .entry(id)
                .or_default()
                .push_back(params.to_owned());
            return Vec::new();
        };
        let extra = parse::<ResponseExtraInfo>(params);
        let mut events = Vec::new();
        if let Some(event) = parse::<ResponseReceived<'_>>(&held.response)
            && let Some(request) = self.requests.get(&id)
        {
            events.push(respond(request, &event.response, extra));
        }
        if let Some(ending) = held.ended {
            events.extend(self.end(&id, ending));
        }
        events
    }

    /// `Network.loadingFinished` and `Network.loadingFailed`.
    pub fn loading_ended(&mut self, params: &RawValue, failed: bool) -> Vec<NetworkEvent> {
        let Some(id) = request_id(params) else {
            return Vec::new();
        };
        let id = id.as_ref();
        if !self.requests.contains_key(id) {
            self.request_extra.remove(id);
            self.response_extra.remove(id);
            return Vec::new();
        }
        let Some(event) = parse::<LoadingEnded>(params) else {
            return Vec::new();
        };
        let ending = if failed {
            Ending::Failed(event.error_text.unwrap_or_default())
        } else {
            Ending::Finished
        };
        if let Some(held) = self.held.get_mut(id) {
            held.ended = Some(ending);
            return Vec::new();
        }
        self.end(id, ending).into_iter().collect()
    }

    fn end(&mut self, id: &str, ending: Ending) -> Option<NetworkEvent> {
        let request = self.requests.remove(id)?;
        self.sent.remove(id);
        self.request_extra.remove(id);
        self.response_extra.remove(id);
        request.set_body(Body::Loaded);
        Some(match ending {
            Ending::Failed(text) => {
                request.set_failure(text);
                NetworkEvent::Failed(request)
            }
            Ending::Finished => NetworkEvent::Finished(request),
        })
    }
}

fn respond(request: &Arc<Request>, raw: &RawResponse<'_>, extra: Option<ResponseExtraInfo>) -> NetworkEvent {
    // Chrome tells the extra information of another response where the cache has answered.
    let extra = extra.filter(|_| !raw.from_disk_cache);
    NetworkEvent::Response(request.answered(raw, extra.as_ref()))
}

fn take_extra<T: DeserializeOwned>(
    queues: &mut HashMap<String, VecDeque<Box<RawValue>>>,
    id: &str,
) -> Option<T> {
    let raw = queues.get_mut(id)?.pop_front()?;
    serde_json::from_str(raw.get()).ok()
}

/// The event's `requestId`, which Chrome writes first: found without parsing the rest.
pub(super) fn request_id(params: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Id<'a> {
        #[serde(borrow)]
        request_id: Cow<'a, str>,
    }
    let first = params.get().strip_prefix(r#"{"requestId":""#);
    match first.and_then(|rest| rest.split_once('"')) {
        Some((id, _)) if !id.contains('\\') => Some(Cow::Borrowed(id)),
        _ => parse::<Id<'_>>(params).map(|event| event.request_id),
    }
}

pub(super) fn parse<'a, T: Deserialize<'a>>(params: &'a RawValue) -> Option<T> {
    serde_json::from_str(params.get())
        .inspect_err(|error| tracing::warn!(%error, "a network event was not understood"))
        .ok()
}
