//! Going somewhere, and waiting until one is there.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::cdp::{CallError, Deadline};

use super::commands::Sent;
use super::decode::decode;
use super::error::NavigationError;
use super::frame::Frame;
use super::lifecycle::{Milestone, Progress};
use super::page::{Page, Watch, send};
use super::response::Response;
use super::value::Argument;

/// What a navigation waits for, and for how long.
#[derive(Clone, Debug)]
pub struct NavigationOptions {
    /// All of these must be passed. Default: `load`.
    pub wait_until: Vec<Milestone>,
    /// In milliseconds, 0 for none. Default: the page's.
    pub timeout: Option<u64>,
    /// The referrer to tell.
    pub referer: Option<String>,
    /// The policy for it, as the protocol names it.
    pub referrer_policy: Option<String>,
    /// Whether moving within the document does not count.
    pub ignore_same_document: bool,
}

impl Default for NavigationOptions {
    fn default() -> Self {
        Self {
            wait_until: vec![Milestone::Load],
            timeout: None,
            referer: None,
            referrer_policy: None,
            ignore_same_document: false,
        }
    }
}

/// How long the network has to be idle to count as such.
const QUIET: Duration = Duration::from_millis(500);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Navigate<'a> {
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    referrer: Option<&'a str>,
    frame_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    referrer_policy: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Navigated {
    loader_id: Option<String>,
    error_text: Option<String>,
}

impl Navigated {
    /// Chrome's name of the error. That an error status has no body is none: the answer is there.
    fn failure(&mut self) -> Option<String> {
        self.error_text
            .take()
            .filter(|text| text != "net::ERR_HTTP_RESPONSE_CODE_FAILURE")
    }
}

