//! Closing pages and contexts, by ever harder means.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::browser::{BrowserContextId, GetVersionParams};
use chromiumoxide::cdp::browser_protocol::page::CrashParams;
use chromiumoxide::cdp::browser_protocol::target::{CloseTargetParams, DisposeBrowserContextParams};
use chromiumoxide::cdp::js_protocol::runtime::TerminateExecutionParams;
use tokio::time::timeout;

use super::browser::Browser;
use super::tab::Tab;
use crate::cdp::CallError;

/// How long each step after the first may take.
const STEP: Duration = Duration::from_secs(2);

/// Why something may still be open. There is nothing more to be done then.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// Neither closing it nor killing its renderer has ended the page.
    #[error("the page did not close within {}ms, nor when its renderer was killed", .after.as_millis())]
    Page {
        /// How long it had.
        after: Duration,
    },
    /// A browser that is not ours does not let go of the context.
    #[error("the context did not close within {}ms, and the browser is not ours to restart", .after.as_millis())]
    Context {
        /// How long it had.
        after: Duration,
    },
    /// Chrome refused.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Closes a page: terminate what it runs and close it; kill its renderer; restart a browser that answers nothing.
pub(super) async fn page(tab: &Tab, patience: Duration) -> Result<(), CloseError> {
    tab.closing.store(true, Ordering::Release);
    let browser = &tab.browser;
    let Some(target_id) = tab.session.target_id() else {
        return Ok(());
    };
    let close = || {
        drop(
            browser
                .session()
                .send_within(CloseTargetParams::new(target_id.to_owned()), Some(patience)),
        );
    };
    // A page in a loop is let go ten times faster when the loop is ended first.
    drop(
        tab.session
            .send_within(TerminateExecutionParams::default(), Some(STEP)),
    );
    close();
    if timeout(patience, tab.session.closed()).await.is_ok() {
        return Ok(());
    }
    tracing::warn!(
        page_id = tab.page_id(),
        "a page did not close; its renderer is killed"
    );
    crash(tab);
    close();
    if timeout(STEP, tab.session.closed()).await.is_ok() {
        return Ok(());
    }
    if !browser.is_foreign() && !answers(browser).await {
        restart(browser).await;
        return Ok(());
    }
    Err(CloseError::Page { after: patience })
}

/// Closes a context and its pages: dispose it; kill the renderers; restart the browser.
pub(super) async fn context(
    browser: &Arc<Browser>,
    id: &BrowserContextId,
    tabs: &[Arc<Tab>],
    patience: Duration,
) -> Result<(), CloseError> {
    for tab in tabs {
        tab.closing.store(true, Ordering::Release);
    }
    if dispose(browser, id, tabs, patience).await? {
        return Ok(());
    }
    tracing::warn!(
        context = id.inner(),
        "a context did not close; its renderers are killed"
    );
    for tab in tabs {
        crash(tab);
    }
    if dispose(browser, id, tabs, STEP).await? {
        return Ok(());
    }
    if browser.is_foreign() {
        return Err(CloseError::Context { after: patience });
    }
    restart(browser).await;
    Ok(())
}

/// Whether the context and its pages went away in time.
async fn dispose(
    browser: &Browser,
    id: &BrowserContextId,
    tabs: &[Arc<Tab>],
    patience: Duration,
) -> Result<bool, CallError> {
    let disposed = async {
        let command = DisposeBrowserContextParams::new(id.clone());
        match browser.session().send_within(command, None).await {
            // A context that Chrome does not know, or that went with its browser, is closed.
            Ok(_) => {}
            Err(error) if error.is_gone() => {}
            Err(CallError::Protocol { message, .. }) if message.contains("Failed to find context") => {}
            Err(error) => return Err(error),
        }
        for tab in tabs {
            tab.session.closed().await;
        }
        Ok(())
    };
    match timeout(patience, disposed).await {
        Ok(outcome) => outcome.map(|()| true),
        Err(_) => Ok(false),
    }
}

/// Chrome does not answer this one.
fn crash(tab: &Tab) {
    drop(tab.session.send_within(CrashParams::default(), Some(STEP)));
}

async fn answers(browser: &Browser) -> bool {
    browser
        .session()
        .send_within(GetVersionParams::default(), Some(STEP))
        .await
        .is_ok()
}

async fn restart(browser: &Browser) {
    tracing::error!(
        pid = browser.pid(),
        "the browser does not close what it should and is restarted"
    );
    browser.kill().await;
}
