//! A simulation as bytes: what a fuzzer mutates, and what is kept of a find.

use super::operation::Operation;
use super::settings::Settings;
use super::tally::Tally;
use super::world::{Violation, replay};

/// Bytes before the operations: the seed of the settings.
const HEADER: usize = size_of::<u64>();

/// More operations than this are cut off: they would find no more, only later.
const MOST_OPERATIONS: usize = 4_096;

/// The seed of the settings and the operations, four bytes each.
#[must_use]
pub fn encode(seed: u64, operations: &[Operation]) -> Vec<u8> {
    let mut bytes = seed.to_le_bytes().to_vec();
    for operation in operations {
        bytes.extend_from_slice(&operation.encode());
    }
    bytes
}

/// Reads settings and operations from any bytes; `None` when there are too few.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<(Settings, Vec<Operation>)> {
    let (seed, rest) = bytes.split_first_chunk::<HEADER>()?;
    let operations = Operation::decode_all(rest).take(MOST_OPERATIONS).collect();
    Some((Settings::draw(u64::from_le_bytes(*seed)), operations))
}

/// Runs what the bytes describe.
///
/// # Errors
///
/// The rule that was violated.
pub fn run(bytes: &[u8]) -> Result<Tally, Violation> {
    match decode(bytes) {
        Some((settings, operations)) => replay(&settings, &operations),
        None => Ok(Tally::default()),
    }
}
