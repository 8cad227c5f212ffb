//! `locator` and `asLocator`: composed of public methods alone, so that they are JavaScript, in `locator.js`.

use crate::node::js::{Call, Scope, Thrown, Value};
use crate::node::loader::definition;

/// `page.locator(target)`, `frame.locator(target)`
pub(super) fn locate<'s>(scope: Scope<'s>, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    definition(scope, "locate").call(scope.undefined(), &[call.this, call.argument(0)])
}

/// `handle.asLocator()`
pub(super) fn locate_handle<'s>(scope: Scope<'s>, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    definition(scope, "locateHandle").call(scope.undefined(), &[call.this])
}
