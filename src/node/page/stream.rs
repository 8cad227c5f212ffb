//! Chrome's streams as `ReadableStream`s.

use crate::node::js::{JsRef, Scope, Thrown, Value};
use crate::page::{Piece, Stream};

use super::promise;

/// A `ReadableStream` that asks Chrome for a piece whenever its reader asks for one.
pub(super) fn readable(scope: Scope<'_>, stream: Stream) -> Result<Value<'_>, Thrown> {
    let source = scope.object();
    let pulled = stream.clone();
    let pull = scope.function("pull", move |scope, call| {
        let Some(controller) = JsRef::new(call.argument(0)) else {
            return Ok(scope.undefined());
        };
        let stream = pulled.clone();
        let reading = async move { stream.read().await };
        promise::start(scope, reading, move |scope, Piece { bytes, is_last }| {
            let controller = controller.get(scope);
            controller.call_method("enqueue", &[scope.buffer(bytes)])?;
            if is_last {
                controller.call_method("close", &[])?;
            }
            Ok(scope.undefined())
        })
    });
    let cancel = scope.function("cancel", move |scope, _| {
        stream.close();
        Ok(scope.undefined())
    });
    source.set("pull", pull);
    source.set("cancel", cancel);
    scope.global().get("ReadableStream")?.construct(&[source])
}
