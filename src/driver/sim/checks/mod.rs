//! What must hold, in the world's own view.

mod browser;
mod requests;
mod rest;
mod teardown;
mod tenants;
