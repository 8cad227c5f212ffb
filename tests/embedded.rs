//! The embedded Chrome of the npm package, where `npm install` has brought it.
#![expect(
    clippy::expect_used,
    reason = "what is expected and does not come fails the test"
)]

mod support;

use std::fs;
use std::path::Path;

use pagepool::driver::chromium::{BrowserManager, BrowserOptions, Environment, Flavour, find};
use support::{evaluate, on_io, page};

#[test]
fn the_embedded_chrome_is_unpacked_once_and_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !root.join("node_modules/@sparticuz/chromium").exists() || !cfg!(target_arch = "x86_64") {
        eprintln!("skipped: the package is not installed");
        return;
    }
    let cache = tempfile::tempdir().expect("a directory");
    let environment = Environment {
        cache: Some(cache.path().to_owned()),
        ..Environment::default()
    };
    let options = BrowserOptions {
        package_roots: vec![root.join("src")],
        ..BrowserOptions::default()
    };
    let Ok(first) = find(&options, &environment) else {
        panic!("no embedded Chrome")
    };
    if !first.path.starts_with(cache.path()) {
        eprintln!("skipped: this machine has a Chrome at {}", first.path.display());
        return;
    }
    assert_eq!(first.flavour, Flavour::Shell);
    let changed = || {
        first
            .path
            .metadata()
            .and_then(|metadata| metadata.modified())
            .expect("a time")
    };
    let before = changed();
    assert_eq!(find(&options, &environment).expect("a Chrome"), first);
    assert_eq!(changed(), before, "it was unpacked again");
    let left = fs::read_dir(cache.path().join("pagepool"))
        .expect("a directory")
        .count();
    assert_eq!(left, 1, "something is left beside the unpacked directory");

    on_io(async move {
        let manager = BrowserManager::with_environment(options, move || environment.clone());
        let browser = manager.browser().await.expect("a browser");
        let page = page(&browser).await;
        let answer = page.send(evaluate("6 * 7")).await.expect("an answer");
        assert_eq!(answer.result.value, Some(42.into()));
        manager.stop().await;
    });
}
