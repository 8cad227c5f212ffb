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

/// Which of a document's worlds code runs in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum World {
    /// The page's own.
    #[default]
    Main,
    /// One of ours, which has the same document, and globals that the page cannot reach.
    Helpers,
}

/// The world of our helpers in a frame's document, which is made when one is needed first.
#[derive(Default)]
pub(crate) struct Helpers {
    pub context: Option<i64>,
    /// Chrome was asked for it, and has not answered.
    pub is_coming: bool,
    pub waiters: Vec<RealmWaiter>,
}

pub(crate) struct FrameState {
    pub id: FrameId,
    pub parent: Option<FrameId>,
    pub url: String,
    pub name: String,
    pub loader: String,
    pub lifecycle: Lifecycle,
    /// A frame that never began to load does not hold up its parent.
    pub started_loading: bool,
    /// It came with its document, which is about to take its parent's place: out of the back-forward cache.
    pub comes_with_document: bool,
    pub session: Session,
    pub context: Option<i64>,
    pub waiters: Vec<RealmWaiter>,
    pub helpers: Helpers,
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
            comes_with_document: false,
            session,
            context: None,
            waiters: Vec::new(),
            helpers: Helpers::default(),
        }
    }

    /// The document lives in this session from now on, and has no context there yet.
    pub fn move_to(&mut self, session: &Session) {
        self.session = session.clone();
        self.forget_contexts();
        self.helpers.is_coming = false;
    }

    pub fn context_of(&self, world: World) -> Option<i64> {
        match world {
            World::Main => self.context,
            World::Helpers => self.helpers.context,
        }
    }

    pub fn forget_contexts(&mut self) {
        self.context = None;
        self.helpers.context = None;
    }

    /// Who waits for a context of any world.
    pub fn take_waiters(&mut self) -> impl Iterator<Item = RealmWaiter> + use<> {
        let waiters = std::mem::take(&mut self.waiters);
        waiters
            .into_iter()
            .chain(std::mem::take(&mut self.helpers.waiters))
    }

    /// Whether Chrome is to be asked for the helpers' world now: somebody waits for it, and there is a document.
    pub fn wants_helpers(&mut self) -> bool {
        let helpers = &mut self.helpers;
        let wants = self.context.is_some()
            && helpers.context.is_none()
            && !helpers.is_coming
            && !helpers.waiters.is_empty();
        helpers.is_coming |= wants;
        wants
    }
}

/// The frames of one page, in the order in which they came.
#[derive(Default)]
pub(crate) struct FrameTree {
    frames: Vec<FrameState>,
    main: Option<FrameId>,
    /// Contexts of frames that have not been told of: a document out of the back-forward cache brings them along.
    early: Vec<EarlyContext>,
}

struct EarlyContext {
    session: Session,
    frame: FrameId,
    context: i64,
    world: World,
}

impl FrameTree {
    pub fn add(&mut self, mut frame: FrameState) {
        let is_its = |early: &mut EarlyContext| early.frame == frame.id;
        for early in self.early.extract_if(.., is_its).collect::<Vec<_>>() {
            if early.session.id() == frame.session.id() {
                match early.world {
                    World::Main => frame.context = Some(early.context),
                    World::Helpers => frame.helpers.context = Some(early.context),
                }
            }
        }
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

    /// The same for a document that another one replaces which comes out of the back-forward cache, with its frames of
    /// other processes.
    pub fn remove_replaced_children(&mut self, id: &str) -> Vec<FrameState> {
        let (kept, replaced): (Vec<_>, Vec<_>) = self
            .children(id)
            .map(|child| (child.comes_with_document, Arc::clone(&child.id)))
            .partition(|(comes, _)| *comes);
        for (_, id) in kept {
            if let Some(frame) = self.get_mut(&id) {
                frame.comes_with_document = false;
            }
        }
        replaced
            .iter()
            .flat_map(|(_, child)| self.remove(child))
            .collect()
    }

    pub fn remove_children(&mut self, id: &str) -> Vec<FrameState> {
        let children: Vec<FrameId> = self.children(id).map(|child| Arc::clone(&child.id)).collect();
        children.iter().flat_map(|child| self.remove(child)).collect()
    }

    pub fn clear(&mut self) -> Vec<FrameState> {
        self.early.clear();
        match self.main.take() {
            Some(main) => self.remove(&main),
            None => Vec::new(),
        }
    }

    /// The frame whose document owns this context.
    pub fn frame_of_context(&self, session: &Session, context: i64) -> Option<&FrameState> {
        self.frames.iter().find(|frame| {
            [frame.context, frame.helpers.context].contains(&Some(context))
                && frame.session.id() == session.id()
        })
    }

    /// A new document's context; gives back who waits for it.
    pub fn context_created(&mut self, session: &Session, id: &str, context: i64) -> Vec<RealmWaiter> {
        match self.get_mut(id) {
            Some(frame) if frame.session.id() == session.id() => {
                frame.context = Some(context);
                std::mem::take(&mut frame.waiters)
            }
            Some(_) => Vec::new(),
            None => {
                self.keep_early_context(session, id, context, World::Main);
                Vec::new()
            }
        }
    }

    fn keep_early_context(&mut self, session: &Session, id: &str, context: i64, world: World) {
        self.early.push(EarlyContext {
            session: session.clone(),
            frame: id.into(),
            context,
            world,
        });
    }

    /// Forgets the early contexts of sessions that have ended.
    pub fn forget_closed_sessions(&mut self) {
        self.early.retain(|early| early.session.close_reason().is_none());
    }

    /// The same for the world of our helpers.
    pub fn helpers_created(&mut self, session: &Session, id: &str, context: i64) -> Vec<RealmWaiter> {
        match self.get_mut(id) {
            Some(frame) if frame.session.id() == session.id() => {
                frame.helpers.context = Some(context);
                std::mem::take(&mut frame.helpers.waiters)
            }
            Some(_) => Vec::new(),
            None => {
                self.keep_early_context(session, id, context, World::Helpers);
                Vec::new()
            }
        }
    }

    pub fn context_destroyed(&mut self, session: &Session, context: i64) {
        self.early
            .retain(|early| early.session.id() != session.id() || early.context != context);
        for frame in &mut self.frames {
            if frame.session.id() != session.id() {
                continue;
            }
            if frame.context == Some(context) {
                frame.context = None;
            }
            if frame.helpers.context == Some(context) {
                frame.helpers.context = None;
            }
        }
    }

    pub fn contexts_cleared(&mut self, session: &Session) {
        self.early.retain(|early| early.session.id() != session.id());
        for frame in &mut self.frames {
            if frame.session.id() == session.id() {
                frame.forget_contexts();
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
