//! Nothing of a Chrome is left, however its owner ends.
#![expect(
    clippy::expect_used,
    reason = "what is expected and does not come fails the test"
)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use pagepool::cdp::io;
use pagepool::driver::chromium::profile::{self, PREFIX};
use pagepool::driver::chromium::{
    BrowserManager, BrowserOptions, Ended, Environment, Headless, LaunchError, find,
};
use rustix::process::{Pid, Signal, kill_process};
use support::{PATIENCE, evaluate, on_io, page};

const PROFILES: &str = "PAGEPOOL_TEST_PROFILES";
const HEADLESS: &str = "PAGEPOOL_TEST_HEADLESS";

fn options(profiles: &Path) -> BrowserOptions {
    BrowserOptions {
        profile_parent: Some(profiles.to_owned()),
        ..BrowserOptions::default()
    }
}

/// Not a test: the process that the tests below end in various ways.
#[test]
#[ignore = "run by the other tests in a process of its own"]
fn owner_of_a_browser() {
    let Some(profiles) = std::env::var_os(PROFILES) else {
        return;
    };
    let mut options = options(Path::new(&profiles));
    if std::env::var_os(HEADLESS).is_some() {
        options.headless = Headless::New;
    }
    let manager = Arc::new(BrowserManager::new(options));
    let kept = Arc::clone(&manager);
    on_io(async move {
        let browser = manager.browser().await.expect("a browser");
        let page = page(&browser).await;
        page.send(evaluate("document.title = 'alive'"))
            .await
            .expect("an answer");
        println!("ready {}", browser.pid().expect("a process"));
    });
    let _kept = kept;
    loop {
        std::thread::park();
    }
}

/// An owner in a process of its own, with its Chrome up.
struct Owner {
    process: Child,
    chrome: u32,
    profiles: tempfile::TempDir,
}

impl Owner {
    fn start(headless: Headless) -> Self {
        let profiles = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command
            .args(["--ignored", "--exact", "--nocapture", "owner_of_a_browser"])
            .env(PROFILES, profiles.path());
        if headless == Headless::New {
            command.env(HEADLESS, "new");
        }
        // A group of its own, as a shell gives to what runs in the foreground.
        let mut process = command
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("an owner");
        let lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let chrome = lines
            .map_while(Result::ok)
            .find_map(|line| {
                line.split_once("ready ")
                    .and_then(|(_, pid)| pid.trim().parse().ok())
            })
            .expect("the owner's browser is up");
        assert!(
            !processes_on(profiles.path()).is_empty(),
            "no process uses the profile"
        );
        Self {
            process,
            chrome,
            profiles,
        }
    }

    fn end_with(mut self, signal: Signal, whole_group: bool) {
        let pid = Pid::from_raw(self.process.id().cast_signed()).expect("a pid");
        if whole_group {
            rustix::process::kill_process_group(pid, signal).expect("a group");
        } else {
            kill_process(pid, signal).expect("a process");
        }
        self.process.wait().expect("the owner ends");
        assert_nothing_left(self.profiles.path(), self.chrome);
    }
}

/// Processes whose command line mentions the directory.
fn processes_on(directory: &Path) -> Vec<(u32, String)> {
    let needle = directory.as_os_str().as_bytes();
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let mentions = line.windows(needle.len()).any(|window| window == needle);
            mentions.then(|| (pid, String::from_utf8_lossy(&line).replace('\0', " ")))
        })
        .collect()
}

fn assert_nothing_left(profiles: &Path, chrome: u32) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let processes = processes_on(profiles);
        let files: Vec<_> = fs::read_dir(profiles)
            .expect("a directory")
            .flatten()
            .map(|entry| entry.path())
            .collect();
        if processes.is_empty() && files.is_empty() {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "left of Chrome {chrome}: {processes:?}, files {files:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn nothing_is_left_after_stop() {
    let profiles = tempfile::tempdir().expect("a directory");
    let options = options(profiles.path());
    let chrome = on_io(async move {
        let manager = BrowserManager::new(options);
        let browser = manager.browser().await.expect("a browser");
        page(&browser).await;
        manager.stop().await;
        assert_eq!(browser.ended().await, Ended::OnPurpose);
        browser.pid().expect("a process")
    });
    // At once: `stop` waits for all of it. The watcher has had its word, and may take a moment to go.
    let files = fs::read_dir(profiles.path()).expect("a directory").count();
    assert_eq!(files, 0, "profiles are left when stop() has returned");
    assert_nothing_left(profiles.path(), chrome);
}

