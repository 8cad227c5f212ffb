//! All that is known of one request.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::capture::PendingRequest;
use crate::cdp::Session;

use super::super::decode::{borrow_event, says};
use super::super::request::{RawHeaders, Request, RequestWillBeSent};
use super::super::response::{Body, RawResponse, ResponseExtraInfo};
use super::NetworkEvent;

/// How long an answer that has ended, or a redirect, waits for its extra information.
pub(super) const EXTRA_PATIENCE: Duration = Duration::from_secs(1);

/// A request that Chrome holds back.
#[derive(Clone)]
pub(in crate::page) struct Paused {
    /// Where the verdict goes; a worker's requests are held back in the session of its page.
    pub session: Session,
    /// Chrome's id of the interception.
    pub id: Box<str>,
    pub headers: RawHeaders,
}

#[derive(Deserialize)]
struct ResponseReceived<'a> {
    #[serde(borrow)]
    response: RawResponse<'a>,
}

#[derive(Deserialize)]
pub(super) struct RequestExtraInfo {
    #[serde(default)]
    pub headers: RawHeaders,
}

/// How the loading of a request ended.
pub(super) enum Ending {
    Finished,
    Failed(String),
}

/// What comes of one event, once those before it have been told.
pub(super) enum Step {
    Sent {
        params: Box<RawValue>,
        paused: Option<Paused>,
        /// Chrome paused the same request once more, as for a password.
        is_repeated: bool,
    },
    Response(Box<RawValue>),
    Ended(Ending),
}

/// How far a request has come, whether or not anybody follows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// What came before `Network.requestWillBeSent`.
    Early,
    Unanswered,
    Answered,
    Ended,
}

/// All that is known of one id; redirects share it.
pub(super) struct Exchange {
    /// Counts the exchanges of the page.
    pub place: u64,
    /// Of the latest event: the script of a worker and the document of an out-of-process frame begin in the session
    /// of their parent.
    pub session: Session,
    pub progress: Progress,
    /// Its document was replaced, after which Chrome tells its end only where it has one on the way.
    pub is_abandoned: bool,
    pub loader: Box<str>,
    pub frame: Option<Box<str>>,
    pub kind: Option<Box<str>>,
    pub pending: Option<PendingRequest>,
    /// What is followed of it.
    pub request: Option<Arc<Request>>,
    /// `Network.requestWillBeSent` of an intercepted request, which may be paused later or repeatedly.
    pub sent: Option<Box<RawValue>>,
    pub was_paused: bool,
    pub paused: Option<Paused>,
    /// Chrome's id of the interception, and whether the server has had credentials for it.
    pub interception: Option<Box<str>>,
    pub has_authenticated: bool,
    /// Extra information that came before what it belongs to, not taken apart yet.
    pub request_extra: VecDeque<Box<RawValue>>,
    pub response_extra: VecDeque<Box<RawValue>>,
    /// How many times extra information was given up on: what comes of it late belongs to nothing.
    pub overdue: usize,
    pub steps: VecDeque<Step>,
    /// When the first step goes on without what it waits for.
    pub due: Option<Instant>,
}

impl Exchange {
    pub fn new(place: u64, session: &Session) -> Self {
        Self {
            place,
            session: session.clone(),
            progress: Progress::Early,
            is_abandoned: false,
            loader: Box::default(),
            frame: None,
            kind: None,
            pending: None,
            request: None,
            sent: None,
            was_paused: false,
            paused: None,
            interception: None,
            has_authenticated: false,
            request_extra: VecDeque::new(),
            response_extra: VecDeque::new(),
            overdue: 0,
            steps: VecDeque::new(),
            due: None,
        }
    }

    /// Nobody asked for it when it began, so nothing of it is told.
    pub fn is_unfollowed(&self) -> bool {
        self.progress != Progress::Early
            && self.request.is_none()
            && self.sent.is_none()
            && self.steps.is_empty()
    }

    /// Whether it loads the document of this frame.
    pub fn is_document_of(&self, frame: &str) -> bool {
        self.kind.as_deref() == Some("Document") && self.frame.as_deref() == Some(frame)
    }

    pub fn is_in_flight(&self) -> bool {
        self.progress == Progress::Unanswered && !self.is_abandoned
    }

