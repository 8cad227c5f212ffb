//! The addon as JavaScript sees it: classes and conversions, nothing else.

mod abort;
mod cancel;
pub(crate) mod js;
mod loader;
pub(crate) mod page;
mod semaphore;
