//! Scripts that run before any other in each document.

use serde::Deserialize;
use serde_json::json;

use crate::cdp::CallError;

use super::page::{Page, send};

#[derive(Deserialize)]
struct Added {
    identifier: String,
}

impl Page {
    /// Runs the source in each new document; gives back a name by which it can be removed.
    ///
    /// # Errors
    /// As any command.
    pub async fn evaluate_on_new_document(&self, source: &str) -> Result<String, CallError> {
        let method = "Page.addScriptToEvaluateOnNewDocument";
        let answer = send(self.session(), method, json!({ "source": source })).await?;
        let added: Added = serde_json::from_str(answer.get()).map_err(|source| CallError::Decode {
            method: method.into(),
            source,
        })?;
        Ok(added.identifier)
    }

    /// Does not run it any more.
    ///
    /// # Errors
    /// Where there is no such script.
    pub async fn remove_script_on_new_document(&self, identifier: &str) -> Result<(), CallError> {
        let method = "Page.removeScriptToEvaluateOnNewDocument";
        send(self.session(), method, json!({ "identifier": identifier }))
            .await
            .map(drop)
    }
}
