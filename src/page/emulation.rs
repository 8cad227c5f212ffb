//! What a page is made to believe, and how its requests are sent.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cdp::{CallError, Deadline, Session};

use super::commands::{Sent, all};
use super::page::{Page, send};
use super::viewport::Viewport;

/// Why nothing could be emulated.
#[derive(Debug, thiserror::Error)]
pub enum EmulationError {
    /// Chrome knows no such thing; the message says which.
    #[error("{0}")]
    Unsupported(String),
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl EmulationError {
    fn unsupported(text: impl Into<String>) -> Self {
        Self::Unsupported(text.into())
    }
}

/// What a page is made to believe. Chrome itself carries the size, and whether scripts run, on to frames in other
/// processes; the network's part is sent to each, those that come later included. Only the page's own requests go
/// past service workers, as with puppeteer.
#[derive(Default)]
pub(super) struct Settings {
    pub viewport: Option<Viewport>,
    pub javascript_disabled: bool,
    service_worker_bypassed: bool,
    pub cache_disabled: Option<bool>,
    extra_headers: Option<Map<String, Value>>,
    user_agent: Option<UserAgent>,
    conditions: Option<NetworkConditions>,
}

/// How the page names its browser.
#[derive(Clone, Default, Deserialize, PartialEq, Debug)]
#[serde(rename_all = "camelCase")]
pub struct UserAgent {
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// `Sec-CH-UA-*`, as the protocol has it.
    pub user_agent_metadata: Option<Value>,
    /// `navigator.platform`
    pub platform: Option<String>,
}

/// How slow the network seems; -1 for no limit, in bytes a second and milliseconds.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NetworkConditions {
    pub offline: bool,
    pub download: f64,
    pub upload: f64,
    pub latency: f64,
}

impl Default for NetworkConditions {
    fn default() -> Self {
        Self {
            offline: false,
            download: -1.0,
            upload: -1.0,
            latency: 0.0,
        }
    }
}

/// How long a worker may take over a command: one that computes does not answer.
pub(super) const WORKER_DEADLINE: Deadline = Deadline::Within(Duration::from_millis(500));

impl Settings {
    pub fn new(viewport: Option<Viewport>) -> Self {
        Self {
            viewport,
            ..Self::default()
        }
    }

    /// Sends the network's part to one session.
    pub fn apply_network(&self, session: &Session, deadline: Deadline) -> Vec<Sent> {
        let send = |session: &Session, method, params| session.send_raw(method, params, deadline);
        let mut calls = Vec::new();
        if let Some(headers) = &self.extra_headers {
            let params = json!({ "headers": headers });
            calls.push(send(session, "Network.setExtraHTTPHeaders", params));
        }
        if let Some(agent) = &self.user_agent {
            let mut params = json!({ "userAgent": agent.user_agent });
            if let Some(metadata) = &agent.user_agent_metadata {
                params["userAgentMetadata"] = metadata.clone();
            }
            if let Some(platform) = &agent.platform {
                params["platform"] = platform.as_str().into();
            }
            calls.push(send(session, "Network.setUserAgentOverride", params));
        }
        if let Some(conditions) = self.conditions {
            let params = json!({
                "offline": conditions.offline, "latency": conditions.latency,
                "uploadThroughput": conditions.upload, "downloadThroughput": conditions.download,
            });
            calls.push(send(session, "Network.emulateNetworkConditions", params));
        }
        if let Some(disabled) = self.cache_disabled {
            let params = json!({ "cacheDisabled": disabled });
            calls.push(send(session, "Network.setCacheDisabled", params));
        }
        calls
    }
}

impl Page {
    pub(super) fn lock_settings(&self) -> MutexGuard<'_, Settings> {
        self.0.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn change_network(&self, change: impl FnOnce(&mut Settings)) -> Result<(), CallError> {
        let sent = {
            let (sessions, workers) = (self.sessions(), self.worker_sessions());
            let mut settings = self.lock_settings();
            change(&mut settings);
            let mut sent = self.broadcast(&sessions, |session| {
                settings.apply_network(session, Deadline::Protocol)
            });
            for worker in &workers {
                sent.add_of_worker(settings.apply_network(worker, WORKER_DEADLINE));
            }
            sent
        };
        sent.done().await
    }

    async fn emulate(&self, method: &'static str, params: &Value) -> Result<(), CallError> {
        self.send_to_all(method, params).done().await
    }

    /// The size that was set.
    #[must_use]
    pub fn viewport(&self) -> Option<Viewport> {
        self.lock_settings().viewport
    }

