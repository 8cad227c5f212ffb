//! The machine's behaviour, one file per family of rules.

mod random;
mod select;
