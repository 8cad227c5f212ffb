//! Chrome's command line.

use std::ffi::OsString;
use std::path::Path;

use super::find::Flavour;
use super::options::{BrowserOptions, Environment, Headless, IgnoredArgs};

/// How we speak to Chrome: nothing works without it.
const PIPE: &str = "--remote-debugging-pipe";

/// Puppeteer's own, so that pages behave alike, and those that keep Chrome quiet on a closed network.
const ALWAYS: &[&str] = &[
    "--allow-pre-commit-input",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-extensions-with-background-pages",
    "--disable-component-update",
    "--disable-crash-reporter",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-hang-monitor",
    "--disable-infobars",
    "--disable-ipc-flooding-protection",
    "--disable-popup-blocking",
    "--disable-prompt-on-repost",
    "--disable-quic",
    "--disable-renderer-backgrounding",
    "--disable-search-engine-choice-screen",
    "--disable-sync",
    "--enable-automation",
    "--export-tagged-pdf",
    "--force-color-profile=srgb",
    "--generate-pdf-document-outline",
    "--metrics-recording-only",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-startup-window",
    "--password-store=basic",
    "--use-mock-keychain",
];

const DISABLED_FEATURES: &[&str] = &[
    "Translate",
    "AcceptCHFrame",
    "MediaRouter",
    "OptimizationHints",
    "WebUIReloadButton",
    "ProcessPerSiteUpToMainFrameThreshold",
    "IsolateSandboxedIframes",
];

const ENABLED_FEATURES: &[&str] = &["PdfOopif"];

/// Without it what is selected in a page could be pasted in any other, of another context too, by the middle button.
const BLINK_SETTINGS: &[&str] = &["selectionClipboardBufferAvailable=false"];

/// The whole command line, without the executable.
pub(super) fn command_line(
    options: &BrowserOptions,
    environment: &Environment,
    flavour: Flavour,
    profile: &Path,
    is_root: bool,
) -> Vec<OsString> {
    let mut given: Vec<OsString> = options.args.iter().chain(&environment.args).cloned().collect();
    let mut line = vec![OsString::from(PIPE)];
    match &options.ignored_args {
        IgnoredArgs::All => {}
        IgnoredArgs::Some(ignored) => {
            let usual = usual(options, environment, flavour, &mut given);
            line.extend(usual.into_iter().filter(|arg| !ignored.contains(arg)));
        }
        IgnoredArgs::None => line.extend(usual(options, environment, flavour, &mut given)),
    }
    let by_default = is_root && options.ignored_args != IgnoredArgs::All;
    if options.no_sandbox.unwrap_or(by_default) || environment.no_sandbox {
        line.extend(["--no-sandbox", "--disable-setuid-sandbox"].map(OsString::from));
    }
    if environment.insecure_loopback {
        line.extend(["--ignore-certificate-errors", "--allow-insecure-localhost"].map(OsString::from));
    }
    if environment.v8_profile {
        let log = environment.temporary().join(format!("{V8_PROFILE}%p.log"));
        let mut flags = OsString::from("--js-flags=--prof --logfile=");
        flags.push(std::path::absolute(&log).unwrap_or(log));
        for more in take_values(&mut given, "--js-flags=") {
            flags.push(" ");
            flags.push(more);
        }
        line.push(flags);
    }
    if options.debugging_port {
        line.push("--remote-debugging-port=0".into());
    }
    let mut user_data_dir = OsString::from("--user-data-dir=");
    user_data_dir.push(profile);
    line.push(user_data_dir);
    // Chrome takes the last of several.
    line.append(&mut given);
    line
}

/// The default arguments. Takes the features and settings out of what was given.
fn usual(
    options: &BrowserOptions,
    environment: &Environment,
    flavour: Flavour,
    given: &mut Vec<OsString>,
) -> Vec<OsString> {
    let mut line: Vec<OsString> = ALWAYS.iter().map(OsString::from).collect();
    for (flag, ours) in [
        ("--disable-features=", DISABLED_FEATURES),
        ("--enable-features=", ENABLED_FEATURES),
        ("--blink-settings=", BLINK_SETTINGS),
    ] {
        line.push(joined(given, flag, ours));
    }

    if !environment.show_windows && options.headless != Headless::Off {
        let full = options.headless == Headless::New || flavour == Flavour::Full;
        line.push(if full { "--headless=new" } else { "--headless" }.into());
        line.extend(["--hide-scrollbars", "--mute-audio"].map(OsString::from));
    }
    line
}

/// The argument with a list of our own, and what was given of it behind that: Chrome takes only the last list.
fn joined(given: &mut Vec<OsString>, flag: &str, ours: &[&str]) -> OsString {
    let theirs = take_values(given, flag);
    let theirs = theirs.iter().flat_map(|list| list.split(','));
    let entries = ours
        .iter()
        .copied()
        .chain(theirs.filter(|entry| !entry.is_empty()));
    format!("{flag}{}", entries.collect::<Vec<_>>().join(",")).into()
}

/// Takes the arguments with this flag out, and gives what follows it.
fn take_values(args: &mut Vec<OsString>, flag: &str) -> Vec<String> {
    let mut values = Vec::new();
    args.retain(|arg| match arg.to_str().and_then(|arg| arg.strip_prefix(flag)) {
        Some(value) => {
            values.push(value.to_owned());
            false
        }
        None => true,
    });
    values
}

