//! `screenshot` of a page and of an element.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::node::js::{Call, Scope, Thrown, Value};
use crate::page::{Clip, Page, ScreenshotError, ScreenshotOptions, Turn};

use super::handle::Handle;
use super::{options, promise};

/// What a caller asks for.
struct Wanted {
    options: ScreenshotOptions,
    path: Option<String>,
    as_base64: bool,
}

/// What `screenshot` resolves with.
enum Picture {
    Bytes(Vec<u8>),
    Base64(String),
}

fn read(scope: Scope<'_>, given: Value<'_>) -> Result<Wanted, Thrown> {
    check(scope, given)?;
    let path = options::string(given, "path")?;
    let in_path = path
        .as_deref()
        .and_then(|path| match path.rsplit('.').next()?.to_lowercase().as_str() {
            "jpeg" | "jpg" => Some("jpeg"),
            "webp" => Some("webp"),
            "png" => Some("png"),
            _ => None,
        });
    let format = match options::string(given, "type")? {
        Some(format) => format,
        None => in_path.unwrap_or("png").to_owned(),
    };
    let options = ScreenshotOptions {
        format,
        quality: options::number(given, "quality")?.map(|quality| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is clamped"
            )]
            let quality = quality.clamp(0.0, 100.0).round() as u32;
            quality
        }),
        full_page: options::flag(given, "fullPage")?,
        clip: clip(given)?,
        omit_background: options::flag(given, "omitBackground")?,
        capture_beyond_viewport: options::get(given, "captureBeyondViewport")?.map(Value::is_truthy),
        from_surface: options::get(given, "fromSurface")?.map(Value::is_truthy),
        optimize_for_speed: options::flag(given, "optimizeForSpeed")?,
    };
    Ok(Wanted {
        options,
        path,
        as_base64: options::string(given, "encoding")?.as_deref() == Some("base64"),
    })
}

impl Wanted {
    async fn take(self, page: &Page, turn: Turn<'_>) -> Result<Picture, ScreenshotError> {
        let data = page.screenshot_base64(&self.options).await;
        drop(turn);
        let data = data?;
        if self.as_base64 && self.path.is_none() {
            return Ok(Picture::Base64(data));
        }
        let bytes = BASE64.decode(&data).map_err(|_| ScreenshotError::Encoding)?;
        if let Some(path) = self.path {
            tokio::fs::write(path, &bytes)
                .await
                .map_err(ScreenshotError::Write)?;
        }
        Ok(if self.as_base64 {
            Picture::Base64(data)
        } else {
            Picture::Bytes(bytes)
        })
    }
}

fn show(scope: Scope<'_>, picture: Picture) -> Value<'_> {
    match picture {
        Picture::Bytes(bytes) => scope.buffer(bytes),
        Picture::Base64(text) => scope.string_from_latin1(text.into_bytes()),
    }
}

/// `page.screenshot(options)`
pub(super) fn of_page<'s>(scope: Scope<'s>, page: &Page, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let wanted = read(scope, call.argument(0))?;
    let page = page.clone();
    promise::start(
        scope,
        async move {
            let work = async {
                let turn = page.picture_turn().await;
                wanted.take(&page, turn).await
            };
            page.picture_in_time(work).await
        },
        |scope, picture| Ok(show(scope, picture)),
    )
}

/// `element.screenshot(options)`
pub(super) fn of_element<'s>(
    scope: Scope<'s>,
    handle: &Handle,
    call: &Call<'s>,
) -> Result<Value<'s>, Thrown> {
    let given = call.argument(0);
    let mut wanted = read(scope, given)?;
    let scroll = options::get(given, "scrollIntoView")?.is_none_or(Value::is_truthy);
    handle.live_argument(scope)?;
    let (frame, object) = (handle.frame(scope)?.clone(), handle.object.clone());
    let taking = async move {
        let work = async {
            let turn = frame.page().picture_turn().await;
            let clip = frame.clip_of(&object, scroll, wanted.options.clip).await?;
            wanted.options.clip = Some(clip);
            wanted.take(frame.page(), turn).await
        };
        frame.page().picture_in_time(work).await
    };
    promise::start(scope, taking, |scope, picture| Ok(show(scope, picture)))
}

/// puppeteer's rules, in its words.
fn check(scope: Scope<'_>, given: Value<'_>) -> Result<(), Thrown> {
    let refuse = |message: &str| Err(Thrown::refused(scope, message));
    if let Some(quality) = options::number(given, "quality")? {
        if !(0.0..=100.0).contains(&quality) {
            return refuse(&format!(
                "Expected 'quality' ({quality}) to be between 0 and 100, inclusive."
            ));
        }
        let format = options::string(given, "type")?.unwrap_or_else(|| "png".to_owned());
        if format == "png" && options::get(given, "path")?.is_none() {
            return refuse("png screenshots do not support 'quality'.");
        }
    }
    if let Some(clip) = clip(given)? {
        if options::flag(given, "fullPage")? {
            return refuse("'clip' and 'fullPage' are mutually exclusive");
        }
        if clip.width <= 0.0 {
            return refuse("'width' in 'clip' must be positive.");
        }
        if clip.height <= 0.0 {
            return refuse("'height' in 'clip' must be positive.");
        }
    }
    Ok(())
}

fn clip(given: Value<'_>) -> Result<Option<Clip>, Thrown> {
    let Some(clip) = options::get(given, "clip")? else {
        return Ok(None);
    };
    let side = |name| options::number(clip, name).map(Option::unwrap_or_default);
    Ok(Some(Clip {
        x: side("x")?,
        y: side("y")?,
        width: side("width")?,
        height: side("height")?,
        scale: options::number(clip, "scale")?.unwrap_or(1.0),
    }))
}
