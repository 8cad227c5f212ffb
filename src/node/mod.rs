//! The addon as JavaScript sees it: classes and conversions, nothing else.

mod abort;
mod cancel;
pub(crate) mod js;
mod loader;
mod semaphore;
