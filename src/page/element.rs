//! Where an element is on the page.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cdp::CallError;

use super::decode::{decode, decode_object};
use super::error::EvaluateError;
use super::evaluate::Code;
use super::frame::Frame;
use super::page::send;
use super::value::{Argument, RemoteObject, RemoteValue};

/// Why an element has no place.
#[derive(Debug, thiserror::Error)]
pub enum ElementError {
    /// It is no element, or has no size, or cannot be seen.
    #[error("Node is either not clickable or not an Element")]
    NotClickable,
    /// It has left its document.
    #[error("Node is detached from document")]
    Detached,
    /// It is a text node or the like.
    #[error("Node is not of type HTMLElement")]
    NotAnElement,
    /// It cannot be seen.
    #[error("Node is either not visible or not an HTMLElement")]
    NotVisible,
    /// It is a line.
    #[error("Node has 0 width.")]
    NoWidth,
    /// It is a line.
    #[error("Node has 0 height.")]
    NoHeight,
    /// It could not be looked at.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A rectangle in CSS pixels of the page's viewport.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Rectangle {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// Where the content of a frame begins.
#[derive(Clone, Copy, Deserialize)]
struct Corner {
    x: f64,
    y: f64,
}

const CLIENT_RECTS: &str = "element => element.nodeType === 1 ? [...element.getClientRects()].map(
    ({ x, y, width, height }) => ({ x, y, width, height })) : null";

const BOUNDING_RECT: &str = "element => {
    if (element.nodeType !== 1 || element.getClientRects().length === 0) return null;
    const { x, y, width, height } = element.getBoundingClientRect();
    return { x, y, width, height };
}";

/// A place on the page's viewport.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

/// The corners of an element's boxes, clockwise from the upper left.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names are CSS's")]
pub struct BoxModel {
    pub content: [Point; 4],
    pub padding: [Point; 4],
    pub border: [Point; 4],
    pub margin: [Point; 4],
    pub width: f64,
    pub height: f64,
}

const BOX_MODEL: &str = "node => {
    if (node.nodeType !== 1 || node.getClientRects().length === 0) return null;
    const rect = node.getBoundingClientRect();
    const style = getComputedStyle(node);
    const side = (part, end = '') => ({
        left: parseInt(style[`${part}Left${end}`], 10), top: parseInt(style[`${part}Top${end}`], 10),
        right: parseInt(style[`${part}Right${end}`], 10), bottom: parseInt(style[`${part}Bottom${end}`], 10),
    });
    const quad = box => [{ x: box.left, y: box.top }, { x: box.right, y: box.top },
        { x: box.right, y: box.bottom }, { x: box.left, y: box.bottom }];
    const shrink = (box, by) => ({ left: box.left + by.left, top: box.top + by.top,
        right: box.right - by.right, bottom: box.bottom - by.bottom });
    const margins = side('margin');
    const border = { left: rect.left, top: rect.top, right: rect.right, bottom: rect.bottom };
    const padding = shrink(border, side('border', 'Width'));
    const content = shrink(padding, side('padding'));
    const margin = shrink(border, { left: -margins.left, top: -margins.top, right: -margins.right, bottom: -margins.bottom });
    return { content: quad(content), padding: quad(padding), border: quad(border), margin: quad(margin),
        width: node.offsetWidth, height: node.offsetHeight };
}";

const CONTENT_CORNER: &str = "element => {
    if (element.getClientRects().length === 0) return null;
    const rect = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    return {
        x: rect.left + parseInt(style.paddingLeft, 10) + parseInt(style.borderLeftWidth, 10),
        y: rect.top + parseInt(style.paddingTop, 10) + parseInt(style.borderTopWidth, 10),
    };
}";

const SCROLL_INTO_VIEW: &str = "element => {
    if (!element.isConnected) return 'detached';
    if (element.nodeType !== 1) return 'node';
    return null;
}";

