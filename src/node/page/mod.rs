//! Puppeteer's classes over `crate::page`: conversions only.
//!
//! Each class is a table of methods in the file of its name. A method that returns a promise hands a future to
//! [`promise::start`], which polls it once at once (so that its first commands are sent in the order of the
//! calls) and the rest of the time on the connection's thread; what it ends in is converted on this thread.

mod abort;
mod accessibility;
mod arguments;
mod browser;
mod classes;
mod connection;
mod console;
mod context;
mod cookies;
mod coverage;
mod device_prompt;
mod dialog;
mod element;
mod emitter;
mod emulation;
mod error;
mod events;
mod expose;
mod file_chooser;
mod frame;
mod handle;
mod http;
mod identity;
mod input;
mod intercept;
mod locator;
mod navigation;
mod options;
#[expect(
    clippy::module_inception,
    reason = "the class is what the module is named for"
)]
mod page;
mod pdf;
mod process;
mod promise;
mod query_handlers;
mod rejections;
mod screenshot;
mod session;
mod stream;
mod tag;
mod target;
mod tracing;
mod value;
mod wait;
mod wait_for_event;
mod web_worker;

pub(crate) use arguments::{compiles, source as function_source};
pub(crate) use browser::wrap as wrap_browser;
pub(in crate::node) use emulation::viewport as read_viewport;
pub(in crate::node) use error::Rejection;
pub(in crate::node) use options::keys;
pub(crate) use page::wrap;
pub(in crate::node) use promise::start_with;
