//! The search for a Chrome.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use super::embedded;
use super::options::{BrowserOptions, Environment, Headless};

const SHELL_NAMES: &[&str] = &[
    "chromium-headless-shell",
    "chrome-headless-shell",
    "headless-shell",
    "headless_shell",
];
const FULL_NAMES: &[&str] = &[
    "google-chrome-stable",
    "google-chrome",
    "chrome",
    "chromium",
    "chromium-browser",
    "chrome-browser",
];
/// Where installers put a Chrome without a name on `PATH`.
const FULL_PATHS: &[&str] = &[
    "/opt/google/chrome/chrome",
    "/opt/chromium.org/chromium/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/// How to get a Chrome.
const REMEDY: &str = if embedded::IS_FOR_HERE {
    "To get one: `npm install @sparticuz/chromium`, or `npx puppeteer browsers install chrome-headless-shell`, or \
     Debian's package chromium-headless-shell; or name one by PUPPETEER_EXECUTABLE_PATH"
} else {
    "To get one: `npx puppeteer browsers install chrome-headless-shell`, or a package of the system; or name one by \
     PUPPETEER_EXECUTABLE_PATH"
};
/// The same where a headless shell will not do.
const FULL_REMEDY: &str = "To get one: `npx puppeteer browsers install chrome`, or a package of the system; or name one by \
                           PUPPETEER_EXECUTABLE_PATH";

/// The kind of a Chrome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flavour {
    /// The headless shell.
    Shell,
    /// Chrome with everything.
    Full,
}

/// A Chrome to start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Executable {
    /// Its path.
    pub path: PathBuf,
    /// Its kind.
    pub flavour: Flavour,
    /// Variables that it needs, because the machine lacks libraries or fonts.
    pub variables: Vec<(&'static str, PathBuf)>,
}

