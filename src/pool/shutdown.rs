//! `closeAll`: everything ends, and the pool can be used again.

use super::affinity::AffinityId;
use super::defects::{Defect, planted};
use super::dispose::TeardownOptions;
use super::request::RequestState;
use super::{Action, Pool, PoolError, RequestId, TicketId};

/// A `closeAll` under way.
#[derive(Debug)]
pub(super) struct Shutdown {
    tickets: Vec<TicketId>,
}

impl Pool {
    pub(super) fn close_all(&mut self, ticket: TicketId) {
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.tickets.push(ticket);
            return;
        }
        self.shutdown = Some(Shutdown {
            tickets: vec![ticket],
        });
        self.wind_down_refill();
        self.forgo_refills();
        self.contraction.stop();
        self.swaps.clear();
        self.worn = super::WornTabSwaps::default();
        if !planted(Defect::WaitersSurviveClosing) {
            self.reject_waiting();
        }

        let options = TeardownOptions {
            retain_context: false,
            retain_console_errors: false,
            background: true,
            refill: false,
            bounded: true,
        };
        let known: Vec<AffinityId> = self
            .affinities
            .iter()
            .filter(|(_, affinity)| {
                affinity.has_tabs() || affinity.teardown.is_some() || self.has_live_primary(affinity)
            })
            .map(|(&id, _)| id)
            .collect();
        for id in known {
            self.tear_down_or_close_orphan(id, options);
        }
        while let Some(&standby) = self.standbys.first() {
            self.close_standby(standby);
        }
    }

    fn reject_waiting(&mut self) {
        let waiting: Vec<RequestId> = self
            .requests
            .iter()
            .filter(|(_, request)| !matches!(request.state, RequestState::Granted { .. }))
            .map(|(&id, _)| id)
            .collect();
        // Nobody whom an earlier one makes room for may get anything: all leave before any of them ends.
        for &id in &waiting {
            if self
                .requests
                .get(&id)
                .is_some_and(|request| request.held_tab().is_none())
            {
                self.detach(id);
            }
        }
        for id in waiting {
            self.reject(id, PoolError::Closed);
        }
    }

    /// Ends the shutdown when nothing is left, or only what does not close.
    pub(super) fn finish_shutdown(&mut self) {
        if self.shutdown.is_none()
            || !self.requests.is_empty()
            || self.counts.unsettled > 0 && !planted(Defect::ClosedTooEarly)
        {
            return;
        }
        let Some(shutdown) = self.shutdown.take() else {
            return;
        };
        self.answer_warm_tickets();
        for ticket in shutdown.tickets {
            self.act(Action::PoolClosed { ticket });
        }
    }
}
