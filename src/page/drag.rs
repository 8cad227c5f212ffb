//! Drag and drop: by the mouse, or step by step with what Chrome would have dragged.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::cdp::{CallError, Health};

use super::decode::decode_event;
use super::element::ElementError;
use super::frame::Frame;
use super::input::InputError;
use super::mouse::MouseButton;
use super::page::{Page, send};
use super::value::RemoteObject;

/// Why a drag did not come about.
#[derive(Debug, thiserror::Error)]
pub enum DragError {
    /// Chrome drags by itself.
    #[error("Drag Interception is not enabled!")]
    NotIntercepted,
    /// Nothing there can be dragged.
    #[error("Waiting for a drag to begin failed: {0}ms exceeded")]
    TimedOut(u64),
    /// The page went away.
    #[error("Page closed!")]
    Closed,
    /// The mouse did not do it.
    #[error(transparent)]
    Input(#[from] InputError),
    /// An element has no place.
    #[error(transparent)]
    Element(#[from] ElementError),
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// What is dragged, as the protocol has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DragData {
    /// The items, each of a MIME type, as the protocol's JSON.
    pub items: Vec<Value>,
    /// The paths of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<String>>,
    /// What may become of it, as bits: copy 1, link 2, move 16; -1 for whatever it is.
    pub drag_operations_mask: i64,
}

/// A step of a drag over the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DragStep {
    /// It comes over the point.
    Enter,
    /// It stays over it.
    Over,
    /// It is let go there.
    Drop,
}

impl DragStep {
    fn name(self) -> &'static str {
        match self {
            Self::Enter => "dragEnter",
            Self::Over => "dragOver",
            Self::Drop => "drop",
        }
    }
}

impl Page {
    /// Whether drags are handed to the caller instead of being done by Chrome.
    #[must_use]
    pub fn is_drag_interception_enabled(&self) -> bool {
        self.lock_input().drags_intercepted
    }

    /// Hands drags to the caller, or lets Chrome do them.
    ///
    /// # Errors
    /// As any command.
    pub async fn set_drag_interception(&self, enabled: bool) -> Result<(), CallError> {
        self.lock_input().drags_intercepted = enabled;
        let params = json!({ "enabled": enabled });
        send(self.session(), "Input.setInterceptDrags", params)
            .await
            .map(drop)
    }

    /// Drags what is at `start` to `target`, and answers with what would be dropped there.
    ///
    /// # Errors
    /// Where drags are not intercepted, or nothing at `start` can be dragged.
    pub async fn mouse_drag(&self, start: (f64, f64), target: (f64, f64)) -> Result<DragData, DragError> {
        #[derive(Deserialize)]
        struct Intercepted {
            data: DragData,
        }
        if !self.is_drag_interception_enabled() {
            return Err(DragError::NotIntercepted);
        }
        let (sender, mut intercepted) = mpsc::unbounded_channel();
        let listener = self.session().on("Input.dragIntercepted", move |params| {
            if let Some(event) = decode_event::<Intercepted>(params) {
                // Nobody waits any more where the receiver is gone.
                let _ = sender.send(event.data);
            }
        });
        let button = MouseButton::Left;
        self.mouse_move(start.0, start.1, 1).await?;
        self.mouse_down(button, 1).await?;
        self.mouse_move(target.0, target.1, 1).await?;
        let timeout = self.default_timeout();
        let limit = async {
            if timeout == 0 {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_millis(timeout)).await;
        };
        let data = tokio::select! {
            Some(data) = intercepted.recv() => Ok(data),
            health = self.session().unhealthy() => Err(match health {
                Health::Crashed => DragError::Call(CallError::TargetCrashed {
                    method: "Input.dispatchMouseEvent".into(),
                }),
                Health::Closed(_) | Health::Alive => DragError::Closed,
            }),
            () = limit => Err(DragError::TimedOut(timeout)),
        };
        drop(listener);
        data
    }

    /// One step of a drag, as of a user who drags this.
    ///
    /// # Errors
    /// As any command.
    pub async fn drag_step(
        &self,
        step: DragStep,
        (x, y): (f64, f64),
        data: &DragData,
    ) -> Result<(), CallError> {
        let modifiers = self.lock_input().keyboard.modifiers;
        let event = json!({ "type": step.name(), "x": x, "y": y, "modifiers": modifiers, "data": data });
        send(self.session(), "Input.dispatchDragEvent", event)
            .await
            .map(drop)
    }

