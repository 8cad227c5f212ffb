//! Runs the machine: lock, handle, unlock, perform.
