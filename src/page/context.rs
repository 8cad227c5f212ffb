//! A browser's contexts.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cdp::{CallError, Deadline};

use super::browser::Browser;
use super::clipboard::clipboard_permission;
use super::commands::Sent;
use super::page::{Page, send};

/// What becomes of downloads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Downloads {
    /// As the protocol names it: `deny`, `allow`, `allowAndName` or `default`.
    pub policy: String,
    /// Where they go, where they are allowed.
    pub path: Option<String>,
}

/// What a context is made with.
#[derive(Clone, Default, Debug)]
pub struct ContextOptions {
    /// The proxy that its requests go through.
    pub proxy_server: Option<String>,
    /// Hosts that are asked without it.
    pub proxy_bypass_list: Vec<String>,
    /// What becomes of downloads.
    pub downloads: Option<Downloads>,
}

impl ContextOptions {
    pub(super) fn params(&self) -> Value {
        let mut params = json!({});
        if let Some(server) = &self.proxy_server {
            params["proxyServer"] = server.as_str().into();
        }
        if !self.proxy_bypass_list.is_empty() {
            params["proxyBypassList"] = self.proxy_bypass_list.join(",").into();
        }
        params
    }
}

/// Why permissions were not granted.
#[derive(Debug, thiserror::Error)]
pub enum PermissionError {
    /// There is none of this name.
    #[error("Unknown permission: {0}")]
    Unknown(String),
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// The protocol's name of the web's permission.
fn protocol_permission(name: &str) -> Result<&'static str, PermissionError> {
    Ok(match name {
        "accelerometer" | "ambient-light-sensor" | "gyroscope" | "magnetometer" => "sensors",
        "background-sync" => "backgroundSync",
        "camera" => "videoCapture",
        "clipboard-read" | "clipboard-write" => "clipboardReadWrite",
        "clipboard-sanitized-write" => "clipboardSanitizedWrite",
        "geolocation" => "geolocation",
        "idle-detection" => "idleDetection",
        "keyboard-lock" => "keyboardLock",
        "microphone" => "audioCapture",
        "midi" => "midi",
        "midi-sysex" => "midiSysex",
        "notifications" => "notifications",
        "payment-handler" => "paymentHandler",
        "persistent-storage" => "durableStorage",
        "pointer-lock" => "pointerLock",
        _ => return Err(PermissionError::Unknown(name.to_owned())),
    })
}

/// A context of a browser: storage and cache of its own.
#[derive(Clone)]
pub struct BrowserContext {
    browser: Browser,
    /// The default one has none.
    id: Option<Arc<str>>,
}

impl BrowserContext {
    pub(super) fn new(browser: Browser, id: Option<Arc<str>>) -> Self {
        Self { browser, id }
    }

    /// A context that somebody else made, by Chrome's id.
    #[must_use]
    pub fn from_id(browser: &Browser, id: &str) -> Self {
        Self::new(browser.clone(), Some(id.into()))
    }

    /// Chrome's id; the default context has none.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The browser.
    #[must_use]
    pub fn browser(&self) -> &Browser {
        &self.browser
    }

