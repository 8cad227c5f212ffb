//! Windows: their place and size.

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::cdp::CallError;

use super::browser::Browser;
use super::decode::decode;
use super::page::{Page, send};

impl Browser {
    /// Where the window is and how large, as Chrome's JSON.
    ///
    /// # Errors
    /// Where there is no such window, and as any command.
    pub async fn window_bounds(&self, window: i64) -> Result<Box<RawValue>, CallError> {
        #[derive(Deserialize)]
        struct Answer {
            bounds: Box<RawValue>,
        }
        let method = "Browser.getWindowBounds";
        let answer = send(self.session(), method, json!({ "windowId": window })).await?;
        Ok(decode::<Answer>(method, answer.get())?.bounds)
    }

    /// Moves the window, or changes its size or state.
    ///
    /// # Errors
    /// Where there is no such window, and as any command.
    pub async fn set_window_bounds(&self, window: i64, bounds: serde_json::Value) -> Result<(), CallError> {
        let params = json!({ "windowId": window, "bounds": bounds });
        let method = "Browser.setWindowBounds";
        send(self.session(), method, params).await.map(drop)
    }
}

impl Page {
    /// The window it is in.
    ///
    /// # Errors
    /// As any command.
    pub async fn window_id(&self) -> Result<i64, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            window_id: i64,
        }
        let method = "Browser.getWindowForTarget";
        let answer = send(self.session(), method, json!({})).await?;
        Ok(decode::<Answer>(method, answer.get())?.window_id)
    }

    /// Whether the developer tools are open on it.
    ///
    /// # Errors
    /// As any command.
    pub async fn has_dev_tools(&self) -> Result<bool, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            target_id: Option<String>,
        }
        let method = "Target.getDevToolsTarget";
        let target = json!({ "targetId": self.target_id() });
        let answer = send(self.browser().session(), method, target).await?;
        Ok(decode::<Answer>(method, answer.get())?.target_id.is_some())
    }

    /// Changes the size of its window so that its content has this one, in pixels of the screen.
    ///
    /// # Errors
    /// As any command.
    pub async fn resize(&self, width: f64, height: f64) -> Result<(), CallError> {
        let window = self.window_id().await?;
        let params = json!({ "windowId": window, "width": pixels(width), "height": pixels(height) });
        let method = "Browser.setContentsSize";
        send(self.session(), method, params).await.map(drop)
    }
}

/// As Chrome takes it: a whole number where it is one.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn pixels(length: f64) -> serde_json::Value {
    if length.fract() == 0.0 && length.abs() < f64::from(i32::MAX) {
        json!(length as i64)
    } else {
        json!(length)
    }
}
