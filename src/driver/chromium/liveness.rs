//! Liveness of a browser: the question whether it answers, and the time that it has.

use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::browser::GetVersionParams;
use serde_json::json;
use tokio::time::{Instant, sleep_until, timeout};

use super::browser::Browser;
use crate::cdp::{CallError, Connection, Deadline};

/// How long each step after the first may take.
pub(super) const STEP: Duration = Duration::from_secs(2);

/// How long the network service may take at least. Its first answer waits for the store of cookies to be read.
const NETWORK_PATIENCE: Duration = Duration::from_secs(4);

/// How long a browser that works may let others wait.
const USUAL: Duration = Duration::from_millis(250);

/// The part of a browser that does not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Silent {
    Browser,
    NetworkService,
}

/// Gives the outcome of the work, if it comes within the time. A large message that comes in keeps everything behind it
/// waiting, so its time does not count.
pub(super) async fn patiently<T>(
    connection: &Connection,
    patience: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    wait(patience, work, || connection.last_held_up()).await
}

/// Gives the outcome of the work, unless nothing at all is heard for that long.
async fn unless_silent<T>(
    connection: &Connection,
    patience: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    wait(patience, work, || connection.last_heard()).await
}

async fn wait<T>(
    patience: Duration,
    work: impl Future<Output = T>,
    last_sign: impl Fn() -> std::time::Instant,
) -> Option<T> {
    tokio::pin!(work);
    let mut until = Instant::now() + patience;
    loop {
        tokio::select! {
            biased;
            outcome = &mut work => return Some(outcome),
            () = sleep_until(until) => {}
        }
        let later = Instant::from_std(last_sign()) + patience;
        if later <= Instant::now() {
            return None;
        }
        until = later;
    }
}

/// Asks the browser, and its network service, without which no page can be loaded and no context is of use.
async fn ask(browser: &Browser, patience: Duration) -> Result<(), Silent> {
    let session = browser.session();
    let service = session.send_raw("Storage.getCookies", json!({}), Deadline::Unbounded);
    let asked = Instant::now();
    let version = session.send_within(GetVersionParams::default(), Deadline::Unbounded);
    match unless_silent(browser.connection(), patience, version).await {
        Some(Ok(_)) => {}
        Some(Err(_)) | None => return Err(Silent::Browser),
    }
    // What the service has to say comes on its own; the browser passes it on at once.
    let rest = patience.max(NETWORK_PATIENCE).saturating_sub(asked.elapsed());
    let answer = if let Ok(answer) = timeout(rest.max(USUAL), service).await {
        answer
    } else {
        // It may have been replaced and the question gone with it, or the browser's own answer was late.
        let again = session.send_raw("Storage.getCookies", json!({}), Deadline::Unbounded);
        timeout(NETWORK_PATIENCE, again)
            .await
            .map_err(|_| Silent::NetworkService)?
    };
    match answer {
        Err(error) if error.is_gone() => Err(Silent::Browser),
        _ => Ok(()),
    }
}

/// Waits until everything that Chrome has said so far is read. Says whether that took so long, or so large a message
/// came since then, that an answer may be late through no fault of its page's.
pub(super) async fn was_held_up(
    browser: &Browser,
    since: Instant,
    patience: Duration,
) -> Result<bool, CallError> {
    let asked = Instant::now();
    let version = browser
        .session()
        .send_within(GetVersionParams::default(), Deadline::Unbounded);
    match unless_silent(browser.connection(), patience, version).await {
        Some(answer) => answer.map(drop)?,
        None => {
            return Err(CallError::TimedOut {
                method: "Browser.getVersion".into(),
                after: patience,
            });
        }
    }
    Ok(asked.elapsed() > USUAL || browser.connection().last_held_up() > since.into_std())
}

/// Does the work; a browser of ours that answers nothing meanwhile is restarted, which ends what waits for it.
pub(super) async fn watched<T>(browser: &Browser, patience: Duration, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    loop {
        let watch = async {
            tokio::time::sleep(patience).await;
            restart_unless_it_answers(browser, patience).await;
        };
        tokio::select! {
            outcome = &mut work => return outcome,
            () = watch => {}
        }
    }
}

/// Restarts a browser of ours that does not answer, or whose network service does not; says whether it is gone.
pub(super) async fn restart_unless_it_answers(browser: &Browser, patience: Duration) -> bool {
    if browser.is_foreign() {
        return false;
    }
    let Err(silent) = ask(browser, patience).await else {
        return false;
    };
    let why = match silent {
        Silent::Browser => "the browser does not answer and is restarted",
        Silent::NetworkService => "the browser's network service does not answer: the browser is restarted",
    };
    browser.give_up(why).await;
    true
}