#[test]
fn nothing_is_left_after_the_owner_was_killed() {
    Owner::start(Headless::Shell).end_with(Signal::KILL, false);
}

#[test]
fn nothing_is_left_of_a_hanging_browser_after_the_owner_was_killed() {
    let owner = Owner::start(Headless::Shell);
    let group = Pid::from_raw(owner.chrome.cast_signed()).expect("a pid");
    // It will not notice that its pipe closes.
    rustix::process::kill_process_group(group, Signal::STOP).expect("a group to stop");
    owner.end_with(Signal::KILL, false);
}

#[test]
fn nothing_is_left_of_full_chrome_after_the_owner_was_killed() {
    let full = BrowserOptions {
        headless: Headless::New,
        ..BrowserOptions::default()
    };
    if find(&full, &Environment::of_process()).is_err() {
        eprintln!("skipped: there is no full Chrome here");
        return;
    }
    Owner::start(Headless::New).end_with(Signal::KILL, false);
}

#[test]
fn nothing_is_left_after_ctrl_c() {
    Owner::start(Headless::Shell).end_with(Signal::INT, true);
}

#[test]
fn nothing_is_left_after_sigterm() {
    Owner::start(Headless::Shell).end_with(Signal::TERM, false);
}

#[test]
fn nothing_is_left_after_the_browser_was_killed() {
    let profiles = tempfile::tempdir().expect("a directory");
    let options = options(profiles.path());
    let (chrome, browser) = on_io(async move {
        let manager = BrowserManager::new(options);
        let browser = manager.browser().await.expect("a browser");
        let chrome = browser.pid().expect("a process");
        kill_process(Pid::from_raw(chrome.cast_signed()).expect("a pid"), Signal::KILL).expect("a process");
        assert_eq!(browser.ended().await, Ended::Lost);
        let next = manager.browser().await.expect("another browser");
        assert_ne!(next.pid(), Some(chrome), "a dead browser was handed out");
        manager.stop().await;
        (chrome, browser)
    });
    assert!(!browser.is_connected());
    assert_nothing_left(profiles.path(), chrome);
}

#[test]
fn concurrent_callers_share_one_launch_and_a_stop_during_it_leaves_nothing() {
    let profiles = tempfile::tempdir().expect("a directory");
    let options = options(profiles.path());
    on_io(async move {
        let manager = Arc::new(BrowserManager::new(options));
        let (one, two) = tokio::join!(manager.browser(), manager.browser());
        let (one, two) = (one.expect("a browser"), two.expect("a browser"));
        assert!(Arc::ptr_eq(&one, &two), "two launches for two callers");
        manager.stop().await;
        let starter = Arc::clone(&manager);
        let starting = io::spawn(async move { starter.browser().await.map(|browser| browser.pid()) });
        // Lets the launch begin.
        tokio::task::yield_now().await;
        manager.stop().await;
        drop(starting.await);
        manager.stop().await;
    });
    assert_nothing_left(profiles.path(), 0);
}

/// An executable script in the directory.
fn script(directory: &Path, text: &str) -> PathBuf {
    let path = directory.join("chrome");
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
    path
}

#[test]
fn a_launch_that_hangs_is_called_off_by_stop() {
    let (profiles, programs) = (
        tempfile::tempdir().expect("a directory"),
        tempfile::tempdir().expect("a directory"),
    );
    let options = BrowserOptions {
        executable: Some(script(programs.path(), "#!/bin/sh\nexec sleep 1000\n")),
        ..options(profiles.path())
    };
    let left = profiles.path().to_owned();
    on_io(async move {
        let manager = Arc::new(BrowserManager::new(options));
        let starter = Arc::clone(&manager);
        let starting = io::spawn(async move { starter.browser().await.map(|browser| browser.pid()) });
        while processes_on(&left).is_empty() {
            tokio::task::yield_now().await;
        }
        manager.stop().await;
        let error = starting.await.expect("an outcome").expect_err("no browser");
        assert!(matches!(*error, LaunchError::Stopped), "{error}");
    });
    let files = fs::read_dir(profiles.path()).expect("a directory").count();
    assert_eq!(files, 0, "a profile is left when stop() has returned");
    assert_nothing_left(profiles.path(), 0);
}

