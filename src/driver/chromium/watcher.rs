//! A shell that outlives us, and leaves nothing of a Chrome when we die, however we die.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::Pid;

use super::profile::Profile;

/// Reads the process group from a pipe that only we hold, and waits for its end: then it kills the group and removes
/// the profile. A word on the pipe sends it home. Zombies that nobody reaps stay in their group, and do not count.
const WATCH: &str = r#"
profile=$1 shortcut=$2
read -r group
if read -r _; then exit 0; fi
running() {
  for stat in /proc/[0-9]*/stat; do
    read -r line <"$stat" || continue
    set -- ${line##*) }
    [ "$3" = "$group" ] && [ "$1" != Z ] && [ "$1" != X ] && return 0
  done
  return 1
}
n=0
while [ -n "$group" ] && kill -s KILL -- "-$group" && [ "$n" -lt 100 ]; do
  if [ -r /proc/self/stat ] && ! running; then break; fi
  n=$((n + 1))
  sleep 0.02
done
n=0
while ! rm -rf -- "$profile" && [ "$n" -lt 50 ]; do n=$((n + 1)); sleep 0.1; done
[ -z "$shortcut" ] || rm -f -- "$shortcut"
"#;

/// Watches over a profile, and over the Chrome on it once there is one.
pub(super) struct Watcher(Child);

impl Watcher {
    /// Begins with the profile, so that there is no moment at which nobody would remove it.
    pub fn start(profile: &Profile) -> io::Result<Self> {
        Command::new("/bin/sh")
            .args(["-c", WATCH, "pagepool-watcher"])
            .arg(profile.path())
            .arg(profile.shortcut().unwrap_or(Path::new("")))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map(Self)
    }

    /// Names the processes that are to end with us.
    pub fn guard(&mut self, group: Pid) {
        self.say(&group.as_raw_nonzero().to_string());
    }

    /// Ends it: there is nothing left to watch over.
    pub fn dismiss(mut self) {
        // It takes the first word for the group where it has none yet.
        self.say("done\ndone");
        self.0.stdin.take();
        // It exits at once; reap it without stopping the I/O thread.
        tokio::task::spawn_blocking(move || self.0.wait());
    }

    fn say(&mut self, words: &str) {
        if let Some(pipe) = &mut self.0.stdin {
            // It is gone already where this fails.
            let _ = writeln!(pipe, "{words}");
        }
    }
}