/// No Chrome was found, or the one that was asked for is none (`BROWSER_NOT_FOUND`).
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The option or variable names something that cannot be run.
    #[error("no browser found: {path} ({origin}) {problem}", path = .path.display())]
    NotExecutable {
        /// The path that it names.
        path: PathBuf,
        /// Which option or variable.
        origin: &'static str,
        /// The fault in it.
        problem: &'static str,
    },
    /// Nothing anywhere.
    #[error("no browser found; looked for {}. {remedy}", list(.looked))]
    Nowhere {
        /// The places, in order.
        looked: Vec<String>,
        /// How to get one.
        remedy: &'static str,
    },
    /// The embedded Chrome is there, but cannot be unpacked.
    #[error("no browser found; the embedded one at {path} cannot be unpacked: {source}", path = .package.display())]
    Embedded {
        /// Its package.
        package: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn list(places: &[String]) -> String {
    let mut text = String::new();
    for (index, place) in places.iter().enumerate() {
        let separator = if index == 0 { "" } else { "; " };
        // Writing to a string does not fail.
        let _ = write!(text, "{separator}{place}");
    }
    text
}

/// Finds a Chrome: option, `PUPPETEER_EXECUTABLE_PATH`, usual names and places, caches of puppeteer and Playwright,
/// embedded. May unpack the embedded one, which takes seconds.
///
/// # Errors
/// Says where it looked.
pub fn find(options: &BrowserOptions, environment: &Environment) -> Result<Executable, FindError> {
    if let Some(path) = &options.executable {
        return named(path, "option executablePath");
    }
    if let Some(path) = &environment.executable {
        return named(path, "PUPPETEER_EXECUTABLE_PATH");
    }
    let windows = environment.show_windows || options.headless == Headless::Off;
    let wanted: &[&[&str]] = match (windows, options.headless) {
        (false, Headless::Shell) => &[SHELL_NAMES, FULL_NAMES],
        _ => &[FULL_NAMES],
    };
    let mut looked = vec![
        "option executablePath (not given)".to_owned(),
        "PUPPETEER_EXECUTABLE_PATH (not set)".to_owned(),
    ];
    let names = wanted.concat();
    looked.push(format!("{} on PATH", names.join(", ")));
    for name in names {
        if let Some(path) = on_path(name, environment.path.as_deref()) {
            return Ok(Executable {
                flavour: flavour_of(&path),
                path,
                variables: Vec::new(),
            });
        }
    }
    for path in FULL_PATHS {
        looked.push((*path).to_owned());
        if problem_with(Path::new(path)).is_none() {
            return Ok(Executable {
                path: path.into(),
                flavour: Flavour::Full,
                variables: Vec::new(),
            });
        }
    }
    let is_full = windows || options.headless == Headless::New;
    let flavours: &[Flavour] = if is_full {
        &[Flavour::Full]
    } else {
        &[Flavour::Shell, Flavour::Full]
    };
    looked.extend(environment.caches.places());
    for &flavour in flavours {
        if let Some(path) = environment.caches.newest(flavour) {
            return Ok(Executable {
                path,
                flavour,
                variables: Vec::new(),
            });
        }
    }
    if is_full {
        let asked = if windows { "windows" } else { "headless: 'new'" };
        looked.push(format!(
            "no headless shell, since full Chrome was asked for ({asked})"
        ));
        return Err(FindError::Nowhere {
            looked,
            remedy: FULL_REMEDY,
        });
    }
    let roots = embedded::roots(&options.package_roots);
    looked.push(format!(
        "the package {}{} from {} upwards",
        embedded::PACKAGE,
        if embedded::IS_FOR_HERE {
            ""
        } else {
            " (which is for Linux on x64)"
        },
        roots
            .iter()
            .map(|root| root.display().to_string())
            .collect::<Vec<_>>()
            .join(", ")
    ));
    match embedded::package(&roots) {
        Some(package) => embedded::unpacked(&package, environment.cache.as_deref())
            .map_err(|source| FindError::Embedded { package, source }),
        None => Err(FindError::Nowhere {
            looked,
            remedy: REMEDY,
        }),
    }
}

fn named(path: &Path, origin: &'static str) -> Result<Executable, FindError> {
    match problem_with(path) {
        None => Ok(Executable {
            path: path.to_owned(),
            flavour: flavour_of(path),
            variables: Vec::new(),
        }),
        Some(problem) => Err(FindError::NotExecutable {
            path: path.to_owned(),
            origin,
            problem,
        }),
    }
}

fn on_path(name: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    std::env::split_paths(path?)
        .map(|directory| directory.join(name))
        .find(|file| problem_with(file).is_none())
}

pub(super) fn problem_with(path: &Path) -> Option<&'static str> {
    use std::os::unix::fs::PermissionsExt;
    match path.metadata() {
        Err(_) => Some("does not exist"),
        Ok(metadata) if !metadata.is_file() => Some("is not a file"),
        Ok(metadata) if metadata.permissions().mode() & 0o111 == 0 => Some("is not executable"),
        Ok(_) => None,
    }
}

