//! What the tests on a real Chrome have in common.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod server;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::target::CreateTargetParams;
use chromiumoxide::cdp::js_protocol::runtime::EvaluateParams;
use pagepool::cdp::{Session, io};
use pagepool::driver::chromium::{Browser, BrowserManager, BrowserOptions};

/// How long a test on Chrome may take, on a busy machine too.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the test on the I/O thread, where the connection lives.
pub fn on_io<F>(test: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    let task = io::spawn(async move { tokio::time::timeout(PATIENCE, test).await });
    match io::handle().block_on(task) {
        Ok(outcome) => outcome.expect("the test ends in time"),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Runs the test with a browser of its own, which ends with it.
pub fn with_browser<F, T>(options: BrowserOptions, test: T)
where
    F: Future<Output = ()> + Send + 'static,
    T: FnOnce(Arc<Browser>) -> F + Send + 'static,
{
    let manager = Arc::new(BrowserManager::new(options));
    let stop = Arc::clone(&manager);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        on_io(async move { test(manager.browser().await.expect("a browser")).await });
    }));
    on_io(async move { stop.stop().await });
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// A blank page.
pub async fn page(browser: &Browser) -> Session {
    page_of(browser.session()).await
}

/// A blank page of the browser whose session this is.
pub async fn page_of(browser: &Session) -> Session {
    let target = browser
        .send(CreateTargetParams::new("about:blank"))
        .await
        .expect("a target");
    browser.attach(target.target_id).await.expect("a session")
}

/// An evaluation that awaits promises and returns values.
pub fn evaluate(expression: &str) -> EvaluateParams {
    let mut params = EvaluateParams::new(expression);
    params.return_by_value = Some(true);
    params.await_promise = Some(true);
    params
}
