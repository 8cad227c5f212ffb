//! What the world outside of the machine knows of a tab.

use std::cell::RefCell;

use crate::pool::AffinityKey;

/// One page, from the start of its creation until it is forgotten.
pub(crate) struct TabInfo {
    page_id: RefCell<String>,
    /// Its tenant; none while it is a standby.
    pub(crate) affinity: RefCell<Option<AffinityKey>>,
}

impl TabInfo {
    pub(super) fn new() -> Self {
        Self {
            page_id: RefCell::new(uuid::Uuid::new_v4().to_string()),
            affinity: RefCell::new(None),
        }
    }

    /// The UUID that stays with the page for life.
    pub(crate) fn page_id(&self) -> String {
        self.page_id.borrow().clone()
    }

    /// For a driver that names its pages itself.
    pub(super) fn rename(&self, page_id: String) {
        *self.page_id.borrow_mut() = page_id;
    }
}
