//! The page's classes as such, for whoever looks at what they can do without an object of each.

use napi::Env;
use napi_derive::napi;

use crate::node::js::class::{Class, constructor};
use crate::node::js::{Scope, Thrown, Value};

use super::accessibility::Accessibility;
use super::browser::BrowserClass;
use super::connection::ConnectionClass;
use super::console::ConsoleMessageClass;
use super::context::ContextClass;
use super::coverage::CoverageClass;
use super::device_prompt::DeviceRequestPrompt;
use super::dialog::DialogClass;
use super::element::ElementHandle;
use super::file_chooser::FileChooserClass;
use super::frame::FrameClass;
use super::handle::JsHandle;
use super::http::{RequestClass, ResponseClass, SecurityDetails};
use super::input::{Keyboard, Mouse, TouchHandle, Touchscreen};
use super::page::PageClass;
use super::session::CdpSession;
use super::target::TargetClass;
use super::tracing::Tracing;
use super::web_worker::WebWorkerClass;

/// The constructors by name; `new` throws.
#[napi(js_name = "__pageClasses", catch_unwind, skip_typescript)]
pub fn page_classes(env: &Env) -> napi::Result<Value<'_>> {
    let scope = Scope::of(env);
    all(scope).map_err(|thrown| thrown.into_napi(scope))
}

fn all(scope: Scope<'_>) -> Result<Value<'_>, Thrown> {
    let classes = scope.object();
    macro_rules! add {
        ($($class:ty),* $(,)?) => {
            $(classes.set(<$class as Class>::NAME, constructor::<$class>(scope)?);)*
        };
    }
    add!(
        Accessibility,
        BrowserClass,
        CdpSession,
        ConnectionClass,
        ConsoleMessageClass,
        ContextClass,
        CoverageClass,
        DeviceRequestPrompt,
        DialogClass,
        ElementHandle,
        FileChooserClass,
        FrameClass,
        JsHandle,
        Keyboard,
        Mouse,
        PageClass,
        RequestClass,
        ResponseClass,
        SecurityDetails,
        TargetClass,
        TouchHandle,
        Touchscreen,
        Tracing,
        WebWorkerClass,
    );
    Ok(classes)
}
