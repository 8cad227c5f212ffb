//! The options of a `BrowserManager` that are puppeteer's, beside those of `browser_manager`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::browser_manager::{flag, text};
use super::check::invalid;
use super::js::{Thrown, Value};
use super::page::{keys, read_viewport};
use crate::driver::chromium::{BrowserOptions, IgnoredArgs};
use crate::page::Downloads;

/// In milliseconds; more would be a stop.
const MOST_SLOW_MO: f64 = 60_000.0;

/// Reads them into `read`.
pub(super) fn read(options: Value<'_>, read: &mut BrowserOptions) -> Result<(), Thrown> {
    if let Some(directory) = text(options, "userDataDir")? {
        let absolute = std::path::absolute(&directory);
        let wrong = |_| invalid(options, "options.userDataDir", "a path");
        read.user_data_dir = Some(absolute.map_err(wrong)?);
    }
    read.dump_io = flag(options, "dumpio")?.unwrap_or(false);
    read.accept_insecure_certs = flag(options, "acceptInsecureCerts")?.unwrap_or(false);
    read.ignored_args = ignored_args(options.get("ignoreDefaultArgs")?)?;
    read.variables = environment(options.get("env")?)?;
    let viewport = options.get("defaultViewport")?;
    if !viewport.is_undefined() {
        if !viewport.is_nullish() && !viewport.is_object() {
            return Err(invalid(viewport, "options.defaultViewport", "a viewport or null"));
        }
        read.pages.viewport = read_viewport(viewport)?;
    }
    let slow_mo = options.get("slowMo")?;
    if !slow_mo.is_undefined() {
        let ms = slow_mo.as_f64().filter(|ms| (0.0..=MOST_SLOW_MO).contains(ms));
        let ms = ms.ok_or_else(|| invalid(slow_mo, "options.slowMo", "a number of 0 to 60000"))?;
        let slow_mo = Duration::from_secs_f64(ms / 1_000.0);
        read.limits.slow_mo = Some(slow_mo).filter(|slow_mo| !slow_mo.is_zero());
    }
    read.pages.downloads = downloads(options.get("downloadBehavior")?)?;
    Ok(())
}

fn ignored_args(given: Value<'_>) -> Result<IgnoredArgs, Thrown> {
    match given.as_bool() {
        Some(true) => return Ok(IgnoredArgs::All),
        Some(false) => return Ok(IgnoredArgs::None),
        None if given.is_undefined() => return Ok(IgnoredArgs::None),
        None => {}
    }
    let wrong = || {
        invalid(
            given,
            "options.ignoreDefaultArgs",
            "a boolean or an array of strings",
        )
    };
    if !given.is_array() {
        return Err(wrong());
    }
    let args: Option<Vec<OsString>> = given
        .elements()?
        .into_iter()
        .map(|arg| arg.as_string().map(OsString::from))
        .collect();
    args.map(IgnoredArgs::Some).ok_or_else(wrong)
}

fn environment(given: Value<'_>) -> Result<Option<Vec<(OsString, OsString)>>, Thrown> {
    if given.is_undefined() {
        return Ok(None);
    }
    let wrong = || invalid(given, "options.env", "an object of strings");
    if !given.is_object() {
        return Err(wrong());
    }
    let mut variables = Vec::new();
    for name in keys(given)? {
        let value = given.get(&name)?;
        if value.is_undefined() {
            continue;
        }
        let value = value.as_string().ok_or_else(wrong)?;
        // What the system refuses would fail the launch without saying what.
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(wrong());
        }
        variables.push((name.into(), value.into()));
    }
    Ok(Some(variables))
}

fn downloads(given: Value<'_>) -> Result<Option<Downloads>, Thrown> {
    const POLICIES: [&str; 4] = ["deny", "allow", "allowAndName", "default"];
    if given.is_undefined() {
        return Ok(None);
    }
    let wrong =
        |what: Value<'_>, name: &str, expected: &str| invalid(what, &format!("options.{name}"), expected);
    if !given.is_object() {
        return Err(wrong(given, "downloadBehavior", "an object with a policy"));
    }
    let policy = given.get("policy")?;
    let named = policy
        .as_string()
        .filter(|name| POLICIES.contains(&name.as_str()));
    let expected = "'deny', 'allow', 'allowAndName' or 'default'";
    let named = named.ok_or_else(|| wrong(policy, "downloadBehavior.policy", expected))?;
    let path = given.get("downloadPath")?;
    let directory = match path.as_string() {
        Some(directory) => Some(absolute(directory)),
        None if path.is_undefined() => None,
        None => return Err(wrong(path, "downloadBehavior.downloadPath", "a string")),
    };
    if directory.is_none() && named.starts_with("allow") {
        let expected = "a string, as the policy allows downloads";
        return Err(wrong(path, "downloadBehavior.downloadPath", expected));
    }
    Ok(Some(Downloads {
        policy: named,
        path: directory,
    }))
}

/// Chrome takes no other paths.
fn absolute(path: String) -> String {
    let absolute = std::path::absolute(PathBuf::from(&path));
    absolute.map_or(path, |path| path.to_string_lossy().into_owned())
}
