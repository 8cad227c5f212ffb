//! Chrome over the DevTools protocol: started, watched, and driven.

mod arguments;
mod browser;
mod embedded;
mod find;
mod manager;
mod options;
mod process;
pub mod profile;

pub use browser::{Browser, Ended, LaunchError};
pub use find::{Executable, FindError, Flavour};
pub use manager::BrowserManager;
pub use options::{BrowserOptions, Environment, Headless};
