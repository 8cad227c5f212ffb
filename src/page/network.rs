//! Requests in the order in which callers expect to hear of them.
//!
//! Chrome tells of one request in events of several kinds, and a part of each answer in an event of its own, before
//! or after the answer. All that is known of one id is its [`Exchange`]: what needs the part that is missing waits in
//! its queue, and what came later waits behind it.

mod exchange;
mod idle;

use std::borrow::Cow;
use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::capture::PendingRequest;
use crate::cdp::Session;

use super::decode::borrow_event;
use super::frame_tree::FrameId;
use super::request::{Circumstances, RawRequest, Request};
use super::response::Response;
use exchange::{Ending, Exchange, Progress, RequestExtraInfo, Step};
use idle::Gauge;

pub(super) use exchange::Paused;

/// Ids of which Chrome has told something, but not what is requested: as many are remembered.
const EARLY_KEPT: usize = 128;

/// What happened to a request.
pub(super) enum NetworkEvent {
    Request(Arc<Request>),
    ServedFromCache(Arc<Request>),
    Response(Response),
    Finished(Arc<Request>),
    Failed(Arc<Request>),
}

/// `Fetch.requestPaused`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestPaused<'a> {
    pub request_id: String,
    pub network_id: Option<String>,
    #[serde(borrow)]
    pub request: RawRequest<'a>,
    pub frame_id: Option<String>,
    pub resource_type: Option<String>,
}

/// As much of `Network.requestWillBeSent` as is kept of every request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Began<'a> {
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    #[serde(default, borrow)]
    loader_id: Cow<'a, str>,
    #[serde(borrow)]
    request: Target<'a>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow)]
    frame_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Target<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow)]
    method: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoadingEnded {
    #[serde(default)]
    error_text: Option<String>,
}

/// The requests of one page that have not ended.
#[derive(Default)]
pub(super) struct Tracker {
    exchanges: HashMap<Box<str>, Exchange>,
    /// Numbers them in the order in which they came.
    last: u64,
    /// When the first of those that wait for extra information is due, or earlier.
    due: Option<Instant>,
    gauges: Vec<Gauge>,
}

impl Tracker {
    /// The requests that have not ended, oldest first.
    pub fn pending(&self) -> Vec<PendingRequest> {
        let mut open: Vec<&Exchange> = self
            .exchanges
            .values()
            .filter(|exchange| exchange.is_pending())
            .collect();
        open.sort_unstable_by_key(|exchange| exchange.place);
        open.into_iter()
            .filter_map(|exchange| exchange.pending.clone())
            .collect()
    }

    fn exchange(&mut self, session: &Session, id: &str) -> &mut Exchange {
        self.last += 1;
        let place = self.last;
        self.exchanges
            .entry(id.into())
            .or_insert_with(|| Exchange::new(place, session))
    }

    /// The same for what comes before the request itself, or after its end: nobody ends the latter.
    fn early_exchange(&mut self, session: &Session, id: &str) -> &mut Exchange {
        if !self.exchanges.contains_key(id) {
            let early = self
                .exchanges
                .iter()
                .filter(|(_, exchange)| exchange.progress == Progress::Early && exchange.paused.is_none());
            if early.clone().count() >= EARLY_KEPT
                && let Some(oldest) = early.min_by_key(|(_, exchange)| exchange.place)
            {
                let oldest = oldest.0.clone();
                self.exchanges.remove(&oldest);
            }
        }
        self.exchange(session, id)
    }

