//! Requests that wait for a verdict, and servers that ask for a password.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::cdp::{Call, CallError, Deadline, Session};

use super::decode::borrow_event;
use super::emulation::WORKER_DEADLINE;
use super::network::RequestPaused;
use super::page::{Page, send};
use super::request::Request;

/// Name and password for servers that ask.
#[derive(Clone, Deserialize, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

/// What of a page's requests is held back.
#[derive(Default)]
pub(super) struct Interception {
    /// The caller decides on each request.
    by_caller: AtomicBool,
    /// Chrome holds requests back, for the caller or for the credentials.
    in_chrome: AtomicBool,
    credentials: Mutex<Option<Credentials>>,
}

/// Why a verdict was not taken.
#[derive(Debug, thiserror::Error)]
pub enum InterceptError {
    /// The request does not wait for one.
    #[error("Request Interception is not enabled!")]
    NotEnabled,
    /// It has had one.
    #[error("Request is already handled!")]
    AlreadyHandled,
    /// Chrome refuses it as it is.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// What of a request is changed on its way.
#[derive(Clone, Default, Debug)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub struct Overrides {
    pub url: Option<String>,
    pub method: Option<String>,
    pub post_data: Option<Vec<u8>>,
    pub headers: Option<Vec<(String, String)>>,
}

/// An answer that no server gave.
#[derive(Clone, Default, Debug)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub struct Reply {
    pub status: Option<i64>,
    pub headers: Vec<(String, String)>,
    pub content_type: Option<String>,
    pub body: Option<Vec<u8>>,
}

impl Page {
    pub(super) fn is_intercepting(&self) -> bool {
        self.0.interception.by_caller.load(Ordering::Acquire)
    }

    /// Lets the caller decide on each request, or not any more.
    ///
    /// # Errors
    /// As any command.
    pub async fn set_request_interception(&self, enabled: bool) -> Result<(), CallError> {
        self.0.interception.by_caller.store(enabled, Ordering::Release);
        self.update_interception().await
    }

    /// Answers servers that ask for a password, or not any more.
    ///
    /// # Errors
    /// As any command.
    pub async fn authenticate(&self, credentials: Option<Credentials>) -> Result<(), CallError> {
        *self
            .0
            .interception
            .credentials
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = credentials;
        self.update_interception().await
    }

    fn credentials(&self) -> Option<Credentials> {
        let credentials = &self.0.interception.credentials;
        credentials.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn update_interception(&self) -> Result<(), CallError> {
        let interception = &self.0.interception;
        let wanted = self.is_intercepting() || self.credentials().is_some();
        if interception.in_chrome.swap(wanted, Ordering::AcqRel) == wanted {
            return Ok(());
        }
        self.lock_settings().cache_disabled.get_or_insert(false);
        let sent = self.broadcast(&self.sessions(), |session| {
            // The renderer's answer may come after the first request that is held back, and is not waited for.
            drop(self.lock_settings().apply_network(session, Deadline::Protocol));
            vec![if wanted {
                send(session, "Fetch.enable", enable())
            } else {
                send(session, "Fetch.disable", json!({}))
            }]
        });
        for worker in self.worker_sessions() {
            // The requests of workers are held back in the session of their page.
            drop(self.lock_settings().apply_network(&worker, WORKER_DEADLINE));
        }
        sent.done().await
    }

    pub(super) fn observe_interception(&self, session: &Session) {
        self.listen_to(
            session,
            &[
                ("Fetch.requestPaused", Self::on_paused),
                ("Fetch.authRequired", Self::on_auth_required),
            ],
        );
        if self.0.interception.in_chrome.load(Ordering::Acquire) {
            session.call("Fetch.enable", enable(), Deadline::Protocol, |_| {});
        }
    }

    fn on_paused(&self, session: &Session, params: &RawValue) {
        let Some(event) = borrow_event::<RequestPaused<'_>>(params) else {
            return;
        };
        if self.is_intercepting() {
            self.follow(|tracker, now| tracker.paused(session, &event, now));
        } else {
            self.lock().tracker.intercepted(session, &event);
            let params = json!({ "requestId": event.request_id });
            session.call("Fetch.continueRequest", params, Deadline::Protocol, |_| {});
        }
    }

    fn on_auth_required(&self, session: &Session, params: &RawValue) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct AuthRequired {
            request_id: String,
        }
        let Some(event) = borrow_event::<AuthRequired>(params) else {
            return;
        };
        let response = match self.credentials() {
            None => json!({ "response": "Default" }),
            Some(credentials) if self.lock().tracker.may_authenticate(session, &event.request_id) => {
                json!({ "response": "ProvideCredentials", "username": credentials.username,
                    "password": credentials.password })
            }
            Some(_) => json!({ "response": "CancelAuth" }),
        };
        let params = json!({ "requestId": event.request_id, "authChallengeResponse": response });
        session.call("Fetch.continueWithAuth", params, Deadline::Protocol, |_| {});
    }
}

fn enable() -> Value {
    json!({ "handleAuthRequests": true, "patterns": [{ "urlPattern": "*" }] })
}

