//! `Keyboard`, and what the options of a key press say.

use std::time::Duration;

use crate::node::js::class::{Class, Method};
use crate::node::js::{Call, Thrown, Value};
use crate::page::{InputError, Page};

use super::super::{options, promise};

pub(in crate::node::page) struct Keyboard;

impl Class for Keyboard {
    type Data = Page;
    const NAME: &'static str = "Keyboard";
    const METHODS: &'static [Method<Page>] = &[
        Method::promise("down", |scope, page, call| {
            let (page, press) = (Page::clone(page), Press::read(call)?);
            promise::start_void(scope, async move {
                page.key_down(&press.key, press.text.as_deref(), press.commands.as_deref())
                    .await
            })
        }),
        Method::promise("up", |scope, page, call| {
            let (page, key) = (Page::clone(page), call.argument(0).coerce_to_string()?);
            promise::start_void(scope, async move { page.key_up(&key).await })
        }),
        Method::promise("press", |scope, page, call| {
            let (page, press) = (Page::clone(page), Press::read(call)?);
            promise::start_void(scope, async move { press.on(&page).await })
        }),
        Method::promise("type", |scope, page, call| {
            let (page, text) = (Page::clone(page), call.argument(0).coerce_to_string()?);
            let delay = delay(call.argument(1))?;
            promise::start_void(scope, async move { page.type_text(&text, delay).await })
        }),
        Method::promise("sendCharacter", |scope, page, call| {
            let (page, text) = (Page::clone(page), call.argument(0).coerce_to_string()?);
            promise::start_void(scope, async move { page.insert_text(&text).await })
        }),
    ];
}

/// One key, and how it is pressed.
pub(super) struct Press {
    key: String,
    text: Option<String>,
    commands: Option<Vec<String>>,
    delay: Option<Duration>,
}

impl Press {
    pub fn read(call: &Call<'_>) -> Result<Self, Thrown> {
        let given = call.argument(1);
        let commands = match options::get(given, "commands")? {
            Some(commands) => {
                let texts: Result<_, _> = commands
                    .elements()?
                    .into_iter()
                    .map(Value::coerce_to_string)
                    .collect();
                Some(texts?)
            }
            None => None,
        };
        Ok(Self {
            key: call.argument(0).coerce_to_string()?,
            text: options::string(given, "text")?,
            commands,
            delay: delay(given)?,
        })
    }

    pub async fn on(&self, page: &Page) -> Result<(), InputError> {
        page.press(
            &self.key,
            self.text.as_deref(),
            self.commands.as_deref(),
            self.delay,
        )
        .await
    }
}

/// The `delay` among the options, none where it is 0.
pub(super) fn delay(given: Value<'_>) -> Result<Option<Duration>, Thrown> {
    let millis = options::number(given, "delay")?.map(options::millis);
    Ok(millis.filter(|millis| *millis > 0).map(Duration::from_millis))
}
