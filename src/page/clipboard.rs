//! The clipboard, which Chrome shares among all contexts of a browser.
//!
//! Every context that is kept apart from the others (see [`Browser::keep_apart`]) has its copies noticed: its documents
//! have a world of ours that listens before any script of theirs, and it may write by `navigator.clipboard`, which
//! tells nobody, only where its caller has granted that. What a context has copied is cleared when its lease ends, by
//! a page that belongs to nobody; whoever is about to read waits for that.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::cdp::{CallError, Deadline, Session, io};

use super::browser::Browser;
use super::decode::decode;
use super::page::Page;

/// The world that listens, and the function that it calls.
const WORLD: &str = "pagepool-clipboard";
const BINDING: &str = "pagepoolCopied";

/// A page can neither see this listener nor come before it.
const LISTEN: &str = "for (const type of ['copy', 'cut']) {
    addEventListener(type, () => { pagepoolCopied(''); }, true);
}";

/// Copies nothing, in place of what was copied. False where the page cannot copy yet.
const CLEAR: &str = "(() => {
    document.oncopy = event => {
        event.preventDefault();
        event.clipboardData.setData('text/plain', '');
    };
    document.onpaste = event => {
        event.preventDefault();
        globalThis.pasted = true;
    };
    return document.execCommand('copy');
})()";

/// True once the page has looked into the clipboard, which it does after it has written to it.
const CLEARED: &str = "globalThis.pasted === true";

/// How long clearing may take; it is a matter of a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(10);
/// How soon a page that could not copy is asked again.
const PAUSE: Duration = Duration::from_millis(20);

type Context = Arc<str>;

#[derive(Default)]
pub(super) struct Clipboard {
    state: Mutex<State>,
    /// True while it is being cleared.
    clearing: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    /// The contexts that are kept apart.
    apart: HashSet<Context>,
    /// Those of them that somebody holds a lease in.
    leased: HashSet<Context>,
    /// Those that were granted to read it, or to write it unseen.
    readers: HashSet<Context>,
    writers: HashSet<Context>,
    /// Those with pages that others have opened, whose first document is no new one to Chrome: of that nothing is noticed.
    openers: HashSet<Context>,
    /// Whose it is.
    owner: Option<Context>,
    is_due: bool,
    /// The context of the page that clears, and who waits for that page.
    helper: Option<(String, oneshot::Sender<Session>)>,
}

impl Clipboard {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_apart(&self, context: &str) -> bool {
        self.lock().apart.contains(context)
    }

    /// Takes the page that clears, which is nobody's.
    pub(super) fn take_helper(&self, context: &str, session: &Session) -> bool {
        let mut state = self.lock();
        let Some((_, waiting)) = state.helper.take_if(|(of, _)| of == context) else {
            return false;
        };
        drop(state);
        // Whoever waited may have given up; the context goes in any case.
        drop(waiting.send(session.clone()));
        true
    }

    /// Resolves once what has to be cleared is cleared.
    pub(super) async fn settled(&self) {
        if !*self.clearing.borrow() {
            return;
        }
        let mut clearing = self.clearing.subscribe();
        // The sender is `self`'s.
        drop(clearing.wait_for(|clearing| !clearing).await);
    }
}

/// Why the clipboard was not cleared.
#[derive(Debug, thiserror::Error)]
enum ClearError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("it took longer than {} ms", PATIENCE.as_millis())]
    Late,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContextCreated {
    browser_context_id: String,
}

#[derive(Deserialize)]
struct Evaluated {
    result: Answer,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    value: bool,
}

fn command(method: &'static str, session: &Session, params: Value) -> super::commands::Sent {
    session.send_raw(method, params, Deadline::Within(PATIENCE))
}

async fn is_true(session: &Session, expression: &str) -> Result<bool, CallError> {
    let method = "Runtime.evaluate";
    let params = json!({ "expression": expression, "userGesture": true, "returnByValue": true });
    match command(method, session, params).await {
        Ok(answer) => Ok(decode::<Evaluated>(method, answer.get())?.result.value),
        Err(error) if error.is_gone() => Err(error),
        // Of a document that has just gone.
        Err(_) => Ok(false),
    }
}

