//! Checks of what JavaScript gives, and the errors that say what is wrong with it.

use super::js::{Kind, Thrown, Value};

/// The error for an option or argument that is not what it must be.
pub(crate) fn invalid(value: Value<'_>, name: &str, expected: &str) -> Thrown {
    let message = format!("{name} must be {expected}, but is {}", described(value));
    Thrown::invalid_argument(value.scope(), &message)
}

fn described(value: Value<'_>) -> String {
    let text = || value.coerce_to_string().unwrap_or_default();
    match value.kind() {
        Kind::Undefined => "undefined".to_owned(),
        Kind::Null => "null".to_owned(),
        Kind::String => format!("'{}'", text()),
        Kind::Function => "a function".to_owned(),
        Kind::Symbol => "a symbol".to_owned(),
        Kind::Object if value.is_array() => "an array".to_owned(),
        Kind::Object => "an object".to_owned(),
        Kind::Boolean | Kind::Number | Kind::BigInt => text(),
    }
}

/// Refuses options that are no object, and those that nobody knows. `undefined` is none at all, as option and as value.
pub(crate) fn options(options: Value<'_>, known: &[&str]) -> Result<(), Thrown> {
    if options.is_undefined() {
        return Ok(());
    }
    if !options.is_object() {
        return Err(invalid(options, "options", "an object"));
    }
    let scope = options.scope();
    let keys = scope.global().get("Object")?.call_method("keys", &[options])?;
    for key in keys.elements()?.into_iter().filter_map(Value::as_string) {
        if known.contains(&key.as_str()) || options.get(&key)?.is_undefined() {
            continue;
        }
        let meant =
            resembling(&key, known).map_or_else(String::new, |name| format!("; did you mean '{name}'?"));
        let message = format!("options.{key} is none of the options{meant}");
        return Err(Thrown::invalid_argument(scope, &message));
    }
    Ok(())
}

/// The name that is so close to this one that it may be meant.
fn resembling<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    /// As `strsim` counts: 1 is the same, 0 nothing alike.
    const CLOSE: f64 = 0.6;
    let likeness =
        |name: &str| strsim::normalized_damerau_levenshtein(&key.to_lowercase(), &name.to_lowercase());
    known
        .iter()
        .map(|&name| (likeness(name), name))
        .filter(|&(likeness, _)| likeness >= CLOSE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// An address of the web, as text or as a `URL`. Text is taken as it is; of a `URL` that is an origin only, that.
pub(crate) fn url(value: Value<'_>, name: &str) -> Result<String, Thrown> {
    let refused = || invalid(value, name, "a URL that begins with http:// or https://");
    let text = url_text(value)
        .filter(|text| !text.is_empty())
        .ok_or_else(refused)?;
    let parsed = parsed(value, &text).map_err(|_| refused())?;
    let part = |part| Ok::<_, Thrown>(parsed.get(part)?.as_string().unwrap_or_default());
    if !matches!(part("protocol")?.as_str(), "http:" | "https:") {
        return Err(refused());
    }
    let origin = part("origin")?;
    if value.is_object() && text.strip_prefix(&origin) == Some("/") {
        return Ok(origin);
    }
    Ok(text)
}

/// An absolute URL of any kind, as a string or a `URL`.
pub(crate) fn any_url(value: Value<'_>, name: &str) -> Result<String, Thrown> {
    let refused = || {
        invalid(
            value,
            name,
            "an absolute URL, such as https://…, data:… or about:blank",
        )
    };
    let text = url_text(value).ok_or_else(refused)?;
    parsed(value, &text).map_err(|_| refused())?;
    Ok(text)
}

/// The origin of a URL, where it is one of the web.
pub(crate) fn origin(url: Value<'_>) -> Result<Option<String>, Thrown> {
    let text = url_text(url).unwrap_or_default();
    let origin = parsed(url, &text)?.get("origin")?.as_string();
    Ok(origin.filter(|origin| origin.starts_with("http")))
}

/// The text of a string or a `URL`.
fn url_text(value: Value<'_>) -> Option<String> {
    let of_object = || value.get("href").ok().and_then(Value::as_string);
    value
        .as_string()
        .or_else(|| value.is_object().then(of_object).flatten())
}

/// A `URL` of the text, in the realm of the value that it is from.
fn parsed<'s>(value: Value<'s>, text: &str) -> Result<Value<'s>, Thrown> {
    let scope = value.scope();
    scope.global().get("URL")?.construct(&[scope.string(text)])
}

/// A length of time in ms: not negative; `Infinity` is without end.
pub(crate) fn milliseconds(value: Value<'_>, name: &str) -> Result<f64, Thrown> {
    value
        .as_f64()
        .filter(|&ms| ms >= 0.0)
        .ok_or_else(|| invalid(value, name, "a number of milliseconds, 0 or more"))
}

#[cfg(test)]
mod tests {
    use super::resembling;

    #[test]
    fn a_name_is_meant_by_one_that_differs_in_few_letters_or_in_case() {
        let known = ["maxPages", "serverURL", "closeTimeoutMs", "standbyTimeoutMs"];
        for (wrong, meant) in [
            ("maxpages", Some("maxPages")),
            ("maxPage", Some("maxPages")),
            ("serverUrl", Some("serverURL")),
            ("closeTimeout", Some("closeTimeoutMs")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(resembling(wrong, &known), meant, "{wrong}");
        }
    }
}
