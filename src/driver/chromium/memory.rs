//! How much memory the renderer of a page holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use chromiumoxide::cdp::js_protocol::runtime::EvaluateParams;
use serde::Deserialize;

use super::liveness::STEP;
use crate::cdp::{Deadline, Listener, Session};

/// A request that goes nowhere. Pictures like it are not told of.
const REQUEST: &str = "void fetch('data:,').catch(() => {})";

/// The process that renders a page, as its requests tell: Chrome says it nowhere else, but a renderer names them after
/// itself, `<pid>.<number>`.
pub(super) struct Renderer {
    pid: Arc<AtomicI32>,
    _listener: Listener,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    request_id: String,
}

impl Renderer {
    /// Listens to a page that has not been sent anywhere yet.
    pub(super) fn of(session: &Session) -> Self {
        let pid = Arc::new(AtomicI32::new(0));
        let known = Arc::clone(&pid);
        let listener = session.on("Network.requestWillBeSent", move |params| {
            let request = serde_json::from_str::<Request>(params.get());
            if let Some(pid) = request.ok().and_then(|request| pid_in(&request.request_id)) {
                known.store(pid, Ordering::Relaxed);
            }
        });
        Self {
            pid,
            _listener: listener,
        }
    }

    /// Has a page that nobody has yet, and that has loaded nothing but its document, make a request.
    pub(super) async fn provoke(known: &AtomicI32, session: &Session) {
        if known.load(Ordering::Relaxed) == 0 {
            let request = EvaluateParams::new(REQUEST);
            // Without it the memory is not known, that is all.
            drop(session.send_within(request, Deadline::Within(STEP)).await);
        }
    }

    /// Its pid, 0 while it is not known.
    pub(super) fn pid(&self) -> Arc<AtomicI32> {
        Arc::clone(&self.pid)
    }
}

/// Requests of the browser's own, such as those for documents, are not named like that.
fn pid_in(request_id: &str) -> Option<i32> {
    let (pid, number) = request_id.split_once('.')?;
    number.parse::<u64>().ok()?;
    pid.parse().ok().filter(|pid| *pid > 0)
}

/// The resident memory of a process in the browser's process group, MB. `None` where that cannot be told.
#[cfg(target_os = "linux")]
pub(super) fn resident_mb(pid: i32, group: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name in parentheses: state, parent, group, and much else.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    // Another process may have its id by now.
    fields.nth(2).filter(|field| field.parse() == Ok(group))?;
    let pages: u64 = fields.nth(18)?.parse().ok()?;
    let page_size = u64::try_from(rustix::param::page_size()).ok()?;
    Some(pages * page_size / (1024 * 1024))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn resident_mb(_pid: i32, _group: u32) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_that_a_renderer_named_tell_its_pid() {
        assert_eq!(pid_in("16274.2"), Some(16274));
        for of_the_browser in [
            "03FA5DA375686D4B0D5A1491CD7C86D3",
            "interception-job-1.0",
            "16274.",
            ".2",
            "0.2",
            "",
        ] {
            assert_eq!(pid_in(of_the_browser), None, "{of_the_browser}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_memory_of_a_process_of_the_group_is_known_and_of_no_other() {
        let pid = i32::try_from(std::process::id()).expect("a pid");
        let group = rustix::process::getpgrp().as_raw_nonzero().get().unsigned_abs();
        let before = resident_mb(pid, group).expect("this process is in its own group");
        let ballast = std::hint::black_box(vec![1_u8; 96 * 1024 * 1024]);
        let after = resident_mb(pid, group).expect("it still is");
        assert!(after >= before + 64, "{before} MB have become {after} MB");
        drop(ballast);
        assert_eq!(resident_mb(pid, group + 1), None, "somebody else's group");
        assert_eq!(resident_mb(i32::MAX, group), None, "no such process");
    }
}
