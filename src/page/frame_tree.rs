//! Frames and execution contexts of a page, as Chrome's events tell of them.

use std::collections::HashSet;
use std::sync::Arc;

use crate::cdp::Session;

use super::error::EvaluateError;
use super::lifecycle::{Lifecycle, Milestone};

/// Names a frame; Chrome keeps it for the frame's life.
pub type FrameId = Arc<str>;

/// One execution context: where a call goes.
#[derive(Clone)]
pub(crate) struct Realm {
    pub session: Session,
    pub context: i64,
}

/// Runs with the context once there is one, or with why there is none.
pub(crate) type RealmWaiter = Box<dyn FnOnce(Result<Realm, EvaluateError>) + Send>;

pub(crate) struct FrameState {
    pub id: FrameId,
    pub parent: Option<FrameId>,
    pub url: String,
    pub name: String,
    pub loader: String,
    pub lifecycle: Lifecycle,
    /// A frame that never began to load does not hold up its parent.
    pub started_loading: bool,
    pub session: Session,
    pub context: Option<i64>,
    pub waiters: Vec<RealmWaiter>,
}

impl FrameState {
    pub fn new(id: FrameId, parent: Option<FrameId>, session: Session) -> Self {
        Self {
            id,
            parent,
            url: String::new(),
            name: String::new(),
            loader: String::new(),
            lifecycle: Lifecycle::default(),
            started_loading: false,
            session,
            context: None,
            waiters: Vec::new(),
        }
    }
}

/// The frames of one page, in the order in which they came.
#[derive(Default)]
pub(crate) struct FrameTree {
    frames: Vec<FrameState>,
    main: Option<FrameId>,
}

impl FrameTree {
    pub fn add(&mut self, frame: FrameState) {
        if frame.parent.is_none() {
            self.main = Some(Arc::clone(&frame.id));
        }
        self.frames.push(frame);
    }

    pub fn get(&self, id: &str) -> Option<&FrameState> {
        self.frames.iter().find(|frame| &*frame.id == id)
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut FrameState> {
        self.frames.iter_mut().find(|frame| &*frame.id == id)
    }

    pub fn all(&self) -> impl Iterator<Item = &FrameState> {
        self.frames.iter()
    }

    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut FrameState> {
        self.frames.iter_mut()
    }

    pub fn children<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a FrameState> {
        self.frames
            .iter()
            .filter(move |frame| frame.parent.as_deref() == Some(id))
    }

    /// Takes a frame out with all below it: descendants first.
    pub fn remove(&mut self, id: &str) -> Vec<FrameState> {
        let mut removed = self.remove_children(id);
        if let Some(index) = self.frames.iter().position(|frame| &*frame.id == id) {
            removed.push(self.frames.remove(index));
        }
        removed
    }

    pub fn remove_children(&mut self, id: &str) -> Vec<FrameState> {
        let children: Vec<FrameId> = self.children(id).map(|child| Arc::clone(&child.id)).collect();
        children.iter().flat_map(|child| self.remove(child)).collect()
    }

    pub fn clear(&mut self) -> Vec<FrameState> {
        match self.main.take() {
            Some(main) => self.remove(&main),
            None => Vec::new(),
        }
    }

    /// The frame whose document owns this context.
    pub fn frame_of_context(&self, session: &Session, context: i64) -> Option<&FrameState> {
        self.frames
            .iter()
            .find(|frame| frame.context == Some(context) && frame.session.id() == session.id())
    }

    /// A new document's context; gives back who waits for it.
    pub fn context_created(&mut self, session: &Session, id: &str, context: i64) -> Vec<RealmWaiter> {
        match self.get_mut(id) {
            Some(frame) if frame.session.id() == session.id() => {
                frame.context = Some(context);
                std::mem::take(&mut frame.waiters)
            }
            _ => Vec::new(),
        }
    }

    pub fn context_destroyed(&mut self, session: &Session, context: i64) {
        for frame in &mut self.frames {
            if frame.context == Some(context) && frame.session.id() == session.id() {
                frame.context = None;
            }
        }
    }

    pub fn contexts_cleared(&mut self, session: &Session) {
        for frame in &mut self.frames {
            if frame.session.id() == session.id() {
                frame.context = None;
            }
        }
    }

    /// Whether the frame, and those of its children that began to load, have come so far.
    pub fn has_reached(&self, id: &str, milestones: &[Milestone]) -> bool {
        let mut seen = HashSet::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let Some(frame) = self.get(id) else { continue };
            if !seen.insert(id) {
                continue;
            }
            if !milestones.iter().all(|milestone| frame.lifecycle.has(*milestone)) {
                return false;
            }
            open.extend(
                self.children(id)
                    .filter(|child| child.started_loading)
                    .map(|child| &*child.id),
            );
        }
        true
    }
}