    /// Sets the size, or gives the page back its window's. Answers whether only a reload completes it.
    ///
    /// # Errors
    /// As any command.
    pub async fn set_viewport(&self, viewport: Option<Viewport>) -> Result<bool, CallError> {
        let before = std::mem::replace(&mut self.lock_settings().viewport, viewport);
        let Some(viewport) = viewport else {
            let no_touch = json!({ "enabled": false });
            self.send_to_all("Emulation.clearDeviceMetricsOverride", &json!({}))
                .and(self.send_to_all("Emulation.setTouchEmulationEnabled", &no_touch))
                .done()
                .await?;
            return Ok(before.is_some_and(|before| before.is_mobile || before.has_touch));
        };
        let mut calls = viewport.apply(self.session());
        if !viewport.has_touch {
            calls.push(send(
                self.session(),
                "Emulation.setTouchEmulationEnabled",
                json!({ "enabled": false }),
            ));
        }
        all(calls).await?;
        let (mobile, touch) = before.map_or((false, false), |before| (before.is_mobile, before.has_touch));
        Ok(viewport.is_mobile != mobile || viewport.has_touch != touch)
    }

    /// `screen`, `print`, or what it is by itself.
    ///
    /// # Errors
    /// For any other medium.
    pub async fn emulate_media_type(&self, media: Option<&str>) -> Result<(), EmulationError> {
        if let Some(other) = media.filter(|media| !matches!(*media, "screen" | "print" | "")) {
            return Err(EmulationError::unsupported(format!(
                "Unsupported media type: {other}"
            )));
        }
        let params = json!({ "media": media.unwrap_or_default() });
        Ok(self.emulate("Emulation.setEmulatedMedia", &params).await?)
    }

    /// Media features, as pairs of name and value.
    ///
    /// # Errors
    /// For a feature that cannot be emulated.
    pub async fn emulate_media_features(&self, features: &[(String, String)]) -> Result<(), EmulationError> {
        const KNOWN: [&str; 3] = ["prefers-color-scheme", "prefers-reduced-motion", "color-gamut"];
        if let Some((name, _)) = features.iter().find(|(name, _)| !KNOWN.contains(&name.as_str())) {
            return Err(EmulationError::unsupported(format!(
                "Unsupported media feature: {name}"
            )));
        }
        let features: Vec<Value> = features
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        let params = json!({ "features": features });
        Ok(self.emulate("Emulation.setEmulatedMedia", &params).await?)
    }

    /// A time zone by its name, or the computer's.
    ///
    /// # Errors
    /// For an unknown zone.
    pub async fn emulate_timezone(&self, zone: Option<&str>) -> Result<(), EmulationError> {
        let params = json!({ "timezoneId": zone.unwrap_or_default() });
        self.emulate("Emulation.setTimezoneOverride", &params)
            .await
            .map_err(|error| match error {
                CallError::Protocol { message, .. } if message.contains("Invalid timezone") => {
                    EmulationError::Unsupported(format!("Invalid timezone ID: {}", zone.unwrap_or_default()))
                }
                error => error.into(),
            })
    }

    /// A locale by its name, such as `de-DE`, or the computer's.
    ///
    /// # Errors
    /// For an unknown one.
    pub async fn emulate_locale(&self, locale: Option<&str>) -> Result<(), EmulationError> {
        let params = json!({ "locale": locale.unwrap_or_default() });
        let refused = |error| match error {
            CallError::Protocol { message, .. } if message.contains("Invalid locale") => {
                EmulationError::Unsupported(format!("Invalid locale: {}", locale.unwrap_or_default()))
            }
            error => EmulationError::Call(error),
        };
        let sent = self.send_to_all("Emulation.setLocaleOverride", &params);
        // Frames of one process share a locale, and Chrome takes it from one of them.
        sent.done_with_page().await.map_err(refused)
    }

    /// So many times slower; none for full speed.
    ///
    /// # Errors
    /// For what would be faster.
    pub async fn emulate_cpu_throttling(&self, factor: Option<f64>) -> Result<(), EmulationError> {
        if factor.is_some_and(|factor| factor.is_nan() || factor < 1.0) {
            return Err(EmulationError::unsupported(
                "Throttling rate should be greater or equal to 1",
            ));
        }
        let params = json!({ "rate": factor.unwrap_or(1.0) });
        Ok(self.emulate("Emulation.setCPUThrottlingRate", &params).await?)
    }

    /// A deficiency of sight, by the protocol's name.
    ///
    /// # Errors
    /// For an unknown one.
    pub async fn emulate_vision_deficiency(&self, kind: Option<&str>) -> Result<(), EmulationError> {
        const KNOWN: [&str; 7] = [
            "none",
            "achromatopsia",
            "blurredVision",
            "deuteranopia",
            "protanopia",
            "reducedContrast",
            "tritanopia",
        ];
        let kind = kind.unwrap_or("none");
        if !KNOWN.contains(&kind) {
            return Err(EmulationError::unsupported(format!(
                "Unsupported vision deficiency: {kind}"
            )));
        }
        let params = json!({ "type": kind });
        Ok(self
            .emulate("Emulation.setEmulatedVisionDeficiency", &params)
            .await?)
    }

