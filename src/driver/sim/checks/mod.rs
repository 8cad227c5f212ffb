//! What must hold, in the world's own view.

mod browser;
mod leases;
mod ledger;
mod order;
mod requests;
mod rest;
mod size;
mod snapshots;
mod teardown;
mod tenants;