impl Browser {
    /// Keeps what the context's pages copy from the pages of others, as far as leases come one after the other. Before
    /// it has any page.
    pub(super) fn keep_apart(&self, context: &Context) {
        self.clipboard().lock().apart.insert(Arc::clone(context));
        self.deny_writing(context);
    }

    /// Full Chrome lets every page write to the clipboard, of which nobody hears. The headless shell does not.
    pub(super) fn deny_writing(&self, context: &str) {
        if self.tells_first_requests() || !self.clipboard().is_apart(context) {
            return;
        }
        let params = json!({ "permission": { "name": "clipboard-write" }, "setting": "denied",
            "browserContextId": context });
        let session = self.session();
        session.call("Browser.setPermission", params, Deadline::Protocol, |_| {});
    }

    /// The context was granted to use the clipboard; resolves once nothing of another's is left in it.
    pub(super) async fn clipboard_granted(&self, context: Option<&str>, reads: bool) {
        if let Some(context) = context {
            let mut state = self.clipboard().lock();
            if let Some(context) = state.apart.get(context).cloned() {
                state.writers.insert(Arc::clone(&context));
                if reads {
                    state.readers.insert(context);
                }
            }
        }
        if reads {
            self.clipboard().settled().await;
        }
    }

    /// What was granted was taken back.
    pub(super) fn clipboard_refused(&self, context: &str) {
        let mut state = self.clipboard().lock();
        // What it has written meanwhile is still there.
        if let Some(context) = state.writers.take(context) {
            state.owner = Some(context);
        }
        state.readers.remove(context);
        drop(state);
        self.deny_writing(context);
    }

    /// A page of the context has copied something.
    fn copied(&self, context: &str) {
        let mut state = self.clipboard().lock();
        let Some(context) = state.apart.get(context).cloned() else {
            return;
        };
        // A timer may copy after the lease that it was set in.
        let is_leased = state.leased.contains(&context);
        state.owner = Some(context);
        if !is_leased {
            self.clear_soon(state);
        }
    }

    /// Somebody holds a lease in the context from now on. Where its pages can read the clipboard and that is being
    /// cleared, the lease is to be handed out when what this gives has resolved.
    pub(crate) fn lease_begins(&self, context: &str) -> Option<impl Future<Output = ()> + Send + use<>> {
        let mut state = self.clipboard().lock();
        let context = state.apart.get(context).cloned()?;
        let reads = state.readers.contains(&context);
        state.leased.insert(context);
        drop(state);
        let browser = self.clone();
        let waits = reads && *self.clipboard().clearing.borrow();
        waits.then_some(async move { browser.clipboard().settled().await })
    }

    /// The lease in the context has ended, or the context has: what it has copied is cleared.
    pub(crate) fn lease_ends(&self, context: &str) {
        let has_popup = self.has_popup(context);
        let mut state = self.clipboard().lock();
        if !state.apart.contains(context) {
            return;
        }
        state.leased.remove(context);
        let is_owner = state.owner.as_deref() == Some(context);
        let has_opened = state.openers.remove(context) || has_popup;
        if is_owner || has_opened || state.writers.contains(context) {
            self.clear_soon(state);
        }
    }

    /// The context is gone.
    pub(super) fn forget_clipboard_of(&self, context: &str) {
        self.lease_ends(context);
        let mut state = self.clipboard().lock();
        state.apart.remove(context);
        state.readers.remove(context);
        state.writers.remove(context);
    }

    fn has_popup(&self, context: &str) -> bool {
        let of_context = |page: &Page| page.browser_context().id() == Some(context);
        self.pages()
            .iter()
            .any(|page| page.is_popup() && of_context(page))
    }

    fn clear_soon(&self, mut state: MutexGuard<'_, State>) {
        state.owner = None;
        state.is_due = true;
        let is_idle = !self.clipboard().clearing.send_replace(true);
        drop(state);
        if is_idle {
            let browser = self.clone();
            // Ends with its patience.
            io::spawn(async move { browser.clear_clipboard().await });
        }
    }

