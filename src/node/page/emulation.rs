//! What a page is made to believe.

use std::rc::Rc;

use serde::de::DeserializeOwned;

use crate::node::js::class::Method;
use crate::node::js::{Call, Kind, Scope, Thrown, Value};
use crate::page::{Credentials, Metrics, NetworkConditions, UserAgent, Viewport};

use super::page::PageData;
use super::{options, promise};

pub(super) const METHODS: &[Method<PageData>] = &[
    Method::sync("viewport", |scope, page, _| match page.core.viewport() {
        Some(viewport) => Ok(viewport_to_js(scope, page, &viewport)),
        None => Ok(scope.null()),
    }),
    Method::promise("setViewport", set_viewport),
    Method::promise("emulate", |scope, page, call| {
        let device = call.argument(0);
        let viewport = viewport(device.get("viewport")?)?;
        let agent = UserAgent {
            user_agent: options::string(device, "userAgent")?,
            ..UserAgent::default()
        };
        let page = page.core.clone();
        promise::start_void(scope, async move {
            page.set_user_agent(agent).await?;
            if page.set_viewport(viewport).await? {
                let _ = page
                    .reload(false, &crate::page::NavigationOptions::default())
                    .await;
            }
            Ok::<_, crate::cdp::CallError>(())
        })
    }),
    Method::promise("emulateMediaType", |scope, page, call| {
        let (page, media) = (page.core.clone(), call.argument(0).as_string());
        promise::start_void(
            scope,
            async move { page.emulate_media_type(media.as_deref()).await },
        )
    }),
    Method::promise("emulateMediaFeatures", |scope, page, call| {
        let mut features = Vec::new();
        for feature in call.argument(0).elements()? {
            features.push((
                feature.get("name")?.coerce_to_string()?,
                feature.get("value")?.coerce_to_string()?,
            ));
        }
        let page = page.core.clone();
        promise::start_void(scope, async move { page.emulate_media_features(&features).await })
    }),
    Method::promise("emulateTimezone", |scope, page, call| {
        let (page, zone) = (page.core.clone(), call.argument(0).as_string());
        promise::start_void(scope, async move { page.emulate_timezone(zone.as_deref()).await })
    }),
    Method::promise("emulateCPUThrottling", |scope, page, call| {
        let (page, factor) = (page.core.clone(), call.argument(0).as_f64());
        promise::start_void(scope, async move { page.emulate_cpu_throttling(factor).await })
    }),
    Method::promise("emulateVisionDeficiency", |scope, page, call| {
        let (page, kind) = (page.core.clone(), call.argument(0).as_string());
        promise::start_void(scope, async move {
            page.emulate_vision_deficiency(kind.as_deref()).await
        })
    }),
    Method::promise("emulateIdleState", |scope, page, call| {
        let given = call.argument(0);
        let state = if given.is_object() {
            Some((
                options::flag(given, "isUserActive")?,
                options::flag(given, "isScreenUnlocked")?,
            ))
        } else {
            None
        };
        let page = page.core.clone();
        promise::start_void(scope, async move { page.emulate_idle_state(state).await })
    }),
    Method::promise("emulateNetworkConditions", |scope, page, call| {
        let conditions: Option<NetworkConditions> = from_js(scope, call.argument(0))?;
        let page = page.core.clone();
        promise::start_void(
            scope,
            async move { page.emulate_network_conditions(conditions).await },
        )
    }),
    Method::promise("emulateLocale", |scope, page, call| {
        let given = call.argument(0);
        let locale = if given.is_nullish() {
            None
        } else {
            Some(options::text(scope, given, "the locale")?)
        };
        let page = page.core.clone();
        promise::start_void(scope, async move { page.emulate_locale(locale.as_deref()).await })
    }),
    Method::promise("setGeolocation", |scope, page, call| {
        let given = call.argument(0);
        let longitude = options::number(given, "longitude")?.unwrap_or(f64::NAN);
        let latitude = options::number(given, "latitude")?.unwrap_or(f64::NAN);
        let accuracy = options::number(given, "accuracy")?.unwrap_or_default();
        let page = page.core.clone();
        promise::start_void(scope, async move {
            page.set_geolocation(longitude, latitude, accuracy).await
        })
    }),
    Method::promise("setUserAgent", |scope, page, call| {
        let agent = match call.argument(0).as_string() {
            Some(name) => UserAgent {
                user_agent: Some(name),
                user_agent_metadata: from_js(scope, call.argument(1))?,
                platform: None,
            },
            None => from_js(scope, call.argument(0))?.unwrap_or_default(),
        };
        let page = page.core.clone();
        promise::start_void(scope, async move { page.set_user_agent(agent).await })
    }),
    Method::promise("setExtraHTTPHeaders", |scope, page, call| {
        let mut headers = Vec::new();
        for name in options::keys(call.argument(0))? {
            let value = call.argument(0).get(&name)?;
            let Some(text) = value.as_string() else {
                let kind = kind_name(value);
                let message =
                    format!("Expected value of header \"{name}\" to be String, but \"{kind}\" is found.");
                return Err(Thrown::refused(scope, &message));
            };
            headers.push((name, text));
        }
        let page = page.core.clone();
        promise::start_void(scope, async move { page.set_extra_headers(headers).await })
    }),
    Method::sync("isJavaScriptEnabled", |scope, page, _| {
        Ok(scope.boolean(page.core.is_javascript_enabled()))
    }),
    Method::promise("setJavaScriptEnabled", |scope, page, call| {
        let (page, enabled) = (page.core.clone(), call.argument(0).is_truthy());
        promise::start_void(scope, async move { page.set_javascript_enabled(enabled).await })
    }),
    Method::promise("setBypassCSP", |scope, page, call| {
        let (page, enabled) = (page.core.clone(), call.argument(0).is_truthy());
        promise::start_void(scope, async move { page.set_bypass_csp(enabled).await })
    }),
    Method::sync("isServiceWorkerBypassed", |scope, page, _| {
        Ok(scope.boolean(page.core.is_service_worker_bypassed()))
    }),
    Method::promise("setBypassServiceWorker", |scope, page, call| {
        let (page, bypass) = (page.core.clone(), call.argument(0).is_truthy());
        promise::start_void(scope, async move { page.set_bypass_service_worker(bypass).await })
    }),
    Method::promise("emulateFocusedPage", |scope, page, call| {
        let (page, enabled) = (page.core.clone(), call.argument(0).is_truthy());
        promise::start_void(scope, async move { page.emulate_focused_page(enabled).await })
    }),
    Method::promise("setCacheEnabled", |scope, page, call| {
        let enabled = call.argument(0).is_undefined() || call.argument(0).is_truthy();
        let page = page.core.clone();
        promise::start_void(scope, async move { page.set_cache_enabled(enabled).await })
    }),
    Method::promise("setOfflineMode", |scope, page, call| {
        let (page, offline) = (page.core.clone(), call.argument(0).is_truthy());
        promise::start_void(scope, async move { page.set_offline(offline).await })
    }),
    Method::promise("authenticate", |scope, page, call| {
        let credentials: Option<Credentials> = from_js(scope, call.argument(0))?;
        let page = page.core.clone();
        promise::start_void(scope, async move { page.authenticate(credentials).await })
    }),
    Method::promise("setRequestInterception", |scope, page, call| {
        let (page, enabled) = (page.core.clone(), call.argument(0).is_truthy());
        promise::start_void(scope, async move { page.set_request_interception(enabled).await })
    }),
    Method::promise("metrics", |scope, page, _| {
        let page = page.core.clone();
        promise::start(scope, async move { page.metrics().await }, |scope, metrics| {
            Ok(metrics_to_js(scope, &metrics))
        })
    }),
];

