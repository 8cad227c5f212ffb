//! The rules of the contract, checked in the world's own view.

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
mod trim;
mod wear;

pub(super) use leases::whole_of;
