//! `HTTPRequest` and `HTTPResponse`.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::node::js::class::{self, Class, Method};
use crate::node::js::{Scope, Thrown, Value};
use crate::page::{Request, Response};

use super::identity::WeakObjects;
use super::intercept::{self, Votes};
use super::{frame, promise, session, value};

/// What a request's object carries.
pub(super) struct RequestData {
    pub core: Arc<Request>,
    pub votes: Votes,
}

thread_local! {
    static REQUESTS: RefCell<WeakObjects> = RefCell::default();
    static RESPONSES: RefCell<WeakObjects> = RefCell::default();
}

/// The request's object, the same in each of its events.
pub(super) fn wrap_request<'s>(scope: Scope<'s>, request: &Arc<Request>) -> Result<Value<'s>, Thrown> {
    REQUESTS.with(|requests| {
        WeakObjects::object_of(requests, scope, Arc::as_ptr(request).addr(), || {
            let data = Rc::new(RequestData {
                core: Arc::clone(request),
                votes: Votes::default(),
            });
            class::instantiate::<RequestClass>(scope, data)
        })
    })
}

/// The response's object, the same wherever it comes from.
pub(super) fn wrap_response<'s>(scope: Scope<'s>, response: &Response) -> Result<Value<'s>, Thrown> {
    let address = Arc::as_ptr(response.request()).addr();
    RESPONSES.with(|responses| {
        WeakObjects::object_of(responses, scope, address, || {
            class::instantiate::<ResponseClass>(scope, Rc::new(response.clone()))
        })
    })
}

fn headers<'s>(scope: Scope<'s>, headers: &[(String, String)]) -> Value<'s> {
    let object = scope.object();
    for (name, value) in headers {
        object.set(name, scope.string(value));
    }
    object
}

#[expect(clippy::cast_precision_loss, reason = "ports and status codes are small")]
fn number(scope: Scope<'_>, number: i64) -> Value<'_> {
    scope.number(number as f64)
}

/// The web's `Headers`; several of one name are on a line each.
fn fetch_headers<'s>(scope: Scope<'s>, headers: &[(String, String)]) -> Result<Value<'s>, Thrown> {
    let object = scope.global().get("Headers")?.construct(&[])?;
    for (name, value) in headers {
        for line in value.split('\n').map(str::trim).filter(|line| !line.is_empty()) {
            object.call_method("append", &[scope.string(name), scope.string(line)])?;
        }
    }
    Ok(object)
}

fn frame_of<'s>(scope: Scope<'s>, request: &Request) -> Result<Value<'s>, Thrown> {
    match request.frame() {
        Some(frame) => frame::wrap(scope, &frame),
        None => Ok(scope.null()),
    }
}

/// Chrome's `SecurityDetails`, as JSON.
pub(super) struct SecurityDetails(Box<str>);

impl SecurityDetails {
    fn get<'s>(&self, scope: Scope<'s>, field: &str) -> Result<Value<'s>, Thrown> {
        value::from_json(scope, &self.0)?.get(field)
    }
}

impl Class for SecurityDetails {
    type Data = Self;
    const NAME: &'static str = "SecurityDetails";
    const METHODS: &'static [Method<Self>] = &[
        Method::sync("issuer", |scope, details, _| details.get(scope, "issuer")),
        Method::sync("validFrom", |scope, details, _| details.get(scope, "validFrom")),
        Method::sync("validTo", |scope, details, _| details.get(scope, "validTo")),
        Method::sync("protocol", |scope, details, _| details.get(scope, "protocol")),
        Method::sync("subjectName", |scope, details, _| {
            details.get(scope, "subjectName")
        }),
        Method::sync("subjectAlternativeNames", |scope, details, _| {
            details.get(scope, "sanList")
        }),
    ];
}

pub(super) struct RequestClass;

impl Class for RequestClass {
    type Data = RequestData;
    const NAME: &'static str = "HTTPRequest";
    const MORE: &'static [&'static [Method<RequestData>]] = &[intercept::METHODS];
    const METHODS: &'static [Method<RequestData>] = &[
        Method::getter("id", |scope, request, _| Ok(scope.string(request.core.id()))),
        Method::sync("url", |scope, request, _| Ok(scope.string(request.core.url()))),
        Method::sync("method", |scope, request, _| {
            Ok(scope.string(request.core.method()))
        }),
        Method::sync("headers", |scope, request, _| {
            Ok(headers(scope, &request.core.headers()))
        }),
        Method::sync("resourceType", |scope, request, _| {
            Ok(scope.string(request.core.resource_type()))
        }),
        Method::sync("isNavigationRequest", |scope, request, _| {
            Ok(scope.boolean(request.core.is_navigation()))
        }),
        Method::sync("postData", |scope, request, _| {
            Ok(request
                .core
                .post_data()
                .map_or_else(|| scope.undefined(), |data| scope.string(data)))
        }),
        Method::sync("hasPostData", |scope, request, _| {
            Ok(scope.boolean(request.core.has_post_data()))
        }),
        Method::promise("fetchPostData", |scope, request, _| {
            let request = Arc::clone(&request.core);
            promise::start_with(
                scope,
                async move { request.fetch_post_data().await },
                |scope, data| Ok(data.map_or_else(|_| scope.undefined(), |data| scope.string(&data))),
            )
        }),
        Method::sync("response", |scope, request, _| match request.core.response() {
            Some(response) => wrap_response(scope, &response),
            None => Ok(scope.null()),
        }),
        Method::sync("failure", |scope, request, _| {
            Ok(match request.core.failure() {
                Some(text) => scope.object().set("errorText", scope.string(text)),
                None => scope.null(),
            })
        }),
        Method::sync("redirectChain", |scope, request, _| {
            let chain: Result<Vec<_>, _> = request
                .core
                .redirect_chain()
                .iter()
                .map(|earlier| wrap_request(scope, earlier))
                .collect();
            Ok(scope.array(chain?))
        }),
        Method::sync("initiator", |scope, request, _| match request.core.initiator() {
            Some(json) => value::from_json(scope, json.get()),
            None => Ok(scope.undefined()),
        }),
        Method::sync("frame", |scope, request, _| frame_of(scope, &request.core)),
        Method::promise("asFetchRequest", |scope, request, _| {
            let request = Arc::clone(&request.core);
            let has_body = !matches!(request.method(), "GET" | "HEAD") && request.has_post_data();
            let of_request = Arc::clone(&request);
            let asking = async move {
                if has_body {
                    request.fetch_post_data().await.ok()
                } else {
                    None
                }
            };
            promise::start_with(scope, asking, move |scope, body| {
                let headers = fetch_headers(scope, &of_request.headers())?;
                let init = scope.object().set("method", scope.string(of_request.method()));
                init.set("headers", headers);
                init.set(
                    "body",
                    body.map_or_else(|| scope.null(), |body| scope.string(&body)),
                );
                let url = scope.string(of_request.url());
                scope.global().get("Request")?.construct(&[url, init])
            })
        }),
        Method::getter("client", |scope, request, _| match request.core.page() {
            Some(page) => session::wrap(scope, page.browser(), &request.core.session()),
            None => Ok(scope.undefined()),
        }),
    ];
}