    /// Counts a request, whether or not anybody follows it. `at` is `Date.now()`.
    pub fn began(&mut self, session: &Session, params: &RawValue, at: f64) {
        let Some(event) = borrow_event::<Began<'_>>(params) else {
            return;
        };
        let exchange = self.exchange(session, &event.request_id);
        exchange.session = session.clone();
        exchange.progress = Progress::Unanswered;
        exchange.is_abandoned = false;
        exchange.loader = event.loader_id.as_ref().into();
        exchange.frame = event.frame_id.as_deref().map(Into::into);
        exchange.kind = event.kind.as_deref().map(Into::into);
        let started_at = exchange.pending.as_ref().map_or(at, |before| before.started_at);
        exchange.pending = Some(PendingRequest {
            url: event.request.url.into_owned(),
            started_at,
        });
        self.measure();
    }

    /// `Network.requestWillBeSent` of a request that is followed.
    pub fn will_be_sent(&mut self, session: &Session, params: &RawValue, now: Instant) -> Vec<NetworkEvent> {
        let Some(id) = request_id(params) else {
            return Vec::new();
        };
        self.exchange(session, &id).steps.push_back(Step::Sent {
            params: params.to_owned(),
            paused: None,
            is_repeated: false,
        });
        self.advance(&id, now, false)
    }

    /// The same of one whose interception comes in an event of its own.
    pub fn will_be_intercepted(
        &mut self,
        session: &Session,
        params: &RawValue,
        now: Instant,
    ) -> Vec<NetworkEvent> {
        let Some(event) = borrow_event::<Began<'_>>(params) else {
            return Vec::new();
        };
        if event.request.url.starts_with("data:") {
            return self.will_be_sent(session, params, now);
        }
        let exchange = self.exchange(session, &event.request_id);
        let paused = exchange.paused.take();
        exchange.sent = Some(params.to_owned());
        exchange.was_paused = paused.is_some();
        if paused.is_none() {
            return Vec::new();
        }
        exchange.steps.push_back(Step::Sent {
            params: params.to_owned(),
            paused,
            is_repeated: false,
        });
        self.advance(&event.request_id, now, false)
    }

    /// `Fetch.requestPaused` of a request that waits for its verdict.
    pub fn paused(
        &mut self,
        session: &Session,
        event: &RequestPaused<'_>,
        now: Instant,
    ) -> Vec<NetworkEvent> {
        let paused = Paused {
            session: session.clone(),
            id: event.request_id.as_str().into(),
            headers: event.request.headers.clone(),
        };
        let Some(network_id) = &event.network_id else {
            // Chrome's network domain does not tell of it.
            let circumstances = Circumstances {
                kind: event.resource_type.as_deref(),
                frame: event.frame_id.as_deref(),
                interception: Some(&paused),
                ..Circumstances::default()
            };
            let request = Request::new(session, &paused.id, &event.request, circumstances);
            return vec![NetworkEvent::Request(request)];
        };
        let exchange = self.early_exchange(session, network_id);
        exchange.intercepted(&paused.id);
        let sent = exchange.sent.take().filter(|sent| {
            // A redirect has the id of what it comes from.
            borrow_event::<Began<'_>>(sent).is_some_and(|sent| {
                sent.request.url == event.request.url && sent.request.method == event.request.method
            })
        });
        let Some(sent) = sent else {
            exchange.paused = Some(paused);
            return Vec::new();
        };
        exchange.sent = Some(sent.clone());
        let is_repeated = mem::replace(&mut exchange.was_paused, true);
        exchange.steps.push_back(Step::Sent {
            params: sent,
            paused: Some(paused),
            is_repeated,
        });
        self.advance(network_id, now, false)
    }

    /// A request that is not held back has this interception all the same.
    pub fn intercepted(&mut self, session: &Session, event: &RequestPaused<'_>) {
        if let Some(id) = &event.network_id {
            self.early_exchange(session, id).intercepted(&event.request_id);
        }
    }

    /// Whether credentials may be sent for this interception: a server that asks again has refused them.
    pub fn may_authenticate(&mut self, session: &Session, interception: &str) -> bool {
        let known = self
            .exchanges
            .iter()
            .find(|(_, exchange)| exchange.interception.as_deref() == Some(interception))
            .map(|(id, _)| id.clone());
        let exchange = self.early_exchange(session, known.as_deref().unwrap_or(interception));
        exchange.intercepted(interception);
        !mem::replace(&mut exchange.has_authenticated, true)
    }

    /// `Network.requestWillBeSentExtraInfo`
    pub fn request_extra_info(&mut self, session: &Session, params: &RawValue) {
        let Some(id) = request_id(params) else { return };
        let exchange = self.early_exchange(session, &id);
        if let Some(request) = &exchange.request {
            if let Some(extra) = borrow_event::<RequestExtraInfo>(params) {
                request.update_headers(&extra.headers);
            }
        } else if !exchange.is_unfollowed() {
            exchange.request_extra.push_back(params.to_owned());
        }
    }

    /// `Network.requestServedFromCache`
    pub fn served_from_cache(&mut self, params: &RawValue, now: Instant) -> Vec<NetworkEvent> {
        let Some(id) = request_id(params) else {
            return Vec::new();
        };
        let Some(exchange) = self.exchanges.get_mut(&*id) else {
            return Vec::new();
        };
        let mut events = Vec::new();
        // The memory cache answers without an interception.
        if exchange.request.is_none()
            && let Some(sent) = exchange.sent.take()
        {
            exchange.steps.push_back(Step::Sent {
                params: sent,
                paused: None,
                is_repeated: false,
            });
            events = self.advance(&id, now, false);
        }
        if let Some(request) = self
            .exchanges
            .get(&*id)
            .and_then(|exchange| exchange.request.as_ref())
        {
            request.set_from_memory_cache();
            events.push(NetworkEvent::ServedFromCache(Arc::clone(request)));
        }
        events
    }

    /// `Network.responseReceived`
    pub fn response_received(
        &mut self,
        session: &Session,
        params: &RawValue,
        now: Instant,
    ) -> Vec<NetworkEvent> {
        self.progressed(session, params, Progress::Answered, now, |exchange| {
            (!exchange.is_unfollowed()).then(|| Step::Response(params.to_owned()))
        })
    }

    /// `Network.responseReceivedExtraInfo`
    pub fn response_extra_info(
        &mut self,
        session: &Session,
        params: &RawValue,
        now: Instant,
    ) -> Vec<NetworkEvent> {
        let Some(id) = request_id(params) else {
            return Vec::new();
        };
        let exchange = self.early_exchange(session, &id);
        if exchange.is_unfollowed() {
            return Vec::new();
        }
        if let Some(overdue) = exchange.overdue.checked_sub(1) {
            exchange.overdue = overdue;
            return Vec::new();
        }
        exchange.response_extra.push_back(params.to_owned());
        self.advance(&id, now, false)
    }

    /// `Network.loadingFinished` and `Network.loadingFailed`
    pub fn loading_ended(
        &mut self,
        session: &Session,
        params: &RawValue,
        failed: bool,
        now: Instant,
    ) -> Vec<NetworkEvent> {
        self.progressed(session, params, Progress::Ended, now, |_| {
            Some(Step::Ended(if failed {
                let text = borrow_event::<LoadingEnded>(params).and_then(|event| event.error_text);
                Ending::Failed(text.unwrap_or_default())
            } else {
                Ending::Finished
            }))
        })
    }

    /// A request that is known has come this far, and takes this step once those before it have been told.
    fn progressed(
        &mut self,
        session: &Session,
        params: &RawValue,
        progress: Progress,
        now: Instant,
        step: impl FnOnce(&Exchange) -> Option<Step>,
    ) -> Vec<NetworkEvent> {
        let Some(id) = request_id(params) else {
            return Vec::new();
        };
        let Some(exchange) = self.exchanges.get_mut(&*id) else {
            return Vec::new();
        };
        exchange.session = session.clone();
        exchange.progress = progress;
        let step = step(exchange);
        exchange.steps.extend(step);
        self.measure();
        self.advance(&id, now, false)
    }

    /// Takes the steps that can be told; the first one without its extra information where that is given up on.
    fn advance(&mut self, id: &str, now: Instant, mut gives_up: bool) -> Vec<NetworkEvent> {
        let mut events = Vec::new();
        while let Some(exchange) = self.exchanges.get_mut(id) {
            let Some((step, extra)) = exchange.next_step(now, mem::take(&mut gives_up)) else {
                if let Some(due) = exchange.due {
                    self.due = Some(self.due.map_or(due, |earliest| earliest.min(due)));
                }
                break;
            };
            match step {
                Step::Sent {
                    params,
                    paused,
                    is_repeated,
                } => {
                    exchange.will_be_sent(&params, paused.as_ref(), is_repeated, extra.as_ref(), &mut events);
                }
                Step::Response(params) => events.extend(exchange.answered(&params, extra.as_ref())),
                Step::Ended(ending) => {
                    let ended = self.exchanges.remove(id);
                    events.extend(ended.and_then(|exchange| exchange.ended(ending)));
                }
            }
        }
        events
    }

    /// When to call [`Self::flush`], at the latest.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Lets what has waited long enough go on without its extra information.
    pub fn flush(&mut self, now: Instant) -> Vec<NetworkEvent> {
        self.due = None;
        let mut held: Vec<(Instant, u64, Box<str>)> = self
            .exchanges
            .iter()
            .filter_map(|(id, exchange)| Some((exchange.due?, exchange.place, id.clone())))
            .collect();
        held.sort_unstable();
        let mut events = Vec::new();
        for (due, _, id) in held {
            events.extend(self.advance(&id, now, due <= now));
        }
        events
    }

    /// The frame at the top has a new document, in place of those of the `replaced` loaders. Chrome may still tell how
    /// what they loaded ended; what it does not tell of until the next document is forgotten.
    pub fn document_replaced(&mut self, frame: &str, loader: &str, replaced: &[String]) {
        let begin = self.exchanges.get(loader).map_or(u64::MAX, |own| own.place);
        self.abandon(|exchange| {
            let is_replaced = replaced.iter().any(|replaced| **replaced == *exchange.loader);
            let is_earlier = exchange.place < begin && !exchange.is_document_of(frame);
            *exchange.loader != *loader && (is_replaced || is_earlier)
        });
    }

    /// The session's renderer died, and what it loaded with it. What leads to the next document goes on.
    pub fn crashed(&mut self, session: &Session, frame: &str) {
        self.abandon(|exchange| exchange.session.id() == session.id() && !exchange.is_document_of(frame));
    }

    fn abandon(&mut self, is_over: impl Fn(&Exchange) -> bool) {
        self.exchanges.retain(|_, exchange| {
            if !is_over(exchange) {
                return true;
            }
            exchange.give_up_on_body();
            !mem::replace(&mut exchange.is_abandoned, true)
        });
        self.measure();
    }

    /// The session is gone, and nothing more comes of what it loaded, but of the next documents of the `moving`
    /// frames: their end is told in the sessions given with them.
    pub fn detached(&mut self, session: &str, moving: &[(FrameId, Session)]) {
        self.exchanges.retain(|_, exchange| {
            if exchange.session.id() == Some(session)
                && let Some((_, next)) = moving.iter().find(|(frame, _)| exchange.is_document_of(frame))
            {
                exchange.session = next.clone();
            }
            let stays = exchange.session.id() != Some(session);
            if !stays {
                exchange.give_up_on_body();
            }
            stays
        });
        self.measure();
    }

    /// A frame that was to get another document is gone.
    pub fn frame_gone(&mut self, frame: &str) {
        self.exchanges.retain(|_, exchange| {
            let stays = !exchange.is_document_of(frame);
            if !stays {
                exchange.give_up_on_body();
            }
            stays
        });
        self.measure();
    }

    /// The page is gone.
    pub fn clear(&mut self) {
        for exchange in mem::take(self).exchanges.into_values() {
            exchange.give_up_on_body();
        }
    }
}

/// The event's `requestId`, which Chrome writes first: found without parsing the rest.
fn request_id(params: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Id<'a> {
        #[serde(borrow)]
        request_id: Cow<'a, str>,
    }
    let first = params.get().strip_prefix(r#"{"requestId":""#);
    match first.and_then(|rest| rest.split_once('"')) {
        Some((id, _)) if !id.contains('\\') => Some(Cow::Borrowed(id)),
        _ => borrow_event::<Id<'_>>(params).map(|event| event.request_id),
    }
}

#[cfg(test)]
mod tests;
