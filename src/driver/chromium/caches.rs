//! Chromes that the installers of puppeteer and Playwright have put into their caches.

use std::fs;
use std::path::{Path, PathBuf};

use super::find::{Flavour, problem_with};

/// The directories that hold such caches.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BrowserCaches {
    /// Puppeteer's: `PUPPETEER_CACHE_DIR`, or `.cache/puppeteer` in `HOME`.
    pub puppeteer: Option<PathBuf>,
    /// Playwright's: `PLAYWRIGHT_BROWSERS_PATH`, or `ms-playwright` in the user's cache directory.
    pub playwright: Option<PathBuf>,
}

/// How puppeteer names the platform at the front of its directories.
const PUPPETEER_PLATFORM: &str = match (cfg!(target_os = "macos"), cfg!(target_arch = "aarch64")) {
    (true, true) => "mac_arm-",
    (true, false) => "mac-",
    (false, true) => "linux_arm-",
    (false, false) => "linux-",
};
/// Playwright's directories have the revision of a build after these.
const PLAYWRIGHT_SHELL: &str = "chromium_headless_shell-";
const PLAYWRIGHT_FULL: &str = "chromium-";

const SHELLS: &[&str] = &["chrome-headless-shell", "headless_shell"];
const FULL: &[&str] = &[
    "chrome",
    "Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing",
    "Chromium.app/Contents/MacOS/Chromium",
];

impl BrowserCaches {
    /// The newest Chrome of a kind, puppeteer's before Playwright's.
    pub(super) fn newest(&self, flavour: Flavour) -> Option<PathBuf> {
        let (programs, products, revisions): (_, &[&str], _) = match flavour {
            Flavour::Shell => (SHELLS, &["chrome-headless-shell"], PLAYWRIGHT_SHELL),
            Flavour::Full => (FULL, &["chrome", "chromium"], PLAYWRIGHT_FULL),
        };
        let puppeteer = self.puppeteer.iter().flat_map(|cache| {
            products
                .iter()
                .flat_map(move |product| newest_first(&cache.join(product), PUPPETEER_PLATFORM))
        });
        let playwright = self
            .playwright
            .iter()
            .flat_map(|cache| newest_first(cache, revisions));
        puppeteer
            .chain(playwright)
            .find_map(|build| program_in(&build, programs))
    }

    /// Where it looks, in order, for people.
    pub(super) fn places(&self) -> impl Iterator<Item = String> {
        let named = [("puppeteer", &self.puppeteer), ("Playwright", &self.playwright)];
        named.into_iter().filter_map(|(whose, cache)| {
            cache
                .as_ref()
                .map(|cache| format!("the cache of {whose} ({})", cache.display()))
        })
    }
}

/// The builds in a directory: what is called by the prefix and a version.
fn newest_first(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut builds: Vec<(Vec<u64>, PathBuf)> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version: Result<Vec<u64>, _> =
                name.strip_prefix(prefix)?.split('.').map(str::parse).collect();
            Some((version.ok()?, entry.path()))
        })
        .collect();
    builds.sort();
    builds.into_iter().rev().map(|(_, path)| path).collect()
}

/// Builds have one directory, whose name depends on the platform and on the build's age, with the program in it.
fn program_in(build: &Path, programs: &[&str]) -> Option<PathBuf> {
    fs::read_dir(build)
        .into_iter()
        .flatten()
        .flatten()
        .flat_map(|entry| programs.iter().map(move |program| entry.path().join(program)))
        .find(|path| problem_with(path).is_none())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn program(cache: &Path, path: &str) -> PathBuf {
        let path = cache.join(path.replace("linux-", PUPPETEER_PLATFORM));
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(&path, "#!/bin/sh\n").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
        path
    }

    #[test]
    fn the_newest_of_puppeteers_is_found_by_the_numbers_of_its_version() {
        let cache = tempfile::tempdir().expect("a directory");
        let caches = BrowserCaches {
            puppeteer: Some(cache.path().into()),
            playwright: None,
        };
        assert_eq!(caches.newest(Flavour::Shell), None, "an empty cache has none");
        let shell = |build: &str| {
            let path = format!(
                "chrome-headless-shell/linux-{build}/chrome-headless-shell-linux64/chrome-headless-shell"
            );
            program(cache.path(), &path)
        };
        shell("99.0.4844.51");
        let newest = shell("148.0.7778.97");
        shell("148.0.7778.9");
        let full = program(cache.path(), "chrome/linux-150.0.1.2/chrome-linux64/chrome");
        assert_eq!(caches.newest(Flavour::Shell), Some(newest));
        assert_eq!(caches.newest(Flavour::Full), Some(full));
    }

    #[test]
    fn a_build_of_another_platform_or_one_without_its_program_is_passed_over() {
        let cache = tempfile::tempdir().expect("a directory");
        let caches = BrowserCaches {
            puppeteer: Some(cache.path().into()),
            playwright: Some(cache.path().join("playwright")),
        };
        program(cache.path(), "chrome/win64-190.0.0.1/chrome-win64/chrome");
        fs::create_dir_all(
            cache
                .path()
                .join("chrome")
                .join(format!("{PUPPETEER_PLATFORM}180.0.0.1")),
        )
        .expect("directories");
        let torn = program(cache.path(), "chrome/linux-170.0.0.1/chrome-linux64/chrome");
        fs::set_permissions(&torn, fs::Permissions::from_mode(0o644)).expect("permissions");
        assert_eq!(caches.newest(Flavour::Full), None);
        let whole = program(cache.path(), "chrome/linux-160.0.0.1/chrome-linux64/chrome");
        assert_eq!(caches.newest(Flavour::Full), Some(whole));
    }

    #[test]
    fn playwrights_are_found_by_revision_in_both_of_its_layouts() {
        let cache = tempfile::tempdir().expect("a directory");
        let caches = BrowserCaches {
            puppeteer: Some(cache.path().join("nowhere")),
            playwright: Some(cache.path().into()),
        };
        let old = program(
            cache.path(),
            "chromium_headless_shell-999/chrome-linux/headless_shell",
        );
        assert_eq!(caches.newest(Flavour::Shell), Some(old));
        let new = program(
            cache.path(),
            "chromium_headless_shell-1200/chrome-headless-shell-linux64/chrome-headless-shell",
        );
        assert_eq!(caches.newest(Flavour::Shell), Some(new));
        assert_eq!(caches.newest(Flavour::Full), None, "a shell is no full Chrome");
        let full = program(cache.path(), "chromium-1200/chrome-linux64/chrome");
        assert_eq!(caches.newest(Flavour::Full), Some(full));
    }
}
