//! Cookies, as the protocol's JSON with puppeteer's defaults.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cdp::CallError;

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

/// puppeteer takes a site where the protocol wants an object.
fn with_partition(mut cookie: Cookie) -> Cookie {
    if let Some(Value::String(site)) = cookie.get("partitionKey") {
        let key = json!({ "topLevelSite": site, "hasCrossSiteAncestor": false });
        cookie.insert("partitionKey".to_owned(), key);
    }
    cookie
}

impl Page {
    /// The cookies that requests to these URLs, or the page's, would carry.
    ///
    /// # Errors
    /// As any command.
    pub async fn cookies(&self, urls: Vec<String>) -> Result<Vec<Cookie>, CallError> {
        #[derive(Deserialize)]
        struct Answer {
            cookies: Vec<Cookie>,
        }
        let urls = if urls.is_empty() {
            vec![self.main_frame().url()]
        } else {
            urls
        };
        let method = "Network.getCookies";
        let answer = send(self.session(), method, json!({ "urls": urls })).await?;
        let answer: Answer = serde_json::from_str(answer.get()).map_err(|source| CallError::Decode {
            method: method.into(),
            source,
        })?;
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
        let items: Vec<Cookie> = items
            .into_iter()
            .map(|cookie| {
                let mut item = with_partition(cookie);
                if !matches!(
                    item.get("sameSite").and_then(Value::as_str),
                    Some("Strict" | "Lax" | "None")
                ) {
                    item.remove("sameSite");
                }
                item
            })
            .collect();
        send(self.session(), "Network.setCookies", json!({ "cookies": items })).await?;
        Ok(())
    }
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
