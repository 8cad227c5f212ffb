//! `goto` and its like.

use crate::node::js::{Call, Kind, Scope, Thrown, Value};
use crate::page::{Frame, Milestone, NavigationError, NavigationOptions, Page, Response};

use super::abort::{Abort, aborted};
use super::error::Rejection as _;
use super::{arguments, http, options, promise};

pub(super) fn goto<'s>(scope: Scope<'s>, frame: &Frame, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let url = options::text(scope, call.argument(0), "the URL")?;
    let options = read(scope, call.argument(1))?;
    let frame = frame.clone();
    respond(scope, call.argument(1), async move {
        frame.goto(&url, &options).await
    })
}

pub(super) fn wait_for_navigation<'s>(
    scope: Scope<'s>,
    frame: &Frame,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let options = read(scope, call.argument(0))?;
    let frame = frame.clone();
    respond(scope, call.argument(0), async move {
        frame.wait_for_navigation(&options).await
    })
}

pub(super) fn set_content<'s>(scope: Scope<'s>, frame: &Frame, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let html = call.argument(0);
    if html.kind() != Kind::String {
        return Err(options::not_text(scope, html, "the HTML"));
    }
    let html = arguments::string(scope, html)?;
    let options = read(scope, call.argument(1))?;
    let frame = frame.clone();
    promise::start_void(scope, async move { frame.set_content(html, &options).await })
}

pub(super) fn reload<'s>(scope: Scope<'s>, page: &Page, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let options = read(scope, call.argument(0))?;
    let ignore_cache = options::flag(call.argument(0), "ignoreCache")?;
    let page = page.clone();
    respond(scope, call.argument(0), async move {
        page.reload(ignore_cache, &options).await
    })
}

pub(super) fn go<'s>(
    scope: Scope<'s>,
    page: &Page,
    delta: isize,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let options = read(scope, call.argument(0))?;
    let page = page.clone();
    respond(
        scope,
        call.argument(0),
        async move { page.go(delta, &options).await },
    )
}

fn respond<'s>(
    scope: Scope<'s>,
    given: Value<'s>,
    navigation: impl Future<Output = Result<Option<Response>, NavigationError>> + Send + 'static,
) -> Result<Value<'s>, Thrown> {
    let (abort, receiver) = Abort::of(given)?;
    let navigation = async move {
        tokio::select! {
            biased;
            outcome = navigation => outcome,
            () = aborted(receiver) => Err(NavigationError::Aborted),
        }
    };
    promise::start_with(scope, navigation, move |scope, outcome| match outcome {
        Ok(Some(response)) => http::wrap_response(scope, &response),
        Ok(None) => Ok(scope.null()),
        Err(NavigationError::Aborted) => Err(abort.reason(scope)),
        Err(error) => Err(Thrown::new(error.to_value(scope))),
    })
}

fn read(scope: Scope<'_>, given: Value<'_>) -> Result<NavigationOptions, Thrown> {
    let mut read = NavigationOptions {
        timeout: options::timeout(given)?,
        referer: options::string(given, "referer")?,
        referrer_policy: options::string(given, "referrerPolicy")?.map(|policy| camel_case(&policy)),
        ignore_same_document: options::flag(given, "ignoreSameDocumentNavigation")?,
        ..NavigationOptions::default()
    };
    if let Some(wait_until) = options::get(given, "waitUntil")? {
        let wanted = if wait_until.is_array() {
            wait_until.elements()?
        } else {
            vec![wait_until]
        };
        read.wait_until = wanted
            .into_iter()
            .map(|name| milestone(scope, name))
            .collect::<Result<_, _>>()?;
    }
    Ok(read)
}

fn milestone(scope: Scope<'_>, name: Value<'_>) -> Result<Milestone, Thrown> {
    let name = name.coerce_to_string()?;
    Milestone::from_option(&name).ok_or_else(|| {
        let message = format!("Unknown value for options.waitUntil: {name}");
        Thrown::refused(scope, &message)
    })
}

/// The protocol names policies as `noReferrer`.
fn camel_case(policy: &str) -> String {
    let mut parts = policy.split('-');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}