    /// Whether somebody sits before the screen: active, unlocked.
    ///
    /// # Errors
    /// As any command.
    pub async fn emulate_idle_state(&self, state: Option<(bool, bool)>) -> Result<(), CallError> {
        let Some((active, unlocked)) = state else {
            return self.emulate("Emulation.clearIdleOverride", &json!({})).await;
        };
        let params = json!({ "isUserActive": active, "isScreenUnlocked": unlocked });
        self.emulate("Emulation.setIdleOverride", &params).await
    }

    /// A place on earth.
    ///
    /// # Errors
    /// For a place that is none.
    pub async fn set_geolocation(
        &self,
        longitude: f64,
        latitude: f64,
        accuracy: f64,
    ) -> Result<(), EmulationError> {
        let refuse = |what: &str, value: f64, rule: &str| {
            Err(EmulationError::Unsupported(format!(
                "Invalid {what} \"{value}\": precondition {rule} failed."
            )))
        };
        if !(-180.0..=180.0).contains(&longitude) {
            return refuse("longitude", longitude, "-180 <= LONGITUDE <= 180");
        }
        if !(-90.0..=90.0).contains(&latitude) {
            return refuse("latitude", latitude, "-90 <= LATITUDE <= 90");
        }
        if accuracy.is_nan() || accuracy < 0.0 {
            return refuse("accuracy", accuracy, "0 <= ACCURACY");
        }
        let params = json!({ "longitude": longitude, "latitude": latitude, "accuracy": accuracy });
        Ok(self.emulate("Emulation.setGeolocationOverride", &params).await?)
    }

    /// Whether the page's own scripts run.
    #[must_use]
    pub fn is_javascript_enabled(&self) -> bool {
        !self.lock_settings().javascript_disabled
    }

    /// Lets the page's own scripts run, or not, from the next document on.
    ///
    /// # Errors
    /// As any command.
    pub async fn set_javascript_enabled(&self, enabled: bool) -> Result<(), CallError> {
        self.lock_settings().javascript_disabled = !enabled;
        let params = json!({ "value": !enabled });
        self.emulate("Emulation.setScriptExecutionDisabled", &params)
            .await
    }

    /// Ignores the content security policy of the next documents, or not.
    ///
    /// # Errors
    /// As any command.
    pub async fn set_bypass_csp(&self, enabled: bool) -> Result<(), CallError> {
        let params = json!({ "enabled": enabled });
        send(self.session(), "Page.setBypassCSP", params).await.map(drop)
    }

    /// Whether requests go past service workers.
    #[must_use]
    pub fn is_service_worker_bypassed(&self) -> bool {
        self.lock_settings().service_worker_bypassed
    }

    /// Sends requests past service workers, or not.
    ///
    /// # Errors
    /// As any command.
    pub async fn set_bypass_service_worker(&self, bypass: bool) -> Result<(), CallError> {
        self.lock_settings().service_worker_bypassed = bypass;
        let params = json!({ "bypass": bypass });
        send(self.session(), "Network.setBypassServiceWorker", params)
            .await
            .map(drop)
    }

    /// Lets the page believe that it has the focus, or not any more.
    ///
    /// # Errors
    /// As any command.
    pub async fn emulate_focused_page(&self, enabled: bool) -> Result<(), CallError> {
        let params = json!({ "enabled": enabled });
        self.emulate("Emulation.setFocusEmulationEnabled", &params).await
    }

    /// Uses the cache, or not.
    ///
    /// # Errors
    /// As any command.
    pub async fn set_cache_enabled(&self, enabled: bool) -> Result<(), CallError> {
        self.change_network(|settings| settings.cache_disabled = Some(!enabled))
            .await
    }

    /// Headers that every request carries, in lower case.
    ///
    /// # Errors
    /// As any command.
    pub async fn set_extra_headers(&self, headers: Vec<(String, String)>) -> Result<(), CallError> {
        let headers = headers
            .into_iter()
            .map(|(name, value)| (name.to_lowercase(), Value::from(value)))
            .collect();
        self.change_network(|settings| settings.extra_headers = Some(headers))
            .await
    }

    /// Names the browser otherwise; without a name, as it is.
    ///
    /// # Errors
    /// As any command.
    pub async fn set_user_agent(&self, agent: UserAgent) -> Result<(), CallError> {
        self.change_network(|settings| settings.user_agent = Some(agent))
            .await
    }

    /// Goes offline, or back.
    ///
    /// # Errors
    /// As any command.
    pub async fn set_offline(&self, offline: bool) -> Result<(), CallError> {
        self.change_network(|settings| {
            settings.conditions.get_or_insert_default().offline = offline;
        })
        .await
    }

    /// Slows the network down, or not any more.
    ///
    /// # Errors
    /// As any command.
    pub async fn emulate_network_conditions(
        &self,
        conditions: Option<NetworkConditions>,
    ) -> Result<(), CallError> {
        self.change_network(|settings| settings.conditions = Some(conditions.unwrap_or_default()))
            .await
    }
}
