//! Who has the browser: one launch for all who ask, a new one after a death.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

use tokio::sync::oneshot;

use super::browser::{Browser, LaunchError, Wanted};
use super::find::{Executable, find};
use super::options::{BrowserOptions, Environment};
use super::profile::{self, CleanError, Cleaned};
use crate::cdp::io;

type Outcome = Shared<BoxFuture<'static, Result<Arc<Browser>, Arc<LaunchError>>>>;

/// A launch under way or ended; called off when it is dropped before.
struct Launch {
    outcome: Outcome,
    wanted: Wanted,
}

#[derive(Default)]
struct State {
    launch: Option<Launch>,
    /// The last stop, which ends when all before it have.
    stop: Option<Shared<BoxFuture<'static, ()>>>,
}

/// Starts Chrome when it is first wanted, shares it, and starts another after it died.
pub struct BrowserManager {
    options: BrowserOptions,
    environment: Box<dyn Fn() -> Environment + Send + Sync>,
    state: Mutex<State>,
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
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The browser, running or being started.
    ///
    /// # Errors
    /// Where it could not be started; the next call tries again.
    pub async fn browser(&self) -> Result<Arc<Browser>, Arc<LaunchError>> {
        let launch = {
            let slot = &mut self.lock().launch;
            match slot.as_ref().filter(|launch| launch.is_usable()) {
                Some(launch) => launch.outcome.clone(),
                None => slot.insert(self.start()).outcome.clone(),
            }
        };
        launch.await
    }

    /// The browser, if it runs.
    #[must_use]
    pub fn running(&self) -> Option<Arc<Browser>> {
        let state = self.lock();
        let browser = state.launch.as_ref()?.outcome.peek()?.as_ref().ok()?;
        browser.is_connected().then(|| Arc::clone(browser))
    }

    fn start(&self) -> Launch {
        let (wanted, unwanted) = oneshot::channel();
        let opening = io::spawn(Browser::open(
            self.options.clone(),
            (self.environment)(),
            unwanted,
        ));
        let outcome = opening.map(|outcome| match outcome {
            Ok(outcome) => outcome.map_err(Arc::new),
            Err(_) => Err(Arc::new(LaunchError::Stopped)),
        });
        Launch {
            outcome: outcome.boxed().shared(),
            wanted,
        }
    }

    /// Ends the browser and starts another.
    ///
    /// # Errors
    /// Where the new one could not be started.
    pub async fn restart(&self) -> Result<Arc<Browser>, Arc<LaunchError>> {
        self.stop().await;
        self.browser().await
    }

    /// Ends the browser, or calls off its launch, and waits until nothing is left of it, also where somebody else has
    /// stopped it. The next [`BrowserManager::browser`] starts another.
    pub async fn stop(&self) {
        let stop = {
            let mut state = self.lock();
            let (launch, earlier) = (state.launch.take(), state.stop.take());
            let stopping = async move {
                if let Some(Launch { outcome, wanted }) = launch {
                    drop(wanted);
                    if let Ok(browser) = outcome.await {
                        browser.close().await;
                    }
                }
                if let Some(earlier) = earlier {
                    earlier.await;
                }
            };
            // Finishes also when its caller goes away; ends early only with the I/O thread.
            let stop = io::spawn(stopping).map(drop).boxed().shared();
            state.stop = Some(stop.clone());
            stop
        };
        stop.await;
    }

    /// The Chrome that a launch would start now. May unpack the embedded one, which takes seconds.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn executable(&self) -> Result<Executable, LaunchError> {
        let (options, environment) = (self.options.clone(), (self.environment)());
        let finding = io::handle().spawn_blocking(move || find(&options, &environment));
        match finding.await {
            Ok(found) => found.map_err(LaunchError::NotFound),
            Err(_) => Err(LaunchError::Stopped),
        }
    }

    /// Where profiles are made.
    #[must_use]
    pub fn profile_parent(&self) -> PathBuf {
        profile::parent(&self.options, &(self.environment)())
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

impl Launch {
    /// True if it is under way or runs; failures and deaths are not kept.
    fn is_usable(&self) -> bool {
        match self.outcome.peek() {
            None => true,
            Some(Ok(browser)) => browser.is_connected(),
            Some(Err(_)) => false,
        }
    }
}
