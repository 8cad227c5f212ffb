//! What a page reports, and to whom. What nobody listens to is not even parsed.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::console::ConsoleMessage;
use super::dialog::Dialog;
use super::exception::Exception;
use super::frame::Frame;
use super::metrics::Mark;
use super::page::Page;
use super::request::{Request, Response};

/// What one can listen to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum EventKind {
    /// `console`
    Console,
    /// `pageerror`
    PageError,
    /// `error`: the renderer is gone.
    Crash,
    /// `dialog`
    Dialog,
    /// `request`
    Request,
    /// `requestservedfromcache`
    RequestServedFromCache,
    /// `response`
    Response,
    /// `requestfinished`
    RequestFinished,
    /// `requestfailed`
    RequestFailed,
    /// `domcontentloaded`
    DomContentLoaded,
    /// `load`
    Load,
    /// `frameattached`
    FrameAttached,
    /// `framenavigated`
    FrameNavigated,
    /// `framedetached`
    FrameDetached,
    /// `popup`
    Popup,
    /// `metrics`: the page called `console.timeStamp`.
    Metrics,
    /// `close`
    Close,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::Console,
        Self::PageError,
        Self::Crash,
        Self::Dialog,
        Self::Request,
        Self::RequestServedFromCache,
        Self::Response,
        Self::RequestFinished,
        Self::RequestFailed,
        Self::DomContentLoaded,
        Self::Load,
        Self::FrameAttached,
        Self::FrameNavigated,
        Self::FrameDetached,
        Self::Popup,
        Self::Metrics,
        Self::Close,
    ];

    /// puppeteer's name of the event.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::PageError => "pageerror",
            Self::Crash => "error",
            Self::Dialog => "dialog",
            Self::Request => "request",
            Self::RequestServedFromCache => "requestservedfromcache",
            Self::Response => "response",
            Self::RequestFinished => "requestfinished",
            Self::RequestFailed => "requestfailed",
            Self::DomContentLoaded => "domcontentloaded",
            Self::Load => "load",
            Self::FrameAttached => "frameattached",
            Self::FrameNavigated => "framenavigated",
            Self::FrameDetached => "framedetached",
            Self::Popup => "popup",
            Self::Metrics => "metrics",
            Self::Close => "close",
        }
    }

    /// The kind of puppeteer's event of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether Chrome's network domain tells of it.
    pub(super) fn is_network(self) -> bool {
        (1 << self as u8) & NETWORK != 0
    }
}

/// The kinds that need the network domain.
pub(super) const NETWORK: u32 = 1 << EventKind::Request as u8
    | 1 << EventKind::RequestServedFromCache as u8
    | 1 << EventKind::Response as u8
    | 1 << EventKind::RequestFinished as u8
    | 1 << EventKind::RequestFailed as u8;

/// Something that happened to a page.
#[derive(Clone)]
#[expect(missing_docs, reason = "each is what its `EventKind` says")]
pub enum Event {
    Console(Arc<ConsoleMessage>),
    PageError(Arc<Exception>),
    Crash,
    Dialog(Arc<Dialog>),
    Request(Arc<Request>),
    RequestServedFromCache(Arc<Request>),
    Response(Response),
    RequestFinished(Arc<Request>),
    RequestFailed(Arc<Request>),
    DomContentLoaded,
    Load,
    FrameAttached(Frame),
    FrameNavigated(Frame),
    FrameDetached(Frame),
    Popup(Page),
    Metrics(Arc<Mark>),
    Close,
}

impl Event {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Console(_) => EventKind::Console,
            Self::PageError(_) => EventKind::PageError,
            Self::Crash => EventKind::Crash,
            Self::Dialog(_) => EventKind::Dialog,
            Self::Request(_) => EventKind::Request,
            Self::RequestServedFromCache(_) => EventKind::RequestServedFromCache,
            Self::Response(_) => EventKind::Response,
            Self::RequestFinished(_) => EventKind::RequestFinished,
            Self::RequestFailed(_) => EventKind::RequestFailed,
            Self::DomContentLoaded => EventKind::DomContentLoaded,
            Self::Load => EventKind::Load,
            Self::FrameAttached(_) => EventKind::FrameAttached,
            Self::FrameNavigated(_) => EventKind::FrameNavigated,
            Self::FrameDetached(_) => EventKind::FrameDetached,
            Self::Popup(_) => EventKind::Popup,
            Self::Metrics(_) => EventKind::Metrics,
            Self::Close => EventKind::Close,
        }
    }
}

type Handler = Arc<dyn Fn(&Event) + Send + Sync>;

struct Entry {
    id: u64,
    kind: EventKind,
    handler: Handler,
}

/// The listeners of one page.
#[derive(Default)]
pub(super) struct Hub {
    entries: Mutex<Vec<Entry>>,
    /// A bit for each kind somebody listens to.
    wanted: AtomicU32,
    next: AtomicU64,
}

impl Hub {
    pub fn wants(&self, kind: EventKind) -> bool {
        self.wants_any(1 << kind as u8)
    }

    pub fn wants_any(&self, kinds: u32) -> bool {
        self.wanted.load(Ordering::Relaxed) & kinds != 0
    }

    pub fn listen(self: &Arc<Self>, kind: EventKind, handler: Handler) -> Subscription {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut entries = self.lock();
        entries.push(Entry { id, kind, handler });
        self.recount(&entries);
        Subscription {
            hub: Arc::downgrade(self),
            id,
        }
    }

    pub fn emit(&self, event: &Event) {
        let kind = event.kind();
        if !self.wants(kind) {
            return;
        }
        let handlers: Vec<Handler> = self
            .lock()
            .iter()
            .filter(|entry| entry.kind == kind)
            .map(|entry| Arc::clone(&entry.handler))
            .collect();
        for handler in handlers {
            handler(event);
        }
    }

    fn recount(&self, entries: &[Entry]) {
        let wanted = entries.iter().fold(0, |bits, entry| bits | 1 << entry.kind as u8);
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens until it is dropped.
#[must_use = "a subscription that is dropped hears nothing"]
pub struct Subscription {
    hub: Weak<Hub>,
    id: u64,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            let mut entries = hub.lock();
            // Dropped after the lock: a handler may own what locks again.
            let removed: Vec<Entry> = entries.extract_if(.., |entry| entry.id == self.id).collect();
            hub.recount(&entries);
            drop(entries);
            drop(removed);
        }
    }
}
