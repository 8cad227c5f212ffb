//! `Dialog`

use std::rc::Rc;
use std::sync::Arc;

use crate::node::js::class::{self, Class, Method};
use crate::node::js::{Scope, Thrown, Value};
use crate::page::Dialog;

use super::promise;

pub(super) fn wrap<'s>(scope: Scope<'s>, dialog: &Arc<Dialog>) -> Result<Value<'s>, Thrown> {
    class::instantiate::<DialogClass>(scope, Rc::new(Arc::clone(dialog)))
}

pub(super) struct DialogClass;

impl Class for DialogClass {
    type Data = Arc<Dialog>;
    const NAME: &'static str = "Dialog";
    const METHODS: &'static [Method<Arc<Dialog>>] = &[
        Method::sync("type", |scope, dialog, _| Ok(scope.string(&dialog.kind))),
        Method::sync("message", |scope, dialog, _| Ok(scope.string(&dialog.message))),
        Method::sync("defaultValue", |scope, dialog, _| {
            Ok(scope.string(&dialog.default_value))
        }),
        Method::getter("handled", |scope, dialog, _| {
            Ok(scope.boolean(dialog.is_handled()))
        }),
        Method::promise("accept", |scope, dialog, call| {
            answer(scope, dialog, true, call.argument(0).as_string().as_deref())
        }),
        Method::promise("dismiss", |scope, dialog, _| answer(scope, dialog, false, None)),
    ];
}

fn answer<'s>(
    scope: Scope<'s>,
    dialog: &Dialog,
    accept: bool,
    text: Option<&str>,
) -> Result<Value<'s>, Thrown> {
    if let Some(answering) = dialog.answer(accept, text) {
        return promise::start_void(scope, answering);
    }
    let what = if accept { "accept" } else { "dismiss" };
    let message = format!("Cannot {what} dialog which is already handled!");
    Err(Thrown::refused(scope, &message))
}