pub(super) struct ResponseClass;

impl Class for ResponseClass {
    type Data = Response;
    const NAME: &'static str = "HTTPResponse";
    const METHODS: &'static [Method<Response>] = &[
        Method::sync("status", |scope, response, _| {
            Ok(number(scope, response.status()))
        }),
        Method::sync("statusText", |scope, response, _| {
            Ok(scope.string(response.status_text()))
        }),
        Method::sync("ok", |scope, response, _| Ok(scope.boolean(response.is_ok()))),
        Method::sync("url", |scope, response, _| {
            Ok(scope.string(response.request().url()))
        }),
        Method::sync("headers", |scope, response, _| {
            Ok(headers(scope, response.headers()))
        }),
        Method::sync("request", |scope, response, _| {
            wrap_request(scope, response.request())
        }),
        Method::sync("fromCache", |scope, response, _| {
            Ok(scope.boolean(response.is_from_cache()))
        }),
        Method::sync("fromServiceWorker", |scope, response, _| {
            Ok(scope.boolean(response.is_from_service_worker()))
        }),
        Method::sync("remoteAddress", |scope, response, _| {
            let (ip, port) = response.remote_address();
            let address = scope.object();
            address.set("ip", ip.map_or_else(|| scope.undefined(), |ip| scope.string(ip)));
            Ok(address.set(
                "port",
                port.map_or_else(|| scope.undefined(), |port| number(scope, port)),
            ))
        }),
        Method::sync("timing", |scope, response, _| match response.timing() {
            Some(json) => value::from_json(scope, json.get()),
            None => Ok(scope.null()),
        }),
        Method::sync("frame", |scope, response, _| frame_of(scope, response.request())),
        Method::sync("securityDetails", |scope, response, _| {
            match response.security_details() {
                Some(json) => {
                    let details = Rc::new(SecurityDetails(json.get().into()));
                    class::instantiate::<SecurityDetails>(scope, details)
                }
                None => Ok(scope.null()),
            }
        }),
        Method::promise("buffer", |scope, response, _| {
            let response = Rc::unwrap_or_clone(Rc::clone(response));
            promise::start(scope, async move { response.body().await }, |scope, body| {
                Ok(scope.buffer(body.to_vec()))
            })
        }),
        Method::promise("content", |scope, response, _| {
            let response = Rc::unwrap_or_clone(Rc::clone(response));
            promise::start(scope, async move { response.body().await }, |scope, body| {
                Ok(scope.buffer(body.to_vec()))
            })
        }),
        Method::promise("asFetchResponse", |scope, response, _| {
            let response = Rc::unwrap_or_clone(Rc::clone(response));
            let of_body = response.clone();
            let loading = async move {
                // The web's responses of these have none.
                match of_body.status() {
                    101 | 204 | 205 | 304 => Ok(None),
                    _ => of_body.body().await.map(Some),
                }
            };
            promise::start(scope, loading, move |scope, body| {
                let init = scope.object().set("status", number(scope, response.status()));
                init.set("statusText", scope.string(response.status_text()));
                init.set("headers", fetch_headers(scope, response.headers())?);
                let body = body.map_or_else(|| scope.null(), |body| scope.buffer(body.to_vec()));
                scope.global().get("Response")?.construct(&[body, init])
            })
        }),
        Method::promise("text", |scope, response, _| {
            let response = Rc::unwrap_or_clone(Rc::clone(response));
            promise::start(scope, async move { response.text().await }, |scope, text| {
                Ok(value::text_to_js(scope, text))
            })
        }),
        Method::promise("json", |scope, response, _| {
            let response = Rc::unwrap_or_clone(Rc::clone(response));
            promise::start(scope, async move { response.text().await }, |scope, text| {
                value::parse_json(scope, value::text_to_js(scope, text))
            })
        }),
    ];
}
