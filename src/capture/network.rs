//! Requests of a page that have not ended.

use std::collections::BTreeMap;
use std::collections::HashMap;

/// A request that has not ended.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingRequest {
    /// Its URL.
    pub url: String,
    /// `Date.now()` of its start; a redirect is no new one.
    pub started_at: f64,
}

/// The requests of one page, oldest first.
#[derive(Debug, Default)]
pub struct PendingRequests {
    by_start: BTreeMap<u64, PendingRequest>,
    positions: HashMap<String, u64>,
    next: u64,
}

impl PendingRequests {
    /// A request was sent, or redirected: then it keeps its place.
    pub fn started(&mut self, request_id: &str, mut request: PendingRequest) {
        let position = *self.positions.entry(request_id.to_owned()).or_insert_with(|| {
            self.next += 1;
            self.next
        });
        if let Some(before) = self.by_start.get(&position) {
            request.started_at = before.started_at;
        }
        self.by_start.insert(position, request);
    }

    /// A request was answered in full, or failed.
    pub fn ended(&mut self, request_id: &str) {
        if let Some(position) = self.positions.remove(request_id) {
            self.by_start.remove(&position);
        }
    }

    /// Those under way.
    pub fn iter(&self) -> impl Iterator<Item = &PendingRequest> {
        self.by_start.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str) -> PendingRequest {
        PendingRequest {
            url: url.into(),
            started_at: 0.0,
        }
    }

    #[test]
    fn a_redirect_keeps_its_place_and_an_end_takes_the_request_out() {
        let mut pending = PendingRequests::default();
        pending.started("1", request("a"));
        pending.started("2", request("b"));
        pending.started("1", request("c"));
        let urls: Vec<_> = pending.iter().map(|request| request.url.as_str()).collect();
        assert_eq!(urls, ["c", "b"]);
        pending.ended("1");
        pending.ended("unknown");
        assert_eq!(pending.iter().count(), 1);
    }
}
