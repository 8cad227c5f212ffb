//! The process of a browser that keeps its cookies and does its network requests. Chrome starts another when it dies,
//! and says nothing of it; but the cookies of all contexts went with it.

use std::convert::Infallible;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

use super::process::Process;

/// How Chrome names it on its command line.
const NAME: &str = "network.mojom.NetworkService";
/// Chrome starts it soon after itself; where it keeps to the browser's own process, there is none to be found.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LAST_LOOK: Duration = Duration::from_secs(60);

/// The network service of a browser.
pub(super) struct NetworkService {
    /// The browser's process group.
    group: Option<Pid>,
    process: watch::Sender<Option<Arc<AsyncFd<OwnedFd>>>>,
}

impl NetworkService {
    pub(super) fn of(browser: Option<&Process>) -> Self {
        let group = browser.and_then(|process| i32::try_from(process.pid).ok());
        Self {
            group: group.and_then(Pid::from_raw),
            process: watch::Sender::new(None),
        }
    }

    /// Looks for its process, unless that is known. Where there is one, [`NetworkService::died`] sees its death from then on.
    pub(super) async fn look(&self) {
        let Some(group) = self.group else {
            return;
        };
        if self.process.borrow().is_some() {
            return;
        }
        let found = tokio::task::spawn_blocking(move || find(group)).await;
        if let Some(process) = found.ok().flatten().and_then(watched) {
            self.process.send_if_modified(|known| {
                let first = known.is_none();
                known.get_or_insert_with(|| Arc::new(process));
                first
            });
        }
    }

    /// Waits until its process has died. Lasts for ever where there is none.
    pub(super) async fn died(&self) {
        let process = tokio::select! {
            process = self.known() => process,
            never = self.keep_looking() => match never {},
        };
        // A process that has ended is readable.
        drop(process.readable().await);
        self.process.send_replace(None);
    }

    async fn known(&self) -> Arc<AsyncFd<OwnedFd>> {
        let mut process = self.process.subscribe();
        let known = process.wait_for(Option::is_some).await;
        match known.ok().and_then(|known| known.clone()) {
            Some(process) => process,
            None => std::future::pending().await,
        }
    }

    async fn keep_looking(&self) -> Infallible {
        let mut pause = FIRST_LOOK;
        while pause <= LAST_LOOK {
            tokio::time::sleep(pause).await;
            self.look().await;
            pause *= 2;
        }
        std::future::pending().await
    }
}

#[expect(
    unsafe_code,
    reason = "tokio cannot know that the descriptor is nobody else's"
)]
fn watched(service: OwnedFd) -> Option<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor belongs to the result, which closes it after it has stopped watching it.
    unsafe { AsyncFd::register_with_interest(service, Interest::READABLE) }.ok()
}

fn find(group: Pid) -> Option<OwnedFd> {
    let processes = std::fs::read_dir("/proc").ok()?;
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw))
        .filter(|pid| is_it(*pid, group))
        // Another process may have taken its id before it was opened.
        .find_map(|pid| {
            pidfd_open(pid, PidfdFlags::NONBLOCK)
                .ok()
                .filter(|_| is_it(pid, group))
        })
}

fn is_it(pid: Pid, group: Pid) -> bool {
    let directory = format!("/proc/{}", pid.as_raw_nonzero());
    let read = |name: &str| std::fs::read(Path::new(&directory).join(name)).unwrap_or_default();
    let stat = read("stat");
    let stat = String::from_utf8_lossy(&stat);
    // After the name in parentheses: state, parent, group.
    let mut fields = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_ascii_whitespace();
    fields.nth(2).and_then(|field| field.parse().ok()) == Some(group.as_raw_nonzero().get())
        && memchr::memmem::find(&read("cmdline"), NAME.as_bytes()).is_some()
}
