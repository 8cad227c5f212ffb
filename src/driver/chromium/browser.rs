//! A running Chrome: launched by us, or connected to.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::browser::{CloseParams, GetVersionParams};
use chromiumoxide::cdp::browser_protocol::security::SetIgnoreCertificateErrorsParams;
use chromiumoxide::cdp::browser_protocol::target::SetDiscoverTargetsParams;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{oneshot, watch};

use super::arguments::{command_line, remove_v8_profiles};
use super::find::{self, FindError};
#[cfg(target_os = "linux")]
use super::network_service::NetworkService;
use super::options::{BrowserOptions, Environment};
use super::process::{self, Process, Start, Started};
use super::profile::{self, Profile};
use crate::cdp::{CallError, ConnectError, Connection, Deadline, Session, io as io_thread};
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
    #[error("cannot make a profile directory in {}: {source}", .parent.display())]
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
    /// The manager was stopped before the browser was up.
    #[error("the browser was stopped while it was being started")]
    Stopped,
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!("; it said:\n{stderr}")
    }
}

/// Held by whoever wants a launch; when it is dropped, the launch is called off.
pub(super) type Wanted = oneshot::Sender<Infallible>;
/// Ends when the launch is wanted no more.
pub(super) type Unwanted = oneshot::Receiver<Infallible>;

/// How a browser ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// We closed it.
    OnPurpose,
    /// It died, or its connection broke (`BROWSER_DISCONNECTED`).
    Lost,
}

/// Closes a connection on which nobody answered, however the wait for that ended.
struct Greeting<'a> {
    connection: &'a Connection,
    was_answered: bool,
}

impl Drop for Greeting<'_> {
    fn drop(&mut self) {
        if !self.was_answered {
            self.connection.close();
        }
    }
}

/// A running Chrome.
pub struct Browser {
    connection: Connection,
    process: Option<Arc<Process>>,
    endpoint: Option<String>,
    product: String,
    page_defaults: page::PageDefaults,
    pages: OnceLock<page::Browser>,
    ended: watch::Sender<Option<Ended>>,
    /// Why we ended it as if it had died.
    given_up: OnceLock<&'static str>,
    #[cfg(target_os = "linux")]
    network_service: NetworkService,
    /// How often its network service has died.
    network_losses: watch::Sender<u32>,
}

impl Browser {
    /// Starts a Chrome, or connects to one where the options name an endpoint. Runs on the I/O thread.
    pub(super) async fn open(
        options: BrowserOptions,
        environment: Environment,
        unwanted: Unwanted,
    ) -> Result<Arc<Self>, LaunchError> {
        match &options.ws_endpoint {
            Some(endpoint) => tokio::select! {
                connected = Self::connect(endpoint, &options) => connected,
                _ = unwanted => Err(LaunchError::Stopped),
            },
            None => Self::launch(options, environment, unwanted).await,
        }
    }

    async fn connect(endpoint: &str, options: &BrowserOptions) -> Result<Arc<Self>, LaunchError> {
        let (timeout, limits) = (options.launch_timeout, options.limits);
        let connection = Connection::over_websocket(endpoint, timeout, limits).await?;
        let mut greeting = Greeting {
            connection: &connection,
            was_answered: false,
        };
        let product = greet(&connection, options).await?;
        greeting.was_answered = true;
        drop(greeting);
        Ok(Self::running(
            connection,
            None,
            Some(endpoint.to_owned()),
            product,
            options.pages.clone(),
        ))
    }

