//! How far a document has come, and who waits for it to come further.

use std::sync::Arc;

use tokio::sync::watch;

use super::frame_tree::{FrameId, FrameTree};
use super::network::NetworkEvent;
use super::request::Request;

/// A point in a document's loading, `waitUntil` of a navigation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Milestone {
    /// `load`
    Load,
    /// `domcontentloaded`
    DomContentLoaded,
    /// `networkidle0`: no connection for half a second.
    NetworkIdle,
    /// `networkidle2`: at most two connections for half a second.
    NetworkAlmostIdle,
}

impl Milestone {
    /// puppeteer's name for it.
    #[must_use]
    pub fn from_option(name: &str) -> Option<Self> {
        Some(match name {
            "load" => Self::Load,
            "domcontentloaded" => Self::DomContentLoaded,
            "networkidle0" => Self::NetworkIdle,
            "networkidle2" => Self::NetworkAlmostIdle,
            _ => return None,
        })
    }

    fn from_event(name: &str) -> Option<Self> {
        Some(match name {
            "load" => Self::Load,
            "DOMContentLoaded" => Self::DomContentLoaded,
            "networkIdle" => Self::NetworkIdle,
            "networkAlmostIdle" => Self::NetworkAlmostIdle,
            _ => return None,
        })
    }
}

/// The points that one document has passed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Lifecycle(u8);

impl Lifecycle {
    /// That of a document which has passed all points.
    pub fn complete() -> Self {
        Self(u8::MAX)
    }

    pub fn has(self, milestone: Milestone) -> bool {
        self.0 & (1 << milestone as u8) != 0
    }

    pub fn passed(&mut self, milestone: Milestone) {
        self.0 |= 1 << milestone as u8;
    }

    pub fn passed_event(&mut self, name: &str) {
        if let Some(milestone) = Milestone::from_event(name) {
            self.passed(milestone);
        }
    }
}

/// How a watched navigation stands.
#[derive(Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is waited for apart from the others"
)]
pub(crate) struct Progress {
    /// All milestones are passed, in whichever document.
    pub reached: bool,
    /// They are passed, and the navigation stayed within the document.
    pub same_document: bool,
    /// They are passed, in a new document.
    pub new_document: bool,
    /// The documents that have come, by their loaders, in order.
    pub loaders: Vec<String>,
    /// How many of them had come when all milestones were passed last.
    pub loaded: usize,
    pub detached: bool,
    pub request: Option<Arc<Request>>,
    /// The navigation's request has its answer, or has ended without one.
    pub answered: bool,
}

impl Progress {
    /// Whether all milestones are passed in the document of this loader, or in one that has replaced it.
    pub fn has_loaded(&self, loader: &str) -> bool {
        self.loaders
            .iter()
            .position(|come| come == loader)
            .is_some_and(|index| index < self.loaded)
    }
}

/// Watches one frame for the end of a navigation.
pub(crate) struct Watcher {
    pub id: u64,
    frame: FrameId,
    first_loader: String,
    milestones: Vec<Milestone>,
    moved_within_document: bool,
    progress: watch::Sender<Progress>,
}

impl Watcher {
    pub fn new(
        id: u64,
        tree: &FrameTree,
        frame: &FrameId,
        milestones: &[Milestone],
    ) -> (Self, watch::Receiver<Progress>) {
        let (progress, receiver) = watch::channel(Progress::default());
        let watcher = Self {
            id,
            frame: Arc::clone(frame),
            first_loader: tree
                .get(frame)
                .map(|frame| frame.loader.clone())
                .unwrap_or_default(),
            milestones: milestones.to_vec(),
            moved_within_document: false,
            progress,
        };
        watcher.check(tree);
        (watcher, receiver)
    }

    /// Looks again after something has changed in the tree.
    pub fn check(&self, tree: &FrameTree) {
        let Some(frame) = tree.get(&self.frame) else {
            self.progress.send_modify(|progress| progress.detached = true);
            return;
        };
        let is_new = {
            let progress = self.progress.borrow();
            frame.loader != *progress.loaders.last().unwrap_or(&self.first_loader)
        };
        if is_new {
            let loader = frame.loader.clone();
            self.progress
                .send_modify(|progress| progress.loaders.push(loader));
        }
        if !tree.has_reached(&self.frame, &self.milestones) {
            return;
        }
        let same_document = self.moved_within_document;
        let new_document = frame.loader != self.first_loader;
        self.progress.send_if_modified(|progress| {
            let state = |progress: &Progress| {
                let Progress {
                    reached,
                    same_document,
                    new_document,
                    loaded,
                    ..
                } = *progress;
                (reached, same_document, new_document, loaded)
            };
            let before = state(progress);
            progress.reached = true;
            progress.loaded = progress.loaders.len();
            progress.same_document |= same_document;
            progress.new_document |= new_document;
            before != state(progress)
        });
    }

    pub fn navigated_within_document(&mut self, frame: &str) {
        if &*self.frame == frame {
            self.moved_within_document = true;
        }
    }

    /// Looks whether an event is about the navigation's request.
    pub fn heard(&self, event: &NetworkEvent) {
        match event {
            NetworkEvent::Request(request) => self.requested(request),
            NetworkEvent::Response(response) => self.settled(response.request()),
            // Chrome may leave the answer out.
            NetworkEvent::Failed(request) | NetworkEvent::Finished(request) => self.settled(request),
            NetworkEvent::ServedFromCache(_) => {}
        }
    }

    fn requested(&self, request: &Arc<Request>) {
        if request.is_navigation() && request.frame_id() == Some(&*self.frame) {
            self.progress.send_modify(|progress| {
                progress.answered = request.response().is_some();
                progress.request = Some(Arc::clone(request));
            });
        }
    }

    /// The request got its answer, or ended without one.
    fn settled(&self, request: &Arc<Request>) {
        self.progress.send_if_modified(|progress| {
            let ours = progress
                .request
                .as_ref()
                .is_some_and(|mine| mine.id() == request.id());
            progress.answered |= ours;
            ours
        });
    }
}
