//! How Chrome is to be started: options, and what the environment adds to them.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::caches::BrowserCaches;
use crate::cdp::Limits;
use crate::page::PageDefaults;

/// Which Chrome is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Headless {
    /// The headless shell where there is one, else full Chrome without windows.
    #[default]
    Shell,
    /// Full Chrome without windows.
    New,
    /// Full Chrome with windows.
    Off,
}

/// Which of the arguments that are usually passed are not. The debugging pipe and the profile always are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum IgnoredArgs {
    /// None of them: all are passed.
    #[default]
    None,
    /// These, each as it would be passed.
    Some(Vec<OsString>),
    /// All of them.
    All,
}

/// Options of a [`super::BrowserManager`].
#[derive(Clone, Debug)]
pub struct BrowserOptions {
    /// The Chrome to use. Default: searched for.
    pub executable: Option<PathBuf>,
    /// Which Chrome is wanted. Default: the headless shell.
    pub headless: Headless,
    /// Appended to the command line. Default: none.
    pub args: Vec<OsString>,
    /// Which of the usual arguments are left out. Default: none.
    pub ignored_args: IgnoredArgs,
    /// Chrome's environment. Default: this process's.
    pub variables: Option<Vec<(OsString, OsString)>>,
    /// True if what Chrome writes to its output and its errors goes to this process's. Default: false.
    pub dump_io: bool,
    /// True if certificates are accepted that nobody vouches for. Default: false.
    pub accept_insecure_certs: bool,
    /// Defaults of pages and contexts.
    pub pages: PageDefaults,
    /// True if Chrome runs without its sandbox, as it must for root. Default: only for root.
    pub no_sandbox: Option<bool>,
    /// A profile to use and keep, in place of one that is made for each launch. Default: none.
    pub user_data_dir: Option<PathBuf>,
    /// Where profiles are made. Default: the directory for temporary files.
    pub profile_parent: Option<PathBuf>,
    /// True if Chrome also opens a port, so that others can connect. Default: false.
    pub debugging_port: bool,
    /// A running browser to connect to instead of starting one. Default: none.
    pub ws_endpoint: Option<String>,
    /// How long Chrome may take to start. Default: 30 s.
    pub launch_timeout: Duration,
    /// The connection's limits. Default: puppeteer's.
    pub limits: Limits,
    /// Directories from which the embedded Chrome's package is searched for, upwards through `node_modules`.
    /// Default: the working directory.
    pub package_roots: Vec<PathBuf>,
}

impl Default for BrowserOptions {
    fn default() -> Self {
        Self {
            executable: None,
            headless: Headless::Shell,
            args: Vec::new(),
            ignored_args: IgnoredArgs::None,
            variables: None,
            dump_io: false,
            accept_insecure_certs: false,
            pages: PageDefaults::default(),
            no_sandbox: None,
            user_data_dir: None,
            profile_parent: None,
            debugging_port: false,
            ws_endpoint: None,
            launch_timeout: Duration::from_secs(30),
            limits: Limits::default(),
            package_roots: Vec::new(),
        }
    }
}

impl BrowserOptions {
    /// True if Chrome is told to open a port, here or by an argument of somebody else's.
    pub(super) fn opens_port(&self, environment: &Environment) -> bool {
        let is_port = |arg: &OsString| arg.as_encoded_bytes().starts_with(b"--remote-debugging-port");
        self.debugging_port || self.args.iter().chain(&environment.args).any(is_port)
    }
}

/// The environment variables, read at each launch.
#[expect(clippy::struct_excessive_bools, reason = "each stands for a variable")]
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `PUPPETEER_EXECUTABLE_PATH`.
    pub executable: Option<PathBuf>,
    /// `PUPPETEER_CHROME_ARGS`, split at white space.
    pub args: Vec<OsString>,
    /// `CI=true` or `PUPPETEER_DISABLE_SANDBOX=true`.
    pub no_sandbox: bool,
    /// `BOXEL_SHOW_PRERENDER=true`.
    pub show_windows: bool,
    /// `REALM_BASE_URL` is https on a loopback host, whose certificate nobody has signed.
    pub insecure_loopback: bool,
    /// `PRERENDER_V8_PROF=true`.
    pub v8_profile: bool,
    /// `PATH`.
    pub path: Option<OsString>,
    /// `TMPDIR`, where profiles are made unless an option says otherwise.
    pub temporary: Option<PathBuf>,
    /// Where the embedded Chrome is unpacked to: `XDG_CACHE_HOME`, or `.cache` in `HOME`.
    pub cache: Option<PathBuf>,
    /// Where puppeteer and Playwright keep the Chromes that they install.
    pub caches: BrowserCaches,
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::from(|name| std::env::var_os(name))
    }

    /// The environment that `variable` looks names up in.
    pub fn from(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let filled = |name: &str| variable(name).filter(|value| !value.is_empty());
        let is_true = |name: &str| variable(name).is_some_and(|value| value == "true");
        let args = variable("PUPPETEER_CHROME_ARGS").unwrap_or_default();
        let home = filled("HOME").map(PathBuf::from);
        let in_home = |path: &str| home.as_ref().map(|home| home.join(path));
        let cache = filled("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| in_home(".cache"));
        let caches = BrowserCaches {
            puppeteer: filled("PUPPETEER_CACHE_DIR")
                .map(PathBuf::from)
                .or_else(|| in_home(".cache/puppeteer")),
            playwright: match filled("PLAYWRIGHT_BROWSERS_PATH") {
                // Within Playwright's own package.
                Some(path) if path == "0" => None,
                Some(path) => Some(path.into()),
                None if cfg!(target_os = "macos") => in_home("Library/Caches/ms-playwright"),
                None => cache.as_ref().map(|cache| cache.join("ms-playwright")),
            },
        };
        Self {
            executable: filled("PUPPETEER_EXECUTABLE_PATH").map(PathBuf::from),
            args: args
                .to_string_lossy()
                .split_whitespace()
                .map(OsString::from)
                .collect(),
            no_sandbox: is_true("CI") || is_true("PUPPETEER_DISABLE_SANDBOX"),
            show_windows: is_true("BOXEL_SHOW_PRERENDER"),
            insecure_loopback: variable("REALM_BASE_URL")
                .is_some_and(|url| is_https_on_loopback(&url.to_string_lossy())),
            v8_profile: is_true("PRERENDER_V8_PROF"),
            path: filled("PATH"),
            temporary: filled("TMPDIR").map(PathBuf::from),
            cache,
            caches,
        }
    }
}

