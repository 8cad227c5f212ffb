//! The addon as JavaScript sees it: classes and conversions, nothing else.

mod abort;
mod browser_manager;
mod cancel;
pub(crate) mod check;
pub(crate) mod clock;
pub(crate) mod js;
mod launch;
pub(crate) mod loader;
pub(crate) mod network;
pub(crate) mod page;
pub(crate) mod pool;
mod semaphore;
pub(crate) mod timer;
