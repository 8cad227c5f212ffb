//! What of a browser can be attached to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::cdp::{CallError, Session};

use super::browser::{Browser, TargetInfo};
use super::context::BrowserContext;
use super::decode::{decode, decode_event};
use super::page::{Page, send};
use super::web_worker::WebWorker;

/// A page, a worker of several pages, or the browser itself.
#[derive(Clone)]
pub enum Target {
    /// The browser.
    Browser(Browser),
    /// A page, and the URL that it had when this was told.
    Page(Page),
    /// A service worker or a shared worker.
    Worker(Arc<Worker>),
}

/// A worker that is nobody's alone.
pub struct Worker {
    browser: Browser,
    info: TargetInfo,
    /// Once somebody has asked for it.
    attached: tokio::sync::Mutex<Option<WebWorker>>,
}

/// What happened to a target.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TargetEvent {
    Created(Target),
    Changed(Target),
    Destroyed(Target),
}

type Handler = Arc<dyn Fn(&TargetEvent) + Send + Sync>;

/// The targets of a browser that are no pages, and who hears of all of them.
#[derive(Default)]
pub(super) struct Targets {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    handlers: Vec<Handler>,
    /// By id, in the order of their creation.
    workers: Vec<Arc<Worker>>,
    /// The URLs of pages, by target.
    urls: HashMap<String, String>,
}

impl Targets {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `Target.targetCreated` and `Target.targetInfoChanged`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WithInfo {
    target_info: TargetInfo,
}

/// `Target.targetDestroyed`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Destroyed {
    target_id: String,
}

impl Browser {
    /// Calls the handler for everything that happens to targets, for the browser's life. Runs on the
    /// connection's reader.
    pub fn follow_targets(&self, handler: impl Fn(&TargetEvent) + Send + Sync + 'static) {
        self.0.targets.lock().handlers.push(Arc::new(handler));
    }

    /// All that can be attached to, the browser first.
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        let pages: Vec<Page> = {
            let state = self.0.targets.lock();
            let is_located = |page: &Page| state.urls.contains_key(page.target_id());
            self.pages().into_iter().filter(is_located).collect()
        };
        let workers = self.0.targets.lock().workers.clone();
        std::iter::once(Target::Browser(self.clone()))
            .chain(pages.into_iter().map(Target::Page))
            .chain(workers.into_iter().map(Target::Worker))
            .collect()
    }

    /// The URL of a page's target.
    pub(super) fn target_url(&self, target_id: &str) -> Option<String> {
        self.0.targets.lock().urls.get(target_id).cloned()
    }

    fn tell(&self, event: &TargetEvent) {
        let handlers = self.0.targets.lock().handlers.clone();
        for handler in handlers {
            handler(event);
        }
    }

    /// A page is there, and at this URL.
    pub(super) fn target_created(&self, page: &Page, url: &str) {
        let id = page.target_id().to_owned();
        self.0.targets.lock().urls.insert(id, url.to_owned());
        self.tell(&TargetEvent::Created(Target::Page(page.clone())));
    }

    /// A page is gone.
    pub(super) fn target_gone(&self, page: Page) {
        let was_told = self.0.targets.lock().urls.remove(page.target_id()).is_some();
        if was_told {
            self.tell(&TargetEvent::Destroyed(Target::Page(page)));
        }
    }

    pub(super) fn on_created(&self, params: &RawValue) {
        if let Some(WithInfo { target_info: info }) = decode_event::<WithInfo>(params) {
            self.worker_there(info);
        }
    }

    /// A worker of several pages is there, unless it is anything else or known already.
    pub(super) fn worker_there(&self, info: TargetInfo) {
        let is_known = |worker: &Arc<Worker>| worker.info.target_id == info.target_id;
        if !matches!(info.kind.as_str(), "service_worker" | "shared_worker")
            || self.0.targets.lock().workers.iter().any(is_known)
        {
            return;
        }
        let worker = Arc::new(Worker {
            browser: self.clone(),
            info,
            attached: tokio::sync::Mutex::default(),
        });
        self.0.targets.lock().workers.push(Arc::clone(&worker));
        self.tell(&TargetEvent::Created(Target::Worker(worker)));
    }

    pub(super) fn on_info_changed(&self, params: &RawValue) {
        let Some(WithInfo { target_info: info }) = decode_event::<WithInfo>(params) else {
            return;
        };
        if info.url.is_empty() {
            return;
        }
        let Some(page) = self.page(&info.target_id) else {
            return;
        };
        let before = {
            let mut state = self.0.targets.lock();
            match state.urls.get_mut(&info.target_id) {
                Some(url) => Some(std::mem::replace(url, info.url.clone())),
                None => None,
            }
        };
        match before {
            None => self.target_created(&page, &info.url),
            Some(before) if before != info.url => {
                self.tell(&TargetEvent::Changed(Target::Page(page.clone())));
            }
            Some(_) => {}
        }
        page.set_located();
    }

    pub(super) fn on_destroyed(&self, params: &RawValue) {
        let Some(Destroyed { target_id }) = decode_event::<Destroyed>(params) else {
            return;
        };
        self.worker_gone(&target_id);
    }

    /// A worker of several pages is gone.
    pub(super) fn worker_gone(&self, target_id: &str) {
        let gone: Vec<_> = {
            let mut state = self.0.targets.lock();
            state
                .workers
                .extract_if(.., |worker| worker.info.target_id == target_id)
                .collect()
        };
        for worker in gone {
            self.tell(&TargetEvent::Destroyed(Target::Worker(worker)));
        }
    }
}