impl Environment {
    /// The directory for temporary files.
    pub(super) fn temporary(&self) -> PathBuf {
        self.temporary.clone().unwrap_or_else(std::env::temp_dir)
    }
}

fn is_https_on_loopback(url: &str) -> bool {
    let url = url.trim();
    let scheme = "https://";
    if !url
        .get(..scheme.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    {
        return false;
    }
    let authority = url[scheme.len()..]
        .split(['/', '\\', '?', '#'])
        .next()
        .unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    let host = host
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_read_as_documented() {
        let environment = Environment::from(|name| match name {
            "PUPPETEER_EXECUTABLE_PATH" => Some("/opt/chrome".into()),
            "PUPPETEER_CHROME_ARGS" => Some(" --lang=de\t--mute-audio\n".into()),
            "CI" | "BOXEL_SHOW_PRERENDER" => Some("true".into()),
            "HOME" => Some("/home/ann".into()),
            _ => None,
        });
        assert_eq!(environment.executable, Some("/opt/chrome".into()));
        assert_eq!(environment.args, ["--lang=de", "--mute-audio"]);
        assert!(environment.no_sandbox, "CI=true turns the sandbox off");
        assert!(
            environment.show_windows,
            "BOXEL_SHOW_PRERENDER=true shows windows"
        );
        assert_eq!(environment.cache, Some("/home/ann/.cache".into()));
    }

    #[test]
    fn the_caches_of_installers_are_where_their_variables_say() {
        let caches = |variables: &[(&str, &str)]| {
            let value = |name: &str| variables.iter().find(|(known, _)| *known == name);
            Environment::from(|name| value(name).map(|(_, value)| value.into())).caches
        };
        let home = ("HOME", "/home/ann");
        let usual = caches(&[home]);
        assert_eq!(usual.puppeteer, Some("/home/ann/.cache/puppeteer".into()));
        if !cfg!(target_os = "macos") {
            assert_eq!(usual.playwright, Some("/home/ann/.cache/ms-playwright".into()));
            assert_eq!(
                caches(&[home, ("XDG_CACHE_HOME", "/c")]),
                BrowserCaches {
                    puppeteer: usual.puppeteer,
                    playwright: Some("/c/ms-playwright".into()),
                },
                "only Playwright looks at XDG_CACHE_HOME"
            );
        }
        let named = [
            home,
            ("PUPPETEER_CACHE_DIR", "/a"),
            ("PLAYWRIGHT_BROWSERS_PATH", "/b"),
        ];
        assert_eq!(
            caches(&named),
            BrowserCaches {
                puppeteer: Some("/a".into()),
                playwright: Some("/b".into()),
            }
        );
        let within = caches(&[home, ("PLAYWRIGHT_BROWSERS_PATH", "0")]);
        assert_eq!(within.playwright, None, "0: in Playwright's own package");
        assert_eq!(caches(&[]), BrowserCaches::default(), "without a home");
    }

    #[test]
    fn only_https_on_a_loopback_host_is_trusted_without_a_signature() {
        let trusts = |url: &str| {
            Environment::from(|name| (name == "REALM_BASE_URL").then(|| url.into())).insecure_loopback
        };
        for url in [
            "https://localhost",
            "https://localhost:4201/",
            "HTTPS://LocalHost/base",
            "https://127.0.0.1:4201",
            "https://127.8.9.1/x",
            "https://[::1]:4201/",
            "https://realms.localhost/",
            "https://user:word@localhost/",
        ] {
            assert!(trusts(url), "{url}");
        }
        for url in [
            "",
            "http://localhost:4201/",
            "https://localhost.example/",
            "https://notlocalhost/",
            "https://example.org/?at=https://localhost/",
            "https://localhost@example.org/",
            "https://128.0.0.1/",
            "https://[::2]/",
            "localhost",
        ] {
            assert!(!trusts(url), "{url}");
        }
    }

    #[test]
    fn only_the_word_true_switches_something_on() {
        let environment = Environment::from(|name| match name {
            "CI" | "PUPPETEER_DISABLE_SANDBOX" | "BOXEL_SHOW_PRERENDER" => Some("1".into()),
            "PUPPETEER_EXECUTABLE_PATH" => Some("".into()),
            _ => None,
        });
        assert!(!environment.no_sandbox, "CI=1 is not CI=true");
        assert!(!environment.show_windows, "BOXEL_SHOW_PRERENDER=1 is not true");
        assert_eq!(environment.executable, None, "an empty path is no path");
    }
}
