//! Who has the browser: one launch for all who ask, a new one after a death.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

use super::browser::{Browser, LaunchError};
use super::options::{BrowserOptions, Environment};
use super::profile::{self, CleanError, Cleaned};
use crate::cdp::io;

type Launch = Shared<BoxFuture<'static, Result<Arc<Browser>, Arc<LaunchError>>>>;

/// Starts Chrome when it is first wanted, shares it, and starts another after it died.
pub struct BrowserManager {
    options: BrowserOptions,
    environment: Box<dyn Fn() -> Environment + Send + Sync>,
    launch: Mutex<Option<Launch>>,
}

impl BrowserManager {
    /// A manager that has started nothing yet.
    #[must_use]
    pub fn new(options: BrowserOptions) -> Self {
        Self::with_environment(options, Environment::of_process)
    }

    /// A manager that reads its environment elsewhere.
    pub fn with_environment(
        options: BrowserOptions,
        environment: impl Fn() -> Environment + Send + Sync + 'static,
    ) -> Self {
        Self {
            options,
            environment: Box::new(environment),
            launch: Mutex::new(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Launch>> {
        self.launch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The browser, running or being started.
    ///
    /// # Errors
    /// Where it could not be started; the next call tries again.
    pub async fn browser(&self) -> Result<Arc<Browser>, Arc<LaunchError>> {
        let launch = {
            let mut slot = self.lock();
            match slot.as_ref().filter(|launch| is_usable(launch)) {
                Some(launch) => launch.clone(),
                None => slot.insert(self.start()).clone(),
            }
        };
        launch.await
    }

    /// The browser, if it runs.
    #[must_use]
    pub fn running(&self) -> Option<Arc<Browser>> {
        let slot = self.lock();
        let browser = slot.as_ref()?.peek()?.as_ref().ok()?;
        browser.is_connected().then(|| Arc::clone(browser))
    }

    fn start(&self) -> Launch {
        let opening = io::spawn(Browser::open(self.options.clone(), (self.environment)()));
        let outcome = opening.map(|outcome| match outcome {
            Ok(outcome) => outcome.map_err(Arc::new),
            Err(_) => Err(Arc::new(LaunchError::GivenUp)),
        });
        outcome.boxed().shared()
    }

    /// Ends the browser and starts another.
    ///
    /// # Errors
    /// Where the new one could not be started.
    pub async fn restart(&self) -> Result<Arc<Browser>, Arc<LaunchError>> {
        self.stop().await;
        self.browser().await
    }

    /// Ends the browser, also one that is just being started. The next [`BrowserManager::browser`] starts another.
    pub async fn stop(&self) {
        let launch = self.lock().take();
        if let Some(launch) = launch
            && let Ok(browser) = launch.await
        {
            // Finishes also when its caller goes away.
            let closing = io::spawn(async move { browser.close().await });
            if closing.await.is_err() {
                tracing::debug!("the I/O thread ended before the browser did");
            }
        }
    }

    /// Where profiles are made.
    #[must_use]
    pub fn profile_parent(&self) -> PathBuf {
        profile::parent(self.options.profile_parent.as_deref())
    }

    /// Removes what owners that died have left behind, see [`profile::clean`].
    ///
    /// # Errors
    /// Where something stale cannot be removed.
    pub async fn clean_user_data_dirs(&self) -> Result<Cleaned, CleanError> {
        let parent = self.profile_parent();
        let cleaning = io::handle().spawn_blocking(move || profile::clean(&parent, profile::MAX_AGE));
        // It ends early only with the process.
        cleaning.await.unwrap_or_else(|_| Ok(Cleaned::default()))
    }
}

/// Whether it is under way or runs; failures and deaths are not kept.
fn is_usable(launch: &Launch) -> bool {
    match launch.peek() {
        None => true,
        Some(Ok(browser)) => browser.is_connected(),
        Some(Err(_)) => false,
    }
}
