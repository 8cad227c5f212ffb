//! A running Chrome: launched by us, or connected to.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::browser::{CloseParams, GetVersionParams};
use chromiumoxide::cdp::browser_protocol::target::SetDiscoverTargetsParams;
use tokio::sync::watch;

use super::arguments::command_line;
use super::find::{self, FindError};
use super::options::{BrowserOptions, Environment};
use super::process::{self, Process, Start, Started};
use super::profile::{self, Profile};
use crate::cdp::{CallError, ConnectError, Connection, Session, io as io_thread};
use crate::page;

/// How long Chrome may take to end by itself before it is killed.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
/// How long a Chrome whose pipe broke may take to end by itself.
const BROKEN_PATIENCE: Duration = Duration::from_millis(500);

/// Why there is no browser.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// There is no Chrome to start (`BROWSER_NOT_FOUND`).
    #[error(transparent)]
    NotFound(#[from] FindError),
    /// No profile directory could be made.
    #[error("cannot make a profile directory in {}", .parent.display())]
    Profile {
        /// Where.
        parent: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The process could not be started.
    #[error("cannot start {}: {source}", .executable.display())]
    Spawn {
        /// The executable.
        executable: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Chrome ended before it answered.
    #[error("{} {how} before it answered{}", .executable.display(), said(.stderr))]
    Exited {
        /// The executable.
        executable: PathBuf,
        /// Its end.
        how: String,
        /// The last lines of what it wrote to stderr.
        stderr: String,
    },
    /// Chrome did not answer in time.
    #[error("{} did not answer within {}ms{}", .executable.display(), .after.as_millis(), said(.stderr))]
    TimedOut {
        /// The executable.
        executable: PathBuf,
        /// How long it had.
        after: Duration,
        /// The last lines of what it wrote to stderr.
        stderr: String,
    },
    /// The endpoint could not be connected to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Chrome's first answer was an error.
    #[error("the browser cannot be used")]
    Unusable(#[from] CallError),
    /// The launch was given up before it ended.
    #[error("the launch of the browser was given up")]
    GivenUp,
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!("; it said:\n{stderr}")
    }
}

/// How a browser ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// We closed it.
    OnPurpose,
    /// It died, or its connection broke (`BROWSER_DISCONNECTED`).
    Lost,
}

/// A running Chrome.
pub struct Browser {
    connection: Connection,
    process: Option<Arc<Process>>,
    endpoint: Option<String>,
    product: String,
    on_purpose: AtomicBool,
    pages: OnceLock<page::Browser>,
    ended: watch::Sender<Option<Ended>>,
}

impl Browser {
    /// Starts a Chrome, or connects to one where the options name an endpoint. Runs on the I/O thread.
    pub(super) async fn open(
        options: BrowserOptions,
        environment: Environment,
    ) -> Result<Arc<Self>, LaunchError> {
        match &options.ws_endpoint {
            Some(endpoint) => Self::connect(endpoint, options.launch_timeout).await,
            None => Self::launch(options, environment).await,
        }
    }

    async fn connect(endpoint: &str, timeout: Duration) -> Result<Arc<Self>, LaunchError> {
        let connection = Connection::over_websocket(endpoint, timeout).await?;
        let product = greet(&connection, timeout).await?;
        Ok(Self::running(
            connection,
            None,
            Some(endpoint.to_owned()),
            product,
        ))
    }

    async fn launch(options: BrowserOptions, environment: Environment) -> Result<Arc<Self>, LaunchError> {
        let (options, environment, found) = tokio::task::spawn_blocking(move || {
            let found = find::find(&options, &environment);
            (options, environment, found)
        })
        .await
        .map_err(|_| LaunchError::GivenUp)?;
        let found = found?;
        let parent = profile::parent(options.profile_parent.as_deref());
        let profile = Profile::create(&parent).map_err(|source| LaunchError::Profile { parent, source })?;
        let is_root = rustix::process::geteuid().is_root();
        let args = command_line(&options, &environment, found.flavour, profile.path(), is_root);
        let executable = found.path;
        let start = Start {
            executable: &executable,
            args,
            variables: found.variables,
        };
        let Started {
            process,
            receiver,
            sender,
            endpoint,
        } = process::start(start, profile).map_err(|source| LaunchError::Spawn {
            executable: executable.clone(),
            source,
        })?;
        let connection = match Connection::over_pipe(receiver, sender) {
            Ok(connection) => connection,
            Err(error) => {
                process.kill();
                process.gone().await;
                return Err(error.into());
            }
        };
        let answers = async {
            let product = greet(&connection, options.launch_timeout).await?;
            let endpoint = if options.debugging_port {
                endpoint.await.ok()
            } else {
                None
            };
            Ok((product, endpoint))
        };
        match tokio::time::timeout(options.launch_timeout, answers).await {
            Ok(Ok((product, endpoint))) => Ok(Self::running(connection, Some(process), endpoint, product)),
            outcome => Err(failed(outcome, &executable, &options, &process).await),
        }
    }

    fn running(
        connection: Connection,
        process: Option<Process>,
        endpoint: Option<String>,
        product: String,
    ) -> Arc<Self> {
        let process = process.map(Arc::new);
        let browser = Arc::new(Self {
            connection,
            process,
            endpoint,
            product,
            on_purpose: AtomicBool::new(false),
            pages: OnceLock::new(),
            ended: watch::Sender::new(None),
        });
        let supervised = Arc::clone(&browser);
        // Ends with the connection, and takes the process along.
        io_thread::spawn(async move { supervised.supervise().await });
        browser
    }

    async fn supervise(&self) {
        match &self.process {
            Some(process) => tokio::select! {
                () = self.connection.closed() => {}
                _ = process.ended() => self.connection.close(),
            },
            None => self.connection.closed().await,
        }
        let on_purpose = self.on_purpose.load(Ordering::Acquire);
        self.ended
            .send_replace(Some(if on_purpose { Ended::OnPurpose } else { Ended::Lost }));
        if let Some(process) = &self.process {
            let ended = tokio::time::timeout(BROKEN_PATIENCE, process.ended()).await;
            if !on_purpose {
                tracing::warn!(
                    pid = process.pid,
                    stderr = process.stderr.text(),
                    "the browser {}",
                    how(ended.ok().flatten()).unwrap_or_else(|| "closed its pipe".to_owned()),
                );
            }
            process.kill();
        }
    }

    /// The browser's own session.
    #[must_use]
    pub fn session(&self) -> &Session {
        self.connection.browser()
    }

    /// The connection to it.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Its pages and contexts; followed from the first call on.
    pub fn pages(self: &Arc<Self>) -> &page::Browser {
        self.pages.get_or_init(|| page::Browser::attach(self))
    }

    /// Its name and version, such as `HeadlessChrome/140.0.0.0`.
    #[must_use]
    pub fn product(&self) -> &str {
        &self.product
    }

    /// Its process, where we started it.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.pid)
    }

    /// Where others can connect to it, if they can.
    #[must_use]
    pub fn ws_endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// Whether we did not start it, so that contexts of others may be in it.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.process.is_none()
    }

    /// Whether it can be used.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        !self.connection.is_closed()
    }

    /// Waits until it has ended, and says how.
    pub async fn ended(&self) -> Ended {
        let mut ended = self.ended.subscribe();
        match ended.wait_for(Option::is_some).await {
            Ok(how) => how.unwrap_or(Ended::Lost),
            Err(_) => Ended::Lost,
        }
    }

    /// Ends a Chrome of ours in order, within bounds, and leaves nothing of it; disconnects from a foreign one.
    pub async fn close(&self) {
        self.on_purpose.store(true, Ordering::Release);
        let Some(process) = &self.process else {
            self.connection.close();
            return;
        };
        let asked = self
            .session()
            .send_within(CloseParams::default(), Some(CLOSE_PATIENCE));
        let ending = async {
            // The connection often breaks before the answer.
            let _ = asked.await;
            process.ended().await;
        };
        if tokio::time::timeout(CLOSE_PATIENCE, ending).await.is_err() {
            tracing::warn!(pid = process.pid, "the browser did not close and is killed");
        }
        self.end(process).await;
    }

    /// Ends a Chrome of ours at once, as if it had died.
    pub async fn kill(&self) {
        match &self.process {
            Some(process) => self.end(process).await,
            None => self.connection.close(),
        }
    }

    async fn end(&self, process: &Process) {
        process.kill();
        process.gone().await;
        self.connection.close();
    }
}

