//! `Mouse`, and what the options of a click say.

use crate::node::js::class::{Class, Method};
use crate::node::js::{Call, Thrown, Value};
use crate::page::{ClickOptions, InputError, MouseButton, Page};

use super::super::{options, promise};
use super::drag;
use super::keyboard::delay;

pub(in crate::node::page) struct Mouse;

impl Class for Mouse {
    type Data = Page;
    const NAME: &'static str = "Mouse";
    const MORE: &'static [&'static [Method<Page>]] = &[drag::MOUSE_METHODS];
    const METHODS: &'static [Method<Page>] = &[
        Method::promise("move", |scope, page, call| {
            let (x, y) = point(call)?;
            let steps = options::number(call.argument(2), "steps")?.unwrap_or(1.0);
            let (page, steps) = (Page::clone(page), whole(steps));
            promise::start_void(scope, async move { page.mouse_move(x, y, steps).await })
        }),
        Method::promise("down", |scope, page, call| {
            let (button, count) = button(call.argument(0))?;
            let page = Page::clone(page);
            promise::start_void(scope, async move { page.mouse_down(button?, count).await })
        }),
        Method::promise("up", |scope, page, call| {
            let (button, count) = button(call.argument(0))?;
            let page = Page::clone(page);
            promise::start_void(scope, async move { page.mouse_up(button?, count).await })
        }),
        Method::promise("click", |scope, page, call| {
            let (x, y) = point(call)?;
            let (page, click) = (Page::clone(page), click(call.argument(2))?);
            promise::start_void(scope, async move { page.mouse_click(x, y, click?).await })
        }),
        Method::promise("wheel", |scope, page, call| {
            let x = options::number(call.argument(0), "deltaX")?.unwrap_or_default();
            let y = options::number(call.argument(0), "deltaY")?.unwrap_or_default();
            let page = Page::clone(page);
            promise::start_void(scope, async move { page.mouse_wheel(x, y).await })
        }),
        Method::promise("reset", |scope, page, _| {
            let page = Page::clone(page);
            promise::start_void(scope, async move { page.mouse_reset().await })
        }),
    ];
}

/// The arguments `x` and `y`.
pub(super) fn point(call: &Call<'_>) -> Result<(f64, f64), Thrown> {
    Ok((
        coordinate(call.argument(0), "x")?,
        coordinate(call.argument(1), "y")?,
    ))
}

/// An argument that is a point.
pub(super) fn point_of(value: Value<'_>, name: &str) -> Result<(f64, f64), Thrown> {
    if !value.is_object() {
        let message = format!("{name} must be a point with x and y");
        return Err(Thrown::invalid_argument(value.scope(), &message));
    }
    let of = |axis: &str| coordinate(value.get(axis)?, &format!("{name}.{axis}"));
    Ok((of("x")?, of("y")?))
}

fn coordinate(value: Value<'_>, name: &str) -> Result<f64, Thrown> {
    value.as_f64().filter(|number| number.is_finite()).ok_or_else(|| {
        let got = value.coerce_to_string().unwrap_or_default();
        let message = format!("{name} must be a number of pixels, but is {got}");
        Thrown::invalid_argument(value.scope(), &message)
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "such casts saturate"
)]
fn whole(number: f64) -> u32 {
    number as u32
}

type Button = Result<MouseButton, InputError>;

fn button(given: Value<'_>) -> Result<(Button, u32), Thrown> {
    let button = match options::string(given, "button")? {
        Some(name) => MouseButton::from_name(&name),
        None => Ok(MouseButton::Left),
    };
    let count = options::number(given, "clickCount")?.unwrap_or(1.0);
    Ok((button, whole(count)))
}

/// The options of a click. A button that there is not is told when it is pressed.
pub(super) fn click(given: Value<'_>) -> Result<Result<ClickOptions, InputError>, Thrown> {
    let (button, _) = button(given)?;
    let count = whole(options::number(given, "count")?.unwrap_or(1.0));
    let click_count = options::number(given, "clickCount")?.map(whole);
    let delay = delay(given)?;
    Ok(button.map(|button| ClickOptions {
        button,
        count,
        click_count,
        delay,
    }))
}

/// A point within an element, from its upper left corner.
pub(super) fn offset_of(given: Value<'_>) -> Result<Option<(f64, f64)>, Thrown> {
    if !given.is_object() {
        return Ok(None);
    }
    Ok(Some((
        options::number(given, "x")?.unwrap_or_default(),
        options::number(given, "y")?.unwrap_or_default(),
    )))
}
