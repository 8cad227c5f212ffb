//! `JSHandle`: an object that stayed in its page.

use std::cell::Cell;
use std::rc::Rc;

use crate::node::js::class::{self, Class, Method};
use crate::node::js::{Call, ErrorClass, Scope, Thrown, Value};
use crate::page::{self, Argument, Code, Frame, Owner, RemoteObject, RemoteValue};

use super::element::ElementHandle;
use super::promise;
use super::{arguments, frame, value};

/// What a handle carries.
pub(super) struct Handle {
    pub owner: Owner,
    pub object: RemoteObject,
    disposed: Cell<bool>,
    /// `move()` was called: the end of a `using` block leaves the handle alone, once.
    moved: Cell<bool>,
}

impl Handle {
    /// The frame of an element; workers have none.
    pub fn frame(&self, scope: Scope<'_>) -> Result<&Frame, Thrown> {
        match &self.owner {
            Owner::Frame(frame) => Ok(frame),
            Owner::Worker(_) => Err(Thrown::refused(scope, "the object is in no frame")),
        }
    }

    /// The handle as an argument of code that runs in `owner`.
    pub fn as_argument(&self, owner: &Owner) -> Result<Argument, &'static str> {
        if !self.owner.is_same(owner) {
            return Err("JSHandles can be evaluated only in the context they were created!");
        }
        if self.disposed.get() {
            return Err("JSHandle is disposed!");
        }
        Ok(self.argument())
    }

    fn argument(&self) -> Argument {
        self.object.to_argument()
    }

    /// The handle as an argument, unless it was disposed of.
    pub fn live_argument(&self, scope: Scope<'_>) -> Result<Argument, Thrown> {
        if self.disposed.get() {
            return Err(Thrown::refused(scope, "JSHandle is disposed!"));
        }
        Ok(self.argument())
    }

    /// The object, unless the handle was disposed of.
    pub fn live_object(&self, scope: Scope<'_>) -> Result<RemoteObject, Thrown> {
        self.live_argument(scope)?;
        Ok(self.object.clone())
    }

    pub fn is_disposed(&self) -> bool {
        self.disposed.get()
    }

    /// The end of a `using` block.
    fn leave_block(&self) {
        if !self.moved.take() {
            self.dispose();
        }
    }

    fn dispose(&self) {
        if !self.disposed.replace(true)
            && let Some(id) = &self.object.object_id
        {
            page::release(&self.owner.session(), id);
        }
    }
}

/// A handle on the object: an `ElementHandle` for a node.
pub(super) fn wrap<'s>(scope: Scope<'s>, frame: &Frame, object: RemoteObject) -> Result<Value<'s>, Thrown> {
    wrap_in(scope, &frame.into(), object)
}

/// The same for an object of a worker too.
pub(super) fn wrap_in<'s>(
    scope: Scope<'s>,
    owner: &Owner,
    object: RemoteObject,
) -> Result<Value<'s>, Thrown> {
    let is_node = object.is_node();
    let handle = Rc::new(Handle {
        owner: owner.clone(),
        object,
        disposed: Cell::new(false),
        moved: Cell::new(false),
    });
    if is_node {
        class::instantiate::<ElementHandle>(scope, handle)
    } else {
        class::instantiate::<JsHandle>(scope, handle)
    }
}

pub(super) struct JsHandle;

