//! Cookies, as the protocol's JSON with puppeteer's defaults.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cdp::CallError;

use super::context::BrowserContext;
use super::decode::decode;
use super::page::{Page, send};

/// A cookie as JSON.
pub type Cookie = Map<String, Value>;

/// Why a cookie was not set.
#[derive(Debug, thiserror::Error)]
pub enum CookieError {
    /// It belongs to a blank page.
    #[error("Blank page can not have cookie \"{0}\"")]
    BlankPage(String),
    /// It belongs to a page without a server.
    #[error("Data URL page can not have cookie \"{0}\"")]
    DataUrl(String),
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// `scheme://host` of a URL, without its port.
fn site(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => bare,
        _ => host,
    };
    Some(format!("{scheme}://{bare}"))
}

/// puppeteer takes a site, or an object with other names, where the protocol wants its own.
fn with_partition(mut cookie: Cookie) -> Cookie {
    let key = match cookie.get("partitionKey") {
        Some(Value::String(site)) => json!({ "topLevelSite": site, "hasCrossSiteAncestor": false }),
        Some(Value::Object(key)) if key.contains_key("sourceOrigin") => json!({
            "topLevelSite": key["sourceOrigin"],
            "hasCrossSiteAncestor": key.get("hasCrossSiteAncestor").is_some_and(|value| *value == true),
        }),
        _ => return cookie,
    };
    cookie.insert("partitionKey".to_owned(), key);
    cookie
}

/// A cookie as the protocol takes it.
fn settable(cookie: Cookie) -> Cookie {
    let mut item = with_partition(cookie);
    let same_site = item.get("sameSite").and_then(Value::as_str);
    if !matches!(same_site, Some("Strict" | "Lax" | "None")) {
        item.remove("sameSite");
    }
    item
}

#[derive(Deserialize)]
struct Answer {
    cookies: Vec<Cookie>,
}

impl Page {
    /// The cookies that requests to these URLs, or the page's, would carry.
    ///
    /// # Errors
    /// As any command.
    pub async fn cookies(&self, urls: Vec<String>) -> Result<Vec<Cookie>, CallError> {
        let urls = if urls.is_empty() {
            vec![self.main_frame().url()]
        } else {
            urls
        };
        let method = "Network.getCookies";
        let answer = send(self.session(), method, json!({ "urls": urls })).await?;
        let answer: Answer = decode(method, answer.get())?;
        Ok(answer.cookies.into_iter().map(shown).collect())
    }

    /// Deletes cookies by name, and by whatever else is said.
    ///
    /// # Errors
    /// As any command.
    pub async fn delete_cookies(&self, cookies: Vec<Cookie>) -> Result<(), CallError> {
        let page_url = self.main_frame().url();
        let mut calls = Vec::new();
        for cookie in cookies {
            let mut item = with_partition(cookie);
            if !item.contains_key("url") && page_url.starts_with("http") {
                item.insert("url".to_owned(), page_url.as_str().into());
            }
            calls.push(send(self.session(), "Network.deleteCookies", item.clone().into()));
            if page_url.starts_with("http") && !item.contains_key("partitionKey") {
                let key = json!({ "topLevelSite": site(&page_url), "hasCrossSiteAncestor": false });
                item.insert("partitionKey".to_owned(), key);
                calls.push(send(self.session(), "Network.deleteCookies", item.into()));
            }
        }
        for call in calls {
            call.await?;
        }
        Ok(())
    }