impl Frame {
    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        code: &str,
        element: &RemoteObject,
    ) -> Result<Option<T>, EvaluateError> {
        let argument = element
            .object_id
            .clone()
            .map_or(Argument::Undefined, Argument::Object);
        match self.evaluate(Code::call(code, [argument])).await? {
            RemoteValue::Json(text) => Ok(serde_json::from_str(&text.to_string_lossy()).ok()),
            _ => Ok(None),
        }
    }

    /// Scrolls the element into view.
    ///
    /// # Errors
    /// Where it is none, or has left its document.
    pub async fn scroll_into_view(&self, element: &RemoteObject) -> Result<(), ElementError> {
        let argument = element
            .object_id
            .clone()
            .map_or(Argument::Undefined, Argument::Object);
        let state = self.evaluate(Code::call(SCROLL_INTO_VIEW, [argument])).await?;
        match state.into_string().as_deref() {
            Some("detached") => return Err(ElementError::Detached),
            Some(_) => return Err(ElementError::NotAnElement),
            None => {}
        }
        let params = json!({ "objectId": element.object_id.as_deref() });
        // What has no layout has no place to scroll to; whoever needs one says so.
        let _ = send(&self.session(), "DOM.scrollIntoViewIfNeeded", params).await;
        Ok(())
    }

    /// The element that holds the frame, in its parent.
    ///
    /// # Errors
    /// As any command; `None` for the main frame.
    pub async fn owner(&self) -> Result<Option<(Frame, RemoteObject)>, ElementError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Owner {
            backend_node_id: i64,
        }
        let Some(parent) = self.parent() else {
            return Ok(None);
        };
        let method = "DOM.getFrameOwner";
        let answer = send(&parent.session(), method, json!({ "frameId": &**self.id() })).await?;
        let owner: Owner = decode(method, answer.get())?;
        let object = parent.adopt(owner.backend_node_id).await?;
        Ok(Some((parent, object)))
    }

    /// The DOM node of this id, as an object of the frame's document.
    ///
    /// # Errors
    /// As any command.
    pub async fn adopt(&self, backend_node_id: i64) -> Result<RemoteObject, EvaluateError> {
        #[derive(Deserialize)]
        struct Resolved {
            object: Box<serde_json::value::RawValue>,
        }
        let method = "DOM.resolveNode";
        let realm = super::evaluate::called(self.page().session(), |then| self.with_realm(then)).await?;
        let params = json!({ "backendNodeId": backend_node_id, "executionContextId": realm.context });
        let answer = send(&realm.session, method, params).await?;
        let resolved: Resolved = decode(method, answer.get())?;
        Ok(decode_object(method, resolved.object.get())?)
    }

    /// Chrome's number of the node, which stays with it.
    ///
    /// # Errors
    /// As any command.
    pub async fn backend_node_id(&self, node: &RemoteObject) -> Result<i64, CallError> {
        #[derive(Deserialize)]
        struct Described {
            node: DescribedNode,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct DescribedNode {
            backend_node_id: i64,
        }
        let method = "DOM.describeNode";
        let params = json!({ "objectId": node.object_id.as_deref() });
        let answer = send(&self.session(), method, params).await?;
        decode::<Described>(method, answer.get()).map(|described| described.node.backend_node_id)
    }

    /// Fills a form's fields with what an address or a card has for them, as the browser's own autofill does.
    ///
    /// # Errors
    /// As any command: Chrome refuses what is no field of a form.
    pub async fn autofill(
        &self,
        field: &RemoteObject,
        card: Option<Value>,
        address: Option<Value>,
    ) -> Result<(), CallError> {
        let mut params = json!({ "fieldId": self.backend_node_id(field).await?, "frameId": &**self.id() });
        for (name, value) in [("card", card), ("address", address)] {
            if let Some(value) = value {
                params[name] = value;
            }
        }
        send(&self.session(), "Autofill.trigger", params).await.map(drop)
    }

    /// The element's rectangle on the page; `None` where it has none.
    ///
    /// # Errors
    /// As any evaluation.
    pub async fn bounding_box(&self, element: &RemoteObject) -> Result<Option<Rectangle>, ElementError> {
        let Some(mut rect) = self.ask::<Rectangle>(BOUNDING_RECT, element).await? else {
            return Ok(None);
        };
        let Some(corner) = self.corner().await? else {
            return Ok(None);
        };
        rect.x += corner.x;
        rect.y += corner.y;
        Ok(Some(rect))
    }

    /// The element's boxes on the page; `None` where it has none.
    ///
    /// # Errors
    /// As any evaluation.
    pub async fn box_model(&self, element: &RemoteObject) -> Result<Option<BoxModel>, ElementError> {
        let Some(mut model) = self.ask::<BoxModel>(BOX_MODEL, element).await? else {
            return Ok(None);
        };
        let Some(corner) = self.corner().await? else {
            return Ok(None);
        };
        let quads = [
            &mut model.content,
            &mut model.padding,
            &mut model.border,
            &mut model.margin,
        ];
        for point in quads.into_iter().flatten() {
            point.x += corner.x;
            point.y += corner.y;
        }
        Ok(Some(model))
    }

    /// Where the frame's viewport begins in the page's; `None` where an element that holds it is not laid out.
    async fn corner(&self) -> Result<Option<Corner>, ElementError> {
        let mut sum = Corner { x: 0.0, y: 0.0 };
        let mut frame = self.clone();
        while let Some((parent, owner)) = frame.owner().await? {
            let owner = parent.temporary(owner);
            let Some(corner) = parent.ask::<Corner>(CONTENT_CORNER, &owner).await? else {
                return Ok(None);
            };
            sum.x += corner.x;
            sum.y += corner.y;
            frame = parent;
        }
        Ok(Some(sum))
    }

    /// A point of the page at which the element can be clicked: its middle, or `offset` from its corner.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn clickable_point(
        &self,
        element: &RemoteObject,
        offset: Option<(f64, f64)>,
    ) -> Result<(f64, f64), ElementError> {
        let mut rects: Vec<Rectangle> = self.ask(CLIENT_RECTS, element).await?.unwrap_or_default();
        let mut frame = self.clone();
        loop {
            let (width, height) = frame.document_size().await?;
            for rect in &mut rects {
                rect.clip(width, height);
            }
            let Some((parent, owner)) = frame.owner().await? else {
                break;
            };
            let owner = parent.temporary(owner);
            let corner: Corner = parent
                .ask(CONTENT_CORNER, &owner)
                .await?
                .ok_or(ElementError::NotClickable)?;
            for rect in &mut rects {
                rect.x += corner.x;
                rect.y += corner.y;
            }
            frame = parent;
        }
        let rect = rects
            .into_iter()
            .find(|rect| rect.width >= 1.0 && rect.height >= 1.0)
            .ok_or(ElementError::NotClickable)?;
        Ok(match offset {
            Some((x, y)) => (rect.x + x, rect.y + y),
            None => (rect.x + rect.width / 2.0, rect.y + rect.height / 2.0),
        })
    }

    /// The same after the element was scrolled into view.
    ///
    /// # Errors
    /// Where it is none, has left its document, or has no such point.
    pub async fn point_in_view(
        &self,
        element: &RemoteObject,
        offset: Option<(f64, f64)>,
    ) -> Result<(f64, f64), ElementError> {
        self.scroll_into_view(element).await?;
        self.clickable_point(element, offset).await
    }

    async fn document_size(&self) -> Result<(f64, f64), EvaluateError> {
        const SIZE: &str =
            "() => [document.documentElement.clientWidth, document.documentElement.clientHeight]";
        match self.evaluate(Code::call(SIZE, [])).await? {
            RemoteValue::Json(text) => Ok(serde_json::from_str(&text.to_string_lossy()).unwrap_or_default()),
            _ => Ok((0.0, 0.0)),
        }
    }
}

impl Rectangle {
    /// Leaves of it what is within a document of this size.
    fn clip(&mut self, width: f64, height: f64) {
        let visible = |start: f64, length: f64, limit: f64| {
            let end = if start >= 0.0 {
                length.min(limit - start)
            } else {
                limit.min(length + start)
            };
            end.max(0.0)
        };
        self.width = visible(self.x, self.width, width);
        self.height = visible(self.y, self.height, height);
        self.x = self.x.max(0.0);
        self.y = self.y.max(0.0);
    }
}