/// Part of the names of V8's profiles. V8 puts the isolate's name before it.
const V8_PROFILE: &str = "prerender-v8-prof-";

/// Removes the profiles of earlier launches, as far as it may. Blocks.
pub(super) fn remove_v8_profiles(directory: &Path) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        let is_profile =
            memchr::memmem::find(name, V8_PROFILE.as_bytes()).is_some() && name.ends_with(b".log");
        if is_profile && let Err(error) = std::fs::remove_file(entry.path()) {
            tracing::debug!(%error, path = %entry.path().display(), "a profile of V8 could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(
        options: &BrowserOptions,
        environment: &Environment,
        flavour: Flavour,
        root: bool,
    ) -> Vec<String> {
        command_line(options, environment, flavour, Path::new("/tmp/profile"), root)
            .into_iter()
            .map(|arg| arg.into_string().expect("a plain argument"))
            .collect()
    }

    fn has(line: &[String], arg: &str) -> bool {
        line.iter().any(|other| other == arg)
    }

    #[test]
    fn the_shell_is_headless_and_full_chrome_newly_headless() {
        let (options, environment) = (BrowserOptions::default(), Environment::default());
        assert!(has(
            &line(&options, &environment, Flavour::Shell, false),
            "--headless"
        ));
        assert!(has(
            &line(&options, &environment, Flavour::Full, false),
            "--headless=new"
        ));
    }

    #[test]
    fn the_usual_arguments_are_left_out_by_name_or_altogether() {
        let options = |ignored_args| BrowserOptions {
            ignored_args,
            args: vec!["--lang=de".into()],
            ..BrowserOptions::default()
        };
        let environment = Environment::default();
        let some = options(IgnoredArgs::Some(vec![
            "--disable-sync".into(),
            "--remote-debugging-pipe".into(),
        ]));
        let some = line(&some, &environment, Flavour::Shell, true);
        assert!(!has(&some, "--disable-sync"), "{some:?}");
        assert!(
            has(&some, "--remote-debugging-pipe") && has(&some, "--no-first-run") && has(&some, "--headless")
        );
        let none = line(&options(IgnoredArgs::All), &environment, Flavour::Shell, true);
        assert_eq!(
            none,
            [
                "--remote-debugging-pipe",
                "--user-data-dir=/tmp/profile",
                "--lang=de"
            ]
        );
    }

    #[test]
    fn windows_are_shown_when_the_environment_asks() {
        let environment = Environment {
            show_windows: true,
            ..Environment::default()
        };
        let line = line(&BrowserOptions::default(), &environment, Flavour::Full, false);
        assert!(
            !line.iter().any(|arg| arg.starts_with("--headless")),
            "headless in {line:?}"
        );
    }

    #[test]
    fn the_sandbox_is_off_for_root_or_when_asked_only() {
        let (options, environment) = (BrowserOptions::default(), Environment::default());
        assert!(!has(
            &line(&options, &environment, Flavour::Shell, false),
            "--no-sandbox"
        ));
        assert!(has(
            &line(&options, &environment, Flavour::Shell, true),
            "--no-sandbox"
        ));
        let ci = Environment {
            no_sandbox: true,
            ..Environment::default()
        };
        let in_ci = line(&options, &ci, Flavour::Shell, false);
        assert!(
            has(&in_ci, "--no-sandbox") && has(&in_ci, "--disable-setuid-sandbox"),
            "in CI: {in_ci:?}"
        );
    }

    #[test]
    fn v8_is_profiled_beside_the_caller_s_own_flags() {
        let environment = Environment {
            v8_profile: true,
            temporary: Some("/var/tmp/ours".into()),
            args: vec!["--js-flags=--expose-gc".into()],
            ..Environment::default()
        };
        let line = line(&BrowserOptions::default(), &environment, Flavour::Shell, false);
        let flags: Vec<_> = line.iter().filter(|arg| arg.starts_with("--js-flags")).collect();
        assert_eq!(
            flags,
            ["--js-flags=--prof --logfile=/var/tmp/ours/prerender-v8-prof-%p.log --expose-gc"]
        );
    }

    #[test]
    fn the_caller_s_blink_settings_are_added_to_ours() {
        let options = BrowserOptions {
            args: vec!["--blink-settings=imagesEnabled=false".into()],
            ..BrowserOptions::default()
        };
        let line = line(&options, &Environment::default(), Flavour::Shell, false);
        let lists: Vec<_> = line.iter().filter(|arg| arg.starts_with("--blink-")).collect();
        assert_eq!(
            lists,
            ["--blink-settings=selectionClipboardBufferAvailable=false,imagesEnabled=false"]
        );
    }

    #[test]
    fn the_caller_s_arguments_come_last_and_features_are_joined() {
        let options = BrowserOptions {
            args: vec!["--disable-features=A,B".into(), "--lang=de".into()],
            ..BrowserOptions::default()
        };
        let environment = Environment {
            args: vec!["--lang=fr".into()],
            ..Environment::default()
        };
        let line = line(&options, &environment, Flavour::Shell, false);
        assert_eq!(line[line.len() - 2..], ["--lang=de", "--lang=fr"]);
        let lists: Vec<_> = line
            .iter()
            .filter(|arg| arg.starts_with("--disable-features="))
            .collect();
        assert_eq!(lists.len(), 1, "one list of disabled features, got {lists:?}");
        assert!(
            lists[0].contains("Translate,") && lists[0].ends_with(",A,B"),
            "joined list: {lists:?}"
        );
    }
}
