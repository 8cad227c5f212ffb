//! A browser's pages and contexts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::{Notify, oneshot, watch};

use crate::cdp::{CallError, Connection, Deadline, Listener, Session, io};
use crate::driver::chromium;

use super::clipboard::Clipboard;
use super::context::{BrowserContext, ContextOptions, Downloads};
use super::decode::{decode, decode_event};
use super::events::Event;
use super::page::{Page, SetUp, send};
use super::target::Targets;
use super::viewport::Viewport;

/// `Target.attachedToTarget`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attached {
    pub session_id: String,
    pub target_info: TargetInfo,
    /// It is new, and begins when it is let run.
    #[serde(default)]
    pub waiting_for_debugger: bool,
}

/// `Target.TargetInfo`
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TargetInfo {
    pub target_id: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub url: String,
    pub opener_id: Option<String>,
    /// Of a frame in a process of its own.
    pub parent_frame_id: Option<String>,
    pub browser_context_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    target_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContextCreated {
    browser_context_id: String,
}

/// What an event of Chrome does.
type Handle = fn(&Browser, &RawValue);

/// What is done with a new page before it is let run. Runs on the connection's reader.
pub(super) type Prepare = Box<dyn FnOnce(&Page) + Send>;

/// What the pages and contexts of a browser begin with.
#[derive(Clone, Debug)]
pub struct PageDefaults {
    /// The size of a page; `None`: its window's. Default: 800 × 600.
    pub viewport: Option<Viewport>,
    /// What becomes of downloads, in every context that is not made with something else. Default: Chrome's.
    pub downloads: Option<Downloads>,
    /// Bytes of response bodies that a page keeps for those who read one again. Default: 64 MiB.
    pub max_kept_body_bytes: usize,
}

impl Default for PageDefaults {
    fn default() -> Self {
        Self {
            viewport: Some(Viewport::default()),
            downloads: None,
            max_kept_body_bytes: 64 << 20,
        }
    }
}

/// What is done with a page that another one opened, of this target. Runs on the connection's reader.
pub(crate) type PopupHandler = dyn Fn(&Page, &str) + Send + Sync;

/// The pages of a running Chrome. Clones are the same browser.
#[derive(Clone)]
pub struct Browser(pub(super) Arc<Inner>);

pub(super) struct Inner {
    connection: Connection,
    process: Weak<chromium::Browser>,
    state: Mutex<State>,
    /// Signalled for each page that was attached.
    attached: Notify,
    /// The pages that were there are attached.
    pub(super) follows: watch::Sender<bool>,
    pub(super) targets: Targets,
    clipboard: Clipboard,
    defaults: PageDefaults,
    /// Whether Chrome tells of the requests of a page that is made at a URL. Full Chrome is on its way there before
    /// anybody can listen.
    tells_first_requests: bool,
    /// Whether Chrome tells when the script of a worker has run.
    tells_worker_scripts: bool,
    listeners: Mutex<Vec<Listener>>,
}

/// The product name of the headless shell; full Chrome calls itself `Chrome`, without windows too.
const SHELL: &str = "HeadlessChrome/";

/// The first version of Chrome that tells when the script of a worker has run.
const TELLS_WORKER_SCRIPTS: u32 = 143;

/// The major version in a product such as `HeadlessChrome/143.0.7499.4`.
fn major_version(product: &str) -> Option<u32> {
    let (_, version) = product.split_once('/')?;
    version.split('.').next()?.parse().ok()
}

#[derive(Default)]
struct State {
    pages: Vec<Page>,
    /// Set-ups that whoever made the page will wait for.
    set_ups: HashMap<String, SetUp>,
    /// What awaits the next page of a context.
    prepared: HashMap<Arc<str>, Prepare>,
    contexts: Vec<Arc<str>>,
    popup_handlers: Vec<Weak<PopupHandler>>,
}

impl Browser {
    /// Takes hold of all pages of the browser, those that come later included.
    pub(crate) fn attach(process: &Arc<chromium::Browser>) -> Self {
        let is_shell = process.product().starts_with(SHELL);
        let (connection, defaults) = (process.connection().clone(), process.page_defaults().clone());
        Self::over(connection, Arc::downgrade(process), is_shell, defaults)
    }

    /// The same, where there may be no process.
    pub(super) fn over(
        connection: Connection,
        process: Weak<chromium::Browser>,
        tells_first_requests: bool,
        defaults: PageDefaults,
    ) -> Self {
        let version = process
            .upgrade()
            .and_then(|process| major_version(process.product()));
        let browser = Self(Arc::new(Inner {
            connection: connection.clone(),
            process,
            state: Mutex::default(),
            attached: Notify::new(),
            follows: watch::Sender::new(false),
            targets: Targets::default(),
            clipboard: Clipboard::default(),
            defaults,
            tells_first_requests,
            tells_worker_scripts: version.is_some_and(|version| version >= TELLS_WORKER_SCRIPTS),
            listeners: Mutex::default(),
        }));
        let events: [(&'static str, Handle); 5] = [
            ("Target.targetCreated", Self::on_created),
            ("Target.targetInfoChanged", Self::on_info_changed),
            ("Target.targetDestroyed", Self::on_destroyed),
            ("Target.attachedToTarget", Self::on_attached),
            ("Target.detachedFromTarget", |browser, _| browser.sweep()),
        ];
        let mut listeners = Vec::new();
        for (method, handle) in events {
            let weak = Arc::downgrade(&browser.0);
            listeners.push(connection.browser().on(method, move |params| {
                if let Some(inner) = weak.upgrade() {
                    handle(&Browser(inner), params);
                }
            }));
        }
        *browser.0.listeners.lock().unwrap_or_else(PoisonError::into_inner) = listeners;
        let is_foreign = browser.process().is_some_and(|process| process.is_foreign());
        if is_foreign {
            browser.adopt_what_is_there();
        }
        let auto_attach = json!({ "autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true,
            "filter": [{ "type": "page" }] });
        let weak = Arc::downgrade(&browser.0);
        let session = connection.browser();
        session.call(
            "Target.setAutoAttach",
            auto_attach,
            Deadline::Protocol,
            move |_| {
                if let Some(inner) = weak.upgrade() {
                    inner.follows.send_replace(true);
                }
            },
        );
        if let Some(downloads) = &browser.0.defaults.downloads {
            // What Chrome refuses of it shows in the first context that is made.
            drop(browser.default_context().set_downloads(downloads));
        }
        // Ends with the connection.
        let disconnected = browser.clone();
        io::spawn(async move {
            connection.closed().await;
            disconnected.sweep();
        });
        browser
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_attached(&self, params: &RawValue) {
        let Some(event) = decode_event::<Attached>(params) else {
            return;
        };
        let Some(session) = self.0.connection.session(&event.session_id) else {
            return;
        };
        let target = event.target_info;
        // Sessions that somebody asked for by hand come here as well.
        let known = self
            .lock()
            .pages
            .iter()
            .any(|page| page.target_id() == target.target_id);
        if target.kind != "page" || known {
            return;
        }
        let mut target = target;
        if let Some(context) = &target.browser_context_id
            && self.clipboard().take_helper(context, &session)
        {
            return;
        }
        target.browser_context_id = target.browser_context_id.filter(|id| self.is_made(id));
        let prepare = match (&target.opener_id, &target.browser_context_id) {
            (None, Some(context)) => self.lock().prepared.remove(context.as_str()),
            _ => None,
        };
        let (page, set_up) = Page::attach(&session, &target, self, self.0.defaults.viewport, |page| {
            if let Some(prepare) = prepare {
                prepare(page);
            }
        });
        let mut state = self.lock();
        state.pages.push(page.clone());
        if !target.url.is_empty() {
            drop(state);
            self.target_created(&page, &target.url);
            state = self.lock();
        }
        if let Some(opener) = &target.opener_id {
            let handlers: Vec<_> = state.popup_handlers.iter().filter_map(Weak::upgrade).collect();
            drop(state);
            for handler in handlers {
                handler(&page, opener);
            }
            state = self.lock();
        }
        let opener = target
            .opener_id
            .and_then(|id| state.pages.iter().find(|page| page.target_id() == id).cloned());
        match opener {
            Some(opener) => {
                drop(state);
                // Ends when the set-up has been answered, or its session is gone.
                io::spawn(async move {
                    if set_up.done().await.is_ok() {
                        page.located().await;
                        opener.emit(&Event::Popup(page));
                    }
                });
            }
            None => {
                state.set_ups.insert(target.target_id, set_up);
            }
        }
        self.0.attached.notify_waiters();
    }

    /// Calls the handler for every page that another one opens, whether or not that is there still, for the handler's life.
    pub(crate) fn follow_popups(&self, handler: &Arc<PopupHandler>) {
        let handlers = &mut self.lock().popup_handlers;
        handlers.retain(|known| known.strong_count() > 0);
        handlers.push(Arc::downgrade(handler));
    }

    /// Takes pages out whose sessions have ended.
    pub(crate) fn sweep(&self) {
        let gone: Vec<Page> = {
            let mut state = self.lock();
            let gone: Vec<Page> = state
                .pages
                .extract_if(.., |page| page.session().close_reason().is_some())
                .collect();
            for page in &gone {
                state.set_ups.remove(page.target_id());
            }
            gone
        };
        for page in gone {
            page.on_closed();
            self.target_gone(page);
        }
    }

    pub(super) fn clipboard(&self) -> &Clipboard {
        &self.0.clipboard
    }

    /// Whether the context was made here; Chrome names the default one as well.
    pub(super) fn is_made(&self, context: &str) -> bool {
        self.lock().contexts.iter().any(|made| **made == *context)
    }

    /// The connection.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.0.connection
    }

    /// The browser's own session.
    #[must_use]
    pub fn session(&self) -> &Session {
        self.0.connection.browser()
    }

    /// The running Chrome, while somebody holds it.
    #[must_use]
    pub fn process(&self) -> Option<Arc<chromium::Browser>> {
        self.0.process.upgrade()
    }

    /// Whether it can be used.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        !self.0.connection.is_closed()
    }

    /// Whether two are the same.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Names the browser within this process, while it lives.
    #[must_use]
    pub fn key(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// The user agent that its pages tell.
    ///
    /// # Errors
    /// As any command.
    pub async fn user_agent(&self) -> Result<String, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            user_agent: String,
        }
        let method = "Browser.getVersion";
        let answer = send(self.session(), method, json!({})).await?;
        Ok(decode::<Version>(method, answer.get())?.user_agent)
    }

    /// Its pages, of all contexts.
    #[must_use]
    pub fn pages(&self) -> Vec<Page> {
        self.lock().pages.clone()
    }

    /// The page of this target.
    #[must_use]
    pub fn page(&self, target_id: &str) -> Option<Page> {
        self.lock()
            .pages
            .iter()
            .find(|page| page.target_id() == target_id)
            .cloned()
    }

    /// The context that is there without being made.
    #[must_use]
    pub fn default_context(&self) -> BrowserContext {
        BrowserContext::new(self.clone(), None)
    }

    /// The contexts that were made here and not closed.
    #[must_use]
    pub fn contexts(&self) -> Vec<BrowserContext> {
        let state = self.lock();
        state
            .contexts
            .iter()
            .map(|id| BrowserContext::new(self.clone(), Some(Arc::clone(id))))
            .collect()
    }

    /// Makes a context: storage and cache of its own.
    ///
    /// # Errors
    /// As any command.
    pub async fn create_context(&self, options: &ContextOptions) -> Result<BrowserContext, CallError> {
        let context = self.create(options.params()).await?;
        if let Err(error) = context.set_up(options).await {
            drop(context.close().await);
            return Err(error);
        }
        Ok(context)
    }

    /// Makes a context that ends with the connection, also in a browser that goes on, and that is kept apart from others
    /// where Chrome alone does not do so.
    ///
    /// # Errors
    /// As any command.
    pub(crate) async fn create_bound_context(&self) -> Result<BrowserContext, CallError> {
        let (sender, created) = oneshot::channel();
        let browser = self.clone();
        // Ends with its calls. Whoever has given up meanwhile leaves no context behind.
        io::spawn(async move {
            let created = browser.create(json!({ "disposeOnDetach": true })).await;
            if let Ok(context) = &created {
                context.keep_apart();
            }
            if let Err(Ok(unwanted)) = sender.send(created) {
                drop(unwanted.close().await);
            }
        });
        created.await.unwrap_or_else(|_| {
            Err(CallError::Disconnected {
                method: "Target.createBrowserContext".into(),
            })
        })
    }

    async fn create(&self, params: serde_json::Value) -> Result<BrowserContext, CallError> {
        let method = "Target.createBrowserContext";
        let answer = send(self.session(), method, params).await?;
        let created: ContextCreated = decode(method, answer.get())?;
        let id: Arc<str> = created.browser_context_id.into();
        self.lock().contexts.push(Arc::clone(&id));
        let context = BrowserContext::new(self.clone(), Some(id));
        if let Some(downloads) = &self.0.defaults.downloads
            && let Err(error) = context.set_downloads(downloads).await
        {
            drop(context.close().await);
            return Err(error);
        }
        Ok(context)
    }

    /// Takes in contexts that others have made.
    pub(super) fn add_contexts(&self, ids: Vec<String>) {
        self.lock().contexts.extend(ids.into_iter().map(Arc::from));
    }

    /// Takes a context out of those that are there.
    pub(super) fn forget_context(&self, id: &str) {
        self.lock().contexts.retain(|context| **context != *id);
        self.forget_clipboard_of(id);
    }

    /// Has this done with the next page of the context.
    pub(super) fn prepare_page(&self, context: &Arc<str>, prepare: Prepare) {
        self.lock().prepared.insert(Arc::clone(context), prepare);
    }

    /// Forgets what was to be done with the context's next page, if that has not come.
    pub(super) fn forget_preparation(&self, context: &str) {
        let unused = self.lock().prepared.remove(context);
        drop(unused);
    }

    /// Whether all is told of what a page requests that is made at a URL, its first document included.
    pub(super) fn tells_first_requests(&self) -> bool {
        self.0.tells_first_requests
    }

    /// Bytes of response bodies that a page keeps.
    pub(super) fn max_kept_body_bytes(&self) -> usize {
        self.0.defaults.max_kept_body_bytes
    }

    /// Whether Chrome tells when the script of a worker has run.
    pub(super) fn tells_worker_scripts(&self) -> bool {
        self.0.tells_worker_scripts
    }

    pub(super) async fn new_page(&self, context: Option<&str>, url: &str) -> Result<Page, CallError> {
        let method = "Target.createTarget";
        let mut params = json!({ "url": url });
        if let Some(context) = context {
            params["browserContextId"] = context.into();
        }
        let answer = send(self.session(), method, params).await?;
        let id = decode::<Created>(method, answer.get())?.target_id;
        loop {
            let attached = self.0.attached.notified();
            tokio::pin!(attached);
            attached.as_mut().enable();
            if let Some(page) = self.page(&id) {
                let set_up = self.lock().set_ups.remove(&id);
                if let Some(set_up) = set_up {
                    set_up.done().await?;
                }
                return Ok(page);
            }
            tokio::select! {
                () = attached => {}
                () = self.0.connection.closed() => return Err(CallError::Disconnected { method: method.into() }),
            }
        }
    }
}