impl Class for JsHandle {
    type Data = Handle;
    const NAME: &'static str = "JSHandle";
    const METHODS: &'static [Method<Handle>] = &[
        Method::promise("evaluate", |scope, handle, call| {
            let code = code(scope, "evaluate", handle, call)?;
            frame::evaluate_code(scope, &handle.owner, code)
        }),
        Method::promise("evaluateHandle", |scope, handle, call| {
            let code = code(scope, "evaluateHandle", handle, call)?;
            frame::evaluate_handle_code(scope, &handle.owner, code)
        }),
        Method::promise("getProperty", |scope, handle, call| {
            let name = arguments::argument(scope, &handle.owner, call.argument(0))?;
            let code = Code::call(
                "(object, name) => object[name]",
                [handle.live_argument(scope)?, name],
            );
            frame::evaluate_handle_code(scope, &handle.owner, code)
        }),
        Method::promise("getProperties", |scope, handle, _| {
            handle.live_argument(scope)?;
            let owner = handle.owner.clone();
            let object = handle.object.object_id.clone();
            let properties = async move {
                match object {
                    Some(id) => owner.properties(&id).await,
                    None => Ok(Vec::new()),
                }
            };
            let owner = handle.owner.clone();
            promise::start(scope, properties, move |scope, properties| {
                let map = scope.global().get("Map")?.construct(&[])?;
                for (name, object) in properties {
                    map.call_method("set", &[scope.string(&name), wrap_in(scope, &owner, object)?])?;
                }
                Ok(map)
            })
        }),
        Method::promise("jsonValue", |scope, handle, _| {
            let argument = handle.live_argument(scope)?;
            if handle.object.object_id.is_none() {
                let value = value::to_js(scope, handle.object.value.clone())?;
                return scope.global().get("Promise")?.call_method("resolve", &[value]);
            }
            let owner = handle.owner.clone();
            let copying = async move { owner.evaluate(Code::call("object => object", [argument])).await };
            promise::start(scope, copying, |scope, copy| {
                if copy == RemoteValue::Undefined {
                    let message = "Could not serialize referenced object";
                    return Err(Thrown::new(scope.error(
                        ErrorClass::Error,
                        message,
                        Some("PROTOCOL_ERROR"),
                    )));
                }
                value::to_js(scope, copy)
            })
        }),
        Method::sync("asElement", |scope, handle, call| {
            Ok(if handle.object.is_node() {
                call.this
            } else {
                scope.null()
            })
        }),
        Method::promise("dispose", |scope, handle, _| {
            handle.dispose();
            scope.global().get("Promise")?.call_method("resolve", &[])
        }),
        Method::sync("move", |_, handle, call| {
            handle.moved.set(true);
            Ok(call.this)
        }),
        Method::sync("@@dispose", |scope, handle, _| {
            handle.leave_block();
            Ok(scope.undefined())
        }),
        Method::promise("@@asyncDispose", |scope, handle, _| {
            handle.leave_block();
            scope.global().get("Promise")?.call_method("resolve", &[])
        }),
        Method::getter("disposed", |scope, handle, _| {
            Ok(scope.boolean(handle.disposed.get()))
        }),
        Method::getter("id", |scope, handle, _| {
            Ok(match &handle.object.object_id {
                Some(id) => scope.string(id),
                None => scope.undefined(),
            })
        }),
        Method::sync("remoteObject", |scope, handle, _| {
            let object = scope.object().set("type", scope.string(&handle.object.kind));
            let optional = [
                ("subtype", &handle.object.subtype),
                ("className", &handle.object.class_name),
                ("description", &handle.object.description),
            ];
            for (name, text) in optional {
                if let Some(text) = text {
                    object.set(name, scope.string(text));
                }
            }
            match &handle.object.object_id {
                Some(id) => object.set("objectId", scope.string(id)),
                None => object.set("value", value::to_js(scope, handle.object.value.clone())?),
            };
            Ok(object)
        }),
        Method::sync("toString", |scope, handle, _| {
            let object = &handle.object;
            if object.object_id.is_some() {
                let kind = object.subtype.as_deref().unwrap_or(&object.kind);
                return Ok(scope.string(&format!("JSHandle@{kind}")));
            }
            let value = value::to_js(scope, object.value.clone())?.coerce_to_string()?;
            Ok(scope.string(&format!("JSHandle:{value}")))
        }),
    ];
}

/// The code of `handle.evaluate(function, ...args)`: the handle comes first.
fn code(scope: Scope<'_>, method: &str, handle: &Handle, call: &Call<'_>) -> Result<Code, Thrown> {
    let own = handle.live_argument(scope)?;
    Ok(
        match arguments::code(scope, method, &handle.owner, call.arguments())? {
            Code::Function {
                declaration,
                arguments,
            } => Code::Function {
                declaration,
                arguments: std::iter::once(own).chain(arguments).collect(),
            },
            expression @ Code::Expression(_) => expression,
        },
    )
}
