//! Closing pages and contexts, by ever harder means.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::page::CrashParams;
use chromiumoxide::cdp::js_protocol::runtime::TerminateExecutionParams;

use super::browser::Browser;
use super::liveness::{STEP, patiently, restart_unless_it_answers};
use super::popups::close_target;
use super::tab::Tab;
use crate::cdp::{CallError, Deadline};
use crate::page::{BrowserContext, Page};

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

/// Closes a page and what it opened: terminate what they run and close them; kill their renderers; restart a browser that
/// answers nothing.
pub(super) async fn page(
    browser: &Browser,
    tab: &Tab,
    popups: &[Page],
    patience: Duration,
) -> Result<(), CloseError> {
    tab.closing.store(true, Ordering::Release);
    let pages: Vec<Page> = std::iter::once(tab.page()).chain(popups).cloned().collect();
    for page in &pages {
        // A page in a loop is let go ten times faster when the loop is ended first.
        drop(
            page.session()
                .send_within(TerminateExecutionParams::default(), Deadline::Within(STEP)),
        );
        close_target(browser, page, patience);
    }
    let connection = browser.connection();
    if patiently(connection, patience, all_closed(&pages))
        .await
        .is_some()
    {
        return Ok(());
    }
    tracing::warn!(
        page_id = tab.page_id(),
        "a page did not close; its renderer is killed"
    );
    for page in &pages {
        crash(page);
        close_target(browser, page, patience);
    }
    if patiently(connection, STEP, all_closed(&pages)).await.is_some() {
        return Ok(());
    }
    if restart_unless_it_answers(browser, STEP).await {
        return Ok(());
    }
    Err(CloseError::Page { after: patience })
}

async fn all_closed(pages: &[Page]) {
    for page in pages {
        page.session().closed().await;
    }
}

/// Closes a context and its pages: dispose it; kill the renderers; restart the browser.
pub(super) async fn context(
    browser: &Browser,
    context: &BrowserContext,
    pages: &[Page],
    patience: Duration,
) -> Result<(), CloseError> {
    if dispose(browser, context, pages, patience).await? {
        return Ok(());
    }
    tracing::warn!(
        context = context.id(),
        "a context did not close; its renderers are killed"
    );
    for page in pages {
        crash(page);
    }
    if dispose(browser, context, pages, STEP).await? {
        return Ok(());
    }
    if browser.is_foreign() {
        return Err(CloseError::Context { after: patience });
    }
    browser
        .give_up("a context does not close: the browser is restarted")
        .await;
    Ok(())
}

/// True if the context and its pages went away in time.
async fn dispose(
    browser: &Browser,
    context: &BrowserContext,
    pages: &[Page],
    patience: Duration,
) -> Result<bool, CallError> {
    let disposed = async {
        match context.close().await {
            // What went with its browser is closed.
            Err(error) if !error.is_gone() => return Err(error),
            Ok(()) | Err(_) => {}
        }
        all_closed(pages).await;
        Ok(())
    };
    match patiently(browser.connection(), patience, disposed).await {
        Some(outcome) => outcome.map(|()| true),
        None => Ok(false),
    }
}

/// Chrome does not answer this one.
fn crash(page: &Page) {
    drop(
        page.session()
            .send_within(CrashParams::default(), Deadline::Within(STEP)),
    );
}