impl Request {
    /// Whether it waits for a verdict of the caller, or did.
    #[must_use]
    pub fn is_held_back(&self) -> bool {
        self.held_back.load(Ordering::Acquire)
    }

    /// Whether it has had its verdict.
    #[must_use]
    pub fn is_handled(&self) -> bool {
        self.handled.load(Ordering::Acquire)
    }

    /// Whether there is a verdict to take at all: pages keep some requests to themselves.
    #[must_use]
    pub fn can_be_intercepted(&self) -> bool {
        !self.url().starts_with("data:") && !self.is_from_memory_cache()
    }

    fn decide(&self, method: &'static str, mut params: Value) -> Result<Call<Box<RawValue>>, InterceptError> {
        let held = self.held().ok_or(InterceptError::NotEnabled)?;
        if self.handled.swap(true, Ordering::AcqRel) {
            return Err(InterceptError::AlreadyHandled);
        }
        params["requestId"] = (*held.id).into();
        Ok(send(&held.session, method, params))
    }

    /// Chrome may have given the request up meanwhile; only what cannot be right is an error.
    async fn decided(&self, call: Call<Box<RawValue>>) -> Result<(), InterceptError> {
        match call.await {
            Err(error @ CallError::Protocol { .. }) => {
                let text = error.to_string();
                let is_callers = [
                    "Invalid header",
                    "Unsafe header",
                    "Expected \"header\"",
                    "invalid argument",
                ]
                .iter()
                .any(|part| text.contains(part));
                if is_callers {
                    self.handled.store(false, Ordering::Release);
                    return Err(error.into());
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Lets it go on, changed or not.
    ///
    /// # Errors
    /// Where it has had its verdict, and for headers that cannot be.
    pub async fn proceed(&self, overrides: Overrides) -> Result<(), InterceptError> {
        let mut params = json!({});
        if let Some(url) = overrides.url {
            params["url"] = url.into();
        }
        if let Some(method) = overrides.method {
            params["method"] = method.into();
        }
        if let Some(data) = overrides.post_data.filter(|data| !data.is_empty()) {
            params["postData"] = BASE64.encode(data).into();
        }
        if let Some(headers) = overrides.headers {
            params["headers"] = header_list(headers);
        }
        let call = self.decide("Fetch.continueRequest", params)?;
        self.decided(call).await
    }

    /// Answers it.
    ///
    /// # Errors
    /// Where it has had its verdict, and for headers that cannot be.
    pub async fn respond(&self, reply: Reply) -> Result<(), InterceptError> {
        let mut headers: Vec<(String, String)> = reply
            .headers
            .into_iter()
            .map(|(name, value)| (name.to_lowercase(), value))
            .collect();
        if let Some(kind) = reply.content_type {
            headers.retain(|(name, _)| name != "content-type");
            headers.push(("content-type".to_owned(), kind));
        }
        let body = reply.body.filter(|body| !body.is_empty());
        if let Some(body) = &body
            && !headers.iter().any(|(name, _)| name == "content-length")
        {
            headers.push(("content-length".to_owned(), body.len().to_string()));
        }
        let status = reply.status.filter(|status| *status != 0).unwrap_or(200);
        let mut params = json!({ "responseCode": status, "responseHeaders": header_list(headers) });
        if let Some(phrase) = phrase(status) {
            params["responsePhrase"] = phrase.into();
        }
        if let Some(body) = body {
            params["body"] = BASE64.encode(body).into();
        }
        let call = self.decide("Fetch.fulfillRequest", params)?;
        self.decided(call).await
    }

    /// Lets it fail with the protocol's reason.
    ///
    /// # Errors
    /// Where it has had its verdict.
    pub async fn abort(&self, reason: &str) -> Result<(), InterceptError> {
        let call = self.decide("Fetch.failRequest", json!({ "errorReason": reason }))?;
        self.decided(call).await
    }

    /// The protocol's reason of puppeteer's error code.
    #[must_use]
    pub fn abort_reason(code: &str) -> Option<&'static str> {
        Some(match code {
            "aborted" => "Aborted",
            "accessdenied" => "AccessDenied",
            "addressunreachable" => "AddressUnreachable",
            "blockedbyclient" => "BlockedByClient",
            "blockedbyresponse" => "BlockedByResponse",
            "connectionaborted" => "ConnectionAborted",
            "connectionclosed" => "ConnectionClosed",
            "connectionfailed" => "ConnectionFailed",
            "connectionrefused" => "ConnectionRefused",
            "connectionreset" => "ConnectionReset",
            "internetdisconnected" => "InternetDisconnected",
            "namenotresolved" => "NameNotResolved",
            "timedout" => "TimedOut",
            "failed" => "Failed",
            _ => return None,
        })
    }
}

fn header_list(headers: Vec<(String, String)>) -> Value {
    headers
        .into_iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect()
}

/// The usual text beside a status.
fn phrase(status: i64) -> Option<&'static str> {
    Some(match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        306 => "Switch Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Payload Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Entity",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_reasons() {
        assert_eq!(Request::abort_reason("connectionreset"), Some("ConnectionReset"));
        assert_eq!(Request::abort_reason("nonsense"), None);
    }
}
