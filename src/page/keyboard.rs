//! The keys of a US keyboard and the commands that press them.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::InputError;

/// What a name such as `Enter`, `KeyA` or `%` stands for.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Definition {
    key_code: u32,
    shift_key_code: u32,
    key: String,
    shift_key: String,
    code: String,
    text: String,
    location: u32,
}

static LAYOUT: LazyLock<HashMap<String, Definition>> =
    LazyLock::new(|| serde_json::from_str(include_str!("us_keyboard.json")).unwrap_or_default());

const SHIFT: u32 = 8;

fn modifier(key: &str) -> u32 {
    match key {
        "Alt" => 1,
        "Control" => 2,
        "Meta" => 4,
        "Shift" => SHIFT,
        _ => 0,
    }
}

/// Whether a key types this character.
pub(super) fn has_key(character: char) -> bool {
    let mut buffer = [0; 4];
    LAYOUT.contains_key(&*character.encode_utf8(&mut buffer))
}

/// A key as the held modifiers make it.
struct Stroke<'a> {
    key: &'a str,
    key_code: u32,
    code: &'a str,
    text: &'a str,
    location: u32,
}

/// The keys that are held down.
#[derive(Default)]
pub(super) struct Keyboard {
    pub modifiers: u32,
    pressed: HashSet<&'static str>,
}

impl Keyboard {
    fn stroke(&self, name: &str) -> Result<Stroke<'static>, InputError> {
        let key = LAYOUT
            .get(name)
            .ok_or_else(|| InputError::UnknownKey(name.to_owned()))?;
        let shifted = self.modifiers & SHIFT != 0;
        let shown = if shifted && !key.shift_key.is_empty() {
            &key.shift_key
        } else {
            &key.key
        };
        // With any other modifier than shift a key types nothing.
        let text = if self.modifiers & !SHIFT != 0 {
            ""
        } else if !key.text.is_empty() {
            &key.text
        } else if shown.chars().count() == 1 {
            shown
        } else {
            ""
        };
        Ok(Stroke {
            key: shown,
            key_code: if shifted && key.shift_key_code != 0 {
                key.shift_key_code
            } else {
                key.key_code
            },
            code: &key.code,
            text,
            location: key.location,
        })
    }

    /// Holds a key down; gives the event to send.
    pub fn down(
        &mut self,
        name: &str,
        text: Option<&str>,
        commands: Option<&[String]>,
    ) -> Result<Value, InputError> {
        let stroke = self.stroke(name)?;
        let repeated = !self.pressed.insert(stroke.code);
        self.modifiers |= modifier(stroke.key);
        let text = text.unwrap_or(stroke.text);
        let mut event = json!({
            "type": if text.is_empty() { "rawKeyDown" } else { "keyDown" },
            "modifiers": self.modifiers, "windowsVirtualKeyCode": stroke.key_code, "code": stroke.code,
            "key": stroke.key, "text": text, "unmodifiedText": text, "autoRepeat": repeated,
            "location": stroke.location, "isKeypad": stroke.location == 3,
        });
        if let Some(commands) = commands {
            event["commands"] = commands.into();
        }
        Ok(event)
    }

    /// Lets a key go; gives the event to send.
    pub fn up(&mut self, name: &str) -> Result<Value, InputError> {
        let stroke = self.stroke(name)?;
        self.modifiers &= !modifier(stroke.key);
        self.pressed.remove(stroke.code);
        Ok(json!({
            "type": "keyUp", "modifiers": self.modifiers, "key": stroke.key,
            "windowsVirtualKeyCode": stroke.key_code, "code": stroke.code, "location": stroke.location,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_there() {
        assert!(LAYOUT.len() > 200, "{} keys", LAYOUT.len());
        assert!(has_key('a') && has_key('%') && !has_key('é'));
    }

    #[test]
    fn shift_changes_what_a_key_types() {
        let mut keyboard = Keyboard::default();
        assert_eq!(keyboard.down("KeyA", None, None).unwrap()["text"], "a");
        keyboard.down("Shift", None, None).unwrap();
        let event = keyboard.down("KeyA", None, None).unwrap();
        assert_eq!(
            (&event["text"], &event["autoRepeat"]),
            (&json!("A"), &json!(true))
        );
        keyboard.up("Shift").unwrap();
        assert_eq!(keyboard.modifiers, 0);
    }

    #[test]
    fn other_modifiers_type_nothing() {
        let mut keyboard = Keyboard::default();
        keyboard.down("Control", None, None).unwrap();
        assert_eq!(keyboard.down("a", None, None).unwrap()["type"], "rawKeyDown");
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let error = Keyboard::default().down("NotAKey", None, None).unwrap_err();
        assert_eq!(error.to_string(), "Unknown key: \"NotAKey\"");
    }
}
