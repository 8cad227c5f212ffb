//! Pictures of a page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cdp::CallError;

use super::page::{Page, send};

/// What a picture is to be.
#[derive(Clone, Debug)]
pub struct ScreenshotOptions {
    /// `png`, `jpeg` or `webp`.
    pub format: String,
    /// 0 to 100; not for `png`.
    pub quality: Option<u32>,
    /// The whole document instead of what can be seen.
    pub full_page: bool,
    /// A part of it.
    pub clip: Option<Clip>,
    /// Without the white background that pages have by default.
    pub omit_background: bool,
    /// Whether the picture may reach beyond the viewport. Default: with a clip.
    pub capture_beyond_viewport: Option<bool>,
    /// Whether the picture is taken from the surface rather than the view.
    pub from_surface: Option<bool>,
    /// Whether speed matters more than size.
    pub optimize_for_speed: bool,
}

impl Default for ScreenshotOptions {
    fn default() -> Self {
        Self {
            format: "png".to_owned(),
            quality: None,
            full_page: false,
            clip: None,
            omit_background: false,
            capture_beyond_viewport: None,
            from_surface: None,
            optimize_for_speed: false,
        }
    }
}

/// A rectangle in CSS pixels of the document.
#[derive(Clone, Copy, PartialEq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Clip {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    pub scale: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    css_content_size: Size,
}

#[derive(Deserialize)]
struct Size {
    width: f64,
    height: f64,
}

#[derive(Deserialize)]
struct Captured {
    data: String,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum ScreenshotError {
    /// It is not the base64 that it should be.
    #[error("the picture is not valid base64")]
    Encoding,
    /// The file could not be written.
    #[error("the picture cannot be written")]
    Write(#[source] std::io::Error),
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Page {
    /// Takes a picture; gives it back as base64.
    ///
    /// # Errors
    /// As any command.
    pub async fn screenshot_base64(&self, options: &ScreenshotOptions) -> Result<String, CallError> {
        let session = self.session();
        let mut clip = options.clip;
        let mut beyond = options.capture_beyond_viewport.unwrap_or(clip.is_some());
        if options.full_page && clip.is_none() {
            let method = "Page.getLayoutMetrics";
            let answer = send(session, method, json!({})).await?;
            let metrics: Metrics = decode(method, answer.get())?;
            clip = Some(Clip {
                x: 0.0,
                y: 0.0,
                width: metrics.css_content_size.width.ceil(),
                height: metrics.css_content_size.height.ceil(),
                scale: 1.0,
            });
            beyond = options.capture_beyond_viewport.unwrap_or(true);
        }
        let mut params = json!({
            "format": options.format, "captureBeyondViewport": beyond,
            "optimizeForSpeed": options.optimize_for_speed,
        });
        if let Some(quality) = options.quality {
            params["quality"] = quality.into();
        }
        if let Some(from_surface) = options.from_surface {
            params["fromSurface"] = from_surface.into();
        }
        if let Some(clip) = clip {
            params["clip"] = json!({ "x": clip.x, "y": clip.y, "width": clip.width, "height": clip.height,
                "scale": clip.scale });
        }
        // Sent together: the background is back before anybody sees it gone.
        let transparent = options.omit_background && options.format != "jpeg";
        let background = |params: Value| send(session, "Emulation.setDefaultBackgroundColorOverride", params);
        let cleared = transparent.then(|| background(json!({ "color": { "r": 0, "g": 0, "b": 0, "a": 0 } })));
        let method = "Page.captureScreenshot";
        let captured = send(session, method, params).await;
        if let Some(cleared) = cleared {
            let restored = background(json!({}));
            cleared.await?;
            restored.await?;
        }
        decode::<Captured>(method, captured?.get()).map(|captured| captured.data)
    }

    /// Takes a picture.
    ///
    /// # Errors
    /// As any command.
    pub async fn screenshot(&self, options: &ScreenshotOptions) -> Result<Vec<u8>, ScreenshotError> {
        let data = self.screenshot_base64(options).await?;
        BASE64.decode(data).map_err(|_| ScreenshotError::Encoding)
    }
}

fn decode<T: serde::de::DeserializeOwned>(method: &'static str, answer: &str) -> Result<T, CallError> {
    serde_json::from_str(answer).map_err(|source| CallError::Decode {
        method: method.into(),
        source,
    })
}
