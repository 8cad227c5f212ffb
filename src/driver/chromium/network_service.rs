//! The process of a browser that keeps its cookies and does its network requests. Chrome starts another when it dies,
//! and says nothing of it; but the cookies of all contexts went with it.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// How Chrome names it on its command line.
const NAME: &str = "network.mojom.NetworkService";
/// Chrome starts it soon after itself; where it keeps to the browser's own process, there is none to be found.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LAST_LOOK: Duration = Duration::from_secs(60);

/// Waits until the network service in the browser's process group has died. Lasts for ever where there is none.
pub(super) async fn died(group: Pid) {
    let mut pause = FIRST_LOOK;
    loop {
        tokio::time::sleep(pause).await;
        let found = tokio::task::spawn_blocking(move || find(group)).await;
        let service = found.ok().flatten().and_then(watched);
        if let Some(service) = service {
            // A process that has ended is readable.
            drop(service.readable().await);
            return;
        }
        if pause >= LAST_LOOK {
            return std::future::pending().await;
        }
        pause *= 2;
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
