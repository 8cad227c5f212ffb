//! The machine's behaviour, one file per family of rules.

mod cancel;
mod capacity;
mod closing;
mod config;
mod contexts;
mod dispose;
mod health;
mod invariants;
mod leases;
mod network_service;
mod one_line;
mod popups;
mod priority;
mod random;
mod refill;
mod select;
mod shutdown;
mod simulated;
mod snapshot;
mod stats;
mod trim;
mod waits;
mod wear;
