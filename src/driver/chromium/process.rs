//! A Chrome process of ours: started, its stderr drained, and certain to end.
//!
//! It ends with us in three ways that do not need our help: its debugging pipe closes, the kernel signals it
//! when our I/O thread dies, and a watcher kills what is left of its process group and removes its profile.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};

use super::profile::Profile;
use super::watcher::Watcher;

/// How much of stderr is kept for error messages.
const KEPT_LINES: usize = 40;
/// How long a killed process group may take to be gone.
const KILL_PATIENCE: Duration = Duration::from_secs(2);
/// How long it is believed to be more than zombies.
const ZOMBIE_PATIENCE: Duration = Duration::from_millis(5);

/// The last lines of Chrome's stderr.
#[derive(Clone, Default)]
pub(super) struct Stderr(Arc<Mutex<VecDeque<String>>>);

impl Stderr {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    pub fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// The settings of a process to start.
pub(super) struct Start<'a> {
    pub executable: &'a Path,
    pub args: Vec<OsString>,
    pub variables: Vec<(&'static str, PathBuf)>,
    /// The whole environment, where it is not this process's.
    pub environment: Option<Vec<(OsString, OsString)>>,
    /// Its output and its errors go to this process's.
    pub dump_io: bool,
}

/// A running process and the ends of its debugging pipe.
pub(super) struct Started {
    pub process: Process,
    pub receiver: OwnedFd,
    pub sender: OwnedFd,
    /// The websocket endpoint, once Chrome has printed it.
    pub endpoint: oneshot::Receiver<String>,
}

/// A Chrome process. Its supervisor lives until it, its group and its profile are gone.
pub(super) struct Process {
    pub pid: u32,
    /// What it was started with, itself first.
    pub command_line: Vec<String>,
    pub stderr: Stderr,
    kill: watch::Sender<bool>,
    ended: watch::Receiver<Option<ExitStatus>>,
    gone: watch::Receiver<bool>,
}

/// Starts Chrome on the profile. Must run on the I/O thread, which outlives every process.
pub(super) fn start(start: Start<'_>, profile: Profile) -> io::Result<Started> {
    let (chrome_reads, sender) = io::pipe()?;
    let (receiver, chrome_writes) = io::pipe()?;
    let (chrome_reads, chrome_writes) = (OwnedFd::from(chrome_reads), OwnedFd::from(chrome_writes));
    for pipe in [&chrome_reads, &chrome_writes] {
        // A smaller pipe works as well, only with more wake-ups.
        let _ = enlarge(pipe);
    }
    let mut command = Command::new(start.executable);
    let command_line = std::iter::once(start.executable.as_os_str())
        .chain(start.args.iter().map(OsString::as_os_str))
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    command.args(start.args);
    if let Some(environment) = start.environment {
        command.env_clear().envs(environment);
    }
    command.envs(start.variables);
    if let Some(temporary) = profile.temporary() {
        command.env("TMPDIR", temporary);
    }
    command
        .stdin(Stdio::null())
        .stdout(if start.dump_io {
            Stdio::inherit()
        } else {
            Stdio::null()
        })
        .stderr(Stdio::piped());
    // Out of our group, so that Ctrl-C on a terminal reaches only us, who end it in order.
    command.process_group(0);
    prepare_child(&mut command, chrome_reads.as_raw_fd(), chrome_writes.as_raw_fd());
    // First of all, so that nothing is left when we die between this and the next line.
    let mut watcher = Watcher::start(&profile)
        .inspect_err(
            |error| tracing::warn!(%error, "no watcher; a SIGKILL of this process may leave a profile"),
        )
        .ok();
    let spawned = command.spawn().and_then(|child| {
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let group = pid.and_then(Pid::from_raw);
        let group = group.ok_or_else(|| io::Error::other("the process ended before it had an id"))?;
        Ok((child, group))
    });
    let (mut child, group) = match spawned {
        Ok(spawned) => spawned,
        Err(error) => {
            if let Some(watcher) = watcher {
                watcher.dismiss();
            }
            return Err(error);
        }
    };
    if let Some(watcher) = &mut watcher {
        watcher.guard(group);
    }
    drop((chrome_reads, chrome_writes));

    let stderr = Stderr::default();
    let (found, endpoint) = oneshot::channel();
    let drained = child
        .stderr
        .take()
        .map(|pipe| tokio::spawn(drain(pipe, stderr.clone(), found, start.dump_io)));
    let (kill, killed) = watch::channel(false);
    let (report_end, ended) = watch::channel(None);
    let (report_gone, gone) = watch::channel(false);
    tokio::spawn(async move {
        let status = wait(&mut child, group, killed).await;
        end_group(group).await;
        report_end.send_replace(Some(status));
        if let Some(drained) = drained {
            // A grandchild in a group of its own may hold the pipe.
            drained.abort();
        }
        if let Some(watcher) = watcher {
            watcher.dismiss();
        }
        profile.remove().await;
        report_gone.send_replace(true);
    });
    let process = Process {
        pid: group.as_raw_nonzero().get().unsigned_abs(),
        command_line,
        stderr,
        kill,
        ended,
        gone,
    };
    Ok(Started {
        process,
        receiver: receiver.into(),
        sender: sender.into(),
        endpoint,
    })
}

impl Process {
    /// Kills the process and its group.
    pub fn kill(&self) {
        self.kill.send_replace(true);
    }

