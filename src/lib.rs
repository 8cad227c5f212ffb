//! A pool of warm headless-Chrome pages for servers that render on behalf of many tenants.
//!
//! `pool` decides, `runtime` performs, `driver` speaks to a browser, `node` converts.

pub mod capture;
pub mod cdp;
pub mod driver;
mod lossy;
pub mod page;
pub mod pool;
pub mod runtime;

#[cfg(feature = "node")]
#[cfg_attr(test, allow(dead_code, reason = "napi registers nothing in a test"))]
mod node;
