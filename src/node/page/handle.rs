//! `JSHandle`: an object that stayed in its page.

use std::cell::Cell;
use std::rc::Rc;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::cdp::{CallError, DEFAULT_DEADLINE};
use crate::node::js::class::{self, Class, Method};
use crate::node::js::{Call, ErrorClass, Scope, Thrown, Value};
use crate::page::{self, Argument, Code, Frame, RemoteObject, RemoteValue};

use super::element::ElementHandle;
use super::promise;
use super::{arguments, frame, options, value};

/// What a handle carries.
pub(super) struct Handle {
    pub frame: Frame,
    pub object: RemoteObject,
    disposed: Cell<bool>,
}

impl Handle {
    /// The handle as an argument of code that runs in `frame`.
    pub fn as_argument(&self, frame: &Frame) -> Result<Argument, &'static str> {
        let is_here = self.frame.page().id() == frame.page().id() && self.frame.id() == frame.id();
        if !is_here {
            return Err("JSHandles can be evaluated only in the context they were created!");
        }
        if self.disposed.get() {
            return Err("JSHandle is disposed!");
        }
        Ok(self.argument())
    }

    fn argument(&self) -> Argument {
        match &self.object.object_id {
            Some(id) => Argument::Object(id.clone()),
            None => Argument::from_value(&self.object.value),
        }
    }

    /// The handle as an argument, unless it was disposed of.
    pub fn live_argument(&self, scope: Scope<'_>) -> Result<Argument, Thrown> {
        if self.disposed.get() {
            return Err(Thrown::new(scope.error(
                ErrorClass::Error,
                "JSHandle is disposed!",
                None,
            )));
        }
        Ok(self.argument())
    }

    fn dispose(&self) {
        if !self.disposed.replace(true)
            && let Some(id) = &self.object.object_id
        {
            page::release(&self.frame.session(), id);
        }
    }
}

/// A handle on the object: an `ElementHandle` for a node.
pub(super) fn wrap<'s>(scope: Scope<'s>, frame: &Frame, object: RemoteObject) -> Result<Value<'s>, Thrown> {
    let is_node = object.is_node();
    let handle = Rc::new(Handle {
        frame: frame.clone(),
        object,
        disposed: Cell::new(false),
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
            let code = code(scope, handle, call)?;
            frame::evaluate_code(scope, &handle.frame, code)
        }),
        Method::promise("evaluateHandle", |scope, handle, call| {
            let code = code(scope, handle, call)?;
            frame::evaluate_handle_code(scope, &handle.frame, code)
        }),
        Method::promise("getProperty", |scope, handle, call| {
            let name = arguments::argument(scope, &handle.frame, call.argument(0))?;
            let code = Code::call(
                "(object, name) => object[name]",
                [handle.live_argument(scope)?, name],
            );
            frame::evaluate_handle_code(scope, &handle.frame, code)
        }),
        Method::promise("getProperties", |scope, handle, _| {
            handle.live_argument(scope)?;
            let frame = handle.frame.clone();
            let object = handle.object.object_id.clone();
            let properties = async move {
                match object {
                    Some(id) => own_properties(&frame, &id).await,
                    None => Ok(Vec::new()),
                }
            };
            let frame = handle.frame.clone();
            promise::start(scope, properties, move |scope, properties| {
                let map = scope.global().get("Map")?.construct(&[])?;
                for (name, object) in properties {
                    map.call_method("set", &[scope.string(&name), wrap(scope, &frame, object)?])?;
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
            let frame = handle.frame.clone();
            let copying = async move { frame.evaluate(Code::call("object => object", [argument])).await };
            promise::start(scope, copying, |scope, copy| {
                if copy == RemoteValue::Undefined {
                    let message = "Could not serialize referenced object";
                    return Err(Thrown::new(scope.error(ErrorClass::Error, message, None)));
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
        Method::sync("@@dispose", |scope, handle, _| {
            handle.dispose();
            Ok(scope.undefined())
        }),
        Method::promise("@@asyncDispose", |scope, handle, _| {
            handle.dispose();
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
fn code(scope: Scope<'_>, handle: &Handle, call: &Call<'_>) -> Result<Code, Thrown> {
    let own = handle.live_argument(scope)?;
    Ok(match arguments::code(scope, &handle.frame, call.arguments())? {
        Code::Function {
            declaration,
            arguments,
        } => Code::Function {
            declaration,
            arguments: std::iter::once(own).chain(arguments).collect(),
        },
        expression @ Code::Expression(_) => expression,
    })
}

/// `$` and its like below an element, or in the document where the root is `null`.
pub(super) fn selector_arguments(
    scope: Scope<'_>,
    root: Option<Argument>,
    call: &Call<'_>,
) -> Result<Vec<Argument>, Thrown> {
    let selector = options::text(scope, call.argument(0), "the selector")?;
    let root = root.unwrap_or_else(|| Argument::Json(RawValue::NULL.to_owned()));
    Ok(vec![root, Argument::String(selector)])
}

/// The enumerable properties of an object of the page, as handles.
pub(super) async fn own_properties(
    frame: &Frame,
    id: &str,
) -> Result<Vec<(String, RemoteObject)>, CallError> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        result: Vec<Property<'a>>,
    }
    #[derive(Deserialize)]
    struct Property<'a> {
        name: String,
        #[serde(default)]
        enumerable: bool,
        #[serde(borrow)]
        value: Option<&'a RawValue>,
    }
    let method = "Runtime.getProperties";
    let params = json!({ "objectId": id, "ownProperties": true });
    let answer = frame
        .session()
        .send_raw(method, params, Some(DEFAULT_DEADLINE))
        .await?;
    let decode = |source| CallError::Decode {
        method: method.into(),
        source,
    };
    let answer: Answer<'_> = serde_json::from_str(answer.get()).map_err(decode)?;
    answer
        .result
        .into_iter()
        .filter(|property| property.enumerable)
        .filter_map(|property| {
            let object = RemoteObject::parse(property.value?.get()).map_err(decode);
            Some(object.map(|object| (property.name, object)))
        })
        .collect()
}