    /// How the process has ended, once it has.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        *self.ended.borrow()
    }

    /// Waits until the process has ended, and its group with it.
    pub async fn ended(&self) -> Option<ExitStatus> {
        let mut ended = self.ended.clone();
        ended
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|status| *status)
    }

    /// Waits until nothing is left of it, its profile included.
    pub async fn gone(&self) {
        // An error means that the supervisor is gone, and so is what it supervised.
        let _ = self.gone.clone().wait_for(|gone| *gone).await;
    }
}

/// How a process ended, for a message.
pub(super) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

async fn wait(child: &mut Child, group: Pid, mut killed: watch::Receiver<bool>) -> ExitStatus {
    tokio::select! {
        status = child.wait() => return status.unwrap_or_default(),
        // Asked to, or nobody is left who could ask.
        _ = killed.wait_for(|killed| *killed) => {}
    }
    // Not reaped yet, so the group is certainly ours.
    let _ = kill_process_group(group, Signal::KILL);
    child.wait().await.unwrap_or_default()
}

/// Kills what the process has left behind, such as the browser that a wrapper script started.
async fn end_group(group: Pid) {
    let mut step = Duration::from_millis(1);
    let mut waited = Duration::ZERO;
    while kill_process_group(group, Signal::KILL).is_ok() && waited < KILL_PATIENCE {
        if waited > ZOMBIE_PATIENCE {
            let looking = tokio::task::spawn_blocking(move || group_is_running(group));
            if !looking.await.unwrap_or(true) {
                return;
            }
        }
        tokio::time::sleep(step).await;
        waited += step;
        step = (step * 2).min(Duration::from_millis(20));
    }
}

/// True if anything in the group still runs; zombies whose new parent does not reap them do not count.
#[cfg(target_os = "linux")]
fn group_is_running(group: Pid) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return true;
    };
    processes.flatten().any(|entry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // After the name in parentheses: state, parent, group.
        let mut fields = stat
            .rsplit_once(')')
            .map_or("", |(_, rest)| rest)
            .split_ascii_whitespace();
        let state = fields.next();
        fields.nth(1).and_then(|field| field.parse().ok()) == Some(group.as_raw_nonzero().get())
            && !matches!(state, Some("Z" | "X"))
    })
}

#[cfg(not(target_os = "linux"))]
fn group_is_running(group: Pid) -> bool {
    rustix::process::test_kill_process_group(group).is_ok()
}

/// Reads stderr for life: a Chrome that cannot write there takes seconds over every crash of a renderer.
async fn drain(pipe: impl AsyncRead + Unpin, kept: Stderr, found: oneshot::Sender<String>, dump: bool) {
    let mut found = Some(found);
    let mut lines = BufReader::new(pipe).split(b'\n');
    loop {
        match lines.next_segment().await {
            Ok(Some(line)) => {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                if let Some(endpoint) = line.strip_prefix("DevTools listening on ")
                    && let Some(found) = found.take()
                {
                    // Nobody waits for it where no port was asked for.
                    drop(found.send(endpoint.to_owned()));
                }
                tracing::debug!(target: "pagepool::chrome", "{line}");
                if dump {
                    // Not the macro, which panics where nobody reads.
                    let _ = writeln!(io::stderr(), "{line}");
                }
                kept.push(line);
            }
            Ok(None) | Err(_) => return,
        }
    }
}

/// Gives the child the pipe as descriptors 3 and 4, and its death when ours comes.
#[expect(
    unsafe_code,
    reason = "only between fork and exec can descriptors be placed and the death signal be set"
)]
fn prepare_child(command: &mut Command, reads: RawFd, writes: RawFd) {
    #[cfg(target_os = "linux")]
    let parent = std::process::id().cast_signed();
    let place = move || {
        // SAFETY: system calls on descriptors that the parent keeps open until the child runs; all are
        // async-signal-safe, and nothing is allocated.
        unsafe {
            #[cfg(target_os = "linux")]
            {
                if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == -1 {
                    return Err(io::Error::last_os_error());
                }
                if libc::getppid() != parent {
                    return Err(io::Error::from_raw_os_error(libc::ESRCH));
                }
            }
            // Out of the way first: each may be the other's target.
            let reads = libc::fcntl(reads, libc::F_DUPFD_CLOEXEC, 10);
            let writes = libc::fcntl(writes, libc::F_DUPFD_CLOEXEC, 10);
            if reads == -1 || writes == -1 || libc::dup2(reads, 3) == -1 || libc::dup2(writes, 4) == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: the closure does nothing that is forbidden between fork and exec.
    unsafe { command.pre_exec(place) };
}

#[cfg(target_os = "linux")]
fn enlarge(pipe: &OwnedFd) -> rustix::io::Result<usize> {
    rustix::pipe::fcntl_setpipe_size(pipe, 1024 * 1024)
}

#[cfg(not(target_os = "linux"))]
fn enlarge(_pipe: &OwnedFd) -> rustix::io::Result<usize> {
    Ok(0)
}
