//! Performing what the pool decided.

pub mod semaphore;