fn flavour_of(path: &Path) -> Flavour {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let shell = name.contains("headless-shell") || name.contains("headless_shell");
    if shell { Flavour::Shell } else { Flavour::Full }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::super::caches::BrowserCaches;
    use super::*;

    fn program(directory: &Path, name: &str) -> PathBuf {
        let path = directory.join(name);
        fs::write(&path, "#!/bin/sh\n").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
        path
    }

    fn on(directory: &Path) -> Environment {
        Environment {
            path: Some(directory.into()),
            ..Environment::default()
        }
    }

    #[test]
    fn the_shell_is_preferred_to_full_chrome() {
        let directory = tempfile::tempdir().expect("a directory");
        let full = program(directory.path(), "chromium");
        let shell = program(directory.path(), "chromium-headless-shell");
        let found = find(&BrowserOptions::default(), &on(directory.path())).expect("a browser");
        assert_eq!((found.path, found.flavour), (shell, Flavour::Shell));
        let options = BrowserOptions {
            headless: Headless::New,
            ..BrowserOptions::default()
        };
        let found = find(&options, &on(directory.path())).expect("a browser");
        assert_eq!(
            (found.path, found.flavour),
            (full, Flavour::Full),
            "headless: 'new' asks for full Chrome"
        );
    }

    #[test]
    fn what_an_installer_has_cached_comes_after_what_the_machine_has() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = directory.path().join("chromium-1200/chrome-linux64");
        fs::create_dir_all(&cache).expect("directories");
        let cached = program(&cache, "chrome");
        let environment = Environment {
            caches: BrowserCaches {
                puppeteer: None,
                playwright: Some(directory.path().into()),
            },
            ..on(directory.path())
        };
        let found = find(&BrowserOptions::default(), &environment).expect("a browser");
        // A machine with a Chrome in one of the fixed places finds that.
        if !FULL_PATHS.iter().any(|path| found.path == Path::new(path)) {
            assert_eq!((found.path, found.flavour), (cached, Flavour::Full));
        }
        let installed = program(directory.path(), "chromium");
        let found = find(&BrowserOptions::default(), &environment).expect("a browser");
        assert_eq!(found.path, installed);
    }

    #[test]
    fn the_option_beats_the_environment_which_beats_the_path() {
        let directory = tempfile::tempdir().expect("a directory");
        program(directory.path(), "chromium");
        let (one, two) = (program(directory.path(), "one"), program(directory.path(), "two"));
        let environment = Environment {
            executable: Some(two.clone()),
            ..on(directory.path())
        };
        let found = find(&BrowserOptions::default(), &environment).expect("a browser");
        assert_eq!(found.path, two, "PUPPETEER_EXECUTABLE_PATH beats PATH");
        let options = BrowserOptions {
            executable: Some(one.clone()),
            ..BrowserOptions::default()
        };
        assert_eq!(
            find(&options, &environment).expect("a browser").path,
            one,
            "the option beats the variable"
        );
    }

    #[test]
    fn a_named_browser_that_is_none_is_an_error_that_names_it() {
        let options = BrowserOptions {
            executable: Some("/nowhere/chrome".into()),
            ..BrowserOptions::default()
        };
        let error = find(&options, &Environment::default()).expect_err("no browser");
        assert_eq!(
            error.to_string(),
            "no browser found: /nowhere/chrome (option executablePath) does not exist"
        );
    }

    #[test]
    fn a_shell_is_no_browser_for_windows_and_the_error_says_so() {
        let directory = tempfile::tempdir().expect("a directory");
        program(directory.path(), "chromium-headless-shell");
        let environment = Environment {
            show_windows: true,
            ..on(directory.path())
        };
        match find(&BrowserOptions::default(), &environment) {
            Err(error) => assert!(
                error.to_string().contains("full Chrome was asked for (windows)"),
                "the reason is not in: {error}"
            ),
            // A machine with a Chrome in one of the fixed places finds that.
            Ok(found) => assert_eq!(found.flavour, Flavour::Full),
        }
    }

    #[test]
    fn nothing_anywhere_is_an_error_that_says_where_it_looked() {
        let directory = tempfile::tempdir().expect("a directory");
        let options = BrowserOptions {
            package_roots: vec![directory.path().to_owned()],
            ..BrowserOptions::default()
        };
        match find(&options, &on(directory.path())) {
            Err(error @ FindError::Nowhere { .. }) => {
                let text = error.to_string();
                for place in [
                    "PUPPETEER_EXECUTABLE_PATH",
                    "chromium-headless-shell",
                    "on PATH",
                    embedded::PACKAGE,
                    "npx puppeteer browsers install",
                ] {
                    assert!(text.contains(place), "{place} is not in: {text}");
                }
            }
            // A machine with a Chrome in one of the fixed places finds that.
            Ok(found) => assert!(
                FULL_PATHS.iter().any(|path| found.path == Path::new(path)),
                "{found:?}"
            ),
            Err(error) => panic!("unexpected {error:?}"),
        }
    }
}