    /// Drags what is at `start` to `target` and drops it, after `delay`.
    ///
    /// # Errors
    /// As [`Self::mouse_drag`].
    pub async fn drag_and_drop(
        &self,
        start: (f64, f64),
        target: (f64, f64),
        delay: Option<Duration>,
    ) -> Result<(), DragError> {
        let data = self.mouse_drag(start, target).await?;
        self.drag_step(DragStep::Enter, target, &data).await?;
        self.drag_step(DragStep::Over, target, &data).await?;
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        self.drag_step(DragStep::Drop, target, &data).await?;
        Ok(self.mouse_up(MouseButton::Left, 1).await?)
    }
}

/// Where an element is dragged to.
#[derive(Clone)]
pub enum DragTarget {
    /// A point of the page.
    Point(f64, f64),
    /// The middle of an element.
    Element(Frame, RemoteObject),
}

impl Frame {
    /// Drags the element over the target. Where drags are intercepted, answers with what would be dropped there.
    ///
    /// # Errors
    /// Where one of the two has no place.
    pub async fn drag(
        &self,
        element: &RemoteObject,
        target: &DragTarget,
    ) -> Result<Option<DragData>, DragError> {
        let page = self.page();
        self.scroll_into_view(element).await?;
        if page.is_drag_interception_enabled() {
            let start = self.clickable_point(element, None).await?;
            let target = match target {
                DragTarget::Point(x, y) => (*x, *y),
                DragTarget::Element(frame, target) => frame.clickable_point(target, None).await?,
            };
            return page.mouse_drag(start, target).await.map(Some);
        }
        let dragged = self.drag_by_mouse(element, target).await;
        if dragged.is_err() {
            page.lock_input().is_dragging = false;
        }
        dragged.map(|()| None)
    }

    async fn drag_by_mouse(&self, element: &RemoteObject, target: &DragTarget) -> Result<(), DragError> {
        let page = self.page();
        let is_dragging = std::mem::replace(&mut page.lock_input().is_dragging, true);
        if !is_dragging {
            let (x, y) = self.point_in_view(element, None).await?;
            page.mouse_move(x, y, 1).await?;
            page.mouse_down(MouseButton::Left, 1).await?;
        }
        let (x, y) = match target {
            DragTarget::Point(x, y) => (*x, *y),
            DragTarget::Element(frame, target) => frame.point_in_view(target, None).await?,
        };
        Ok(page.mouse_move(x, y, 1).await?)
    }

    /// One step of a drag over the element.
    ///
    /// # Errors
    /// Where it has no place.
    pub async fn drag_over(
        &self,
        element: &RemoteObject,
        step: DragStep,
        data: &DragData,
    ) -> Result<(), DragError> {
        let point = self.point_in_view(element, None).await?;
        Ok(self.page().drag_step(step, point, data).await?)
    }

    /// Drags `other` over this element and lets it go.
    ///
    /// # Errors
    /// Where one of the two has no place.
    pub async fn drop_onto(
        &self,
        element: &RemoteObject,
        dragged_frame: &Frame,
        dragged: &RemoteObject,
    ) -> Result<(), DragError> {
        let target = DragTarget::Element(self.clone(), element.clone());
        dragged_frame.drag(dragged, &target).await?;
        self.page().lock_input().is_dragging = false;
        Ok(self.page().mouse_up(MouseButton::Left, 1).await?)
    }

    /// Drags the element to another, and drops it there after `delay`.
    ///
    /// # Errors
    /// Where drags are not intercepted, or one of the two has no place.
    pub async fn drag_and_drop(
        &self,
        element: &RemoteObject,
        (target_frame, target): (&Frame, &RemoteObject),
        delay: Option<Duration>,
    ) -> Result<(), DragError> {
        let page = self.page();
        if !page.is_drag_interception_enabled() {
            return Err(DragError::NotIntercepted);
        }
        let start = self.point_in_view(element, None).await?;
        let target = target_frame.clickable_point(target, None).await?;
        page.drag_and_drop(start, target, delay).await
    }
}