impl Target {
    /// Chrome's id; the browser has none that is known here.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Browser(_) => None,
            Self::Page(page) => Some(page.target_id()),
            Self::Worker(worker) => Some(&worker.info.target_id),
        }
    }

    /// `browser`, `page`, `service_worker` or `shared_worker`.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Browser(_) => "browser",
            Self::Page(_) => "page",
            Self::Worker(worker) => &worker.info.kind,
        }
    }

    /// Where it is, as far as Chrome has told.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Browser(_) => String::new(),
            Self::Page(page) => {
                let told = page.browser().target_url(page.target_id());
                told.unwrap_or_else(|| page.url())
            }
            Self::Worker(worker) => worker.info.url.clone(),
        }
    }

    /// The browser that it belongs to, or is.
    #[must_use]
    pub fn browser(&self) -> &Browser {
        match self {
            Self::Browser(browser) => browser,
            Self::Page(page) => page.browser(),
            Self::Worker(worker) => &worker.browser,
        }
    }

    /// The context that it lives in.
    #[must_use]
    pub fn browser_context(&self) -> BrowserContext {
        match self {
            Self::Browser(browser) => browser.default_context(),
            Self::Page(page) => page.browser_context(),
            Self::Worker(worker) => {
                let id = worker.info.browser_context_id.as_deref();
                let made = id.filter(|id| worker.browser.is_made(id));
                BrowserContext::new(worker.browser.clone(), made.map(Into::into))
            }
        }
    }

    /// The worker, where it is one of several pages: on a session of its own.
    ///
    /// # Errors
    /// As any command.
    pub async fn worker(&self) -> Result<Option<WebWorker>, CallError> {
        let Self::Worker(worker) = self else {
            return Ok(None);
        };
        let mut attached = worker.attached.lock().await;
        // The session may have been detached, by whoever got the worker.
        let known = attached
            .as_ref()
            .filter(|known| known.session().close_reason().is_none());
        if let Some(known) = known {
            return Ok(Some(known.clone()));
        }
        let session = self.attach().await?;
        let known = WebWorker::new(&session, self.browser(), &worker.info.url);
        Ok(Some(attached.insert(known).clone()))
    }

    /// Opens a session on it.
    ///
    /// # Errors
    /// As any command.
    pub async fn attach(&self) -> Result<Session, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Attached {
            session_id: String,
        }
        let session = self.browser().session();
        if let Some(id) = self.id() {
            return session.attach(id).await;
        }
        let method = "Target.attachToBrowserTarget";
        let answer = send(session, method, json!({})).await?;
        let attached: Attached = decode(method, answer.get())?;
        let attached = self.browser().connection().session(&attached.session_id);
        attached.ok_or(CallError::TargetClosed {
            method: method.into(),
        })
    }
}
