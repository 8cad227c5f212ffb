//! Chrome over the DevTools protocol: started, watched, and driven.
//!
//! **The browser.** A [`BrowserManager`] has at most one [`Browser`]; `find` says which executable it is (with `caches` and
//! `embedded`), `arguments` how it is called, `process` starts it and is certain that it ends, `profile` makes its directory and cleans up
//! after owners that died. Nothing of it outlives us: its pipe closes, the kernel signals it, and a `watcher` that
//! reads a pipe of ours kills the rest of its group and removes the profile, sockets included.
//!
//! **The pool's hands.** A [`ChromiumDriver`] performs the machine's actions on the I/O thread and reports one event
//! for each. `load` makes a page and brings it to `/_standby`, `tab` captures what it says, `close` closes it in
//! steps, each with its own deadline: terminate what runs, close or dispose, kill the renderer, restart the browser.

mod arguments;
mod ask;
mod browser;
mod caches;
mod close;
mod console;
mod driver;
mod embedded;
mod find;
mod liveness;
mod load;
mod manager;
mod memory;
#[cfg(target_os = "linux")]
mod network_service;
mod options;
mod popups;
mod process;
pub mod profile;
mod tab;
mod watcher;

pub use browser::{Browser, Ended, LaunchError};
pub use caches::BrowserCaches;
pub use close::CloseError;
pub use console::ConsoleLine;
pub use driver::{ChromiumDriver, DriverOptions, FailedStandby};
pub use find::{Executable, FindError, Flavour, find};
pub use load::LoadError;
pub use manager::BrowserManager;
pub use options::{BrowserOptions, Environment, Headless, IgnoredArgs};
pub use tab::{ConsoleSink, Tab};