pub(super) fn metrics_to_js<'s>(scope: Scope<'s>, metrics: &Metrics) -> Value<'s> {
    let object = scope.object();
    for (name, number) in metrics {
        object.set(name, scope.number(*number));
    }
    object
}

/// What JSON can say of the value, as that type; `None` for what is nullish.
pub(super) fn from_js<T: DeserializeOwned>(scope: Scope<'_>, given: Value<'_>) -> Result<Option<T>, Thrown> {
    if given.is_nullish() {
        return Ok(None);
    }
    let text = scope.global().get("JSON")?.call_method("stringify", &[given])?;
    let text = text.as_string().unwrap_or_else(|| "null".to_owned());
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| Thrown::invalid_argument(scope, &format!("an argument was not understood: {error}")))
}

fn kind_name(value: Value<'_>) -> &'static str {
    match value.kind() {
        Kind::Undefined => "undefined",
        Kind::Null | Kind::Object => "object",
        Kind::Boolean => "boolean",
        Kind::Number => "number",
        Kind::String => "string",
        Kind::Symbol => "symbol",
        Kind::Function => "function",
        Kind::BigInt => "bigint",
    }
}

pub(in crate::node) fn viewport(given: Value<'_>) -> Result<Option<Viewport>, Thrown> {
    if !given.is_object() {
        return Ok(None);
    }
    let side = |name| -> Result<u32, Thrown> {
        let value = given.get(name)?;
        let number = value.as_f64().filter(|number| (0.0..=1e7).contains(number));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range is checked"
        )]
        number.map(|number| number as u32).ok_or_else(|| {
            let got = value.coerce_to_string().unwrap_or_default();
            let message = format!("viewport.{name} must be a number of pixels, but is {got}");
            Thrown::invalid_argument(given.scope(), &message)
        })
    };
    Ok(Some(Viewport {
        width: side("width")?,
        height: side("height")?,
        device_scale_factor: options::number(given, "deviceScaleFactor")?.unwrap_or(1.0),
        is_mobile: options::flag(given, "isMobile")?,
        is_landscape: options::flag(given, "isLandscape")?,
        has_touch: options::flag(given, "hasTouch")?,
    }))
}

fn set_viewport<'s>(scope: Scope<'s>, page: &Rc<PageData>, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let given = call.argument(0);
    let viewport = viewport(given)?;
    // `viewport()` shows what was given, no more.
    *page.viewport.borrow_mut() = match viewport {
        Some(_) => {
            let copy = scope
                .global()
                .get("Object")?
                .call_method("assign", &[scope.object(), given])?;
            crate::node::js::JsRef::new(copy)
        }
        None => None,
    };
    let page = page.core.clone();
    promise::start_void(scope, async move {
        if page.set_viewport(viewport).await? {
            // Touch and mobile take effect with the next document.
            let _ = page
                .reload(false, &crate::page::NavigationOptions::default())
                .await;
        }
        Ok::<_, crate::cdp::CallError>(())
    })
}

fn viewport_to_js<'s>(scope: Scope<'s>, page: &PageData, viewport: &Viewport) -> Value<'s> {
    if let Some(given) = &*page.viewport.borrow() {
        return given.get(scope);
    }
    let object = scope.object();
    object.set("width", scope.number(f64::from(viewport.width)));
    object.set("height", scope.number(f64::from(viewport.height)))
}
