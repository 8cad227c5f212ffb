//! Chrome over the DevTools protocol: started, watched, and driven.

mod arguments;
mod browser;
mod close;
mod console;
mod driver;
mod embedded;
mod find;
mod load;
mod manager;
mod options;
mod process;
pub mod profile;
mod tab;

pub use browser::{Browser, Ended, LaunchError};
pub use close::CloseError;
pub use console::ConsoleLine;
pub use driver::{ChromiumDriver, DriverOptions};
pub use find::{Executable, FindError, Flavour, find};
pub use load::LoadError;
pub use manager::BrowserManager;
pub use options::{BrowserOptions, Environment, Headless};
pub use tab::{ConsoleSink, Tab};
