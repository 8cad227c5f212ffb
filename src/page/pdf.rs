//! A page on paper.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cdp::{CallError, Deadline};

use super::decode::decode;
use super::error::EvaluateError;
use super::evaluate::Code;
use super::page::{Page, send};
use super::stream::Stream;

/// A length: a number of pixels, or text with a unit.
#[derive(Clone, Deserialize, Debug)]
#[serde(untagged)]
enum Length {
    Pixels(f64),
    Text(String),
}

impl Length {
    fn inches(&self) -> Result<f64, PdfError> {
        const PIXELS_AN_INCH: f64 = 96.0;
        let pixels = match self {
            Self::Pixels(pixels) => *pixels,
            Self::Text(text) => {
                let split = text.len().saturating_sub(2);
                let unit = text.get(split..).unwrap_or_default().to_lowercase();
                let (number, factor) = match unit.as_str() {
                    "px" => (text.get(..split), 1.0),
                    "in" => (text.get(..split), PIXELS_AN_INCH),
                    "cm" => (text.get(..split), 37.8),
                    "mm" => (text.get(..split), 3.78),
                    _ => (Some(text.as_str()), 1.0),
                };
                let number: Option<f64> = number.and_then(|number| number.trim().parse().ok());
                number.ok_or_else(|| PdfError::Length(text.clone()))? * factor
            }
        };
        Ok(pixels / PIXELS_AN_INCH)
    }
}

#[derive(Clone, Deserialize, Default, Debug)]
#[serde(default)]
struct Margins {
    top: Option<Length>,
    bottom: Option<Length>,
    left: Option<Length>,
    right: Option<Length>,
}

/// puppeteer's options of `pdf`.
#[derive(Clone, Deserialize, Debug)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "they are puppeteer's")]
pub struct PdfOptions {
    scale: f64,
    display_header_footer: bool,
    header_template: String,
    footer_template: String,
    print_background: bool,
    landscape: bool,
    page_ranges: String,
    format: Option<String>,
    width: Option<Length>,
    height: Option<Length>,
    #[serde(rename = "preferCSSPageSize")]
    prefer_css_page_size: bool,
    margin: Margins,
    omit_background: bool,
    tagged: bool,
    outline: bool,
    wait_for_fonts: bool,
    /// In milliseconds, 0 for none. Default: the page's.
    timeout: Option<f64>,
}

