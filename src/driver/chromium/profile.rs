//! Profile directories: made, removed, and cleaned up after owners that died.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::{TempDir, TempPath};

use super::options::{BrowserOptions, Environment};

/// Prefix of the names of our profile directories.
pub const PREFIX: &str = "pagepool-profile-";

/// A profile that nobody uses is removed when it is older than this.
pub const MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// How long an orphaned Chrome may take to end after SIGTERM.
const TERM_PATIENCE: Duration = Duration::from_secs(2);

const LOCK: &str = "owner.lock";
const TEMPORARY: &str = "tmp";
/// The smallest of the systems' limits.
const LONGEST_SOCKET_PATH: usize = 104;
/// Where there is a name short enough for a socket's path.
const SHORT_PARENT: &str = "/tmp";
const SHORTCUT_PREFIX: &str = "pagepool-tmp-";

/// A profile directory in use, removed when this is dropped. The kernel gives its lock up when this process dies.
pub(super) struct Profile {
    directory: TempDir,
    /// Another name of its directory of temporary files, where its own is too long for a socket's path.
    shortcut: Option<TempPath>,
    _lock: File,
}

impl Profile {
    /// Makes a new profile.
    pub fn create(parent: &Path) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let lock = File::create(directory.path().join(LOCK))?;
        lock.lock()?;
        let temporary = directory.path().join(TEMPORARY);
        fs::create_dir(&temporary)?;
        // Without one, what Chrome leaves when it is killed stays in the directory of temporary files.
        let shortcut = (!has_room_for_socket(&temporary))
            .then(|| shortcut_to(&temporary).ok())
            .flatten();
        Ok(Self {
            directory,
            shortcut,
            _lock: lock,
        })
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where Chrome puts its sockets and temporary files, so that they go with the profile; `None` where the paths
    /// would be too long for a socket.
    pub fn temporary(&self) -> Option<PathBuf> {
        let own = || self.path().join(TEMPORARY);
        let named = self.shortcut().map_or_else(own, Path::to_owned);
        has_room_for_socket(&named).then_some(named)
    }

    /// What is to be removed besides the directory.
    pub fn shortcut(&self) -> Option<&Path> {
        self.shortcut.as_deref()
    }