#[test]
fn an_executable_that_cannot_be_run_leaves_no_profile() {
    let (profiles, programs) = (
        tempfile::tempdir().expect("a directory"),
        tempfile::tempdir().expect("a directory"),
    );
    let options = BrowserOptions {
        executable: Some(script(programs.path(), "#!/nowhere/sh\n")),
        ..options(profiles.path())
    };
    on_io(async move {
        let outcome = BrowserManager::new(options).browser().await;
        let error = outcome.err().expect("no browser");
        assert!(matches!(*error, LaunchError::Spawn { .. }), "{error}");
    });
    let files = fs::read_dir(profiles.path()).expect("a directory").count();
    assert_eq!(files, 0, "a profile is left");
}

#[test]
fn every_stop_returns_when_nothing_is_left() {
    let profiles = tempfile::tempdir().expect("a directory");
    let options = options(profiles.path());
    let left = profiles.path().to_owned();
    let files = on_io(async move {
        let manager = BrowserManager::new(options);
        manager.browser().await.expect("a browser");
        let mut first = Box::pin(manager.stop());
        assert!(
            futures_util::poll!(&mut first).is_pending(),
            "a browser takes a while to end"
        );
        manager.stop().await;
        let files = fs::read_dir(left).expect("a directory").count();
        first.await;
        files
    });
    assert_eq!(files, 0, "the second stop() did not wait for the first");
}

/// Not a test: starts and stops browsers in a process of its own, and compares what it holds before and after.
#[test]
#[ignore = "run by the next test in a process of its own"]
fn starter_and_stopper() {
    let Some(profiles) = std::env::var_os(PROFILES) else {
        return;
    };
    let options = options(Path::new(&profiles));
    let rounds = |count: usize| {
        let options = options.clone();
        on_io(async move {
            for _ in 0..count {
                let manager = BrowserManager::new(options.clone());
                page(&manager.browser().await.expect("a browser")).await;
                manager.stop().await;
            }
        });
        let descriptors = fs::read_dir("/proc/self/fd").expect("/proc").count();
        let threads = fs::read_dir("/proc/self/task").expect("/proc").flatten();
        let children = threads.map(|thread| {
            let list = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            list.split_ascii_whitespace().count()
        });
        (descriptors, children.sum::<usize>())
    };
    let before = rounds(1);
    let deadline = Instant::now() + PATIENCE;
    // The last watcher may take a moment to be reaped.
    while rounds(2) != before {
        assert!(
            Instant::now() < deadline,
            "descriptors and children grow from {before:?}"
        );
    }
}

#[test]
fn browsers_come_and_go_without_descriptors_or_zombies_staying() {
    let profiles = tempfile::tempdir().expect("a directory");
    let run = Command::new(std::env::current_exe().expect("this test"))
        .args(["--ignored", "--exact", "starter_and_stopper"])
        .env(PROFILES, profiles.path())
        .output()
        .expect("a process");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
}

#[test]
fn a_restart_gives_a_new_browser() {
    let profiles = tempfile::tempdir().expect("a directory");
    let options = options(profiles.path());
    on_io(async move {
        let manager = BrowserManager::new(options);
        let first = manager.browser().await.expect("a browser");
        let second = manager.restart().await.expect("a browser");
        assert!(
            !first.is_connected() && second.is_connected(),
            "the first goes, the second runs"
        );
        assert_eq!(first.ended().await, Ended::OnPurpose);
        manager.stop().await;
    });
    assert_nothing_left(profiles.path(), 0);
}

/// A directory of our prefix, last changed this long ago.
fn profile_of_age(parent: &Path, name: &str, age: Duration) -> PathBuf {
    let directory = parent.join(format!("{PREFIX}{name}"));
    fs::create_dir(&directory).expect("a directory");
    fs::write(directory.join("file"), "").expect("a file");
    let changed = SystemTime::now() - age;
    fs::File::open(&directory)
        .and_then(|file| file.set_modified(changed))
        .expect("a time");
    directory
}

