//! What was in a browser before we connected to it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use crate::cdp::Deadline;

use super::browser::{Browser, TargetInfo};
use super::decode::decode;
use super::page::{Page, send};

/// How long a page that is busy is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

impl Browser {
    /// Asks for the contexts and the workers that are there, ahead of its pages, which name their contexts.
    pub(super) fn adopt_what_is_there(&self) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Contexts {
            browser_context_ids: Vec<String>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Targets {
            target_infos: Vec<TargetInfo>,
        }
        let weak = Arc::downgrade(&self.0);
        let method = "Target.getBrowserContexts";
        self.session()
            .call(method, json!({}), Deadline::Protocol, move |answer| {
                if let (Some(inner), Ok(answer)) = (weak.upgrade(), answer)
                    && let Ok(found) = decode::<Contexts>(method, answer.get())
                {
                    Self(inner).add_contexts(found.browser_context_ids);
                }
            });
        let weak = Arc::downgrade(&self.0);
        let method = "Target.getTargets";
        self.session()
            .call(method, json!({}), Deadline::Protocol, move |answer| {
                if let (Some(inner), Ok(answer)) = (weak.upgrade(), answer)
                    && let Ok(found) = decode::<Targets>(method, answer.get())
                {
                    let browser = Self(inner);
                    for target in found.target_infos {
                        browser.worker_there(target);
                    }
                }
            });
    }

    /// Waits until its pages are known with their frames; one that computes is not waited for without end.
    pub async fn is_known(&self) {
        let mut follows = self.0.follows.subscribe();
        tokio::select! {
            // The browser keeps the sender.
            _ = follows.wait_for(|follows| *follows) => {}
            () = self.connection().closed() => {}
        }
        let pages = self.pages();
        let known = async {
            for page in &pages {
                page.is_known().await;
            }
        };
        // The others are there, and answer when they can.
        let _ = timeout(PATIENCE, known).await;
    }
}

impl Page {
    /// Waits until its frames are known, those of other processes included.
    async fn is_known(&self) {
        let mut asked = HashSet::new();
        loop {
            let sessions = self.frames().into_iter().map(|frame| frame.session());
            let Some(session) = sessions
                .into_iter()
                .find(|session| !asked.contains(session.id().unwrap_or_default()))
            else {
                return;
            };
            asked.insert(session.id().unwrap_or_default().to_owned());
            // Answered behind all that a session is asked at its beginning.
            drop(send(&session, "Page.getFrameTree", json!({})).await);
        }
    }
}