    async fn launch(
        options: BrowserOptions,
        environment: Environment,
        mut unwanted: Unwanted,
    ) -> Result<Arc<Self>, LaunchError> {
        let (options, environment, found) = tokio::task::spawn_blocking(move || {
            let found = find::find(&options, &environment);
            remove_v8_profiles(&environment.temporary());
            (options, environment, found)
        })
        .await
        .map_err(|_| LaunchError::Stopped)?;
        let found = found?;
        if unwanted.try_recv() == Err(TryRecvError::Closed) {
            return Err(LaunchError::Stopped);
        }
        let parent = profile::parent(&options, &environment);
        let profile = Profile::create(&parent).map_err(|source| LaunchError::Profile { parent, source })?;
        let is_root = rustix::process::geteuid().is_root();
        let user_data_dir = options.user_data_dir.as_deref().unwrap_or(profile.path());
        let args = command_line(&options, &environment, found.flavour, user_data_dir, is_root);
        let executable = found.path;
        let start = Start {
            executable: &executable,
            args,
            variables: found.variables,
            environment: options.variables.clone(),
            dump_io: options.dump_io,
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
        let connection = match Connection::over_pipe(receiver, sender, options.limits) {
            Ok(connection) => connection,
            Err(error) => {
                process.kill();
                process.gone().await;
                return Err(error.into());
            }
        };
        let answers = async {
            let product = greet(&connection, &options).await?;
            let endpoint = if options.opens_port(&environment) {
                endpoint.await.ok()
            } else {
                None
            };
            Ok((product, endpoint))
        };
        let answers = tokio::time::timeout(options.launch_timeout, answers);
        let outcome = tokio::select! {
            outcome = answers => outcome,
            _ = unwanted => {
                process.kill();
                process.gone().await;
                return Err(LaunchError::Stopped);
            }
        };
        match outcome {
            Ok(Ok((product, endpoint))) => {
                let pages = options.pages;
                Ok(Self::running(connection, Some(process), endpoint, product, pages))
            }
            outcome => Err(failed(outcome, &executable, &options, &process).await),
        }
    }

    fn running(
        connection: Connection,
        process: Option<Process>,
        endpoint: Option<String>,
        product: String,
        page_defaults: page::PageDefaults,
    ) -> Arc<Self> {
        let process = process.map(Arc::new);
        let browser = Arc::new(Self {
            connection,
            #[cfg(target_os = "linux")]
            network_service: NetworkService::of(process.as_deref()),
            process,
            endpoint,
            product,
            page_defaults,
            pages: OnceLock::new(),
            ended: watch::Sender::new(None),
            given_up: OnceLock::new(),
            network_losses: watch::Sender::new(0),
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
                never = self.follow_network_service() => match never {},
            },
            None => self.connection.closed().await,
        }
        // Where it was stopped, whoever stopped it sees to its process.
        if self.ends_as(Ended::Lost)
            && let Some(process) = &self.process
        {
            let ended = tokio::time::timeout(BROKEN_PATIENCE, process.ended()).await;
            tracing::warn!(
                pid = process.pid,
                stderr = process.stderr.text(),
                "the browser {}",
                how(ended.ok().flatten()).unwrap_or_else(|| "closed its pipe".to_owned()),
            );
            process.kill();
        }
    }

    /// Counts the deaths of the network service that the browser survives.
    #[cfg(target_os = "linux")]
    async fn follow_network_service(&self) -> Infallible {
        loop {
            self.network_service.died().await;
            if self.session().send(GetVersionParams::default()).await.is_ok() && !self.is_stopped() {
                self.network_losses.send_modify(|losses| *losses += 1);
            }
        }
    }

    /// Only Linux says when a process that is not one's own child dies.
    #[cfg(not(target_os = "linux"))]
    async fn follow_network_service(&self) -> Infallible {
        std::future::pending().await
    }

    /// Makes sure that a death of its network service will be noticed, once something was loaded by it.
    pub(super) async fn knows_network_service(&self) {
        #[cfg(target_os = "linux")]
        self.network_service.look().await;
    }

    /// Changes whenever its network service has died and been replaced: the cookies of all contexts are gone then.
    pub(super) fn network_losses(&self) -> watch::Receiver<u32> {
        self.network_losses.subscribe()
    }

    /// Says how it ended, where nobody has yet.
    fn ends_as(&self, how: Ended) -> bool {
        self.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            ended.get_or_insert(how);
            first
        })
    }

    /// True if we have stopped it, or are about to.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.ended.borrow() == Some(Ended::OnPurpose)
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

    /// Defaults of its pages and contexts.
    #[must_use]
    pub fn page_defaults(&self) -> &page::PageDefaults {
        &self.page_defaults
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

    /// What its process was started with, the executable first; empty where we did not start it.
    #[must_use]
    pub fn command_line(&self) -> &[String] {
        self.process.as_ref().map_or(&[], |process| &process.command_line)
    }

    /// How its process has ended, once it has.
    #[must_use]
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.process.as_ref().and_then(|process| process.exit_status())
    }

    /// Waits until its process has ended; one that we did not start is not waited for.
    pub async fn exited(&self) -> Option<ExitStatus> {
        match &self.process {
            Some(process) => process.ended().await,
            None => None,
        }
    }

    /// Where others can connect to it, if they can.
    #[must_use]
    pub fn ws_endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// True if we did not start it, so that contexts of others may be in it.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.process.is_none()
    }

    /// True if it can be used.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        !self.connection.is_closed()
    }

    /// Waits until it has ended, and says how. Keeps nothing of it.
    pub fn ended(&self) -> impl Future<Output = Ended> + use<> {
        let mut ended = self.ended.subscribe();
        async move {
            match ended.wait_for(Option::is_some).await {
                Ok(how) => how.unwrap_or(Ended::Lost),
                Err(_) => Ended::Lost,
            }
        }
    }

    /// Ends a Chrome of ours in order, within bounds, and leaves nothing of it; disconnects from a foreign one.
    /// Closes the browser. Pending calls end at once, with the whole browser: no page seems to have closed by itself.
    pub async fn close(&self) {
        self.ends_as(Ended::OnPurpose);
        if self.process.is_some() {
            // The answer would be the end of the connection.
            self.session().call(
                "Browser.close",
                CloseParams::default(),
                Deadline::Protocol,
                |_| {},
            );
        }
        self.disconnect();
        let Some(process) = &self.process else { return };
        if tokio::time::timeout(CLOSE_PATIENCE, process.ended())
            .await
            .is_err()
        {
            tracing::warn!(pid = process.pid, "the browser did not close and is killed");
        }
        self.end(process).await;
    }

    /// Ends it, also where it is not ours alone.
    pub async fn close_for_all(&self) {
        if self.is_foreign() {
            self.ends_as(Ended::OnPurpose);
            let (session, command) = (self.session(), CloseParams::default());
            session.call("Browser.close", command, Deadline::Protocol, |_| {});
            // Its end is the answer.
            let _ = tokio::time::timeout(CLOSE_PATIENCE, self.connection.closed()).await;
        }
        self.close().await;
    }

    /// Why we ended it as if it had died, if we did.
    pub(super) fn given_up(&self) -> Option<&'static str> {
        self.given_up.get().copied()
    }

    /// Ends a Chrome of ours that is of no use.
    pub(super) async fn give_up(&self, why: &'static str) {
        if self.is_connected() {
            // The first reason stays.
            let _ = self.given_up.set(why);
            self.kill().await;
        }
    }

    /// Ends a Chrome of ours at once, as if it had died.
    pub async fn kill(&self) {
        match &self.process {
            Some(process) => self.end(process).await,
            None => self.disconnect(),
        }
    }

    async fn end(&self, process: &Process) {
        process.kill();
        process.gone().await;
        self.disconnect();
    }

    /// Ends the connection. Its pages know that they are closed when this returns.
    fn disconnect(&self) {
        self.connection.close();
        if let Some(pages) = self.pages.get() {
            pages.sweep();
        }
    }
}

/// The first words, in one batch.
async fn greet(connection: &Connection, options: &BrowserOptions) -> Result<String, CallError> {
    let (session, deadline) = (connection.browser(), Deadline::Within(options.launch_timeout));
    let trusting = options.accept_insecure_certs.then(|| {
        let command = SetIgnoreCertificateErrorsParams::new(true);
        session.send_within(command, deadline)
    });
    let version = session.send_within(GetVersionParams::default(), deadline);
    let discover = session.send_within(SetDiscoverTargetsParams::new(true), deadline);
    let version = version.await?;
    discover.await?;
    if let Some(trusting) = trusting {
        trusting.await?;
    }
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