const HOUR: Duration = Duration::from_secs(60 * 60);

#[test]
fn only_stale_profiles_of_ours_are_removed() {
    let parent = tempfile::tempdir().expect("a directory");
    let stale = profile_of_age(parent.path(), "stale", 2 * HOUR);
    let young = profile_of_age(parent.path(), "young", HOUR / 2);
    let foreign = parent.path().join("puppeteer_dev_chrome_profile-x");
    fs::rename(profile_of_age(parent.path(), "foreign", 2 * HOUR), &foreign).expect("a name");
    let options = options(parent.path());
    let used = on_io(async move {
        let manager = BrowserManager::new(options);
        manager.browser().await.expect("a browser");
        let used = fs::read_dir(manager.profile_parent())
            .expect("a directory")
            .flatten()
            .map(|entry| entry.path());
        let used: Vec<_> = used.filter(|path| path.join("owner.lock").exists()).collect();
        let changed = SystemTime::now() - 2 * HOUR;
        fs::File::open(&used[0])
            .and_then(|file| file.set_modified(changed))
            .expect("a time");
        let cleaned = manager.clean_user_data_dirs().await.expect("a clean-up");
        assert_eq!(
            cleaned.processes,
            Vec::<u32>::new(),
            "a process of a living owner was terminated"
        );
        assert!(manager.running().is_some(), "the browser in use was ended");
        let exists = used[0].exists();
        manager.stop().await;
        exists
    });
    assert!(used, "a profile in use was removed");
    assert!(!stale.exists(), "a stale profile is left");
    assert!(young.exists(), "a young profile was removed");
    assert!(foreign.exists(), "somebody else's profile was removed");
}

/// A stand-in for a Chrome on the profile, which notices SIGTERM only if told to. It starts no children, and ends with
/// this test.
fn chrome_on(profile: &Path, stubborn: bool) -> Child {
    let script = if stubborn {
        "trap '' TERM; echo up; read -r _"
    } else {
        "echo up; read -r _"
    };
    let mut flag = std::ffi::OsString::from("--user-data-dir=");
    flag.push(profile);
    let mut process = Command::new("/bin/sh")
        .args(["-c", script, "chrome"])
        .arg(flag)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut up = String::new();
    let output = process.stdout.take().expect("a pipe");
    BufReader::new(output).read_line(&mut up).expect("a line");
    process
}

#[test]
fn a_chrome_whose_owner_died_is_terminated_and_nobody_elses() {
    let parent = tempfile::tempdir().expect("a directory");
    // A lock that nobody holds: its owner has died.
    let orphaned = profile_of_age(parent.path(), "orphaned", HOUR / 2);
    fs::write(orphaned.join("owner.lock"), "").expect("a file");
    // No lock, and a parent that lives: this test.
    let adopted = profile_of_age(parent.path(), "adopted", 2 * HOUR);
    let (mut obedient, mut stubborn) = (chrome_on(&orphaned, false), chrome_on(&orphaned, true));
    let mut other = chrome_on(&adopted, false);
    let mut foreign = chrome_on(&parent.path().join("somebody-elses"), false);
    let cleaned = profile::clean(parent.path(), HOUR).expect("a clean-up");
    let mut terminated = cleaned.processes;
    terminated.sort_unstable();
    let mut expected = vec![obedient.id(), stubborn.id()];
    expected.sort_unstable();
    assert_eq!(terminated, expected, "what was terminated");
    let signal = |process: &mut Child| process.wait().expect("an end").signal();
    assert_eq!(
        signal(&mut obedient),
        Some(15),
        "SIGTERM is enough for one that obeys"
    );
    assert_eq!(signal(&mut stubborn), Some(9), "SIGKILL for one that does not");
    for process in [&mut other, &mut foreign] {
        assert!(
            process.try_wait().expect("a state").is_none(),
            "somebody else's process was terminated"
        );
        process.kill().expect("a process");
        process.wait().expect("an end");
    }
    assert!(
        adopted.exists(),
        "a profile in use by a living process was removed"
    );
}
