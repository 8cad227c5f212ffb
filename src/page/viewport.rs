//! The size of the page as it sees it.

use serde_json::json;
use serde_json::value::RawValue;

use crate::cdp::{Call, Session};

use super::page::send;

/// What a page takes for its screen.
#[derive(Clone, Copy, PartialEq, Debug)]
#[expect(missing_docs, reason = "the names are puppeteer's and say it")]
pub struct Viewport {
    pub width: u32,
    pub height: u32,
    pub device_scale_factor: f64,
    pub is_mobile: bool,
    pub is_landscape: bool,
    pub has_touch: bool,
}

impl Default for Viewport {
    fn default() -> Self {
        Self {
            width: 800,
            height: 600,
            device_scale_factor: 1.0,
            is_mobile: false,
            is_landscape: false,
            has_touch: false,
        }
    }
}

impl Viewport {
    /// Sends the commands that make it so.
    pub(super) fn apply(&self, session: &Session) -> Vec<Call<Box<RawValue>>> {
        let orientation = if self.is_landscape {
            json!({ "angle": 90, "type": "landscapePrimary" })
        } else {
            json!({ "angle": 0, "type": "portraitPrimary" })
        };
        let metrics = json!({
            "mobile": self.is_mobile, "width": self.width, "height": self.height,
            "deviceScaleFactor": self.device_scale_factor, "screenOrientation": orientation,
        });
        let mut calls = vec![send(session, "Emulation.setDeviceMetricsOverride", metrics)];
        if self.has_touch {
            let touch = json!({ "enabled": true });
            calls.push(send(session, "Emulation.setTouchEmulationEnabled", touch));
        }
        calls
    }
}
