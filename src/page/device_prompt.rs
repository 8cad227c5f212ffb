//! Prompts for a device: what `navigator.bluetooth.requestDevice()` and the like ask their user.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::cdp::{CallError, Session};

use super::decode::decode_event;
use super::events::Event;
use super::page::{Page, send};

/// A prompt, and the devices that it offers so far. Chrome tells it again for each that it finds.
#[derive(Deserialize)]
pub struct DevicePrompt {
    /// Chrome's id of the prompt.
    pub id: String,
    /// In the order in which they were found.
    pub devices: Vec<Device>,
}

/// A device that can be chosen.
#[derive(Deserialize)]
pub struct Device {
    /// Chrome's id of the device, within its prompt.
    pub id: String,
    /// As its user is told.
    pub name: String,
}

impl Page {
    /// Has Chrome ask here for devices, and nobody else.
    pub(super) fn follow_device_prompts(&self) {
        let known = self.0.device_prompts.swap(true, Ordering::AcqRel);
        if !known {
            let prompted = [("DeviceAccess.deviceRequestPrompted", Self::on_device_prompt as _)];
            self.listen_to(self.session(), &prompted);
        }
        // Ends with its answer.
        drop(send(self.session(), "DeviceAccess.enable", json!({})));
    }

    fn on_device_prompt(&self, _: &Session, params: &RawValue) {
        if let Some(prompt) = decode_event::<DevicePrompt>(params) {
            self.emit(&Event::DevicePrompt(Arc::new(prompt)));
        }
    }

    /// Chooses a device for whoever asked.
    ///
    /// # Errors
    /// As any command.
    pub async fn select_device(&self, prompt: &str, device: &str) -> Result<(), CallError> {
        let params = json!({ "id": prompt, "deviceId": device });
        send(self.session(), "DeviceAccess.selectPrompt", params)
            .await
            .map(drop)
    }

    /// Chooses none.
    ///
    /// # Errors
    /// As any command.
    pub async fn cancel_device_prompt(&self, prompt: &str) -> Result<(), CallError> {
        let params = json!({ "id": prompt });
        send(self.session(), "DeviceAccess.cancelPrompt", params)
            .await
            .map(drop)
    }
}
