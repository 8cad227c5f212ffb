//! Pictures of a page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::SemaphorePermit;

use crate::cdp::CallError;

use super::decode::decode;
use super::element::ElementError;
use super::error::EvaluateError;
use super::evaluate::Code;
use super::frame::Frame;
use super::page::{Page, send};
use super::value::{RemoteObject, RemoteValue};
use super::viewport::Viewport;

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
    /// Whether the picture may reach beyond the viewport. Default: with a clip, or of the whole document.
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
    /// The page does not tell its size.
    #[error("the page's size is not known")]
    NoSize,
    /// The element has no place on the page.
    #[error(transparent)]
    Element(#[from] ElementError),
    /// The page could not be measured.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Clip {
    /// As what is left of it in whole pixels.
    fn rounded(self) -> Self {
        let (x, y) = (self.x.round(), self.y.round());
        Self {
            x,
            y,
            width: (self.width + self.x - x).round(),
            height: (self.height + self.y - y).round(),
            ..self
        }
    }

    fn within(self, view: Self) -> Self {
        let (x, y) = (self.x.max(view.x), self.y.max(view.y));
        Self {
            x,
            y,
            width: ((self.x + self.width).min(view.x + view.width) - x).max(0.0),
            height: ((self.y + self.height).min(view.y + view.height) - y).max(0.0),
            ..self
        }
    }
}

/// The right to take a picture of a page.
#[must_use = "others take theirs meanwhile"]
pub struct Turn<'a>(#[expect(dead_code, reason = "held for what it is")] Option<SemaphorePermit<'a>>);

impl Page {
    /// Waits until the pictures that were asked for earlier are taken: each may change what the page shows, and where.
    pub async fn picture_turn(&self) -> Turn<'_> {
        // It is never closed.
        Turn(self.0.camera.acquire().await.ok())
    }

    /// Takes a picture; gives it back as base64. Has the turn of nobody: see [`Self::picture_turn`].
    ///
    /// # Errors
    /// As any command.
    pub async fn screenshot_base64(&self, options: &ScreenshotOptions) -> Result<String, ScreenshotError> {
        let beyond = options.capture_beyond_viewport.unwrap_or(true);
        match options.clip {
            Some(clip) => {
                let mut clip = clip.rounded();
                if !beyond {
                    clip = clip.within(self.visible_part().await?);
                }
                self.capture(options, Some(clip), beyond).await
            }
            None if options.full_page && !beyond => self.capture_resized(options).await,
            None => self.capture(options, None, options.full_page).await,
        }
    }

    /// The whole page, in a viewport of its size.
    async fn capture_resized(&self, options: &ScreenshotOptions) -> Result<String, ScreenshotError> {
        const SIZE: &str =
            "() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]";
        let (width, height): (u32, u32) = self.measure(SIZE).await?;
        let before = self.viewport();
        let whole = Viewport {
            width,
            height,
            ..before.unwrap_or_default()
        };
        self.set_viewport(Some(whole)).await?;
        let captured = self.capture(options, None, false).await;
        // A page that is gone has no viewport to give back.
        drop(self.set_viewport(before).await);
        captured
    }

    async fn visible_part(&self) -> Result<Clip, ScreenshotError> {
        const VIEW: &str = "() => [visualViewport.pageLeft, visualViewport.pageTop, visualViewport.width, visualViewport.height]";
        let (x, y, width, height) = self.measure(VIEW).await?;
        Ok(Clip {
            x,
            y,
            width,
            height,
            scale: 1.0,
        })
    }

    async fn measure<T: DeserializeOwned>(&self, code: &str) -> Result<T, ScreenshotError> {
        let value = self.main_frame().evaluate(Code::call(code, [])).await?;
        let RemoteValue::Json(text) = value else {
            return Err(ScreenshotError::NoSize);
        };
        serde_json::from_str(&text.to_string_lossy()).map_err(|_| ScreenshotError::NoSize)
    }

    async fn capture(
        &self,
        options: &ScreenshotOptions,
        clip: Option<Clip>,
        beyond: bool,
    ) -> Result<String, ScreenshotError> {
        let session = self.session();
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
        // Not waited for: Chrome has done it before it takes the picture.
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
        Ok(decode::<Captured>(method, captured?.get()).map(|captured| captured.data)?)
    }

    /// Does the work of a picture, the wait for its turn included, within the time that one call to Chrome may take:
    /// those that queue behind a page that does not answer do not wait for each other's time.
    ///
    /// # Errors
    /// As the work, and where that takes longer.
    pub async fn picture_in_time<T>(
        &self,
        work: impl Future<Output = Result<T, ScreenshotError>>,
    ) -> Result<T, ScreenshotError> {
        let Some(limit) = self.browser().connection().limits().protocol_timeout else {
            return work.await;
        };
        tokio::select! {
            biased;
            outcome = work => outcome,
            // What Chrome is asked ends a little earlier by itself where there was no queue, and its error is better.
            () = tokio::time::sleep(limit + limit / 10) => Err(ScreenshotError::Call(CallError::ProtocolTimedOut {
                method: "Page.captureScreenshot".into(),
            })),
        }
    }

    /// Takes a picture, in turn.
    ///
    /// # Errors
    /// As any command.
    pub async fn screenshot(&self, options: &ScreenshotOptions) -> Result<Vec<u8>, ScreenshotError> {
        let _turn = self.picture_turn().await;
        let data = self.screenshot_base64(options).await?;
        BASE64.decode(data).map_err(|_| ScreenshotError::Encoding)
    }
}

impl Frame {
    /// Where on the page a picture of the element, or of a part of it, is taken; `scroll`: after it was scrolled
    /// into view.
    ///
    /// # Errors
    /// Where it is none, cannot be seen or has no size.
    pub async fn clip_of(
        &self,
        element: &RemoteObject,
        scroll: bool,
        part: Option<Clip>,
    ) -> Result<Clip, ScreenshotError> {
        if scroll {
            self.scroll_into_view(element).await?;
        }
        let place = self
            .bounding_box(element)
            .await?
            .ok_or(ElementError::NotVisible)?;
        if place.width == 0.0 {
            return Err(ElementError::NoWidth.into());
        }
        if place.height == 0.0 {
            return Err(ElementError::NoHeight.into());
        }
        let view = self.page().visible_part().await?;
        let (x, y) = (place.x + view.x, place.y + view.y);
        Ok(match part {
            Some(part) => Clip {
                x: x + part.x,
                y: y + part.y,
                ..part
            },
            None => Clip {
                x,
                y,
                width: place.width,
                height: place.height,
                scale: 1.0,
            },
        })
    }
}
