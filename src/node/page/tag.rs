//! `addScriptTag` and `addStyleTag`.

use crate::node::js::{Call, Scope, Thrown, Value};
use crate::page::{Argument, Code, Frame};

use super::error::OfOurScript;
use super::{handle, options, promise};

const ADD_SCRIPT: &str = "async ({ url, id, type, content }) => {
    const script = document.createElement('script');
    script.type = type ?? 'text/javascript';
    script.text = content ?? '';
    const loaded = url === undefined ? undefined : new Promise((resolve, reject) => {
        script.addEventListener('load', resolve, { once: true });
        script.addEventListener('error', event => reject(new Error(event.message ?? 'Could not load script')),
            { once: true });
        script.src = url;
    });
    if (id) script.id = id;
    document.head.appendChild(script);
    await loaded;
    return script;
}";

const ADD_STYLE: &str = "async ({ url, content }) => {
    const element = document.createElement(url === undefined ? 'style' : 'link');
    if (url === undefined) {
        element.appendChild(document.createTextNode(content));
    } else {
        element.rel = 'stylesheet';
        element.href = url;
    }
    const loaded = new Promise((resolve, reject) => {
        element.addEventListener('load', resolve, { once: true });
        element.addEventListener('error', event => reject(new Error(event.message ?? 'Could not load style')),
            { once: true });
    });
    document.head.appendChild(element);
    await loaded;
    return element;
}";

pub(super) fn add<'s>(
    scope: Scope<'s>,
    frame: &Frame,
    call: &Call<'s>,
    is_script: bool,
) -> Result<Value<'s>, Thrown> {
    let given = call.argument(0);
    let url = options::string(given, "url")?;
    let path = options::string(given, "path")?;
    let mut content = options::string(given, "content")?;
    if [&url, &path, &content].into_iter().flatten().count() != 1 {
        let message = "Exactly one of `url`, `path`, or `content` must be specified.";
        return Err(Thrown::refused(scope, message));
    }
    if let Some(path) = path {
        let mut text = read_file(scope, &path)?;
        // So that its stacks and the debugger say where it is from.
        let place = path.replace('\n', "");
        let (open, close) = if is_script { ("//#", "") } else { ("/*#", "*/") };
        text.extend(["\n", open, " sourceURL=", &place, close]);
        content = Some(text);
    }
    let mut given_to_page = serde_json::Map::new();
    for (name, value) in [
        ("url", url),
        ("content", content),
        ("id", options::string(given, "id")?),
        ("type", options::string(given, "type")?),
    ] {
        if let Some(value) = value {
            given_to_page.insert(name.to_owned(), value.into());
        }
    }
    let argument = serde_json::value::to_raw_value(&given_to_page)
        .map(Argument::Json)
        .map_err(|error| Thrown::invalid_argument(scope, &error.to_string()))?;
    let code = if is_script { ADD_SCRIPT } else { ADD_STYLE };
    let (frame, of_handle) = (frame.clone(), frame.clone());
    let code = Code::call(code, [argument]);
    let adding = async move { frame.evaluate_handle(code).await.map_err(OfOurScript) };
    promise::start(scope, adding, move |scope, object| {
        handle::wrap(scope, &of_handle, object)
    })
}

fn read_file(scope: Scope<'_>, path: &str) -> Result<String, Thrown> {
    std::fs::read_to_string(path).map_err(|error| {
        let message = format!("{path} cannot be read: {error}");
        Thrown::refused(scope, &message)
    })
}
