//! Objects of a page that are needed for a while only.

use std::ops::Deref;

use crate::cdp::Session;

use super::evaluate::release;
use super::frame::Frame;
use super::value::RemoteObject;

/// An object that the page lets go of when this is dropped.
pub(super) struct Temporary {
    session: Session,
    object: RemoteObject,
}

impl Temporary {
    /// Leaves the object to the caller.
    pub fn keep(mut self) -> RemoteObject {
        let kept = self.object.clone();
        self.object.object_id = None;
        kept
    }
}

impl Deref for Temporary {
    type Target = RemoteObject;

    fn deref(&self) -> &RemoteObject {
        &self.object
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(id) = &self.object.object_id {
            release(&self.session, id);
        }
    }
}

impl Frame {
    /// Takes over an object of the frame's document.
    pub(super) fn temporary(&self, object: RemoteObject) -> Temporary {
        Temporary {
            session: self.session(),
            object,
        }
    }
}
