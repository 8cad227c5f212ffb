//! Keyboard and mouse.
//!
//! The state of keys and buttons changes when a command is sent, not when it is answered: commands are sent in the
//! order of the calls, so that is the order in which Chrome sees them. A command of the mouse that fails changes
//! nothing in the end.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;

use crate::cdp::CallError;

use super::commands::{Sent, all};
use super::keyboard::{self, Keyboard};
use super::mouse::{Change, ChangeId, Mouse, MouseButton, MouseState};
use super::page::{Page, send};
use super::touch::Touches;

/// Why input did not come about.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// No key has this name.
    #[error("Unknown key: \"{0}\"")]
    UnknownKey(String),
    /// No button has this name.
    #[error("Unsupported mouse button: {0}")]
    UnknownButton(String),
    /// The button is down.
    #[error("'{0}' is already pressed.")]
    AlreadyPressed(&'static str),
    /// The button is up.
    #[error("'{0}' is not pressed.")]
    NotPressed(&'static str),
    /// No finger is on the page.
    #[error("Must start a new Touch first")]
    NoTouch,
    /// A click is at least one.
    #[error("Click must occur a positive number of times.")]
    NoClicks,
    /// The command failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// What keys and buttons are held, and where the mouse is.
#[derive(Default)]
pub(super) struct InputState {
    pub keyboard: Keyboard,
    mouse: Mouse,
    pub touches: Touches,
    /// Drags are handed to the caller.
    pub drags_intercepted: bool,
    /// An element is being dragged by the mouse.
    pub is_dragging: bool,
}

impl MouseButton {
    /// The button of this name.
    ///
    /// # Errors
    /// Where there is none.
    pub fn from_name(name: &str) -> Result<Self, InputError> {
        Self::ALL
            .into_iter()
            .find(|button| button.name() == name)
            .ok_or_else(|| InputError::UnknownButton(name.to_owned()))
    }
}

/// How to click.
#[derive(Clone, Copy, Debug)]
pub struct ClickOptions {
    /// The button.
    pub button: MouseButton,
    /// How many clicks.
    pub count: u32,
    /// What the page sees as the number of the click, where that is not `count`.
    pub click_count: Option<u32>,
    /// How long the button stays down.
    pub delay: Option<Duration>,
}

impl Default for ClickOptions {
    fn default() -> Self {
        Self {
            button: MouseButton::Left,
            count: 1,
            click_count: None,
            delay: None,
        }
    }
}

/// A command of the mouse that is on its way.
struct MouseCall<'a> {
    page: &'a Page,
    change: ChangeId,
    call: Sent,
    failed: bool,
}

impl MouseCall<'_> {
    async fn done(mut self) -> Result<(), CallError> {
        let answer = (&mut self.call).await;
        self.failed = answer.is_err();
        answer.map(drop)
    }
}

impl Drop for MouseCall<'_> {
    /// What nobody waits for any more has been sent all the same.
    fn drop(&mut self) {
        self.page.lock_input().mouse.end(self.change, !self.failed);
    }
}

/// Waits for all answers, and tells the first failure: what failed is taken back by then.
async fn all_done(calls: Vec<MouseCall<'_>>) -> Result<(), CallError> {
    let mut outcome = Ok(());
    for call in calls {
        outcome = outcome.and(call.done().await);
    }
    outcome
}

impl Page {
    pub(super) fn lock_input(&self) -> MutexGuard<'_, InputState> {
        self.0.input.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key_event(&self, event: serde_json::Value) -> Sent {
        send(self.session(), "Input.dispatchKeyEvent", event)
    }

    fn mouse_event(&self, event: serde_json::Value) -> Sent {
        send(self.session(), "Input.dispatchMouseEvent", event)
    }

    /// Where another key is held a key may paste: not what somebody else has copied and is on its way out.
    async fn before_key(&self, commands: Option<&[String]>) {
        if commands.is_some() || self.lock_input().keyboard.modifiers != 0 {
            self.browser().clipboard().settled().await;
        }
    }

