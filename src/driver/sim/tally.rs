//! Counts of a simulation.

use std::fmt;
use std::ops::AddAssign;

/// Counts of one run or of many.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Events and timeouts that the machine handled.
    pub events: u64,
    /// Virtual time, ms.
    pub simulated_ms: u64,
    /// Checks of the whole state.
    pub checks: u64,
    /// Calls of `getPage`.
    pub requests: u64,
    /// Leases of a tab that was warm.
    pub granted_warm: u64,
    /// Leases of a tab that was not.
    pub granted_fresh: u64,
    /// Aborted while they waited.
    pub cancelled: u64,
    /// `STANDBY_UNAVAILABLE`.
    pub unavailable: u64,
    /// `POOL_CLOSED`.
    pub closed: u64,
    /// Waited too long, or came when too many did.
    pub turned_away: u64,
    /// Leases that ended under their holders.
    pub revoked: u64,
    /// Rejected by the render semaphore.
    pub semaphore_failed: u64,
    /// Tabs that moved to another tenant.
    pub migrations: u64,
    /// Contexts made.
    pub contexts: u64,
    /// Most contexts alive at once.
    pub peak_contexts: u64,
    /// Teardowns that callers asked for.
    pub disposals: u64,
    /// Times that Chrome died.
    pub disconnects: u64,
    /// Calls of `closeAll`.
    pub closes: u64,
    /// Tabs that were trimmed.
    pub trims: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.simulated_ms += other.simulated_ms;
        self.checks += other.checks;
        self.requests += other.requests;
        self.granted_warm += other.granted_warm;
        self.granted_fresh += other.granted_fresh;
        self.cancelled += other.cancelled;
        self.unavailable += other.unavailable;
        self.closed += other.closed;
        self.revoked += other.revoked;
        self.turned_away += other.turned_away;
        self.semaphore_failed += other.semaphore_failed;
        self.migrations += other.migrations;
        self.contexts += other.contexts;
        self.peak_contexts = self.peak_contexts.max(other.peak_contexts);
        self.disposals += other.disposals;
        self.disconnects += other.disconnects;
        self.closes += other.closes;
        self.trims += other.trims;
    }
}

impl fmt::Display for Tally {
    #[expect(clippy::cast_precision_loss, reason = "hours to one decimal")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "events             {}", self.events)?;
        writeln!(
            f,
            "simulated hours    {:.1}",
            self.simulated_ms as f64 / 3_600_000.0
        )?;
        writeln!(f, "requests           {}", self.requests)?;
        writeln!(f, "  leased, warm     {}", self.granted_warm)?;
        writeln!(f, "  leased, fresh    {}", self.granted_fresh)?;
        writeln!(f, "  cancelled        {}", self.cancelled)?;
        writeln!(f, "  unavailable      {}", self.unavailable)?;
        writeln!(f, "  pool closed      {}", self.closed)?;
        writeln!(f, "  revoked          {}", self.revoked)?;
        writeln!(f, "  turned away      {}", self.turned_away)?;
        writeln!(f, "  semaphore failed {}", self.semaphore_failed)?;
        writeln!(f, "contexts made      {}", self.contexts)?;
        writeln!(f, "peak contexts      {}", self.peak_contexts)?;
        writeln!(f, "migrations         {}", self.migrations)?;
        writeln!(f, "disposals          {}", self.disposals)?;
        writeln!(f, "Chrome died        {}", self.disconnects)?;
        writeln!(f, "closeAll           {}", self.closes)?;
        writeln!(f, "trims              {}", self.trims)?;
        write!(f, "invariant checks   {}", self.checks)
    }
}
