//! Any bytes are a life of a pool, and no life may break a rule.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pagepool::driver::sim::recording;

fuzz_target!(|bytes: &[u8]| {
    if let Err(violation) = recording::run(bytes) {
        panic!("{violation:?}");
    }
});
