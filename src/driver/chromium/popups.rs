//! Popups of tabs: whose they are, and how they end.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::target::CloseTargetParams;
use chromiumoxide::cdp::js_protocol::runtime::TerminateExecutionParams;

use super::browser::Browser;
use super::driver::question;
use super::liveness::{STEP, patiently};
use super::tab::Tab;
use crate::cdp::{CallError, Deadline};
use crate::page::Page;
use crate::pool::TabId;

/// How long a page has for its answer before a script that a popup left behind is ended. One that works takes
/// milliseconds; Chrome itself gives up on the popup in half a second, but not on its script.
const SCRIPT_PATIENCE: Duration = Duration::from_millis(500);

/// The popups of all tabs, by target.
#[derive(Default)]
pub(super) struct Popups {
    all: HashMap<String, Popup>,
    /// Tabs that may not have a thread of their own: their popups were told to close, and they have not answered since.
    doubtful: HashSet<TabId>,
}

struct Popup {
    tab: TabId,
    page: Page,
    closing: bool,
}

impl Popups {
    pub(super) fn add(&mut self, tab: TabId, page: &Page) {
        let popup = Popup {
            tab,
            page: page.clone(),
            closing: false,
        };
        self.all.insert(page.target_id().to_owned(), popup);
    }

    pub(super) fn remove(&mut self, target: &str) {
        self.all.remove(target);
    }

    /// The tab that a popup belongs to.
    pub(super) fn tab_of(&self, target: &str) -> Option<TabId> {
        self.all.get(target).map(|popup| popup.tab)
    }

    /// All of a tab.
    pub(super) fn of(&self, tab: TabId) -> Vec<Page> {
        let of_tab = self.all.values().filter(|popup| popup.tab == tab);
        of_tab.map(|popup| popup.page.clone()).collect()
    }

    /// Those of a tab that nobody closes yet; whoever asks does.
    pub(super) fn take(&mut self, tab: TabId) -> Vec<Page> {
        self.doubtful.insert(tab);
        let open = self
            .all
            .values_mut()
            .filter(|popup| popup.tab == tab && !popup.closing);
        open.map(|popup| {
            popup.closing = true;
            popup.page.clone()
        })
        .collect()
    }

    /// True if popups of the tab were told to close since this was last asked.
    pub(super) fn take_doubt(&mut self, tab: TabId) -> bool {
        self.doubtful.remove(&tab)
    }

    pub(super) fn forget_tab(&mut self, tab: TabId) {
        self.doubtful.remove(&tab);
    }
}

/// Closes popups of a tab that goes on. Its script is not touched: it may be the script of the next lease, as a popup
/// may share the thread of its opener. Says whether all are gone in time.
pub(super) async fn close(browser: &Arc<Browser>, popups: &[Page], patience: Duration) -> bool {
    for popup in popups {
        popup
            .session()
            .explain_end("the lease of the page that opened it has ended");
        close_target(browser, popup, patience);
    }
    let closed = async {
        for popup in popups {
            popup.session().closed().await;
        }
    };
    patiently(browser.connection(), patience, closed).await.is_some()
}

/// Asks Chrome to close the page, without asking the page.
pub(super) fn close_target(browser: &Browser, page: &Page, patience: Duration) {
    let close = CloseTargetParams::new(page.target_id().to_owned());
    drop(browser.session().send_within(close, Deadline::Within(patience)));
}

/// Frees a page that nobody holds of the script that a popup runs on its thread.
pub(super) async fn free_thread(tab: &Tab) {
    let session = tab.session();
    let ask = || session.send_within(question(), Deadline::Within(SCRIPT_PATIENCE));
    if !matches!(ask().await, Err(CallError::TimedOut { .. })) {
        return;
    }
    let end = TerminateExecutionParams::default();
    drop(session.send_within(end, Deadline::Within(STEP)));
    // Where nothing runs any more it is the next script that ends: this one.
    drop(ask().await);
}