    async fn clear_clipboard(&self) {
        let is_due = || {
            let mut state = self.clipboard().lock();
            let is_due = std::mem::take(&mut state.is_due);
            if !is_due {
                self.clipboard().clearing.send_replace(false);
            }
            is_due
        };
        while is_due() {
            let cleared = timeout(PATIENCE, self.clear_by_a_page()).await;
            match cleared.unwrap_or(Err(ClearError::Late)) {
                Err(error) if self.is_connected() => {
                    tracing::warn!(%error, "the clipboard could not be cleared of what a tenant has copied");
                }
                _ => {}
            }
        }
    }

    /// By one of a context of its own: no page of a tenant is touched for it.
    async fn clear_by_a_page(&self) -> Result<(), ClearError> {
        let browser = self.session();
        let method = "Target.createBrowserContext";
        let created = command(method, browser, json!({ "disposeOnDetach": true })).await?;
        let context = decode::<ContextCreated>(method, created.get())?.browser_context_id;
        let helper = Helper {
            browser: self,
            context: &context,
        };
        let (sender, attached) = oneshot::channel();
        self.clipboard().lock().helper = Some((context.clone(), sender));
        let params = json!({ "url": "about:blank", "browserContextId": context });
        command("Target.createTarget", browser, params).await?;
        let session = attached.await.map_err(|_| ClearError::Late)?;
        let focus = json!({ "enabled": true });
        let focused = command("Emulation.setFocusEmulationEnabled", &session, focus);
        let runs = command("Runtime.runIfWaitingForDebugger", &session, json!({}));
        focused.await?;
        runs.await?;
        loop {
            if is_true(&session, CLEAR).await? {
                // Chrome would answer before the clipboard is written, and what has ended by then writes no more.
                let paste = json!({ "type": "rawKeyDown", "key": "v", "code": "KeyV", "modifiers": 2,
                    "windowsVirtualKeyCode": 86, "commands": ["paste"] });
                command("Input.dispatchKeyEvent", &session, paste).await?;
                if is_true(&session, CLEARED).await? {
                    break;
                }
            }
            // Its first document makes way for about:blank.
            sleep(PAUSE).await;
        }
        drop(helper);
        Ok(())
    }
}

/// The context that clears: it goes in any case.
struct Helper<'a> {
    browser: &'a Browser,
    context: &'a str,
}

impl Drop for Helper<'_> {
    fn drop(&mut self) {
        let unused = self.browser.clipboard().lock().helper.take();
        drop(unused);
        let params = json!({ "browserContextId": self.context });
        let session = self.browser.session();
        session.call("Target.disposeBrowserContext", params, Deadline::Protocol, |_| {});
    }
}

impl Page {
    /// Notices what the documents of the session copy, where its context is kept apart.
    pub(super) fn observe_copies(&self, session: &Session) {
        let Some(context) = self.browser_context().id().map(str::to_owned) else {
            return;
        };
        if !self.browser().clipboard().is_apart(&context) {
            return;
        }
        if self.is_popup() {
            let mut state = self.browser().clipboard().lock();
            if let Some(context) = state.apart.get(&*context).cloned() {
                state.openers.insert(context);
            }
        }
        self.listen_to(session, &[("Runtime.bindingCalled", Self::on_copied)]);
        let binding = json!({ "name": BINDING, "executionContextName": WORLD });
        session.call("Runtime.addBinding", binding, Deadline::Protocol, |_| {});
        let script = json!({ "source": LISTEN, "worldName": WORLD });
        let method = "Page.addScriptToEvaluateOnNewDocument";
        session.call(method, script, Deadline::Protocol, |_| {});
    }

    fn on_copied(&self, _: &Session, params: &RawValue) {
        #[derive(Deserialize)]
        struct BindingCalled<'a> {
            name: &'a str,
        }
        let called = serde_json::from_str::<BindingCalled<'_>>(params.get());
        if called.is_ok_and(|called| called.name == BINDING)
            && let Some(context) = self.browser_context().id()
        {
            self.browser().copied(context);
        }
    }
}

/// Whether a permission, by the web's name, is for the clipboard, and whether it is for reading it.
pub(super) fn clipboard_permission(name: &str) -> Option<bool> {
    match name {
        // Chrome has one permission for these two.
        "clipboard-read" | "clipboard-write" => Some(true),
        "clipboard-sanitized-write" => Some(false),
        _ => None,
    }
}
