//! Console messages, exceptions and dialogs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;
use serde_json::value::RawValue;

use crate::cdp::{Deadline, Session, io};

use super::super::console::ConsoleMessage;
use super::super::dialog::Dialog;
use super::super::events::{Event, EventKind};
use super::super::exception::Exception;
use super::super::page::Page;
use super::super::web_worker::WebWorker;

/// Nobody hears the console: how many messages before their objects are let go.
const UNHEARD_BATCH: u32 = 256;

impl Page {
    pub(super) fn on_console(&self, session: &Session, params: &RawValue) {
        if !self.0.hub.is_heard(EventKind::Console) {
            let unheard = self.0.unheard_messages.fetch_add(1, Ordering::Relaxed) + 1;
            if unheard >= UNHEARD_BATCH {
                self.0.unheard_messages.store(0, Ordering::Relaxed);
                // V8 keeps the arguments of all console calls in this group.
                let group = json!({ "objectGroup": "console" });
                let session = session.clone();
                // After whoever else hears this message has asked for its objects.
                io::spawn(async move {
                    session.call("Runtime.releaseObjectGroup", group, Deadline::Protocol, |_| {});
                });
            }
        }
        if !self.wants(EventKind::Console) {
            return;
        }
        let Some(mut message) = ConsoleMessage::from_call(params) else {
            return;
        };
        let state = self.lock();
        message.frame = state
            .tree
            .frame_of_context(session, message.context)
            .map(|frame| Arc::clone(&frame.id));
        let is_speaker = |worker: &&WebWorker| worker.session().id() == session.id();
        message.worker = state.workers.iter().find(is_speaker).cloned();
        drop(state);
        self.emit(&Event::Console(Arc::new(message)));
    }

    /// Lets go of the messages that V8 keeps for who may ask for them later, with all that they name. Not where somebody
    /// hears them, and may have kept what they name.
    pub(crate) fn forget_console(&self) {
        if !self.0.hub.is_heard(EventKind::Console) {
            self.session().call(
                "Runtime.discardConsoleEntries",
                json!({}),
                Deadline::Protocol,
                |_| {},
            );
        }
    }

    pub(super) fn on_log_entry(&self, _: &Session, params: &RawValue) {
        if self.wants(EventKind::Console)
            && let Some(message) = ConsoleMessage::from_log(params)
        {
            self.emit(&Event::Console(Arc::new(message)));
        }
    }

    pub(super) fn on_exception(&self, _: &Session, params: &RawValue) {
        if self.wants(EventKind::PageError)
            && let Some(exception) = Exception::from_event(params)
        {
            self.emit(&Event::PageError(Arc::new(exception)));
        }
    }

    /// A dialog that nobody could answer would hold up the page for ever.
    pub(super) fn on_dialog(&self, session: &Session, params: &RawValue) {
        let Some(dialog) = Dialog::parse(session, params) else {
            return;
        };
        let dialog = Arc::new(dialog);
        if !self.emit(&Event::Dialog(Arc::clone(&dialog))) {
            dialog.answer_for_nobody();
        }
    }
}
