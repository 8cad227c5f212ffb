//! `Accessibility`

use std::cell::OnceCell;
use std::rc::Rc;

use crate::node::js::class::{self, Class, Method, data_of};
use crate::node::js::{Call, JsRef, Scope, Thrown, Value};
use crate::page::{AxNode, Code, Frame, Page, Snapshot, SnapshotOptions};

use super::handle::{self, Handle};
use super::{options, promise, value};

/// The page's accessibility: one object for the page's life.
pub(super) fn of_page<'s>(
    scope: Scope<'s>,
    known: &OnceCell<JsRef>,
    page: &Page,
) -> Result<Value<'s>, Thrown> {
    if let Some(known) = known.get() {
        return Ok(known.get(scope));
    }
    let object = class::instantiate::<Accessibility>(scope, Rc::new(page.main_frame()))?;
    if let Some(kept) = JsRef::new(object) {
        let _ = known.set(kept);
    }
    Ok(object)
}

fn snapshot<'s>(scope: Scope<'s>, frame: &Frame, call: &Call<'s>) -> Result<Value<'s>, Thrown> {
    let given = call.argument(0);
    let root = match options::get(given, "root")?.filter(|root| !root.is_nullish()) {
        Some(root) => {
            let handle = data_of::<Handle>(root)
                .ok_or_else(|| Thrown::invalid_argument(scope, "root must be an element's handle"))?;
            handle.live_argument(scope)?;
            Some(handle.object.clone())
        }
        None => None,
    };
    let options = SnapshotOptions {
        interesting_only: options::get(given, "interestingOnly")?.is_none_or(Value::is_truthy),
        include_iframes: options::flag(given, "includeIframes")?,
        root,
    };
    let frame = frame.clone();
    let asking = async move { frame.accessibility_snapshot(&options).await };
    promise::start(scope, asking, show)
}

/// The tree as objects: each node comes behind those that are in it.
fn show(scope: Scope<'_>, snapshot: Snapshot) -> Result<Value<'_>, Thrown> {
    let mut shown: Vec<Value<'_>> = Vec::with_capacity(snapshot.len());
    for node in snapshot {
        let object = scope.object().set("role", scope.string(&node.role));
        for (name, told) in &node.properties {
            object.set(name, value::from_json(scope, &told.to_string())?);
        }
        if !node.children.is_empty() {
            let children = node
                .children
                .iter()
                .filter_map(|child| shown.get(*child).copied());
            object.set("children", scope.array(children));
        }
        object.set("elementHandle", element_handle(scope, node));
        shown.push(object);
    }
    Ok(shown.pop().unwrap_or_else(|| scope.null()))
}

/// `elementHandle()` of a node: of the element around it where it is text.
fn element_handle(scope: Scope<'_>, node: AxNode) -> Value<'_> {
    const ELEMENT: &str = "node => node.nodeType === Node.TEXT_NODE ? node.parentElement : node";
    let (frame, id) = (node.frame, node.backend_node_id);
    scope.function("elementHandle", move |scope, _| {
        let Some(id) = id else {
            return scope
                .global()
                .get("Promise")?
                .call_method("resolve", &[scope.null()]);
        };
        let (frame, of_handle) = (frame.clone(), frame.clone());
        let finding = async move {
            let node = frame.adopt(id).await?;
            let element = frame
                .evaluate_handle(Code::call(ELEMENT, [node.to_argument()]))
                .await;
            frame.release(&node);
            element
        };
        promise::start(scope, finding, move |scope, element| {
            handle::wrap(scope, &of_handle, element)
        })
    })
}

pub(super) struct Accessibility;

impl Class for Accessibility {
    type Data = Frame;
    const NAME: &'static str = "Accessibility";
    const METHODS: &'static [Method<Frame>] = &[Method::promise("snapshot", |scope, frame, call| {
        snapshot(scope, frame, call)
    })];
}