/// The first words, in one batch.
async fn greet(connection: &Connection, timeout: Duration) -> Result<String, CallError> {
    let session = connection.browser();
    let version = session.send_within(GetVersionParams::default(), Some(timeout));
    let discover = session.send_within(SetDiscoverTargetsParams::new(true), Some(timeout));
    let version = version.await?;
    discover.await?;
    Ok(version.product)
}

type Answers = Result<(String, Option<String>), CallError>;

/// Why Chrome did not come up; leaves nothing of it.
async fn failed(
    outcome: Result<Answers, tokio::time::error::Elapsed>,
    executable: &std::path::Path,
    options: &BrowserOptions,
    process: &Process,
) -> LaunchError {
    let executable = executable.to_owned();
    // A pipe that closes is followed by the end of the process.
    let ended = tokio::time::timeout(BROKEN_PATIENCE, process.ended())
        .await
        .ok()
        .flatten();
    let stderr = process.stderr.text();
    process.kill();
    process.gone().await;
    match (outcome, ended) {
        (_, Some(status)) => LaunchError::Exited {
            executable,
            how: process::describe(status),
            stderr,
        },
        (Ok(Err(CallError::Disconnected { .. })), None) => LaunchError::Exited {
            executable,
            how: "closed its pipe".to_owned(),
            stderr,
        },
        (Ok(Err(CallError::TimedOut { .. }) | Ok(_)) | Err(_), None) => LaunchError::TimedOut {
            executable,
            after: options.launch_timeout,
            stderr,
        },
        (Ok(Err(error)), None) => LaunchError::Unusable(error),
    }
}

fn how(status: Option<ExitStatus>) -> Option<String> {
    status.map(process::describe)
}