    /// Holds a key down. `text` is what it types where that is not what the key says.
    ///
    /// # Errors
    /// Where there is no such key.
    pub async fn key_down(
        &self,
        key: &str,
        text: Option<&str>,
        commands: Option<&[String]>,
    ) -> Result<(), InputError> {
        self.before_key(commands).await;
        self.send_key_down(key, text, commands)?.await?;
        Ok(())
    }

    fn send_key_down(
        &self,
        key: &str,
        text: Option<&str>,
        commands: Option<&[String]>,
    ) -> Result<Sent, InputError> {
        let event = self.lock_input().keyboard.down(key, text, commands)?;
        Ok(self.key_event(event))
    }

    /// Lets a key go.
    ///
    /// # Errors
    /// Where there is no such key.
    pub async fn key_up(&self, key: &str) -> Result<(), InputError> {
        self.send_key_up(key)?.await?;
        Ok(())
    }

    fn send_key_up(&self, key: &str) -> Result<Sent, InputError> {
        let event = self.lock_input().keyboard.up(key)?;
        Ok(self.key_event(event))
    }

    /// Presses a key and lets it go.
    ///
    /// # Errors
    /// Where there is no such key.
    pub async fn press(
        &self,
        key: &str,
        text: Option<&str>,
        commands: Option<&[String]>,
        delay: Option<Duration>,
    ) -> Result<(), InputError> {
        self.before_key(commands).await;
        let down = self.send_key_down(key, text, commands)?;
        let Some(delay) = delay else {
            let up = self.send_key_up(key)?;
            return Ok(all(vec![down, up]).await?);
        };
        down.await?;
        tokio::time::sleep(delay).await;
        self.send_key_up(key)?.await?;
        Ok(())
    }

    /// Enters text without keys.
    ///
    /// # Errors
    /// As any command.
    pub async fn insert_text(&self, text: &str) -> Result<(), InputError> {
        send(self.session(), "Input.insertText", json!({ "text": text })).await?;
        Ok(())
    }

    /// Types, with keys where there are such.
    ///
    /// # Errors
    /// As any command.
    pub async fn type_text(&self, text: &str, delay: Option<Duration>) -> Result<(), InputError> {
        let mut buffer = [0; 4];
        for character in text.chars() {
            let character_text = &*character.encode_utf8(&mut buffer);
            if keyboard::has_key(character) {
                self.press(character_text, None, None, delay).await?;
            } else {
                if let Some(delay) = delay {
                    tokio::time::sleep(delay).await;
                }
                self.insert_text(character_text).await?;
            }
        }
        Ok(())
    }

