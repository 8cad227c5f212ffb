//! What Chrome finds wrong with a page: its audits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::cdp::{Deadline, Session};

use super::decode::decode_event;
use super::events::{Event, EventKind};
use super::page::Page;

/// One finding.
pub struct Issue {
    /// Its kind, such as `MixedContentIssue`.
    pub code: String,
    /// Its details, as JSON.
    pub details: Box<RawValue>,
}

#[derive(Deserialize)]
struct Added {
    issue: Box<RawIssue>,
}

#[derive(Deserialize)]
struct RawIssue {
    code: String,
    details: Box<RawValue>,
}

impl Page {
    /// Has Chrome tell of issues from now on, those of the present document included; the first time.
    pub(super) fn enable_issues(&self) {
        if !self.0.issues_enabled.swap(true, Ordering::AcqRel) {
            for session in self.sessions() {
                self.follow_issues(&session);
            }
        }
    }

    /// Hears of those of a target too, where somebody has listened.
    pub(super) fn follow_issues(&self, session: &Session) {
        if self.0.issues_enabled.load(Ordering::Acquire) {
            self.listen_to(session, &[("Audits.issueAdded", Self::on_issue)]);
            session.call("Audits.enable", json!({}), Deadline::Protocol, |_| {});
        }
    }

    fn on_issue(&self, _: &Session, params: &RawValue) {
        if self.wants(EventKind::Issue)
            && let Some(Added { issue }) = decode_event::<Added>(params)
        {
            let RawIssue { code, details } = *issue;
            self.emit(&Event::Issue(Arc::new(Issue { code, details })));
        }
    }
}
