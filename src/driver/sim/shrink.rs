//! From thousands of steps to the few that matter.

use super::operation::Operation;
use super::settings::Settings;
use super::world::{Violation, World, guarded, replay};

/// A violation and the steps that lead to it.
#[derive(Debug)]
pub struct Shrunk {
    /// The violation that they lead to.
    pub violation: Violation,
    /// The steps.
    pub operations: Vec<Operation>,
    /// The events and actions of these steps, and then the state.
    pub trace: Vec<String>,
}

/// Delta debugging: takes out ever smaller pieces for as long as the same rule is broken without them. `None`
/// when the steps break no rule at all.
#[must_use]
pub fn shrink(settings: &Settings, operations: &[Operation], patience: usize) -> Option<Shrunk> {
    let original = replay(settings, operations).err()?;
    let rule = original.rule;
    let breaks =
        |operations: &[Operation]| replay(settings, operations).is_err_and(|found| found.rule == rule);
    let mut operations = merge_advances(operations);
    if !breaks(&operations) {
        return None;
    }
    let mut chunk = operations.len().div_ceil(2).max(1);
    let mut attempts = 0;
    loop {
        let mut removed = false;
        let mut start = 0;
        while start < operations.len() && attempts < patience {
            attempts += 1;
            let end = (start + chunk).min(operations.len());
            let mut rest = operations[..start].to_vec();
            rest.extend_from_slice(&operations[end..]);
            let rest = merge_advances(&rest);
            if breaks(&rest) {
                operations = rest;
                removed = true;
            } else {
                start = end;
            }
        }
        if attempts >= patience || chunk == 1 && !removed {
            break;
        }
        if !removed || chunk > operations.len() {
            chunk = (chunk / 2).max(1);
        }
    }
    let (violation, trace) = trace(settings, &operations)?;
    Some(Shrunk {
        violation,
        operations,
        trace,
    })
}

/// Time that passes in several steps, with nothing between them, passes in one.
fn merge_advances(operations: &[Operation]) -> Vec<Operation> {
    let mut merged: Vec<Operation> = Vec::with_capacity(operations.len());
    for &operation in operations {
        if let Operation::Advance { ms } = operation
            && let Some(Operation::Advance { ms: before }) = merged.last_mut()
            && let Some(sum) = before.checked_add(ms)
        {
            *before = sum;
        } else {
            merged.push(operation);
        }
    }
    merged
}

/// The events and actions of these steps, up to the violation.
fn trace(settings: &Settings, operations: &[Operation]) -> Option<(Violation, Vec<String>)> {
    let mut world = World::new(settings);
    world.record_trace();
    let violation = guarded(|| {
        for operation in operations {
            world.apply(*operation)?;
        }
        world.finish()
    })
    .err()?;
    let mut trace = world.trace().to_vec();
    trace.push(world.describe());
    Some((violation, trace))
}