    pub fn is_pending(&self) -> bool {
        matches!(self.progress, Progress::Unanswered | Progress::Answered) && !self.is_abandoned
    }

    pub fn intercepted(&mut self, interception: &str) {
        if self.interception.as_deref() != Some(interception) {
            self.interception = Some(interception.into());
            self.has_authenticated = false;
        }
    }

    fn needs_extra(&self, step: &Step) -> bool {
        let Some(request) = &self.request else {
            return false;
        };
        match step {
            Step::Sent {
                params, is_repeated, ..
            } => {
                !is_repeated
                    && says(params, br#""redirectResponse":"#)
                    && says(params, br#""redirectHasExtraInfo":true"#)
            }
            Step::Response(params) => {
                !request.is_from_memory_cache() && says(params, br#""hasExtraInfo":true"#)
            }
            Step::Ended(_) => false,
        }
    }

    /// The next step that can be told, with its extra information.
    pub fn next_step(&mut self, now: Instant, gives_up: bool) -> Option<(Step, Option<ResponseExtraInfo>)> {
        let mut extra = None;
        if self.needs_extra(self.steps.front()?) {
            extra = self.response_extra.pop_front();
            if extra.is_none() && !gives_up {
                if matches!(self.steps.front(), Some(Step::Sent { .. })) || self.steps.len() > 1 {
                    self.due.get_or_insert(now + EXTRA_PATIENCE);
                }
                return None;
            }
            if extra.is_none() {
                self.overdue += 1;
            }
        }
        self.due = None;
        Some((self.steps.pop_front()?, extra.and_then(|raw| borrow_event(&raw))))
    }

    pub fn will_be_sent(
        &mut self,
        params: &RawValue,
        paused: Option<&Paused>,
        is_repeated: bool,
        extra: Option<&ResponseExtraInfo>,
        events: &mut Vec<NetworkEvent>,
    ) {
        let Some(event) = borrow_event::<RequestWillBeSent<'_>>(params) else {
            return;
        };
        let mut redirects = Vec::new();
        if let Some(earlier) = self.request.take() {
            redirects = earlier.redirects().to_vec();
            if let Some(redirect) = event.redirect_response.as_ref().filter(|_| !is_repeated) {
                let response = earlier.answered(redirect, extra);
                earlier.set_body(Body::Redirected);
                redirects.push(Arc::clone(&earlier));
                events.push(NetworkEvent::Response(response));
                events.push(NetworkEvent::Finished(earlier));
            }
        }
        let before = redirects.last().cloned();
        let request = Request::sent(&self.session, &event, redirects, paused);
        if let Some(before) = before {
            // Already set where the request is told of again.
            let _ = before.next.set(Arc::downgrade(&request));
        }
        let extra = self.request_extra.pop_front();
        if let Some(extra) = extra.and_then(|raw| borrow_event::<RequestExtraInfo>(&raw)) {
            request.update_headers(&extra.headers);
        }
        self.request = Some(Arc::clone(&request));
        events.push(NetworkEvent::Request(request));
    }

    pub fn answered(&self, params: &RawValue, extra: Option<&ResponseExtraInfo>) -> Option<NetworkEvent> {
        let request = self.request.as_ref()?;
        let raw = borrow_event::<ResponseReceived<'_>>(params)?.response;
        // Chrome tells the extra information of another response where the cache has answered.
        let extra = extra.filter(|_| !raw.from_disk_cache);
        Some(NetworkEvent::Response(request.answered(&raw, extra)))
    }

    pub fn ended(self, ending: Ending) -> Option<NetworkEvent> {
        let request = self.request?;
        request.adopt(&self.session);
        request.set_body(Body::Loaded);
        Some(match ending {
            Ending::Failed(text) => {
                request.set_failure(text);
                NetworkEvent::Failed(request)
            }
            Ending::Finished => NetworkEvent::Finished(request),
        })
    }

    /// Nothing more comes of it: who waits for its body asks Chrome, which says why there is none.
    pub fn give_up_on_body(&self) {
        if let Some(request) = &self.request {
            request.adopt(&self.session);
            request.set_body(Body::Loaded);
        }
    }
}