/// Why Chrome does not go where `Page.navigate` has told it to go. Does not end where it goes there.
pub(crate) async fn refusal(navigating: Sent) -> Result<String, CallError> {
    let method = "Page.navigate";
    let failure = decode::<Navigated>(method, navigating.await?.get())?.failure();
    match failure {
        Some(text) => Ok(text),
        None => std::future::pending().await,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct History {
    current_index: usize,
    entries: Vec<HistoryEntry>,
}

#[derive(Deserialize)]
struct HistoryEntry {
    id: i64,
}

impl Frame {
    /// Loads the URL; `None` where nothing was requested, as within the same document.
    ///
    /// # Errors
    /// Where it cannot be loaded, or not in time.
    pub async fn goto(
        &self,
        url: &str,
        options: &NavigationOptions,
    ) -> Result<Option<Response>, NavigationError> {
        let mut watch = self.watch(options)?;
        let params = Navigate {
            url,
            referrer: options.referer.as_deref(),
            frame_id: self.id(),
            referrer_policy: options.referrer_policy.as_deref(),
        };
        let navigating = self
            .session()
            .send_raw("Page.navigate", params, Deadline::Protocol);
        let waiting = async {
            let answer = tokio::select! {
                answer = navigating => answer,
                () = detached(&mut watch) => return Err(self.gone()),
            };
            if let Err(CallError::TargetClosed { .. }) = answer
                && self.parent().is_some()
            {
                // The new document lives in another process: the one that was asked cannot answer any more.
                let loader = watch
                    .progress
                    .borrow()
                    .request
                    .as_ref()
                    .map(|request| request.id().to_owned());
                self.reach(&mut watch, |progress| match &loader {
                    Some(loader) => progress.has_loaded(loader),
                    None => progress.new_document,
                })
                .await?;
                return self.response(&mut watch).await;
            }
            if let Err(CallError::Disconnected { .. }) = answer {
                return Err(self.gone());
            }
            let mut answer: Navigated = decode("Page.navigate", answer?.get())?;
            if let Some(text) = answer.failure() {
                return Err(NavigationError::Failed {
                    text,
                    url: url.to_owned(),
                });
            }
            if let Some(loader) = &answer.loader_id {
                // Another document may come first: the error page of what was gone to before.
                self.reach(&mut watch, |progress| progress.has_loaded(loader))
                    .await?;
            } else {
                self.reach(&mut watch, |progress| progress.same_document).await?;
            }
            self.response(&mut watch).await
        };
        self.within(options, waiting).await
    }

    /// Waits for a navigation that something else begins.
    ///
    /// # Errors
    /// Where it does not come to its end in time.
    pub async fn wait_for_navigation(
        &self,
        options: &NavigationOptions,
    ) -> Result<Option<Response>, NavigationError> {
        let mut watch = self.watch(options)?;
        let same_document = !options.ignore_same_document;
        let waiting = async {
            let ended =
                |progress: &Progress| progress.new_document || same_document && progress.same_document;
            self.reach(&mut watch, ended).await?;
            self.response(&mut watch).await
        };
        self.within(options, waiting).await
    }

    /// Replaces the document by this HTML.
    ///
    /// # Errors
    /// Where it does not load in time.
    pub async fn set_content(
        &self,
        html: impl Into<Argument>,
        options: &NavigationOptions,
    ) -> Result<(), NavigationError> {
        // Opening the document begins its life cycle anew, so what is watched from then on is the new one's.
        self.write_document(html.into()).await?;
        let mut watch = self.watch(options)?;
        let waiting = async {
            tokio::select! {
                outcome = self.reach(&mut watch, |progress| progress.reached) => outcome,
                outcome = self.quiet_after_load(options) => outcome,
            }
        };
        self.within(options, waiting).await
    }

    /// Ends when the written document has loaded and its network is idle by our own count, where that is waited for:
    /// full Chrome does not always tell it of a document that was written.
    async fn quiet_after_load(&self, options: &NavigationOptions) -> Result<(), NavigationError> {
        let connections = options.wait_until.iter().filter_map(|milestone| match milestone {
            Milestone::NetworkIdle => Some(0.0),
            Milestone::NetworkAlmostIdle => Some(2.0),
            Milestone::Load | Milestone::DomContentLoaded => None,
        });
        let Some(connections) = connections.reduce(f64::min) else {
            return std::future::pending().await;
        };
        let mut watch = self.watch(&NavigationOptions {
            wait_until: vec![Milestone::DomContentLoaded, Milestone::Load],
            ..options.clone()
        })?;
        self.reach(&mut watch, |progress| progress.reached).await?;
        // Chrome's own word comes first where it comes.
        self.page().network_idle(2 * QUIET, connections).await;
        Ok(())
    }

    fn watch(&self, options: &NavigationOptions) -> Result<Watch, NavigationError> {
        self.page().watch(self.id(), &options.wait_until).ok_or_else(|| {
            let frame = self.id().clone();
            if self.is_lost() {
                NavigationError::Lost(frame)
            } else {
                NavigationError::Detached(frame)
            }
        })
    }

    async fn reach(
        &self,
        watch: &mut Watch,
        ended: impl Fn(&Progress) -> bool,
    ) -> Result<(), NavigationError> {
        // A frame's own session ends too where the frame goes on in another process.
        let page = self.page().session();
        tokio::select! {
            // The page's own state keeps the sender.
            progress = watch.progress.wait_for(|progress| progress.detached || ended(progress)) => match progress {
                Ok(progress) if !progress.detached || ended(&progress) => Ok(()),
                _ => Err(self.gone()),
            },
            _ = page.closed() => Err(self.gone()),
            () = self.page().crash() => Err(CallError::TargetCrashed { method: "Page.navigate".into() }.into()),
        }
    }

    /// Why the frame is there no more: with its browser, or by itself.
    fn gone(&self) -> NavigationError {
        if self.is_lost() {
            NavigationError::BrowserGone
        } else {
            NavigationError::FrameDetached
        }
    }

    /// The answer to the navigation's request, if there was one.
    async fn response(&self, watch: &mut Watch) -> Result<Option<Response>, NavigationError> {
        let request = watch.progress.borrow().request.clone();
        let Some(request) = request else { return Ok(None) };
        self.reach(watch, |progress| progress.answered).await?;
        // A redirect replaces the request.
        let last = watch.progress.borrow().request.clone().unwrap_or(request);
        Ok(last.response())
    }

    async fn within<T>(
        &self,
        options: &NavigationOptions,
        waiting: impl Future<Output = Result<T, NavigationError>>,
    ) -> Result<T, NavigationError> {
        let timeout = options
            .timeout
            .unwrap_or_else(|| self.page().default_navigation_timeout());
        if timeout == 0 {
            return waiting.await;
        }
        match tokio::time::timeout(Duration::from_millis(timeout), waiting).await {
            Ok(outcome) => outcome,
            Err(_) => Err(NavigationError::TimedOut(timeout)),
        }
    }
}

async fn detached(watch: &mut Watch) {
    if watch
        .progress
        .wait_for(|progress| progress.detached)
        .await
        .is_err()
    {
        std::future::pending::<()>().await;
    }
}

impl Page {
    /// Loads the document again.
    ///
    /// # Errors
    /// Where it does not load in time.
    pub async fn reload(
        &self,
        ignore_cache: bool,
        options: &NavigationOptions,
    ) -> Result<Option<Response>, NavigationError> {
        let options = NavigationOptions {
            ignore_same_document: true,
            ..options.clone()
        };
        let frame = self.main_frame();
        let waiting = frame.wait_for_navigation(&options);
        let mut params = json!({});
        if ignore_cache {
            params["ignoreCache"] = true.into();
        }
        let reloading = async { Ok(send(self.session(), "Page.reload", params).await?) };
        let (response, _) = futures_util::future::try_join(waiting, reloading).await?;
        Ok(response)
    }

    /// Goes back (`-1`) or forward in the history.
    ///
    /// # Errors
    /// Where there is nothing in that direction, or it does not load in time.
    pub async fn go(
        &self,
        delta: isize,
        options: &NavigationOptions,
    ) -> Result<Option<Response>, NavigationError> {
        let method = "Page.getNavigationHistory";
        let answer = self
            .session()
            .send_raw(method, json!({}), Deadline::Protocol)
            .await?;
        let history: History = decode(method, answer.get())?;
        let entry = history
            .current_index
            .checked_add_signed(delta)
            .and_then(|index| history.entries.get(index))
            .ok_or(NavigationError::NoHistoryEntry)?;
        let frame = self.main_frame();
        let waiting = frame.wait_for_navigation(options);
        let params = json!({ "entryId": entry.id });
        let going = async { Ok(send(self.session(), "Page.navigateToHistoryEntry", params).await?) };
        let (response, _) = futures_util::future::try_join(waiting, going).await?;
        Ok(response)
    }
}
