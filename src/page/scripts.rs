//! Scripts that run before any other in each document.

use serde::Deserialize;
use serde_json::json;

use crate::cdp::{CallError, Deadline, Session};

use super::decode::decode;
use super::page::{Page, send};

#[derive(Deserialize)]
struct Added {
    identifier: String,
}

/// Why a script could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveScriptError {
    /// There is none of this name.
    #[error("Script to evaluate on new document with id {0} not found")]
    Unknown(String),
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Page {
    /// Runs the source in each new document; gives back a name by which it can be removed.
    ///
    /// # Errors
    /// As any command.
    pub async fn evaluate_on_new_document(&self, source: &str) -> Result<String, CallError> {
        let method = "Page.addScriptToEvaluateOnNewDocument";
        let params = || json!({ "source": source });
        let adding = send(self.session(), method, params());
        for session in self.sessions().iter().skip(1) {
            // A frame in a process of its own may go away meanwhile.
            session.call(method, params(), Deadline::Protocol, |_| {});
        }
        let answer = adding.await?;
        let added: Added = decode(method, answer.get())?;
        let script = (added.identifier.clone(), source.to_owned());
        self.lock().scripts.push(script);
        Ok(added.identifier)
    }

    /// Does not run it any more.
    ///
    /// # Errors
    /// Where there is no such script.
    pub async fn remove_script_on_new_document(&self, identifier: &str) -> Result<(), RemoveScriptError> {
        let removed = {
            let mut state = self.lock();
            let known = state.scripts.len();
            state.scripts.retain(|(id, _)| id != identifier);
            state.scripts.len() < known
        };
        if !removed {
            return Err(RemoveScriptError::Unknown(identifier.to_owned()));
        }
        let method = "Page.removeScriptToEvaluateOnNewDocument";
        send(self.session(), method, json!({ "identifier": identifier })).await?;
        Ok(())
    }

    /// Gives a frame in a process of its own the scripts that its page has.
    pub(super) fn add_scripts_to(&self, session: &Session) {
        let scripts: Vec<String> = self
            .lock()
            .scripts
            .iter()
            .map(|(_, source)| source.clone())
            .collect();
        for source in scripts {
            let params = json!({ "source": source });
            session.call(
                "Page.addScriptToEvaluateOnNewDocument",
                params,
                Deadline::Protocol,
                |_| {},
            );
        }
    }
}
