//! The puppeteer-shaped page for Chrome, without N-API.
//!
//! [`Browser`] takes hold of every page of a running Chrome as it appears; a [`Page`] follows its frames, contexts
//! and requests from Chrome's events, which arrive on the connection's reader in order; a [`Frame`] runs code.
//! `src/node/page` makes the JavaScript classes of it and only converts.
//!
//! **To add a method**: one file per area (`navigation`, `wait`, `screenshot`, ...), with an `impl Page` or
//! `impl Frame` in it. Make it an `async fn` that *sends before its first await* (`page::send` and
//! `Session::call` send at once): the JavaScript side polls it once on the JavaScript thread, so that commands go
//! out in the order of the calls. Its error is an enum with puppeteer's messages (`error`), converted in
//! `src/node/page/error.rs`. State that Chrome's events change lives in `page::State`, behind one mutex that is
//! never held across an await or a callback. A new event is an `EventKind` and an `Event`; a protocol domain that
//! only it needs is enabled in [`Page::listen`]. Then the method goes into the table of its class in
//! `src/node/page/`, into `page.d.ts` and into `docs/page-api.md`.

mod accessibility;
mod browser;
mod clipboard;
mod commands;
mod console;
mod context;
mod cookies;
mod coverage;
mod decode;
mod device_prompt;
mod dialog;
mod drag;
mod element;
mod emulation;
mod error;
mod evaluate;
mod events;
mod exception;
mod existing;
mod expose;
mod file_chooser;
mod follow;
mod frame;
mod frame_tree;
mod heap;
mod input;
mod intercept;
mod issue;
mod keyboard;
mod lifecycle;
mod metrics;
mod mouse;
mod navigation;
mod network;
mod owner;
#[expect(clippy::module_inception, reason = "the page is what the module is about")]
mod page;
mod pdf;
mod query;
mod request;
mod response;
mod screenshot;
mod scripts;
mod selector;
mod stream;
mod target;
mod temporary;
#[cfg(test)]
mod tests;
mod text;
mod touch;
mod tracing;
mod value;
mod viewport;
mod wait;
mod web_worker;
mod window;

pub use accessibility::{AxNode, Snapshot, SnapshotOptions};
pub(crate) use browser::PopupHandler;
pub use browser::{Browser, PageDefaults};
pub use console::ConsoleMessage;
pub(crate) use context::Opened;
pub use context::{BrowserContext, ContextOptions, Downloads, PermissionError};
pub use cookies::{Cookie, CookieError};
pub use coverage::{Coverage, CoverageEntry, CoverageError, JsCoverageOptions};
pub use device_prompt::{Device, DevicePrompt};
pub use dialog::Dialog;
pub use drag::{DragData, DragError, DragStep, DragTarget};
pub use element::{BoxModel, ElementError, Point, Rectangle};
pub use emulation::{EmulationError, NetworkConditions, UserAgent};
pub use error::{EvaluateError, NavigationError, SelectorError, WaitError};
pub use evaluate::{Code, release, released};
pub use events::{Event, EventKind, Subscription};
pub use exception::{CodePlace, Exception, Rethrown, StackFrame};
pub use expose::{BindingCall, ExposeError};
pub use file_chooser::{FileChooser, FileChooserError};
pub use frame::Frame;
pub use frame_tree::FrameId;
pub use heap::HeapSnapshotError;
pub use input::{ClickOptions, InputError};
pub use intercept::{Credentials, InterceptError, Overrides, Reply};
pub use issue::Issue;
pub use lifecycle::Milestone;
pub use metrics::{Mark, Metrics};
pub use mouse::MouseButton;
pub use navigation::NavigationOptions;
pub(crate) use navigation::refusal;
pub use owner::Owner;
pub use page::{Page, WeakPage};
pub use pdf::{PdfError, PdfOptions};
pub use request::{Headers, Request};
pub use response::{BodyError, Response};
pub use screenshot::{Clip, ScreenshotError, ScreenshotOptions, Turn};
pub use scripts::RemoveScriptError;
pub use selector::{QueryHandlers, Selector};
pub use stream::{Piece, Stream, StreamError};
pub use target::{Target, TargetEvent};
pub use text::Text;
pub use touch::Touch;
pub use tracing::{DEFAULT_CATEGORIES, TracingError};
pub use value::{Argument, RemoteObject, RemoteValue};
pub use viewport::Viewport;
pub use wait::{Polling, WaitOptions, Wanted};
pub use web_worker::WebWorker;