    /// Whether it is gone, or its browser is.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let is_made = |id: &Arc<str>| self.browser.is_made(id);
        !self.browser.is_connected() || !self.id.as_ref().is_none_or(is_made)
    }

    /// Its pages.
    #[must_use]
    pub fn pages(&self) -> Vec<Page> {
        let pages = self.browser.pages();
        pages
            .into_iter()
            .filter(|page| page.browser_context().id() == self.id())
            .collect()
    }

    /// Makes a page in it.
    ///
    /// # Errors
    /// As any command.
    pub async fn new_page(&self) -> Result<Page, CallError> {
        self.browser.new_page(self.id(), "about:blank").await
    }

    /// Makes a page in it that loads the URL, and hears all of its requests. `prepare` runs before anything is loaded,
    /// on the connection's reader; what it sends is in force for the first document.
    ///
    /// Where Chrome tells of a new page's first requests, the page is made at the URL, which is sooner than to send it
    /// there: the request is under way while the renderer starts.
    ///
    /// # Errors
    /// As any command. What becomes of the document is not waited for.
    pub(crate) async fn open_page(
        &self,
        url: &str,
        prepare: impl FnOnce(&Page) + Send + 'static,
    ) -> Result<Opened, CallError> {
        let at_once = self.browser.tells_first_requests();
        let unprepared = self.id.as_ref().map(|id| {
            self.browser.prepare_page(id, Box::new(prepare));
            Unprepared(self)
        });
        let first = if at_once { url } else { "about:blank" };
        let page = self.browser.new_page(self.id(), first).await;
        drop(unprepared);
        let page = page?;
        let navigating = (!at_once).then(|| {
            page.session()
                .send_raw("Page.navigate", json!({ "url": url }), Deadline::Unbounded)
        });
        Ok(Opened { page, navigating })
    }

    /// Closes it with its pages. A context that is gone is closed.
    ///
    /// # Errors
    /// As any command.
    pub async fn close(&self) -> Result<(), CallError> {
        let Some(id) = &self.id else { return Ok(()) };
        let params = json!({ "browserContextId": &**id });
        let answer = send(self.browser.session(), "Target.disposeBrowserContext", params).await;
        self.browser.forget_context(id);
        match answer {
            Ok(_) => Ok(()),
            Err(CallError::Protocol { message, .. }) if message.starts_with("Failed to find context") => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Keeps it apart from others where Chrome alone does not do so.
    pub(super) fn keep_apart(&self) {
        if let Some(id) = &self.id {
            self.browser.keep_apart(id);
        }
    }

    /// Notes that its pages may use the clipboard, by these permissions of the web's names.
    async fn note_clipboard<'a>(&self, granted: impl Iterator<Item = &'a str>) {
        let granted: Vec<bool> = granted.filter_map(clipboard_permission).collect();
        if !granted.is_empty() {
            let reads = granted.contains(&true);
            self.browser.clipboard_granted(self.id(), reads).await;
        }
    }

    pub(super) async fn set_up(&self, options: &ContextOptions) -> Result<(), CallError> {
        if let Some(downloads) = &options.downloads {
            self.set_downloads(downloads).await?;
        }
        Ok(())
    }

    /// Says what becomes of the context's downloads.
    pub(super) fn set_downloads(&self, downloads: &Downloads) -> Sent {
        let mut params = self.params(json!({ "behavior": downloads.policy }));
        if let Some(path) = &downloads.path {
            params["downloadPath"] = path.as_str().into();
        }
        send(self.browser.session(), "Browser.setDownloadBehavior", params)
    }

    /// Names the context in a command's parameters.
    pub(super) fn params(&self, mut params: Value) -> Value {
        if let Some(id) = &self.id {
            params["browserContextId"] = (**id).into();
        }
        params
    }

    /// Grants an origin these permissions, by the web's names, and no others.
    ///
    /// # Errors
    /// For an unknown one.
    pub async fn override_permissions(&self, origin: &str, names: &[String]) -> Result<(), PermissionError> {
        let permissions: Result<Vec<_>, _> = names.iter().map(|name| protocol_permission(name)).collect();
        let params = self.params(json!({ "origin": origin, "permissions": permissions? }));
        self.note_clipboard(names.iter().map(String::as_str)).await;
        send(self.browser.session(), "Browser.grantPermissions", params).await?;
        Ok(())
    }

    /// Sets permissions of an origin (`*`: of all), each as the protocol's description and setting.
    ///
    /// # Errors
    /// As any command.
    pub async fn set_permissions(
        &self,
        origin: &str,
        permissions: Vec<(Value, String)>,
    ) -> Result<(), CallError> {
        let granted = permissions.iter().filter(|(_, setting)| setting != "denied");
        let names = granted.filter_map(|(permission, _)| match permission["name"].as_str()? {
            // By itself the web's permission is for what Chrome has looked through.
            "clipboard-write" if permission["allowWithoutSanitization"] != true => {
                Some("clipboard-sanitized-write")
            }
            name => Some(name),
        });
        self.note_clipboard(names).await;
        let mut calls = Vec::with_capacity(permissions.len());
        for (permission, setting) in permissions {
            let mut params = self.params(json!({ "permission": permission, "setting": setting }));
            if origin != "*" {
                params["origin"] = origin.into();
            }
            calls.push(send(self.browser.session(), "Browser.setPermission", params));
        }
        for call in calls {
            call.await?;
        }
        Ok(())
    }

    /// Takes all overrides back.
    ///
    /// # Errors
    /// As any command.
    pub async fn clear_permission_overrides(&self) -> Result<(), CallError> {
        let params = self.params(json!({}));
        let reset = send(self.browser.session(), "Browser.resetPermissions", params);
        if let Some(id) = self.id() {
            self.browser.clipboard_refused(id);
        }
        reset.await?;
        Ok(())
    }
}

/// A page that is loading.
pub(crate) struct Opened {
    pub page: Page,
    /// The answer of the navigation, where one had to be begun.
    pub navigating: Option<Sent>,
}

/// Forgets what was prepared for a page that has not come.
struct Unprepared<'a>(&'a BrowserContext);

impl Drop for Unprepared<'_> {
    fn drop(&mut self) {
        if let Some(id) = &self.0.id {
            self.0.browser.forget_preparation(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_have_the_protocols_names() {
        assert_eq!(protocol_permission("camera").unwrap(), "videoCapture");
        let error = protocol_permission("flying").unwrap_err();
        assert_eq!(error.to_string(), "Unknown permission: flying");
    }

    #[test]
    fn what_is_not_asked_for_is_not_sent() {
        assert_eq!(ContextOptions::default().params(), json!({}));
        let options = ContextOptions {
            proxy_bypass_list: vec!["a".to_owned(), "b".to_owned()],
            ..ContextOptions::default()
        };
        assert_eq!(options.params(), json!({ "proxyBypassList": "a,b" }));
    }
}
