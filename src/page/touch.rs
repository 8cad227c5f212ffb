//! Fingers on the page.
//!
//! A touch is there from when its start is sent, so that calls which follow at once find it; one whose start fails
//! is gone again.

use serde_json::json;

use super::commands::Sent;
use super::input::InputError;
use super::page::{Page, send};

/// The touches that have begun and not ended, the oldest first.
#[derive(Default)]
pub(super) struct Touches {
    active: Vec<Point>,
    last: u64,
}

/// A touch, and where it was sent to last: there it ends.
#[derive(Clone, Copy)]
struct Point {
    id: u64,
    x: f64,
    y: f64,
}

impl Touches {
    fn begin(&mut self, x: f64, y: f64) -> Point {
        self.last += 1;
        let id = self.last;
        let (x, y) = (x.round(), y.round());
        let point = Point { id, x, y };
        self.active.push(point);
        point
    }

    fn move_to(&mut self, id: u64, x: f64, y: f64) -> Result<Point, InputError> {
        let point = self.active.iter_mut().find(|point| point.id == id);
        let point = point.ok_or(InputError::NoTouch)?;
        (point.x, point.y) = (x.round(), y.round());
        Ok(*point)
    }

    fn end(&mut self, id: u64) -> Result<Point, InputError> {
        let mut ended = self.active.extract_if(.., |point| point.id == id);
        ended.next().ok_or(InputError::NoTouch)
    }

    fn first(&self) -> Result<u64, InputError> {
        self.active
            .first()
            .map(|point| point.id)
            .ok_or(InputError::NoTouch)
    }
}

/// One finger on the page.
#[derive(Clone)]
pub struct Touch {
    page: Page,
    id: u64,
}

impl Touch {
    /// Moves it.
    ///
    /// # Errors
    /// Where it has ended.
    pub async fn move_to(&self, x: f64, y: f64) -> Result<(), InputError> {
        let point = self.page.lock_input().touches.move_to(self.id, x, y)?;
        self.page.send_touch("touchMove", point).await?;
        Ok(())
    }

    /// Lifts it.
    ///
    /// # Errors
    /// Where it has ended.
    pub async fn end(&self) -> Result<(), InputError> {
        let point = self.page.lock_input().touches.end(self.id)?;
        self.page.send_touch("touchEnd", point).await?;
        Ok(())
    }
}

impl Page {
    fn send_touch(&self, kind: &str, Point { id, x, y }: Point) -> Sent {
        let modifiers = self.lock_input().keyboard.modifiers;
        let point = json!({ "x": x, "y": y, "radiusX": 0.5, "radiusY": 0.5, "force": 0.5, "id": id });
        let event = json!({ "type": kind, "touchPoints": [point], "modifiers": modifiers });
        send(self.session(), "Input.dispatchTouchEvent", event)
    }

    /// Touches the page.
    ///
    /// # Errors
    /// As any command.
    pub async fn touch_start(&self, x: f64, y: f64) -> Result<Touch, InputError> {
        let point = self.lock_input().touches.begin(x, y);
        let touch = Touch {
            page: self.clone(),
            id: point.id,
        };
        if let Err(error) = self.send_touch("touchStart", point).await {
            // It may have been lifted by a call that did not wait for its start.
            drop(self.lock_input().touches.end(point.id));
            return Err(error.into());
        }
        Ok(touch)
    }

    fn first_touch(&self) -> Result<Touch, InputError> {
        let id = self.lock_input().touches.first()?;
        let page = self.clone();
        Ok(Touch { page, id })
    }

    /// Moves the oldest touch.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn touch_move(&self, x: f64, y: f64) -> Result<(), InputError> {
        self.first_touch()?.move_to(x, y).await
    }

    /// Lifts the oldest touch.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn touch_end(&self) -> Result<(), InputError> {
        self.first_touch()?.end().await
    }

    /// Touches the page and lets go.
    ///
    /// # Errors
    /// As any command.
    pub async fn tap(&self, x: f64, y: f64) -> Result<(), InputError> {
        let point = {
            let mut state = self.lock_input();
            let point = state.touches.begin(x, y);
            state.touches.end(point.id)?
        };
        let (start, end) = (
            self.send_touch("touchStart", point),
            self.send_touch("touchEnd", point),
        );
        start.await?;
        end.await?;
        Ok(())
    }
}