    /// Sets cookies; those without a URL or domain are the page's.
    ///
    /// # Errors
    /// Where the page can have none, or Chrome refuses one.
    pub async fn set_cookies(&self, cookies: Vec<Cookie>) -> Result<(), CookieError> {
        let page_url = self.main_frame().url();
        let mut items = Vec::with_capacity(cookies.len());
        for mut cookie in cookies {
            if !cookie.contains_key("url") && page_url.starts_with("http") {
                cookie.insert("url".to_owned(), page_url.as_str().into());
            }
            let url = cookie.get("url").and_then(Value::as_str).unwrap_or_default();
            let name = || {
                cookie
                    .get("name")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            if url == "about:blank" {
                return Err(CookieError::BlankPage(name()));
            }
            if url.starts_with("data:") {
                return Err(CookieError::DataUrl(name()));
            }
            items.push(cookie);
        }
        self.delete_cookies(items.clone()).await?;
        if items.is_empty() {
            return Ok(());
        }
        let items: Vec<Cookie> = items.into_iter().map(settable).collect();
        send(self.session(), "Network.setCookies", json!({ "cookies": items })).await?;
        Ok(())
    }
}

impl BrowserContext {
    /// All cookies of the context.
    ///
    /// # Errors
    /// As any command.
    pub async fn cookies(&self) -> Result<Vec<Cookie>, CallError> {
        let method = "Storage.getCookies";
        let answer = send(self.browser().session(), method, self.params(json!({}))).await?;
        let answer: Answer = decode(method, answer.get())?;
        Ok(answer.cookies.into_iter().map(shown_of_context).collect())
    }

    /// Sets cookies; each needs a domain or a URL.
    ///
    /// # Errors
    /// Where Chrome refuses one.
    pub async fn set_cookies(&self, cookies: Vec<Cookie>) -> Result<(), CallError> {
        let cookies: Vec<Cookie> = cookies.into_iter().map(settable).collect();
        let params = self.params(json!({ "cookies": cookies }));
        send(self.browser().session(), "Storage.setCookies", params).await?;
        Ok(())
    }

    /// Deletes these cookies: sets them anew, long expired.
    ///
    /// # Errors
    /// As any command.
    pub async fn delete_cookies(&self, mut cookies: Vec<Cookie>) -> Result<(), CallError> {
        for cookie in &mut cookies {
            cookie.insert("expires".to_owned(), 1.into());
        }
        self.set_cookies(cookies).await
    }

    /// Deletes all cookies of these names.
    ///
    /// # Errors
    /// As any command.
    pub async fn delete_cookies_named(&self, names: &[String]) -> Result<(), CallError> {
        let mut cookies = self.cookies().await?;
        cookies.retain(|cookie| {
            let name = cookie.get("name").and_then(Value::as_str);
            name.is_some_and(|name| names.iter().any(|wanted| wanted == name))
        });
        self.delete_cookies(cookies).await
    }
}

fn shown_of_context(mut cookie: Cookie) -> Cookie {
    if let Some(Value::Object(key)) = cookie.get("partitionKey") {
        let shown = json!({
            "sourceOrigin": key.get("topLevelSite"),
            "hasCrossSiteAncestor": key.get("hasCrossSiteAncestor"),
        });
        cookie.insert("partitionKey".to_owned(), shown);
    }
    cookie.insert("sameParty".to_owned(), false.into());
    cookie
}

/// A cookie of Chrome as puppeteer shows it.
pub(super) fn shown(mut cookie: Cookie) -> Cookie {
    cookie.remove("sourcePort");
    if let Some(site) = cookie
        .get("partitionKey")
        .and_then(|key| key.get("topLevelSite"))
        .cloned()
    {
        cookie.insert("partitionKey".to_owned(), site);
    }
    cookie.insert("sameParty".to_owned(), false.into());
    cookie
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_has_no_port_and_no_path() {
        for (url, expected) in [
            ("http://127.0.0.1:80/a?b", "http://127.0.0.1"),
            ("https://user:pw@host.test/#x", "https://host.test"),
            ("https://host.test", "https://host.test"),
        ] {
            assert_eq!(site(url).as_deref(), Some(expected), "{url}");
        }
    }

    #[test]
    fn a_partition_is_shown_as_its_site() {
        let cookie =
            json!({ "name": "a", "sourcePort": 1, "partitionKey": { "topLevelSite": "https://a.test" } });
        let Value::Object(cookie) = cookie else {
            unreachable!()
        };
        let shown = shown(cookie);
        assert_eq!(shown["partitionKey"], "https://a.test");
        assert!(!shown.contains_key("sourcePort"));
    }
}