impl Default for PdfOptions {
    fn default() -> Self {
        Self {
            scale: 1.0,
            display_header_footer: false,
            header_template: String::new(),
            footer_template: String::new(),
            print_background: false,
            landscape: false,
            page_ranges: String::new(),
            format: None,
            width: None,
            height: None,
            prefer_css_page_size: false,
            margin: Margins::default(),
            omit_background: false,
            tagged: true,
            outline: false,
            wait_for_fonts: true,
            timeout: None,
        }
    }
}

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// No paper is called that.
    #[error("Unknown paper format: {0}")]
    Format(String),
    /// It is no length.
    #[error("Failed to parse parameter value: {0}")]
    Length(String),
    /// It is not the base64 that it should be.
    #[error("the PDF is not valid base64")]
    Encoding,
    /// It took too long.
    #[error("Timed out after waiting {0}ms")]
    TimedOut(u128),
    /// It could not be written to its file.
    #[error("the PDF could not be written")]
    Write(#[source] std::io::Error),
    /// The fonts could not be waited for.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Width and height of a paper, in inches.
fn paper(name: &str) -> Option<(f64, f64)> {
    Some(match name.to_lowercase().as_str() {
        "letter" => (8.5, 11.0),
        "legal" => (8.5, 14.0),
        "tabloid" => (11.0, 17.0),
        "ledger" => (17.0, 11.0),
        "a0" => (33.1102, 46.811),
        "a1" => (23.3858, 33.1102),
        "a2" => (16.5354, 23.3858),
        "a3" => (11.6929, 16.5354),
        "a4" => (8.2677, 11.6929),
        "a5" => (5.8268, 8.2677),
        "a6" => (4.1339, 5.8268),
        _ => return None,
    })
}

#[derive(Deserialize)]
struct Printed {
    #[serde(default)]
    data: String,
    stream: Option<String>,
}

impl PdfOptions {
    fn params(&self) -> Result<Value, PdfError> {
        let (width, height) = match &self.format {
            Some(name) => paper(name).ok_or_else(|| PdfError::Format(name.clone()))?,
            None => (
                self.width.as_ref().map_or(Ok(8.5), Length::inches)?,
                self.height.as_ref().map_or(Ok(11.0), Length::inches)?,
            ),
        };
        let margin = |length: &Option<Length>| length.as_ref().map_or(Ok(0.0), Length::inches);
        Ok(json!({
            "landscape": self.landscape, "displayHeaderFooter": self.display_header_footer,
            "headerTemplate": self.header_template, "footerTemplate": self.footer_template,
            "printBackground": self.print_background, "scale": self.scale,
            "paperWidth": width, "paperHeight": height,
            "marginTop": margin(&self.margin.top)?, "marginBottom": margin(&self.margin.bottom)?,
            "marginLeft": margin(&self.margin.left)?, "marginRight": margin(&self.margin.right)?,
            "pageRanges": self.page_ranges, "preferCSSPageSize": self.prefer_css_page_size,
            // An outline is made of tags.
            "generateTaggedPDF": self.tagged || self.outline, "generateDocumentOutline": self.outline,
        }))
    }
}

impl Page {
    /// Prints the page.
    ///
    /// # Errors
    /// Where an option means nothing, and as any command.
    pub async fn pdf(&self, options: &PdfOptions) -> Result<Vec<u8>, PdfError> {
        let printed = self.print(options, options.params()?).await?;
        BASE64.decode(printed.data).map_err(|_| PdfError::Encoding)
    }

    /// Prints the page, for whoever reads it piece by piece.
    ///
    /// # Errors
    /// As for `pdf`.
    pub async fn pdf_stream(&self, options: &PdfOptions) -> Result<Stream, PdfError> {
        let mut params = options.params()?;
        params["transferMode"] = "ReturnAsStream".into();
        let printed = self.print(options, params).await?;
        let handle = printed.stream.ok_or(PdfError::Encoding)?;
        Ok(Stream::new(self.session(), handle))
    }

    async fn print(&self, options: &PdfOptions, params: Value) -> Result<Printed, PdfError> {
        let limit = match options.timeout {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "such casts saturate"
            )]
            Some(millis) => millis as u64,
            None => self.default_timeout(),
        };
        let limit = Some(limit)
            .filter(|millis| *millis > 0)
            .map(Duration::from_millis);
        if options.wait_for_fonts {
            let fonts = Code::call("async () => { await document.fonts.ready; }", []);
            let ready = self.main_frame();
            let ready = ready.evaluate(fonts);
            match limit {
                Some(limit) => tokio::time::timeout(limit, ready)
                    .await
                    .map_err(|_| PdfError::TimedOut(limit.as_millis()))??,
                None => ready.await?,
            };
        }
        let background = |params: Value| {
            send(
                self.session(),
                "Emulation.setDefaultBackgroundColorOverride",
                params,
            )
        };
        let cleared = options
            .omit_background
            .then(|| background(json!({ "color": { "r": 0, "g": 0, "b": 0, "a": 0 } })));
        let method = "Page.printToPDF";
        let printing = self.session().send_raw(method, params, Deadline::Protocol);
        let printed = match limit {
            Some(limit) => tokio::time::timeout(limit, printing)
                .await
                .map_err(|_| PdfError::TimedOut(limit.as_millis())),
            None => Ok(printing.await),
        };
        if let Some(cleared) = cleared {
            let restored = background(json!({}));
            cleared.await?;
            restored.await?;
        }
        Ok(decode(method, printed??.get())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(json: &str) -> Result<Value, PdfError> {
        serde_json::from_str::<PdfOptions>(json).unwrap().params()
    }

    #[test]
    fn lengths_have_units() {
        let params = params(r#"{"width":"2in","height":96,"margin":{"top":"10mm","left":"96px"}}"#).unwrap();
        assert_eq!(params["paperWidth"], 2.0);
        assert_eq!(params["paperHeight"], 1.0);
        assert_eq!(params["marginLeft"], 1.0);
        assert!(
            (params["marginTop"].as_f64().unwrap() - 0.393_75).abs() < 1e-9,
            "{params}"
        );
    }

    #[test]
    fn a_format_goes_before_width_and_height() {
        let params = params(r#"{"format":"A4","width":5}"#).unwrap();
        assert_eq!(params["paperWidth"], 8.2677);
    }

    #[test]
    fn what_is_no_length_is_refused() {
        let error = params(r#"{"width":"10parsec"}"#).unwrap_err();
        assert_eq!(error.to_string(), "Failed to parse parameter value: 10parsec");
    }
}
