//! The two clocks: one that never goes back, and JavaScript's.

use std::sync::OnceLock;
use std::time::Instant;

use super::js::Scope;

/// Milliseconds on a clock of this process that never goes back.
pub(crate) fn monotonic_ms() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// `Date.now()` as it is now: it may be a fake, and may go back.
pub(crate) fn date_now(scope: Scope<'_>) -> f64 {
    scope
        .global()
        .get("Date")
        .and_then(|date| date.call_method("now", &[]))
        .ok()
        .and_then(super::js::Value::as_f64)
        .filter(|now| now.is_finite())
        .unwrap_or(0.0)
}