    /// Removes the directory; what is still being written to it by a dying process is removed again.
    pub async fn remove(self) {
        let mut result = Ok(());
        for _ in 0..20 {
            let directory = self.path().to_owned();
            result = tokio::task::spawn_blocking(move || remove(&directory))
                .await
                .unwrap_or(Ok(()));
            if result.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if let Err(error) = result {
            tracing::warn!(%error, profile = %self.path().display(), "a profile could not be removed");
        }
    }
}

/// True if Chrome can make its socket in this directory of temporary files.
fn has_room_for_socket(temporary: &Path) -> bool {
    temporary.as_os_str().len() + "/org.chromium.Chromium.XXXXXX/SingletonSocket".len() < LONGEST_SOCKET_PATH
}

fn shortcut_to(directory: &Path) -> io::Result<TempPath> {
    let mut names = tempfile::Builder::new();
    let link = names
        .prefix(SHORTCUT_PREFIX)
        .make_in(SHORT_PARENT, |path| symlink(directory, path))?;
    Ok(link.into_temp_path())
}

/// Removes shortcuts whose profile is gone.
fn remove_dangling_shortcuts() {
    let entries = fs::read_dir(SHORT_PARENT).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| {
        entry
            .file_name()
            .as_bytes()
            .starts_with(SHORTCUT_PREFIX.as_bytes())
    }) {
        let link = entry.path();
        if fs::read_link(&link).is_ok_and(|target| !target.exists()) {
            // It is another user's where this fails.
            let _ = fs::remove_file(link);
        }
    }
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The outcome of [`clean`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cleaned {
    /// Directories that are gone.
    pub profiles: Vec<PathBuf>,
    /// Chromes that were terminated.
    pub processes: Vec<u32>,
}

/// Removes profiles of our prefix in `parent` that nobody uses and that are older than `max_age`, and
/// terminates the Chromes on such profiles whose owner has died. Blocks, for seconds where a Chrome is stubborn.
///
/// # Errors
/// Where `parent` cannot be read, or something stale cannot be removed.
pub fn clean(parent: &Path, max_age: Duration) -> Result<Cleaned, CleanError> {
    let mut cleaned = Cleaned::default();
    let unreadable = |source| CleanError::Unreadable {
        parent: parent.to_owned(),
        source,
    };
    let mut failed = None;
    let entries = match fs::read_dir(parent) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(cleaned),
        entries => entries.map_err(unreadable)?,
    };
    for entry in entries.flatten() {
        let directory = entry.path();
        if !entry.file_name().as_bytes().starts_with(PREFIX.as_bytes()) || !is_stale_candidate(&directory) {
            continue;
        }
        let claim = claim(&directory);
        if matches!(claim, Claim::InUse) {
            continue;
        }
        for pid in chromes_on(&directory)
            .into_iter()
            .filter(|pid| is_orphan(*pid, &claim))
        {
            terminate(pid);
            cleaned.processes.push(pid.as_raw_nonzero().get().unsigned_abs());
        }
        if age(&directory).is_some_and(|age| age > max_age) && chromes_on(&directory).is_empty() {
            match remove(&directory) {
                Ok(()) => cleaned.profiles.push(directory),
                Err(source) => failed = Some(CleanError::NotRemoved { directory, source }),
            }
        }
    }
    if !has_room_for_socket(&parent.join(format!("{PREFIX}XXXXXX")).join(TEMPORARY)) {
        remove_dangling_shortcuts();
    }
    failed.map_or(Ok(cleaned), Err)
}

/// Why stale profiles are still there.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// The directory of profiles cannot be read.
    #[error("cannot look for stale profiles in {}", .parent.display())]
    Unreadable {
        /// The directory.
        parent: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A stale profile cannot be removed; the others were.
    #[error("cannot remove the stale profile {}", .directory.display())]
    NotRemoved {
        /// The profile.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A directory of this user; a link, or what belongs to somebody else, is not ours.
fn is_stale_candidate(directory: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::symlink_metadata(directory)
        .is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw())
}

/// The ownership of a profile.
enum Claim {
    /// Its owner has died; nobody else takes it while the lock is held.
    Orphaned(#[expect(dead_code, reason = "held for its lock")] File),
    /// It never had one.
    Ownerless,
    /// Its owner lives.
    InUse,
}

fn claim(directory: &Path) -> Claim {
    match File::open(directory.join(LOCK)) {
        Ok(lock) if lock.try_lock().is_ok() => Claim::Orphaned(lock),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Claim::Ownerless,
        Ok(_) | Err(_) => Claim::InUse,
    }
}

fn age(directory: &Path) -> Option<Duration> {
    let modified = fs::symlink_metadata(directory).ok()?.modified().ok()?;
    SystemTime::now().duration_since(modified).ok()
}

/// True if the browser's parent has died: its lock was free, or, where there never was one, init has adopted it.
fn is_orphan(pid: Pid, claim: &Claim) -> bool {
    let stat = || fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    let adopted = || {
        stat()
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_ascii_whitespace().nth(1).map(|parent| parent == "1"))
    };
    matches!(claim, Claim::Orphaned(_)) || adopted() == Some(true)
}

/// The browser processes whose command line names the profile.
#[cfg(target_os = "linux")]
fn chromes_on(directory: &Path) -> Vec<Pid> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut flag = b"--user-data-dir=".to_vec();
    flag.extend_from_slice(directory.as_os_str().as_bytes());
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw))
        .filter(|pid| {
            let command_line =
                fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
            let arguments = || command_line.split(|byte| *byte == 0);
            // Chrome's helpers carry a type, and end with it.
            arguments().any(|argument| argument == flag)
                && !arguments().any(|argument| argument.starts_with(b"--type="))
        })
        .collect()
}

/// Without `/proc` nothing is found: such a Chrome ends when its pipe closes.
#[cfg(not(target_os = "linux"))]
fn chromes_on(_directory: &Path) -> Vec<Pid> {
    Vec::new()
}

/// SIGTERM, then SIGKILL.
fn terminate(pid: Pid) {
    let _ = kill_process(pid, Signal::TERM);
    let step = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    while is_running(pid) && waited < TERM_PATIENCE {
        thread::sleep(step);
        waited += step;
    }
    if is_running(pid) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// A zombie that nobody reaps has ended.
fn is_running(pid: Pid) -> bool {
    if test_kill_process(pid).is_err() {
        return false;
    }
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    !stat
        .rsplit_once(')')
        .is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

/// The directory in which profiles are made.
pub(super) fn parent(options: &BrowserOptions, environment: &Environment) -> PathBuf {
    let given = options.profile_parent.as_ref().or(environment.temporary.as_ref());
    let parent = given.cloned().unwrap_or_else(std::env::temp_dir);
    // Chrome wants it absolute; where it cannot be resolved, making a profile says why.
    std::path::absolute(&parent).unwrap_or(parent)
}