    /// Sends a command that changes the mouse. `event` gets its state after the change, and the keys' modifiers.
    fn send_mouse(
        &self,
        state: &mut InputState,
        change: Change,
        event: impl FnOnce(MouseState, u32) -> serde_json::Value,
    ) -> MouseCall<'_> {
        let id = state.mouse.begin(change);
        let event = event(state.mouse.state(), state.keyboard.modifiers);
        MouseCall {
            page: self,
            change: id,
            call: self.mouse_event(event),
            failed: false,
        }
    }

    fn send_mouse_move(&self, x: f64, y: f64) -> MouseCall<'_> {
        self.send_mouse(&mut self.lock_input(), Change::Move(x, y), |mouse, modifiers| {
            let held = MouseButton::ALL.into_iter().find(|button| mouse.is_down(*button));
            json!({
                "type": "mouseMoved", "modifiers": modifiers, "buttons": mouse.buttons,
                "button": held.map_or("none", MouseButton::name), "x": x, "y": y,
            })
        })
    }

    fn send_mouse_down(&self, button: MouseButton, click_count: u32) -> Result<MouseCall<'_>, InputError> {
        let mut state = self.lock_input();
        if state.mouse.state().is_down(button) {
            return Err(InputError::AlreadyPressed(button.name()));
        }
        Ok(
            self.send_mouse(&mut state, Change::Press(button), |mouse, modifiers| {
                button_event("mousePressed", button, click_count, mouse, modifiers)
            }),
        )
    }

    fn send_mouse_up(&self, button: MouseButton, click_count: u32) -> Result<MouseCall<'_>, InputError> {
        let mut state = self.lock_input();
        if !state.mouse.state().is_down(button) {
            return Err(InputError::NotPressed(button.name()));
        }
        Ok(
            self.send_mouse(&mut state, Change::Release(button), |mouse, modifiers| {
                button_event("mouseReleased", button, click_count, mouse, modifiers)
            }),
        )
    }

    /// Moves the mouse, in so many steps.
    ///
    /// # Errors
    /// As any command.
    pub async fn mouse_move(&self, x: f64, y: f64, steps: u32) -> Result<(), InputError> {
        let from = self.lock_input().mouse.state();
        // One by one: Chrome makes one move of several that come together.
        for step in 1..=steps {
            let part = f64::from(step) / f64::from(steps);
            self.send_mouse_move(from.x + (x - from.x) * part, from.y + (y - from.y) * part)
                .done()
                .await?;
        }
        Ok(())
    }

    /// Holds a button down.
    ///
    /// # Errors
    /// Where it is down.
    pub async fn mouse_down(&self, button: MouseButton, click_count: u32) -> Result<(), InputError> {
        self.send_mouse_down(button, click_count)?.done().await?;
        Ok(())
    }

    /// Lets a button go.
    ///
    /// # Errors
    /// Where it is up.
    pub async fn mouse_up(&self, button: MouseButton, click_count: u32) -> Result<(), InputError> {
        self.send_mouse_up(button, click_count)?.done().await?;
        Ok(())
    }

    /// Moves the mouse and clicks.
    ///
    /// # Errors
    /// Where the button is down.
    pub async fn mouse_click(&self, x: f64, y: f64, options: ClickOptions) -> Result<(), InputError> {
        if options.count < 1 {
            return Err(InputError::NoClicks);
        }
        let button = options.button;
        let click_count = options.click_count.unwrap_or(options.count);
        let mut calls = vec![self.send_mouse_move(x, y)];
        if click_count == options.count {
            for nth in 1..options.count {
                calls.push(self.send_mouse_down(button, nth)?);
                calls.push(self.send_mouse_up(button, nth)?);
            }
        }
        calls.push(self.send_mouse_down(button, click_count)?);
        if let Some(delay) = options.delay {
            all_done(std::mem::take(&mut calls)).await?;
            tokio::time::sleep(delay).await;
        }
        calls.push(self.send_mouse_up(button, click_count)?);
        Ok(all_done(calls).await?)
    }

    /// Turns the wheel.
    ///
    /// # Errors
    /// As any command.
    pub async fn mouse_wheel(&self, delta_x: f64, delta_y: f64) -> Result<(), InputError> {
        let event = {
            let state = self.lock_input();
            let MouseState { x, y, buttons } = state.mouse.state();
            json!({
                "type": "mouseWheel", "pointerType": "mouse", "modifiers": state.keyboard.modifiers,
                "deltaX": delta_x, "deltaY": delta_y, "buttons": buttons, "x": x, "y": y,
            })
        };
        self.mouse_event(event).await?;
        Ok(())
    }

    /// Lets all buttons go and moves the mouse to the corner.
    ///
    /// # Errors
    /// As any command.
    pub async fn mouse_reset(&self) -> Result<(), InputError> {
        let mouse = self.lock_input().mouse.state();
        let mut calls = Vec::new();
        for button in MouseButton::ALL {
            if mouse.is_down(button) {
                calls.push(self.send_mouse_up(button, 1)?);
            }
        }
        if mouse.x != 0.0 || mouse.y != 0.0 {
            calls.push(self.send_mouse_move(0.0, 0.0));
        }
        Ok(all_done(calls).await?)
    }
}

fn button_event(
    kind: &str,
    button: MouseButton,
    click_count: u32,
    mouse: MouseState,
    modifiers: u32,
) -> serde_json::Value {
    json!({
        "type": kind, "modifiers": modifiers, "clickCount": click_count,
        "buttons": mouse.buttons, "button": button.name(), "x": mouse.x, "y": mouse.y,
    })
}
